//! Workers of a pool that are in child processes of its owner's.
//!
//! What such a worker is to the pool, its deque and its claims, is a [`Worker`] in the owner's process, which does what the
//! one in the child asks for. When the child dies it is dropped, as a thread's is.

use super::desk::{Values, halves};
use super::link::Link;
use super::request::{parent, status};
use super::table::Whom;
use crate::blocks::Blocks;
use crate::context::{Context, Wake};
use crate::contexts::Contexts;
use crate::pool::{Advance, Next, Pool, Worker};
use crate::primitives::slot_of;
use crate::registry::Registry;
use crate::sync::pause;
use crate::sync::shared::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Calls the event loop of a context in another process, and rings its bell, which its worker may be looking at.
struct Far {
    contexts: Arc<Contexts>,
    slot: usize,
}

impl Wake for Far {
    fn wake(&self) {
        self.contexts.summon(self.slot);
    }
}

/// A worker in a child process, seen from its parent.
struct Seated {
    worker: Worker,
    pool: Arc<Pool>,
    context: u32,
}

/// The workers in this process' children, by the index of their process.
#[derive(Default)]
pub struct FarWorkers(Mutex<HashMap<usize, Seated>>);

impl FarWorkers {
    /// The process of that index has died, or its worker has left.
    pub fn rise(&self, process: usize) {
        let seated = self.seated().remove(&process);
        drop(seated);
    }

    /// What a process is answered that is no child of this one.
    pub fn stranger() -> Values {
        Values::new(&[answer(Next::Leave), 0, 0])
    }

    /// Answers what the worker in that process asks for. `pool` finds a pool by its number.
    pub fn serve(
        &self,
        (blocks, contexts): (&Blocks, &Arc<Contexts>),
        pool: impl Fn(u32) -> Option<Arc<Pool>>,
        process: usize,
        (op, values): (u32, &Values),
    ) -> Values {
        match op {
            parent::SIT => Values::new(&[self.sit(contexts, pool(values.at(0)), process, values)]),
            parent::RISE => {
                self.rise(process);
                Values::new(&[])
            }
            _ => match self.seated().get_mut(&process) {
                Some(seated) => seated.serve(blocks, op, values),
                None => Self::stranger(),
            },
        }
    }

    fn sit(&self, contexts: &Arc<Contexts>, pool: Option<Arc<Pool>>, process: usize, values: &Values) -> u32 {
        let Some(pool) = pool else { return status::NOTHING };
        let (seat, control, context) = (values.at(1) as usize, values.long(2), values.at(4));
        let waker = Far { contexts: contexts.clone(), slot: slot_of(context) };
        let stand_in = contexts.stand_in(context, Box::new(waker));
        let Some(worker) = Worker::sit_apart(pool.clone(), seat, stand_in, control) else { return status::TAKEN };
        let before = self.seated().insert(process, Seated { worker, pool, context });
        drop(before);
        status::DONE
    }

    fn seated(&self) -> MutexGuard<'_, HashMap<usize, Seated>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Seated {
    fn serve(&mut self, blocks: &Blocks, op: u32, values: &Values) -> Values {
        match op {
            parent::ADVANCE => {
                let next = self.worker.advance(values.at(0) as usize, Advance::from_bits(values.at(1)));
                return Values::new(&[answer(next)]);
            }
            parent::PUBLISH => self.worker.publish(values.at(0) as usize, values.at(1)),
            parent::REPORT => self.worker.report(values.at(0) as usize, values.at(1), values.at(2)),
            parent::TELL => self.worker.tell(values.at(0), values.at(1), values.at(2), values.at(3)),
            parent::DEFINITION => return self.definition(blocks, values.at(0)),
            parent::BUSY => return Values::new(&[u32::from(self.worker.is_busy())]),
            _ => {}
        }
        Values::new(&[])
    }

    /// Copies a definition into a block of the worker's.
    fn definition(&self, blocks: &Blocks, number: u32) -> Values {
        let Some(bytes) = self.pool.definitions().get(number) else { return Values::new(&[status::NOTHING]) };
        let Ok(block) = blocks.alloc(self.context, bytes.len().max(1)) else {
            return Values::new(&[status::NO_MEMORY]);
        };
        write(blocks, block, &bytes);
        Values::new(&[status::DONE, block, bytes.len() as u32])
    }
}

/// What [`Worker::advance`] answered, as one value.
const fn answer(next: Next) -> u32 {
    match next {
        Next::Job(slot) => slot,
        Next::Idle => u32::MAX,
        Next::Yield => u32::MAX - 1,
        Next::Leave => u32::MAX - 2,
    }
}

fn write(blocks: &Blocks, block: u32, bytes: &[u8]) {
    for (i, four) in bytes.chunks(4).enumerate() {
        let mut word = [0; 4];
        word[..four.len()].copy_from_slice(four);
        if let Some(place) = blocks.region().word(Blocks::payload(block) + i * 4) {
            place.store(u32::from_le_bytes(word), Ordering::Relaxed);
        }
    }
}

fn read(blocks: &Blocks, block: u32, bytes: usize) -> Vec<u8> {
    let word = |i| blocks.region().word(Blocks::payload(block) + i * 4).map_or(0, |word| word.load(Ordering::Relaxed));
    let mut all: Vec<_> = (0..bytes.div_ceil(4)).flat_map(|i| word(i).to_le_bytes()).collect();
    all.truncate(bytes);
    all
}

/// Why a worker got no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SitError {
    /// There is no such pool.
    #[error("there is no such pool")]
    NoPool,
    /// The seat is taken, or there is none.
    #[error("the seat is not free")]
    Taken,
}

/// How long an idle worker looks for a ring before it returns to its event loop.
const SPIN: Duration = Duration::from_micros(50);

/// A worker in this process, of a pool of its parent's.
pub struct FarWorker {
    link: Arc<Link>,
    blocks: Arc<Blocks>,
    context: Arc<Context>,
}

impl FarWorker {
    /// Takes a seat in a pool of this process' parent, as [`Worker::sit`].
    pub fn sit(
        registry: &Registry,
        (pool, seat): (u32, u32),
        context: Arc<Context>,
        control: usize,
    ) -> Result<Self, SitError> {
        let link = registry.tree().link().ok_or(SitError::NoPool)?.clone();
        let worker = Self { link, blocks: registry.blocks().clone(), context };
        let [low, high] = halves(control);
        match worker.ask(parent::SIT, &[pool, seat, low, high, worker.context.id()]).at(0) {
            status::DONE => Ok(worker),
            status::NOTHING => Err(SitError::NoPool),
            _ => Err(SitError::Taken),
        }
    }

    fn ask(&self, op: u32, values: &[u32]) -> Values {
        self.link.ask(self.blocks.region(), Whom::Parent, op, values)
    }

    /// As [`Worker::advance`]. Where there is nothing, it looks for a ring for a short while: the way over the event loop
    /// is long.
    pub fn advance(&self, lane: usize, mut what: Advance) -> Next {
        loop {
            let heard = self.context.bell();
            let answer = self.ask(parent::ADVANCE, &[lane as u32, what.bits()]).at(0);
            match answer.wrapping_neg() {
                1 if self.rung_soon(heard) => what = Advance { take: true, ..Advance::default() },
                1 => return Next::Idle,
                2 => return Next::Yield,
                3 => return Next::Leave,
                _ => return Next::Job(answer),
            }
        }
    }

    /// Looks whether the worker is rung. Its event loop will be called all the same, which is no harm.
    fn rung_soon(&self, heard: u32) -> bool {
        let (begin, mut turn) = (Instant::now(), 0);
        while self.context.bell() == heard && begin.elapsed() < SPIN {
            pause(turn);
            turn += 1;
        }
        self.context.bell() != heard
    }

    /// As [`Worker::is_busy`].
    pub fn is_busy(&self) -> bool {
        self.ask(parent::BUSY, &[]).at(0) == 1
    }

    /// As [`Worker::publish`].
    pub fn publish(&self, lane: usize, count: u32) {
        self.ask(parent::PUBLISH, &[lane as u32, count]);
    }

    /// As [`Worker::report`].
    pub fn report(&self, lane: usize, block: u32, bytes: u32) {
        self.ask(parent::REPORT, &[lane as u32, block, bytes]);
    }

    /// As [`Worker::tell`].
    pub fn tell(&self, what: u32, value: u32, block: u32, bytes: u32) {
        self.ask(parent::TELL, &[what, value, block, bytes]);
    }

    /// The definition of that number, of the pool that it sits in.
    pub fn definition(&self, number: u32) -> Option<Vec<u8>> {
        let answer = self.ask(parent::DEFINITION, &[number]);
        if answer.at(0) != status::DONE {
            return None;
        }
        let bytes = read(&self.blocks, answer.at(1), answer.at(2) as usize);
        // It was made for this worker, and is no longer needed.
        let _ = self.blocks.free(self.context.id(), answer.at(1));
        Some(bytes)
    }
}

impl Drop for FarWorker {
    fn drop(&mut self) {
        self.ask(parent::RISE, &[]);
    }
}

//! Workers of a pool that are in child processes of its owner's.
//!
//! What such a worker is to the pool, its deque and its claims, is a [`Worker`] in the owner's process, which does what the
//! one in the child asks for. When the child dies it is dropped, as a thread's is.

use super::bytes::write;
use super::desk::Values;
use super::request::{parent, status};
use crate::blocks::Blocks;
use crate::context::Wake;
use crate::contexts::Contexts;
use crate::pool::{Advance, Next, Pool, Worker};
use crate::primitives::slot_of;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

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
pub struct FarWorkers(Mutex<Workers>);

struct Workers {
    workers: HashMap<usize, Seated>,
    /// When a tray was looked at last.
    tended: Instant,
}

impl Default for FarWorkers {
    fn default() -> Self {
        Self(Mutex::new(Workers { workers: HashMap::new(), tended: Instant::now() }))
    }
}

impl FarWorkers {
    /// The process of that index has died, or its worker has left.
    pub fn rise(&self, process: usize) {
        let mut all = self.seated();
        // While nobody else can look: who comes second finds the seat free when this returns.
        let seated = all.workers.remove(&process);
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
            parent::ADVANCE => self.advance(process, values),
            _ => match self.seated().workers.get_mut(&process) {
                Some(seated) => seated.serve(blocks, op, values),
                None => Self::stranger(),
            },
        }
    }

    /// The worker in that process has done something of what lay in its tray.
    pub fn tend(&self, process: usize) {
        let mut all = self.seated();
        all.tended = Instant::now();
        if let Some(seated) = all.workers.get_mut(&process) {
            seated.worker.tend();
        }
    }

    /// When that was the last time.
    pub fn last_tended(&self) -> Instant {
        self.seated().tended
    }

    /// What the pool has for the worker in that process; if it has nothing, what others have not begun.
    fn advance(&self, process: usize, values: &Values) -> Values {
        let all = &mut self.seated().workers;
        let Some(seated) = all.get_mut(&process) else { return Self::stranger() };
        let (lane, pool) = (values.at(0) as usize, seated.pool.id());
        if values.at(2) != 0 {
            seated.worker.took(values.at(2));
        }
        let what = Advance::from_bits(values.at(1));
        let mut next = seated.worker.advance(lane, what);
        if what.take {
            // What was done before the next was asked for.
            seated.worker.tend();
        }
        while next == Next::Idle && what.take {
            let others = all.iter_mut().filter(|(index, other)| **index != process && other.pool.id() == pool);
            let Some(slot) = others.into_iter().find_map(|(_, other)| other.worker.take_back()) else { break };
            if all.get_mut(&process).is_some_and(|seated| seated.worker.take_over(lane, slot)) {
                next = Next::Job(slot);
            }
        }
        Values::new(&[answer(next)])
    }

    fn sit(&self, contexts: &Arc<Contexts>, pool: Option<Arc<Pool>>, process: usize, values: &Values) -> u32 {
        let Some(pool) = pool else { return status::NOTHING };
        let (seat, control, context) = (values.at(1) as usize, values.long(2), values.at(4));
        let waker = Far { contexts: contexts.clone(), slot: slot_of(context) };
        let stand_in = contexts.stand_in(context, Box::new(waker));
        let Some(worker) = Worker::sit_apart(pool.clone(), seat, stand_in, control) else { return status::TAKEN };
        let before = self.seated().workers.insert(process, Seated { worker, pool, context });
        drop(before);
        status::DONE
    }

    fn seated(&self) -> MutexGuard<'_, Workers> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Seated {
    fn serve(&mut self, blocks: &Blocks, op: u32, values: &Values) -> Values {
        match op {
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

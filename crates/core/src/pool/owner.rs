//! The owner's side of a pool.

use super::{Pool, Seat, lane, lock};
use crate::blocks::Blocks;
use crate::clock::now_us;
use crate::context::Context;
use crate::definitions::Definitions;
use crate::range::Ranges;
use crate::sleep::Sleepers;
use crate::slot::{Slot, kind};
use crate::stats::Counters;
use crate::sync::{AtomicBool, AtomicU32, Ordering};
use crossbeam_deque::{Injector, Worker as Deque};
use crossbeam_utils::CachePadded;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a pool is made of.
#[derive(Clone, Copy, Debug)]
pub struct PoolOptions {
    /// Seats: how many workers may sit at the same time, replacements that overlap included.
    pub seats: usize,
    /// Tasks that one worker may have in flight.
    pub lanes: usize,
    /// Tasks after which a worker leaves, 0 = never.
    pub max_tasks: u32,
    /// How long an idle worker searches before it arms.
    pub spin: Duration,
    /// How many workers may search at the same time.
    pub max_searching: u32,
}

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The number is no slot's.
    #[error("there is no such slot")]
    NoSlot,
    /// Too many ranges are open; one that closes makes room.
    #[error("too many ranges are open")]
    TooManyRanges,
}

impl Pool {
    /// A pool without workers, owned by `owner`.
    pub fn new(id: u32, owner: Arc<Context>, blocks: Arc<Blocks>, options: PoolOptions) -> Arc<Self> {
        let deques: Vec<_> = (0..options.seats).map(|_| Deque::new_fifo()).collect();
        Arc::new(Self {
            id,
            owner,
            blocks,
            options,
            injector: Injector::new(),
            stealers: deques.iter().map(Deque::stealer).collect(),
            seats: deques.into_iter().map(|deque| CachePadded::new(Seat::new(deque))).collect(),
            sleepers: Sleepers::new(options.seats, options.max_searching),
            ranges: Ranges::new(options.seats),
            stopping: AtomicBool::new(false),
            definitions: Definitions::default(),
        })
    }

    /// The pool's number.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The context that gets the pool's records.
    pub fn owner(&self) -> &Arc<Context> {
        &self.owner
    }

    /// What the pool's functions are.
    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// How it was made.
    pub fn options(&self) -> &PoolOptions {
        &self.options
    }

    /// Queues the job in `slot`, whose fields the caller has filled.
    pub fn submit(&self, slot: u32) -> Result<(), SubmitError> {
        let job = Slot::at(self.blocks.region(), slot).ok_or(SubmitError::NoSlot)?;
        job.queued_at().store(now_us(), Ordering::Relaxed);
        let mut helpers = 1;
        if job.kind() == kind::RANGE {
            let range = self.ranges.open(slot, job.items(), job.chunk()).ok_or(SubmitError::TooManyRanges)?;
            job.set_range(Some(range));
            helpers = job.items().div_ceil(job.chunk().max(1)).min(self.options.seats as u32);
        }
        // SYNC POINT: job visible to steal (the injector's own Release).
        self.injector.push(slot);
        self.sleepers.post(helpers, |worker| self.wake(worker));
        Ok(())
    }

    /// Queues many calls at once: one look at the clock and at the sleepers for all of them. Numbers that are no slots'
    /// are passed over.
    pub fn submit_calls(&self, slots: impl Iterator<Item = u32>) {
        let now = now_us();
        let mut count = 0;
        for slot in slots {
            let Some(job) = Slot::at(self.blocks.region(), slot) else { continue };
            job.queued_at().store(now, Ordering::Relaxed);
            // SYNC POINT: job visible to steal (the injector's own Release).
            self.injector.push(slot);
            count += 1;
        }
        if count > 0 {
            self.sleepers.post(count, |worker| self.wake(worker));
        }
    }

    /// All items of the range in `slot` are accounted for.
    pub fn close_range(&self, slot: u32) {
        if let Some(job) = Slot::at(self.blocks.region(), slot)
            && let Some(range) = job.range()
        {
            self.ranges.close(range);
            job.set_range(None);
        }
    }

    /// Asks the worker on that seat whose words are at `control` to leave when it is between tasks; one that has not sat
    /// down yet, as soon as it does. If it is gone meanwhile, the next one on its seat has other words, and stays.
    pub fn dismiss(&self, worker: usize, control: usize) {
        let Some(word) = self.blocks.region().word(control + lane::LEAVE) else { return };
        if worker < self.seats.len() {
            word.store(1, Ordering::Relaxed);
            self.sleepers.ring(worker, |worker| self.wake(worker));
        }
    }

    /// Wakes `worker`'s event loop, whatever it does.
    pub fn nudge(&self, worker: usize) {
        if worker < self.seats.len() {
            self.wake(worker);
        }
    }

    /// Nobody takes a job from here on; all workers leave when they are between tasks.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.sleepers.ring_all(|worker| self.wake(worker));
    }

    /// What the worker on a seat did, or the last one that sat there.
    pub fn counters(&self, worker: usize) -> Option<Arc<Counters>> {
        self.seats.get(worker).map(|seat| lock(&seat.counters).clone())
    }
}

impl Seat {
    fn new(deque: Deque<u32>) -> Self {
        Self {
            deque: Mutex::new(Some(deque)),
            context: Mutex::default(),
            counters: Mutex::default(),
            open: AtomicU32::new(0),
        }
    }
}

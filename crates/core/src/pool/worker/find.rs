//! Where a worker finds something to do, and how much of it it takes.

use super::{Pace, Worker};
use crate::range::OpenRange;
use crate::record::Kind;
use crate::slot::{Slot, flag, kind, state};
use crate::sync::Ordering;
use crossbeam_deque::Steal;
use std::ops::Range;

/// How long a run of claimed items should take, in nanoseconds: long enough that claiming costs nothing, short enough
/// that what cannot be stolen any more does not matter.
const CLAIM_NS: u64 = 250_000;
/// A claim is at most this many times longer than the one before it.
const CLAIM_GROWTH: u64 = 8;
/// A claim is at most one of this many parts of what the worker has left: the items ahead may be slower, and what is
/// claimed cannot be stolen any more.
const CLAIM_SHARE: u32 = 4;
/// How long what a thief takes at once should take where items are shorter than a claim, in nanoseconds: its items lie
/// together then, as do those that were sent as one page.
const STEAL_NS: u64 = 4_000_000;
/// Jobs moved from the injector or another's deque at a time, at most.
const BATCH: usize = 32;

impl Worker {
    /// One look at everything there is to do, nearest first. What is found is in `lane` then.
    pub(super) fn find(&mut self, lane: usize, now: u64) -> Option<u32> {
        loop {
            if let Some(slot) = self.claim_open(lane, now) {
                return Some(slot);
            }
            if let Some(slot) = self.take_first().or_else(|| self.pop_queue()) {
                if let Some(slot) = self.begin(slot, lane, now) {
                    return Some(slot);
                }
                continue;
            }
            if !self.steal_span() {
                return None;
            }
        }
    }

    /// The next items of the range that this worker has open.
    fn claim_open(&mut self, lane: usize, now: u64) -> Option<u32> {
        let index = self.pool.seats[self.index].open.load(Ordering::Relaxed).checked_sub(1)? as usize;
        let pool = self.pool.clone();
        let range = pool.ranges.get(index)?;
        let job = Slot::at(pool.blocks.region(), range.slot())?;
        let span = range.span(self.index);
        if job.cancelled()
            && let Some(rest) = span.take_all()
        {
            self.send(Kind::Dropped, range.slot(), [rest.end - rest.start, 0, 0, 0, 0]);
        }
        let share = if range.chunk() == 0 { CLAIM_SHARE } else { 1 };
        let Some(items) = span.claim(self.claim_size(range.chunk(), &job), share) else {
            pool.seats[self.index].open.store(0, Ordering::Relaxed);
            return None;
        };
        self.hold(lane, range.slot(), items, now);
        Some(range.slot())
    }

    /// How many items to claim: as many as take [`CLAIM_NS`] at the pace of the last claim of this call.
    fn claim_size(&self, chunk: u32, job: &Slot<'_>) -> u32 {
        let wanted = match self.pace.filter(|pace| pace.call == job.id()) {
            _ if job.has(flag::TIMED) => 1,
            _ if chunk != 0 => u64::from(chunk),
            None => 1,
            Some(Pace { each, last, .. }) => (CLAIM_NS / each.max(1)).min(last * CLAIM_GROWTH).max(1),
        };
        u32::try_from(wanted).unwrap_or(u32::MAX).min(self.tasks_left)
    }

    /// How many items to steal: as many as to claim, and where items are short, what keeps busy for a while.
    fn steal_size(&self, chunk: u32, job: &Slot<'_>) -> u32 {
        match self.pace.filter(|pace| pace.call == job.id()) {
            Some(Pace { each, .. }) if chunk == 0 && each < CLAIM_NS && !job.has(flag::TIMED) => {
                u32::try_from(STEAL_NS / each.max(1)).unwrap_or(u32::MAX)
            }
            _ => self.claim_size(chunk, job),
        }
    }

    /// A job from the own deque, the injector, or another's deque.
    pub(super) fn pop_queue(&mut self) -> Option<u32> {
        let deque = self.deque.as_ref()?;
        if let Some(slot) = deque.pop() {
            return Some(slot);
        }
        let seats = self.pool.stealers.len();
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let first = self.random as usize >> 8;
        loop {
            let mut retry = false;
            let share = (self.pool.injector.len() / (2 * seats)).clamp(1, BATCH);
            // The injector, then every seat.
            for step in 0..=seats {
                let found = if step == 0 {
                    self.pool.injector.steal_batch_with_limit_and_pop(deque, share)
                } else {
                    let victim = (first + step - 1) % seats;
                    if victim == self.index {
                        continue;
                    }
                    self.pool.stealers[victim].steal_batch_with_limit_and_pop(deque, BATCH)
                };
                match found {
                    Steal::Success(slot) => {
                        if step > 0 {
                            self.counters.stole();
                        }
                        if !deque.is_empty() {
                            // What was moved was out of everybody's sight for a moment.
                            self.pool.sleepers.pass_on(|worker| self.pool.wake(worker));
                        }
                        return Some(slot);
                    }
                    Steal::Retry => retry = true,
                    Steal::Empty => {}
                }
            }
            if !retry {
                return None;
            }
        }
    }

    /// Makes a popped slot this worker's. None: there is nothing in it to run any more, or a range was opened.
    pub(super) fn begin(&mut self, slot: u32, lane: usize, now: u64) -> Option<u32> {
        let pool = self.pool.clone();
        let job = Slot::at(pool.blocks.region(), slot)?;
        if job.kind() == kind::RANGE {
            let index = job.range()?;
            let range = pool.ranges.get(index)?;
            if let Some(part) = range.take_part() {
                self.note_wait(&job, now);
                self.open(index, range, part);
            }
            return None;
        }
        let running = job.state().compare_exchange(state::QUEUED, state::RUNNING, Ordering::AcqRel, Ordering::Relaxed);
        if running.is_err() {
            self.send(Kind::Cancelled, slot, [0; 5]);
            return None;
        }
        self.note_wait(&job, now);
        self.hold(lane, slot, 0..1, now);
        Some(slot)
    }

    /// Counts how long a job waited in a queue.
    pub(super) fn note_wait(&self, job: &Slot<'_>, now: u64) {
        self.counters.wait_time.record(u64::from(job.queued_for(now)) * 1000, 1);
    }

    fn open(&self, index: usize, range: &OpenRange, part: Range<u32>) {
        let more = (part.end - part.start).div_ceil(range.chunk().max(1)) > 1;
        range.span(self.index).open(part);
        self.pool.seats[self.index].open.store(index as u32 + 1, Ordering::Release);
        if more {
            // The part was out of everybody's sight for a moment: somebody may have armed meanwhile.
            self.pool.sleepers.pass_on(|worker| self.pool.wake(worker));
        }
    }

    /// Takes some of what another worker has not claimed yet: what is next, so that items begin in their order. Who sorts
    /// his items by their costs, the longest first, gets what that is for.
    fn steal_span(&mut self) -> bool {
        let pool = self.pool.clone();
        let seats = pool.seats.len();
        let first = self.random as usize >> 8;
        for victim in (0..seats).map(|step| (first + step) % seats).filter(|victim| *victim != self.index) {
            let Some(index) = pool.seats[victim].open.load(Ordering::Acquire).checked_sub(1) else {
                continue;
            };
            let Some(range) = pool.ranges.get(index as usize) else {
                continue;
            };
            let Some(job) = Slot::at(pool.blocks.region(), range.slot()) else {
                continue;
            };
            if let Some(part) = range.span(victim).steal(self.steal_size(range.chunk(), &job), range.chunk()) {
                self.counters.stole();
                self.open(index as usize, range, part);
                return true;
            }
        }
        false
    }

    /// Rings another if there is something for it: a wake-up that is not used here must not be lost.
    pub(super) fn pass_on(&self) {
        if self.work_remains() {
            self.pool.sleepers.pass_on(|worker| self.pool.wake(worker));
        }
    }

    /// Is anything queued or stealable? For deciding whether to ring another.
    pub(super) fn work_remains(&self) -> bool {
        !self.pool.injector.is_empty()
            || self.pool.stealers.iter().any(|stealer| !stealer.is_empty())
            || self.pool.seats.iter().any(|seat| {
                let open = seat.open.load(Ordering::Acquire).checked_sub(1);
                let range = open.and_then(|index| self.pool.ranges.get(index as usize));
                range.is_some_and(|range| self.pool.seats.iter().enumerate().any(|(i, _)| !range.span(i).is_empty()))
            })
    }
}

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
/// A claim is at most one of this many parts of what the worker has left.
const CLAIM_SHARE: u32 = 4;
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
        let wanted = self.claim_size(range.chunk(), &job, span.len());
        let Some(items) = span.claim(wanted) else {
            pool.seats[self.index].open.store(0, Ordering::Relaxed);
            return None;
        };
        self.hold(lane, range.slot(), items, now);
        Some(range.slot())
    }

    /// How many items to claim: as many as take [`CLAIM_NS`] at the pace of the last claim of this call, but no more
    /// than a share of the `left` ones: the items ahead may be slower, and what is claimed cannot be stolen any more.
    fn claim_size(&self, chunk: u32, job: &Slot<'_>, left: u32) -> u32 {
        let wanted = match self.pace.filter(|pace| pace.call == job.id()) {
            _ if job.has(flag::TIMED) => 1,
            _ if chunk != 0 => u64::from(chunk),
            None => 1,
            Some(Pace { each, last, .. }) => {
                (CLAIM_NS / each.max(1)).min(last * CLAIM_GROWTH).min(u64::from(left.div_ceil(CLAIM_SHARE))).max(1)
            }
        };
        u32::try_from(wanted).unwrap_or(u32::MAX).min(self.tasks_left)
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
            let mut found = self.pool.injector.steal_batch_with_limit_and_pop(deque, share);
            for step in 0..seats {
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
                let victim = (first + step) % seats;
                found = if victim == self.index {
                    Steal::Empty
                } else {
                    self.pool.stealers[victim].steal_batch_with_limit_and_pop(deque, BATCH)
                };
            }
            match found {
                Steal::Success(slot) => {
                    self.counters.stole();
                    if !deque.is_empty() {
                        self.pool.sleepers.pass_on(|worker| self.pool.wake(worker));
                    }
                    return Some(slot);
                }
                Steal::Retry => retry = true,
                Steal::Empty => {}
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
        let waited = ((now / 1000) as u32).wrapping_sub(job.queued_at().load(Ordering::Relaxed));
        // Queued after `now` was read: it did not wait.
        let waited = if waited > u32::MAX / 2 { 0 } else { waited };
        self.counters.wait_time.record(u64::from(waited) * 1000, 1);
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

    /// Takes the upper half of what another worker has not claimed yet.
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
            if let Some(part) = range.span(victim).steal(range.chunk()) {
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

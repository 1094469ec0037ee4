//! A worker's side of a pool: take, complete, steal, arm, die.

use super::{Pool, lock};
use crate::clock::now_ns;
use crate::context::Context;
use crate::range::OpenRange;
use crate::record::{Kind, Record};
use crate::slot::{Slot, flag, kind, state};
use crate::stats::Counters;
use crate::sync::Ordering;
use crate::sync::shared::AtomicU32;
use crossbeam_deque::{Steal, Worker as Deque};
use std::ops::Range;
use std::sync::Arc;

/// How long a run of claimed items should take, in nanoseconds: long enough that claiming costs nothing, short enough
/// that what cannot be stolen any more does not matter.
const CLAIM_NS: u64 = 250_000;
/// A claim is at most this many times longer than the one before it.
const CLAIM_GROWTH: u64 = 8;
/// A claim is at most one of this many parts of what the worker has left.
const CLAIM_SHARE: u32 = 4;
/// After this long without a turn of its event loop a worker yields to it.
const TURN_NS: u64 = 50_000_000;
/// Jobs moved from the injector or another's deque at a time, at most.
const BATCH: usize = 32;

/// The lanes' words in the region: one task in flight each. `CONTROL` bytes of the worker's own come first, zero when it
/// sits down, of which the core knows two words: [`LEAVE`](lane::LEAVE) and [`SEATED`](lane::SEATED).
///
/// | bytes | field | written by |
/// |---|---|---|
/// | 0 | slot, 0 = the lane is free | core |
/// | 4 | first index claimed | core |
/// | 8 | how many were claimed | core |
/// | 12 | index in progress | the worker's program |
/// | 16 | results already in the column, or in the block | the worker's program |
/// | 20, 24, 28 | result tag, block, bytes | the worker's program |
/// | 32 | when the claim began, ms modulo 2^32 | core |
/// | 36 | number of the claim that the owner wants no more of | the owner's program |
/// | 40 | number of the claim in progress | core |
pub mod lane {
    /// Bytes before the first lane.
    pub const CONTROL: usize = 64;
    /// Among those, where the owner writes 1 to have the worker leave when it is between tasks.
    pub const LEAVE: usize = 12;
    /// And where 1 says that the worker sat down: its end is told by a record.
    pub const SEATED: usize = 20;
    /// Bytes of a lane.
    pub const SIZE: usize = 64;
    /// Result tag of a part whose results are all in the column.
    pub const IN_COLUMN: u32 = 1;
}

/// What to do in one call of [`Worker::advance`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Advance {
    /// The lane's task has ended; its result is in place.
    pub complete: bool,
    /// Take the next one into the lane.
    pub take: bool,
    /// The event loop has just turned.
    pub turned: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The job in this slot; for a range, the lane says which items.
    Job(u32),
    /// Nothing to do. The worker is armed: return to the event loop, a ring follows.
    Idle,
    /// The event loop is due; come back soon. The worker is not armed.
    Yield,
    /// The worker is to leave.
    Leave,
}

/// One seated worker. Lives on the worker's own thread; dropping it is the worker's death.
pub struct Worker {
    pool: Arc<Pool>,
    index: usize,
    context: Arc<Context>,
    deque: Option<Deque<u32>>,
    counters: Arc<Counters>,
    control: usize,
    armed: bool,
    turned_at: u64,
    idle_since: Option<u64>,
    tasks_left: u32,
    pace: Option<Pace>,
    claims: Box<[Claim]>,
    /// How many of the lanes have a claim.
    busy: usize,
    random: u32,
}

/// What the last claim of a range showed.
#[derive(Clone, Copy)]
struct Pace {
    /// The call: what one function takes says nothing of another.
    call: u32,
    /// Nanoseconds per item.
    each: u64,
    /// Items of that claim.
    last: u64,
}

#[derive(Clone, Copy, Default)]
struct Claim {
    slot: u32,
    start: u32,
    count: u32,
    began: u64,
}

impl Worker {
    /// Takes seat `index` of `pool`; `control` is the byte offset of the words described in [`lane`]. None: the seat
    /// is taken, or there is none, or the region does not reach so far.
    pub fn sit(pool: Arc<Pool>, index: usize, context: Arc<Context>, control: usize) -> Option<Self> {
        let lanes = pool.options.lanes;
        let region = pool.blocks.region();
        region.word(control + lane::CONTROL + lanes * lane::SIZE - 4)?;
        let seated = region.word(control + lane::SEATED)?;
        let seat = pool.seats.get(index)?;
        let deque = lock(&seat.deque).take()?;
        seated.store(1, Ordering::Relaxed);
        let counters = Arc::new(Counters::default());
        *lock(&seat.counters) = counters.clone();
        *lock(&seat.context) = Some(context.clone());
        let tasks_left = if pool.options.max_tasks == 0 { u32::MAX } else { pool.options.max_tasks };
        let now = now_ns();
        Some(Self {
            index,
            context,
            deque: Some(deque),
            counters,
            control,
            armed: false,
            turned_at: now,
            idle_since: Some(now),
            tasks_left,
            pace: None,
            claims: vec![Claim::default(); lanes].into_boxed_slice(),
            busy: 0,
            random: 0x9e37_79b9 ^ (index as u32 + 1),
            pool,
        })
    }

    /// Completes what `lane` ran and takes the next job into it, as `what` says.
    pub fn advance(&mut self, lane: usize, what: Advance) -> Next {
        let Some(claim) = self.claims.get(lane).copied() else {
            return Next::Idle;
        };
        let now = now_ns();
        if what.turned {
            self.turned_at = now;
        }
        if what.complete && claim.slot != 0 {
            self.complete(lane, claim, now);
        }
        if !what.take || self.claims[lane].slot != 0 {
            return Next::Idle;
        }
        let rung = self.armed && !self.pool.sleepers.disarm(self.index);
        self.armed = false;
        let next = self.take(lane, now);
        if rung && next != Next::Idle {
            self.pass_on();
        }
        next
    }

    /// Tells the owner what the task in `lane` reports: a block with an encoded value.
    pub fn report(&self, lane: usize, block: u32, bytes: u32) {
        let Some(claim) = self.claims.get(lane).filter(|claim| claim.slot != 0) else {
            return;
        };
        let index = self.word(lane, 12).load(Ordering::Relaxed);
        if self.pool.blocks.hand_over(block, self.context.id(), self.pool.owner.id()).is_ok() {
            self.send(Kind::Report, claim.slot, [index, self.index as u32, 0, block, bytes]);
        }
    }

    /// The results of the first `count` items that `lane` claimed are in place: they go to the owner now, and the claim
    /// goes on with the others. For long claims, so that neither the owner waits for them nor a death costs them.
    pub fn publish(&mut self, lane: usize, count: u32) {
        let Some(claim) = self.claims.get(lane).copied() else { return };
        if claim.slot == 0 || count == 0 || count >= claim.count {
            return;
        }
        let Some(job) = Slot::at(self.pool.blocks.region(), claim.slot) else { return };
        let now = now_ns();
        self.counters.ran(count, now.saturating_sub(claim.began), job.id(), claim.start);
        self.send_part(lane, claim, count);
        let claim = &mut self.claims[lane];
        claim.start += count;
        claim.count -= count;
        claim.began = now;
        let (start, left) = (claim.start, claim.count);
        for (at, value) in [(16, 0), (20, 0), (24, 0), (28, 0), (4, start), (8, left)] {
            self.word(lane, at).store(value, Ordering::Relaxed);
        }
    }

    /// Sends what the lane's words say about the first `count` items of its claim; a block becomes the owner's.
    fn send_part(&self, lane: usize, claim: Claim, count: u32) {
        let [tag, block, bytes] = [20, 24, 28].map(|at| self.word(lane, at).load(Ordering::Relaxed));
        if block != 0 {
            // A block that is not this worker's stays whoever's it is; the owner will find that it is not its own.
            let _ = self.pool.blocks.hand_over(block, self.context.id(), self.pool.owner.id());
        }
        self.send(Kind::Part, claim.slot, [claim.start, count, tag, block, bytes]);
    }

    fn send(&self, kind: Kind, slot: u32, rest: [u32; 5]) {
        self.pool.owner.send(Record::new(self.pool.id, kind, slot, rest));
    }

    /// A word of a lane.
    fn word(&self, lane: usize, at: usize) -> &AtomicU32 {
        self.region_word(lane::CONTROL + lane * lane::SIZE + at)
    }

    /// A word of this worker's part of the region.
    fn region_word(&self, at: usize) -> &AtomicU32 {
        self.pool.blocks.region().word(self.control + at).expect("checked when the worker sat down")
    }

    fn complete(&mut self, lane: usize, claim: Claim, now: u64) {
        let region = self.pool.blocks.region();
        let Some(job) = Slot::at(region, claim.slot) else {
            return;
        };
        let ran = now.saturating_sub(claim.began);
        self.counters.ran(claim.count, ran, job.id(), claim.start);
        self.word(lane, 0).store(0, Ordering::Relaxed);
        self.claims[lane].slot = 0;
        self.busy -= 1;
        if job.kind() == kind::CALL {
            let (mine, owner) = (self.context.id(), self.pool.owner.id());
            let block = job.result_block();
            if block != 0 {
                // A block that is not this worker's stays whoever's it is; the owner will find that it is not its own.
                let _ = self.pool.blocks.hand_over(block, mine, owner);
            }
            self.send(Kind::Called, claim.slot, [self.index as u32, 0, 0, 0, 0]);
        } else {
            let count = u64::from(claim.count.max(1));
            self.pace = Some(Pace { call: job.id(), each: ran / count, last: count });
            self.send_part(lane, claim, claim.count);
        }
    }

    fn take(&mut self, lane: usize, now: u64) -> Next {
        if self.must_leave() {
            return Next::Leave;
        }
        if now.saturating_sub(self.turned_at) > TURN_NS {
            return Next::Yield;
        }
        if let Some(slot) = self.find(lane, now) {
            return Next::Job(slot);
        }
        if let Some(slot) = self.search(lane) {
            return Next::Job(slot);
        }
        self.pool.sleepers.arm(self.index);
        let next = if self.must_leave() { Some(Next::Leave) } else { self.find(lane, now_ns()).map(Next::Job) };
        if let Some(next) = next {
            if !self.pool.sleepers.disarm(self.index) {
                self.pass_on();
            }
            return next;
        }
        self.armed = true;
        if self.busy == 0 && self.idle_since.is_none() {
            self.idle_since = Some(now_ns());
        }
        Next::Idle
    }

    fn must_leave(&self) -> bool {
        self.tasks_left == 0
            || self.pool.stopping.load(Ordering::Relaxed)
            || self.region_word(lane::LEAVE).load(Ordering::Relaxed) != 0
    }

    /// Spins over the queues for a short while, if not too many others do.
    fn search(&mut self, lane: usize) -> Option<u32> {
        let pool = self.pool.clone();
        let end = now_ns() + pool.options.spin.as_nanos() as u64;
        let search = pool.sleepers.search()?;
        let mut found = None;
        let mut round = 0u32;
        while found.is_none() {
            round += 1;
            let due = round.is_multiple_of(16);
            if due && (now_ns() >= end || self.must_leave()) {
                break;
            }
            if due || !pool.injector.is_empty() {
                found = self.find(lane, now_ns());
            }
            crate::sync::spin_hint();
        }
        search.end();
        if found.is_none() {
            found = self.find(lane, now_ns());
        }
        if found.is_some() {
            self.pass_on();
        }
        found
    }

    /// One look at everything there is to do, nearest first. What is found is in `lane` then.
    fn find(&mut self, lane: usize, now: u64) -> Option<u32> {
        loop {
            if let Some(slot) = self.claim_open(lane, now) {
                return Some(slot);
            }
            if let Some(slot) = self.pop_queue() {
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

    fn hold(&mut self, lane: usize, slot: u32, items: Range<u32>, now: u64) {
        if let Some(since) = self.idle_since.take() {
            self.counters.waited(now.saturating_sub(since));
        }
        let count = items.end - items.start;
        let relaxed = Ordering::Relaxed;
        self.word(lane, 4).store(items.start, relaxed);
        self.word(lane, 8).store(count, relaxed);
        self.word(lane, 12).store(items.start, relaxed);
        for at in [16, 20, 24, 28] {
            self.word(lane, at).store(0, relaxed);
        }
        self.word(lane, 32).store((now / 1_000_000) as u32, relaxed);
        self.word(lane, 40).fetch_add(1, relaxed);
        // SYNC POINT: lane filled, for whoever watches time limits.
        self.word(lane, 0).store(slot, Ordering::Release);
        self.claims[lane] = Claim { slot, start: items.start, count, began: now };
        self.busy += 1;
        if self.tasks_left != u32::MAX {
            self.tasks_left -= count.min(self.tasks_left);
            if self.tasks_left == 0 {
                self.send(Kind::Retiring, slot, [self.index as u32, 0, 0, 0, 0]);
            }
        }
    }

    /// A job from the own deque, the injector, or another's deque.
    fn pop_queue(&mut self) -> Option<u32> {
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
    fn begin(&mut self, slot: u32, lane: usize, now: u64) -> Option<u32> {
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
    fn note_wait(&self, job: &Slot<'_>, now: u64) {
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
    fn pass_on(&self) {
        if self.work_remains() {
            self.pool.sleepers.pass_on(|worker| self.pool.wake(worker));
        }
    }

    /// Is anything queued or stealable? For deciding whether to ring another.
    fn work_remains(&self) -> bool {
        !self.pool.injector.is_empty()
            || self.pool.stealers.iter().any(|stealer| !stealer.is_empty())
            || self.pool.seats.iter().any(|seat| {
                let open = seat.open.load(Ordering::Acquire).checked_sub(1);
                let range = open.and_then(|index| self.pool.ranges.get(index as usize));
                range.is_some_and(|range| self.pool.seats.iter().enumerate().any(|(i, _)| !range.span(i).is_empty()))
            })
    }

    /// Leaves the range's part to the others.
    fn leave_part(&self, range: &OpenRange, part: Range<u32>) {
        if !part.is_empty() {
            range.leave(part);
            self.pool.injector.push(range.slot());
        }
    }

    /// What was running here is lost; what was only claimed goes back.
    fn lose(&self, lane: usize, claim: Claim) {
        let Some(job) = Slot::at(self.pool.blocks.region(), claim.slot) else {
            return;
        };
        if job.kind() == kind::CALL {
            self.send(Kind::Lost, claim.slot, [0, self.index as u32, 0, 0, 0]);
            return;
        }
        let Some(range) = job.range().and_then(|index| self.pool.ranges.get(index)) else {
            return;
        };
        let end = claim.start + claim.count;
        let published = claim.start + self.word(lane, 16).load(Ordering::Acquire).min(claim.count);
        if published > claim.start {
            if self.word(lane, 20).load(Ordering::Relaxed) == 0 {
                // The worker's program was in the middle of a column.
                self.word(lane, 20).store(lane::IN_COLUMN, Ordering::Relaxed);
            }
            self.send_part(lane, claim, published - claim.start);
        }
        if published < end {
            let running = self.word(lane, 12).load(Ordering::Relaxed).clamp(published, end - 1);
            self.send(Kind::Lost, claim.slot, [running, self.index as u32, 0, 0, 0]);
            self.leave_part(range, published..running);
            self.leave_part(range, running + 1..end);
        }
    }
}

/// The worker's death, whatever the reason: everything it held is accounted for, its seat is free.
impl Drop for Worker {
    fn drop(&mut self) {
        let pool = self.pool.clone();
        let seat = &pool.seats[self.index];
        self.context.detach();
        pool.sleepers.disarm(self.index);
        *lock(&seat.context) = None;
        for lane in 0..self.claims.len() {
            let claim = self.claims[lane];
            if claim.slot != 0 {
                self.lose(lane, claim);
                self.word(lane, 0).store(0, Ordering::Release);
            }
        }
        if let Some(index) = seat.open.swap(0, Ordering::AcqRel).checked_sub(1)
            && let Some(range) = pool.ranges.get(index as usize)
            && let Some(rest) = range.span(self.index).take_all()
        {
            self.leave_part(range, rest);
        }
        if let Some(deque) = self.deque.take() {
            while let Some(slot) = deque.pop() {
                pool.injector.push(slot);
            }
            *lock(&seat.deque) = Some(deque);
        }
        pool.blocks.sweep(self.context.id());
        self.send(Kind::WorkerGone, 0, [self.index as u32, 0, 0, 0, 0]);
        // The baton: a ring meant for this worker, and what it left, must reach somebody.
        if self.work_remains() {
            pool.sleepers.post(pool.seats.len() as u32, |worker| pool.wake(worker));
        }
    }
}

//! A worker's side of a pool: take, complete, arm. What there is to take is in `find.rs`, its end in `death.rs`.

mod ahead;
mod death;
mod find;
pub mod lane;

use super::{Pool, lock};
use crate::clock::now_ns;
use crate::context::Context;
use crate::record::{Kind, Record};
use crate::slot::{Slot, kind};
use crate::stats::Counters;
use crate::sync::Ordering;
use crate::sync::shared::AtomicU32;
use crossbeam_deque::Worker as Deque;
use std::ops::Range;
use std::sync::Arc;

/// After this long without a turn of its event loop a worker yields to it.
const TURN_NS: u64 = 50_000_000;

/// What to do in one call of [`Worker::advance`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Advance {
    /// The lane's task has ended; its result is in place.
    pub complete: bool,
    /// Take the next one into the lane.
    pub take: bool,
    /// The event loop has just turned.
    pub turned: bool,
    /// The worker is to run no more: its replacement starts now.
    pub retire: bool,
}

impl Advance {
    /// From bits: 1 = complete, 2 = take, 4 = turned, 8 = retire.
    pub const fn from_bits(bits: u32) -> Self {
        Self { complete: bits & 1 != 0, take: bits & 2 != 0, turned: bits & 4 != 0, retire: bits & 8 != 0 }
    }

    /// The same bits.
    pub const fn bits(self) -> u32 {
        self.complete as u32 | (self.take as u32) << 1 | (self.turned as u32) << 2 | (self.retire as u32) << 3
    }
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
    /// Its program is in another process; see [`Self::sit_apart`].
    apart: bool,
    ahead: ahead::Ahead,
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
            apart: false,
            ahead: ahead::Ahead::default(),
            pool,
        })
    }

    /// As [`Self::sit`], for a worker whose program is in another process. It looks once where others search for a while,
    /// since this thread may serve more than one; and its blocks are not freed with it: when its process was killed, what
    /// that left half done has to be looked at before.
    pub fn sit_apart(pool: Arc<Pool>, index: usize, context: Arc<Context>, control: usize) -> Option<Self> {
        let mut worker = Self::sit(pool, index, context, control)?;
        worker.apart = true;
        Some(worker)
    }

    /// Whether a task is in flight.
    pub fn is_busy(&self) -> bool {
        self.busy > 0 || self.runs_ahead()
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
        if what.retire && self.tasks_left > 0 {
            self.tasks_left = 0;
            self.send(Kind::Retiring, 0, [self.index as u32, 0, 0, 0, 0]);
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
        let Some(claim) = self.claims.get(lane) else { return };
        // From its tray the worker begins calls by itself.
        let slot = if claim.slot != 0 { claim.slot } else { self.begun_ahead(lane) };
        if slot == 0 {
            return;
        }
        let index = self.word(lane, 12).load(Ordering::Relaxed);
        if self.pool.blocks.hand_over(block, self.context.id(), self.pool.owner.id()).is_ok() {
            self.send(Kind::Report, slot, [index, self.index as u32, 0, block, bytes]);
        }
    }

    /// Tells the owner something of this worker: two values, and a block (0 = none) with so many bytes.
    pub fn tell(&self, what: u32, value: u32, block: u32, bytes: u32) {
        if block == 0 || self.pool.blocks.hand_over(block, self.context.id(), self.pool.owner.id()).is_ok() {
            self.send(Kind::Told, 0, [self.index as u32, what, value, block, bytes]);
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
        if self.apart {
            return None;
        }
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
}

//! A worker's side, where its pool is its parent's: see [`super::workers`] for that one.

use super::bytes::read;
use super::desk::{Values, halves};
use super::link::Link;
use super::request::{parent, status};
use super::table::{Entry, Whom};
use crate::blocks::Blocks;
use crate::clock::now_ns;
use crate::context::Context;
use crate::pool::{Advance, Next, lane, tray};
use crate::registry::Registry;
use crate::slot::{Slot, kind};
use crate::sync::pause;
use crate::sync::shared::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

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

/// After so many nanoseconds without a turn of its event loop a worker asks its parent, who has it yield.
const TURN_NS: u64 = 50_000_000;
/// How long an idle worker looks for a ring before it returns to its event loop.
const SPIN: Duration = Duration::from_micros(50);

/// A worker in this process, of a pool of its parent's.
pub struct FarWorker {
    link: Arc<Link>,
    blocks: Arc<Blocks>,
    context: Arc<Context>,
    control: usize,
    lanes: Box<[Run]>,
    /// Where in the tray to look first.
    next: usize,
    turned_at: u64,
}

/// What runs in a lane.
#[derive(Clone, Copy, Default)]
struct Run {
    began: u64,
    /// The slot, if it is from the tray; else 0.
    slot: u32,
    /// It is one call, not some items of a range.
    call: bool,
}

impl FarWorker {
    /// Takes a seat in a pool of this process' parent, as [`Worker::sit`]; its control words have so many lanes.
    pub fn sit(
        registry: &Registry,
        (pool, seat): (u32, u32),
        context: Arc<Context>,
        (control, lanes): (usize, usize),
    ) -> Result<Self, SitError> {
        let link = registry.tree().link().ok_or(SitError::NoPool)?.clone();
        let blocks = registry.blocks().clone();
        blocks.region().word(control + lane::CONTROL + lanes * lane::SIZE - 4).ok_or(SitError::NoPool)?;
        let lanes = vec![Run::default(); lanes].into_boxed_slice();
        let worker = Self { link, blocks, context, control, lanes, next: 0, turned_at: now_ns() };
        let [low, high] = halves(control);
        let answer = worker.ask(parent::SIT, &[pool, seat, low, high, worker.context.id()]).at(0);
        match answer {
            status::DONE => Ok(worker),
            status::NOTHING => Err(worker.unseated(SitError::NoPool)),
            _ => Err(worker.unseated(SitError::Taken)),
        }
    }

    /// It has no seat to rise from.
    fn unseated(mut self, error: SitError) -> SitError {
        self.lanes = Box::default();
        error
    }

    fn ask(&self, op: u32, values: &[u32]) -> Values {
        self.link.ask(self.blocks.region(), Whom::Parent, op, values)
    }

    /// As [`Worker::advance`]. What lies in the tray is taken without asking. Where there is nothing, it looks for a ring for a
    /// short while: the way over the event loop is long.
    pub fn advance(&mut self, lane: usize, mut what: Advance) -> Next {
        let now = now_ns();
        if what.turned {
            self.turned_at = now;
        }
        let Some(run) = self.lanes.get(lane).copied() else { return Next::Idle };
        let mut took = 0;
        if what.complete {
            let ns = u32::try_from(now.saturating_sub(run.began)).unwrap_or(u32::MAX).max(1);
            if run.slot != 0 {
                self.finish(lane, run.slot, ns);
                what.complete = false;
            } else if run.call {
                took = ns;
            }
        }
        if what.take
            && now.saturating_sub(self.turned_at) < TURN_NS
            && self.word(lane::LEAVE).load(Ordering::Relaxed) == 0
            && !what.complete
            && let Some(slot) = self.take_ahead(lane, now)
        {
            return Next::Job(slot);
        }
        if !what.take && !what.complete {
            return Next::Idle;
        }
        loop {
            let heard = self.context.bell();
            let answer = self.ask(parent::ADVANCE, &[lane as u32, what.bits(), took]).at(0);
            match answer.wrapping_neg() {
                1 if what.take && self.rung_soon(heard) => {
                    (what, took) = (Advance { take: true, ..Advance::default() }, 0);
                    if let Some(slot) = self.take_ahead(lane, now_ns()) {
                        return Next::Job(slot);
                    }
                }
                1 => return Next::Idle,
                2 => return Next::Yield,
                3 => return Next::Leave,
                _ => {
                    let call = Slot::at(self.blocks.region(), answer).is_some_and(|job| job.kind() == kind::CALL);
                    self.lanes[lane] = Run { began: now_ns(), slot: 0, call };
                    return Next::Job(answer);
                }
            }
        }
    }

    /// The result of a slot from the tray is in place.
    fn finish(&mut self, lane: usize, slot: u32, ns: u32) {
        self.lanes[lane].slot = 0;
        if let Some(job) = Slot::at(self.blocks.region(), slot) {
            job.queued_at().store(ns, Ordering::Relaxed);
            tray::finish(job.state());
        }
        self.lane_word(lane, 0).store(0, Ordering::Release);
        self.poke();
    }

    /// Begins the next call from the tray.
    fn take_ahead(&mut self, lane: usize, now: u64) -> Option<u32> {
        for step in 0..tray::SIZE {
            let place = (self.next + step) % tray::SIZE;
            let slot = tray::take(self.word(lane::TRAY + place * 4));
            if slot == 0 {
                continue;
            }
            self.next = (place + 1) % tray::SIZE;
            let Some(job) = Slot::at(self.blocks.region(), slot) else { continue };
            job.waited().store(job.queued_for(now), Ordering::Relaxed);
            if !tray::begin(job.state()) {
                self.poke();
                continue;
            }
            let relaxed = Ordering::Relaxed;
            for (at, value) in [(4, 0), (8, 1), (12, 0), (16, 0), (20, 0), (24, 0), (28, 0)] {
                self.lane_word(lane, at).store(value, relaxed);
            }
            self.lane_word(lane, 32).store((now / 1_000_000) as u32, relaxed);
            self.lane_word(lane, 40).fetch_add(1, relaxed);
            // SYNC POINT: lane filled, for whoever watches time limits.
            self.lane_word(lane, 0).store(slot, Ordering::Release);
            self.lanes[lane] = Run { began: now, slot, call: true };
            return Some(slot);
        }
        None
    }

    /// Has the parent look at the tray.
    fn poke(&self) {
        if let Some(parent) = Entry::at(self.blocks.region(), self.link.parent()) {
            parent.poke(self.link.index());
        }
    }

    fn word(&self, at: usize) -> &AtomicU32 {
        self.blocks.region().word(self.control + at).expect("checked when the worker sat down")
    }

    fn lane_word(&self, lane: usize, at: usize) -> &AtomicU32 {
        self.word(lane::CONTROL + lane * lane::SIZE + at)
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
        if self.lanes.is_empty() {
            return;
        }
        self.ask(parent::RISE, &[]);
    }
}

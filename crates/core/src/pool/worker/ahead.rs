//! The tray of a worker whose program is in another process, as its pool's owner sees it. See [`crate::pool::tray`].

use super::{Worker, lane};
use crate::clock::now_ns;
use crate::pool::tray::{self, Fate};
use crate::record::Kind;
use crate::slot::{Slot, kind, state};
use crate::sync::Ordering;

/// What lies in a tray should take no longer than this, in nanoseconds.
const AHEAD_NS: u64 = 200_000;

/// What an owner knows of a tray.
#[derive(Debug, Default)]
pub struct Ahead {
    /// Slots that were laid, and that nothing is known of yet.
    laid: Vec<u32>,
    /// Where the next is laid.
    next: usize,
    /// Nanoseconds that a call takes, about; 0 = not known.
    each: u64,
}

impl Worker {
    /// The worker has something to tell: what it has done of what was laid ready for it is passed on, and more is laid.
    pub fn tend(&mut self) {
        self.collect();
        if self.tasks_left == u32::MAX && !self.must_leave() {
            self.lay_ahead();
        }
    }

    /// A call of this worker took so long, as it says.
    pub fn took(&mut self, ns: u32) {
        let ns = u64::from(ns.max(1));
        let each = &mut self.ahead.each;
        *each = if *each == 0 { ns } else { (*each * 7 + ns * 9).div_ceil(16) };
    }

    /// Takes a call back that the worker has not begun, for another one.
    pub fn take_back(&mut self) -> Option<u32> {
        let last = (1..=tray::SIZE).map(|back| (self.ahead.next + tray::SIZE - back) % tray::SIZE);
        let (place, slot) = last.map(|place| (place, tray::take(self.place(place)))).find(|(_, slot)| *slot != 0)?;
        self.ahead.next = place;
        self.ahead.laid.retain(|laid| *laid != slot);
        Some(slot)
    }

    /// Takes the oldest call that the worker has not begun, for itself: it asks for work and has not seen it, or what it
    /// ran was not from its tray. Nobody would ring it for that, and what waits in the queue is younger.
    pub(super) fn take_first(&mut self) -> Option<u32> {
        if self.ahead.laid.is_empty() {
            return None;
        }
        let places = (0..tray::SIZE).map(|step| (self.ahead.next + step) % tray::SIZE);
        let slot = places.map(|place| tray::take(self.place(place))).find(|slot| *slot != 0)?;
        self.ahead.laid.retain(|laid| *laid != slot);
        Some(slot)
    }

    /// Begins a call in `lane` that was taken back from another. False: nobody wants it any more.
    pub fn take_over(&mut self, lane: usize, slot: u32) -> bool {
        let rung = self.armed && !self.pool.sleepers.disarm(self.index);
        self.armed = false;
        let begun = self.begin(slot, lane, now_ns()).is_some();
        if begun && rung {
            self.pass_on();
        }
        begun
    }

    /// The call from the tray that runs in `lane`; 0: none does.
    pub(super) fn begun_ahead(&self, lane: usize) -> u32 {
        let slot = self.word(lane, 0).load(Ordering::Acquire);
        if self.ahead.laid.contains(&slot) { slot } else { 0 }
    }

    /// Whether a call that was laid ready runs.
    pub(super) fn runs_ahead(&self) -> bool {
        let region = self.pool.blocks.region();
        let job = |slot: &u32| Slot::at(region, *slot);
        self.ahead.laid.iter().filter_map(job).any(|job| tray::fate(job.state()) == Fate::Running)
    }

    fn place(&self, place: usize) -> &crate::sync::shared::AtomicU32 {
        self.region_word(lane::TRAY + place * 4)
    }

    fn collect(&mut self) {
        let mut laid = std::mem::take(&mut self.ahead.laid);
        laid.retain(|slot| !self.account(*slot));
        self.ahead.laid = laid;
    }

    /// Tells the owner what became of a slot. False: nothing yet.
    fn account(&mut self, slot: u32) -> bool {
        let pool = self.pool.clone();
        let Some(job) = Slot::at(pool.blocks.region(), slot) else { return true };
        match tray::fate(job.state()) {
            Fate::Done => {
                let ns = job.queued_at().load(Ordering::Relaxed);
                self.took(ns);
                self.note_begun(&job);
                self.counters.ran(1, u64::from(ns), job.id(), 0);
                let block = job.result_block();
                if block != 0 {
                    let _ = pool.blocks.hand_over(block, self.context.id(), pool.owner.id());
                }
                self.send(Kind::Called, slot, [self.index as u32, 0, 0, 0, 0]);
                true
            }
            Fate::Dropped => {
                self.send(Kind::Cancelled, slot, [0; 5]);
                true
            }
            Fate::Running | Fate::Waits => false,
        }
    }

    /// Counts how long a call waited that the worker has taken from its tray. One that was taken back has not waited yet.
    fn note_begun(&self, job: &Slot<'_>) {
        self.counters.wait_time.record(u64::from(job.waited().load(Ordering::Relaxed)) * 1000, 1);
    }

    fn lay_ahead(&mut self) {
        let most = AHEAD_NS.checked_div(self.ahead.each).map_or(0, |most| most.min(tray::SIZE as u64) as usize);
        while self.ahead.laid.len() < most {
            // The worker takes them one after the other, so that the place after the last one is free, or none is.
            let place = self.ahead.next;
            if self.place(place).load(Ordering::Relaxed) != 0 {
                return;
            }
            let Some(slot) = self.pop_queue() else { return };
            let pool = self.pool.clone();
            let Some(job) = Slot::at(pool.blocks.region(), slot) else { continue };
            if job.kind() == kind::RANGE {
                // It is begun by who asks for work, and this worker does so when its tray is empty.
                pool.injector.push(slot);
                pool.sleepers.pass_on(|worker| pool.wake(worker));
                self.ahead.each = 0;
                return;
            }
            if job.state().load(Ordering::Acquire) == state::CANCELLED {
                self.send(Kind::Cancelled, slot, [0; 5]);
                continue;
            }
            if let Some(since) = self.idle_since.take() {
                self.counters.waited(now_ns().saturating_sub(since));
            }
            self.ahead.laid.push(slot);
            tray::lay(self.place(place), slot);
            self.ahead.next = (place + 1) % tray::SIZE;
        }
    }

    /// The worker is dead, or leaves: what it had done is passed on, what it ran is lost, and the rest is for the others.
    pub(super) fn clear_tray(&mut self) {
        for place in 0..tray::SIZE {
            tray::take(self.place(place));
        }
        self.collect();
        for slot in std::mem::take(&mut self.ahead.laid) {
            let pool = self.pool.clone();
            match Slot::at(pool.blocks.region(), slot) {
                Some(job) if tray::fate(job.state()) == Fate::Running => {
                    self.note_begun(&job);
                    self.send(Kind::Lost, slot, [0, self.index as u32, 0, 0, 0]);
                }
                _ => pool.injector.push(slot),
            }
        }
    }
}

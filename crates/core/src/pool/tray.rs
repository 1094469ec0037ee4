//! Calls that are laid ready for a worker in another process, so that it takes the next one without asking.
//!
//! A tray is some words in the region, each with a slot or 0. The pool's owner lays slots there; its worker takes them,
//! and while it has not, the owner may take them back for another worker. Who replaces the slot by 0 has it.
//!
//! | the slot's state | meaning | who moves it |
//! |---|---|---|
//! | queued | nobody runs it | |
//! | running | the worker does, from when it has taken it | the worker, from queued |
//! | done | the result is in place, and the owner is to be told | the worker, from running |
//! | cancelled | nobody wants it | the submitter, from queued |
//! | dropped | the worker has taken it, and passed over it | the worker, from cancelled |
//!
//! The owner keeps a list of what it has laid. So whenever the worker is killed, each slot is in the tray or on the list
//! in one of these states, and the owner knows what became of it: see [`Fate`].

use crate::primitives::Word32;
use crate::slot::state;

/// Words of a tray.
pub const SIZE: usize = 64;

/// Takes a slot that lies in `place`, for whoever calls this: the worker, or the owner. 0: there is none.
pub fn take(place: &impl Word32) -> u32 {
    if place.load() == 0 { 0 } else { place.swap(0) }
}

/// Lays a slot there. False: another lies there.
pub fn lay(place: &impl Word32, slot: u32) -> bool {
    // SYNC POINT: job visible to its taker.
    place.compare_exchange(0, slot).is_ok()
}

/// The worker begins a slot that it has taken. False: it is cancelled, and dropped now.
pub fn begin(job: &impl Word32) -> bool {
    let begun = job.compare_exchange(state::QUEUED, state::RUNNING).is_ok();
    if !begun {
        job.store(state::DROPPED);
    }
    begun
}

/// The worker has put the result of a slot in place.
pub fn finish(job: &impl Word32) {
    // SYNC POINT: result visible to the owner.
    job.store(state::DONE);
}

/// What became of a slot that was laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its result is in place.
    Done,
    /// It was cancelled, and will not run.
    Dropped,
    /// It runs, or will, as long as its worker lives; else it was lost.
    Running,
    /// It has not begun: if its worker is dead, another may run it.
    Waits,
}

/// Reads it from the slot's state.
pub fn fate(job: &impl Word32) -> Fate {
    match job.load() {
        state::DONE => Fate::Done,
        state::DROPPED => Fate::Dropped,
        state::RUNNING => Fate::Running,
        _ => Fate::Waits,
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{AtomicU32, Ordering};
    use loom::sync::Arc;

    const SLOT: u32 = 7;

    struct Model {
        place: AtomicU32,
        job: AtomicU32,
        ran: AtomicU32,
        result: AtomicU32,
    }

    impl Model {
        fn new() -> Arc<Self> {
            let model = Self {
                place: AtomicU32::new(0),
                job: AtomicU32::new(0),
                ran: AtomicU32::new(0),
                result: AtomicU32::new(0),
            };
            Word32::store(&model.job, state::QUEUED);
            assert!(lay(&model.place, SLOT));
            Arc::new(model)
        }
        fn run(&self) {
            assert_eq!(self.ran.fetch_add(1, Ordering::Relaxed), 0, "it runs once");
        }
        /// The worker, which is killed after so many steps.
        fn work(&self, steps: u32) {
            if steps == 0 || take(&self.place) != SLOT || steps == 1 || !begin(&self.job) || steps == 2 {
                return;
            }
            self.run();
            self.result.store(1, Ordering::Relaxed);
            if steps > 3 {
                finish(&self.job);
            }
        }
    }

    #[test]
    fn a_slot_is_the_workers_or_taken_back() {
        loom::model(|| {
            let model = Model::new();
            let worker = model.clone();
            let worker = loom::thread::spawn(move || worker.work(4));
            // Another worker has nothing to do.
            if take(&model.place) == SLOT && begin(&model.job) {
                model.run();
            }
            if fate(&model.job) == Fate::Done {
                assert_eq!(model.result.load(Ordering::Relaxed), 1);
            }
            worker.join().unwrap();
            assert_eq!(model.ran.load(Ordering::Relaxed), 1);
        });
    }

    #[test]
    fn a_cancelled_slot_runs_or_is_dropped() {
        loom::model(|| {
            let model = Model::new();
            let worker = model.clone();
            let worker = loom::thread::spawn(move || worker.work(4));
            let cancelled = Word32::compare_exchange(&model.job, state::QUEUED, state::CANCELLED).is_ok();
            worker.join().unwrap();
            assert_eq!(fate(&model.job), if cancelled { Fate::Dropped } else { Fate::Done });
            assert_eq!(model.ran.load(Ordering::Relaxed), u32::from(!cancelled));
        });
    }

    #[test]
    fn a_dead_workers_slot_is_accounted_for() {
        for steps in 0..5 {
            loom::model(move || {
                let model = Model::new();
                let worker = model.clone();
                loom::thread::spawn(move || worker.work(steps)).join().unwrap();
                take(&model.place);
                let ran = model.ran.load(Ordering::Relaxed);
                match fate(&model.job) {
                    Fate::Waits => assert!(steps < 2),
                    Fate::Running => assert!(steps == 2 || steps == 3),
                    Fate::Done => assert_eq!((steps, ran, model.result.load(Ordering::Relaxed)), (4, 1, 1)),
                    Fate::Dropped => panic!("nobody has cancelled it"),
                }
            });
        }
    }
}

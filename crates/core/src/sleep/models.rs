//! Sleepers and ringers under loom. The order of steps in [`crate::pool::Worker`] is repeated here, step by step.

use super::*;
use crate::sync::AtomicBool;
use loom::sync::{Arc, Notify};
use loom::thread::{JoinHandle, spawn};

/// A pool of the smallest kind: a counter for a queue, with no more ordering than a push and a pop have, and a
/// notifier per worker for its event loop.
struct Model {
    sleepers: Sleepers,
    queue: AtomicU32,
    /// Per worker: it is to leave.
    leave: [AtomicBool; 2],
    loops: [Notify; 2],
}

impl Model {
    fn new(max_searching: u32) -> Arc<Self> {
        Arc::new(Self {
            sleepers: Sleepers::new(2, max_searching),
            queue: AtomicU32::new(0),
            leave: Default::default(),
            loops: [Notify::new(), Notify::new()],
        })
    }
    fn wake(&self, worker: usize) {
        self.loops[worker].notify();
    }
    fn post(&self) {
        self.queue.fetch_add(1, Ordering::Release);
        self.sleepers.post(1, |w| self.wake(w));
    }
    fn pop(&self) -> bool {
        let pop = |jobs: u32| jobs.checked_sub(1);
        self.queue.fetch_update(Ordering::AcqRel, Ordering::Acquire, pop).is_ok()
    }
    fn pass_on(&self) {
        if self.queue.load(Ordering::Acquire) > 0 {
            self.sleepers.pass_on(|w| self.wake(w));
        }
    }
    /// What `pool::Worker::search` does, with its looks at the queues reduced to `pop`.
    fn search(&self) -> bool {
        let Some(search) = self.sleepers.search() else {
            return false;
        };
        let found = self.pop();
        search.end();
        let found = found || self.pop();
        if found {
            self.pass_on();
        }
        found
    }
    fn dismiss(&self, worker: usize) {
        self.leave[worker].store(true, Ordering::Relaxed);
        self.sleepers.ring(worker, |w| self.wake(w));
    }
    fn must_leave(&self, worker: usize) -> bool {
        self.leave[worker].load(Ordering::Relaxed)
    }
    /// What `pool::Worker::take` does. None: armed.
    fn take(&self, worker: usize) -> Option<Took> {
        if self.must_leave(worker) {
            return Some(Took::Leave);
        }
        if self.pop() || self.search() {
            return Some(Took::Job);
        }
        self.sleepers.arm(worker);
        let took = if self.must_leave(worker) { Some(Took::Leave) } else { self.pop().then_some(Took::Job) };
        if took.is_some() && !self.sleepers.disarm(worker) {
            self.pass_on();
        }
        took
    }
    /// What `pool::Worker::advance` does when the worker was armed.
    fn awake(&self, worker: usize) -> Option<Took> {
        let rung = !self.sleepers.disarm(worker);
        let took = self.take(worker);
        if rung && took.is_some() {
            self.pass_on();
        }
        took
    }
    /// A worker until it has a job, which never ends, or is to leave.
    fn work(&self, worker: usize) -> Took {
        let mut took = self.take(worker);
        loop {
            if let Some(took) = took {
                return took;
            }
            self.loops[worker].wait();
            took = self.awake(worker);
        }
    }
    /// What the drop of a `pool::Worker` does, in whatever state it is.
    fn die(&self, worker: usize) {
        self.sleepers.disarm(worker);
        if self.queue.load(Ordering::Acquire) > 0 {
            self.sleepers.post(2, |w| self.wake(w));
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Took {
    Job,
    Leave,
}

fn start(model: &Arc<Model>, worker: usize) -> JoinHandle<Took> {
    let model = model.clone();
    spawn(move || model.work(worker))
}

/// Ends only if every job gets a worker of its own, however the posts and the looks interleave.
fn jobs_that_never_end(workers: usize, max_searching: u32) {
    loom::model(move || {
        let model = Model::new(max_searching);
        let workers: Vec<_> = (0..workers).map(|worker| start(&model, worker)).collect();
        workers.iter().for_each(|_| model.post());
        workers.into_iter().for_each(|worker| assert_eq!(worker.join().unwrap(), Took::Job));
    });
}

#[test]
fn a_job_posted_while_a_worker_arms_is_found() {
    jobs_that_never_end(1, 0);
}

#[test]
fn a_job_posted_while_a_worker_searches_is_found() {
    jobs_that_never_end(1, 1);
}

#[test]
fn two_jobs_get_two_workers_without_searching() {
    jobs_that_never_end(2, 0);
}

#[test]
fn two_jobs_get_two_workers_when_one_may_search() {
    jobs_that_never_end(2, 1);
}

#[test]
fn two_jobs_get_two_workers_when_both_may_search() {
    jobs_that_never_end(2, 2);
}

#[test]
fn a_worker_that_dies_passes_its_ring_on_while_another_arms() {
    loom::model(|| {
        let model = Model::new(0);
        let dying = {
            let model = model.clone();
            spawn(move || {
                model.sleepers.arm(0);
                model.die(0);
            })
        };
        let living = start(&model, 1);
        model.post();
        dying.join().unwrap();
        living.join().unwrap();
    });
}

#[test]
fn a_worker_that_leaves_passes_its_ring_on() {
    leaving(|model| {
        model.post();
        model.dismiss(0);
    });
}

#[test]
fn a_worker_that_leaves_passes_its_ring_on_while_another_arms() {
    leaving(|model| {
        model.dismiss(0);
        model.post();
    });
}

fn leaving(main: fn(&Model)) {
    loom::model(move || {
        let model = Model::new(0);
        let leaving = {
            let model = model.clone();
            spawn(move || {
                // It keeps its seat, as one whose other lanes still run: nobody speaks for it later.
                if model.work(0) == Took::Job {
                    model.post();
                }
            })
        };
        let living = start(&model, 1);
        main(&model);
        leaving.join().unwrap();
        assert_eq!(living.join().unwrap(), Took::Job);
    });
}

#[test]
fn a_pool_that_stops_reaches_every_worker() {
    loom::model(|| {
        let model = Model::new(1);
        let workers = [start(&model, 0), start(&model, 1)];
        model.leave.iter().for_each(|leave| leave.store(true, Ordering::Relaxed));
        model.sleepers.ring_all(|w| model.wake(w));
        for worker in workers {
            assert_eq!(worker.join().unwrap(), Took::Leave);
        }
    });
}

#[test]
fn a_dismissed_worker_hears_of_it() {
    loom::model(|| {
        let model = Model::new(0);
        let worker = start(&model, 0);
        model.dismiss(0);
        assert_eq!(worker.join().unwrap(), Took::Leave);
    });
}

//! Which workers sleep, and who wakes them.
//!
//! A worker without work returns to its own event loop, so it cannot wait on a lock: it *arms* itself, and is *rung*
//! later. States of a worker, one bit each in `armed`:
//!
//! | state | bit | who moves it on |
//! |---|---|---|
//! | running (or vacant, or dead) | 0 | the worker: sets the bit when it found nothing |
//! | armed | 1 | a ringer: clears the bit and owes the worker a wake-up; or the worker itself, when its second look finds work |
//!
//! Before it arms, one worker (up to `max_searching`) *searches*: it spins over the queues for a short while. While
//! somebody searches, a poster rings nobody: the searcher finds the job.
//!
//! **No wake-up is lost.**
//! 1. The poster pushes, then fences, then looks at `searching` and `armed`. The worker leaves the search (or arms),
//!    then fences, then looks at the queues. Of two such pairs at least one sees the other (Dekker): either the poster
//!    sees the armed bit and rings, or the worker sees the job.
//! 2. A poster that relied on a searcher relied on its last look: the searcher lowers `searching` *before* its last
//!    look at the queues, and rings another when it leaves with a job while more are queued ([`Sleepers::pass_on`]).
//! 3. A worker that was rung and then finds its bit already cleared when it disarms has taken somebody's ring: it
//!    passes it on when jobs remain. The same holds for one that dies after it was rung (the baton).

use crate::sync::{AtomicU32, AtomicU64, Ordering, fence};

const BITS: usize = 64;

/// The sleeping side of one pool.
#[derive(Debug)]
pub struct Sleepers {
    armed: Box<[AtomicU64]>,
    searching: AtomicU32,
    max_searching: u32,
    /// Where the next ringer starts to look, so that rings go round.
    cursor: AtomicU32,
}

/// The right to search, given back by [`Search::end`].
#[must_use]
#[derive(Debug)]
pub struct Search<'a>(&'a Sleepers);

impl Search<'_> {
    /// Ends the search; what the queues hold must be looked at once more after this.
    pub fn end(self) {
        self.0.searching.fetch_sub(1, Ordering::SeqCst);
        // SYNC POINT: search ended, then look. Pairs with the fence in `post`.
        fence(Ordering::SeqCst);
    }
}

impl Sleepers {
    /// For `workers` workers, of which `max_searching` may spin at the same time.
    pub fn new(workers: usize, max_searching: u32) -> Self {
        Self {
            armed: (0..workers.div_ceil(BITS).max(1)).map(|_| AtomicU64::new(0)).collect(),
            searching: AtomicU32::new(0),
            max_searching,
            cursor: AtomicU32::new(0),
        }
    }

    /// After pushing `jobs` jobs: rings as many armed workers as can be of use. `wake` is called for each.
    pub fn post(&self, jobs: u32, wake: impl Fn(usize)) {
        // SYNC POINT: job pushed, then look at the sleepers. Pairs with `arm` and `Search::end`.
        fence(Ordering::SeqCst);
        let helpers = self.searching.load(Ordering::SeqCst);
        for _ in helpers..jobs {
            if !self.ring_one(&wake) {
                return;
            }
        }
    }

    /// For a worker that leaves with a job while others are queued: rings one more, unless somebody searches.
    pub fn pass_on(&self, wake: impl Fn(usize)) {
        self.post(1, wake);
    }

    /// Rings one armed worker. False when none is armed.
    pub fn ring_one(&self, wake: &impl Fn(usize)) -> bool {
        let words = self.armed.len();
        let start = self.cursor.load(Ordering::Relaxed) as usize;
        for step in 0..=words {
            let index = (start / BITS + step) % words;
            let word = &self.armed[index];
            let mut bits = word.load(Ordering::SeqCst);
            if step == 0 {
                bits &= !0 << (start % BITS);
            }
            while bits != 0 {
                let bit = bits & bits.wrapping_neg();
                if word.fetch_and(!bit, Ordering::SeqCst) & bit != 0 {
                    let worker = index * BITS + bit.trailing_zeros() as usize;
                    self.cursor.store(((worker + 1) % (words * BITS)) as u32, Ordering::Relaxed);
                    wake(worker);
                    return true;
                }
                bits &= !bit;
            }
        }
        false
    }

    /// Rings all armed workers, after something that concerns them all was set.
    pub fn ring_all(&self, wake: impl Fn(usize)) {
        // SYNC POINT: it is set, then look at the sleepers. Pairs with `arm`.
        fence(Ordering::SeqCst);
        while self.ring_one(&wake) {}
    }

    /// Rings `worker` and no other, if it is armed.
    pub fn ring(&self, worker: usize, wake: impl Fn(usize)) {
        // No fence: `arm` and this change the same word, so the later one sees what the other's thread did before.
        if self.clear(worker) {
            wake(worker);
        }
    }

    /// The right to spin over the queues, if not too many do already.
    pub fn search(&self) -> Option<Search<'_>> {
        // Never more than the limit, not even for a moment: a poster that counts one worker too many rings one too few.
        let more = |searching| (searching < self.max_searching).then_some(searching + 1);
        self.searching.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok().map(|_| Search(self))
    }

    /// Arms `worker`. The caller must look at the queues once more and call [`Self::disarm`] if it finds something.
    pub fn arm(&self, worker: usize) {
        self.armed[worker / BITS].fetch_or(1 << (worker % BITS), Ordering::SeqCst);
        // SYNC POINT: armed, then look. Pairs with the fence in `post`.
        fence(Ordering::SeqCst);
    }

    /// The worker runs again. False: it had been rung, so a wake-up meant for somebody is in its hands.
    pub fn disarm(&self, worker: usize) -> bool {
        self.clear(worker)
    }

    /// True while `worker` is armed: nobody has rung it.
    pub fn is_armed(&self, worker: usize) -> bool {
        self.armed[worker / BITS].load(Ordering::SeqCst) >> (worker % BITS) & 1 == 1
    }

    fn clear(&self, worker: usize) -> bool {
        let bit = 1 << (worker % BITS);
        self.armed[worker / BITS].fetch_and(!bit, Ordering::SeqCst) & bit != 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn rings_go_round_and_only_to_armed_workers() {
        let sleepers = Sleepers::new(130, 1);
        for worker in [3, 70, 129] {
            sleepers.arm(worker);
        }
        let rung = RefCell::new(Vec::new());
        let wake = |w| rung.borrow_mut().push(w);
        sleepers.post(2, wake);
        sleepers.arm(3);
        sleepers.post(9, wake);
        assert_eq!(*rung.borrow(), [3, 70, 129, 3]);
        assert!(!sleepers.ring_one(&wake));
    }

    #[test]
    fn a_searcher_counts_as_one_ring() {
        let sleepers = Sleepers::new(2, 1);
        let search = sleepers.search().unwrap();
        assert!(sleepers.search().is_none());
        sleepers.arm(1);
        sleepers.post(1, |_| panic!("the searcher finds it"));
        assert!(sleepers.is_armed(1));
        search.end();
        let rung = RefCell::new(Vec::new());
        sleepers.post(1, |w| rung.borrow_mut().push(w));
        assert_eq!(*rung.borrow(), [1]);
        assert!(!sleepers.disarm(1), "it was rung");
    }
}

#[cfg(all(test, loom))]
mod models {
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
}

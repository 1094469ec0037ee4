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

#[cfg(all(test, loom))]
mod models;

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

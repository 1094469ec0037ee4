//! Counters of one worker: written by it alone, read by anybody.

use crate::sync::{AtomicU64, Ordering};
use std::sync::Mutex;

/// Buckets of a [`Histogram`]: four per power of two of nanoseconds.
pub const BUCKETS: usize = 160;
/// How many of the slowest tasks are kept per worker.
pub const SLOWEST: usize = 5;

/// A histogram of durations: four buckets per power of two, so a percentile is known within 19 %.
#[derive(Debug)]
pub struct Histogram(Box<[AtomicU64]>);

impl Default for Histogram {
    fn default() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Histogram {
    /// Counts `times` durations of `ns` nanoseconds.
    pub fn record(&self, ns: u64, times: u64) {
        let ns = ns.max(1);
        let power = ns.ilog2() as usize;
        let quarter = if power >= 2 { (ns >> (power - 2)) as usize & 3 } else { 0 };
        bump(&self.0[(power * 4 + quarter).min(BUCKETS - 1)], times);
    }

    /// The count of each bucket; bucket `i` starts at [`Histogram::bucket_start`].
    pub fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().map(|c| c.load(Ordering::Relaxed))
    }

    /// The shortest duration that falls into bucket `i`, in nanoseconds.
    pub fn bucket_start(i: usize) -> u64 {
        (1 << (i / 4)) + ((i as u64 % 4) << (i / 4) >> 2)
    }
}

/// Adds to a counter that one thread alone writes: no locked instruction is needed.
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
}

/// A task among the slowest.
#[derive(Clone, Copy, Debug)]
pub struct SlowTask {
    /// How long it ran, in nanoseconds.
    pub ns: u64,
    /// Number of the call.
    pub call: u32,
    /// Index of the item within the call.
    pub index: u32,
}

/// What one worker did.
#[derive(Debug, Default)]
pub struct Counters {
    tasks: AtomicU64,
    stolen: AtomicU64,
    working_ns: AtomicU64,
    waiting_ns: AtomicU64,
    /// How long tasks ran.
    pub run_time: Histogram,
    /// How long calls waited in a queue.
    pub wait_time: Histogram,
    threshold: AtomicU64,
    slowest: Mutex<Vec<SlowTask>>,
}

impl Counters {
    /// `count` tasks ended that took `ns` nanoseconds together; the first is item `index` of call `call`.
    pub fn ran(&self, count: u32, ns: u64, call: u32, index: u32) {
        let each = ns / u64::from(count.max(1));
        bump(&self.tasks, u64::from(count));
        bump(&self.working_ns, ns);
        self.run_time.record(each, u64::from(count));
        if each > self.threshold.load(Ordering::Relaxed) {
            self.slow(SlowTask { ns: each, call, index });
        }
    }

    #[cold]
    fn slow(&self, task: SlowTask) {
        let mut slowest = self.slowest.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        slowest.push(task);
        slowest.sort_by_key(|task| std::cmp::Reverse(task.ns));
        slowest.truncate(SLOWEST);
        if slowest.len() == SLOWEST {
            self.threshold.store(slowest[SLOWEST - 1].ns, Ordering::Relaxed);
        }
    }

    /// Work was taken from another worker.
    pub fn stole(&self) {
        bump(&self.stolen, 1);
    }

    /// The worker had nothing to do for `ns` nanoseconds.
    pub fn waited(&self, ns: u64) {
        bump(&self.waiting_ns, ns);
    }

    /// `[tasks, stolen, working ns, waiting ns]`.
    pub fn totals(&self) -> [u64; 4] {
        [&self.tasks, &self.stolen, &self.working_ns, &self.waiting_ns].map(|c| c.load(Ordering::Relaxed))
    }

    /// The slowest tasks, slowest first.
    pub fn slowest(&self) -> Vec<SlowTask> {
        self.slowest.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_bucket_that_starts_at_or_before_it() {
        for ns in [1, 2, 3, 4, 5, 7, 8, 1000, 1_000_000, 123_456_789, 60_000_000_000] {
            let histogram = Histogram::default();
            histogram.record(ns, 3);
            let bucket = histogram.counts().position(|c| c == 3).unwrap();
            assert!(Histogram::bucket_start(bucket) <= ns, "{ns} in {bucket}");
            assert!(ns < 4 || ns < Histogram::bucket_start(bucket + 1), "{ns} in {bucket}");
        }
    }

    #[test]
    fn the_slowest_five_are_kept() {
        let counters = Counters::default();
        for i in 0..100u32 {
            counters.ran(1, u64::from(i * 37 % 100) * 1000, i, 0);
        }
        let slowest: Vec<_> = counters.slowest().iter().map(|t| t.ns / 1000).collect();
        assert_eq!(slowest, [99, 98, 97, 96, 95]);
        assert_eq!(counters.totals()[0], 100);
    }
}

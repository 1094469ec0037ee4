//! Ranges: every index runs exactly once, whoever takes part, and nobody waits who could work.

use crate::common::program::Task;
use crate::common::{Outcome, Random, Rig, Setup, each, rounds, runs, spin};
use manycore_core::pool::SubmitError;
use manycore_core::range::MAX_OPEN;
use manycore_core::slot::flag;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

/// Counts per index, and the task that counts.
fn tally(items: u32, work: impl Fn(u32) + Send + Sync + 'static) -> (Arc<[AtomicU32]>, Task) {
    let counts: Arc<[AtomicU32]> = (0..items).map(|_| AtomicU32::new(0)).collect();
    let task = each({
        let counts = counts.clone();
        move |item| {
            counts[item.index as usize].fetch_add(1, SeqCst);
            work(item.index);
            Outcome::Done
        }
    });
    (counts, task)
}

fn assert_each_once(counts: &[AtomicU32]) {
    for (index, count) in counts.iter().enumerate() {
        assert_eq!(count.swap(0, SeqCst), 1, "item {index}");
    }
}

#[test]
fn every_index_runs_exactly_once_while_thieves_split() {
    let items = rounds(20_000, 60);
    let (counts, task) = tally(items, |index| spin(index % 50));
    let rig = Rig::new(Setup::default(), [task]);
    for _ in 0..rounds(20, 1) {
        let job = rig.range(0, items, 0);
        assert_eq!(rig.result(job).done, items);
        assert_each_once(&counts);
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn many_ranges_share_the_workers() {
    let items = rounds(700, 20);
    let (counts, task) = tally(items, |index| spin(index % 30));
    let rig = Rig::new(Setup { max_searching: 2, ..Setup::default() }, [task]);
    let ranges = rounds(120, 6);
    for chunk in [0, 1, 7] {
        (0..ranges).for_each(|_| {
            rig.range(0, items, chunk);
        });
        assert!(rig.settle().values().all(|ended| ended.done == items));
        assert!(counts.iter().all(|count| count.swap(0, SeqCst) == ranges));
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn a_range_of_one_item_after_another() {
    let (counts, task) = tally(1, |_| {});
    let rig = Rig::new(Setup { workers: 3, ..Setup::default() }, [task]);
    for _ in 0..rounds(3000, 20) {
        let job = rig.range(0, 1, 0);
        assert_eq!(rig.result(job).done, 1);
        assert_each_once(&counts);
    }
}

#[test]
fn chunks_stay_whole() {
    let items = rounds(5003, 23);
    for chunk in [1, 7, 64, 5000, u32::MAX] {
        let claimed = Arc::new(Mutex::new(Vec::new()));
        let task = runs({
            let claimed = claimed.clone();
            move |run| {
                spin(100);
                claimed.lock().unwrap().push(run);
            }
        });
        let rig = Rig::new(Setup::default(), [task]);
        let job = rig.range(0, items, chunk);
        let ended = rig.result(job);
        let mut claimed = std::mem::take(&mut *claimed.lock().unwrap());
        claimed.sort_by_key(|run| run.start);
        let expected: Vec<_> =
            (0..items).step_by(chunk as usize).map(|at| at..at.saturating_add(chunk).min(items)).collect();
        assert_eq!(claimed, expected);
        assert_eq!(ended.parts, expected);
    }
}

#[test]
fn items_with_a_time_limit_are_claimed_one_by_one() {
    let items = rounds(500, 6);
    for chunk in [0, 10] {
        let (counts, task) = tally(items, |_| {});
        let rig = Rig::new(Setup { workers: 2, ..Setup::default() }, [task]);
        let job = rig.prepare(0, Some(items), chunk, flag::TIMED);
        rig.submit(job).unwrap();
        let ended = rig.result(job);
        assert!(ended.parts.iter().all(|part| part.len() == 1));
        assert_each_once(&counts);
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn items_that_wait_for_each_other_get_a_worker_each() {
    for (workers, chunk) in [(2, 0), (4, 0), (3, 1)] {
        let meeting = Arc::new(Barrier::new(workers));
        let task = each(move |_| {
            meeting.wait();
            Outcome::Done
        });
        let rig = Rig::new(Setup { workers, ..Setup::default() }, [task]);
        for _ in 0..rounds(800, 4) {
            let job = rig.range(0, workers as u32, chunk);
            assert_eq!(rig.result(job).done, workers as u32);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn the_pace_of_one_range_is_not_taken_for_anothers() {
    // Items as long as this are claimed one by one, also by a thief that has just met very short ones of another range.
    let long = each(|_| {
        std::thread::sleep(Duration::from_millis(1));
        Outcome::Done
    });
    let rig = Rig::new(Setup { workers: 2, ..Setup::default() }, [runs(|_| {}), long]);
    for _ in 0..rounds(20, 1) {
        let job = rig.range(0, rounds(100_000, 200), 0);
        rig.result(job);
        let job = rig.range(1, 32, 0);
        let parts = rig.result(job).parts;
        assert!(parts.iter().all(|part| part.len() == 1), "{parts:?}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn short_items_before_long_ones_do_not_hide_them() {
    // A worker that has met short items only must not claim the end of the range at once: its items wait for each other.
    let workers = 4;
    let items = rounds(20_000, 100);
    let meeting = Arc::new(Barrier::new(workers));
    let task = each(move |item| {
        if item.index >= items - workers as u32 {
            meeting.wait();
        }
        Outcome::Done
    });
    let rig = Rig::new(Setup { workers, ..Setup::default() }, [task]);
    for _ in 0..rounds(100, 3) {
        let job = rig.range(0, items, 0);
        assert_eq!(rig.result(job).done, items);
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn one_long_item_does_not_hold_the_others() {
    // The long item ends only when all others have: none of them may be stuck in its worker's claim or span.
    let items = rounds(400, 40);
    for long in [0, 1, items / 2, items - 1] {
        let left = Arc::new(AtomicU32::new(items - 1));
        let task = each({
            let left = left.clone();
            move |item| {
                if item.index == long {
                    while left.load(SeqCst) > 0 {
                        std::thread::yield_now();
                    }
                } else {
                    // Long enough that claims stay short.
                    std::thread::sleep(Duration::from_micros(300));
                    left.fetch_sub(1, SeqCst);
                }
                Outcome::Done
            }
        });
        let rig = Rig::new(Setup { workers: 2, ..Setup::default() }, [task]);
        let job = rig.range(0, items, 0);
        assert_eq!(rig.result(job).done, items);
    }
}

#[test]
fn thieves_begin_items_in_their_order() {
    // The first item ends when all others have: one thief runs these.
    let items = rounds(400, 40);
    let order = Arc::new(Mutex::new(Vec::new()));
    let task = each({
        let order = order.clone();
        move |item| {
            if item.index == 0 {
                while order.lock().unwrap().len() < items as usize - 1 {
                    std::thread::yield_now();
                }
            } else {
                order.lock().unwrap().push(item.index);
            }
            Outcome::Done
        }
    });
    let rig = Rig::new(Setup { workers: 2, ..Setup::default() }, [task]);
    let job = rig.range(0, items, 0);
    assert_eq!(rig.result(job).done, items);
    assert!(order.lock().unwrap().iter().copied().eq(1..items));
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn calls_behind_a_huge_range_get_their_turn() {
    // A call is taken by the first worker that has used up its share, before it steals more of the range.
    let items = rounds(200_000, 300);
    let (counts, range) = tally(items, |_| {});
    let rig = Rig::new(Setup { workers: 2, ..Setup::default() }, [range, each(|_| Outcome::Done)]);
    for _ in 0..rounds(5, 2) {
        let job = rig.range(0, items, 0);
        let calls: Vec<_> = (0..20).map(|_| rig.call(1)).collect();
        for call in calls {
            assert_eq!(rig.result(call).done, 1);
        }
        assert_eq!(rig.result(job).done, items);
        assert_each_once(&counts);
    }
}

#[test]
fn ranges_and_calls_in_any_order() {
    let items = rounds(300, 10);
    let (counts, range) = tally(items, |index| spin(index % 20));
    let calls = Arc::new(AtomicU32::new(0));
    let call = each({
        let calls = calls.clone();
        move |_| {
            calls.fetch_add(1, SeqCst);
            Outcome::Done
        }
    });
    let rig = Rig::new(Setup { max_searching: 2, ..Setup::default() }, [range, call]);
    std::thread::scope(|s| {
        for seed in 1..=3 {
            let rig = &rig;
            s.spawn(move || {
                let mut random = Random::new(seed);
                for i in 0..rounds(400, 2) {
                    if i.is_multiple_of(4) {
                        rig.range(0, items, random.below(20));
                    } else {
                        rig.call(1);
                    }
                    spin(random.below(2000));
                }
            });
        }
    });
    let ended = rig.settle();
    let total: u32 = ended.values().map(|ended| ended.done).sum();
    let ranges = 3 * rounds(400, 2).div_ceil(4);
    assert_eq!(total, calls.load(SeqCst) + ranges * items);
    assert!(counts.iter().all(|count| count.load(SeqCst) == ranges));
}

#[test]
fn a_cancelled_range_accounts_for_every_item() {
    let items = rounds(3000, 40);
    let ran = Arc::new(AtomicU32::new(0));
    let task = each({
        let ran = ran.clone();
        move |_| {
            spin(200);
            ran.fetch_add(1, SeqCst);
            Outcome::Done
        }
    });
    let rig = Rig::new(Setup::default(), [task]);
    let mut random = Random::new(3);
    let mut all_dropped = 0;
    for _ in 0..rounds(60, 2) {
        let job = rig.range(0, items, random.below(2) * 5);
        spin(random.below(200_000));
        rig.cancel(job);
        let ended = rig.result(job);
        assert_eq!(ended.done, ran.swap(0, SeqCst));
        assert_eq!(ended.done + ended.dropped, items);
        all_dropped += ended.dropped;
    }
    assert!(cfg!(miri) || all_dropped > 0, "a range was over each time before it could be cancelled");
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn too_many_open_ranges_are_refused_until_one_closes() {
    let rig = Rig::new(Setup { workers: 0, spare: 1, ..Setup::default() }, [each(|_| Outcome::Done)]);
    let open: Vec<_> = (0..MAX_OPEN).map(|_| rig.range(0, 3, 0)).collect();
    let job = rig.prepare(0, Some(3), 0, 0);
    assert_eq!(rig.submit(job), Err(SubmitError::TooManyRanges));
    rig.seat(0);
    assert_eq!(rig.result(open[0]).done, 3);
    rig.range(0, 3, 0);
    assert_eq!(rig.settle().len(), MAX_OPEN);
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn numbers_near_the_end_of_the_index_space_are_kept_apart() {
    let sum = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let task = runs({
        let sum = sum.clone();
        move |run| {
            sum.fetch_add(u64::from(run.end - run.start), SeqCst);
        }
    });
    // No ledger: it would hold a flag per item.
    let rig = Rig::new(Setup { workers: 2, ..Setup::default() }, [task]);
    let job = rig.prepare(0, Some(0), 1 << 28, 0);
    rig.slot_word(job.slot, 20).store(u32::MAX, SeqCst);
    rig.pool.submit(job.slot).unwrap();
    while sum.load(SeqCst) < u64::from(u32::MAX) {
        std::thread::yield_now();
    }
    rig.stop();
    assert_eq!(sum.load(SeqCst), u64::from(u32::MAX));
}

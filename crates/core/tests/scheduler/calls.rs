//! Single calls: each runs once, and nobody sleeps while one waits.

use crate::common::{Outcome, Random, Rig, Setup, each, rounds, spin};
use manycore_core::blocks::Blocks;
use manycore_core::contexts::OBJECTS;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::Duration;

/// A task that counts its calls, and the count.
fn counter() -> (Arc<AtomicU32>, crate::common::program::Task) {
    let count = Arc::new(AtomicU32::new(0));
    let task = each({
        let count = count.clone();
        move |_| {
            count.fetch_add(1, SeqCst);
            Outcome::Done
        }
    });
    (count, task)
}

fn every_call_runs_exactly_once(setup: Setup) {
    let calls = rounds(30_000, 16);
    let (count, task) = counter();
    let rig = Rig::new(setup, [task]);
    (0..calls).for_each(|_| {
        rig.call(0);
    });
    let ended = rig.settle();
    assert_eq!(ended.len() as u32, calls);
    assert!(ended.values().all(|ended| ended.done == 1));
    assert_eq!(count.load(SeqCst), calls);
}

#[test]
fn every_call_runs_exactly_once_with_an_event_loop() {
    every_call_runs_exactly_once(Setup::default());
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn every_call_runs_exactly_once_with_a_blocking_owner() {
    every_call_runs_exactly_once(Setup { blocking: true, ..Setup::default() });
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn every_call_runs_exactly_once_without_searching() {
    every_call_runs_exactly_once(Setup { max_searching: 0, spin: Duration::ZERO, ..Setup::default() });
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn one_call_at_a_time_finds_sleeping_workers() {
    for (blocking, max_searching) in [(false, 0), (true, 1), (false, 2)] {
        let (count, task) = counter();
        let rig = Rig::new(Setup { workers: 2, blocking, max_searching, ..Setup::default() }, [task]);
        for round in 1..=rounds(4000, 10) {
            let job = rig.call(0);
            assert_eq!(rig.result(job).done, 1);
            assert_eq!(count.load(SeqCst), round);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn stampede() {
    // Bursts from many threads at once, with pauses in which all workers fall asleep.
    let (submitters, bursts) = (4, rounds(150, 3));
    let (count, task) = counter();
    let rig = Rig::new(Setup::default(), [task]);
    let mut random = Random::new(5);
    for _ in 0..bursts {
        let calls = 1 + random.below(rounds(40, 4));
        let start = Barrier::new(submitters);
        std::thread::scope(|s| {
            for _ in 0..submitters {
                s.spawn(|| {
                    start.wait();
                    (0..calls).for_each(|_| {
                        rig.call(0);
                    });
                });
            }
        });
        let ended = rig.settle();
        assert_eq!(ended.len(), submitters * calls as usize);
        assert_eq!(count.swap(0, SeqCst), submitters as u32 * calls);
        if random.below(2) == 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

#[test]
fn calls_that_wait_for_each_other_get_a_worker_each() {
    // Ends only if every call runs at the same time as the others: a job left in a deque while a worker sleeps hangs.
    for (workers, max_searching) in [(2, 0), (3, 1), (4, 2)] {
        let meeting = Arc::new(Barrier::new(workers));
        let task = each(move |_| {
            meeting.wait();
            Outcome::Done
        });
        let rig = Rig::new(Setup { workers, max_searching, ..Setup::default() }, [task]);
        let mut random = Random::new(workers as u64);
        for _ in 0..rounds(1500, 1) {
            for _ in 0..workers {
                rig.call(0);
                spin(random.below(300));
            }
            assert_eq!(rig.settle().len(), workers);
        }
    }
}

#[test]
fn a_batch_wakes_as_many_workers_as_it_has_calls() {
    let workers = 3;
    let meeting = Arc::new(Barrier::new(workers));
    let task = each(move |_| {
        meeting.wait();
        Outcome::Done
    });
    let rig = Rig::new(Setup { workers, ..Setup::default() }, [task]);
    for _ in 0..rounds(1000, 2) {
        let batch: Vec<_> = (0..workers).map(|_| rig.prepare(0, None, 0, 0).slot).collect();
        rig.pool.submit_calls([u32::MAX].into_iter().chain(batch));
        assert_eq!(rig.settle().len(), workers);
    }
}

#[test]
fn a_cancelled_call_runs_or_is_reported_but_never_both() {
    let calls = rounds(5000, 20);
    let (count, task) = counter();
    let rig = Rig::new(Setup { workers: 2, ..Setup::default() }, [task]);
    let mut random = Random::new(9);
    let (mut done, mut dropped) = (0, 0);
    while done + dropped < calls {
        let jobs: Vec<_> = (0..20).map(|_| rig.call(0)).collect();
        jobs.iter().rev().filter(|_| random.below(2) == 0).for_each(|job| rig.cancel(*job));
        for ended in rig.settle().values() {
            assert_eq!(ended.done + ended.dropped, 1);
            done += ended.done;
            dropped += ended.dropped;
        }
    }
    assert_eq!(count.load(SeqCst), done);
    assert!(dropped > 0, "calls cancelled before anybody looked were run all the same");
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn a_call_cancelled_before_it_is_queued_never_runs() {
    let (count, task) = counter();
    let rig = Rig::new(Setup::default(), [task]);
    let jobs: Vec<_> = (0..rounds(500, 20)).map(|_| rig.prepare(0, None, 0, 0)).collect();
    for job in jobs {
        rig.cancel(job);
        rig.submit(job).unwrap();
    }
    assert!(rig.settle().values().all(|ended| ended.dropped == 1));
    assert_eq!(count.load(SeqCst), 0);
}

#[test]
fn results_in_blocks_become_the_owners_and_no_block_is_left_behind() {
    let task = each(|item| {
        let block = item.blocks.alloc(item.context, 100 + item.id as usize % 900).unwrap();
        let region = item.blocks.region();
        region.word(Blocks::payload(block)).unwrap().store(item.id, SeqCst);
        region.word(item.slot as usize * 256 + 40).unwrap().store(block, SeqCst);
        // A block that the task does not give away is swept when the worker dies.
        item.blocks.alloc(item.context, 64).unwrap();
        if item.id.is_multiple_of(13) { Outcome::Die } else { Outcome::Done }
    });
    let rig = Rig::new(Setup { workers: 2, ..Setup::default() }, [task]);
    let owner = rig.owner.id();
    rig.call(0);
    rig.settle();
    for _ in 0..rounds(600, 13) {
        let job = rig.call(0);
        let ended = rig.result(job);
        let block = rig.slot_word(job.slot, 40).load(SeqCst);
        if ended.done == 1 {
            assert_eq!(rig.blocks.region().word(Blocks::payload(block)).unwrap().load(SeqCst), job.id);
            rig.blocks.free(owner, block).unwrap();
        } else {
            assert_eq!(ended.lost, [0]);
            assert!(rig.blocks.free(owner, block).is_err(), "the block of a lost call was the dead worker's");
        }
    }
    rig.stop();
    // What is left: the owner's slots and control blocks, and the result of the first call.
    let owned = rig.blocks.sweep(owner);
    assert!(owned > 0);
    assert_eq!(rig.blocks.sweep(OBJECTS), 1, "the table of contexts");
    assert_eq!(rig.blocks.in_use(), 0);
}

#[test]
fn a_slot_that_does_not_exist_is_refused() {
    let (_, task) = counter();
    let rig = Rig::new(Setup { workers: 1, ..Setup::default() }, [task]);
    use manycore_core::pool::SubmitError;
    assert_eq!(rig.pool.submit(u32::MAX), Err(SubmitError::NoSlot));
    let call = rig.call(0);
    assert_eq!(rig.result(call).done, 1);
}

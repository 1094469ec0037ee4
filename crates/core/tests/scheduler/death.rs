//! Workers that die, retire or are dismissed: what they held is accounted for exactly once, and the others go on.

use crate::common::{Outcome, Random, Rig, Setup, each, rounds, spin};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

/// True for about one item in `n`, the same ones every time.
fn unlucky(id: u32, index: u32, n: u32) -> bool {
    Random::new(u64::from(id) << 32 | u64::from(index)).below(n) == 0
}

#[test]
fn a_call_that_kills_its_worker_is_lost_and_all_others_run() {
    let calls = rounds(1500, 20);
    let task = each(|item| if unlucky(item.id, 0, 20) { Outcome::Die } else { Outcome::Done });
    let rig = Rig::new(Setup::default(), [task]);
    let jobs: Vec<_> = (0..calls).map(|_| rig.call(0)).collect();
    let ended = rig.settle();
    for job in jobs {
        let ended = &ended[&job.id];
        let dies = unlucky(job.id, 0, 20);
        assert_eq!((ended.done, ended.lost.len()), (u32::from(!dies), usize::from(dies)));
    }
}

#[test]
fn a_death_inside_a_range_loses_the_running_item_only() {
    let items = rounds(4000, 40);
    let ran: Arc<[AtomicU32]> = (0..items).map(|_| AtomicU32::new(0)).collect();
    let task = each({
        let ran = ran.clone();
        move |item| {
            ran[item.index as usize].fetch_add(1, SeqCst);
            if unlucky(item.id, item.index, 100) { Outcome::Die } else { Outcome::Done }
        }
    });
    let rig = Rig::new(Setup::default(), [task]);
    for chunk in [0, 9, 0] {
        for _ in 0..rounds(3, 1) {
            let job = rig.range(0, items, chunk);
            let ended = rig.result(job);
            let expected: Vec<_> = (0..items).filter(|index| unlucky(job.id, *index, 100)).collect();
            assert_eq!(ended.lost, expected);
            assert_eq!(ended.done + ended.lost.len() as u32, items);
            // Results were published item by item: nothing had to run twice.
            assert!(ran.iter().all(|count| count.swap(0, SeqCst) == 1));
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn results_that_were_not_published_are_made_again() {
    let items = rounds(3000, 60);
    let died: Arc<Mutex<HashSet<u32>>> = Arc::default();
    let ran: Arc<[AtomicU32]> = (0..items).map(|_| AtomicU32::new(0)).collect();
    let task = each({
        let (ran, died) = (ran.clone(), died.clone());
        move |item| {
            ran[item.index as usize].fetch_add(1, SeqCst);
            if unlucky(1, item.index, 100) && died.lock().unwrap().insert(item.index) {
                return Outcome::Die;
            }
            Outcome::Done
        }
    });
    let rig = Rig::new(Setup { column: false, ..Setup::default() }, [task]);
    let job = rig.range(0, items, 25);
    let ended = rig.result(job);
    let died: HashSet<_> = died.lock().unwrap().clone();
    assert!(!died.is_empty());
    assert_eq!(ended.lost.iter().copied().collect::<HashSet<_>>(), died);
    assert_eq!(ended.done + ended.lost.len() as u32, items);
    assert!(ran.iter().all(|count| count.load(SeqCst) >= 1));
}

#[test]
fn workers_killed_at_any_moment() {
    // Some die in their event loop (armed, rung, or with tasks that wait), some of a task; calls and ranges meanwhile.
    let task = each(|item| {
        spin(item.index % 64);
        if unlucky(item.id, item.index, 400) { Outcome::Die } else { Outcome::Done }
    });
    let rig = Rig::new(Setup { workers: 3, max_searching: 2, ..Setup::default() }, [task]);
    let mut random = Random::new(77);
    for _ in 0..rounds(120, 2) {
        let mut jobs = Vec::new();
        for _ in 0..12 {
            match random.below(4) {
                0 => jobs.push((rig.range(0, rounds(200, 20), random.below(12)), rounds(200, 20))),
                1 => rig.kill(random.below(3) as usize),
                _ => jobs.push((rig.call(0), 1)),
            }
        }
        if let Some((job, _)) = jobs.first().filter(|_| random.below(4) == 0) {
            rig.cancel(*job);
        }
        let ended = rig.settle();
        for (job, items) in jobs {
            let ended = &ended[&job.id];
            assert_eq!(ended.done + ended.dropped + ended.lost.len() as u32, items);
        }
    }
}

#[test]
fn a_worker_that_dies_armed_and_rung_passes_the_ring_on() {
    let rig =
        Rig::new(Setup { workers: 2, replace: false, max_searching: 0, ..Setup::default() }, [each(|_| Outcome::Done)]);
    for round in 0..rounds(600, 3) {
        // Both sleep. One is killed while a call arrives; whichever is rung, the call is run.
        let victim = round as usize % 2;
        std::thread::scope(|s| {
            s.spawn(|| rig.kill(victim));
            rig.call(0);
        });
        assert_eq!(rig.settle().len(), 1);
        rig.until(|ledger| ledger.gone.pop().is_some());
        rig.seat(victim);
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn the_seat_of_the_dead_is_used_again() {
    let task = each(|item| if item.id.is_multiple_of(2) { Outcome::Die } else { Outcome::Done });
    let rig = Rig::new(Setup { workers: 1, ..Setup::default() }, [task]);
    for _ in 0..rounds(200, 6) {
        let (first, second) = (rig.call(0), rig.call(0));
        assert_eq!(rig.result(first).done + rig.result(second).done, 1);
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn the_last_worker_dies_and_its_jobs_wait_for_the_next() {
    let rig = Rig::new(
        Setup { workers: 1, replace: false, ..Setup::default() },
        [each(|item| if item.index == 0 { Outcome::Die } else { Outcome::Done }), each(|_| Outcome::Done)],
    );
    let range = rig.range(0, 50, 5);
    let calls: Vec<_> = (0..40).map(|_| rig.call(1)).collect();
    rig.until(|ledger| ledger.gone.pop().is_some());
    rig.seat(0);
    assert_eq!(rig.result(range).lost, [0]);
    for call in calls {
        assert_eq!(rig.result(call).done, 1);
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn a_death_while_others_steal() {
    // The dying worker has an open span and a deque; all others are hungry.
    let items = rounds(600, 40);
    let task = each(|item| {
        spin(300);
        if item.index == 3 { Outcome::Die } else { Outcome::Done }
    });
    let rig = Rig::new(Setup { workers: 4, max_searching: 2, ..Setup::default() }, [task]);
    for _ in 0..rounds(60, 3) {
        let jobs: Vec<_> = (0..3).map(|_| rig.range(0, items, 0)).collect();
        let ended = rig.settle();
        for job in jobs {
            assert_eq!(ended[&job.id].lost, [3]);
            assert_eq!(ended[&job.id].done, items - 1);
        }
    }
}

#[test]
fn workers_retire_after_their_last_task_and_are_replaced() {
    let calls = rounds(1000, 16);
    let per_worker: Arc<Mutex<Vec<u32>>> = Arc::default();
    let task = each({
        let contexts = per_worker.clone();
        move |item| {
            contexts.lock().unwrap().push(item.context);
            Outcome::Done
        }
    });
    let rig = Rig::new(Setup { workers: 2, max_tasks: 7, ..Setup::default() }, [task]);
    let range = rig.range(0, calls, 0);
    (0..calls).for_each(|_| {
        rig.call(0);
    });
    let ended = rig.settle();
    assert!(ended.values().all(|ended| ended.lost.is_empty()));
    assert_eq!(ended[&range.id].done, calls);
    let contexts = per_worker.lock().unwrap();
    assert_eq!(contexts.len() as u32, 2 * calls);
    for context in contexts.iter().collect::<HashSet<_>>() {
        let tasks = contexts.iter().filter(|c| *c == context).count();
        assert!(tasks <= 7, "context {context} ran {tasks}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn the_replacement_sits_before_the_retired_one_leaves() {
    let rig = Rig::new(
        Setup { workers: 1, spare: 1, max_tasks: 3, replace: false, ..Setup::default() },
        [each(|_| Outcome::Done)],
    );
    let range = rig.range(0, rounds(40, 12), 0);
    let mut next = 1;
    loop {
        let mut ended = false;
        rig.until(|ledger| {
            ended = ledger.open() == 0;
            ended || !ledger.retiring.is_empty()
        });
        if ended {
            break;
        }
        rig.until(|ledger| ledger.retiring.pop().is_some());
        rig.seat(next);
        rig.until(|ledger| ledger.gone.pop().is_some());
        next = 1 - next;
    }
    assert_eq!(rig.result(range).done, rounds(40, 12));
}

#[test]
fn a_worker_that_is_told_to_retires_with_what_it_has_done() {
    let (calls, last) = (rounds(1000, 16), Arc::new(Mutex::new(HashSet::new())));
    let task = each({
        let last = last.clone();
        move |item| {
            assert!(!last.lock().unwrap().contains(&item.context) || item.index % 5 != 0, "it takes no more");
            if item.index % 5 == 4 && last.lock().unwrap().insert(item.context) { Outcome::Last } else { Outcome::Done }
        }
    });
    let rig = Rig::new(Setup { workers: 2, ..Setup::default() }, [task]);
    // Claims of five items: what is claimed is done.
    let range = rig.range(0, calls * 5, 5);
    let ended = rig.settle();
    assert!(ended[&range.id].lost.is_empty());
    assert_eq!(ended[&range.id].done, calls * 5);
    assert_eq!(last.lock().unwrap().len() as u32, calls);
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn a_retired_workers_span_is_taken_by_the_others() {
    // One worker may run few tasks and then leaves while it has an open span of many items.
    let items = rounds(900, 60);
    let task = each(|_| {
        std::thread::yield_now();
        Outcome::Done
    });
    let rig = Rig::new(Setup { workers: 4, max_tasks: 5, ..Setup::default() }, [task]);
    for chunk in [0, 8] {
        let job = rig.range(0, items, chunk);
        assert_eq!(rig.result(job).done, items);
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn a_dismissed_worker_leaves_its_work_to_the_others() {
    let items = rounds(2000, 60);
    let rig = Rig::new(Setup { workers: 3, ..Setup::default() }, [each(|_| Outcome::Done)]);
    let mut random = Random::new(8);
    for _ in 0..rounds(100, 4) {
        let range = rig.range(0, items, 0);
        let calls: Vec<_> = (0..10).map(|_| rig.call(0)).collect();
        rig.dismiss(random.below(3) as usize);
        assert_eq!(rig.result(range).done, items);
        for call in calls {
            assert_eq!(rig.result(call).done, 1, "a dismissed worker ends what it runs");
        }
    }
}

#[test]
fn a_dismissed_worker_in_its_event_loop_leaves() {
    let rig = Rig::new(Setup { workers: 2, replace: false, ..Setup::default() }, [each(|_| Outcome::Done)]);
    for round in 0..rounds(300, 3) {
        let seat = round as usize % 2;
        std::thread::scope(|s| {
            s.spawn(|| rig.dismiss(seat));
            rig.call(0);
        });
        assert_eq!(rig.settle().len(), 1);
        // It leaves also if it had not sat down yet when it was dismissed.
        rig.until(|ledger| ledger.gone.pop().is_some());
        rig.seat(seat);
    }
}

#[test]
fn a_dismissal_that_comes_too_late_is_not_the_next_workers() {
    let rig = Rig::new(Setup { workers: 1, replace: false, ..Setup::default() }, [each(|_| Outcome::Done)]);
    rig.kill(0);
    rig.until(|ledger| ledger.gone.pop().is_some());
    rig.dismiss(0);
    rig.seat(0);
    assert_eq!(rig.result(rig.call(0)).done, 1);
}

#[test]
fn a_ring_taken_by_a_leaving_worker_reaches_another() {
    // The worker that leaves keeps its seat while a task of its own waits; the two calls need the other two workers.
    let meeting = Arc::new(Barrier::new(2));
    let open = Arc::new(AtomicU32::new(0));
    let looks = Arc::new(AtomicU32::new(0));
    let parked = each({
        let (open, looks, all) = (open.clone(), looks.clone(), Barrier::new(3));
        move |_| {
            // The first look blocks until all three run: each worker has one.
            if looks.fetch_add(1, SeqCst) < 3 {
                all.wait();
            }
            if open.load(SeqCst) == 1 { Outcome::Done } else { Outcome::Later }
        }
    });
    let meet = each(move |_| {
        meeting.wait();
        Outcome::Done
    });
    let setup = Setup { workers: 3, lanes: 2, replace: false, spin: Duration::ZERO, ..Setup::default() };
    let rig = Rig::new(setup, [parked, meet]);
    for _ in 0..rounds(300, 1) {
        open.store(0, SeqCst);
        looks.store(0, SeqCst);
        (0..3).for_each(|_| {
            rig.call(0);
        });
        while looks.load(SeqCst) < 3 {
            std::thread::yield_now();
        }
        std::thread::scope(|s| {
            s.spawn(|| rig.dismiss(0));
            rig.call(1);
            rig.call(1);
        });
        rig.until(|ledger| ledger.open() == 3);
        open.store(1, SeqCst);
        rig.make_ready();
        rig.settle();
        rig.until(|ledger| ledger.gone.pop().is_some());
        rig.seat(0);
    }
}

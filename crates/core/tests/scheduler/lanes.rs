//! Several tasks in flight in one worker: what waits in one lane holds nothing else.

use crate::common::{Outcome, Random, Rig, Setup, each, rounds};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// A task that waits until `gate` has reached its call's number, and counts how many wait.
fn gated(gate: &Arc<AtomicU32>, waiting: &Arc<AtomicU32>) -> crate::common::program::Task {
    let (gate, waiting) = (gate.clone(), waiting.clone());
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    each(move |item| {
        let first = seen.lock().unwrap().insert((item.id, item.index));
        if gate.load(SeqCst) >= item.id {
            waiting.fetch_sub(u32::from(!first), SeqCst);
            return Outcome::Done;
        }
        waiting.fetch_add(u32::from(first), SeqCst);
        Outcome::Later
    })
}

fn until(done: impl Fn() -> bool) {
    while !done() {
        std::thread::yield_now();
    }
}

#[test]
fn all_lanes_of_a_worker_fill_up_and_more_waits() {
    let (gate, waiting) = (Arc::default(), Arc::default());
    let rig = Rig::new(Setup { workers: 2, lanes: 4, ..Setup::default() }, [gated(&gate, &waiting)]);
    for _ in 0..rounds(100, 1) {
        let jobs: Vec<_> = (0..12).map(|_| rig.call(0)).collect();
        until(|| waiting.load(SeqCst) == 8);
        gate.store(jobs[11].id, SeqCst);
        rig.make_ready();
        assert!(rig.settle().values().all(|ended| ended.done == 1));
        assert_eq!(waiting.load(SeqCst), 0);
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn a_worker_with_a_free_lane_hears_of_new_calls() {
    // One worker, one task that waits, then calls one at a time: each finds the free lane.
    let (gate, waiting) = (Arc::default(), Arc::default());
    let rig =
        Rig::new(Setup { workers: 1, lanes: 2, ..Setup::default() }, [gated(&gate, &waiting), each(|_| Outcome::Done)]);
    for _ in 0..rounds(300, 4) {
        let parked = rig.call(0);
        for _ in 0..4 {
            let call = rig.call(1);
            assert_eq!(rig.result(call).done, 1);
        }
        gate.store(parked.id, SeqCst);
        rig.make_ready();
        assert_eq!(rig.result(parked).done, 1);
    }
}

#[test]
fn tasks_end_in_another_order_than_they_began() {
    let ready: Arc<[AtomicU32]> = (0..8).map(|_| AtomicU32::new(0)).collect();
    let task = each({
        let ready = ready.clone();
        move |item| if ready[item.index as usize].load(SeqCst) == 1 { Outcome::Done } else { Outcome::Later }
    });
    let rig = Rig::new(Setup { workers: 2, lanes: 4, ..Setup::default() }, [task]);
    let mut random = Random::new(4);
    for _ in 0..rounds(150, 1) {
        let job = rig.range(0, 8, 1);
        let mut order: Vec<usize> = (0..8).collect();
        while !order.is_empty() {
            let index = order.swap_remove(random.below(order.len() as u32) as usize);
            ready[index].store(1, SeqCst);
            rig.make_ready();
        }
        assert_eq!(rig.result(job).done, 8);
        ready.iter().for_each(|ready| ready.store(0, SeqCst));
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn lanes_and_rings_at_the_same_time() {
    // Completions in one lane and rings for another meet in every order.
    let flips = Arc::new(AtomicU32::new(0));
    let task = each({
        let flips = flips.clone();
        move |item| {
            if (item.id + flips.load(SeqCst)).is_multiple_of(3) { Outcome::Later } else { Outcome::Done }
        }
    });
    let rig = Rig::new(Setup { workers: 2, lanes: 3, max_searching: 0, ..Setup::default() }, [task]);
    let done = AtomicU32::new(0);
    let calls = rounds(4000, 60);
    std::thread::scope(|s| {
        s.spawn(|| {
            while done.load(SeqCst) == 0 {
                flips.fetch_add(1, SeqCst);
                rig.make_ready();
                std::thread::yield_now();
            }
        });
        let mut random = Random::new(6);
        for _ in 0..calls {
            rig.call(0);
            if random.below(8) == 0 {
                rig.settle();
            }
        }
        rig.settle();
        done.store(1, SeqCst);
    });
}

#[test]
fn a_death_loses_what_every_lane_ran() {
    let (gate, waiting) = (Arc::default(), Arc::default());
    let rig = Rig::new(Setup { workers: 1, lanes: 3, replace: false, ..Setup::default() }, [gated(&gate, &waiting)]);
    for _ in 0..rounds(100, 1) {
        let range = rig.range(0, 2, 1);
        let call = rig.call(0);
        until(|| waiting.load(SeqCst) == 3);
        waiting.store(0, SeqCst);
        rig.kill(0);
        assert_eq!(rig.result(range).lost, [0, 1]);
        assert_eq!(rig.result(call).lost, [0]);
        rig.until(|ledger| ledger.gone.pop().is_some());
        rig.seat(0);
    }
}

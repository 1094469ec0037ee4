//! The end of a pool, at the worst of moments: dropping the rig waits for every worker's thread.

use crate::common::{Outcome, Random, Rig, Setup, each, rounds, spin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn a_pool_that_never_worked_stops() {
    for workers in [0, 1, 4] {
        for max_searching in [0, 1, 4] {
            for _ in 0..rounds(50, 1) {
                drop(Rig::new(Setup { workers, max_searching, ..Setup::default() }, [each(|_| Outcome::Done)]));
            }
        }
    }
}

#[test]
fn stop_while_workers_fall_asleep() {
    let mut random = Random::new(1);
    for _ in 0..rounds(300, 2) {
        let rig = Rig::new(Setup { workers: 2, max_searching: 1, ..Setup::default() }, [each(|_| Outcome::Done)]);
        rig.call(0);
        rig.settle();
        spin(random.below(20_000));
        rig.stop();
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long; others like it are interpreted")]
fn stop_while_jobs_are_submitted() {
    let mut random = Random::new(3);
    for _ in 0..rounds(150, 3) {
        let ran = Arc::new(AtomicU32::new(0));
        let task = each({
            let ran = ran.clone();
            move |_| {
                ran.fetch_add(1, SeqCst);
                Outcome::Done
            }
        });
        let rig = Rig::new(Setup { workers: 3, replace: false, ..Setup::default() }, [task]);
        std::thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    for i in 0..rounds(200, 10) {
                        if i.is_multiple_of(5) {
                            rig.range(0, 20, i % 3)
                        } else {
                            rig.call(0)
                        };
                    }
                });
            }
            spin(random.below(100_000));
            rig.stop();
        });
        // Everything that ran was reported, and nothing runs any more.
        let before = ran.load(SeqCst);
        let mut reported = 0;
        rig.owner.drain(usize::MAX, |_, record| {
            let [_, kind, _, a, b, ..] = record.0;
            reported += match kind {
                1 => 1,
                2 => b,
                _ => u32::from(kind == 4 && a == u32::MAX),
            };
        });
        assert_eq!(reported, before);
    }
}

#[test]
fn workers_leave_while_others_steal_from_them() {
    let items = rounds(5000, 40);
    let mut random = Random::new(12);
    for _ in 0..rounds(60, 1) {
        let task = each(|item| {
            spin(item.index % 100);
            Outcome::Done
        });
        let rig = Rig::new(Setup { workers: 4, max_searching: 2, ..Setup::default() }, [task]);
        for _ in 0..3 {
            rig.range(0, items, random.below(3));
        }
        for _ in 0..6 {
            spin(random.below(30_000));
            if random.below(2) == 0 {
                rig.dismiss(random.below(4) as usize);
            } else {
                rig.kill(random.below(4) as usize);
            }
        }
        if random.below(2) == 0 {
            assert!(rig.settle().values().all(|ended| ended.done == items));
        }
    }
}

#[test]
fn stop_with_tasks_that_wait_ends_when_they_do() {
    let open = Arc::new(AtomicU32::new(0));
    for _ in 0..rounds(50, 1) {
        open.store(0, SeqCst);
        let rig = Rig::new(Setup { workers: 2, lanes: 2, ..Setup::default() }, {
            let open = open.clone();
            [each(move |_| if open.load(SeqCst) == 1 { Outcome::Done } else { Outcome::Later })]
        });
        (0..3).for_each(|_| {
            rig.call(0);
        });
        std::thread::scope(|s| {
            s.spawn(|| rig.stop());
            std::thread::yield_now();
            open.store(1, SeqCst);
            rig.make_ready();
        });
    }
}

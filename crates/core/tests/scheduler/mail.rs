//! Calls for one worker only.

use crate::common::{Outcome, Random, Rig, Setup, each, rounds};
use manycore_core::pool::SubmitError;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

#[test]
fn mail_is_run_by_its_addressee() {
    let rig = Rig::new(Setup { workers: 3, ..Setup::default() }, [each(|_| Outcome::Done)]);
    let mut random = Random::new(2);
    let ready = |seat| {
        while rig.mail(0, seat).is_err() {
            std::thread::yield_now();
        }
    };
    (0..3).for_each(ready);
    rig.settle();
    for _ in 0..rounds(2000, 3) {
        let mailed: Vec<_> = (0..random.below(6) + 1)
            .map(|_| {
                let seat = random.below(3);
                (rig.mail(0, seat as usize).unwrap(), seat)
            })
            .collect();
        let call = rig.call(0);
        let ended = rig.settle();
        assert_eq!(ended[&call.id].done, 1);
        for (job, seat) in mailed {
            assert_eq!(ended[&job.id].worker, Some(seat));
        }
    }
}

#[test]
fn mail_for_nobody_is_refused() {
    let rig = Rig::new(Setup { workers: 1, spare: 1, replace: false, ..Setup::default() }, [each(|_| Outcome::Done)]);
    assert_eq!(rig.mail(0, 1).err(), Some(SubmitError::NoWorker));
    assert_eq!(rig.mail(0, 99).err(), Some(SubmitError::NoWorker));
    rig.kill(0);
    rig.until(|ledger| ledger.gone.pop().is_some());
    assert_eq!(rig.mail(0, 0).err(), Some(SubmitError::NoWorker));
}

#[test]
fn mail_to_a_dying_worker_is_run_lost_or_refused() {
    let rig = Rig::new(Setup { workers: 1, ..Setup::default() }, [each(|_| Outcome::Done)]);
    let (mut done, mut lost) = (0, 0);
    for _ in 0..rounds(400, 2) {
        let over = AtomicBool::new(false);
        std::thread::scope(|s| {
            s.spawn(|| {
                // Bounded: a worker takes its mail before what is queued for all.
                let mut left = rounds(5000, 5);
                while !over.load(SeqCst) && left > 0 {
                    let _ = rig.mail(0, 0);
                    left -= 1;
                    (0..20).for_each(|_| std::thread::yield_now());
                }
            });
            rig.kill(0);
            // A call that only the replacement can run: it has sat down when this ends.
            let call = rig.call(0);
            assert_eq!(rig.result(call).done, 1);
            over.store(true, SeqCst);
        });
        for ended in rig.settle().values() {
            assert_eq!(ended.done as usize + ended.lost.len(), 1);
            done += ended.done;
            lost += ended.lost.len();
        }
    }
    assert!(done > 0);
    assert!(cfg!(miri) || lost > 0, "no mail was in the box of a worker that died");
}

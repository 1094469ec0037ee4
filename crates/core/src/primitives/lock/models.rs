//! Every order in which the steps of a lock can come.

use super::both::{acquire, give, try_acquire};
use super::*;
use crate::primitives::testing::{Room, first, id, thread};
use loom::sync::Arc;
use loom::thread::yield_now;
use std::mem::replace;

const A: u32 = first(0);
const B: u32 = first(1);
const C: u32 = first(2);

#[test]
fn everybody_gets_it_and_never_two() {
    loom::model(|| {
        let room = Arc::new(Room::new(3, 0, 0));
        let others = [A, B].map(|me| {
            thread(&room, move |room| {
                assert_eq!(acquire(room, me, false), Look::Got);
                room.alone(|| ());
                give(room, me);
            })
        });
        // JavaScript barges in.
        if try_acquire(&room, C) {
            room.alone(|| ());
            give(&room, C);
        }
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn who_gives_up_passes_its_ring_on() {
    loom::model(|| {
        let room = Arc::new(Room::new(3, C, 0));
        look(&room.gate(), &*room, A, false, false);
        let impatient = thread(&room, |room| {
            let mut rung = false;
            room.wait(A, || replace(&mut rung, true).then_some(()));
            leave(&room.gate(), room, A);
        });
        let patient = thread(&room, |room| assert_eq!(acquire(room, B, false), Look::Got));
        give(&room, C);
        // JavaScript barges in: the word has lost its flag.
        if try_acquire(&room, C) {
            give(&room, C);
        }
        impatient.join().unwrap();
        patient.join().unwrap();
    });
}

#[test]
fn a_lock_released_by_others_reaches_everybody() {
    loom::model(|| {
        let room = Arc::new(Room::new(3, C, 0));
        let others = [A, B].map(|me| thread(&room, move |room| assert_eq!(acquire(room, me, false), Look::Got)));
        for _ in 0..2 {
            while release(&room.gate(), &*room, C).is_err() {
                yield_now();
            }
        }
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn a_waiter_that_died_takes_no_ring() {
    loom::model(|| {
        let room = Arc::new(Room::new(3, C, 0));
        look(&room.gate(), &*room, A, false, false);
        room.die(A);
        let living = thread(&room, |room| assert_eq!(acquire(room, B, false), Look::Got));
        give(&room, C);
        living.join().unwrap();
    });
}

#[test]
fn a_slot_of_the_dead_and_of_the_newly_born_takes_no_ring() {
    loom::model(|| {
        let room = Arc::new(Room::new(3, C, 0));
        look(&room.gate(), &*room, A, false, false);
        room.die(A);
        let reborn = thread(&room, |room| {
            let me = id(0, 2);
            room.live(me);
            assert_eq!(acquire(room, me, false), Look::Got);
            give(room, me);
        });
        let other = thread(&room, |room| {
            assert_eq!(acquire(room, B, false), Look::Got);
            give(room, B);
        });
        give(&room, C);
        reborn.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn a_lock_that_is_put_back_reaches_who_recovers() {
    loom::model(|| {
        let room = Arc::new(Room::new(3, C, 0));
        room.die(C);
        let recovers = thread(&room, |room| {
            assert_eq!(acquire(room, A, true), Look::GotRecovered);
            give(room, A);
        });
        match look(&room.gate(), &*room, B, true, false) {
            Look::GotRecovered => drop(put_back(&room.gate(), &*room, B, C)),
            Look::Got => give(&room, B),
            _ => leave(&room.gate(), &*room, B),
        }
        recovers.join().unwrap();
    });
}

#[test]
fn a_dead_holders_lock_reaches_who_recovers() {
    loom::model(|| {
        let room = Arc::new(Room::new(3, C, 0));
        let recovers = thread(&room, |room| {
            assert!(matches!(acquire(room, A, true), Look::Got | Look::GotRecovered));
            give(room, A);
        });
        let does_not = thread(&room, |room| {
            if acquire(room, B, false) == Look::Got {
                give(room, B);
            }
        });
        room.die(C);
        recovers.join().unwrap();
        does_not.join().unwrap();
    });
}

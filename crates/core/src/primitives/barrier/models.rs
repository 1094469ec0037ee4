use super::both::pass;
use super::*;
use crate::primitives::testing::{Room, first, id, thread};
use crate::sync::{AtomicU32, Ordering};
use loom::sync::Arc;

const A: u32 = first(0);
const B: u32 = first(1);
const C: u32 = first(2);
const D: u32 = first(3);

/// The room of a barrier for two.
fn room(living: usize) -> Arc<Room> {
    Arc::new(Room::new(living, 0, 2))
}

#[test]
fn two_meet_again_and_again() {
    loom::model(|| {
        let room = room(2);
        let other = thread(&room, |room| [(); 2].map(|()| pass(room, A, None)));
        let mine = [(); 2].map(|()| pass(&room, B, None));
        for (a, b) in other.join().unwrap().into_iter().zip(mine) {
            assert!(matches!((a, b), (Some(0), Some(1)) | (Some(1), Some(0))));
        }
        assert_eq!(room.gate().word.load() & !WAITED, 0);
    });
}

#[test]
fn who_comes_between_two_rounds_is_in_the_next() {
    loom::model(|| {
        let room = room(4);
        let arrive = |me| arrive(&room.gate(), &*room, me, room.cell(me), false, false);
        assert_eq!((arrive(A), arrive(B)), (Arrival::Waits(0), Arrival::Passes(1)));
        let leaves = thread(&room, |room| look(&room.gate(), room, A, room.cell(A), false));
        let comes = thread(&room, |room| pass(room, C, None));
        let mine = pass(&room, D, None);
        assert_eq!(leaves.join().unwrap(), Look::Passes);
        assert_eq!(comes.join().unwrap().into_iter().chain(mine).sum::<u32>(), 1, "0 and 1");
    });
}

#[test]
fn who_comes_while_two_leave_arrives() {
    loom::model(|| {
        let room = Arc::new(Room::new(4, 0, 3));
        let arrive = |me| arrive(&room.gate(), &*room, me, room.cell(me), false, false);
        assert_eq!([A, B, C].map(arrive), [Arrival::Waits(0), Arrival::Waits(1), Arrival::Passes(2)]);
        let comes = thread(&room, |room| {
            let arrive = || super::arrive(&room.gate(), room, D, room.cell(D), false, false);
            room.wait(D, || Some(arrive()).filter(|arrival| *arrival != Arrival::NotYet))
        });
        for me in [A, B] {
            assert_eq!(look(&room.gate(), &*room, me, room.cell(me), false), Look::Passes);
        }
        assert_eq!(comes.join().unwrap(), Arrival::Waits(0));
    });
}

#[test]
fn the_action_is_over_when_anybody_passes() {
    loom::model(|| {
        let room = room(2);
        let acted = Arc::new(AtomicU32::new(0));
        let once = |room: &Room, me: u32, acted: &AtomicU32| {
            pass(room, me, Some(&|| assert_eq!(acted.fetch_add(1, Ordering::Relaxed), 0))).unwrap();
            assert_eq!(acted.load(Ordering::Relaxed), 1);
        };
        let other = {
            let acted = acted.clone();
            thread(&room, move |room| once(room, A, &acted))
        };
        once(&room, B, &acted);
        other.join().unwrap();
    });
}

/// A waits; whatever `main` does ends its round, once it has arrived.
fn one_waits(main: fn(&Room)) {
    loom::model(move || {
        let room = room(2);
        let (gate, cell) = (room.gate(), room.cell(A));
        assert_eq!(arrive(&gate, &*room, A, cell, false, false), Arrival::Waits(0));
        let waits = thread(&room, |room| {
            room.wait(A, || Some(look(&room.gate(), room, A, room.cell(A), false)).filter(|end| *end != Look::Sleep))
        });
        main(&room);
        assert_eq!(waits.join().unwrap(), Look::Broken);
        assert_eq!((waiting(&gate), cell.load()), (0, 0));
    });
}

#[test]
fn an_abort_reaches_who_waits() {
    one_waits(|room| abort(&room.gate(), room, B));
}

#[test]
fn a_reset_reaches_who_waits_and_then_it_is_as_new() {
    one_waits(|room| {
        reset(&room.gate(), room, B);
        let arrive = || arrive(&room.gate(), room, B, room.cell(B), false, false);
        let arrival = room.wait(B, || Some(arrive()).filter(|arrival| *arrival != Arrival::NotYet));
        assert_eq!(arrival, Arrival::Waits(0), "when the other one has left");
        leave(&room.gate(), room, B, room.cell(B), false, false);
    });
}

#[test]
fn who_gives_up_breaks_it_or_passes() {
    loom::model(|| {
        let room = room(2);
        let (gate, cell) = (room.gate(), room.cell(A));
        assert_eq!(arrive(&gate, &*room, A, cell, false, false), Arrival::Waits(0));
        let other = thread(&room, |room| pass(room, B, None));
        let passes = leave(&gate, &*room, A, cell, false, false) == Look::Passes;
        assert_eq!(passes, other.join().unwrap().is_some());
        assert_eq!(passes, !is_broken(&gate));
    });
}

#[test]
fn a_death_reaches_who_waits() {
    one_waits(|room| {
        room.cell(B).fetch_add(1);
        room.die(B);
        died(&room.gate(), room, B, room.cell(B).load());
    });
}

#[test]
fn a_death_while_others_pass_reaches_who_comes() {
    loom::model(|| {
        let room = room(3);
        let arrive = |me| arrive(&room.gate(), &*room, me, room.cell(me), false, false);
        assert_eq!((arrive(A), arrive(B)), (Arrival::Waits(0), Arrival::Passes(1)));
        let comes = thread(&room, |room| pass(room, C, None));
        room.die(A);
        died(&room.gate(), &*room, A, room.cell(A).load());
        assert_eq!(comes.join().unwrap(), None);
    });
}

#[test]
fn a_slot_of_the_dead_and_of_the_newly_born_takes_no_ring() {
    loom::model(|| {
        let room = room(4);
        let arrive = |me| arrive(&room.gate(), &*room, me, room.cell(me), false, false);
        assert_eq!((arrive(B), arrive(C)), (Arrival::Waits(0), Arrival::Passes(1)));
        // A comes in between, and dies.
        assert_eq!(arrive(A), Arrival::NotYet);
        room.die(A);
        let reborn = thread(&room, |room| {
            room.live(id(0, 2));
            pass(room, id(0, 2), None)
        });
        assert_eq!(look(&room.gate(), &*room, B, room.cell(B), false), Look::Passes);
        let mine = pass(&room, D, None);
        assert_eq!(reborn.join().unwrap().into_iter().chain(mine).sum::<u32>(), 1);
    });
}

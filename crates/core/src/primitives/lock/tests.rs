//! What a lock does, and what it survives.

use super::both::{acquire, give, try_acquire};
use super::*;
use crate::primitives::testing::{CONTEXTS, Room, Watchdog, first, id};
use std::thread::{scope, yield_now};

const A: u32 = first(0);
const B: u32 = first(1);
const C: u32 = first(2);

#[test]
fn who_comes_second_waits_and_is_rung() {
    let room = Room::new(3, 0, 0);
    let gate = room.gate();
    assert_eq!(look(&gate, &room, A, false, false), Look::Got);
    assert_eq!(gate.word.load(), A, "nobody waits, so JavaScript may release it");
    assert_eq!(look(&gate, &room, B, false, false), Look::Sleep);
    assert_eq!(look(&gate, &room, C, false, false), Look::Sleep);
    assert_eq!(release(&gate, &room, A), Ok(Rung { others: 1, own: false }));
    assert_eq!(release(&gate, &room, A), Err(NotHeld));
    assert_eq!(look(&gate, &room, B, false, false), Look::Got);
    assert_eq!(gate.word.load(), B | WAITED, "C still waits");
    assert_eq!(release(&gate, &room, A), Ok(Rung { others: 1, own: false }), "anybody may");
    assert_eq!(look(&gate, &room, C, false, false), Look::Got);
    assert_eq!(release(&gate, &room, C), Ok(Rung::default()));
}

#[test]
fn the_last_waiter_of_its_own_is_handed_the_lock_locally() {
    let room = Room::new(2, 0, 0);
    let gate = room.gate();
    assert_eq!(look(&gate, &room, A, false, false), Look::Got);
    assert_eq!(look(&gate, &room, A, false, false), Look::Sleep, "another task of the same isolate");
    assert_eq!(look(&gate, &room, B, false, false), Look::Sleep);
    assert_eq!(release(&gate, &room, A), Ok(Rung { others: 1, own: false }), "others come first");
    leave(&gate, &room, B);
    assert_eq!(look(&gate, &room, A, false, true), Look::Got);
    assert_eq!(gate.word.load(), A | WAITED, "a third task stays");
    assert_eq!(release(&gate, &room, A), Ok(Rung { others: 0, own: true }));
    assert_eq!(look(&gate, &room, A, false, false), Look::Got);
    assert_eq!(gate.word.load(), A);
}

#[test]
fn a_dead_holders_lock_waits_for_somebody_who_recovers() {
    let room = Room::new(3, A, 0);
    let gate = room.gate();
    assert_eq!(look(&gate, &room, B, true, false), Look::Sleep);
    room.die(A);
    assert_eq!(look(&gate, &room, C, false, false), Look::OwnerDied);
    assert_eq!(look(&gate, &room, C, false, true), Look::OwnerDied);
    assert_eq!(gate.word.load() & !WAITED, A);
    assert_eq!(look(&gate, &room, B, true, false), Look::GotRecovered);
    assert_eq!(look(&gate, &room, C, true, false), Look::Sleep);
    room.die(B);
    release(&gate, &room, C).unwrap();
    assert_eq!(look(&gate, &room, C, false, false), Look::Got, "released by somebody who knew");
}

#[test]
fn a_lock_that_is_put_back_waits_for_somebody_who_recovers() {
    let room = Room::new(3, A, 0);
    let gate = room.gate();
    room.die(A);
    assert_eq!(look(&gate, &room, B, true, false), Look::GotRecovered);
    assert_eq!(look(&gate, &room, C, true, false), Look::Sleep);
    assert_eq!(put_back(&gate, &room, B, A), Rung { others: 1, own: false });
    assert_eq!(gate.word.load(), A);
    assert_eq!(look(&gate, &room, B, false, true), Look::OwnerDied);
    assert_eq!(look(&gate, &room, C, true, false), Look::GotRecovered);
    assert_eq!(put_back(&gate, &room, B, A), Rung::default(), "it is another's by now");
    assert_eq!(gate.word.load() & !WAITED, C);
}

#[test]
fn rubbish_in_the_word_is_a_holder_who_died() {
    for rubbish in [1, 1 << 30, WAITED - 1, u32::MAX] {
        let room = Room::new(1, rubbish, 0);
        assert_eq!(look(&room.gate(), &room, A, false, false), Look::OwnerDied);
        assert_eq!(look(&room.gate(), &room, A, true, false), Look::GotRecovered);
    }
    let room = Room::new(1, WAITED, 0);
    assert_eq!(release(&room.gate(), &room, A), Err(NotHeld));
    assert_eq!(look(&room.gate(), &room, A, false, false), Look::Got);
}

/// Sleepers wait without a time limit, so a lost ring hangs.
#[test]
fn everybody_gets_it_and_never_two() {
    let _watchdog = Watchdog::new();
    let room = Room::new(CONTEXTS, 0, 0);
    let rounds = if cfg!(miri) { 20 } else { 30_000 };
    scope(|s| {
        for me in (0..CONTEXTS).map(first) {
            let room = &room;
            s.spawn(move || {
                for round in 0..rounds {
                    if round % 3 == 0 && look(&room.gate(), room, me, false, false) == Look::Sleep {
                        // Gives up at once: a ring that is under way must go to another.
                        leave(&room.gate(), room, me);
                        continue;
                    }
                    if round % 3 != 0 && !try_acquire(room, me) {
                        assert_eq!(acquire(room, me, false), Look::Got);
                    }
                    room.alone(|| {
                        if round % 64 == 0 {
                            yield_now()
                        }
                    });
                    give(room, me);
                }
            });
        }
    });
    assert_eq!(room.gate().word.load() & !WAITED, 0);
    assert!(!room.gate().anybody());
}

#[test]
fn holders_and_waiters_that_die_take_no_ring_and_no_lock_with_them() {
    let _watchdog = Watchdog::new();
    let room = Room::new(CONTEXTS, 0, 0);
    let lives = if cfg!(miri) { 5 } else { 3_000 };
    scope(|s| {
        for slot in 0..CONTEXTS {
            let room = &room;
            s.spawn(move || {
                for generation in 1..=lives {
                    let me = id(slot, generation);
                    room.live(me);
                    acquire(room, me, true);
                    room.alone(|| ());
                    // Even lives end as a holder, odd ones as a waiter.
                    if generation % 2 == 1 {
                        give(room, me);
                        look(&room.gate(), room, me, true, false);
                    }
                    room.die(me);
                    leave(&room.gate(), room, me);
                }
            });
        }
    });
}

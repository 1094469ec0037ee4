use super::both::pass;
use super::*;
use crate::primitives::testing::{CONTEXTS, Room, Watchdog, first};
use crate::ring::tests::world::{Mortal, mortal};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use std::thread::scope;

const A: u32 = first(0);
const B: u32 = first(1);
const C: u32 = first(2);

/// What the contexts of a room do with its barrier.
trait Acts {
    fn arrives(&self, me: u32) -> Arrival;
    fn acts(&self, me: u32) -> Arrival;
    fn looks(&self, me: u32) -> Look;
    fn leaves(&self, me: u32, patient: bool) -> Look;
}

impl Acts for Room {
    fn arrives(&self, me: u32) -> Arrival {
        arrive(&self.gate(), self, me, self.cell(me), false, false)
    }
    fn acts(&self, me: u32) -> Arrival {
        arrive(&self.gate(), self, me, self.cell(me), true, false)
    }
    fn looks(&self, me: u32) -> Look {
        look(&self.gate(), self, me, self.cell(me), false)
    }
    fn leaves(&self, me: u32, patient: bool) -> Look {
        leave(&self.gate(), self, me, self.cell(me), patient, false)
    }
}

/// Nobody is inside, and no cell says so.
fn assert_new(room: &Room) {
    assert_eq!((room.gate().word.load() & !WAITED, waiting(&room.gate())), (0, 0));
    assert!([A, B, C].iter().all(|me| room.cell(*me).load() == 0));
    assert!(!is_broken(&room.gate()) && !room.gate().anybody());
}

#[test]
fn all_pass_when_the_last_arrives() {
    let room = Room::new(3, 0, 3);
    assert_eq!((room.arrives(A), room.looks(A), room.arrives(B)), (Arrival::Waits(0), Look::Sleep, Arrival::Waits(1)));
    assert_eq!(waiting(&room.gate()), 2);
    assert_eq!(room.arrives(C), Arrival::Passes(2));
    assert_eq!((waiting(&room.gate()), room.arrives(C)), (0, Arrival::NotYet));
    assert_eq!((room.looks(B), room.arrives(C), room.looks(A)), (Look::Passes, Arrival::NotYet, Look::Passes));
    assert_eq!((room.arrives(C), waiting(&room.gate())), (Arrival::Waits(0), 1));
    reset(&room.gate(), &room, A);
    assert_eq!(room.looks(C), Look::Broken);
    assert_new(&room);
}

#[test]
fn one_is_enough_for_itself() {
    let room = Room::new(1, 0, 1);
    assert_eq!((room.arrives(A), room.arrives(A)), (Arrival::Passes(0), Arrival::Passes(0)));
    assert_eq!(room.acts(A), Arrival::Acts(0));
    assert_eq!(finish(&room.gate(), &room, A, room.cell(A), true, false), Look::Passes);
    assert_new(&room);
}

#[test]
fn nobody_passes_before_the_action_is_over() {
    for (done, end) in [(true, Look::Passes), (false, Look::Broken)] {
        let room = Room::new(3, 0, 2);
        assert_eq!((room.acts(A), room.acts(B), room.acts(C)), (Arrival::Waits(0), Arrival::Acts(1), Arrival::NotYet));
        assert_eq!((room.looks(A), waiting(&room.gate())), (Look::Sleep, 2));
        assert_eq!(finish(&room.gate(), &room, B, room.cell(B), done, false), end);
        assert_eq!((room.looks(A), is_broken(&room.gate())), (end, !done));
        withdraw(&room.gate(), C);
        reset(&room.gate(), &room, A);
        assert_new(&room);
    }
}

#[test]
fn who_gives_up_breaks_it_for_all() {
    let room = Room::new(3, 0, 3);
    assert_eq!((room.arrives(A), room.arrives(B)), (Arrival::Waits(0), Arrival::Waits(1)));
    assert_eq!((room.leaves(A, true), room.looks(B), room.arrives(C)), (Look::Broken, Look::Broken, Arrival::Broken));
    assert!(is_broken(&room.gate()));
    reset(&room.gate(), &room, C);
    assert_new(&room);
}

#[test]
fn who_gives_up_while_the_action_runs_may_be_patient() {
    let room = Room::new(2, 0, 2);
    assert_eq!((room.acts(A), room.acts(B)), (Arrival::Waits(0), Arrival::Acts(1)));
    assert_eq!((room.leaves(A, true), room.leaves(A, false)), (Look::Sleep, Look::Broken));
    assert_eq!(finish(&room.gate(), &room, B, room.cell(B), true, false), Look::Broken);
    assert!(is_broken(&room.gate()));
}

#[test]
fn who_was_let_pass_passes() {
    let room = Room::new(3, 0, 2);
    assert_eq!((room.arrives(A), room.arrives(B)), (Arrival::Waits(0), Arrival::Passes(1)));
    abort(&room.gate(), &room, C);
    assert!(is_broken(&room.gate()));
    assert_eq!((room.arrives(C), room.leaves(A, true)), (Arrival::Broken, Look::Passes));
    assert!(is_broken(&room.gate()));
    reset(&room.gate(), &room, C);
    assert_eq!((room.arrives(A), room.arrives(B)), (Arrival::Waits(0), Arrival::Passes(1)));
    abort(&room.gate(), &room, C);
    reset(&room.gate(), &room, C);
    assert_eq!((room.arrives(C), room.looks(A), room.arrives(C)), (Arrival::NotYet, Look::Passes, Arrival::Waits(0)));
}

#[test]
fn a_reset_ends_the_round_and_the_next_begins_when_all_know() {
    let room = Room::new(3, 0, 3);
    let both = || (room.arrives(A), room.arrives(B));
    assert_eq!(both(), (Arrival::Waits(0), Arrival::Waits(1)));
    reset(&room.gate(), &room, C);
    assert_eq!((room.arrives(C), room.looks(A), room.arrives(A)), (Arrival::NotYet, Look::Broken, Arrival::NotYet));
    assert_eq!((room.looks(B), room.arrives(C)), (Look::Broken, Arrival::Waits(0)));
    assert_eq!((both(), room.looks(C)), ((Arrival::Waits(1), Arrival::Passes(2)), Look::Passes));
    assert_eq!(room.looks(A), Look::Passes);
    assert_eq!(both(), (Arrival::Waits(0), Arrival::Waits(1)));
    abort(&room.gate(), &room, C);
    reset(&room.gate(), &room, C);
    assert_eq!((room.looks(A), room.looks(B)), (Look::Broken, Look::Broken));
    assert_new(&room);
}

#[test]
fn a_death_inside_breaks_it() {
    let room = Room::new(3, 0, 3);
    assert_eq!((room.arrives(A), room.arrives(B)), (Arrival::Waits(0), Arrival::Waits(1)));
    room.die(A);
    died(&room.gate(), &room, A, room.cell(A).load());
    assert_eq!(room.looks(B), Look::Broken);
    reset(&room.gate(), &room, B);
    died(&room.gate(), &room, C, 0);
    assert!(!is_broken(&room.gate()), "it was not inside");
    let room = Room::new(3, 0, 3);
    assert_eq!(
        (room.arrives(A), room.arrives(B), room.arrives(C)),
        (Arrival::Waits(0), Arrival::Waits(1), Arrival::Passes(2))
    );
    room.die(A);
    died(&room.gate(), &room, A, room.cell(A).load());
    assert_eq!((room.looks(B), is_broken(&room.gate())), (Look::Passes, true));
}

#[test]
fn other_tasks_of_who_moves_it_are_rung_too() {
    let moves: [fn(&Room); 2] = [|room| reset(&room.gate(), room, A), |room| abort(&room.gate(), room, A)];
    for act in moves {
        let room = Room::new(2, 0, 3);
        assert_eq!((room.arrives(A), room.arrives(B)), (Arrival::Waits(0), Arrival::Waits(1)));
        act(&room);
        assert_eq!((room.rings(A), room.rings(B)), (1, 1));
        assert_eq!((room.looks(A), room.looks(B)), (Look::Broken, Look::Broken));
    }
}

#[test]
fn any_word_is_a_barrier() {
    for state in 0..8_u32 {
        for word in [state << 28, state << 28 | MOST, state << 28 | WAITED | 1] {
            for all in [0, 1, MOST, u32::MAX] {
                for done in [false, true] {
                    let room = Room::new(2, word, all);
                    room.arrives(A);
                    room.looks(A);
                    finish(&room.gate(), &room, A, room.cell(A), done, false);
                    died(&room.gate(), &room, B, u32::MAX);
                    abort(&room.gate(), &room, A);
                    room.leaves(A, false);
                    reset(&room.gate(), &room, A);
                    assert!(!is_broken(&room.gate()));
                }
            }
        }
    }
}

/// A is cut off before each of its writes in turn, and swept. B, inside at that time, is told the end of its round, and
/// after a reset the barrier is as new.
#[test]
fn a_context_that_is_killed_leaves_nobody_behind() {
    for action in [false, true] {
        for before in [true, false] {
            let mut lives = 0;
            for life in 0.. {
                let words = [0, 2, 0, 0].map(|value| Mortal(AtomicU32::new(value)));
                let waiters = [Mortal(AtomicU64::new(0))];
                let [word, aside, mine, its] = &words;
                let gate = Gate { word, aside, waiters: &waiters };
                let room = Room::new(3, 0, 0);
                let script = || {
                    let arrival = arrive(&gate, &room, A, mine, action, false);
                    if matches!(arrival, Arrival::Acts(_)) {
                        finish(&gate, &room, A, mine, true, false);
                    }
                    if matches!(arrival, Arrival::Waits(_)) {
                        look(&gate, &room, A, mine, false);
                        leave(&gate, &room, A, mine, false, false);
                    }
                };
                let inside = before && arrive(&gate, &room, B, its, action, false) == Arrival::Waits(0);
                let done = mortal(life, script).is_some();
                room.die(A);
                died(&gate, &room, A, mine.0.load(Ordering::SeqCst));
                // It had not arrived, or B knows the end.
                let waits = inside && look(&gate, &room, B, its, false) == Look::Sleep;
                assert!(!waits || Word(word.0.load(Ordering::SeqCst)).inside() == 1, "life {life}");
                reset(&gate, &room, C);
                if waits {
                    assert_eq!(look(&gate, &room, B, its, false), Look::Broken, "life {life}");
                }
                let again = [B, C].map(|me| arrive(&gate, &room, me, its, false, false));
                assert_eq!(again, [Arrival::Waits(0), Arrival::Passes(1)], "life {life}");
                lives = life;
                if done {
                    break;
                }
            }
            assert!(lives > 4);
        }
    }
}

/// Sleepers wait without a time limit, so a lost ring hangs.
#[test]
fn rounds_follow_each_other_in_step() {
    let _watchdog = Watchdog::new();
    let room = Room::new(CONTEXTS, 0, CONTEXTS as u32);
    let (acted, zeros) = (AtomicU32::new(0), AtomicU32::new(0));
    let rounds = if cfg!(miri) { 10 } else { 5_000 };
    scope(|s| {
        for me in (0..CONTEXTS).map(first) {
            let (room, acted, zeros) = (&room, &acted, &zeros);
            s.spawn(move || {
                for round in 1..=rounds {
                    let act = || assert_eq!(acted.fetch_add(1, Ordering::Relaxed), round - 1);
                    if pass(room, me, Some(&act)) == Some(0) {
                        zeros.fetch_add(1, Ordering::Relaxed);
                    }
                    assert_eq!(acted.load(Ordering::Relaxed), round, "nobody is a round ahead");
                    assert_eq!(pass(room, me, None).map(|index| index < CONTEXTS as u32), Some(true));
                }
            });
        }
    });
    assert_eq!(zeros.load(Ordering::Relaxed), rounds);
    assert!(!is_broken(&room.gate()) && !room.gate().anybody());
}

#[test]
fn aborts_and_resets_leave_nobody_waiting() {
    let _watchdog = Watchdog::new();
    let room = Room::new(CONTEXTS, 0, CONTEXTS as u32 - 1);
    let over = AtomicU32::new(0);
    let others = CONTEXTS as u32 - 1;
    let rounds = if cfg!(miri) { 10 } else { 3_000 };
    scope(|s| {
        for me in (1..CONTEXTS).map(first) {
            let (room, over) = (&room, &over);
            s.spawn(move || {
                for _ in 0..rounds {
                    pass(room, me, None);
                }
                // The others may be one short now.
                over.fetch_add(1, Ordering::SeqCst);
                room.ring(0);
            });
        }
        while over.load(Ordering::SeqCst) < others {
            abort(&room.gate(), &room, first(0));
            std::thread::yield_now();
            reset(&room.gate(), &room, first(0));
            std::thread::yield_now();
        }
    });
    reset(&room.gate(), &room, first(0));
    assert_eq!(room.gate().word.load() & !WAITED, 0);
}

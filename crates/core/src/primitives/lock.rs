//! A lock that anybody may release, and that is not lost with a holder who dies.
//!
//! | word | state | who moves it on |
//! |---|---|---|
//! | 0 | free | whoever wants it: to *held*, by one compare-exchange, in JavaScript |
//! | number | held by the context of this number | anybody: to *free*, by one compare-exchange, in JavaScript |
//! | number + [`WAITED`] | held, and somebody waits | anybody: to *free* by [`release`], which rings one that waits |
//! | [`WAITED`] | free, and somebody is about to look | who looks: to *held*, with [`WAITED`] if others wait |
//!
//! A number whose context has died stays in the word until somebody takes the lock who knows how to recover what it
//! guards, or releases it.
//!
//! **No wake-up is lost.** While somebody sleeps at a lock, its word has [`WAITED`], or somebody is awake who will look and
//! set it: the one that was rung last, or one that is on its way into [`look`] or [`leave`].
//! 1. A waiter sets its bit, then [`WAITED`]. Of this and a release, which moves the same word, one is the earlier: the
//!    waiter finds the lock free, or the release finds [`WAITED`], and then the bit too.
//! 2. A release leaves a word without [`WAITED`], so that whoever comes by may take the lock in JavaScript. The one that
//!    was rung sets it again if it has to sleep; if it gets the lock, it keeps [`WAITED`] as long as others wait.
//! 3. Who was rung and does not look passes the ring on (the baton), and sets [`WAITED`] for those it leaves behind.
//! 4. A ring goes to somebody who needs it: who gets the lock has no bit any more by then, and a dead one's bit is
//!    cleared by the first that rings it in vain.

use super::{Gate, Parties, Rung, WAITED, Word32, Word64};

/// What a look at a lock found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The lock is the caller's.
    Got,
    /// The lock is the caller's. Its holder had died: what it guards is to be mended.
    GotRecovered,
    /// Somebody holds it. The caller is known to wait: it sleeps until it is rung, and looks again.
    Sleep,
    /// Its holder has died, and the caller did not offer to recover.
    OwnerDied,
}

/// A lock that nobody holds cannot be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody holds the lock")]
pub struct NotHeld;

/// The word: bits 0–30 the holder's number, 0 = none; bit 31 [`WAITED`].
#[derive(Clone, Copy)]
struct Word(u32);

impl Word {
    fn holder(self) -> Option<u32> {
        Some(self.0 & !WAITED).filter(|id| *id != 0)
    }
}

/// Takes the lock for the context `me`, or makes it known as waiting. `recover`: also when the holder has died. `stay`:
/// other waiters of this context remain, whatever becomes of this one.
///
/// Who does not come back after [`Look::Sleep`] calls [`leave`].
pub fn look<A: Word32, B: Word64>(
    gate: &Gate<'_, A, B>,
    parties: &impl Parties,
    me: u32,
    recover: bool,
    stay: bool,
) -> Look {
    loop {
        gate.enter(me);
        // SYNC POINT: the bit is set, then the flag. Pairs with `release`. An exchange, not a load: a release must come
        // before it or find the flag.
        let word = Word(gate.word.fetch_or(WAITED));
        if let Some(holder) = word.holder() {
            if parties.alive(holder) {
                return Look::Sleep;
            }
            if !recover {
                if !stay {
                    leave(gate, parties, me);
                }
                return Look::OwnerDied;
            }
        }
        if !stay {
            // SYNC POINT: no bit any more, then the lock. A release finds no bit of somebody who would not look again.
            gate.leave(me);
        }
        // SYNC POINT: those whom the last release did not ring stay known. Pairs with the next `release`.
        let waited = if stay || gate.anybody() { WAITED } else { 0 };
        if gate.word.compare_exchange(word.0 | WAITED, me | waited).is_ok() {
            return if word.holder().is_some() { Look::GotRecovered } else { Look::Got };
        }
    }
}

/// Frees the lock, whoever holds it, and rings the next that waits. If no other context waits but `me` does, one of its
/// own waiters is to look.
pub fn release<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, parties: &impl Parties, me: u32) -> Result<Rung, NotHeld> {
    let mut word = Word(gate.word.load());
    while word.holder().is_some() {
        match gate.word.compare_exchange(word.0, 0) {
            // SYNC POINT: free, then look at the bits. Pairs with `look`.
            Ok(_) if word.0 & WAITED != 0 => return Ok(gate.ring(parties, me, 1)),
            Ok(_) => return Ok(Rung::default()),
            Err(now) => word = Word(now),
        }
    }
    Err(NotHeld)
}

/// Puts a lock back as the caller has found it ([`Look::GotRecovered`]): its holder `dead` has died, and what it guards is
/// to be mended. All that wait are rung, as at a death; `own`: those of the caller's context are to look.
pub fn put_back<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, parties: &impl Parties, me: u32, dead: u32) -> Rung {
    let mut word = Word(gate.word.load());
    while word.holder() == Some(me) {
        match gate.word.compare_exchange(word.0, dead) {
            // SYNC POINT: the dead holder, then look at the bits. Pairs with `look`, as a release does.
            Ok(_) if word.0 & WAITED != 0 => return gate.ring_all(parties, me),
            Ok(_) => break,
            Err(now) => word = Word(now),
        }
    }
    Rung::default()
}

/// The context `me` waits no more: the last of its waiters gave up, or it has died. Also for one that was rung and cannot
/// look, because it sleeps for something else; it must look as soon as it can.
pub fn leave<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, parties: &impl Parties, me: u32) {
    gate.leave(me);
    if gate.anybody() {
        // SYNC POINT: a ring that was meant for `me` is in its hands, and so is the flag that the release took away.
        let word = Word(gate.word.fetch_or(WAITED));
        if word.holder().is_none() {
            gate.ring(parties, me, 1);
        }
    }
}

#[cfg(test)]
pub(super) mod both {
    //! What a test and a model do with a lock.

    use super::*;
    use crate::primitives::testing::Room;

    /// As JavaScript does: one compare-exchange, and only then a look.
    pub fn try_acquire(room: &Room, me: u32) -> bool {
        room.gate().word.compare_exchange(0, me).is_ok()
    }

    /// Waits for the lock, on the bell.
    pub fn acquire(room: &Room, me: u32, recover: bool) -> Look {
        room.wait(me, || Some(look(&room.gate(), room, me, recover, false)).filter(|found| *found != Look::Sleep))
    }

    /// As JavaScript does: one compare-exchange, and only then the slow way.
    pub fn give(room: &Room, me: u32) {
        if room.gate().word.compare_exchange(me, 0).is_err() {
            release(&room.gate(), room, me).unwrap();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
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
}

#[cfg(all(test, loom))]
mod models {
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
}

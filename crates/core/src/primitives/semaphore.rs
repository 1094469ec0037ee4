//! A semaphore: permits that anybody takes and anybody gives.
//!
//! | word | state | who moves it on |
//! |---|---|---|
//! | permits | so many are to be had | who takes one, and who gives some: by one compare-exchange, in JavaScript |
//! | 0 + [`WAITED`] | none is to be had, and somebody waits | who gives some, by [`release`], which rings as many as can be of use |
//! | permits + [`WAITED`] | somebody waits, and somebody is about to look | who looks: takes one, and keeps [`WAITED`] if others wait |
//!
//! The word beside it is the most permits that there may be, 0 = [`MOST`]. It never changes.
//!
//! **No wake-up is lost**, for the reasons given for the lock, and one more: two rings for two permits may reach the same
//! waiter, which sleeps through the first. So whoever takes a permit, and leaves some for others that wait, rings one.

use super::{Gate, Parties, Rung, WAITED, Word32, Word64};

/// The most permits that a semaphore holds.
pub const MOST: u32 = (1 << 30) - 1;

/// There would be more permits than may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the semaphore holds {most} at most")]
pub struct TooMany {
    /// The most that there may be.
    pub most: u32,
}

/// The word: bits 0–30 the permits; bit 31 [`WAITED`].
#[derive(Clone, Copy)]
struct Word(u32);

impl Word {
    fn permits(self) -> u32 {
        self.0 & !WAITED
    }
}

/// How many permits are to be had now.
pub fn value<A: Word32, B: Word64>(gate: &Gate<'_, A, B>) -> u32 {
    Word(gate.word.load()).permits()
}

/// Takes a permit for the context `me`, or makes it known as waiting: false, it sleeps until it is rung, and looks again.
/// `stay`: other waiters of this context remain, whatever becomes of this one.
///
/// Who does not come back after false calls [`leave`].
pub fn look<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, parties: &impl Parties, me: u32, stay: bool) -> bool {
    loop {
        gate.enter(me);
        // SYNC POINT: the bit is set, then the flag. Pairs with `release`.
        let word = Word(gate.word.fetch_or(WAITED));
        let Some(left) = word.permits().checked_sub(1) else {
            return false;
        };
        if !stay {
            // SYNC POINT: no bit any more, then the permit. A release finds no bit of somebody who would not look again.
            gate.leave(me);
        }
        // SYNC POINT: those whom the last release did not ring stay known. Pairs with the next `release`.
        let others = stay || gate.anybody();
        let waited = if others { WAITED } else { 0 };
        if gate.word.compare_exchange(word.0 | WAITED, left | waited).is_ok() {
            if others && left > 0 {
                // SYNC POINT: a ring that came while this one was still waking up is passed on.
                gate.ring(parties, me, 1);
            }
            return true;
        }
    }
}

/// Gives `count` permits, and rings as many that wait. If fewer other contexts wait but `me` does, its own waiters are to
/// look.
pub fn release<A: Word32, B: Word64>(
    gate: &Gate<'_, A, B>,
    parties: &impl Parties,
    me: u32,
    count: u32,
) -> Result<Rung, TooMany> {
    let most = most(gate);
    let more = |permits: u32| permits.checked_add(count).filter(|sum| *sum <= most);
    give(gate, parties, me, more).ok_or(TooMany { most })
}

/// The context `me` waits no more: the last of its waiters gave up, or it has died. Also for one that was rung and cannot
/// look, because it sleeps for something else; it must look as soon as it can.
pub fn leave<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, parties: &impl Parties, me: u32) {
    gate.leave(me);
    if gate.anybody() {
        // SYNC POINT: a ring that was meant for `me` is in its hands, and so is the flag that the release took away.
        let word = Word(gate.word.fetch_or(WAITED));
        if word.permits() > 0 {
            gate.ring(parties, me, 1);
        }
    }
}

/// The context `dead` has died: it waits no more, and the `count` permits that it held come back, as many as there may be.
pub fn give_back<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, parties: &impl Parties, dead: u32, count: u32) {
    leave(gate, parties, dead);
    let most = most(gate);
    give(gate, parties, dead, |permits| Some(permits.saturating_add(count).min(most).max(permits)));
}

fn most<A: Word32, B: Word64>(gate: &Gate<'_, A, B>) -> u32 {
    Some(gate.aside.load()).filter(|most| *most != 0).unwrap_or(MOST).min(MOST)
}

/// Makes `more` of the permits. None: that cannot be.
fn give<A: Word32, B: Word64>(
    gate: &Gate<'_, A, B>,
    parties: &impl Parties,
    me: u32,
    more: impl Fn(u32) -> Option<u32>,
) -> Option<Rung> {
    let mut word = Word(gate.word.load());
    loop {
        let permits = word.permits();
        let sum = more(permits)?;
        if sum == permits {
            return Some(Rung::default());
        }
        match gate.word.compare_exchange(word.0, sum) {
            // SYNC POINT: the permits are there, then look at the bits. Pairs with `look`.
            Ok(_) if word.0 & WAITED != 0 => return Some(gate.ring(parties, me, sum - permits)),
            Ok(_) => return Some(Rung::default()),
            Err(now) => word = Word(now),
        }
    }
}

#[cfg(test)]
mod both {
    //! What a test and a model do with a semaphore.

    use super::*;
    use crate::primitives::testing::Room;

    /// As JavaScript does: a compare-exchange while there are permits and nobody waits.
    pub fn try_acquire(room: &Room) -> bool {
        let word = room.gate().word.load();
        (1..WAITED).contains(&word) && room.gate().word.compare_exchange(word, word - 1).is_ok()
    }

    pub fn acquire(room: &Room, me: u32) {
        room.wait(me, || look(&room.gate(), room, me, false).then_some(()));
    }

    /// As JavaScript does: a compare-exchange while nobody waits, and only then the slow way.
    pub fn give(room: &Room, me: u32) {
        let word = room.gate().word.load();
        if word >= WAITED || room.gate().word.compare_exchange(word, word + 1).is_err() {
            release(&room.gate(), room, me, 1).unwrap();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::both::{acquire, give, try_acquire};
    use super::*;
    use crate::primitives::testing::{CONTEXTS, Room, Watchdog, first, id};
    use crate::sync::{AtomicU32, Ordering};
    use std::thread::{scope, yield_now};

    const A: u32 = first(0);
    const B: u32 = first(1);
    const C: u32 = first(2);

    #[test]
    fn permits_are_taken_until_none_is_left() {
        let room = Room::new(3, 2, 0);
        let gate = room.gate();
        assert!(look(&gate, &room, A, false) && look(&gate, &room, A, false));
        assert_eq!(gate.word.load(), 0, "nobody waits, so JavaScript may give");
        assert!(!look(&gate, &room, A, false) && !look(&gate, &room, B, false));
        assert_eq!(release(&gate, &room, C, 0), Ok(Rung::default()));
        assert_eq!(gate.word.load(), WAITED, "no permit, and those who sleep stay known");
        assert_eq!(release(&gate, &room, C, 3), Ok(Rung { others: 2, own: false }));
        assert!(look(&gate, &room, B, false));
        assert_eq!(gate.word.load(), 2 | WAITED, "A still waits");
        assert!(look(&gate, &room, A, true));
        assert_eq!(gate.word.load(), 1 | WAITED, "and so does another task of A's");
        assert!(look(&gate, &room, A, false));
        assert_eq!(value(&gate), 0);
        assert!(!look(&gate, &room, A, false));
        assert_eq!(release(&gate, &room, A, 2), Ok(Rung { others: 0, own: true }));
    }

    #[test]
    fn there_are_never_more_permits_than_may_be() {
        let room = Room::new(1, 1, 2);
        assert_eq!(release(&room.gate(), &room, A, 2), Err(TooMany { most: 2 }));
        assert_eq!(release(&room.gate(), &room, A, 1), Ok(Rung::default()));
        assert_eq!(release(&room.gate(), &room, A, 1), Err(TooMany { most: 2 }));
        let unbounded = Room::new(1, MOST - 1, 0);
        assert_eq!(release(&unbounded.gate(), &unbounded, A, u32::MAX), Err(TooMany { most: MOST }));
        assert_eq!(release(&unbounded.gate(), &unbounded, A, 1), Ok(Rung::default()));
        assert_eq!(value(&unbounded.gate()), MOST);
    }

    #[test]
    fn what_the_dead_held_comes_back() {
        let room = Room::new(3, 0, 3);
        let gate = room.gate();
        assert!(!look(&gate, &room, B, false) && !look(&gate, &room, A, false));
        room.die(A);
        give_back(&gate, &room, A, 0);
        assert_eq!(gate.word.load(), WAITED);
        give_back(&gate, &room, A, 2);
        assert!(look(&gate, &room, B, false));
        give_back(&gate, &room, C, u32::MAX);
        assert_eq!(value(&gate), 3, "as many as there may be");
    }

    #[test]
    fn any_word_is_a_number_of_permits() {
        for rubbish in [MOST + 1, WAITED - 1, u32::MAX] {
            for most in [0, 1, u32::MAX] {
                let room = Room::new(1, rubbish, most);
                assert!(release(&room.gate(), &room, A, 1).is_err());
                give_back(&room.gate(), &room, B, 7);
                assert!(look(&room.gate(), &room, A, false));
                leave(&room.gate(), &room, A);
                assert_eq!(value(&room.gate()), (rubbish & !WAITED) - 1);
            }
        }
    }

    /// Sleepers wait without a time limit, so a lost ring hangs.
    #[test]
    fn every_permit_finds_a_waiter() {
        let _watchdog = Watchdog::new();
        let room = Room::new(CONTEXTS, 2, 2);
        let inside = AtomicU32::new(0);
        let rounds = if cfg!(miri) { 20 } else { 30_000 };
        scope(|s| {
            for me in (0..CONTEXTS).map(first) {
                let (room, inside) = (&room, &inside);
                s.spawn(move || {
                    for round in 0..rounds {
                        if round % 3 == 0 && !look(&room.gate(), room, me, false) {
                            // Gives up at once: a ring that is under way must go to another.
                            leave(&room.gate(), room, me);
                            continue;
                        }
                        if round % 3 != 0 && !try_acquire(room) {
                            acquire(room, me);
                        }
                        assert!(inside.fetch_add(1, Ordering::Relaxed) < 2);
                        if round % 64 == 0 {
                            yield_now();
                        }
                        inside.fetch_sub(1, Ordering::Relaxed);
                        give(room, me);
                    }
                });
            }
        });
        assert_eq!(value(&room.gate()), 2);
        assert!(!room.gate().anybody());
    }

    #[test]
    fn holders_and_waiters_that_die_take_no_permit_with_them() {
        let _watchdog = Watchdog::new();
        let room = Room::new(CONTEXTS, 1, 1);
        let lives = if cfg!(miri) { 5 } else { 3_000 };
        scope(|s| {
            for slot in 0..CONTEXTS {
                let room = &room;
                s.spawn(move || {
                    for generation in 1..=lives {
                        let me = id(slot, generation);
                        room.live(me);
                        acquire(room, me);
                        room.alone(|| ());
                        // Even lives end as a holder, odd ones as a waiter.
                        let mut held = 1;
                        if generation % 2 == 1 {
                            give(room, me);
                            held = u32::from(look(&room.gate(), room, me, false));
                        }
                        room.die(me);
                        give_back(&room.gate(), room, me, held);
                    }
                });
            }
        });
        assert_eq!(room.gate().word.load() & !WAITED, 1);
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::both::{acquire, give, try_acquire};
    use super::*;
    use crate::primitives::testing::{Room, first, thread};
    use loom::sync::Arc;
    use std::mem::replace;

    const A: u32 = first(0);
    const B: u32 = first(1);
    const C: u32 = first(2);

    /// A and B wait for a permit each, and keep it.
    fn two_wait(main: fn(&Room)) {
        loom::model(move || {
            let room = Arc::new(Room::new(3, 0, 0));
            let others = [A, B].map(|me| thread(&room, move |room| acquire(room, me)));
            main(&room);
            others.into_iter().for_each(|other| other.join().unwrap());
            assert_eq!(value(&room.gate()), 0);
        });
    }

    #[test]
    fn permits_given_one_by_one_reach_everybody() {
        two_wait(|room| {
            give(room, C);
            give(room, C);
        });
    }

    #[test]
    fn permits_given_at_once_reach_everybody() {
        two_wait(|room| {
            release(&room.gate(), room, C, 2).unwrap();
        });
    }

    #[test]
    fn a_permit_goes_round_and_never_to_two() {
        loom::model(|| {
            let room = Arc::new(Room::new(3, 1, 0));
            let others = [A, B].map(|me| {
                thread(&room, move |room| {
                    acquire(room, me);
                    room.alone(|| ());
                    give(room, me);
                })
            });
            // JavaScript barges in.
            if try_acquire(&room) {
                room.alone(|| ());
                give(&room, C);
            }
            others.into_iter().for_each(|other| other.join().unwrap());
            assert_eq!(value(&room.gate()), 1);
        });
    }

    #[test]
    fn who_gives_up_passes_its_ring_on() {
        loom::model(|| {
            let room = Arc::new(Room::new(3, 0, 0));
            look(&room.gate(), &*room, A, false);
            let impatient = thread(&room, |room| {
                let mut rung = false;
                room.wait(A, || replace(&mut rung, true).then_some(()));
                leave(&room.gate(), room, A);
            });
            let patient = thread(&room, |room| acquire(room, B));
            give(&room, C);
            // JavaScript barges in: the word has lost its flag.
            if try_acquire(&room) {
                give(&room, C);
            }
            impatient.join().unwrap();
            patient.join().unwrap();
        });
    }

    #[test]
    fn a_permit_of_the_dead_reaches_who_waits() {
        loom::model(|| {
            let room = Arc::new(Room::new(3, 0, 0));
            look(&room.gate(), &*room, A, false);
            let other = thread(&room, |room| acquire(room, B));
            room.die(A);
            give_back(&room.gate(), &*room, A, 1);
            other.join().unwrap();
        });
    }
}

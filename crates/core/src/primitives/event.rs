//! A flag that many wait for, and that lets all of them pass.
//!
//! | word | state | who moves it on |
//! |---|---|---|
//! | epoch, 0 | clear | anybody, to *set*, with the next epoch: by one compare-exchange, in JavaScript |
//! | epoch, 1 | set | anybody, to *clear*, by taking bit 0 away, in JavaScript |
//! | either + [`WAITED`] | somebody waits, or did | anybody, by [`set`], which rings all that wait; *clear* keeps it |
//!
//! A waiter remembers the word from when it began to wait. It passes if the event is set, or if the epoch is another: so it
//! passes too if the event was cleared again before it could look.
//!
//! **No wake-up is lost.** A waiter sets its bit, then [`WAITED`]; who sets the event moves the same word, then rings all
//! bits. The waiter finds the new epoch, or the other finds the flag, and then the bit too. As everybody is rung, and
//! everybody who was waiting passes, nobody has to pass a ring on.

use super::{Gate, Parties, Rung, WAITED, Word32, Word64};

/// The word: bit 0 whether it is set; bits 1–30 the epoch; bit 31 [`WAITED`].
#[derive(Clone, Copy)]
struct Word(u32);

impl Word {
    const SET: u32 = 1;
    const EPOCH: u32 = !(Self::SET | WAITED);

    fn is_set(self) -> bool {
        self.0 & Self::SET != 0
    }

    /// Set, in the next epoch, and nobody waits any more.
    fn next(self) -> Self {
        Self((self.0 & Self::EPOCH).wrapping_add(Self::SET << 1) & Self::EPOCH | Self::SET)
    }

    /// Whether somebody passes who remembers `seen`.
    fn lets_pass(self, seen: Self) -> bool {
        self.is_set() || (self.0 ^ seen.0) & Self::EPOCH != 0
    }
}

/// Whether the event is set.
pub fn is_set<A: Word32, B: Word64>(gate: &Gate<'_, A, B>) -> bool {
    Word(gate.word.load()).is_set()
}

/// Sets the event, and rings everybody who waits. If `me` waits too, its own waiters are to look.
pub fn set<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, parties: &impl Parties, me: u32) -> Rung {
    let mut word = Word(gate.word.load());
    while !word.is_set() {
        match gate.word.compare_exchange(word.0, word.next().0) {
            // SYNC POINT: set, then look at the bits. Pairs with `look`.
            Ok(_) if word.0 & WAITED != 0 => return gate.ring_all(parties, me),
            Ok(_) => break,
            Err(now) => word = Word(now),
        }
    }
    Rung::default()
}

/// Clears the event. Who waited before still passes.
pub fn clear<A: Word32, B: Word64>(gate: &Gate<'_, A, B>) {
    gate.word.fetch_and(!Word::SET);
}

/// Whether a waiter of the context `me` passes, which remembers the word as `seen`; if not, it is known to wait, sleeps
/// until it is rung, and looks again. `stay`: other waiters of this context remain, whatever becomes of this one.
///
/// Who does not come back after false calls [`leave`].
pub fn look<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, me: u32, seen: u32, stay: bool) -> bool {
    gate.enter(me);
    // SYNC POINT: the bit is set, then the flag. Pairs with `set`.
    let passes = Word(gate.word.fetch_or(WAITED)).lets_pass(Word(seen));
    if passes && !stay {
        leave(gate, me);
    }
    passes
}

/// The context `me` waits no more: the last of its waiters gave up, or it has died.
pub fn leave<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, me: u32) {
    gate.leave(me);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::primitives::testing::{CONTEXTS, Room, Watchdog, first};
    use crate::sync::{AtomicU32, Ordering};
    use std::thread::scope;

    const A: u32 = first(0);
    const B: u32 = first(1);
    const C: u32 = first(2);

    #[test]
    fn everybody_passes_while_it_is_set() {
        let room = Room::new(3, 0, 0);
        let gate = room.gate();
        let seen = gate.word.load();
        assert!(!look(&gate, A, seen, false) && !look(&gate, B, seen, false));
        assert_eq!(set(&gate, &room, B), Rung { others: 1, own: true });
        assert_eq!(set(&gate, &room, C), Rung::default(), "it is set already");
        assert!(is_set(&gate) && look(&gate, A, seen, false) && look(&gate, C, gate.word.load(), false));
        clear(&gate);
        assert!(!is_set(&gate));
        assert!(look(&gate, B, seen, true), "it waited when the event was set");
        assert!(!look(&gate, B, gate.word.load(), false), "another one did not");
        leave(&gate, B);
        assert_eq!(set(&gate, &room, A), Rung::default());
    }

    #[test]
    fn the_epoch_comes_round() {
        let last = Word::EPOCH;
        let room = Room::new(2, last | WAITED, 0);
        assert!(!look(&room.gate(), A, last, false));
        set(&room.gate(), &room, B);
        assert_eq!(room.gate().word.load(), Word::SET);
        clear(&room.gate());
        assert!(look(&room.gate(), A, last, false));
    }

    /// Sleepers wait without a time limit, so a lost ring hangs. The next round begins when all have passed.
    #[test]
    fn everybody_passes_even_if_it_is_cleared_at_once() {
        let _watchdog = Watchdog::new();
        let room = Room::new(CONTEXTS, 0, 0);
        let (setter, others) = (first(0), CONTEXTS as u32 - 1);
        let (began, passed, ended) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
        let rounds = if cfg!(miri) { 20 } else { 10_000 };
        scope(|s| {
            for me in (1..CONTEXTS).map(first) {
                let (room, began, passed, ended) = (&room, &began, &passed, &ended);
                s.spawn(move || {
                    for round in 1..=rounds {
                        let seen = room.gate().word.load();
                        began.fetch_add(1, Ordering::SeqCst);
                        room.ring(0);
                        room.wait(me, || look(&room.gate(), me, seen, false).then_some(()));
                        passed.fetch_add(1, Ordering::SeqCst);
                        room.ring(0);
                        room.wait(me, || (ended.load(Ordering::SeqCst) == round).then_some(()));
                    }
                });
            }
            for round in 1..=rounds {
                room.wait(setter, || (began.load(Ordering::SeqCst) == round * others).then_some(()));
                set(&room.gate(), &room, setter);
                clear(&room.gate());
                room.wait(setter, || (passed.load(Ordering::SeqCst) == round * others).then_some(()));
                ended.store(round, Ordering::SeqCst);
                (1..CONTEXTS).for_each(|slot| assert!(room.ring(slot)));
            }
        });
        assert!(!room.gate().anybody());
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::primitives::testing::{Room, first, thread};
    use loom::sync::Arc;

    const A: u32 = first(0);
    const B: u32 = first(1);
    const C: u32 = first(2);

    /// As JavaScript does: a compare-exchange while nobody waits, and only then the slow way.
    fn set_it(room: &Room, me: u32) {
        let word = room.gate().word.load();
        if word & (WAITED | Word::SET) != 0 || room.gate().word.compare_exchange(word, word + 3).is_err() {
            set(&room.gate(), room, me);
        }
    }

    /// A and B began to wait before anything happens.
    fn two_wait(main: fn(&Room)) {
        loom::model(move || {
            let room = Arc::new(Room::new(3, 0, 0));
            let wait = |me| move |room: &Room| room.wait(me, || look(&room.gate(), me, 0, false).then_some(()));
            let others = [A, B].map(|me| thread(&room, wait(me)));
            main(&room);
            others.into_iter().for_each(|other| other.join().unwrap());
        });
    }

    #[test]
    fn everybody_passes() {
        two_wait(|room| set_it(room, C));
    }

    #[test]
    fn everybody_passes_even_if_it_is_cleared_at_once() {
        two_wait(|room| {
            set_it(room, C);
            clear(&room.gate());
        });
    }

    #[test]
    fn who_begins_to_wait_after_it_was_cleared_passes_with_the_next() {
        loom::model(|| {
            let room = Arc::new(Room::new(3, 0, 0));
            let early = thread(&room, |room| room.wait(A, || look(&room.gate(), A, 0, false).then_some(())));
            set_it(&room, C);
            clear(&room.gate());
            let late = thread(&room, |room| {
                let seen = room.gate().word.load();
                room.wait(B, || look(&room.gate(), B, seen, false).then_some(()));
            });
            early.join().unwrap();
            // Once more for nothing: who waits stays known.
            clear(&room.gate());
            set_it(&room, C);
            late.join().unwrap();
        });
    }
}

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

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;

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

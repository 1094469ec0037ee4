//! A side's lock: a word with the number of the context that holds it, 0 = nobody.
//!
//! It is held for a few dozen instructions, and never given up by unwinding or dropping: who dies inside keeps it until
//! it is swept.

use super::{Caller, Fault, Long, Memory};
use crate::primitives::Parties;
use crate::sync::pause;

/// Runs `inside` while the caller holds the lock.
#[inline]
pub(super) fn locked<M: Memory, P: Parties, R>(
    word: &M::Long,
    me: &Caller<'_, M, P>,
    inside: impl FnOnce() -> R,
) -> Result<R, Fault> {
    // SYNC POINT: side handed on.
    if word.exchange(0, u64::from(me.id)).is_err() {
        wait(word, me)?;
    }
    let result = inside();
    // SYNC POINT: side handed on.
    word.release(0);
    Ok(result)
}

#[cold]
fn wait<M: Memory, P: Parties>(word: &M::Long, me: &Caller<'_, M, P>) -> Result<(), Fault> {
    for turn in 0.. {
        let owner = word.get();
        if owner == 0 && word.exchange(0, u64::from(me.id)).is_ok() {
            break;
        }
        let id = owner as u32;
        // It is still the owner, so it died as that.
        if pause(turn) && owner != 0 && !me.parties.alive(id) && word.get() == owner {
            return Err(Fault::OwnerDied { id });
        }
    }
    Ok(())
}

//! The words that every primitive begins with.

use super::{Word32, Word64, slot_of};
use crate::region::Region;
use crate::sync::shared::{AtomicU32, AtomicU64};

/// Contexts that the table has room for.
pub const SLOTS: usize = 1024;
/// 64-bit words of waiting bits.
pub const WAITERS: usize = SLOTS / 64;
/// Bytes of a gate: the word, a word beside it, and the bits.
pub const GATE_BYTES: usize = 8 + WAITERS * 8;

/// The word, a word beside it that each primitive uses as it likes, and who waits.
///
/// Bit `slot % 64` of `waiters[slot / 64]` is set while the context on that slot waits. Setting it, and then the
/// primitive's own flag in `word`, is what makes a waiter known; see each primitive.
pub struct Gate<'a, A, B> {
    /// The truth about who may pass.
    pub word: &'a A,
    /// Something beside it.
    pub aside: &'a A,
    /// A bit for every context that waits.
    pub waiters: &'a [B],
}

/// A gate in the region.
pub type GateRef<'a> = Gate<'a, AtomicU32, AtomicU64>;

impl<'a> GateRef<'a> {
    /// The gate at byte `offset` of the region, or None where there is none.
    pub fn at(region: &'a Region, offset: usize) -> Option<Self> {
        let word = region.word(offset)?;
        let aside = region.word(offset + 4)?;
        let waiters = region.longs(offset + 8, WAITERS)?;
        Some(Self { word, aside, waiters })
    }
}

impl<A: Word32, B: Word64> Gate<'_, A, B> {
    /// The context of this number waits from here on. False: it did already.
    pub fn enter(&self, id: u32) -> bool {
        let (slot, bit) = (slot_of(id), 1 << (slot_of(id) % 64));
        self.waiters[slot / 64].fetch_or(bit) & bit == 0
    }

    /// The context of this number waits no more. False: it did not.
    pub fn leave(&self, id: u32) -> bool {
        let (slot, bit) = (slot_of(id), 1 << (slot_of(id) % 64));
        self.waiters[slot / 64].fetch_and(!bit) & bit != 0
    }

    /// Whether somebody waits.
    pub fn anybody(&self) -> bool {
        self.waiters.iter().any(|word| word.load() != 0)
    }

    /// The next slot behind that of `id`, around the table, on which somebody waits; its own is the last.
    pub fn next_after(&self, id: u32) -> Option<usize> {
        let count = self.waiters.len();
        let from = (slot_of(id) + 1) % (count * 64);
        let first = self.waiters[from / 64].load() & (u64::MAX << (from % 64));
        if first != 0 {
            return Some(from / 64 * 64 + first.trailing_zeros() as usize);
        }
        (1..=count).find_map(|step| {
            let at = (from / 64 + step) % count;
            let bits = self.waiters[at].load();
            (bits != 0).then(|| at * 64 + bits.trailing_zeros() as usize)
        })
    }

    /// Every slot on which somebody waits.
    pub fn slots(&self) -> impl Iterator<Item = usize> {
        self.waiters.iter().enumerate().flat_map(|(at, word)| {
            let bits = word.load();
            (0..64).filter(move |bit| bits >> bit & 1 != 0).map(move |bit| at * 64 + bit)
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_next_waiter_comes_round() {
        let region = Region::reserve(8 << 20).unwrap();
        region.ensure(8192).unwrap();
        let gate = GateRef::at(&region, 4096).unwrap();
        assert_eq!(gate.next_after(5), None);
        assert!(!gate.anybody());
        for id in [3, 64, 700] {
            assert!(gate.enter(id) && !gate.enter(id));
        }
        assert!(gate.anybody());
        assert_eq!(gate.slots().collect::<Vec<_>>(), [3, 64, 700]);
        let after = |id| gate.next_after(id).unwrap();
        assert_eq!([after(0), after(3), after(63), after(64), after(700), after(1023)], [3, 64, 64, 700, 3, 3]);
        assert!(gate.leave(3) && !gate.leave(3));
        gate.leave(700);
        assert_eq!(after(64), 64, "its own is the last");
        // A number's slot is what counts, whatever its generation.
        gate.leave(64 + 7 * SLOTS as u32);
        assert!(!gate.anybody());
    }
}

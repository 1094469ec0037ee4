//! The words that every primitive begins with.

use super::{Parties, Word32, Word64, slot_of};
use crate::region::Region;
use crate::sync::shared::{AtomicU32, AtomicU64};

/// Contexts that the table has room for.
pub const SLOTS: usize = 1024;
/// The flag in a primitive's word: somebody may wait, so that who lets others pass has to look at the bits.
pub const WAITED: u32 = 1 << 31;
/// 64-bit words of waiting bits.
pub const WAITERS: usize = SLOTS / 64;
/// Bytes of a gate: the word, a word beside it, and the bits.
pub const GATE_BYTES: usize = 8 + WAITERS * 8;

/// The word, a word beside it that each primitive uses as it likes, and who waits.
///
/// Bit `slot % 64` of `waiters[slot / 64]` is set while the context on that slot waits. Setting it, and then [`WAITED`] in
/// `word`, is what makes a waiter known.
pub struct Gate<'a, A, B> {
    /// The truth about who may pass.
    pub word: &'a A,
    /// Something beside it.
    pub aside: &'a A,
    /// A bit for every context that waits.
    pub waiters: &'a [B],
}

/// Who was rung.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rung {
    /// How many other contexts.
    pub others: u32,
    /// Those were fewer than could be of use, and the context that asked waits itself: it is its turn to look.
    pub own: bool,
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
        // Mostly nobody does, and without a branch per word that is found out soonest.
        self.waiters.iter().fold(0, |bits, word| bits | word.load()) != 0
    }

    /// Rings contexts that wait, from the slot behind that of `id` on, around the table, `most` at most. The context on
    /// the slot of `id` is the last, and is not rung but named: it is the one that asks.
    pub fn ring(&self, parties: &impl Parties, id: u32, most: u32) -> Rung {
        let mut rung = Rung::default();
        for slot in self.behind(id) {
            if rung.others == most {
                break;
            }
            if slot == slot_of(id) {
                rung.own = true;
            } else if self.reach(parties, slot) {
                rung.others += 1;
            }
        }
        rung
    }

    /// Rings every context that waits.
    pub fn ring_all(&self, parties: &impl Parties, id: u32) -> Rung {
        self.ring(parties, id, u32::MAX)
    }

    /// Rings the context on this slot. False: it is dead, and its bit is cleared, so that it never takes a ring that is
    /// meant for others.
    fn reach(&self, parties: &impl Parties, slot: usize) -> bool {
        if parties.ring(slot) {
            return true;
        }
        self.waiters[slot / 64].fetch_and(!(1 << (slot % 64)));
        // SYNC POINT: the bit is cleared, then a second ring. The bit may have been that of a context which is new on
        // this slot: it is rung, looks again, and sets it again.
        parties.ring(slot)
    }

    /// The next slot behind that of `id`, around the table, on which somebody waits; its own is the last.
    pub fn next_after(&self, id: u32) -> Option<usize> {
        self.behind(id).next()
    }

    /// Every slot on which somebody waits.
    pub fn slots(&self) -> impl Iterator<Item = usize> {
        self.waiters.iter().enumerate().flat_map(|(at, word)| bits(word.load()).map(move |bit| at * 64 + bit))
    }

    /// The slots on which somebody waits, from the one behind that of `id` on, around the table; its own is the last.
    fn behind(&self, id: u32) -> impl Iterator<Item = usize> {
        let count = self.waiters.len();
        let from = (slot_of(id) + 1) % (count * 64);
        (0..=count).flat_map(move |step| {
            let at = (from / 64 + step) % count;
            // The word where it begins is looked at twice: its upper part first, its lower part last.
            let upper = u64::MAX << (from % 64);
            let part = if step == 0 {
                upper
            } else if step == count {
                !upper
            } else {
                u64::MAX
            };
            bits(self.waiters[at].load() & part).map(move |bit| at * 64 + bit)
        })
    }
}

/// The numbers of the bits that are set.
pub(super) fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < u64::BITS).then_some(bit as usize)
    })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::cell::RefCell;

    struct Living<'a>(&'a [usize], RefCell<Vec<usize>>);

    impl Parties for Living<'_> {
        fn alive(&self, id: u32) -> bool {
            self.0.contains(&slot_of(id))
        }
        fn ring(&self, slot: usize) -> bool {
            self.1.borrow_mut().push(slot);
            self.0.contains(&slot)
        }
    }

    #[test]
    fn rings_go_round_and_only_to_those_who_wait_and_live() {
        let region = Region::reserve(8 << 20).unwrap();
        region.ensure(8192).unwrap();
        let gate = GateRef::at(&region, 4096).unwrap();
        let ring = |from: u32, most: u32, living: &[usize]| {
            let living = Living(living, RefCell::default());
            let rung = gate.ring(&living, from, most);
            (living.1.into_inner(), rung)
        };
        let all = [3, 64, 66, 700];
        let (other, own) = (Rung { others: 1, own: false }, Rung { others: 0, own: true });
        assert_eq!(ring(5, 1, &all), (vec![], Rung::default()));
        assert!(!gate.anybody());
        for id in [3, 64, 700] {
            assert!(gate.enter(id) && !gate.enter(id));
        }
        assert!(gate.anybody());
        assert_eq!(gate.slots().collect::<Vec<_>>(), [3, 64, 700]);
        assert_eq!(gate.next_after(64), Some(700));
        for (from, first) in [(0, 3), (3, 64), (63, 64), (64, 700), (65, 700), (700, 3), (1023, 3)] {
            assert_eq!(ring(from, 1, &all), (vec![first], other), "from {from}");
        }
        assert_eq!(ring(64, 2, &all), (vec![700, 3], Rung { others: 2, own: false }));
        assert_eq!(ring(64, 9, &all), (vec![700, 3], Rung { others: 2, own: true }), "its own is the last");
        assert_eq!(ring(66, 9, &all), (vec![700, 3, 64], Rung { others: 3, own: false }));
        // The dead are passed over, and forgotten.
        assert_eq!(ring(0, 1, &[64, 700]), (vec![3, 3, 64], other));
        assert_eq!(ring(0, 1, &[64, 700]), (vec![64], other));
        assert!(gate.leave(700) && !gate.leave(700));
        assert_eq!(ring(64, 1, &all), (vec![], own));
        // A number's slot is what counts, whatever its generation.
        gate.leave(64 + 7 * SLOTS as u32);
        assert!(!gate.anybody());
    }
}

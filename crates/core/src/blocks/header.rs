//! What a block's header says, see [`super`].

use super::class::CLASSES;
use super::{Links, UNIT};
use crate::region::Region;
use crate::sync::{Ordering, shared};

/// In the word with the class: the block carries shared objects, and who frees it lets go of them.
pub const CARRIES: u32 = 1 << 31;

/// The headers of a region's small blocks, as the links of free lists.
pub struct Headers<'a>(pub &'a Region);

impl Links for Headers<'_> {
    fn next(&self, block: u32) -> u32 {
        self.0.word(block as usize * UNIT + 12).map_or(0, |w| w.load(Ordering::Relaxed))
    }
    fn set_next(&self, block: u32, next: u32) {
        if let Some(word) = self.0.word(block as usize * UNIT + 12) {
            word.store(next, Ordering::Relaxed);
        }
    }
}

/// The class in a header, or any other if the header was overwritten.
pub fn class_of(word: &shared::AtomicU32) -> usize {
    (word.load(Ordering::Relaxed) & !CARRIES) as usize % CLASSES
}

/// The same tag with another owner.
pub fn named(tag: u64, owner: u32) -> u64 {
    tag >> 32 << 32 | u64::from(owner)
}

/// Changes a tag. False: it was not `from` any more.
pub fn swap(tag: &shared::AtomicU64, from: u64, to: u64) -> bool {
    tag.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

//! Which pages belong to large blocks.

use super::PAGE;
use crate::region::{HEADER_PAGE, Region};
use crate::sync::Ordering;
use crate::sync::shared::AtomicU64;
use std::ops::Range;

/// Which pages of a region large blocks were carved from: a bit each, behind the region's first page. It is for ever: a
/// page that was free may be in use again.
pub struct Pages<'a>(pub(super) &'a [AtomicU64]);

impl<'a> Pages<'a> {
    /// Bytes of the bits of a region of `reserve` bytes, whole pages.
    pub const fn bytes(reserve: usize) -> usize {
        (reserve.div_ceil(PAGE * 64) * 8).next_multiple_of(PAGE)
    }

    /// The bits of a region, which have memory.
    pub fn of(region: &'a Region) -> Self {
        let words = region.longs(HEADER_PAGE, Self::bytes(region.reserved()) / 8);
        Self(words.expect("committed as the first"))
    }

    /// Adds the pages of `range`, before the region's top moves past them: that is what orders this.
    pub fn insert(&self, range: Range<usize>) {
        for page in range.start / PAGE..range.end / PAGE {
            self.0[page / 64].fetch_or(1 << (page % 64), Ordering::Relaxed);
        }
    }

    /// Whether the page of a byte below the region's top is one of them.
    pub fn contains(&self, at: usize) -> bool {
        let page = at / PAGE;
        self.0.get(page / 64).is_some_and(|bits| bits.load(Ordering::Relaxed) >> (page % 64) & 1 == 1)
    }
}

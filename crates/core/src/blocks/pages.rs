//! Which pages belong to large blocks.

use super::PAGE;
use crate::sync::{AtomicU64, Ordering};
use std::ops::Range;

/// Which pages of a region large blocks were carved from. It is for ever: a page that was free may be in use again.
#[derive(Debug)]
pub struct Pages(pub(super) Box<[AtomicU64]>);

impl Pages {
    /// None of a region of `reserve` bytes.
    pub fn new(reserve: usize) -> Self {
        Self((0..reserve.div_ceil(PAGE * 64)).map(|_| AtomicU64::new(0)).collect())
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

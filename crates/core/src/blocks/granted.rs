//! The blocks of a process that has attached to another's region.
//!
//! It is granted some blocks of a size at a time, and keeps those that it frees for later, up to a limit. Their tags name
//! the process meanwhile. So it allocates and frees small blocks without asking anybody, and whatever it was about to do
//! when it was killed, every block has an owner that has died. Large blocks, and blocks that carry shared objects, are
//! the business of who reserved the region.

use super::class::{CLASSES, class_bytes};
use super::header::Headers;
use super::{BlockError, Blocks, Found};
use crate::region::Region;
use crate::sync::{AtomicUsize, Ordering};

/// Bytes that are asked for at a time, where more than one block fits in them.
const BATCH: usize = 32 << 10;
/// The most blocks that are asked for, or given back, at a time.
pub const MOST: usize = 16;

/// The process that reserved the region, seen from one that has attached to it.
pub trait Source: Send + Sync + std::fmt::Debug {
    /// Up to `count` blocks, at most [`MOST`], with `bytes` of payload, for this process.
    fn grant(&self, region: &Region, bytes: usize, count: usize) -> Result<Vec<u32>, BlockError>;
    /// Takes blocks of this process back, [`MOST`] at most.
    fn take_back(&self, region: &Region, blocks: &[u32]);
    /// As [`Blocks::alloc`].
    fn alloc(&self, region: &Region, owner: u32, bytes: usize) -> Result<u32, BlockError>;
    /// As [`Blocks::free`]; false: refused.
    fn free(&self, region: &Region, owner: u32, block: u32) -> bool;
    /// As [`Blocks::hand_over`]; false: refused.
    fn hand_over(&self, region: &Region, block: u32, from: u32, to: u32) -> bool;
    /// As [`Blocks::sweep`].
    fn sweep(&self, region: &Region, owner: u32) -> usize;
    /// As [`Blocks::in_use`].
    fn in_use(&self, region: &Region) -> usize;
}

/// What this process was granted.
#[derive(Debug)]
pub struct Granted {
    source: Box<dyn Source>,
    /// About how many blocks of a class are in its list.
    kept: Box<[AtomicUsize]>,
}

/// Blocks of `class` that are asked for at a time.
fn batch(class: usize) -> usize {
    (BATCH / class_bytes(class)).clamp(1, MOST)
}

impl Granted {
    pub fn new(source: Box<dyn Source>) -> Self {
        Self { source, kept: (0..CLASSES).map(|_| AtomicUsize::new(0)).collect() }
    }

    pub fn source(&self) -> &dyn Source {
        &*self.source
    }

    /// A block was taken from a list.
    pub fn used(&self, class: Option<usize>) {
        if let Some(class) = class {
            let less = |kept: usize| Some(kept.saturating_sub(1));
            let _ = self.kept[class].fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }
}

impl Blocks {
    /// A block that is in no list of this process.
    #[cold]
    pub(super) fn ask(
        &self,
        granted: &Granted,
        owner: u32,
        class: Option<usize>,
        bytes: usize,
    ) -> Result<u32, BlockError> {
        let Some(class) = class else {
            return granted.source.alloc(&self.region, owner, bytes);
        };
        // For so many bytes, so that the blocks are of this class there too: some classes are of one size.
        let mut blocks = granted.source.grant(&self.region, bytes, batch(class))?;
        let block = blocks.pop().ok_or(BlockError::TooLarge { bytes })?;
        blocks.into_iter().for_each(|block| self.shelve(granted, block));
        self.hand_over(block, self.idle, owner)?;
        Ok(block)
    }

    /// Puts a block of this process into its list.
    fn shelve(&self, granted: &Granted, block: u32) {
        match self.find(block) {
            Some(Found::Small { class, .. }) => {
                granted.kept[class].fetch_add(1, Ordering::Relaxed);
                self.lists[class].push(&Headers(&self.region), block);
            }
            // Where memory is short, more was granted than was asked for.
            _ => granted.source.take_back(&self.region, &[block]),
        }
    }

    /// A block of this class was freed: if the list has become long, some of it is given back.
    pub(super) fn keep_few(&self, granted: &Granted, class: usize) {
        let some = batch(class);
        if granted.kept[class].fetch_add(1, Ordering::Relaxed) < 4 * some {
            return;
        }
        let list = &self.lists[class];
        let blocks: Vec<_> = std::iter::from_fn(|| list.pop(&Headers(&self.region))).take(some).collect();
        blocks.iter().for_each(|_| granted.used(Some(class)));
        granted.source.take_back(&self.region, &blocks);
    }
}

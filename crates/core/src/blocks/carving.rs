//! Where blocks come from that are in no list, in the process that has reserved the region: the chunk that small ones are
//! carved off, and the pages of large ones.

use super::class::{CLASSES, class_bytes};
use super::header::Headers;
use super::large::Large;
use super::{BlockError, Blocks, HEADER, PAGE, Supply, UNIT};
use crate::sync::Ordering;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

/// Chunks for small blocks end at multiples of this many bytes.
const CHUNK: usize = 1 << 20;

/// What one thread at a time may change.
#[derive(Debug)]
pub struct Carving {
    /// What is left of the chunk that small blocks are carved off. Nothing was ever written there.
    pub chunk: Range<usize>,
    pub large: Large,
}

impl Blocks {
    /// A block that is in no list.
    #[cold]
    pub(super) fn alloc_new(&self, owner: u32, class: Option<usize>, bytes: usize) -> Result<u32, BlockError> {
        let Some(class) = class else {
            return self.alloc_large(owner, bytes);
        };
        // Where nothing can be carved any more, pages may be free, and larger blocks.
        let carved = self.carve(owner, class, bytes).or_else(|_| self.alloc_large(owner, bytes));
        carved.or_else(|error| (class + 1..CLASSES).find_map(|class| self.reuse(owner, class)).ok_or(error))
    }

    fn carve(&self, owner: u32, class: usize, bytes: usize) -> Result<u32, BlockError> {
        let mut carving = self.carving();
        let top = self.top().load(Ordering::Relaxed) as usize;
        if carving.chunk.len() < class_bytes(class) {
            let start = if carving.chunk.end == top { carving.chunk.start } else { top };
            let end = (start + class_bytes(class).max(CHUNK / 2)).next_multiple_of(CHUNK);
            self.commit(end, bytes)?;
            let rest = std::mem::replace(&mut carving.chunk, start..end);
            if rest.end != top {
                self.leave(rest);
            }
            // SYNC POINT: pages known.
            self.top().store(end as u64, Ordering::Release);
        }
        let block = self.stamp(&mut carving.chunk, class, u64::from(owner));
        block.ok_or(BlockError::TooLarge { bytes })
    }

    /// Makes the begin of `chunk` a block.
    fn stamp(&self, chunk: &mut Range<usize>, class: usize, tag: u64) -> Option<u32> {
        let block = u32::try_from(chunk.start / UNIT).ok()?;
        self.class(block)?.store(class as u32, Ordering::Relaxed);
        // SYNC POINT: block carved.
        self.tag(block)?.store(tag, Ordering::Release);
        chunk.start += class_bytes(class);
        Some(block)
    }

    /// Makes free blocks of what is left of a chunk.
    fn leave(&self, mut rest: Range<usize>) {
        while let Some(class) = (0..CLASSES).rev().find(|class| class_bytes(*class) <= rest.len())
            && let Some(block) = self.stamp(&mut rest, class, 0)
        {
            self.lists[class].push(&Headers(&self.region), block);
        }
    }

    fn alloc_large(&self, owner: u32, bytes: usize) -> Result<u32, BlockError> {
        let too_large = || BlockError::TooLarge { bytes };
        let length = bytes.checked_add(HEADER).and_then(|all| all.checked_next_multiple_of(PAGE));
        let length = length.ok_or_else(too_large)?;
        let mut carving = self.carving();
        let top = self.top().load(Ordering::Relaxed) as usize;
        let start = carving.large.place(length, top);
        let end = start.checked_add(length).ok_or_else(too_large)?;
        let block = u32::try_from(start / UNIT).map_err(|_| too_large())?;
        self.commit(end, bytes)?;
        let taken = carving.large.take(&self.region, start..end, owner);
        taken.map_err(|source| BlockError::OutOfMemory { bytes, source })?;
        if end > top {
            self.pages().insert(top..end);
            // SYNC POINT: pages known.
            self.top().store(end as u64, Ordering::Release);
        }
        Ok(block)
    }

    fn commit(&self, end: usize, bytes: usize) -> Result<(), BlockError> {
        self.region.ensure(end).map_err(|source| BlockError::OutOfMemory { bytes, source })
    }

    /// Of the process that has reserved the region; nobody else carves.
    pub(super) fn carving(&self) -> MutexGuard<'_, Carving> {
        match &self.supply {
            Supply::Own(carving) => locked(carving),
            Supply::Granted(_) => unreachable!("who was granted blocks carves none"),
        }
    }
}

pub fn locked(carving: &Mutex<Carving>) -> MutexGuard<'_, Carving> {
    carving.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

//! A region on paper: one condition, and blocks for its tables, in words of any kind.

use super::{CONDITION_BYTES, Condition, OWN};
use crate::blocks::{BlockError, Blocks};
use crate::contexts::OBJECTS;
use crate::memory::{Long, Memory};
use crate::sync::AtomicU32;
use std::sync::Mutex;

/// Block of the condition.
const OBJECT: u32 = 1;
/// Blocks of tables are the multiples of this. Each has room for four times as many seats as the object itself.
const STEP: u32 = 1 << 10;
const BLOCKS: u32 = if cfg!(loom) { 1 } else { 3 };

pub struct Paper<L> {
    /// Where each part begins, and its words.
    parts: Vec<(usize, Vec<L>)>,
    /// Owners of the blocks, 0 = free.
    owners: Mutex<[u32; 3]>,
}

impl<L: Long + Default> Default for Paper<L> {
    fn default() -> Self {
        let part = |block: u32, words: usize| (Blocks::payload(block), (0..words).map(|_| L::default()).collect());
        let tables = (1..=BLOCKS).map(|i| part(i * STEP, 3 + 2 * 4 * OWN as usize));
        let parts = [part(OBJECT, CONDITION_BYTES / 8)].into_iter().chain(tables).collect();
        Self { parts, owners: Mutex::default() }
    }
}

impl<L: Long + Default> Paper<L> {
    pub fn condition(&self) -> Condition<'_, Self> {
        Condition::at(self, OBJECT).unwrap()
    }

    /// Frees the blocks of a context that has died.
    #[cfg(not(loom))]
    pub fn sweep(&self, dead: u32) {
        self.owners.lock().unwrap().iter_mut().filter(|owner| **owner == dead).for_each(|owner| *owner = 0);
    }

    /// Blocks that belong to anybody.
    #[cfg(not(loom))]
    pub fn owned(&self) -> usize {
        self.owners.lock().unwrap().iter().filter(|owner| **owner != 0).count()
    }
}

impl<L: Long + Default> Memory for Paper<L> {
    type Word = AtomicU32;
    type Long = L;

    fn word(&self, _: usize) -> Option<&AtomicU32> {
        None
    }

    fn longs(&self, at: usize, count: usize) -> Option<&[L]> {
        let (begin, words) = self.parts.iter().rev().find(|(begin, _)| *begin <= at)?;
        words.get((at - begin) / 8..)?.get(..count)
    }

    fn alloc(&self, owner: u32, _: usize) -> Result<u32, BlockError> {
        let mut owners = self.owners.lock().unwrap();
        let free = (0..BLOCKS as usize).find(|i| owners[*i] == 0).ok_or(BlockError::TooLarge { bytes: 0 })?;
        owners[free] = owner;
        Ok((free as u32 + 1) * STEP)
    }

    fn hand_over(&self, block: u32, from: u32, to: u32) -> bool {
        let owner = &mut self.owners.lock().unwrap()[(block / STEP - 1) as usize];
        let its = *owner == from;
        *owner = if its { to } else { *owner };
        its
    }

    fn free(&self, owner: u32, block: u32) -> bool {
        assert_eq!(owner, OBJECTS);
        // Whoever still reads it reads rubbish.
        self.longs(Blocks::payload(block), 3).into_iter().flatten().for_each(|word| word.set(u64::MAX));
        self.hand_over(block, owner, 0)
    }
}

//! Pieces of a ring: blocks that are chained, each with room for some messages.

use super::Memory;
use super::message::Head;
use crate::blocks::{Blocks, HEADER, UNIT};

/// Messages per chunk: with them its block has 4 KiB. Under test and under loom, where a ring shall go through many.
pub(super) const ENTRIES: u64 = if cfg!(loom) {
    2
} else if cfg!(test) {
    5
} else {
    63
};
/// 64-bit words of an entry: its head, and the bytes of a short message. A cache line.
pub(super) const ENTRY_WORDS: usize = if cfg!(loom) { 2 } else { UNIT / 8 };
/// 64-bit words before the entries: what makes them begin at a cache line.
const BEFORE: usize = if cfg!(loom) { 2 } else { (UNIT - HEADER) / 8 };
const WORDS: usize = BEFORE + ENTRIES as usize * ENTRY_WORDS;
/// Payload of a chunk.
pub(super) const CHUNK_BYTES: usize = WORDS * 8;

/// A chunk: the block of the next one (0 = none), the position of its first entry, and the entries.
pub(super) struct Chunk<'a, L> {
    pub block: u32,
    words: &'a [L],
}

impl<'a, L: super::Long> Chunk<'a, L> {
    /// The chunk in that block, or None where there is none.
    pub fn at<M: Memory<Long = L>>(memory: &'a M, block: u32) -> Option<Self> {
        (block != 0).then_some(())?;
        Some(Self { block, words: memory.longs(Blocks::payload(block), WORDS)? })
    }

    pub fn next(&self) -> &'a L {
        &self.words[0]
    }

    pub fn first(&self) -> &'a L {
        &self.words[1]
    }

    /// Index of the entry of this position; None: it is not in this chunk.
    pub fn index(&self, position: u64) -> Option<u64> {
        Some(position.wrapping_sub(self.first().get())).filter(|index| *index < ENTRIES)
    }

    /// The entry at `index`, below [`ENTRIES`]: the word with its head, and its bytes.
    pub fn entry(&self, index: u64) -> (&'a L, &'a [L]) {
        let from = BEFORE + index as usize * ENTRY_WORDS;
        (&self.words[from], &self.words[from + 1..from + ENTRY_WORDS])
    }

    /// The head of the entry at `index`, and as many of its bytes as it has.
    pub fn read(&self, index: u64) -> (Head, &'a [L]) {
        let (head, bytes) = self.entry(index);
        let head = Head(head.get());
        (head, &bytes[..head.words().min(bytes.len())])
    }

    /// The blocks in `count` entries from `index` on.
    pub fn blocks(&self, index: u64, count: u64) -> impl Iterator<Item = u32> {
        (index..(index + count).min(ENTRIES)).filter_map(|index| self.read(index).0.block())
    }
}

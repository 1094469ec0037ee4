//! One call of `map`: the indices that nobody has claimed yet, spread over the workers that took part of them.
//!
//! Entries are recycled and never freed while their pool lives, so a thief may look at one that has ended: its spans
//! are empty then, and taking from one that was opened again means taking a part of the new range.

use crate::span::Span;
use crate::sync::{AtomicU32, Ordering};
use crossbeam_utils::CachePadded;
use std::ops::Range;
use std::sync::{Mutex, OnceLock};

/// Ranges that may be open in one pool at the same time.
pub const MAX_OPEN: usize = 1024;

/// The unclaimed indices of one call.
#[derive(Debug)]
pub struct OpenRange {
    slot: AtomicU32,
    chunk: AtomicU32,
    spans: Box<[CachePadded<Span>]>,
    /// Parts that belong to nobody: the whole range at first, what a dead or retired worker leaves later. For every
    /// part there is one entry of the slot in the pool's injector.
    parts: Mutex<Vec<Range<u32>>>,
}

impl OpenRange {
    fn new(workers: usize) -> Self {
        Self {
            slot: AtomicU32::new(0),
            chunk: AtomicU32::new(0),
            spans: (0..workers).map(|_| CachePadded::new(Span::default())).collect(),
            parts: Mutex::default(),
        }
    }

    /// The job's slot. To be read after a part was taken.
    pub fn slot(&self) -> u32 {
        self.slot.load(Ordering::Relaxed)
    }

    /// Chunk size, 0 = automatic.
    pub fn chunk(&self) -> u32 {
        self.chunk.load(Ordering::Relaxed)
    }

    /// What `worker` has not claimed yet of its share.
    pub fn span(&self, worker: usize) -> &Span {
        &self.spans[worker]
    }

    /// Leaves a part to whoever pops the slot from the injector.
    pub fn leave(&self, part: Range<u32>) {
        self.parts.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(part);
    }

    /// Takes a part that was left.
    pub fn take_part(&self) -> Option<Range<u32>> {
        self.parts.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop()
    }
}

/// All open ranges of a pool.
#[derive(Debug)]
pub struct Ranges {
    workers: usize,
    entries: Box<[OnceLock<Box<OpenRange>>]>,
    free: Mutex<Vec<usize>>,
}

impl Ranges {
    /// None open, for a pool of up to `workers` workers.
    pub fn new(workers: usize) -> Self {
        Self {
            workers,
            entries: (0..MAX_OPEN).map(|_| OnceLock::new()).collect(),
            free: Mutex::new((0..MAX_OPEN).rev().collect()),
        }
    }

    /// Opens a range of `items` indices for the job in `slot`. None: too many are open.
    pub fn open(&self, slot: u32, items: u32, chunk: u32) -> Option<usize> {
        let index = self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop()?;
        let entry = self.entries[index].get_or_init(|| Box::new(OpenRange::new(self.workers)));
        entry.slot.store(slot, Ordering::Relaxed);
        entry.chunk.store(chunk, Ordering::Relaxed);
        entry.leave(0..items);
        Some(index)
    }

    /// The range of that index.
    pub fn get(&self, index: usize) -> Option<&OpenRange> {
        self.entries.get(index)?.get().map(|entry| &**entry)
    }

    /// Every index of the range is accounted for: it may be opened again.
    pub fn close(&self, index: usize) {
        if index < self.entries.len() {
            self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(index);
        }
    }
}

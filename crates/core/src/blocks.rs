//! The region's allocator.
//!
//! Blocks are carved off the top of the region, in size classes of quarter steps between powers of two, and come
//! back through one free list per class. A block is never merged or split, so its class, written when it is carved,
//! is true for ever, and the whole region can be walked block by block.
//!
//! Header of a block (16 bytes, then the payload):
//!
//! | bytes | what | who writes it |
//! |---|---|---|
//! | 0–7 | tag: generation << 32 \| owner; owner 0 means free | alloc: CAS (g,0) → (g,owner); free: CAS (g,owner) → (g+1,0) |
//! | 8–11 | size class; bit 31: its memory was given back to the system | whoever carved it, once; the bit: free and alloc |
//! | 12–15 | next free block of the class, in units | the free list |
//!
//! The tag is the truth and the lists are hints: a block popped from a list belongs to the popper only once its CAS on
//! the tag has succeeded. So freeing twice, freeing somebody else's block or freeing rubbish is an error, never a
//! corruption, and all blocks of an owner that died are found by walking the tags.

use crate::region::Region;
use crate::sync::{AtomicU32, AtomicU64, AtomicUsize, Ordering, shared};
use manycore_os::MapError;
use std::sync::Mutex;

/// Blocks start at multiples of this many bytes, and are named by that multiple.
pub const UNIT: usize = 64;
/// Bytes before a block's payload.
pub const HEADER: usize = 16;
/// The region's own first bytes, where no block lies.
const FIRST: usize = 4096;
/// Free memory of large blocks that is kept resident; what is freed beyond it goes back to the system.
const KEEP_RESIDENT: usize = 64 << 20;
/// A block counts as large from this size on.
const LARGE: usize = 1 << 20;
const CLASSES: usize = 128;
/// Set in the class of a free block whose memory was given back. Written between the tag's change to free and the push,
/// and between the pop and the tag's change to owned: by one thread at a time.
const GIVEN_BACK: u32 = 1 << 31;

/// Why an allocation or a release was refused.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The system gave no more memory.
    #[error("no memory for a block of {bytes} bytes: {source}")]
    OutOfMemory {
        /// The payload that was asked for.
        bytes: usize,
        /// What the system said.
        source: MapError,
    },
    /// The size cannot be had at all.
    #[error("a block of {bytes} bytes is larger than the region")]
    TooLarge {
        /// The payload that was asked for.
        bytes: usize,
    },
    /// There is no such block, or it is free, or another's.
    #[error("there is no block {block} that belongs to owner {owner}")]
    NotYours {
        /// The number given.
        block: u32,
        /// The owner given.
        owner: u32,
    },
}

/// Bytes of a whole block of `class`: quarter steps between powers of two, rounded up to units.
fn class_bytes(class: usize) -> usize {
    let (power, quarter) = (class / 4, class % 4);
    ((UNIT << power) / 4 * (4 + quarter)).next_multiple_of(UNIT)
}

fn class_for(bytes: usize) -> Option<usize> {
    let bytes = bytes.max(UNIT);
    let power = (bytes / UNIT).ilog2() as usize;
    (power * 4..power * 4 + 8).find(|class| class_bytes(*class) >= bytes).filter(|class| *class < CLASSES)
}

/// Where a free list keeps its links: the blocks' headers, or a model's atomics.
pub trait Links {
    /// The link of `block`.
    fn next(&self, block: u32) -> u32;
    /// Sets the link of `block`, which the caller owns.
    fn set_next(&self, block: u32, next: u32);
}

/// A stack of free blocks: head = count << 32 | block; the count defeats ABA.
#[derive(Debug)]
pub struct FreeList(AtomicU64);

impl Default for FreeList {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl FreeList {
    /// Pushes a block that the caller owns.
    pub fn push(&self, links: &impl Links, block: u32) {
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            links.set_next(block, head as u32);
            let new = (head >> 32).wrapping_add(1) << 32 | u64::from(block);
            // SYNC POINT: freed block visible to pop.
            match self.0.compare_exchange_weak(head, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Pops a block, if there is one.
    pub fn pop(&self, links: &impl Links) -> Option<u32> {
        // SYNC POINT: freed block visible to pop.
        let mut head = self.0.load(Ordering::Acquire);
        loop {
            let block = head as u32;
            if block == 0 {
                return None;
            }
            // The link may be stale when another thread popped the block meanwhile; then the count has changed.
            let new = (head >> 32).wrapping_add(1) << 32 | u64::from(links.next(block));
            match self.0.compare_exchange_weak(head, new, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return Some(block),
                Err(now) => head = now,
            }
        }
    }
}

struct Headers<'a>(&'a Region);

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

/// The allocator of one region.
#[derive(Debug)]
pub struct Blocks {
    region: Region,
    lists: Box<[FreeList]>,
    /// First byte that was never carved. Moves under `carving`; walkers Acquire. SYNC POINT: block carved.
    top: AtomicUsize,
    carving: Mutex<()>,
    resident: AtomicUsize,
    owners: AtomicU32,
}

impl Blocks {
    /// An allocator over a fresh region of at most `reserve` bytes.
    pub fn new(reserve: usize) -> Result<Self, MapError> {
        let region = Region::reserve(reserve)?;
        region.ensure(FIRST)?;
        Ok(Self {
            region,
            lists: (0..CLASSES).map(|_| FreeList::default()).collect(),
            top: AtomicUsize::new(FIRST),
            carving: Mutex::new(()),
            resident: AtomicUsize::new(0),
            owners: AtomicU32::new(1),
        })
    }

    /// The memory itself.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// A number that never named an owner before.
    pub fn new_owner(&self) -> u32 {
        self.owners.fetch_add(1, Ordering::Relaxed)
    }

    /// Where the payload of `block` begins, in bytes.
    pub const fn payload(block: u32) -> usize {
        block as usize * UNIT + HEADER
    }

    /// A block for `bytes` of payload, owned by `owner`. The payload's bytes are whatever they were.
    pub fn alloc(&self, owner: u32, bytes: usize) -> Result<u32, BlockError> {
        let class = bytes.checked_add(HEADER).and_then(class_for).ok_or(BlockError::TooLarge { bytes })?;
        while let Some(block) = self.lists[class].pop(&Headers(&self.region)) {
            if let Some(tag) = self.tag(block) {
                let free = tag.load(Ordering::Relaxed);
                if free as u32 == 0 {
                    if let Err(source) = self.revive(block, class) {
                        self.lists[class].push(&Headers(&self.region), block);
                        return Err(BlockError::OutOfMemory { bytes, source });
                    }
                    if swap(tag, free, free | u64::from(owner)) {
                        return Ok(block);
                    }
                }
            }
        }
        self.carve(owner, class, bytes)
    }

    #[cold]
    fn carve(&self, owner: u32, class: usize, bytes: usize) -> Result<u32, BlockError> {
        let _only_one = self.carving.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let at = self.top.load(Ordering::Relaxed);
        let end = at.checked_add(class_bytes(class)).ok_or(BlockError::TooLarge { bytes })?;
        self.region.ensure(end).map_err(|source| BlockError::OutOfMemory { bytes, source })?;
        let block = u32::try_from(at / UNIT).map_err(|_| BlockError::TooLarge { bytes })?;
        let missing = || BlockError::TooLarge { bytes };
        self.class(block).ok_or_else(missing)?.store(class as u32, Ordering::Relaxed);
        self.tag(block).ok_or_else(missing)?.store(u64::from(owner), Ordering::Relaxed);
        // SYNC POINT: block carved.
        self.top.store(end, Ordering::Release);
        Ok(block)
    }

    /// Gives a block back. Refused unless it is a block and belongs to `owner`.
    pub fn free(&self, owner: u32, block: u32) -> Result<(), BlockError> {
        let refused = BlockError::NotYours { block, owner };
        let Some((tag, class)) = self.header(block).filter(|_| owner != 0) else {
            return Err(refused);
        };
        let held = tag.load(Ordering::Relaxed);
        if held as u32 != owner || !swap(tag, held, ((held >> 32).wrapping_add(1)) << 32) {
            return Err(refused);
        }
        self.retire(block, class);
        self.lists[class].push(&Headers(&self.region), block);
        Ok(())
    }

    /// Before a freed block can be allocated again: a large one keeps its memory only if not too much is kept already.
    fn retire(&self, block: u32, class: usize) {
        let bytes = class_bytes(class);
        if bytes < LARGE {
            return;
        }
        let keep = |kept: usize| kept.checked_add(bytes).filter(|kept| *kept <= KEEP_RESIDENT);
        if self.resident.fetch_update(Ordering::Relaxed, Ordering::Relaxed, keep).is_err() {
            self.region.decommit(Self::payload(block), bytes - HEADER);
            self.class(block).inspect(|word| word.store(class as u32 | GIVEN_BACK, Ordering::Relaxed));
        }
    }

    /// Before a free block is owned again: it has memory.
    fn revive(&self, block: u32, class: usize) -> Result<(), MapError> {
        let bytes = class_bytes(class);
        if bytes < LARGE {
            return Ok(());
        }
        let Some(word) = self.class(block).filter(|word| word.load(Ordering::Relaxed) & GIVEN_BACK != 0) else {
            self.resident.fetch_sub(bytes, Ordering::Relaxed);
            return Ok(());
        };
        self.region.recommit(Self::payload(block), bytes - HEADER)?;
        word.store(class as u32, Ordering::Relaxed);
        Ok(())
    }

    /// Hands a block from one owner to another: it is the new one's to free, and outlives the old one.
    pub fn hand_over(&self, block: u32, from: u32, to: u32) -> Result<(), BlockError> {
        let refused = BlockError::NotYours { block, owner: from };
        let Some((tag, _)) = self.header(block).filter(|_| from != 0 && to != 0) else {
            return Err(refused);
        };
        let held = tag.load(Ordering::Relaxed);
        let handed = held >> 32 << 32 | u64::from(to);
        if held as u32 == from && swap(tag, held, handed) { Ok(()) } else { Err(refused) }
    }

    /// Frees every block of an owner that is gone; answers how many there were.
    pub fn sweep(&self, owner: u32) -> usize {
        self.walk().into_iter().filter(|(block, held)| *held == owner && self.free(owner, *block).is_ok()).count()
    }

    /// Payload bytes of blocks in use, for tests and statistics.
    pub fn in_use(&self) -> usize {
        let used = self.walk().into_iter().filter(|(_, owner)| *owner != 0);
        used.filter_map(|(block, _)| self.header(block)).map(|(_, class)| class_bytes(class)).sum()
    }

    fn walk(&self) -> Vec<(u32, u32)> {
        // SYNC POINT: block carved.
        let top = self.top.load(Ordering::Acquire);
        let mut found = Vec::new();
        let mut at = FIRST;
        while at < top {
            let block = (at / UNIT) as u32;
            let (Some(tag), Some(class)) = (self.tag(block), self.class(block)) else {
                break;
            };
            found.push((block, tag.load(Ordering::Acquire) as u32));
            at += class_bytes(class.load(Ordering::Relaxed) as usize % CLASSES);
        }
        found
    }

    fn tag(&self, block: u32) -> Option<&shared::AtomicU64> {
        self.region.long(block as usize * UNIT)
    }

    fn class(&self, block: u32) -> Option<&shared::AtomicU32> {
        self.region.word(block as usize * UNIT + 8)
    }

    /// The tag and class of `block`, if the number can be a block's.
    fn header(&self, block: u32) -> Option<(&shared::AtomicU64, usize)> {
        let at = block as usize * UNIT;
        if at < FIRST || at >= self.top.load(Ordering::Acquire) {
            return None;
        }
        let class = (self.class(block)?.load(Ordering::Relaxed) & !GIVEN_BACK) as usize;
        Some((self.tag(block)?, class)).filter(|_| class < CLASSES)
    }
}

fn swap(tag: &shared::AtomicU64, from: u64, to: u64) -> bool {
    tag.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn classes_are_sorted_and_fit_what_they_are_for() {
        for class in 1..CLASSES.min(80) {
            assert!(class_bytes(class) >= class_bytes(class - 1));
        }
        for bytes in (1..5000).chain([65_536, 1 << 20, (1 << 26) + 1]) {
            let class = class_for(bytes).unwrap();
            assert!(class_bytes(class) >= bytes);
            assert!(bytes <= UNIT || class_bytes(class) <= bytes * 2, "{bytes} in {}", class_bytes(class));
        }
        assert!(class_for(usize::MAX).is_none());
    }

    #[test]
    fn a_freed_block_is_used_again_and_a_second_free_is_refused() {
        let blocks = Blocks::new(16 << 20).unwrap();
        let block = blocks.alloc(1, 1000).unwrap();
        blocks.free(1, block).unwrap();
        assert!(matches!(blocks.free(1, block), Err(BlockError::NotYours { .. })));
        assert_eq!(blocks.alloc(2, 1000).unwrap(), block);
        assert!(blocks.free(1, block).is_err(), "the old owner has no claim on it");
        assert!(blocks.free(0, block).is_err());
    }

    #[test]
    fn sweep_frees_all_of_a_dead_owner_and_nothing_else() {
        let blocks = Blocks::new(16 << 20).unwrap();
        let kept = blocks.alloc(7, 100).unwrap();
        for size in 1..200 {
            blocks.alloc(8, size * 10).unwrap();
        }
        let handed = blocks.alloc(8, 64).unwrap();
        blocks.hand_over(handed, 8, 7).unwrap();
        assert_eq!(blocks.sweep(8), 199);
        assert_eq!(blocks.sweep(8), 0);
        blocks.free(7, kept).unwrap();
        blocks.free(7, handed).unwrap();
        assert_eq!(blocks.in_use(), 0);
    }

    #[test]
    fn memory_of_large_blocks_is_kept_up_to_a_limit_and_given_back_beyond() {
        if cfg!(miri) {
            return; // too much memory to interpret
        }
        let blocks = Blocks::new(1 << 30).unwrap();
        for _ in 0..3 {
            let held: Vec<_> = (0..10).map(|_| blocks.alloc(1, 15 << 20).unwrap()).collect();
            assert_eq!(blocks.resident.load(Ordering::Relaxed), 0);
            let word = |block| blocks.region().word(Blocks::payload(block) + (4 << 20)).unwrap();
            held.iter().for_each(|block| word(*block).store(7, Ordering::Relaxed));
            held.iter().for_each(|block| blocks.free(1, *block).unwrap());
            let kept = held.iter().filter(|block| word(**block).load(Ordering::Relaxed) == 7).count();
            assert_eq!(kept, 4, "16 MiB each, header included");
            assert_eq!(blocks.resident.load(Ordering::Relaxed), 4 * class_bytes(class_for(15 << 20).unwrap()));
            // Some come and go: what was given back is not counted as kept when it is taken.
            for _ in 0..3 {
                let some: Vec<_> = (0..2).map(|_| blocks.alloc(1, 15 << 20).unwrap()).collect();
                some.iter().for_each(|block| blocks.free(1, *block).unwrap());
            }
            assert_eq!(blocks.resident.load(Ordering::Relaxed), 4 * class_bytes(class_for(15 << 20).unwrap()));
        }
        assert_eq!(blocks.sweep(1), 0);
    }

    #[test]
    fn running_out_is_an_error_and_the_allocator_lives_on() {
        let blocks = Blocks::new(64 << 20).unwrap();
        assert!(matches!(blocks.alloc(1, 1 << 40), Err(BlockError::OutOfMemory { .. } | BlockError::TooLarge { .. })));
        assert!(blocks.alloc(1, 10).is_ok());
    }

    #[test]
    fn threads_never_share_a_block() {
        let rounds = if cfg!(miri) { 50 } else { 20_000 };
        let blocks = Blocks::new(16 << 20).unwrap();
        std::thread::scope(|s| {
            for owner in 1..=4u32 {
                let blocks = &blocks;
                s.spawn(move || {
                    let mut held = Vec::new();
                    for i in 0..rounds {
                        let block = blocks.alloc(owner, 40 + (i % 7) * 30).unwrap();
                        let word = blocks.region().word(Blocks::payload(block)).unwrap();
                        word.store(owner, Ordering::Relaxed);
                        held.push(block);
                        if held.len() > 20 {
                            let block = held.swap_remove(i % 20);
                            let word = blocks.region().word(Blocks::payload(block)).unwrap();
                            assert_eq!(word.load(Ordering::Relaxed), owner);
                            blocks.free(owner, block).unwrap();
                        }
                    }
                });
            }
        });
        for owner in 1..=4 {
            blocks.sweep(owner);
        }
        assert_eq!(blocks.in_use(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn hostile_numbers_are_refused(calls in proptest::collection::vec((any::<u32>(), 0u32..4, any::<bool>()), 1..50)) {
            let blocks = Blocks::new(4 << 20).unwrap();
            let mine = blocks.alloc(9, 500).unwrap();
            for (block, owner, hand) in calls {
                let near = if hand { block % 300 } else { block };
                prop_assert!(near == mine || blocks.free(owner, near).is_err());
                prop_assert!(near == mine || blocks.hand_over(near, owner, 3).is_err());
            }
            prop_assert!(blocks.free(9, mine).is_ok());
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::sync::Arc;

    struct Model {
        list: FreeList,
        next: [AtomicU32; 3],
    }

    impl Links for Model {
        fn next(&self, block: u32) -> u32 {
            self.next[block as usize].load(Ordering::Relaxed)
        }
        fn set_next(&self, block: u32, next: u32) {
            self.next[block as usize].store(next, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_block_is_popped_by_one_only() {
        let mut builder = loom::model::Builder::new();
        // A stale look at the head shows only after this many.
        builder.preemption_bound = Some(4);
        builder.check(|| {
            let model = Arc::new(Model { list: FreeList::default(), next: Default::default() });
            model.list.push(&*model, 1);
            model.list.push(&*model, 2);
            // One takes both and gives the first back, so that the head is what it was and the rest is not.
            let other = {
                let model = model.clone();
                loom::thread::spawn(move || {
                    let (first, second) = (model.list.pop(&*model), model.list.pop(&*model));
                    first.inspect(|block| model.list.push(&*model, *block));
                    second
                })
            };
            let mut held: Vec<_> = (0..2).filter_map(|_| model.list.pop(&*model)).collect();
            held.extend(other.join().unwrap());
            held.extend(std::iter::from_fn(|| model.list.pop(&*model)).take(2));
            held.sort_unstable();
            assert_eq!(held, [1, 2]);
        });
    }
}

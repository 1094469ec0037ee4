//! The lock-free list of free blocks that every class of small blocks has.

use crate::sync::{AtomicU64, Ordering};

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

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::AtomicU32;
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

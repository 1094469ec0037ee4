//! The region as algorithms see it that keep more than a few words there: words, and blocks. A model has its own.

use crate::blocks::{BlockError, Blocks};
use crate::primitives::{WAITERS, Word32, Word64};
use crate::sync::{Ordering, shared};

/// A 64-bit word with the orderings that these algorithms tell apart.
pub trait Long: Word64 {
    /// Reads what the lock, or ownership, protects.
    fn get(&self) -> u64;
    /// Writes it.
    fn set(&self, value: u64);
    /// Reads what others publish with [`Self::release`].
    fn acquire(&self) -> u64;
    /// Writes after everything that this thread wrote before: for other threads, and for who comes after its death.
    fn release(&self, value: u64);
    /// Replaces `from` by `to`, with Acquire; answers what was there if it was something else.
    fn exchange(&self, from: u64, to: u64) -> Result<u64, u64>;
}

/// The region, or a model of it.
pub trait Memory {
    /// Its 32-bit words.
    type Word: Word32;
    /// Its 64-bit words.
    type Long: Long;
    /// 64-bit words of waiting bits in a gate.
    const WAITERS: usize = WAITERS;

    /// The 32-bit word at byte `at`.
    fn word(&self, at: usize) -> Option<&Self::Word>;
    /// `count` 64-bit words from byte `at` on.
    fn longs(&self, at: usize, count: usize) -> Option<&[Self::Long]>;
    /// As [`Blocks::alloc`].
    fn alloc(&self, owner: u32, bytes: usize) -> Result<u32, BlockError>;
    /// As [`Blocks::hand_over`]; false: refused.
    fn hand_over(&self, block: u32, from: u32, to: u32) -> bool;
    /// As [`Blocks::free`]; false: refused.
    fn free(&self, owner: u32, block: u32) -> bool;
}

impl Memory for Blocks {
    type Word = shared::AtomicU32;
    type Long = shared::AtomicU64;

    fn word(&self, at: usize) -> Option<&Self::Word> {
        self.region().word(at)
    }
    fn longs(&self, at: usize, count: usize) -> Option<&[Self::Long]> {
        self.region().longs(at, count)
    }
    fn alloc(&self, owner: u32, bytes: usize) -> Result<u32, BlockError> {
        self.alloc(owner, bytes)
    }
    fn hand_over(&self, block: u32, from: u32, to: u32) -> bool {
        self.hand_over(block, from, to).is_ok()
    }
    fn free(&self, owner: u32, block: u32) -> bool {
        self.free(owner, block).is_ok()
    }
}

macro_rules! longs {
    ($($long:ty),+) => {$(
        impl Long for $long {
            fn get(&self) -> u64 {
                self.load(Ordering::Relaxed)
            }
            fn set(&self, value: u64) {
                self.store(value, Ordering::Relaxed);
            }
            fn acquire(&self) -> u64 {
                self.load(Ordering::Acquire)
            }
            fn release(&self, value: u64) {
                self.store(value, Ordering::Release);
            }
            fn exchange(&self, from: u64, to: u64) -> Result<u64, u64> {
                self.compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed)
            }
        }
    )+};
}

longs!(shared::AtomicU64);
#[cfg(loom)]
longs!(crate::sync::AtomicU64);

//! The words that primitives are made of: the region's, or a model's.

use crate::sync::{Ordering, shared};

/// A 32-bit atomic word. Everything is sequentially consistent: these words are moved where somebody waits, and each is
/// also moved by JavaScript, which knows no weaker order.
pub trait Word32 {
    /// Reads it.
    fn load(&self) -> u32;
    /// Writes it.
    fn store(&self, value: u32);
    /// Writes it and answers what was there.
    fn swap(&self, value: u32) -> u32;
    /// Replaces `from` by `to`; answers what was there if it was something else.
    fn compare_exchange(&self, from: u32, to: u32) -> Result<u32, u32>;
    /// Adds, wrapping; answers what was there.
    fn fetch_add(&self, value: u32) -> u32;
    /// Sets bits; answers what was there.
    fn fetch_or(&self, bits: u32) -> u32;
    /// Keeps only these bits; answers what was there.
    fn fetch_and(&self, bits: u32) -> u32;
}

/// A 64-bit atomic word, as [`Word32`].
pub trait Word64 {
    /// Reads it.
    fn load(&self) -> u64;
    /// Sets bits; answers what was there.
    fn fetch_or(&self, bits: u64) -> u64;
    /// Keeps only these bits; answers what was there.
    fn fetch_and(&self, bits: u64) -> u64;
}

macro_rules! words {
    ($($word32:ty, $word64:ty);+) => {$(
        impl Word32 for $word32 {
            fn load(&self) -> u32 {
                self.load(Ordering::SeqCst)
            }
            fn store(&self, value: u32) {
                self.store(value, Ordering::SeqCst);
            }
            fn swap(&self, value: u32) -> u32 {
                self.swap(value, Ordering::SeqCst)
            }
            fn compare_exchange(&self, from: u32, to: u32) -> Result<u32, u32> {
                self.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
            }
            fn fetch_add(&self, value: u32) -> u32 {
                self.fetch_add(value, Ordering::SeqCst)
            }
            fn fetch_or(&self, bits: u32) -> u32 {
                self.fetch_or(bits, Ordering::SeqCst)
            }
            fn fetch_and(&self, bits: u32) -> u32 {
                self.fetch_and(bits, Ordering::SeqCst)
            }
        }
        impl Word64 for $word64 {
            fn load(&self) -> u64 {
                self.load(Ordering::SeqCst)
            }
            fn fetch_or(&self, bits: u64) -> u64 {
                self.fetch_or(bits, Ordering::SeqCst)
            }
            fn fetch_and(&self, bits: u64) -> u64 {
                self.fetch_and(bits, Ordering::SeqCst)
            }
        }
    )+};
}

words!(shared::AtomicU32, shared::AtomicU64);
#[cfg(loom)]
words!(crate::sync::AtomicU32, crate::sync::AtomicU64);

//! One growing range of memory that every context shares.
//!
//! The region reserves address space once and commits it from the bottom up, so that an offset is all anybody needs
//! to name a byte, now and after growth. `committed` only ever grows: what was addressable stays addressable.

use crate::sync::shared::{AtomicU32, AtomicU64};
use crate::sync::{AtomicUsize, Ordering};
use manycore_os::{MapError, Mapping};
use std::sync::Mutex;

/// Growth goes in steps of this many bytes at least.
const STEP: usize = 1 << 20;

/// Shared memory named by offsets.
#[derive(Debug)]
pub struct Region {
    map: Mapping,
    /// Bytes usable from 0. Written under `growing`, with Release; readers Acquire. SYNC POINT: memory is committed.
    committed: AtomicUsize,
    growing: Mutex<()>,
}

impl Region {
    /// Reserves `bytes` of address space, or as much of it as the system grants (halving down to 64 MiB).
    pub fn reserve(bytes: usize) -> Result<Self, MapError> {
        let mut wanted = bytes;
        loop {
            match Mapping::reserve(wanted) {
                Ok(map) => {
                    return Ok(Self { map, committed: AtomicUsize::new(0), growing: Mutex::new(()) });
                }
                Err(_) if wanted > 64 << 20 => wanted /= 2,
                Err(error) => return Err(error),
            }
        }
    }

    /// Bytes usable from offset 0.
    pub fn committed(&self) -> usize {
        self.committed.load(Ordering::Acquire)
    }

    /// The first byte, for a binding that shows the committed range to its own language.
    pub fn base(&self) -> std::ptr::NonNull<u8> {
        self.map.base()
    }

    /// Makes every byte below `end` usable.
    pub fn ensure(&self, end: usize) -> Result<(), MapError> {
        if end <= self.committed() {
            return Ok(());
        }
        let _only_one = self.growing.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let from = self.committed();
        if end <= from {
            return Ok(());
        }
        let target = end.checked_next_multiple_of(STEP).unwrap_or(end).min(self.map.reserved()).max(end);
        self.map.commit(from, target - from)?;
        self.committed.store(target, Ordering::Release);
        Ok(())
    }

    /// Gives the whole pages within `[offset, offset + bytes)` back; they read as zero when they are touched again.
    pub fn decommit(&self, offset: usize, bytes: usize) {
        let from = offset.next_multiple_of(4096);
        let to = (offset + bytes) / 4096 * 4096;
        if from < to {
            // The memory stays usable either way; not getting it back is no error of the caller's.
            let _ = self.map.decommit(from, to - from);
        }
    }

    /// Makes sure that there is memory behind what was given back with [`Self::decommit`].
    pub fn recommit(&self, offset: usize, bytes: usize) -> Result<(), MapError> {
        self.map.commit(offset, bytes)
    }

    /// Makes `bytes` bytes from `offset` on zero. The caller owns them: nobody else reads or writes them meanwhile.
    pub fn zero(&self, offset: usize, bytes: usize) {
        if offset.checked_add(bytes).is_some_and(|end| end <= self.committed()) {
            // SAFETY: the range is committed.
            let first = unsafe { self.map.base().as_ptr().add(offset) };
            // SAFETY: and nobody else's.
            unsafe { first.write_bytes(0, bytes) };
        }
    }

    fn at(&self, offset: usize, bytes: usize) -> Option<*mut u8> {
        let fits = offset.is_multiple_of(bytes) && offset.checked_add(bytes)? <= self.committed();
        // SAFETY: the range is committed, so it lies within the mapping.
        fits.then(|| unsafe { self.map.base().as_ptr().add(offset) })
    }

    /// The 32-bit word at `offset`, or None where there is none (out of bounds or not aligned).
    pub fn word(&self, offset: usize) -> Option<&AtomicU32> {
        // SAFETY: committed, aligned, and only ever accessed as atomics or by JavaScript's typed arrays.
        self.at(offset, 4).map(|p| unsafe { AtomicU32::from_ptr(p.cast()) })
    }

    /// The 64-bit word at `offset`, or None where there is none.
    pub fn long(&self, offset: usize) -> Option<&AtomicU64> {
        // SAFETY: as for `word`.
        self.at(offset, 8).map(|p| unsafe { AtomicU64::from_ptr(p.cast()) })
    }

    /// `count` 64-bit words from `offset` on, or None where there are not so many.
    pub fn longs(&self, offset: usize, count: usize) -> Option<&[AtomicU64]> {
        self.long(offset.checked_add(count.checked_sub(1)?.checked_mul(8)?)?)?;
        // Not by way of `long`: a reference to the first word gives no right to those behind it.
        let first = self.at(offset, 8)?.cast::<AtomicU64>();
        // SAFETY: the first and the last of them are committed, and so is what lies between; as for `word`.
        Some(unsafe { std::slice::from_raw_parts(first, count) })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn grows_and_keeps_offsets() {
        let region = Region::reserve(8 << 20).unwrap();
        assert!(region.word(0).is_none());
        region.ensure(100).unwrap();
        region.word(96).unwrap().store(5, Ordering::Relaxed);
        region.ensure(3 << 20).unwrap();
        assert_eq!(region.word(96).unwrap().load(Ordering::Relaxed), 5);
        assert!(region.word(97).is_none(), "not aligned");
        assert!(region.word(usize::MAX - 3).is_none());
        assert!(region.ensure(usize::MAX).is_err());
    }
}

//! One growing range of memory that every context shares.
//!
//! The region reserves address space once and commits it from the bottom up, so that an offset is all anybody needs
//! to name a byte, now and after growth. How much is committed only ever grows: what was addressable stays addressable.
//!
//! It begins with a page that says what it is, for processes that attach to it:
//!
//! | bytes | what | who writes it |
//! |---|---|---|
//! | 0–3 | [`MAGIC`] | who reserves the region |
//! | 4–7 | [`LAYOUT`]: a number for all layouts in it | the same |
//! | 8–15 | bytes that are reserved | the same |
//! | 16–23 | bytes that are committed | the same, as it grows |
//! | 24–31 | where blocks end so far | [`crate::blocks`] |
//! | 32–35 | where the contexts' table begins | [`crate::contexts`] |
//! | 36–39 | where the processes' table begins; 0 = there is none yet | [`crate::processes`] |

use crate::sync::Ordering;
use crate::sync::shared::{AtomicU32, AtomicU64};
use manycore_os::{MapError, Mapping};
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Mutex;

/// What a region begins with.
const MAGIC: u32 = 0x6d61_6e79;
/// Changes with every change of a layout that several processes read.
const LAYOUT: u32 = 1;
/// Bytes of the region's first page, where only [`header`] lies.
pub const HEADER_PAGE: usize = 4096;

/// Where in the first page what lies.
pub(crate) mod header {
    pub const MAGIC: usize = 0;
    pub const LAYOUT: usize = 4;
    pub const RESERVED: usize = 8;
    pub const COMMITTED: usize = 16;
    pub const TOP: usize = 24;
    pub const CONTEXTS: usize = 32;
    pub const PROCESSES: usize = 36;
}

/// Growth goes in steps of this many bytes at least.
const STEP: usize = 1 << 20;

/// Shared memory named by offsets.
#[derive(Debug)]
pub struct Region {
    map: Mapping,
    /// Who reserved it commits more of it.
    growing: Mutex<()>,
}

/// Why a region could not be attached to.
#[derive(Debug, thiserror::Error)]
pub enum ForeignRegion {
    /// It could not be mapped.
    #[error(transparent)]
    Map(#[from] MapError),
    /// It is no region, or that of another version of this code.
    #[error("it is not the shared memory of this version of manycore")]
    Foreign,
}

impl Region {
    /// Reserves `bytes` of address space, or as much of it as the system grants (halving down to 64 MiB).
    pub fn reserve(bytes: usize) -> Result<Self, MapError> {
        let mut wanted = bytes;
        let map = loop {
            match Mapping::reserve(wanted) {
                Ok(map) => break map,
                Err(_) if wanted > 64 << 20 => wanted /= 2,
                Err(error) => return Err(error),
            }
        };
        map.commit(0, HEADER_PAGE)?;
        let region = Self { map, growing: Mutex::new(()) };
        region.own_long(header::RESERVED).store(region.reserved() as u64, Ordering::Relaxed);
        region.own_long(header::COMMITTED).store(HEADER_PAGE as u64, Ordering::Relaxed);
        region.own_word(header::LAYOUT).store(LAYOUT, Ordering::Relaxed);
        region.own_word(header::MAGIC).store(MAGIC, Ordering::Release);
        Ok(region)
    }

    /// Maps the region that another process has reserved.
    pub fn attach(file: OwnedFd) -> Result<Self, ForeignRegion> {
        let growing = || Mutex::new(());
        let again = file.try_clone().map_err(|_| ForeignRegion::Foreign)?;
        let head = Self { map: Mapping::attach(again, HEADER_PAGE)?, growing: growing() };
        let found = [header::MAGIC, header::LAYOUT].map(|at| head.own_word(at).load(Ordering::Acquire));
        if found != [MAGIC, LAYOUT] {
            return Err(ForeignRegion::Foreign);
        }
        let bytes = head.own_long(header::RESERVED).load(Ordering::Relaxed) as usize;
        Ok(Self { map: Mapping::attach(file, bytes)?, growing: growing() })
    }

    /// The descriptor of its file, for a child process to inherit.
    pub fn descriptor(&self) -> RawFd {
        self.map.descriptor()
    }

    /// Address space that is reserved, in bytes.
    pub fn reserved(&self) -> usize {
        self.map.reserved()
    }

    /// Bytes usable from offset 0.
    pub fn committed(&self) -> usize {
        // SYNC POINT: memory is committed. Written under `growing`, with Release.
        self.own_long(header::COMMITTED).load(Ordering::Acquire) as usize
    }

    /// A word of the first page.
    fn own_word(&self, at: usize) -> &AtomicU32 {
        debug_assert!(at < HEADER_PAGE);
        // SAFETY: the first page is committed from the first moment on.
        let word = unsafe { self.map.base().as_ptr().add(at) };
        // SAFETY: aligned, and only ever accessed as an atomic.
        unsafe { AtomicU32::from_ptr(word.cast()) }
    }

    fn own_long(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at < HEADER_PAGE);
        // SAFETY: as for `own_word`.
        let long = unsafe { self.map.base().as_ptr().add(at) };
        // SAFETY: as for `own_word`.
        unsafe { AtomicU64::from_ptr(long.cast()) }
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
        // SYNC POINT: memory is committed.
        self.own_long(header::COMMITTED).store(target as u64, Ordering::Release);
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

    /// `count` 32-bit words from `offset` on, or None where there are not so many.
    pub fn words(&self, offset: usize, count: usize) -> Option<&[AtomicU32]> {
        self.word(offset.checked_add(count.checked_sub(1)?.checked_mul(4)?)?)?;
        let first = self.at(offset, 4)?.cast::<AtomicU32>();
        // SAFETY: as for `longs`.
        Some(unsafe { std::slice::from_raw_parts(first, count) })
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
        assert!(region.word(HEADER_PAGE).is_none());
        region.ensure(HEADER_PAGE + 100).unwrap();
        let at = HEADER_PAGE + 96;
        region.word(at).unwrap().store(5, Ordering::Relaxed);
        region.ensure(3 << 20).unwrap();
        assert_eq!(region.word(at).unwrap().load(Ordering::Relaxed), 5);
        assert!(region.word(at + 1).is_none(), "not aligned");
        assert!(region.word(usize::MAX - 3).is_none());
        assert!(region.ensure(usize::MAX).is_err());
    }

    #[cfg(not(miri))]
    #[test]
    fn another_mapping_shows_the_same_bytes_and_what_is_no_region_is_refused() {
        use std::os::fd::BorrowedFd;
        let region = Region::reserve(8 << 20).unwrap();
        // SAFETY: the region keeps it open.
        let file = unsafe { BorrowedFd::borrow_raw(region.descriptor()) };
        let twin = Region::attach(file.try_clone_to_owned().unwrap()).unwrap();
        assert_eq!((twin.reserved(), twin.committed()), (8 << 20, HEADER_PAGE));
        region.ensure(2 << 20).unwrap();
        assert_eq!(twin.committed(), 2 << 20);
        twin.word(1 << 20).unwrap().store(7, Ordering::Relaxed);
        assert_eq!(region.word(1 << 20).unwrap().load(Ordering::Relaxed), 7);
        region.word(0).unwrap().store(1, Ordering::Relaxed);
        let refused = Region::attach(file.try_clone_to_owned().unwrap());
        assert!(matches!(refused, Err(ForeignRegion::Foreign)));
        let (empty, _writer) = std::io::pipe().unwrap();
        assert!(matches!(Region::attach(empty.into()), Err(ForeignRegion::Map(_))));
    }
}

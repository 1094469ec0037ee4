//! The process-local twin of the system's functions for miri, which knows no memfd and no futex of ours.

use crate::MapError;
use std::alloc::Layout;
use std::ptr::NonNull;

/// Zeroed heap memory in the shape of a mapping.
#[derive(Debug)]
pub struct Mapping {
    base: NonNull<u8>,
    reserved: usize,
}

// SAFETY: plain memory; who reads and writes which bytes when is the business of its user.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 4096).expect("a size below isize::MAX")
}

impl Mapping {
    /// Reserves `bytes` of memory, 16 MiB at most.
    pub fn reserve(bytes: usize) -> Result<Self, MapError> {
        let reserved = bytes.min(16 << 20);
        // SAFETY: the layout is not empty.
        let base = unsafe { std::alloc::alloc_zeroed(layout(reserved)) };
        Ok(Self { base: NonNull::new(base).expect("memory for a test"), reserved })
    }

    /// There is no other process here, and no file.
    pub fn attach(_file: std::os::fd::OwnedFd, bytes: usize) -> Result<Self, MapError> {
        Err(MapError::Exhausted { reserved: bytes })
    }

    /// No file has this descriptor.
    pub fn descriptor(&self) -> std::os::fd::RawFd {
        -1
    }

    /// The first byte.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// How much is reserved, in bytes.
    pub fn reserved(&self) -> usize {
        self.reserved
    }

    /// Checks the range: all memory is there from the start.
    pub fn commit(&self, offset: usize, bytes: usize) -> Result<(), MapError> {
        match offset.checked_add(bytes) {
            Some(end) if end <= self.reserved => Ok(()),
            _ => Err(MapError::Exhausted { reserved: self.reserved }),
        }
    }

    /// Nothing to give back.
    pub fn decommit(&self, _offset: usize, _bytes: usize) -> Result<(), MapError> {
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: base came from alloc_zeroed with the same layout.
        unsafe { std::alloc::dealloc(self.base.as_ptr(), layout(self.reserved)) }
    }
}

/// Nanoseconds since it was first asked for.
pub fn monotonic_ns() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64
}

/// No limit is known here.
pub fn memory_limit() -> Option<u64> {
    None
}

/// Waiting by yielding.
pub mod futex {
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    /// Gives other threads a turn; the caller looks again.
    pub fn wait(_word: &AtomicU32, _expected: u32, _timeout: Duration) {
        std::thread::yield_now();
    }

    /// Nobody sleeps here.
    pub fn wake(_word: &AtomicU32, _count: u32) {}
}

/// Writing is not interpreted.
pub fn write_lines(_fd: i32, _lines: &[u8]) -> std::io::Result<()> {
    Ok(())
}

/// Writing is not interpreted.
pub fn write_all(_fd: i32, _bytes: &[u8]) -> std::io::Result<()> {
    Ok(())
}

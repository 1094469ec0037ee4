//! Linux: memfd, mmap, futex.

use crate::MapError;
use rustix::fs::{FallocateFlags, FlockOperation, MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;

/// Address space backed by one anonymous file, committed from the bottom up.
///
/// The file has no name and no limit but memory's own; nothing of it is left when every process that maps it is gone.
#[derive(Debug)]
pub struct Mapping {
    file: OwnedFd,
    base: NonNull<u8>,
    reserved: usize,
}

// SAFETY: a mapping is plain memory; who reads and writes which bytes when is the business of its user.
unsafe impl Send for Mapping {}
// SAFETY: as above; the methods only make system calls on the descriptor.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Reserves `bytes` of address space, none of it usable yet.
    pub fn reserve(bytes: usize) -> Result<Self, MapError> {
        let fail = |step| move |e: rustix::io::Errno| MapError::System { step, bytes, source: e.into() };
        let file = rustix::fs::memfd_create("manycore", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
            .map_err(fail("memfd_create"))?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK).map_err(fail("F_SEAL_SHRINK"))?;
        Self::map(file, bytes)
    }

    /// Maps the file of another process' reservation, whose descriptor this process was given, and which it closes for
    /// programs that it starts.
    pub fn attach(file: OwnedFd, bytes: usize) -> Result<Self, MapError> {
        let fail = |e: rustix::io::Errno| MapError::System { step: "F_SETFD", bytes, source: e.into() };
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::CLOEXEC).map_err(fail)?;
        Self::map(file, bytes)
    }

    fn map(file: OwnedFd, bytes: usize) -> Result<Self, MapError> {
        let fail = |step| move |e: rustix::io::Errno| MapError::System { step, bytes, source: e.into() };
        // SAFETY: the kernel picks the address, so nothing that exists is replaced.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::NORESERVE,
                &file,
                0,
            )
        }
        .map_err(fail("mmap"))?;
        let base = NonNull::new(base.cast()).expect("mmap never answers null without MAP_FIXED");
        Ok(Self { file, base, reserved: bytes })
    }

    /// The descriptor of the file, for a child process to inherit.
    pub fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// The first byte.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// How much address space is reserved, in bytes.
    pub fn reserved(&self) -> usize {
        self.reserved
    }

    /// Makes `[offset, offset + bytes)` usable, zero-filled, with real memory behind it, or says that there is none:
    /// touching a page that could not be had would be a SIGBUS.
    pub fn commit(&self, offset: usize, bytes: usize) -> Result<(), MapError> {
        if offset.checked_add(bytes).is_none_or(|end| end > self.reserved) {
            return Err(MapError::Exhausted { reserved: self.reserved });
        }
        if memory_limit().is_some_and(|limit| (offset + bytes) as u64 > limit) {
            let source = std::io::Error::from(std::io::ErrorKind::OutOfMemory);
            return Err(MapError::System {
                step: "staying within the memory limit of the control group",
                bytes,
                source,
            });
        }
        rustix::io::retry_on_intr(|| {
            rustix::fs::fallocate(&self.file, FallocateFlags::empty(), offset as u64, bytes as u64)
        })
        .map_err(|e| MapError::System { step: "fallocate", bytes, source: e.into() })
    }

    /// Gives the memory of `[offset, offset + bytes)` back to the system; the bytes read as zero afterwards.
    pub fn decommit(&self, offset: usize, bytes: usize) -> Result<(), MapError> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        rustix::io::retry_on_intr(|| rustix::fs::fallocate(&self.file, flags, offset as u64, bytes as u64))
            .map_err(|e| MapError::System { step: "fallocate(PUNCH_HOLE)", bytes, source: e.into() })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: base and reserved are what mmap gave; the owner of the mapping keeps no reference into it any more.
        let unmapped = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.reserved) };
        debug_assert!(unmapped.is_ok(), "munmap of a mapping of our own failed");
    }
}

/// Nanoseconds on a clock that only goes forward, the same for all processes.
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The memory limit of this process' control group (v2 `memory.max`, v1 `memory.limit_in_bytes`), in bytes.
pub fn memory_limit() -> Option<u64> {
    static LIMIT: std::sync::OnceLock<Option<u64>> = std::sync::OnceLock::new();
    *LIMIT.get_or_init(|| {
        ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
            .iter()
            .find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok())
    })
}

/// The memory that this process has to itself, in bytes: what is resident and not shared with others, nor read from files.
pub fn private_memory() -> std::io::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let mut pages = text.split(' ').skip(1).map_while(|pages| pages.parse::<u64>().ok());
    let (Some(resident), Some(shared)) = (pages.next(), pages.next()) else {
        return Err(std::io::ErrorKind::InvalidData.into());
    };
    // SAFETY: asks for a constant.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Ok(resident.saturating_sub(shared) * size as u64)
}

/// Waiting on 32-bit words. Not PRIVATE: the word may be shared between processes.
pub mod futex {
    use rustix::thread::futex::{Flags, Timespec, wait as sys_wait, wake as sys_wake};
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    /// Sleeps while `word` holds `expected`, `timeout` at most. Wakes spuriously too: look at the word again.
    pub fn wait(word: &AtomicU32, expected: u32, timeout: Duration) {
        let timeout = Timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos() as _ };
        // Every outcome (woken, value changed, timed out, signal) means the same to the caller: look again.
        let _ = sys_wait(word, Flags::empty(), expected, Some(&timeout));
    }

    /// Wakes up to `count` sleepers.
    pub fn wake(word: &AtomicU32, count: u32) {
        let _ = sys_wake(word, Flags::empty(), count);
    }
}

/// Writes whole lines, which never mix with those that other processes write to the same pipe, terminal or file in this way.
///
/// A pipe takes what is longer than 4 KiB in parts, and others may come between. So whoever writes locks it meanwhile. Such a
/// lock is its process', also where several have inherited the same descriptor, and ends with it.
pub fn write_lines(fd: i32, lines: &[u8]) -> std::io::Result<()> {
    // SAFETY: the caller names a descriptor that stays open for the call.
    let lockable = unsafe { BorrowedFd::borrow_raw(fd) };
    // What cannot be locked is written all the same.
    let locked = rustix::io::retry_on_intr(|| rustix::fs::fcntl_lock(lockable, FlockOperation::LockExclusive)).is_ok();
    let written = write_all(fd, lines);
    if locked {
        let _ = rustix::fs::fcntl_lock(lockable, FlockOperation::Unlock);
    }
    written
}

/// Writes all of `bytes`, waiting where a pipe or terminal is full. Errors (a closed pipe) end the writing.
pub fn write_all(fd: i32, mut bytes: &[u8]) -> std::io::Result<()> {
    // SAFETY: the caller names a descriptor that stays open for the call (1 and 2 are never closed by manycore).
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                let mut wanted = [rustix::event::PollFd::from_borrowed_fd(fd, rustix::event::PollFlags::OUT)];
                let _ = rustix::event::poll(&mut wanted, None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    #[test]
    fn committed_memory_is_zero_and_keeps_what_is_written() {
        let map = Mapping::reserve(1 << 30).unwrap();
        map.commit(0, 1 << 16).unwrap();
        // SAFETY: the first 64 KiB are committed and nobody else knows of them.
        let bytes = unsafe { std::slice::from_raw_parts_mut(map.base().as_ptr(), 1 << 16) };
        assert!(bytes.iter().all(|b| *b == 0));
        bytes[4097] = 7;
        assert_eq!(bytes[4097], 7);
        map.decommit(4096, 4096).unwrap();
        assert_eq!(bytes[4097], 0, "what was given back reads as zero");
    }

    #[test]
    fn memory_of_its_own_is_counted_and_shared_memory_is_not() {
        const BYTES: usize = 64 << 20;
        let before = private_memory().unwrap();
        let map = Mapping::reserve(BYTES).unwrap();
        map.commit(0, BYTES).unwrap();
        // SAFETY: all of it is committed and nobody else knows of it.
        unsafe { std::ptr::write_bytes(map.base().as_ptr(), 1, BYTES) };
        // Other tests of this process use some.
        assert!(private_memory().unwrap() < before + BYTES as u64 / 2);
        let own = std::hint::black_box(vec![1_u8; BYTES]);
        assert!(private_memory().unwrap() > before + BYTES as u64 / 2);
        drop(own);
    }

    #[test]
    fn commit_beyond_the_reservation_is_refused() {
        let map = Mapping::reserve(1 << 20).unwrap();
        assert!(matches!(map.commit(1 << 20, 1), Err(MapError::Exhausted { .. })));
        assert!(matches!(map.commit(usize::MAX, 2), Err(MapError::Exhausted { .. })));
    }

    #[test]
    fn a_sleeper_is_woken_and_a_changed_word_is_not_slept_on() {
        let word = AtomicU32::new(0);
        futex::wait(&word, 1, Duration::from_secs(3600));
        std::thread::scope(|s| {
            s.spawn(|| {
                while word.load(Ordering::Acquire) == 0 {
                    futex::wait(&word, 0, Duration::from_secs(3600));
                }
            });
            std::thread::sleep(Duration::from_millis(5));
            word.store(1, Ordering::Release);
            futex::wake(&word, 1);
        });
    }

    #[test]
    fn lines_are_written_where_nothing_can_be_locked() {
        use std::os::fd::AsRawFd;
        let (reader, writer) = std::io::pipe().unwrap();
        assert!(write_lines(reader.as_raw_fd(), b"x\n").is_err(), "not for writing");
        write_lines(writer.as_raw_fd(), b"one\ntwo\n").unwrap();
        drop(writer);
        assert_eq!(std::io::read_to_string(reader).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn write_all_waits_for_a_full_pipe() {
        use std::io::Read;
        use std::os::fd::AsRawFd;
        let (mut reader, writer) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let text = vec![b'x'; 1 << 20];
        std::thread::scope(|s| {
            let reading = s.spawn(move || {
                let mut got = Vec::new();
                reader.read_to_end(&mut got).unwrap();
                got.len()
            });
            write_all(writer.as_raw_fd(), &text).unwrap();
            drop(writer);
            assert_eq!(reading.join().unwrap(), 1 << 20);
        });
    }
}

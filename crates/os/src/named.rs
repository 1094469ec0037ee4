//! Named shared memory: POSIX shared memory objects, on Linux the files of `/dev/shm`.
//!
//! A block has a name until it is unlinked, and memory until nobody maps it any more. Names are taken with or without
//! the leading slash of POSIX.

use rustix::fs::{FallocateFlags, Mode};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};
use rustix::shm::OFlags;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;

/// The system's number of the error that a name is taken.
pub const EXISTS: i32 = Errno::EXIST.raw_os_error();

/// The system's number of the error that nobody has a name.
pub const MISSING: i32 = Errno::NOENT.raw_os_error();

/// Why a block could not be had.
#[derive(Debug, thiserror::Error)]
#[error("{step} failed: {source}")]
pub struct NamedError {
    /// What was being done.
    pub step: &'static str,
    /// The system's own error.
    pub source: std::io::Error,
}

fn fail(step: &'static str) -> impl Fn(Errno) -> NamedError {
    move |errno| NamedError { step, source: errno.into() }
}

/// A named block, mapped into this process. Dropping it unmaps it and leaves the name.
#[derive(Debug)]
pub struct Block {
    base: NonNull<u8>,
    bytes: usize,
    identity: u64,
}

// SAFETY: a mapping is plain memory; who reads and writes which bytes when is the business of its user.
unsafe impl Send for Block {}

/// A block that was just made: it has its name and its size, and its memory is to be had yet.
#[derive(Debug)]
pub struct Unfilled {
    file: OwnedFd,
    block: Block,
}

impl Unfilled {
    /// Which block it is.
    pub fn identity(&self) -> u64 {
        self.block.identity
    }

    /// Has all of its memory, which takes time: where it runs out, this is an error, and no SIGBUS when a page is touched
    /// later. The name stays in any case.
    pub fn fill(self) -> Result<Block, NamedError> {
        let bytes = self.block.bytes as u64;
        if bytes > memory() {
            return Err(fail("having that much memory")(Errno::NOMEM));
        }
        match rustix::io::retry_on_intr(|| rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, bytes)) {
            // A system that cannot: memory comes when it is touched.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(self.block),
            Err(errno) => Err(fail("fallocate")(errno)),
        }
    }
}

impl Block {
    /// Makes a block of `bytes` zero bytes, for this user alone, under a name that nobody has.
    pub fn create(name: &str, bytes: usize) -> Result<Unfilled, NamedError> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
        let file = rustix::shm::open(name, flags, Mode::RUSR | Mode::WUSR).map_err(fail("shm_open"))?;
        let sized = rustix::fs::ftruncate(&file, bytes as u64).map_err(fail("ftruncate"));
        let made = sized.and_then(|()| Self::map(&file));
        if made.is_err() {
            let _ = unlink(name);
        }
        Ok(Unfilled { block: made?, file })
    }

    /// Maps the whole of a block that exists.
    pub fn open(name: &str) -> Result<Self, NamedError> {
        let file = rustix::shm::open(name, OFlags::RDWR, Mode::empty()).map_err(fail("shm_open"))?;
        Self::map(&file)
    }

    fn map(file: &OwnedFd) -> Result<Self, NamedError> {
        let status = rustix::fs::fstat(file).map_err(fail("fstat"))?;
        let bytes = usize::try_from(status.st_size).map_err(|_| fail("mmap")(Errno::FBIG))?;
        if bytes == 0 {
            return Err(fail("mapping of an empty block")(Errno::INVAL));
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel picks the address, so nothing that exists is replaced.
        let base = unsafe { rustix::mm::mmap(std::ptr::null_mut(), bytes, access, MapFlags::SHARED, file, 0) }
            .map_err(fail("mmap"))?;
        let base = NonNull::new(base.cast()).expect("mmap never answers null without MAP_FIXED");
        Ok(Self { base, bytes, identity: status.st_ino })
    }

    /// The first byte.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Which block it is, among all that ever had its name.
    pub fn identity(&self) -> u64 {
        self.identity
    }

    /// Lets go of the block. Its addresses stay valid, over private memory that reads as zero: whoever still uses them
    /// without knowing does no harm. Where the system refuses, the block stays mapped.
    pub fn release(&mut self) {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
        // SAFETY: only this block's own mapping is replaced, by one of the same size and access.
        let _ = unsafe { rustix::mm::mmap_anonymous(self.base.as_ptr().cast(), self.bytes, access, flags) };
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: base and bytes are what mmap gave; the block's owner keeps no reference into it any more.
        let unmapped = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "munmap of a mapping of our own failed");
    }
}

/// The most memory that this process could ever have.
fn memory() -> u64 {
    let machine = rustix::system::sysinfo();
    let bytes = (machine.totalram as u64 + machine.totalswap as u64).saturating_mul(machine.mem_unit.into());
    crate::memory_limit().map_or(bytes, |limit| limit.min(bytes))
}

/// Takes a block's name away. Who has it mapped keeps it.
pub fn unlink(name: &str) -> Result<(), NamedError> {
    rustix::shm::unlink(name).map_err(fail("shm_unlink"))
}

/// Which block has the name now.
pub fn identity(name: &str) -> Result<u64, NamedError> {
    let file = rustix::shm::open(name, OFlags::RDONLY, Mode::empty()).map_err(fail("shm_open"))?;
    rustix::fs::fstat(&file).map(|status| status.st_ino).map_err(fail("fstat"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    /// A name that no other test has, unlinked at the end.
    struct Name(String);

    impl Name {
        fn new(of: &str) -> Self {
            Self(format!("manycore-os-{}-{of}", std::process::id()))
        }
    }

    impl Drop for Name {
        fn drop(&mut self) {
            let _ = unlink(&self.0);
        }
    }

    fn make(name: &Name, bytes: usize) -> Result<Block, NamedError> {
        Block::create(&name.0, bytes)?.fill()
    }

    fn read(block: &Block, at: usize) -> u8 {
        assert!(at < block.bytes());
        // SAFETY: within the block, checked above.
        let byte = unsafe { block.base().add(at) };
        // SAFETY: mapped memory; a test uses its block from one thread.
        unsafe { byte.read() }
    }

    fn write(block: &Block, at: usize, value: u8) {
        assert!(at < block.bytes());
        // SAFETY: within the block, checked above.
        let byte = unsafe { block.base().add(at) };
        // SAFETY: mapped memory; a test uses its block from one thread.
        unsafe { byte.write(value) };
    }

    #[test]
    fn who_opens_a_block_sees_what_its_maker_writes() {
        let name = Name::new("opened");
        let made = make(&name, 5000).unwrap();
        let opened = Block::open(&format!("/{}", name.0)).unwrap();
        assert_eq!((opened.bytes(), opened.identity()), (5000, made.identity()));
        assert!((0..5000).all(|at| read(&opened, at) == 0));
        write(&made, 4999, 7);
        assert_eq!(read(&opened, 4999), 7);
        assert_eq!(identity(&name.0).unwrap(), made.identity());
    }

    #[test]
    fn names_are_taken_once_and_gone_when_unlinked() {
        let name = Name::new("taken");
        let first = make(&name, 1).unwrap();
        assert_eq!(make(&name, 1).unwrap_err().source.kind(), ErrorKind::AlreadyExists);
        unlink(&name.0).unwrap();
        assert_eq!(Block::open(&name.0).unwrap_err().source.kind(), ErrorKind::NotFound);
        assert_eq!(unlink(&name.0).unwrap_err().source.kind(), ErrorKind::NotFound);
        let second = make(&name, 1).unwrap();
        assert_ne!(first.identity(), second.identity(), "another block of the same name");
    }

    #[test]
    fn a_size_that_cannot_be_leaves_no_name() {
        let name = Name::new("impossible");
        Block::create(&name.0, 1 << 62).unwrap_err();
        assert_eq!(identity(&name.0).unwrap_err().source.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn memory_that_runs_out_is_an_error() {
        let name = Name::new("large");
        let large = Block::create(&name.0, 1 << 45).unwrap();
        assert_eq!(identity(&name.0).unwrap(), large.identity());
        large.fill().unwrap_err();
    }

    #[test]
    fn an_empty_block_is_refused() {
        let name = Name::new("empty");
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
        rustix::shm::open(&name.0, flags, Mode::RUSR | Mode::WUSR).unwrap();
        assert_eq!(Block::open(&name.0).unwrap_err().source.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn a_released_block_keeps_its_addresses_and_loses_the_others_bytes() {
        let name = Name::new("released");
        let mut made = make(&name, 5000).unwrap();
        let opened = Block::open(&name.0).unwrap();
        write(&made, 0, 7);
        made.release();
        assert_eq!(read(&made, 0), 0);
        write(&made, 4999, 8);
        assert_eq!((read(&opened, 0), read(&opened, 4999)), (7, 0));
    }
}

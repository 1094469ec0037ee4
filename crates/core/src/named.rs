//! Named blocks, and their tracker.

use crate::tracker::{Launch, Tracker, report, serve};
use manycore_os::helper::{self, Helper, Program};
use manycore_os::named::{self, Block, NamedError, Unfilled};
use std::io::{ErrorKind, Write};
use std::sync::{Mutex, MutexGuard};

/// Why a named block could not be made, attached or unlinked.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// The name is taken.
    #[error("There is already a shared memory block `{0}`")]
    Exists(String),
    /// Nobody has that name.
    #[error("There is no shared memory block `{0}`")]
    Missing(String),
    /// The system refused something else.
    #[error("The shared memory block `{name}` cannot be had: {source}")]
    System {
        /// Of which block.
        name: String,
        /// What was refused.
        source: NamedError,
    },
    /// There is nobody who would remove the block if this process were killed.
    #[error("The process that removes shared memory blocks after a crash could not be started: {0}")]
    Tracker(std::io::Error),
}

impl NameError {
    fn new(name: &str, source: NamedError) -> Self {
        match source.source.kind() {
            ErrorKind::AlreadyExists => Self::Exists(name.into()),
            ErrorKind::NotFound => Self::Missing(name.into()),
            _ => Self::System { name: name.into(), source },
        }
    }

    /// The system's number of the error; `None` if it is about the tracker.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Exists(_) => Some(named::EXISTS),
            Self::Missing(_) => Some(named::MISSING),
            Self::System { source, .. } => source.source.raw_os_error(),
            Self::Tracker(_) => None,
        }
    }
}

/// The named blocks of a process: all of them go through here, so that its tracker knows them.
#[derive(Default)]
pub struct Names {
    tracker: Mutex<Tracker>,
}

/// The name that a tracker knows a block by: the one that it has in the system.
fn key(name: &str) -> &str {
    name.trim_start_matches('/')
}

impl Names {
    /// No blocks yet.
    pub const fn new() -> Self {
        Self { tracker: Mutex::new(Tracker::new()) }
    }

    /// Says how the tracker is started when it is needed. What was said first counts.
    pub fn prepare(&self, launch: impl FnOnce() -> Launch) {
        self.tracker().prepare(launch);
    }

    /// Makes a block of `bytes` zero bytes. Should this process end with the name not unlinked, the block is removed.
    pub fn create(&self, name: &str, bytes: usize) -> Result<Block, NameError> {
        let made = self.name(name, bytes)?;
        let identity = made.identity();
        // Not under the lock: other threads make blocks meanwhile.
        made.fill().map_err(|error| {
            if remove(name, identity) {
                self.tracker().unregister(key(name));
            }
            NameError::new(name, error)
        })
    }

    /// Makes a block that has no memory yet. Under the lock: between two threads that make a block of the same name, the
    /// second must not forget what the first has registered.
    fn name(&self, name: &str, bytes: usize) -> Result<Unfilled, NameError> {
        let mut tracker = self.tracker();
        // What is somebody else's is not registered, not even for a moment.
        match named::identity(name).map_err(|error| error.source.kind()) {
            Ok(_) | Err(ErrorKind::PermissionDenied) => return Err(NameError::Exists(name.into())),
            Err(_) => tracker.register(key(name), 0).map_err(NameError::Tracker)?,
        }
        match Block::create(name, bytes) {
            Ok(made) => match tracker.register(key(name), made.identity()) {
                Ok(()) => Ok(made),
                Err(error) => {
                    let _ = named::unlink(name);
                    tracker.unregister(key(name));
                    Err(NameError::Tracker(error))
                }
            },
            Err(error) => {
                tracker.unregister(key(name));
                Err(NameError::new(name, error))
            }
        }
    }

    /// Maps a block that exists. With `track`, it is removed as if this process had made it.
    pub fn attach(&self, name: &str, track: bool) -> Result<Block, NameError> {
        let block = Block::open(name).map_err(|error| NameError::new(name, error))?;
        if track {
            self.tracker().register(key(name), block.identity()).map_err(NameError::Tracker)?;
        }
        Ok(block)
    }

    /// Has this process' tracker do what a record says that a child of this process sends.
    pub fn pass(&self, record: &[u8]) -> std::io::Result<()> {
        self.tracker().pass(record)
    }

    /// Takes a block's name away; its tracker need not do so any more.
    pub fn unlink(&self, name: &str) -> Result<(), NameError> {
        let mut tracker = self.tracker();
        let unlinked = named::unlink(name).map_err(|error| NameError::new(name, error));
        if matches!(unlinked, Ok(()) | Err(NameError::Missing(_))) {
            tracker.unregister(key(name));
        }
        unlinked
    }

    fn tracker(&self) -> MutexGuard<'_, Tracker> {
        self.tracker.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// How the tracker is started: a program that calls [`run_tracker`].
pub fn launcher(program: Program) -> Launch {
    Box::new(move || Ok(Box::new(Helper::start(&program)?)))
}

/// Is the tracker: reads what to remember from standard input, until the process that it serves is gone; then removes what
/// is left, and says so on standard error.
pub fn run_tracker() {
    helper::ignore_signals();
    let removed = serve(std::io::stdin().lock(), remove);
    if let Some(text) = report(&removed) {
        // Nobody may be there to read it.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// What a tracker does with a name that is left: unlinks it if it is the block of that identity (0 = any). Whether it did.
pub fn remove(name: &str, identity: u64) -> bool {
    named::identity(name).is_ok_and(|found| identity == 0 || identity == found) && named::unlink(name).is_ok()
}

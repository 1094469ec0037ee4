//! What manycore needs of an operating system, behind one set of functions.
//!
//! One file per system: [`Mapping`] (reserved address space that is committed piece by piece), [`futex`] (wait on
//! and wake a 32-bit word that may lie in memory shared with other processes) and [`write_all`] (bytes to a file
//! descriptor as a whole). Nothing here knows what the memory or the words mean. `interrupt` counts Ctrl+Cs, `named`
//! has shared memory with a name, `helper` starts a process that outlives this one, `process` knows whether others live, and
//! `symbol` finds functions of the program around.

#[cfg(all(target_os = "linux", not(miri)))]
mod linux;
#[cfg(all(target_os = "linux", not(miri)))]
pub use linux::{Mapping, futex, memory_limit, monotonic_ns, private_memory, write_all, write_lines};

/// Not interpreted: miri knows no CPUs.
#[cfg(all(target_os = "linux", not(miri)))]
pub mod cpus;

/// Not interpreted: miri knows no signals.
#[cfg(all(target_os = "linux", not(miri)))]
pub mod interrupt;

/// Not interpreted: miri loads no images.
#[cfg(all(target_os = "linux", not(miri)))]
mod symbols;
#[cfg(all(target_os = "linux", not(miri)))]
pub use symbols::symbol;

/// Not interpreted: miri knows no shared memory objects and starts no processes.
#[cfg(all(target_os = "linux", not(miri)))]
pub mod helper;
#[cfg(all(target_os = "linux", not(miri)))]
pub mod named;
#[cfg(all(target_os = "linux", not(miri)))]
pub mod process;

#[cfg(miri)]
mod interpreted;
#[cfg(miri)]
pub use interpreted::{Mapping, futex, memory_limit, monotonic_ns, write_all, write_lines};

#[cfg(not(any(target_os = "linux", miri)))]
compile_error!("manycore's native part is written for Linux so far");

/// What an error of the system does not say by itself: shared memory is a file to it.
fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::FileTooLarge => {
            "; the limit on the size of files (`ulimit -f`) holds for shared memory, too"
        }
        _ => "",
    }
}

/// Why memory could not be had or given back.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The system refused; the text says which step and why.
    #[error("{step} of {bytes} bytes failed: {source}{}", hint(source))]
    System {
        /// What was being done.
        step: &'static str,
        /// How much memory it was about.
        bytes: usize,
        /// The system's own error.
        source: std::io::Error,
    },
    /// The range does not lie within the reserved address space.
    #[error("the reserved address space of {reserved} bytes is used up")]
    Exhausted {
        /// Size of the reservation.
        reserved: usize,
    },
}

//! Locks, semaphores, events and their like: state in shared memory, moved by whoever is attached.
//!
//! Every primitive begins with the same words, its [`Gate`]: one word that is the whole truth about who may pass, and one
//! bit for every context that waits. Who passes by, uncontended, changes the word and nothing else; JavaScript does that
//! by itself. Everything else is in the modules below.
//!
//! The algorithms know neither the region nor the contexts' table. They are given words ([`Word32`], [`Word64`]) and
//! [`Parties`], so that a model drives the very same code.

pub mod barrier;
pub mod condition;
pub mod event;
mod gate;
pub mod lock;
pub mod semaphore;
#[cfg(test)]
pub(crate) mod testing;
mod words;

pub use gate::{GATE_BYTES, Gate, GateRef, Rung, SLOTS, WAITED, WAITERS};
pub use words::{Word32, Word64};

/// The contexts, as far as a primitive has to know them.
pub trait Parties {
    /// Whether the context of this number lives.
    fn alive(&self, id: u32) -> bool;
    /// Has the context on this slot look at everything that it waits for: wakes it if it sleeps, and its event loop if
    /// tasks of its own wait. False: nobody alive sits there.
    fn ring(&self, slot: usize) -> bool;
}

/// The slot of the contexts' table that the context of this number sits on.
pub const fn slot_of(id: u32) -> usize {
    id as usize % SLOTS
}

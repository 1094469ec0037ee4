//! The only door to atomics (and to the mutexes that a model drives): the standard library's, or loom's where a protocol
//! is being model-checked.
//!
//! [`shared`] is for words in the region: memory that other programs read too has no loom twin, and the algorithms
//! over it are modelled on loom's atomics through a trait of their own (see [`crate::blocks::Links`]).

#[cfg(loom)]
pub use loom::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};
#[cfg(not(loom))]
pub use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};

/// Atomics over bytes of the region.
pub mod shared {
    pub use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}

/// A processor's hint in a short spin.
#[cfg(not(loom))]
pub fn spin_hint() {
    std::hint::spin_loop();
}

/// Under loom a spin must give the other threads a turn.
#[cfg(loom)]
pub fn spin_hint() {
    loom::thread::yield_now();
}

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

/// The `turn`-th pause of a thread that waits for another one's next few steps: it spins, then lets others run, and then
/// sleeps in between. True: it has waited for so long that it is worth a look what keeps the other.
#[cfg(not(loom))]
pub fn pause(turn: u32) -> bool {
    const SPINS: u32 = 128;
    const TURNS: u32 = 1024;
    match turn {
        0..SPINS => spin_hint(),
        SPINS..TURNS => std::thread::yield_now(),
        _ => std::thread::sleep(std::time::Duration::from_micros(50)),
    }
    turn >= SPINS
}

/// Under loom a pause is another thread's turn.
#[cfg(loom)]
pub fn pause(_: u32) -> bool {
    spin_hint();
    true
}

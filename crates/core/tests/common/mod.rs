//! The scheduler without Node: plain closures on plain threads.
//!
//! [`Rig`] is a pool with its owner: slots carved from blocks, the number of a function is its index in a table of
//! closures, and every record is entered in a ledger that panics when an item is reported twice. [`program`] is what
//! a worker runs: the same loop as a JavaScript worker's, with a [`Bell`] in place of its event loop. Nobody waits
//! with a time limit, so a wake-up that gets lost is a test that hangs, and the [`Watchdog`] ends it.

#![allow(dead_code, reason = "shared by the tests and the benchmark; neither uses all of it")]

pub mod bell;
pub mod ledger;
pub mod program;
pub mod rig;
pub mod watchdog;

pub use program::{Outcome, each, runs};
pub use rig::{Rig, Setup};

/// `many` rounds of a stress test, or `few` where every step is interpreted.
pub const fn rounds(many: u32, few: u32) -> u32 {
    if cfg!(miri) { few } else { many }
}

/// A short while of work; next to nothing where every step is interpreted.
pub fn spin(turns: u32) {
    (0..if cfg!(miri) { turns / 64 } else { turns }).for_each(|_| std::hint::spin_loop());
}

/// A generator of test numbers, the same in every run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(end)) >> 32) as u32
    }
}

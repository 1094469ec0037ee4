//! A bell that a thread sleeps on: a word that counts its rings, and one that says whether anybody sleeps.

use crate::primitives::Word32;
use crate::sync::shared::AtomicU32;
use crate::sync::{Ordering, fence};
use std::time::Duration;

/// A bell, by its two words.
pub struct Bell<'a, A> {
    /// Counts the rings.
    pub count: &'a A,
    /// 1: its thread sleeps, or is about to.
    pub sleeper: &'a A,
}

impl<A: Word32> Bell<'_, A> {
    /// How often it was rung.
    pub fn heard(&self) -> u32 {
        self.count.load()
    }

    /// Rings: `wake` is called if somebody may sleep.
    pub fn ring_with(&self, wake: impl FnOnce(&A)) {
        // SYNC POINT: the bell changes, then look for a sleeper. Pairs with `sleep_with`.
        self.count.fetch_add(1);
        fence(Ordering::SeqCst);
        if self.sleeper.load() != 0 {
            wake(self.count);
        }
    }

    /// Sleeps by `wait`, which must not sleep if the count is not what its thread has heard last.
    pub fn sleep_with(&self, wait: impl FnOnce(&A)) {
        // SYNC POINT: asleep, then the system looks at the bell. Pairs with `ring_with`.
        self.sleeper.store(1);
        fence(Ordering::SeqCst);
        wait(self.count);
        self.sleeper.store(0);
    }
}

impl Bell<'_, AtomicU32> {
    /// Wakes whoever sleeps.
    pub fn ring(&self) {
        self.ring_with(|count| manycore_os::futex::wake(count, 1));
    }

    /// Sleeps while the bell was rung `heard` times, `timeout` at most.
    pub fn sleep(&self, heard: u32, timeout: Duration) {
        self.sleep_with(|count| manycore_os::futex::wait(count, heard, timeout));
    }
}

//! Whom somebody who pushes into an inbox has to wake, so that its owner misses nothing.

#[cfg(all(test, loom))]
mod models;

use crate::sync::{AtomicBool, Ordering, fence};

/// Whom a pusher has to wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ring {
    /// The owner knows, or looks by itself.
    Nobody,
    /// The owner's event loop.
    Loop,
    /// The owner, which blocks.
    Sleeper,
}

/// The flags between those who push into an inbox and the owner who empties it.
///
/// Waking is coalesced:
///
/// | `pending` | meaning | who moves it |
/// |---|---|---|
/// | false | the owner knows of no record; whoever pushes next owes it a wake-up | the owner, before it pops |
/// | true | a wake-up is under way, or the owner looks by itself | whoever changes it owes the wake-up |
///
/// The owner stores false *before* it pops: a record pushed after that store finds false and wakes, one pushed before
/// it is popped. An owner that stops half-way (its time is up) sets `pending` again itself and comes back by itself.
///
/// An owner that blocks (a `*Sync` call) sets `pending`, so that nobody wakes its event loop, and then `blocked`:
///
/// | `blocked` | meaning | who moves it |
/// |---|---|---|
/// | false | a pusher goes by `pending` | the owner, when it wakes up |
/// | true | the owner sleeps, or is about to: a pusher rings it | the owner, before its last look at the inbox |
#[derive(Debug)]
pub(super) struct Doorbell {
    pending: AtomicBool,
    blocked: AtomicBool,
}

impl Doorbell {
    pub fn new() -> Self {
        Self { pending: AtomicBool::new(false), blocked: AtomicBool::new(false) }
    }

    /// A record was pushed: whom to wake.
    pub fn pushed(&self) -> Ring {
        // SYNC POINT: record pushed, then look at the flags. Pairs with `empty` and `block`.
        fence(Ordering::SeqCst);
        if self.blocked.load(Ordering::Relaxed) {
            Ring::Sleeper
        } else if !self.pending.load(Ordering::Relaxed) && self.hush() {
            Ring::Loop
        } else {
            Ring::Nobody
        }
    }

    /// The owner empties its inbox with `pop`.
    pub fn empty(&self, pop: impl FnOnce() -> usize) -> usize {
        self.pending.store(false, Ordering::Relaxed);
        // SYNC POINT: pending lowered, then pop. Pairs with `pushed`.
        fence(Ordering::SeqCst);
        pop()
    }

    /// Nobody else shall wake the event loop until the owner empties its inbox. True: the caller is the first to say
    /// so, and nobody has woken it.
    pub fn hush(&self) -> bool {
        self.pending.compare_exchange(false, true, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The owner sleeps, unless it must not any more: its inbox holds something by now.
    pub fn block(&self, must: impl FnOnce() -> bool, sleep: impl FnOnce()) {
        self.blocked.store(true, Ordering::Relaxed);
        // SYNC POINT: blocked set, then look at the inbox. Pairs with `pushed`.
        fence(Ordering::SeqCst);
        if must() {
            sleep();
        }
        self.blocked.store(false, Ordering::Relaxed);
    }
}

//! A context: one isolate, or one plain thread, attached to the region.
//!
//! Workers push records into the *inbox* of the context that owns their pool and *notify* it. Notifying is coalesced:
//!
//! | `pending` | meaning | who moves it |
//! |---|---|---|
//! | false | the owner knows of no record; whoever pushes next owes it a wake-up | the owner, before it pops |
//! | true | a wake-up is under way, or the owner is popping | a pusher: swap(true) that answered false wakes |
//!
//! The owner stores false *before* it pops: a record pushed after that store finds false and wakes, one pushed before
//! it is popped. An owner that stops half-way (its time is up) sets `pending` again itself and comes back by itself.
//!
//! An owner that blocks (a `*Sync` call) waits on its *bell* instead, with `blocked` set: pusher: push, fence, look at
//! `blocked`, ring; owner: set `blocked`, fence, look at the inbox, sleep while the bell has not changed. Sleeps are
//! sliced by the caller, so that nothing depends on a ring alone.

use crate::clock::now_ns;
use crate::record::Record;
use crate::sync::{AtomicBool, AtomicU32, Ordering, fence, spin_hint};
use crossbeam_queue::SegQueue;
use std::sync::Mutex;
use std::time::Duration;

/// How to reach a context's event loop from any thread.
pub trait Wake: Send + Sync {
    /// Makes the context's event loop call back soon. Must not block, and must tolerate a context that is gone.
    fn wake(&self);
}

/// One attached isolate or thread.
pub struct Context {
    id: u32,
    inbox: SegQueue<Record>,
    pending: AtomicBool,
    blocked: AtomicBool,
    // A futex word is the system's, not a model's.
    bell: std::sync::atomic::AtomicU32,
    waker: Mutex<Option<Box<dyn Wake>>>,
    wakes: AtomicU32,
}

impl Context {
    /// A context with a number that no other ever had.
    pub fn new(id: u32, waker: Box<dyn Wake>) -> Self {
        Self {
            id,
            inbox: SegQueue::new(),
            pending: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            bell: std::sync::atomic::AtomicU32::new(0),
            waker: Mutex::new(Some(waker)),
            wakes: AtomicU32::new(0),
        }
    }

    /// Its number, also the owner of its blocks.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Pushes a record and lets the owner know.
    pub fn send(&self, record: Record) {
        self.inbox.push(record);
        // SYNC POINT: record pushed, then look at blocked. Pairs with the fence in `wait`.
        fence(Ordering::SeqCst);
        if self.blocked.load(Ordering::SeqCst) {
            self.bell.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            manycore_os::futex::wake(&self.bell, 1);
        } else if !self.pending.load(Ordering::SeqCst) && !self.pending.swap(true, Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Makes the event loop call back.
    pub fn wake(&self) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        if let Some(waker) = &*self.waker.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            waker.wake();
        }
    }

    /// The context's event loop is gone: nothing wakes it from here on.
    pub fn detach(&self) {
        let waker = self.waker.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        drop(waker);
    }

    /// Passes up to `max` records to `take`; answers how many. At `max`, more may be there: call again, or
    /// [`Self::resume_later`].
    pub fn drain(&self, max: usize, mut take: impl FnMut(usize, Record)) -> usize {
        self.pending.store(false, Ordering::SeqCst);
        // SYNC POINT: pending lowered, then pop. Pairs with the fence in `send`.
        fence(Ordering::SeqCst);
        let mut count = 0;
        while count < max {
            let Some(record) = self.inbox.pop() else {
                break;
            };
            take(count, record);
            count += 1;
        }
        count
    }

    /// The owner stops before the inbox is empty: it is called back by its event loop.
    pub fn resume_later(&self) {
        if !self.pending.swap(true, Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Blocks until there is a record, `timeout` at most: spins for `spin` first, then sleeps. True if there is one.
    /// The event loop is not woken from here on until the next [`Self::drain`], which must follow.
    pub fn wait(&self, spin: Duration, timeout: Duration) -> bool {
        let start = now_ns();
        let spin_end = start + spin.as_nanos() as u64;
        // While the owner spins, a pusher must neither wake its event loop nor ring.
        self.pending.store(true, Ordering::SeqCst);
        let mut round = 0u32;
        loop {
            if !self.inbox.is_empty() {
                return true;
            }
            round += 1;
            if round.is_multiple_of(32) && now_ns() >= spin_end {
                break;
            }
            spin_hint();
        }
        let key = self.bell.load(std::sync::atomic::Ordering::SeqCst);
        self.blocked.store(true, Ordering::SeqCst);
        // SYNC POINT: blocked set, then look at the inbox. Pairs with the fence in `send`.
        fence(Ordering::SeqCst);
        if self.inbox.is_empty() {
            manycore_os::futex::wait(&self.bell, key, timeout);
        }
        self.blocked.store(false, Ordering::SeqCst);
        !self.inbox.is_empty()
    }

    /// How many times its event loop was woken.
    pub fn wake_count(&self) -> u32 {
        self.wakes.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::record::Kind;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    struct Count(Arc<AtomicUsize>);
    impl Wake for Count {
        fn wake(&self) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }

    fn record(i: u32) -> Record {
        Record::new(0, Kind::Called, i, [0; 5])
    }

    #[test]
    fn wakes_once_per_empty_to_full_transition() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let context = Context::new(1, Box::new(Count(wakes.clone())));
        for i in 0..10 {
            context.send(record(i));
        }
        assert_eq!(wakes.load(std::sync::atomic::Ordering::SeqCst), 1);
        let mut seen = Vec::new();
        assert_eq!(context.drain(4, |at, r| seen.push((at, r.0[2]))), 4);
        context.resume_later();
        assert_eq!(wakes.load(std::sync::atomic::Ordering::SeqCst), 2);
        assert_eq!(context.drain(100, |_, _| {}), 6);
        context.send(record(11));
        assert_eq!(wakes.load(std::sync::atomic::Ordering::SeqCst), 3);
        context.detach();
        context.drain(1, |_, _| {});
        context.send(record(12));
        assert_eq!(wakes.load(std::sync::atomic::Ordering::SeqCst), 3);
    }

    #[test]
    fn a_blocked_owner_gets_every_record() {
        let rounds = if cfg!(miri) { 30 } else { 20_000 };
        let context = Context::new(1, Box::new(Count(Arc::default())));
        std::thread::scope(|s| {
            s.spawn(|| (0..rounds).for_each(|i| context.send(record(i))));
            let mut got = 0;
            while got < rounds {
                context.wait(Duration::from_nanos(u64::from(got % 3) * 1000), Duration::from_secs(3600));
                context.drain(7, |_, r| {
                    assert_eq!(r.0[2], got);
                    got += 1;
                });
            }
        });
    }
}

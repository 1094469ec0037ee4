//! A context: one isolate, or one plain thread, attached to the region.
//!
//! Workers push records into the *inbox* of the context that owns their pool, and its [`Doorbell`] tells them whether
//! to wake the owner, and how.

mod doorbell;

use crate::clock::now_ns;
use crate::contexts::Seat;
use crate::record::Record;
use crate::sync::{AtomicU32, Ordering, spin_hint};
use crossbeam_queue::SegQueue;
use doorbell::{Doorbell, Ring};
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
    /// Its entry in the contexts' table, with the bell that it sleeps on.
    seat: Seat,
    inbox: SegQueue<Record>,
    doorbell: Doorbell,
    waker: Mutex<Option<Box<dyn Wake>>>,
    wakes: AtomicU32,
}

impl Context {
    /// A context with a number that no other ever had, on a seat of its own.
    pub(crate) fn new(id: u32, seat: Seat, waker: Box<dyn Wake>) -> Self {
        Self {
            id,
            seat,
            inbox: SegQueue::new(),
            doorbell: Doorbell::new(),
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
        match self.doorbell.pushed() {
            Ring::Nobody => {}
            Ring::Loop => self.wake(),
            // SYNC POINT: the bell changes after the push. Pairs with the load in `wait`.
            Ring::Sleeper => self.seat.ring(),
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
        self.doorbell.empty(|| {
            let records = std::iter::from_fn(|| self.inbox.pop());
            records.take(max).enumerate().map(|(at, record)| take(at, record)).count()
        })
    }

    /// The owner stops before the inbox is empty: it is called back by its event loop.
    pub fn resume_later(&self) {
        if self.doorbell.hush() {
            self.wake();
        }
    }

    /// Its bell: changes whenever something that it may wait for has changed.
    pub fn bell(&self) -> u32 {
        self.seat.bell()
    }

    /// Whether tasks of this context wait for primitives: then a ring calls its event loop.
    pub fn listen(&self, on: bool) {
        self.seat.listen(on);
    }

    /// The event loop looks at what its tasks wait for: a ring from here on calls it again.
    pub fn answer(&self) {
        self.seat.answer();
    }

    /// Blocks until there is a record, `timeout` at most: spins for `spin` first, then sleeps. True if there is one.
    /// The event loop is not woken from here on until the next [`Self::drain`], which must follow.
    pub fn wait(&self, spin: Duration, timeout: Duration) -> bool {
        self.wait_until(spin, timeout, || !self.inbox.is_empty())
    }

    /// As [`Self::wait`], and ends too when the bell is not `seen` any more: then true. No [`Self::drain`] needs to follow:
    /// if there are records by then, the event loop is woken.
    pub fn sleep(&self, seen: u32, spin: Duration, timeout: Duration) -> bool {
        let rung = self.wait_until(spin, timeout, || !self.inbox.is_empty() || self.seat.bell() != seen);
        if self.doorbell.empty(|| usize::from(!self.inbox.is_empty())) > 0 {
            self.resume_later();
        }
        rung
    }

    fn wait_until(&self, spin: Duration, timeout: Duration, ready: impl Fn() -> bool) -> bool {
        let start = now_ns();
        let spin_end = start + spin.as_nanos() as u64;
        // While the owner spins, a pusher must neither wake its event loop nor ring.
        self.doorbell.hush();
        let mut round = 0u32;
        loop {
            if ready() {
                return true;
            }
            round += 1;
            if round.is_multiple_of(32) && now_ns() >= spin_end {
                break;
            }
            spin_hint();
        }
        // SYNC POINT: the bell is read before the last look. Pairs with `send`.
        let key = self.seat.bell();
        self.doorbell.block(|| !ready(), || self.seat.sleep(key, timeout));
        ready()
    }

    /// How many times its event loop was woken.
    pub fn wake_count(&self) -> u32 {
        self.wakes.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(loom)))]
pub(crate) mod tests {
    use super::*;
    use crate::blocks::Blocks;
    use crate::contexts::Contexts;
    use crate::record::Kind;
    use crate::sync::AtomicUsize;
    use std::sync::Arc;

    /// Counts the calls of the event loop.
    pub struct Count(pub Arc<AtomicUsize>);
    impl Wake for Count {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn context(wakes: Arc<AtomicUsize>) -> Arc<Context> {
        let blocks = Arc::new(Blocks::new(64 << 20).unwrap());
        Contexts::new(blocks).unwrap().attach(Box::new(Count(wakes))).unwrap()
    }

    fn record(i: u32) -> Record {
        Record::new(0, Kind::Called, i, [0; 5])
    }

    #[test]
    fn wakes_once_per_empty_to_full_transition() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let context = context(wakes.clone());
        for i in 0..10 {
            context.send(record(i));
        }
        assert_eq!(wakes.load(Ordering::SeqCst), 1);
        let mut seen = Vec::new();
        assert_eq!(context.drain(4, |at, r| seen.push((at, r.0[2]))), 4);
        context.resume_later();
        assert_eq!(wakes.load(Ordering::SeqCst), 2);
        assert_eq!(context.drain(100, |_, _| {}), 6);
        context.send(record(11));
        assert_eq!(wakes.load(Ordering::SeqCst), 3);
        context.detach();
        context.drain(1, |_, _| {});
        context.send(record(12));
        assert_eq!(wakes.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn who_slept_is_woken_for_records_again() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let context = context(wakes.clone());
        let count = || wakes.load(Ordering::SeqCst);
        assert!(!context.sleep(context.bell(), Duration::ZERO, Duration::from_micros(10)));
        context.send(record(1));
        assert_eq!(count(), 1, "the sleep left the doorbell as it was");
        context.drain(8, |_, _| {});
        std::thread::scope(|s| {
            s.spawn(|| context.send(record(2)));
            while !context.sleep(context.bell(), Duration::ZERO, Duration::from_secs(3600)) {}
        });
        // Three if the record came before the sleep: then it had woken the event loop already.
        assert!(matches!(count(), 2 | 3), "it was rung, and has not drained");
    }

    #[test]
    fn a_blocked_owner_gets_every_record() {
        let rounds = if cfg!(miri) { 30 } else { 20_000 };
        let context = context(Arc::default());
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

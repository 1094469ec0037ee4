//! The contexts' table: who is attached to the region, whom to wake, and who has died.
//!
//! A context's number is generation << 10 | slot, and generations begin at 1: so a number leads to its entry, is never
//! used again, and what finds another number there knows that the context is dead.

mod seat;

use crate::blocks::{BlockError, Blocks};
use crate::context::{Context, Wake};
use crate::primitives::{Parties, SLOTS, slot_of};
use crate::processes::Entry;
use crate::region::header;
use crate::ring::{INTENT_WORDS, Intent};
use crate::sync::shared::{AtomicU64, Ordering};
use seat::ENTRY;
pub(crate) use seat::Seat;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// Owner of blocks that belong to nobody alone: shared objects, and this table. Never a context's number.
pub const OBJECTS: u32 = 1;

/// Why an isolate could not be attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// Every entry is taken.
    #[error("{SLOTS} isolates are attached already, the most there can be")]
    Full,
    /// The first process does not know this one.
    #[error("the process that has reserved the shared memory does not know this one")]
    Unknown,
    /// There is no memory for the table.
    #[error(transparent)]
    NoMemory(#[from] BlockError),
}

/// The table, and this process' contexts in it.
pub struct Contexts {
    blocks: Arc<Blocks>,
    table: usize,
    /// Index of this process.
    process: usize,
    /// Free slots; the one that was freed first is used first. In the process that made the table.
    free: Mutex<VecDeque<usize>>,
    here: Box<[Mutex<Option<Arc<Context>>>]>,
}

impl Contexts {
    /// An empty table in a block of its own.
    pub fn new(blocks: Arc<Blocks>) -> Result<Self, AttachError> {
        let table = Blocks::payload(blocks.alloc(OBJECTS, SLOTS * ENTRY)?);
        blocks.region().zero(table, SLOTS * ENTRY);
        let contexts = Self::over(blocks, table, 0);
        lock(&contexts.free).extend(0..SLOTS);
        if let Some(place) = contexts.blocks.region().word(header::CONTEXTS) {
            // SYNC POINT: the table is there. Payloads begin 16 bytes behind a multiple of 64.
            place.store(table as u32, Ordering::Release);
        }
        Ok(contexts)
    }

    /// The table that another process has made, seen from the process of that index.
    pub fn attached(blocks: Arc<Blocks>, process: usize) -> Self {
        let table = blocks.region().word(header::CONTEXTS).map_or(0, |place| place.load(Ordering::Acquire));
        Self::over(blocks, table as usize, process)
    }

    fn over(blocks: Arc<Blocks>, table: usize, process: usize) -> Self {
        let here = (0..SLOTS).map(|_| Mutex::default()).collect();
        Self { blocks, table, process, free: Mutex::default(), here }
    }

    /// Attaches an isolate or thread of the process that made the table; `waker` wakes it.
    pub fn attach(&self, waker: Box<dyn Wake>) -> Result<Arc<Context>, AttachError> {
        self.enter(self.process).map(|id| self.settle(id, waker))
    }

    /// An entry for a context of the process of that index: its number. In the process that made the table.
    pub fn enter(&self, process: usize) -> Result<u32, AttachError> {
        let slot = lock(&self.free).pop_front().ok_or(AttachError::Full)?;
        Ok(self.seat(slot).take(slot, process))
    }

    /// The context of this number is of this process, and woken by `waker`.
    pub fn settle(&self, id: u32, waker: Box<dyn Wake>) -> Arc<Context> {
        let context = self.stand_in(id, waker);
        *lock(&self.here[slot_of(id)]) = Some(context.clone());
        context
    }

    /// The context of this number, which is of another process, for a pool of this one whose worker it is.
    pub fn stand_in(&self, id: u32, waker: Box<dyn Wake>) -> Arc<Context> {
        let seat = Seat { blocks: self.blocks.clone(), at: self.table + slot_of(id) * ENTRY };
        Arc::new(Context::new(id, seat, waker))
    }

    /// The context has died: nobody takes it for alive from here on, and nothing wakes it. [`Self::forget`] must follow,
    /// when what it left behind has been dealt with.
    pub fn died(&self, id: u32) {
        let slot = slot_of(id);
        let here = lock(&self.here[slot]).take_if(|context| context.id() == id);
        self.seat(slot).died(id);
        if let Some(context) = here {
            context.detach();
        }
    }

    /// Frees the entry of a context that has died. In the process that made the table.
    pub fn forget(&self, id: u32) {
        if self.seat(slot_of(id)).leave(id) {
            lock(&self.free).push_back(slot_of(id));
        }
    }

    /// Numbers of the contexts in the process of that index, the dead ones too that were not forgotten yet.
    pub fn of(&self, process: usize) -> Vec<u32> {
        let numbers = (0..SLOTS).filter_map(|slot| {
            let seat = self.seat(slot);
            let its = seat.process() == process;
            Some(seat.number()).filter(|number| its && *number != 0)
        });
        numbers.collect()
    }

    /// Index of the process that the context of this number is in; None: it is not alive.
    pub fn process_of(&self, id: u32) -> Option<usize> {
        let process = self.seat(slot_of(id)).process();
        self.alive(id).then_some(process)
    }

    /// Calls the event loops of this process' contexts whose bits are set; they are not any more.
    pub fn call_loops(&self, called: &[AtomicU64]) {
        for (index, word) in called.iter().enumerate() {
            let mut bits = if word.load(Ordering::SeqCst) == 0 { 0 } else { word.swap(0, Ordering::SeqCst) };
            while bits != 0 {
                let slot = index * 64 + bits.trailing_zeros() as usize;
                if let Some(context) = lock(&self.here[slot]).clone() {
                    context.wake();
                }
                bits &= bits - 1;
            }
        }
    }

    /// Where the context of this number writes what it has under way in a ring.
    pub fn intent(&self, id: u32) -> Option<Intent<'_, AtomicU64>> {
        Intent::new(self.blocks.region().longs(self.intent_at(id), INTENT_WORDS)?)
    }

    /// At which byte that is.
    pub(crate) fn intent_at(&self, id: u32) -> usize {
        self.seat(slot_of(id)).intent_at()
    }

    /// Has every context look at what it waits for, those too whose event loop was called: who was to call it may have
    /// died before it did.
    pub fn ring_all(&self) {
        for slot in 0..SLOTS {
            let seat = self.seat(slot);
            if seat.alive() {
                seat.ring();
                if seat.listens() {
                    seat.calls_again();
                    self.call(slot, &seat);
                }
            }
        }
    }

    /// Rings the context on that slot, and has its event loop called, whether it waits for anything or not.
    pub fn summon(&self, slot: usize) {
        let seat = self.seat(slot);
        seat.ring();
        self.call(slot, &seat);
    }

    /// Has the event loop of the context on that slot called, in whatever process it is.
    fn call(&self, slot: usize, seat: &Seat<&Blocks>) {
        let process = seat.process();
        if process != self.process {
            if let Some(entry) = Entry::at(self.blocks.region(), process) {
                entry.call(slot);
            }
        } else if let Some(context) = lock(&self.here[slot]).clone() {
            context.wake();
        }
    }

    fn seat(&self, slot: usize) -> Seat<&Blocks> {
        Seat { blocks: &self.blocks, at: self.table + slot * ENTRY }
    }
}

impl Parties for Contexts {
    fn alive(&self, id: u32) -> bool {
        id != 0 && self.seat(slot_of(id)).seats(id)
    }

    fn ring(&self, slot: usize) -> bool {
        let seat = self.seat(slot);
        if !seat.alive() {
            return false;
        }
        seat.ring();
        if seat.calls() {
            self.call(slot, &seat);
        }
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::context::tests::Count;
    use crate::sync::AtomicUsize;
    use std::time::Duration;

    fn table() -> (Contexts, Arc<AtomicUsize>, impl Fn() -> Box<dyn Wake>) {
        let contexts = Contexts::new(Arc::new(Blocks::new(64 << 20).unwrap())).unwrap();
        let wakes = Arc::new(AtomicUsize::new(0));
        let count = wakes.clone();
        (contexts, wakes, move || Box::new(Count(count.clone())) as Box<dyn Wake>)
    }

    #[test]
    fn a_number_is_never_used_again() {
        let (contexts, _, waker) = table();
        let first = contexts.attach(waker()).unwrap();
        assert!(contexts.alive(first.id()) && !contexts.alive(0) && !contexts.alive(OBJECTS));
        contexts.died(first.id());
        assert!(!contexts.alive(first.id()));
        contexts.forget(first.id());
        contexts.forget(first.id());
        let all: Vec<_> = (0..SLOTS).map(|_| contexts.attach(waker()).unwrap()).collect();
        assert!(all.iter().all(|context| context.id() != first.id() && contexts.alive(context.id())));
        assert!(all.iter().any(|context| slot_of(context.id()) == slot_of(first.id())));
        assert!(matches!(contexts.attach(waker()), Err(AttachError::Full)));
        contexts.died(first.id());
        assert!(all.iter().all(|context| contexts.alive(context.id())), "a number of the past ends nobody");
    }

    #[test]
    fn a_ring_calls_the_event_loop_once_until_it_answers() {
        let (contexts, wakes, waker) = table();
        let context = contexts.attach(waker()).unwrap();
        let slot = slot_of(context.id());
        contexts.ring(slot);
        assert_eq!(wakes.load(Ordering::SeqCst), 0, "nobody there waits");
        context.listen(true);
        contexts.ring(slot);
        contexts.ring(slot);
        assert_eq!(wakes.load(Ordering::SeqCst), 1);
        context.answer();
        contexts.ring(slot);
        assert_eq!(wakes.load(Ordering::SeqCst), 2);
        // After a death: the dead one may have been the one that was to call it.
        contexts.ring_all();
        assert_eq!(wakes.load(Ordering::SeqCst), 3);
        contexts.died(context.id());
        context.answer();
        contexts.ring(slot);
        assert_eq!(wakes.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn a_sleeper_hears_every_ring() {
        let rounds = if cfg!(miri) { 20 } else { 20_000 };
        let (contexts, _, waker) = table();
        let pair = [contexts.attach(waker()).unwrap(), contexts.attach(waker()).unwrap()];
        let turn = AtomicUsize::new(0);
        let play = |me: usize| {
            for round in 0..rounds {
                loop {
                    let seen = pair[me].bell();
                    if turn.load(Ordering::SeqCst) == round * 2 + me {
                        break;
                    }
                    pair[me].sleep(seen, Duration::ZERO, Duration::from_secs(3600));
                }
                turn.fetch_add(1, Ordering::SeqCst);
                contexts.ring(slot_of(pair[1 - me].id()));
            }
        };
        std::thread::scope(|s| {
            s.spawn(|| play(0));
            s.spawn(|| play(1));
        });
    }
}

//! A region and contexts in which a thread can be cut off before any of its writes, under loom too.

use crate::blocks::{BlockError, Blocks};
use crate::primitives::{GATE_BYTES, Parties, SLOTS, Word32, Word64, slot_of};
use crate::ring::{Area, Caller, Fault, INLINE, INTENT_WORDS, Intent, Long, Memory, Message, Ring, STATE_BYTES};
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, Mutex, Ordering};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex as Plain, TryLockError};

#[cfg(loom)]
use loom::sync::Condvar;
#[cfg(loom)]
use loom::thread_local;
#[cfg(not(loom))]
use std::sync::Condvar;

thread_local! {
    /// Writes that the thread does before it is cut off; None: it is not.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's has no such form")]
    static LIFE: Cell<Option<u32>> = Cell::new(None);
}

/// What unwinds from a thread that is cut off.
struct Cut;

/// Cuts the thread off if its time has come.
fn step() {
    LIFE.with(|life| match life.get() {
        Some(0) => resume_unwind(Box::new(Cut)),
        Some(left) => life.set(Some(left - 1)),
        None => {}
    });
}

/// Does something, and is cut off before its write number `life`. None: it was.
pub fn mortal<R>(life: u32, work: impl FnOnce() -> R) -> Option<R> {
    LIFE.with(|left| left.set(Some(life)));
    let result = catch_unwind(AssertUnwindSafe(work));
    LIFE.with(|left| left.set(None));
    match result {
        Ok(result) => Some(result),
        Err(cut) if cut.is::<Cut>() => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// A word whose writers are mortal.
#[derive(Debug, Default)]
pub struct Mortal<A>(pub A);

impl Word32 for Mortal<AtomicU32> {
    fn load(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
    fn store(&self, value: u32) {
        step();
        self.0.store(value, Ordering::SeqCst);
    }
    fn swap(&self, value: u32) -> u32 {
        step();
        self.0.swap(value, Ordering::SeqCst)
    }
    fn compare_exchange(&self, from: u32, to: u32) -> Result<u32, u32> {
        step();
        self.0.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
    }
    fn fetch_add(&self, value: u32) -> u32 {
        step();
        self.0.fetch_add(value, Ordering::SeqCst)
    }
    fn fetch_or(&self, bits: u32) -> u32 {
        step();
        self.0.fetch_or(bits, Ordering::SeqCst)
    }
    fn fetch_and(&self, bits: u32) -> u32 {
        step();
        self.0.fetch_and(bits, Ordering::SeqCst)
    }
}

impl Word64 for Mortal<AtomicU64> {
    fn load(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
    fn fetch_or(&self, bits: u64) -> u64 {
        step();
        self.0.fetch_or(bits, Ordering::SeqCst)
    }
    fn fetch_and(&self, bits: u64) -> u64 {
        step();
        self.0.fetch_and(bits, Ordering::SeqCst)
    }
}

impl Long for Mortal<AtomicU64> {
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
    fn set(&self, value: u64) {
        step();
        self.0.store(value, Ordering::Relaxed);
    }
    fn acquire(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
    fn release(&self, value: u64) {
        step();
        self.0.store(value, Ordering::Release);
    }
    fn exchange(&self, from: u64, to: u64) -> Result<u64, u64> {
        step();
        self.0.compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed)
    }
}

type Longs = Vec<Mortal<AtomicU64>>;

/// Block of the ring.
const OBJECT: u32 = 1;
/// Blocks of chunks are multiples of this; those of messages are the odd numbers above.
const CHUNK_STEP: u32 = 1 << 10;
/// Blocks of messages from here on.
pub const MESSAGES: u32 = 1 << 20;

/// What a context has beside the ring.
struct Place {
    intent: Longs,
    cell: Mortal<AtomicU32>,
    alive: AtomicBool,
    sweeping: Plain<()>,
    bell: Mutex<u32>,
    rung: Condvar,
}

/// A region with one ring in it, and some contexts.
pub struct World {
    words: Vec<(usize, Mortal<AtomicU32>)>,
    /// In the order of their offsets.
    longs: Vec<(usize, Longs)>,
    /// Owners of chunks and messages, by block.
    owners: Plain<std::collections::BTreeMap<u32, u32>>,
    places: Vec<Place>,
    counted: bool,
}

/// What a world begins with.
pub struct Setup {
    pub contexts: usize,
    pub chunks: u32,
    pub max_items: u32,
    pub max_bytes: u32,
    /// Whether cells count what was taken and is not done.
    pub counted: bool,
    /// Words that each context has for messages.
    pub area: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self { contexts: 2, chunks: 3, max_items: 0, max_bytes: 0, counted: false, area: 2 }
    }
}

fn longs(count: usize) -> Longs {
    (0..count).map(|_| Mortal(AtomicU64::new(0))).collect()
}

impl World {
    pub fn new(setup: Setup) -> Self {
        let at = Blocks::payload(OBJECT);
        let gates = [0, 1, 2].map(|gate| at + 16 + gate * GATE_BYTES);
        let limits = [(at + 4, setup.max_items), (at + 8, setup.max_bytes)];
        let beside = gates.iter().flat_map(|gate| [(*gate, 0), (*gate + 4, 0)]);
        let words = limits.into_iter().chain(beside).map(|(at, value)| (at, Mortal(AtomicU32::new(value))));
        let state = at + 16 + 3 * GATE_BYTES;
        let mut parts: Vec<_> = gates.iter().map(|gate| (gate + 8, longs(1))).collect();
        parts.push((state, longs((at + STATE_BYTES - state) / 8)));
        let chunk = |i: u32| (Blocks::payload((i + 1) * CHUNK_STEP), longs(super::super::chunk::CHUNK_BYTES / 8));
        parts.extend((0..setup.chunks).map(chunk));
        parts.extend((0..setup.contexts).map(|i| (Self::area_at(i), longs(setup.area))));
        let place = |_| Place {
            intent: longs(INTENT_WORDS),
            cell: Mortal(AtomicU32::new(0)),
            alive: AtomicBool::new(true),
            sweeping: Plain::default(),
            bell: Mutex::new(0),
            rung: Condvar::new(),
        };
        let owners = (0..setup.chunks).map(|i| ((i + 1) * CHUNK_STEP, 0)).collect();
        Self {
            words: words.collect(),
            longs: parts,
            owners: Plain::new(owners),
            places: (0..setup.contexts).map(place).collect(),
            counted: setup.counted,
        }
    }

    /// The number of the context at `index`.
    pub fn id(index: usize) -> u32 {
        (SLOTS + index) as u32
    }

    /// Where the context at `index` has an area of its own.
    pub fn area_at(index: usize) -> usize {
        (1 << 32) + (index << 16)
    }

    pub fn ring(&self) -> Ring<'_, Self> {
        Ring::at(self, OBJECT).unwrap()
    }

    pub fn caller(&self, index: usize) -> Caller<'_, Self, Self> {
        let place = &self.places[index];
        let intent = Intent::new(&place.intent[..]).unwrap();
        Caller { id: Self::id(index), intent, cell: self.counted.then_some(&place.cell), parties: self }
    }

    /// A message with one number in it, out of the context's area.
    pub fn number(&self, index: usize, number: u64) -> Message {
        let at = Self::area_at(index);
        self.longs(at, 1).unwrap()[0].0.store(number, Ordering::Relaxed);
        Message::Bytes { at, bytes: INLINE.min(8) as u32 }
    }

    /// The number that was got into the context's area.
    pub fn got(&self, index: usize) -> u64 {
        self.longs(Self::area_at(index), 1).unwrap()[0].get()
    }

    /// A message in a block of the context's.
    pub fn block(&self, index: usize, number: u32) -> Message {
        self.owners.lock().unwrap().insert(MESSAGES + number, Self::id(index));
        Message::Block { block: MESSAGES + number, bytes: 100 }
    }

    /// The area of a context, of so many words.
    pub fn area(&self, index: usize, words: usize) -> Area {
        Area { at: Self::area_at(index), bytes: words * 8 }
    }

    /// Writes messages into the context's area.
    pub fn fill(&self, index: usize, messages: &[(u64, Option<u64>)]) -> Area {
        let flat: Vec<_> = messages.iter().flat_map(|(head, word)| [*head].into_iter().chain(*word)).collect();
        let area = self.area(index, flat.len());
        let words = self.longs(area.at, flat.len()).unwrap();
        flat.iter().zip(words).for_each(|(value, word)| word.0.store(*value, Ordering::Relaxed));
        area
    }

    /// Nobody takes the context at `index` for alive from here on.
    pub fn died(&self, index: usize) {
        self.places[index].alive.store(false, Ordering::SeqCst);
    }

    /// Deals with the death of the context at `index`; false: somebody else is at it, or it lives again.
    pub fn bury(&self, index: usize) -> bool {
        let _only_one = match self.places[index].sweeping.try_lock() {
            Err(TryLockError::WouldBlock) => return false,
            // Who swept was cut off.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Ok(guard) => guard,
        };
        if self.alive(Self::id(index)) {
            return false;
        }
        let dead = self.caller(index);
        self.ring().sweep(&dead);
        while let Err(Fault::OwnerDied { id }) = self.ring().lose(&dead) {
            assert_ne!(id, dead.id, "its locks were given back");
            self.bury(slot_of(id));
        }
        for owner in self.owners.lock().unwrap().values_mut().filter(|owner| **owner == dead.id) {
            *owner = 0;
        }
        for slot in 0..self.places.len() {
            Parties::ring(self, slot);
        }
        true
    }

    /// The context at `index`, which was buried, is attached again, as if it were another one.
    #[cfg(not(loom))]
    pub fn revive(&self, index: usize) {
        let _nobody_buries = self.places[index].sweeping.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.places[index].alive.store(true, Ordering::SeqCst);
    }

    /// Does `work` until no dead context is in its way.
    pub fn insist<R>(&self, mut work: impl FnMut() -> Result<R, Fault>) -> R {
        loop {
            match work() {
                Ok(result) => return result,
                Err(Fault::OwnerDied { id }) => drop(self.bury(slot_of(id))),
                Err(fault) => panic!("{fault}"),
            }
        }
    }

    /// The context at `index` looks until `look` has got something, and sleeps in between.
    pub fn wait<R>(&self, index: usize, mut look: impl FnMut() -> Option<R>) -> R {
        let place = &self.places[index];
        loop {
            let key = *place.bell.lock().unwrap();
            if let Some(result) = look() {
                return result;
            }
            let mut bell = place.bell.lock().unwrap();
            while *bell == key {
                bell = place.rung.wait(bell).unwrap();
            }
        }
    }

    /// How often the context at `index` was rung.
    #[cfg(not(loom))]
    pub fn rings(&self, index: usize) -> u32 {
        *self.places[index].bell.lock().unwrap()
    }

    /// What the context at `index` has taken and not done.
    #[cfg(not(loom))]
    pub fn cell(&self, index: usize) -> u32 {
        self.places[index].cell.load()
    }

    /// Chunks and messages that belong to anybody.
    pub fn owned(&self) -> Vec<(u32, u32)> {
        let owners = self.owners.lock().unwrap();
        owners.iter().filter(|(_, owner)| **owner != 0).map(|(block, owner)| (*block, *owner)).collect()
    }
}

impl Parties for World {
    fn alive(&self, id: u32) -> bool {
        self.places[slot_of(id)].alive.load(Ordering::SeqCst)
    }

    fn ring(&self, slot: usize) -> bool {
        step();
        let place = &self.places[slot];
        *place.bell.lock().unwrap() += 1;
        place.rung.notify_all();
        place.alive.load(Ordering::SeqCst)
    }
}

impl Memory for World {
    type Word = Mortal<AtomicU32>;
    type Long = Mortal<AtomicU64>;
    const WAITERS: usize = 1;

    fn word(&self, at: usize) -> Option<&Self::Word> {
        self.words.iter().find(|(begin, _)| *begin == at).map(|(_, word)| word)
    }

    fn longs(&self, at: usize, count: usize) -> Option<&[Self::Long]> {
        let (begin, longs) = &self.longs[self.longs.partition_point(|(begin, _)| *begin <= at).checked_sub(1)?];
        longs.get((at - begin) / 8..)?.get(..count)
    }

    fn alloc(&self, owner: u32, _: usize) -> Result<u32, BlockError> {
        step();
        let mut owners = self.owners.lock().unwrap();
        let free = owners.iter_mut().find(|(block, owner)| **block < MESSAGES && **owner == 0);
        let (block, free) = free.ok_or(BlockError::TooLarge { bytes: 0 })?;
        *free = owner;
        Ok(*block)
    }

    fn hand_over(&self, block: u32, from: u32, to: u32) -> bool {
        step();
        let mut owners = self.owners.lock().unwrap();
        owners.get_mut(&block).filter(|owner| **owner == from).map(|owner| *owner = to).is_some()
    }

    fn free(&self, owner: u32, block: u32) -> bool {
        self.hand_over(block, owner, 0)
    }
}

//! A context of this process, with memory of its own, that does what isolates do.

use crate::bell::{Bell, Rope};
use manycore_core::blocks::Blocks;
use manycore_core::context::Context;
use manycore_core::contexts::Contexts;
use manycore_core::objects::{HEADER_BYTES, Plan, kind};
use manycore_core::primitives::{GATE_BYTES, GateRef};
use manycore_core::registry::Registry;
use manycore_core::ring::{Area, Caller, Fault, Got, INLINE, Many, Memory, Message, Put, Ring, STATE_BYTES};
use manycore_core::sync::shared::{AtomicU32, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a party's area.
const AREA: usize = 8192;

pub struct Party {
    pub registry: &'static Registry,
    pub context: Arc<Context>,
    /// Its event loop.
    pub bell: Arc<Bell>,
    area: u32,
}

impl Party {
    pub fn new(registry: &'static Registry) -> Self {
        let bell = Arc::<Bell>::default();
        let context = registry.attach(Box::new(Rope(bell.clone()))).unwrap();
        let area = registry.blocks().alloc(context.id(), AREA).unwrap();
        Self { registry, context, bell, area }
    }

    pub fn id(&self) -> u32 {
        self.context.id()
    }

    pub fn blocks(&self) -> &'static Blocks {
        self.registry.blocks()
    }

    /// A word of the region.
    pub fn word(&self, at: usize) -> &'static AtomicU32 {
        self.blocks().region().word(at).unwrap()
    }

    /// The first 64-bit word of a block's payload.
    pub fn head(&self, block: u32) -> &'static AtomicU64 {
        self.blocks().region().long(Blocks::payload(block)).unwrap()
    }

    pub fn create(&self, kind: u32, constants: [u32; 3], bytes: usize, needs: &[u32]) -> u32 {
        self.registry.objects().create(self.id(), Plan { kind, constants, bytes, needs }).unwrap()
    }

    pub fn open(&self, object: u32) {
        assert!(self.registry.objects().open(self.id(), object), "there is no object {object}");
    }

    pub fn release(&self, object: u32) {
        assert!(self.registry.objects().release(self.id(), object), "object {object} is not held");
    }

    /// A board: an object with some words that everybody may write. With as many words as there are numbers in use.
    pub fn board(&self) -> u32 {
        self.create(kind::VALUE, [0; 3], HEADER_BYTES + GATE_BYTES + BOARD * 8, &[])
    }

    /// A word of a board.
    pub fn at(&self, board: u32, index: usize) -> &'static AtomicU64 {
        assert!(index < BOARD);
        self.blocks().region().long(Blocks::payload(board) + HEADER_BYTES + GATE_BYTES + index * 8).unwrap()
    }

    /// Waits until a word of a board is at least so much.
    pub fn until(&self, board: u32, index: usize, least: u64) {
        while self.at(board, index).load(Ordering::SeqCst) < least {
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    pub fn gate(&self, object: u32) -> GateRef<'static> {
        GateRef::at(self.blocks().region(), Blocks::payload(object) + HEADER_BYTES).unwrap()
    }

    /// A queue; see [`Ring::at`] for its limits.
    pub fn queue(&self, max_items: u32, max_bytes: u32) -> u32 {
        self.create(kind::QUEUE, [max_items, max_bytes, 0], STATE_BYTES, &[])
    }

    /// Runs `f` with a ring, again when somebody had died inside, as the addon does.
    pub fn at_ring<R>(
        &self,
        ring: u32,
        f: impl Fn(&Ring<'_, Blocks>, &Caller<'_, Blocks, Contexts>) -> Result<R, Fault>,
    ) -> R {
        self.at_counted(ring, 0, f)
    }

    /// As [`Self::at_ring`], with a cell at that byte of the region.
    pub fn at_counted<R>(
        &self,
        ring: u32,
        cell: usize,
        f: impl Fn(&Ring<'_, Blocks>, &Caller<'_, Blocks, Contexts>) -> Result<R, Fault>,
    ) -> R {
        let ring = Ring::at(self.blocks(), ring).unwrap();
        let intent = self.registry.contexts().intent(self.id()).unwrap();
        let cell = (cell != 0).then(|| self.word(cell));
        let caller = Caller { id: self.id(), intent, cell, parties: self.registry.contexts() };
        loop {
            match f(&ring, &caller) {
                Ok(value) => return value,
                Err(Fault::OwnerDied { .. }) => std::thread::yield_now(),
                Err(fault) => panic!("{fault}"),
            }
        }
    }

    /// Where its area begins.
    pub fn area(&self) -> usize {
        Blocks::payload(self.area)
    }

    /// Writes words into the area.
    pub fn write(&self, words: &[u64]) {
        let area = self.blocks().longs(self.area(), words.len()).unwrap();
        area.iter().zip(words).for_each(|(word, value)| word.store(*value, Ordering::Relaxed));
    }

    /// Words of the area.
    pub fn read(&self, count: usize) -> Vec<u64> {
        let area = self.blocks().longs(self.area(), count).unwrap();
        area.iter().map(|word| word.load(Ordering::Relaxed)).collect()
    }

    /// Looks until something is got, and sleeps in between: for ever, if no ring comes.
    pub fn wait<R>(&self, mut look: impl FnMut() -> Option<R>) -> R {
        loop {
            let seen = self.context.bell();
            if let Some(result) = look() {
                return result;
            }
            self.context.sleep(seen, Duration::ZERO, Duration::from_secs(3600));
        }
    }

    /// The same, but called by its event loop when it is rung, as a task that awaits.
    pub fn wait_in_loop<R>(&self, mut look: impl FnMut() -> Option<R>) -> R {
        self.context.listen(true);
        loop {
            self.context.answer();
            if let Some(result) = look() {
                self.context.listen(false);
                return result;
            }
            self.bell.wait();
        }
    }

    /// Puts a message of one number, in the ring or in a block of its own; waits for room. False: the ring is shut.
    pub fn put(&self, ring: u32, number: u64, in_block: Option<usize>) -> bool {
        let message = match in_block {
            None => {
                self.write(&[number]);
                Message::Bytes { at: self.area(), bytes: 8 }
            }
            Some(bytes) => {
                let block = self.blocks().alloc(self.id(), bytes).unwrap();
                self.head(block).store(number, Ordering::Relaxed);
                Message::Block { block, bytes: bytes as u32 }
            }
        };
        let put = || self.at_ring(ring, |ring, me| ring.put(me, message, true));
        let mut waited = false;
        let done = self.wait(|| match put() {
            Put::Full => {
                waited = true;
                None
            }
            other => Some(other == Put::Done),
        });
        if waited {
            self.at_ring(ring, |ring, me| {
                ring.leave_room(me);
                Ok(())
            });
        }
        if let (false, Message::Block { block, .. }) = (done, message) {
            self.blocks().free(self.id(), block).unwrap();
        }
        done
    }

    /// Puts messages of one number each with one call, as far as there is room at once; how many.
    pub fn put_many(&self, ring: u32, numbers: &[u64]) -> u32 {
        let words: Vec<_> = numbers.iter().flat_map(|number| [8, *number]).collect();
        self.write(&words);
        let area = Area { at: self.area(), bytes: words.len() * 8 };
        self.at_ring(ring, |ring, me| ring.put_many(me, area, false)).0
    }

    /// Takes one number, and waits for it. None: there will be none.
    pub fn get(&self, ring: u32) -> Option<u64> {
        self.get_counted(ring, 0)
    }

    /// As [`Self::get`], with a cell at that byte of the region.
    pub fn get_counted(&self, ring: u32, cell: usize) -> Option<u64> {
        let got = || self.at_counted(ring, cell, |ring, me| ring.get(me, self.area() + AREA - INLINE - 8, true));
        let mut waited = false;
        let got = self.wait(|| {
            let got = got();
            waited |= got == Got::Empty;
            Some(got).filter(|got| *got != Got::Empty)
        });
        if waited {
            self.at_ring(ring, |ring, me| {
                ring.leave_items(me);
                Ok(())
            });
        }
        match got {
            Got::Bytes(8) => {
                Some(self.blocks().region().long(self.area() + AREA - INLINE - 8).unwrap().load(Ordering::Relaxed))
            }
            Got::Block { block, .. } => {
                let number = self.head(block).load(Ordering::Relaxed);
                self.blocks().free(self.id(), block).unwrap();
                Some(number)
            }
            Got::Ended => None,
            other => panic!("{other:?}"),
        }
    }

    /// Takes one number of those that are in the ring or in blocks, if there is one now.
    pub fn get_now(&self, ring: u32, cell: usize) -> Option<u64> {
        let ready = self.at_ring(ring, |ring, me| Ok(ring.ready(me, false)));
        // Another one may be faster; then this waits, until there is one again.
        if ready { self.get_counted(ring, cell) } else { None }
    }

    /// Takes numbers that are in the ring itself, some at a time; none: there is none now.
    pub fn get_many(&self, ring: u32, max: u32) -> Vec<u64> {
        let area = Area { at: self.area(), bytes: AREA - 256 };
        match self.at_ring(ring, |ring, me| ring.get_many(me, max, area, false)) {
            Many::Some(count) => self.read(count as usize * 2).into_iter().skip(1).step_by(2).collect(),
            Many::Empty | Many::Ended => Vec::new(),
        }
    }

    /// Sets flags of a ring.
    pub fn shut(&self, ring: u32, flags: u32) {
        self.at_ring(ring, |ring, me| ring.shut(me, flags));
    }
}

/// Words of a board.
const BOARD: usize = 64;

impl Drop for Party {
    /// The isolate's end.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.registry.detach(&self.context, true);
        }
    }
}

//! Shared objects (locks, values, queues …): blocks that live as long as anybody can reach them.
//!
//! An object is one block, owned by [`OBJECTS`], that begins with four words: its kind and three constants. It is held by
//! contexts, once each however many handles they have, and pinned by what is not a context: a message on its way that
//! names it, another object that needs it, a buffer that shows its bytes. When nobody holds or pins it, it ends.
//!
//! A context that lets go while its cell is not zero (it has permits, or messages that are not done) is remembered, and
//! has the same cell should it come back: what it has goes back at its death. That keeps no object alive.
//!
//! Who holds what is known to the process that has reserved the region, and lives outside of it: a process that was
//! killed half-way through something leaves no counts that are wrong.

use crate::blocks::{BlockError, Blocks};
use crate::contexts::OBJECTS;
use crate::sync::shared::{AtomicU32, Ordering};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

/// Bytes of the words that every object begins with.
pub const HEADER_BYTES: usize = 16;
/// Cells that a context gets at a time.
const CELLS: usize = 64;

/// What an object is, as its first word says.
pub mod kind {
    /// A `Value`: one typed value, or a struct.
    pub const VALUE: u32 = 1;
    /// An `Array`.
    pub const ARRAY: u32 = 2;
    /// A `Lock`.
    pub const LOCK: u32 = 3;
    /// An `RLock`.
    pub const RLOCK: u32 = 4;
    /// A `Semaphore`.
    pub const SEMAPHORE: u32 = 5;
    /// A `BoundedSemaphore`.
    pub const BOUNDED_SEMAPHORE: u32 = 6;
    /// A `Condition`.
    pub const CONDITION: u32 = 7;
    /// An `Event`.
    pub const EVENT: u32 = 8;
    /// A `Barrier`.
    pub const BARRIER: u32 = 9;
    /// A `Queue` of any kind, or one direction of a pipe.
    pub const QUEUE: u32 = 10;
    /// One end of a pipe.
    pub const CONNECTION: u32 = 11;
}

/// A new object's first words, and how large it is.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// What it is.
    pub kind: u32,
    /// Its constants.
    pub constants: [u32; 3],
    /// Bytes of the payload, header included.
    pub bytes: usize,
    /// Objects that it needs as long as it lives.
    pub needs: &'a [u32],
}

/// What a context that died had in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// The object's block.
    pub object: u32,
    /// Its kind.
    pub kind: u32,
    /// The cell's value, 0 where there is none.
    pub cell: u32,
    /// Byte offset of the cell, 0 = there is none.
    pub cell_at: usize,
}

struct Holder {
    context: u32,
    /// Byte offset of the context's cell for this object, 0 = none yet.
    cell: usize,
    /// It let go, and its cell is not zero.
    gone: bool,
}

#[derive(Default)]
struct Object {
    holders: Vec<Holder>,
    pins: u32,
    needs: Vec<u32>,
}

/// The cells of one context: blocks of them, and those that are free.
#[derive(Default)]
struct Cells {
    blocks: Vec<u32>,
    free: Vec<usize>,
}

#[derive(Default)]
struct Tables {
    objects: HashMap<u32, Object>,
    cells: HashMap<u32, Cells>,
}

/// The shared objects, as a process sees them that made them or has attached to them.
pub trait SharedObjects: Send + Sync {
    /// Makes an object that `context` holds. All behind its first words is zero.
    fn create(&self, context: u32, plan: Plan<'_>) -> Result<u32, BlockError>;
    /// `context` holds the object from here on. False: there is no such object.
    fn open(&self, context: u32, object: u32) -> bool;
    /// `context` lets go of the object. False: it did not hold it.
    fn release(&self, context: u32, object: u32) -> bool;
    /// Whether `context` alone can reach the object, by itself or through objects that it alone can reach.
    fn only(&self, context: u32, object: u32) -> bool;
    /// Where `context` counts what it has of the object: the byte offset of a word of its own, at first zero. None: it
    /// does not hold it, or there is no memory.
    fn cell(&self, context: u32, object: u32) -> Option<usize>;
    /// Has the message in `carrier`, which the caller owns, keep these objects alive. False, and nothing is done: one of
    /// them does not exist.
    fn pack(&self, carrier: u32, list: Vec<u32>) -> bool;
    /// Keeps objects alive until they are unpinned as often. False, and nothing is done: one of them does not exist.
    fn pin(&self, list: &[u32]) -> bool;
    /// Takes back pins.
    fn unpin(&self, list: &[u32]);
    /// Objects that are alive, for tests and statistics.
    fn count(&self) -> usize;
}

/// How an object ends: frees the blocks that it owns beside its own. False: it has to be called again, later.
pub type End = Box<dyn Fn(u32) -> bool + Send + Sync>;

/// All shared objects of this process.
pub struct Objects {
    blocks: Arc<Blocks>,
    end: End,
    tables: Mutex<Tables>,
    /// Those that could not end yet.
    put_off: Mutex<Vec<Ended>>,
}

impl Objects {
    /// No objects. `end` is called with an object's kind word still in place, before its block is freed.
    pub fn new(blocks: Arc<Blocks>, end: End) -> Arc<Self> {
        let objects = Arc::new(Self { blocks, end, tables: Mutex::default(), put_off: Mutex::default() });
        let weak = Arc::downgrade(&objects);
        objects.blocks.on_dropped(move |list| {
            if let Some(objects) = weak.upgrade() {
                objects.unpin(&list);
            }
        });
        objects
    }

    /// The objects that a context which has died held, and what it had in them; it keeps holding them, those too that it
    /// had let go of, until [`Self::forget`].
    pub fn left_by(&self, context: u32) -> Vec<Left> {
        let mut tables = self.tables();
        let held = tables.objects.iter_mut().filter_map(|(object, found)| {
            let holder = found.holders.iter_mut().find(|holder| holder.context == context)?;
            holder.gone = false;
            Some((*object, holder.cell))
        });
        let left = held.map(|(object, cell_at)| {
            let kind = self.word(Blocks::payload(object));
            Left { object, kind, cell: self.word(cell_at), cell_at }
        });
        left.collect()
    }

    /// Lets go of all that a context held.
    pub fn forget(&self, context: u32) {
        let mut tables = self.tables();
        let mut held = Vec::new();
        for (object, found) in &mut tables.objects {
            let before = found.holders.len();
            found.holders.retain(|holder| holder.context != context);
            if found.holders.len() < before {
                held.push(*object);
            }
        }
        let ended: Vec<_> = held.into_iter().flat_map(|object| tables.ended(object)).collect();
        let cells = tables.cells.remove(&context).unwrap_or_default();
        drop(tables);
        for block in cells.blocks {
            let _ = self.blocks.free(OBJECTS, block);
        }
        self.finish(ended);
    }

    /// Frees what nobody can reach any more. No lock is held: what an object contains may let go of others. Those are
    /// freed after it, not within, however deep they lie; and what it needs is there until it has ended.
    fn finish(&self, ended: Vec<Ended>) {
        if ended.is_empty() {
            return;
        }
        let outer = ENDING.take();
        let nested = outer.is_some();
        let mut list = outer.unwrap_or_default();
        list.extend(ended);
        ENDING.set(Some(list));
        if nested {
            return;
        }
        let _reset = Reset;
        while let Some(next) = ENDING.with_borrow_mut(|list| list.as_mut().and_then(VecDeque::pop_front)) {
            if (self.end)(next.object) {
                let _ = self.blocks.free(OBJECTS, next.object);
                self.unpin(&next.needs);
            } else {
                self.put_off().push(next);
            }
        }
    }

    /// Ends those objects that could not end when nobody could reach them any more. False: some still cannot.
    pub fn go_on(&self) -> bool {
        let ended = std::mem::take(&mut *self.put_off());
        self.finish(ended);
        self.put_off().is_empty()
    }

    fn put_off(&self) -> MutexGuard<'_, Vec<Ended>> {
        self.put_off.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A word of the region; 0 for offset 0, where there is none.
    fn word(&self, at: usize) -> u32 {
        let word = if at == 0 { None } else { self.blocks.region().word(at) };
        word.map_or(0, |word: &AtomicU32| word.load(Ordering::SeqCst))
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl SharedObjects for Objects {
    fn create(&self, context: u32, plan: Plan<'_>) -> Result<u32, BlockError> {
        let bytes = plan.bytes.max(HEADER_BYTES).next_multiple_of(8);
        let block = self.blocks.alloc(OBJECTS, bytes)?;
        let region = self.blocks.region();
        let at = Blocks::payload(block);
        region.zero(at, bytes);
        for (i, word) in [plan.kind].into_iter().chain(plan.constants).enumerate() {
            if let Some(field) = region.word(at + i * 4) {
                field.store(word, Ordering::Relaxed);
            }
        }
        let mut tables = self.tables();
        for need in plan.needs {
            if let Some(object) = tables.objects.get_mut(need) {
                object.pins += 1;
            }
        }
        let holders = vec![Holder { context, cell: 0, gone: false }];
        tables.objects.insert(block, Object { holders, pins: 0, needs: plan.needs.to_vec() });
        Ok(block)
    }

    fn open(&self, context: u32, object: u32) -> bool {
        let mut tables = self.tables();
        let Some(found) = tables.objects.get_mut(&object) else { return false };
        if let Some(holder) = found.holders.iter_mut().find(|holder| holder.context == context) {
            holder.gone = false;
        } else {
            found.holders.push(Holder { context, cell: 0, gone: false });
        }
        true
    }

    fn release(&self, context: u32, object: u32) -> bool {
        let mut tables = self.tables();
        let Some(found) = tables.objects.get_mut(&object) else { return false };
        let its = |holder: &Holder| holder.context == context && !holder.gone;
        let Some(at) = found.holders.iter().position(its) else { return false };
        if self.word(found.holders[at].cell) != 0 {
            found.holders[at].gone = true;
        } else {
            let holder = found.holders.swap_remove(at);
            tables.take_back(&[holder]);
        }
        let ended = tables.ended(object);
        drop(tables);
        self.finish(ended.into_iter().collect());
        true
    }

    fn only(&self, context: u32, object: u32) -> bool {
        self.tables().only(context, object)
    }

    fn cell(&self, context: u32, object: u32) -> Option<usize> {
        let mut tables = self.tables();
        let Tables { objects, cells } = &mut *tables;
        let holder = objects.get_mut(&object)?.holders.iter_mut().find(|holder| holder.context == context)?;
        if holder.cell == 0 {
            let cells = cells.entry(context).or_default();
            if cells.free.is_empty() {
                let block = self.blocks.alloc(OBJECTS, CELLS * 4).ok()?;
                cells.blocks.push(block);
                cells.free.extend((0..CELLS).map(|i| Blocks::payload(block) + i * 4));
            }
            let cell = cells.free.pop()?;
            self.blocks.region().word(cell)?.store(0, Ordering::Relaxed);
            holder.cell = cell;
        }
        Some(holder.cell)
    }

    fn pack(&self, carrier: u32, list: Vec<u32>) -> bool {
        if !self.pin(&list) {
            return false;
        }
        self.blocks.carry(carrier, list);
        true
    }

    fn pin(&self, list: &[u32]) -> bool {
        let mut tables = self.tables();
        if !list.iter().all(|object| tables.objects.contains_key(object)) {
            return false;
        }
        for object in list {
            tables.objects.entry(*object).or_default().pins += 1;
        }
        true
    }

    fn unpin(&self, list: &[u32]) {
        let mut tables = self.tables();
        let mut ended = Vec::new();
        for object in list {
            if let Some(found) = tables.objects.get_mut(object) {
                found.pins = found.pins.saturating_sub(1);
                ended.extend(tables.ended(*object));
            }
        }
        drop(tables);
        self.finish(ended);
    }

    fn count(&self) -> usize {
        self.tables().objects.len()
    }
}

/// An object that nobody can reach any more, and what it needs until it has ended.
struct Ended {
    object: u32,
    needs: Vec<u32>,
}

thread_local! {
    /// Objects that this thread is about to free, while it frees one.
    static ENDING: RefCell<Option<VecDeque<Ended>>> = const { RefCell::new(None) };
}

/// The thread does not free objects any more.
struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        ENDING.set(None);
    }
}

impl Tables {
    fn only(&self, context: u32, object: u32) -> bool {
        let here = |found: &&Object| found.holders.iter().all(|holder| holder.gone || holder.context == context);
        let Some(found) = self.objects.get(&object).filter(here) else { return false };
        if found.pins == 0 {
            return true;
        }
        let mut needs = 0;
        for (other, needing) in &self.objects {
            let times = needing.needs.iter().filter(|need| **need == object).count() as u32;
            if times > 0 && !self.only(context, *other) {
                return false;
            }
            needs += times;
        }
        needs == found.pins
    }

    /// The cells of those who held an object go back to their contexts.
    fn take_back(&mut self, holders: &[Holder]) {
        for holder in holders.iter().filter(|holder| holder.cell != 0) {
            if let Some(cells) = self.cells.get_mut(&holder.context) {
                cells.free.push(holder.cell);
            }
        }
    }

    /// Takes the object out if nobody holds or pins it any more.
    fn ended(&mut self, object: u32) -> Option<Ended> {
        let found = self.objects.get(&object)?;
        if found.pins > 0 || found.holders.iter().any(|holder| !holder.gone) {
            return None;
        }
        let gone = self.objects.remove(&object)?;
        self.take_back(&gone.holders);
        Some(Ended { object, needs: gone.needs })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const PLAN: Plan<'_> = Plan { kind: kind::VALUE, constants: [1, 2, 3], bytes: 168, needs: &[] };

    fn setup() -> (Arc<Blocks>, Arc<Objects>) {
        let blocks = Arc::new(Blocks::new(64 << 20).unwrap());
        (blocks.clone(), Objects::new(blocks, Box::new(|_| true)))
    }

    #[test]
    fn an_object_lives_as_long_as_anybody_holds_it() {
        let (blocks, objects) = setup();
        let object = objects.create(1025, PLAN).unwrap();
        let words: Vec<_> = (0..4).map(|i| blocks.region().word(Blocks::payload(object) + i * 4).unwrap()).collect();
        assert_eq!(words.iter().map(|word| word.load(Ordering::Relaxed)).collect::<Vec<_>>(), [1, 1, 2, 3]);
        assert!(objects.open(1026, object) && objects.open(1026, object));
        assert!(objects.release(1025, object) && !objects.release(1025, object));
        assert_eq!(objects.count(), 1);
        objects.forget(1026);
        assert_eq!((objects.count(), blocks.in_use()), (0, 0));
        assert!(!objects.open(1025, object) && !objects.pin(&[object]));
    }

    #[test]
    fn recycled_memory_is_zero() {
        let (blocks, objects) = setup();
        for bytes in [168, 3 << 20] {
            // Interpreted, a look at every word of the large one takes minutes.
            let step = if cfg!(miri) && bytes > 168 { 4096 } else { 8 };
            let object = objects.create(1025, Plan { bytes, ..PLAN }).unwrap();
            let at = Blocks::payload(object);
            (HEADER_BYTES..bytes).step_by(step).for_each(|i| {
                blocks.region().long(at + i).unwrap().store(u64::MAX, Ordering::Relaxed);
            });
            objects.release(1025, object);
            assert_eq!(objects.create(1025, Plan { bytes, ..PLAN }).unwrap(), object, "the same memory again");
            let zero = |i| blocks.region().long(at + i).unwrap().load(Ordering::Relaxed) == 0;
            assert!((HEADER_BYTES..bytes).step_by(step).all(zero));
        }
    }

    #[test]
    fn a_message_keeps_alive_what_it_names_until_it_is_freed_or_its_owner_dies() {
        let (blocks, objects) = setup();
        let size = |large| if large { 2 << 20 } else { 100 };
        for large in [false, true] {
            let object = objects.create(1025, PLAN).unwrap();
            let read = blocks.alloc(1025, size(large)).unwrap();
            let lost = blocks.alloc(1026, size(large)).unwrap();
            assert!(objects.pack(read, vec![object, object]) && objects.pack(lost, vec![object]));
            assert!(!objects.pack(read, vec![object, 7]), "there is no object 7");
            objects.forget(1025);
            blocks.hand_over(read, 1025, 1027).unwrap();
            assert!(objects.open(1027, object));
            blocks.free(1027, read).unwrap();
            assert!(objects.release(1027, object));
            assert_eq!(objects.count(), 1);
            blocks.sweep(1026);
            assert_eq!((objects.count(), blocks.in_use()), (0, 0));
        }
    }

    #[test]
    fn an_object_keeps_alive_what_it_needs() {
        let (blocks, objects) = setup();
        let inner = objects.create(1025, PLAN).unwrap();
        let middle = objects.create(1025, Plan { needs: &[inner, inner], ..PLAN }).unwrap();
        let outer = objects.create(1026, Plan { needs: &[middle], ..PLAN }).unwrap();
        objects.forget(1025);
        assert_eq!(objects.count(), 3);
        objects.release(1026, outer);
        assert_eq!((objects.count(), blocks.in_use()), (0, 0));
    }

    #[test]
    fn an_object_is_only_here_if_all_that_lead_to_it_are() {
        let (_, objects) = setup();
        let inner = objects.create(1025, PLAN).unwrap();
        let [one, two] = [0, 1].map(|_| objects.create(1025, Plan { needs: &[inner], ..PLAN }).unwrap());
        objects.release(1025, inner);
        assert!(objects.only(1025, inner) && objects.only(1025, one) && !objects.only(1026, inner));
        assert!(objects.open(1026, two));
        assert!(!objects.only(1025, inner) && objects.only(1025, one) && !objects.only(1025, two));
        objects.release(1026, two);
        assert!(objects.pin(&[one]) && !objects.only(1025, inner));
        objects.unpin(&[one]);
        assert!(objects.only(1025, inner) && objects.pin(&[inner]) && !objects.only(1025, inner));
        objects.unpin(&[inner]);
        objects.forget(1025);
        assert!(!objects.only(1025, inner));
    }

    #[test]
    fn what_an_end_lets_go_of_ends_after_it() {
        let blocks = Arc::new(Blocks::new(64 << 20).unwrap());
        let (ends, order) = (Arc::new(Mutex::new(HashMap::new())), Arc::new(Mutex::new(Vec::new())));
        let (inside, told) = (ends.clone(), order.clone());
        let own = blocks.clone();
        let objects = Objects::new(
            blocks.clone(),
            Box::new(move |object| {
                told.lock().unwrap().push(object);
                // It contains a message that names the next one.
                let carrier = inside.lock().unwrap().remove(&object);
                carrier.into_iter().for_each(|carrier| own.free(OBJECTS, carrier).unwrap());
                told.lock().unwrap().push(object);
                true
            }),
        );
        let all: Vec<_> = (0..500).map(|_| objects.create(1025, PLAN).unwrap()).collect();
        for pair in all.windows(2) {
            let carrier = blocks.alloc(OBJECTS, 100).unwrap();
            assert!(objects.pack(carrier, vec![pair[1]]));
            ends.lock().unwrap().insert(pair[0], carrier);
        }
        all.iter().rev().for_each(|object| assert!(objects.release(1025, *object)));
        assert_eq!((objects.count(), blocks.in_use()), (0, 0));
        assert_eq!(*order.lock().unwrap(), all.iter().flat_map(|object| [*object; 2]).collect::<Vec<_>>());
    }

    #[test]
    fn cells_tell_what_the_dead_had() {
        let (blocks, objects) = setup();
        let all: Vec<_> = (0..200).map(|_| objects.create(1025, PLAN).unwrap()).collect();
        let set = |context, object, value| {
            let cell = objects.cell(context, object).unwrap();
            assert_eq!(objects.cell(context, object), Some(cell));
            blocks.region().word(cell).unwrap().store(value, Ordering::Relaxed);
        };
        all.iter().for_each(|object| assert!(objects.open(1026, *object)));
        all.iter().enumerate().for_each(|(i, object)| set(1026, *object, i as u32));
        set(1025, all[7], 70);
        assert!(objects.cell(1027, all[0]).is_none());
        // Who has something is remembered; who has nothing is not.
        let value = |object| blocks.region().word(objects.cell(1026, object).unwrap()).unwrap().load(Ordering::Relaxed);
        for object in [all[0], all[100]] {
            assert!(objects.release(1026, object) && !objects.release(1026, object));
        }
        assert_eq!(objects.left_by(1026).len(), 199);
        assert!(objects.open(1026, all[0]) && objects.open(1026, all[100]));
        assert_eq!((value(all[0]), value(all[100])), (0, 100));
        assert!(objects.release(1026, all[100]));
        let mut left = objects.left_by(1026);
        left.sort_by_key(|left| left.cell);
        assert_eq!(left.len(), 200);
        let second = Left { object: all[1], kind: kind::VALUE, cell: 1, cell_at: objects.cell(1026, all[1]).unwrap() };
        assert_eq!((left[0].object, left[1]), (all[0], second));
        objects.forget(1026);
        assert_eq!(objects.left_by(1026), []);
        let mut left = objects.left_by(1025);
        left.retain(|left| left.cell_at != 0);
        assert_eq!(left.iter().map(|left| (left.object, left.cell)).collect::<Vec<_>>(), [(all[7], 70)]);
        // What its holder has in it keeps no object alive.
        assert!(objects.release(1025, all[7]));
        assert_eq!(objects.count(), 199);
        objects.forget(1025);
        assert_eq!((objects.count(), blocks.in_use()), (0, 0));
    }

    #[test]
    fn contexts_may_come_and_go_while_others_look() {
        let (blocks, objects) = setup();
        let rounds = if cfg!(miri) { 20 } else { 20_000 };
        std::thread::scope(|s| {
            for thread in 0..4 {
                let (blocks, objects) = (&blocks, &objects);
                s.spawn(move || {
                    let (me, peer) = (2000 + thread, 3000 + thread);
                    for _ in 0..rounds {
                        let object = objects.create(me, PLAN).unwrap();
                        let message = blocks.alloc(me, 50).unwrap();
                        assert!(objects.pack(message, vec![object]));
                        assert!(objects.release(me, object));
                        blocks.hand_over(message, me, peer).unwrap();
                        assert!(objects.open(peer, object));
                        blocks.free(peer, message).unwrap();
                        assert!(objects.release(peer, object));
                    }
                });
            }
        });
        assert_eq!((objects.count(), blocks.in_use()), (0, 0));
    }
}

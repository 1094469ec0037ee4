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

mod ending;
pub mod kind;
mod tables;
#[cfg(all(test, not(loom)))]
mod tests;

use crate::blocks::{BlockError, Blocks};
use crate::contexts::OBJECTS;
use crate::sync::shared::{AtomicU32, Ordering};
use ending::{Ended, in_turn};
use std::sync::{Arc, Mutex, MutexGuard};
use tables::Tables;

/// Bytes of the words that every object begins with.
pub const HEADER_BYTES: usize = 16;

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
        let left = tables.hold_again(context).map(|(object, cell_at)| {
            let kind = self.word(Blocks::payload(object));
            Left { object, kind, cell: self.word(cell_at), cell_at }
        });
        left.collect()
    }

    /// Lets go of all that a context held.
    pub fn forget(&self, context: u32) {
        let (ended, cells) = self.tables().forget(context);
        for block in cells {
            let _ = self.blocks.free(OBJECTS, block);
        }
        self.finish(ended);
    }

    /// Frees what nobody can reach any more, and lets go of what it needed. No lock is held: what an object contains may
    /// let go of others.
    fn finish(&self, ended: Vec<Ended>) {
        in_turn(ended, |next| {
            if (self.end)(next.object) {
                let _ = self.blocks.free(OBJECTS, next.object);
                self.unpin(&next.needs);
            } else {
                self.put_off().push(next);
            }
        });
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
        self.tables().insert(block, context, plan.needs);
        Ok(block)
    }

    fn open(&self, context: u32, object: u32) -> bool {
        self.tables().open(context, object)
    }

    fn release(&self, context: u32, object: u32) -> bool {
        let mut tables = self.tables();
        if !tables.release(context, object, |cell| self.word(cell) != 0) {
            return false;
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
        self.tables().cell(context, object, &self.blocks)
    }

    fn pack(&self, carrier: u32, list: Vec<u32>) -> bool {
        if !self.pin(&list) {
            return false;
        }
        self.blocks.carry(carrier, list);
        true
    }

    fn pin(&self, list: &[u32]) -> bool {
        self.tables().pin(list)
    }

    fn unpin(&self, list: &[u32]) {
        let ended = self.tables().unpin(list);
        self.finish(ended);
    }

    fn count(&self) -> usize {
        self.tables().count()
    }
}

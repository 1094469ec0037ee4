//! Who holds and pins which object, and where holders count what they have of it.

use super::ending::Ended;
use crate::blocks::Blocks;
use crate::contexts::OBJECTS;
use crate::sync::shared::Ordering;
use std::collections::HashMap;

/// Cells that a context gets at a time.
const CELLS: usize = 64;

struct Holder {
    context: u32,
    /// Byte offset of the context's cell for this object, 0 = none yet.
    cell: usize,
    /// It let go, and its cell is not zero.
    gone: bool,
}

impl Holder {
    fn new(context: u32) -> Self {
        Self { context, cell: 0, gone: false }
    }
}

#[derive(Default)]
struct Object {
    holders: Vec<Holder>,
    pins: u32,
    needs: Vec<u32>,
}

impl Object {
    fn holder(&mut self, context: u32) -> Option<&mut Holder> {
        self.holders.iter_mut().find(|holder| holder.context == context)
    }
}

/// The cells of one context: blocks of them, and those that are free.
#[derive(Default)]
struct Cells {
    blocks: Vec<u32>,
    free: Vec<usize>,
}

impl Cells {
    /// A cell that is zero, of a new block if none is free. None: there is no memory.
    fn take(&mut self, blocks: &Blocks) -> Option<usize> {
        if self.free.is_empty() {
            let block = blocks.alloc(OBJECTS, CELLS * 4).ok()?;
            self.blocks.push(block);
            self.free.extend((0..CELLS).map(|i| Blocks::payload(block) + i * 4));
        }
        let cell = self.free.pop()?;
        blocks.region().word(cell)?.store(0, Ordering::Relaxed);
        Some(cell)
    }
}

/// The objects that are alive, by their blocks, and the cells of their holders, by context.
#[derive(Default)]
pub(super) struct Tables {
    objects: HashMap<u32, Object>,
    cells: HashMap<u32, Cells>,
}

impl Tables {
    /// A new object, which `context` holds and which pins what it needs.
    pub fn insert(&mut self, object: u32, context: u32, needs: &[u32]) {
        for need in needs {
            if let Some(needed) = self.objects.get_mut(need) {
                needed.pins += 1;
            }
        }
        let holders = vec![Holder::new(context)];
        self.objects.insert(object, Object { holders, pins: 0, needs: needs.to_vec() });
    }

    /// `context` holds the object from here on. False: there is no such object.
    pub fn open(&mut self, context: u32, object: u32) -> bool {
        let Some(found) = self.objects.get_mut(&object) else { return false };
        if let Some(holder) = found.holder(context) {
            holder.gone = false;
        } else {
            found.holders.push(Holder::new(context));
        }
        true
    }

    /// `context` lets go of the object, and is remembered if its cell is `in_use`. False: it did not hold it. Whether
    /// somebody else does, [`Self::ended`] tells.
    pub fn release(&mut self, context: u32, object: u32, in_use: impl FnOnce(usize) -> bool) -> bool {
        let Some(found) = self.objects.get_mut(&object) else { return false };
        let its = |holder: &Holder| holder.context == context && !holder.gone;
        let Some(at) = found.holders.iter().position(its) else { return false };
        if in_use(found.holders[at].cell) {
            found.holders[at].gone = true;
        } else {
            let holder = found.holders.swap_remove(at);
            self.take_back(&[holder]);
        }
        true
    }

    /// What `context` holds, and the bytes of its cells, 0 = it has none; it holds again what it had let go of and is
    /// remembered for.
    pub fn hold_again(&mut self, context: u32) -> impl Iterator<Item = (u32, usize)> {
        self.objects.iter_mut().filter_map(move |(object, found)| {
            let holder = found.holder(context)?;
            holder.gone = false;
            Some((*object, holder.cell))
        })
    }

    /// Lets go of all that `context` held: what has ended by that, and the blocks of its cells.
    pub fn forget(&mut self, context: u32) -> (Vec<Ended>, Vec<u32>) {
        let mut held = Vec::new();
        for (object, found) in &mut self.objects {
            let before = found.holders.len();
            found.holders.retain(|holder| holder.context != context);
            if found.holders.len() < before {
                held.push(*object);
            }
        }
        let ended = held.into_iter().filter_map(|object| self.ended(object)).collect();
        let cells = self.cells.remove(&context).unwrap_or_default();
        (ended, cells.blocks)
    }

    /// Whether `context` alone can reach the object, by itself or through objects that it alone can reach.
    pub fn only(&self, context: u32, object: u32) -> bool {
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

    /// The byte of the word in which `context` counts what it has of the object. None: it does not hold it, or there is
    /// no memory.
    pub fn cell(&mut self, context: u32, object: u32, blocks: &Blocks) -> Option<usize> {
        let holder = self.objects.get_mut(&object)?.holder(context)?;
        if holder.cell == 0 {
            holder.cell = self.cells.entry(context).or_default().take(blocks)?;
        }
        Some(holder.cell)
    }

    /// Keeps objects alive until they are unpinned as often. False, and nothing is done: one of them does not exist.
    pub fn pin(&mut self, list: &[u32]) -> bool {
        if !list.iter().all(|object| self.objects.contains_key(object)) {
            return false;
        }
        for object in list {
            self.objects.entry(*object).or_default().pins += 1;
        }
        true
    }

    /// Takes back pins: what has ended by that.
    pub fn unpin(&mut self, list: &[u32]) -> Vec<Ended> {
        let mut ended = Vec::new();
        for object in list {
            if let Some(found) = self.objects.get_mut(object) {
                found.pins = found.pins.saturating_sub(1);
                ended.extend(self.ended(*object));
            }
        }
        ended
    }

    /// Takes the object out if nobody holds or pins it any more.
    pub fn ended(&mut self, object: u32) -> Option<Ended> {
        let found = self.objects.get(&object)?;
        if found.pins > 0 || found.holders.iter().any(|holder| !holder.gone) {
            return None;
        }
        let gone = self.objects.remove(&object)?;
        self.take_back(&gone.holders);
        Some(Ended { object, needs: gone.needs })
    }

    /// Objects that are alive.
    pub fn count(&self) -> usize {
        self.objects.len()
    }

    /// The cells of those who held an object go back to their contexts.
    fn take_back(&mut self, holders: &[Holder]) {
        for holder in holders.iter().filter(|holder| holder.cell != 0) {
            if let Some(cells) = self.cells.get_mut(&holder.context) {
                cells.free.push(holder.cell);
            }
        }
    }
}

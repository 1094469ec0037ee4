//! The region's allocator.
//!
//! Small blocks come in size classes of quarter steps between powers of two. They are carved off a chunk (`carving.rs`),
//! so that they lie together, and go back to one lock-free list per class. A small block is never merged or split, so its
//! class, written when it is carved, is true for ever. Large blocks are ranges of whole pages between the chunks, which
//! split and grow together again under a mutex (`large.rs`); a set of pages tells them from small ones. So the whole
//! region can be walked block by block.
//!
//! Header of a block (16 bytes, then the payload); that of a large block is not used:
//!
//! | bytes | what | who writes it |
//! |---|---|---|
//! | 0–7 | tag: generation << 32 \| owner; owner 0 means free | alloc: CAS (g,0) → (g,owner); free: CAS (g,owner) → (g+1,0) |
//! | 8–11 | size class; bit 31: its message names shared objects | whoever carved it; bit 31: its owner |
//! | 12–15 | next free block of the class, in units | the free list |
//!
//! The tag is the truth and the lists are hints: a block popped from a list belongs to the popper only once its CAS on
//! the tag has succeeded. So freeing twice, freeing somebody else's block or freeing rubbish is an error, never a
//! corruption, and all blocks of an owner that died are found by walking the tags.
//!
//! All of that happens in the process which reserved the region. One that has attached to it has lists of its own, with
//! blocks that it was granted and whose tags name it (`granted.rs`): its death leaves nothing behind that nobody owns.

mod carriers;
mod carving;
mod class;
mod error;
mod free_list;
mod granted;
mod header;
mod large;
mod pages;
#[cfg(all(test, not(loom)))]
mod tests;

pub use error::BlockError;
pub use free_list::{FreeList, Links};
pub use granted::{MOST, Source};

use crate::region::header::TOP;
use crate::region::{HEADER_PAGE, Region};
use crate::sync::{Ordering, shared};
use carriers::Carriers;
use carving::{Carving, locked};
use class::{CLASSES, class_bytes, class_for};
use granted::Granted;
use header::{CARRIES, Headers, class_of, named, swap};
use large::Large;
use manycore_os::MapError;
use pages::Pages;
use std::sync::Mutex;

/// Blocks start at multiples of this many bytes, and are named by that multiple.
pub const UNIT: usize = 64;
/// Bytes before a block's payload.
pub const HEADER: usize = 16;
/// Free memory of large blocks that is kept resident; what is freed beyond it goes back to the system.
const KEEP_RESIDENT: usize = 64 << 20;
/// Large blocks begin at multiples of this many bytes.
const PAGE: usize = 4096;

/// What a number names.
enum Found<'a> {
    Small { tag: &'a shared::AtomicU64, held: u64, class: usize, carries: bool },
    Large,
}

/// Where blocks come from that are in no list.
#[derive(Debug)]
enum Supply {
    /// This process has reserved the region.
    Own(Mutex<Carving>),
    /// Another one has.
    Granted(Granted),
}

/// The allocator of one region, as one process sees it.
#[derive(Debug)]
pub struct Blocks {
    region: Region,
    /// Where blocks begin.
    first: usize,
    lists: Box<[FreeList]>,
    /// Whom the tags of blocks in the lists name: nobody, or this process where it was granted them.
    idle: u32,
    supply: Supply,
    carriers: Carriers,
}

impl Blocks {
    /// An allocator over a fresh region of at most `reserve` bytes.
    pub fn new(reserve: usize) -> Result<Self, MapError> {
        let region = Region::reserve(reserve)?;
        let first = HEADER_PAGE + Pages::bytes(region.reserved());
        region.ensure(first)?;
        let carving = Mutex::new(Carving { chunk: first..first, large: Large::new(KEEP_RESIDENT) });
        let blocks = Self::over(region, 0, Supply::Own(carving));
        blocks.top().store(first as u64, Ordering::Release);
        Ok(blocks)
    }

    /// The allocator of this process, whose number is `process`, over a region that another one has reserved.
    pub fn attached(region: Region, process: u32, source: Box<dyn Source>) -> Self {
        Self::over(region, process, Supply::Granted(Granted::new(source)))
    }

    fn over(region: Region, idle: u32, supply: Supply) -> Self {
        Self {
            first: HEADER_PAGE + Pages::bytes(region.reserved()),
            region,
            lists: (0..CLASSES).map(|_| FreeList::default()).collect(),
            idle,
            supply,
            carriers: Carriers::default(),
        }
    }

    /// Where chunks and large blocks end so far, on a page's border. Moves under `carving`. SYNC POINT: pages known.
    fn top(&self) -> &shared::AtomicU64 {
        self.region.long(TOP).expect("in the first page")
    }

    fn pages(&self) -> Pages<'_> {
        Pages::of(&self.region)
    }

    /// The memory itself.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Where the payload of `block` begins, in bytes.
    pub const fn payload(block: u32) -> usize {
        block as usize * UNIT + HEADER
    }

    /// A block for `bytes` of payload, owned by `owner`. The payload's bytes are whatever they were.
    pub fn alloc(&self, owner: u32, bytes: usize) -> Result<u32, BlockError> {
        let class = bytes.checked_add(HEADER).and_then(class_for);
        let block = class.and_then(|class| self.reuse(owner, class));
        match (block, &self.supply) {
            (Some(block), Supply::Own(_)) => Ok(block),
            (Some(block), Supply::Granted(granted)) => {
                granted.used(class);
                Ok(block)
            }
            (None, Supply::Own(_)) => self.alloc_new(owner, class, bytes),
            (None, Supply::Granted(granted)) => self.ask(granted, owner, class, bytes),
        }
    }

    fn reuse(&self, owner: u32, class: usize) -> Option<u32> {
        std::iter::from_fn(|| self.lists[class].pop(&Headers(&self.region))).find(|block| {
            self.tag(*block).is_some_and(|tag| {
                let free = tag.load(Ordering::Relaxed);
                free as u32 == self.idle && swap(tag, free, named(free, owner))
            })
        })
    }

    /// Gives a block back. Refused unless it is a block and belongs to `owner`.
    pub fn free(&self, owner: u32, block: u32) -> Result<(), BlockError> {
        let freed = owner != 0
            && match (self.find(block), &self.supply) {
                (Some(Found::Small { held, .. }), _) if held as u32 != owner => false,
                (Some(Found::Small { carries: true, .. } | Found::Large), Supply::Granted(granted)) => {
                    granted.source().free(&self.region, owner, block)
                }
                (Some(Found::Small { tag, held, class, carries }), supply) => {
                    let freed = swap(tag, held, named((held >> 32).wrapping_add(1) << 32, self.idle));
                    if freed {
                        // Before anybody else can have the block.
                        let list = if carries { self.unload(block) } else { None };
                        self.lists[class].push(&Headers(&self.region), block);
                        self.carriers.dropped(list);
                        if let Supply::Granted(granted) = supply {
                            self.keep_few(granted, class);
                        }
                    }
                    freed
                }
                (Some(Found::Large), Supply::Own(carving)) => {
                    let mut carving = locked(carving);
                    let freed = carving.large.free(&self.region, block as usize * UNIT, owner);
                    let list = if freed { self.carriers.take(block) } else { None };
                    drop(carving);
                    self.carriers.dropped(list);
                    freed
                }
                (None, _) => false,
            };
        freed.then_some(()).ok_or(BlockError::NotYours { block, owner })
    }

    /// What a small block carries; it carries nothing any more.
    fn unload(&self, block: u32) -> Option<Vec<u32>> {
        self.class(block)?.fetch_and(!CARRIES, Ordering::Relaxed);
        self.carriers.take(block)
    }

    /// Hands a block from one owner to another: it is the new one's to free, and outlives the old one.
    pub fn hand_over(&self, block: u32, from: u32, to: u32) -> Result<(), BlockError> {
        let handed = from != 0
            && to != 0
            && match self.find(block) {
                Some(Found::Small { tag, held, .. }) => held as u32 == from && swap(tag, held, named(held, to)),
                Some(Found::Large) => match &self.supply {
                    Supply::Own(carving) => locked(carving).large.hand_over(block as usize * UNIT, from, to),
                    Supply::Granted(granted) => granted.source().hand_over(&self.region, block, from, to),
                },
                None => false,
            };
        handed.then_some(()).ok_or(BlockError::NotYours { block, owner: from })
    }

    /// Frees every block of an owner that is gone; answers how many there were.
    pub fn sweep(&self, owner: u32) -> usize {
        let carving = match &self.supply {
            Supply::Own(carving) => carving,
            Supply::Granted(granted) => return granted.source().sweep(&self.region, owner),
        };
        let small = self.walk().filter(|(block, held)| *held == owner && self.free(owner, *block).is_ok());
        let small = small.count();
        let large = locked(carving).large.of(owner);
        small + large.into_iter().filter(|start| self.free(owner, (start / UNIT) as u32).is_ok()).count()
    }

    /// Has `block` carry the objects that its message names: whoever frees it, they are let go, by what was given to
    /// [`Self::on_dropped`]. In the process that has reserved the region.
    pub fn carry(&self, block: u32, objects: Vec<u32>) {
        self.carriers.carry(block, objects);
        if let Some(Found::Small { .. }) = self.find(block)
            && let Some(class) = self.class(block)
        {
            // The block's number reaches others later, and with it this change.
            class.fetch_or(CARRIES, Ordering::Relaxed);
        }
    }

    /// What is called with the objects that a freed block carried. Set once.
    pub fn on_dropped(&self, let_go: impl Fn(Vec<u32>) + Send + Sync + 'static) {
        self.carriers.on_dropped(Box::new(let_go));
    }

    /// Bytes of blocks in use, headers included, for tests and statistics.
    pub fn in_use(&self) -> usize {
        let carving = match &self.supply {
            Supply::Own(carving) => carving,
            Supply::Granted(granted) => return granted.source().in_use(&self.region),
        };
        let used = self.walk().filter(|(_, owner)| *owner != 0);
        let small = used.filter_map(|(block, _)| self.class(block)).map(|class| class_bytes(class_of(class)));
        small.sum::<usize>() + locked(carving).large.in_use()
    }

    /// The small blocks, free ones too, and their owners; they may change hands meanwhile.
    fn walk(&self) -> impl Iterator<Item = (u32, u32)> {
        // What is carved from now on is not seen, and what was carved before stays where it is.
        let (top, chunk) = {
            let carving = self.carving();
            (self.top().load(Ordering::Relaxed) as usize, carving.chunk.clone())
        };
        let pages = self.pages();
        let mut at = self.first;
        std::iter::from_fn(move || {
            loop {
                if at == chunk.start && !chunk.is_empty() {
                    at = chunk.end;
                }
                if at >= top {
                    return None;
                }
                if !pages.contains(at) {
                    break;
                }
                at += PAGE;
            }
            let block = (at / UNIT) as u32;
            let (tag, class) = (self.tag(block)?, self.class(block)?);
            at += class_bytes(class_of(class));
            Some((block, tag.load(Ordering::Acquire) as u32))
        })
    }

    fn tag(&self, block: u32) -> Option<&shared::AtomicU64> {
        self.region.long(block as usize * UNIT)
    }

    fn class(&self, block: u32) -> Option<&shared::AtomicU32> {
        self.region.word(block as usize * UNIT + 8)
    }

    /// What `block` names, if the number can be a block's.
    fn find(&self, block: u32) -> Option<Found<'_>> {
        let at = block as usize * UNIT;
        // SYNC POINT: pages known.
        if at < self.first || at >= self.top().load(Ordering::Acquire) as usize {
            return None;
        }
        if self.pages().contains(at) {
            return Some(Found::Large);
        }
        let tag = self.tag(block)?;
        // SYNC POINT: block carved.
        let held = tag.load(Ordering::Acquire);
        let word = self.class(block)?.load(Ordering::Relaxed);
        let (class, carries) = ((word & !CARRIES) as usize, word & CARRIES != 0);
        Some(Found::Small { tag, held, class, carries }).filter(|_| class < CLASSES)
    }
}

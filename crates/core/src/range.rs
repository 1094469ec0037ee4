//! One call of `map`: the indices that nobody has claimed yet, spread over the workers that took part of them.
//!
//! Entries are recycled and never freed while their pool lives, so a thief may look at one that has ended: its spans
//! are empty then, and taking from one that was opened again means taking a part of the new range.

use crate::span::Span;
use crate::sync::{AtomicU32, Mutex, Ordering};
use crossbeam_utils::CachePadded;
use std::ops::Range;
use std::sync::OnceLock;

/// Ranges that may be open in one pool at the same time.
pub const MAX_OPEN: usize = 1024;

/// The unclaimed indices of one call.
#[derive(Debug)]
pub struct OpenRange {
    slot: AtomicU32,
    chunk: AtomicU32,
    spans: Box<[CachePadded<Span>]>,
    /// Parts that belong to nobody: the whole range at first, what a dead or retired worker leaves later. For every
    /// part there is one entry of the slot in the pool's injector.
    parts: Mutex<Vec<Range<u32>>>,
}

impl OpenRange {
    fn new(workers: usize) -> Self {
        Self {
            slot: AtomicU32::new(0),
            chunk: AtomicU32::new(0),
            spans: (0..workers).map(|_| CachePadded::new(Span::default())).collect(),
            parts: Mutex::default(),
        }
    }

    /// Begins another call, when no index of the last one is out any more.
    fn begin(&self, slot: u32, items: u32, chunk: u32) {
        self.slot.store(slot, Ordering::Relaxed);
        self.chunk.store(chunk, Ordering::Relaxed);
        self.leave(0..items);
    }

    /// The job's slot. To be read after a part was taken.
    pub fn slot(&self) -> u32 {
        self.slot.load(Ordering::Relaxed)
    }

    /// Chunk size, 0 = automatic.
    pub fn chunk(&self) -> u32 {
        self.chunk.load(Ordering::Relaxed)
    }

    /// What `worker` has not claimed yet of its share.
    pub fn span(&self, worker: usize) -> &Span {
        &self.spans[worker]
    }

    /// Leaves a part to whoever pops the slot from the injector.
    pub fn leave(&self, part: Range<u32>) {
        self.parts.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(part);
    }

    /// Takes a part that was left.
    pub fn take_part(&self) -> Option<Range<u32>> {
        self.parts.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop()
    }
}

/// All open ranges of a pool.
#[derive(Debug)]
pub struct Ranges {
    workers: usize,
    entries: Box<[OnceLock<Box<OpenRange>>]>,
    free: Mutex<Vec<usize>>,
}

impl Ranges {
    /// None open, for a pool of up to `workers` workers.
    pub fn new(workers: usize) -> Self {
        Self {
            workers,
            entries: (0..MAX_OPEN).map(|_| OnceLock::new()).collect(),
            free: Mutex::new((0..MAX_OPEN).rev().collect()),
        }
    }

    /// Opens a range of `items` indices for the job in `slot`. None: too many are open.
    pub fn open(&self, slot: u32, items: u32, chunk: u32) -> Option<usize> {
        let index = self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop()?;
        let entry = self.entries[index].get_or_init(|| Box::new(OpenRange::new(self.workers)));
        entry.begin(slot, items, chunk);
        Some(index)
    }

    /// The range of that index.
    pub fn get(&self, index: usize) -> Option<&OpenRange> {
        self.entries.get(index)?.get().map(|entry| &**entry)
    }

    /// Every index of the range is accounted for: it may be opened again.
    pub fn close(&self, index: usize) {
        if index < self.entries.len() {
            self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(index);
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::sync::Arc;

    /// A range of four items on two workers, and the entries of its slot in the injector.
    struct Model {
        range: OpenRange,
        entries: AtomicU32,
        ran: [AtomicU32; 4],
    }

    impl Model {
        fn new() -> Arc<Self> {
            Arc::new(Self { range: OpenRange::new(2), entries: AtomicU32::new(0), ran: Default::default() })
        }
        fn run(&self, items: Range<u32>) {
            items.for_each(|i| assert_eq!(self.ran[i as usize].fetch_add(1, Ordering::Relaxed), 0));
        }
        /// What `pool::Worker` does with a part that it leaves to the others.
        fn leave(&self, part: Range<u32>) {
            self.range.leave(part);
            self.entries.fetch_add(1, Ordering::Release);
        }
        /// What `pool::Worker` does with a slot that it has popped.
        fn pop(&self) -> bool {
            let entry = |count: u32| count.checked_sub(1);
            let popped = self.entries.fetch_update(Ordering::AcqRel, Ordering::Acquire, entry).is_ok();
            if popped {
                self.run(self.range.take_part().expect("a part for every entry"));
            }
            popped
        }
        fn all_ran(&self) -> bool {
            self.ran.iter().all(|count| count.load(Ordering::Relaxed) == 1)
        }
    }

    #[test]
    fn the_parts_of_two_dead_workers_are_run_by_others() {
        loom::model(|| {
            let model = Model::new();
            model.range.span(0).open(0..2);
            model.range.span(1).open(2..4);
            let dying = [0, 1].map(|worker| {
                let model = model.clone();
                loom::thread::spawn(move || {
                    if let Some(rest) = model.range.span(worker).take_all() {
                        model.leave(rest);
                    }
                })
            });
            if let Some(items) = model.range.span(0).steal(1, 1) {
                model.run(items);
            }
            model.pop();
            dying.into_iter().for_each(|worker| worker.join().unwrap());
            while model.pop() {}
            assert!(model.all_ran());
        });
    }

    #[test]
    fn who_takes_a_part_of_an_entry_that_was_used_again_reads_whose_it_is() {
        loom::model(|| {
            let model = Model::new();
            let open = |call: u32| {
                model.range.begin(call, 1, 1);
                model.range.span(0).open(model.range.take_part().unwrap());
            };
            open(0);
            let thief = {
                let model = model.clone();
                loom::thread::spawn(move || {
                    if model.range.span(0).steal(1, 1).is_some() {
                        // The call of which this is the only item.
                        model.run(model.range.slot()..model.range.slot() + 1);
                    }
                })
            };
            // The owner may use the entry again only if it was not the thief that got the item.
            let again = model.range.span(0).claim(1, 1).is_some();
            if again {
                model.run(0..1);
                open(1);
                if model.range.span(0).claim(1, 1).is_some() {
                    model.run(1..2);
                }
            }
            thief.join().unwrap();
            assert_eq!(model.ran[0].load(Ordering::Relaxed), 1);
            assert_eq!(model.ran[1].load(Ordering::Relaxed), u32::from(again));
        });
    }
}

//! The scheduler of one pool: who runs what.
//!
//! Jobs enter through the injector, move in small batches into the deque of the worker that asks, and are stolen from
//! there by workers that run dry. A range is one job: the worker that pops it opens a span in its own name, claims
//! runs of indices from it, and thieves take what is next of what is unclaimed. So nobody tunes chunk sizes, items
//! begin in their order, and a worker that dies leaves its deque and its span to the others.
//!
//! The pool is driven from two sides: its owner calls [`Pool::submit`] and reads records from its context's inbox;
//! each worker thread holds a [`Worker`] and calls [`Worker::advance`].

mod owner;
pub mod tray;
mod worker;

pub use owner::{PoolOptions, SubmitError};
pub use worker::{Advance, Next, Worker, lane};

use crate::blocks::Blocks;
use crate::context::Context;
use crate::definitions::Definitions;
use crate::range::Ranges;
use crate::sleep::Sleepers;
use crate::stats::Counters;
use crate::sync::{AtomicBool, AtomicU32};
use crossbeam_deque::{Injector, Stealer};
use crossbeam_utils::CachePadded;
use std::sync::{Arc, Mutex, MutexGuard};

/// A pool, seen by its owner and its workers.
pub struct Pool {
    id: u32,
    owner: Arc<Context>,
    blocks: Arc<Blocks>,
    options: PoolOptions,
    injector: Injector<u32>,
    stealers: Box<[Stealer<u32>]>,
    seats: Box<[CachePadded<Seat>]>,
    sleepers: Sleepers,
    ranges: Ranges,
    stopping: AtomicBool,
    definitions: Definitions,
}

/// The place of one worker in a pool; a worker that dies leaves it to its replacement.
struct Seat {
    /// The deque, while no worker sits here.
    deque: Mutex<Option<crossbeam_deque::Worker<u32>>>,
    /// The context of the worker that sits here.
    context: Mutex<Option<Arc<Context>>>,
    counters: Mutex<Arc<Counters>>,
    /// Index + 1 of the range that the worker has open, 0 = none.
    open: AtomicU32,
}

/// Locks without caring for a panic elsewhere: what these mutexes guard is valid between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Pool {
    fn wake(&self, worker: usize) {
        let context = lock(&self.seats[worker].context).clone();
        if let Some(context) = context {
            context.wake();
        }
    }
}

//! What is done on behalf of those who cannot: objects that nobody reaches any more end, and contexts that died are dealt
//! with.
//!
//! Rings have locks, and a lock has a holder: the keeper is a context of its own, which lives as long as the process. One
//! thread at a time acts as it.

use crate::blocks::Blocks;
use crate::context::{Context, Wake};
use crate::contexts::{AttachError, Contexts};
use crate::objects::{HEADER_BYTES, Left, Objects, kind};
use crate::primitives::condition::Condition;
use crate::primitives::{GateRef, barrier, semaphore};
use crate::ring::{Caller, Ring, flag};
use crate::sync::shared::Ordering;
use std::sync::{Arc, Mutex};

/// The keeper has no event loop.
struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

/// Ends objects, and deals with deaths.
pub struct Keeper {
    blocks: Arc<Blocks>,
    contexts: Arc<Contexts>,
    me: Mutex<Arc<Context>>,
}

impl Keeper {
    /// A keeper for these contexts.
    pub fn new(blocks: Arc<Blocks>, contexts: Arc<Contexts>) -> Result<Self, AttachError> {
        let me = Mutex::new(contexts.attach(Box::new(Nobody))?);
        Ok(Self { blocks, contexts, me })
    }

    /// Nobody can reach the object any more: frees the blocks that it owns beside its own.
    pub fn end(&self, object: u32) {
        let word = |at| self.blocks.region().word(Blocks::payload(object) + at);
        let word = |at| word(at).map_or(0, |word| word.load(Ordering::Relaxed));
        match word(0) {
            kind::QUEUE => {
                if let Some(ring) = Ring::at(&*self.blocks, object) {
                    ring.end();
                }
            }
            kind::CONDITION => {
                if let Some(condition) = Condition::at(&*self.blocks, object) {
                    condition.end();
                }
            }
            kind::CONNECTION => self.hang_up(word(4), word(8)),
            _ => {}
        }
    }

    /// One end of a pipe is gone: nobody takes what comes in through ring `input`, or puts into ring `output`; 0 = none.
    fn hang_up(&self, input: u32, output: u32) {
        let me = self.me.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for (object, flags) in [(input, flag::READER_GONE), (output, flag::WRITER_GONE)] {
            if object != 0
                && let Some(ring) = Ring::at(&*self.blocks, object)
                && let Some(caller) = self.caller(me.id())
            {
                // Who holds the ring's lock is alive, or is being dealt with by another thread at this moment.
                while ring.shut(&caller, flags).is_err() {
                    std::thread::yield_now();
                }
            }
        }
    }

    /// Deals with a context that has died: what it had of objects goes back or is counted as lost, what it held is let go,
    /// its blocks are free, and everybody who may have waited for it looks.
    pub fn bury(&self, objects: &Objects, dead: u32) {
        self.contexts.died(dead);
        for left in objects.left_by(dead) {
            self.give_back(left, dead);
        }
        objects.forget(dead);
        self.blocks.sweep(dead);
        self.contexts.ring_all();
        self.contexts.forget(dead);
    }

    /// What the dead one had of an object goes back, and it does not wait for it any more: a context that will sit on its
    /// slot must not be rung in the place of others.
    fn give_back(&self, left: Left, dead: u32) {
        let region = self.blocks.region();
        let gate = GateRef::at(region, Blocks::payload(left.object) + HEADER_BYTES);
        match left.kind {
            kind::QUEUE => self.sweep(left.object, left.cell_at, dead),
            kind::CONNECTION => {
                let word = |at| region.word(Blocks::payload(left.object) + at);
                for ring in [4, 8].into_iter().filter_map(word).map(|word| word.load(Ordering::Relaxed)) {
                    self.sweep(ring, 0, dead);
                }
            }
            _ => {
                if let Some(gate) = &gate {
                    gate.leave(dead);
                }
            }
        }
        if left.cell == 0 {
            return;
        }
        match left.kind {
            kind::SEMAPHORE | kind::BOUNDED_SEMAPHORE => {
                // What it gave without having taken it is not taken back.
                if let Some(gate) = gate
                    && let Ok(count) = u32::try_from(left.cell as i32)
                {
                    semaphore::give_back(&gate, &*self.contexts, dead, count);
                }
            }
            kind::BARRIER => {
                if let Some(gate) = GateRef::at(region, Blocks::payload(left.object) + HEADER_BYTES) {
                    barrier::died(&gate, &*self.contexts, dead, left.cell);
                }
            }
            kind::QUEUE => {
                if let Some(ring) = Ring::at(&*self.blocks, left.object)
                    && let Some(caller) = self.caller(dead)
                {
                    let caller = Caller { cell: region.word(left.cell_at), ..caller };
                    while ring.lose(&caller).is_err() {
                        std::thread::yield_now();
                    }
                }
            }
            _ => {}
        }
    }

    /// What the dead one left half done in a ring is brought to its end.
    fn sweep(&self, object: u32, cell_at: usize, dead: u32) {
        if object != 0
            && let Some(ring) = Ring::at(&*self.blocks, object)
            && let Some(caller) = self.caller(dead)
        {
            let cell = if cell_at == 0 { None } else { self.blocks.region().word(cell_at) };
            ring.sweep(&Caller { cell, ..caller });
        }
    }

    fn caller(&self, id: u32) -> Option<Caller<'_, Blocks, Contexts>> {
        Some(Caller { id, intent: self.contexts.intent(id)?, cell: None, parties: &self.contexts })
    }
}

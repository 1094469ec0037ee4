//! What is done on behalf of those who cannot: objects that nobody reaches any more end, and contexts that died are dealt
//! with.
//!
//! Rings have locks, and a lock has a holder: the keeper is a context of its own, which lives as long as the process. One
//! thread at a time acts as it.
//!
//! Who holds the lock of a ring may be in another process, and ask this one for something while it does. So the thread that
//! answers ([`serve_others`]) never waits for such a lock: what it would have to wait for, it leaves and does later. All
//! others wait, for somebody who is alive and soon done, or whose death that thread, or one of theirs, is dealing with.

#[cfg(all(test, not(loom)))]
mod tests;

use crate::blocks::Blocks;
use crate::context::{Context, Wake};
use crate::contexts::{AttachError, Contexts};
use crate::objects::{HEADER_BYTES, Left, Objects, kind};
use crate::primitives::condition::Condition;
use crate::primitives::{GateRef, Parties, barrier, semaphore};
use crate::ring::{Caller, Fault, Ring, flag};
use crate::sync::shared::Ordering;
use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

thread_local! {
    /// Others may hold what this thread would wait for, and wait for it.
    static SERVES: Cell<bool> = const { Cell::new(false) };
}

/// From here on this thread waits for no lock of a ring.
pub fn serve_others() {
    SERVES.set(true);
}

/// The keeper has no event loop.
struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

/// The contexts, as the keeper sees them who waits for none of them, or for those that live.
pub(crate) struct Others<'a> {
    contexts: &'a Contexts,
    waits: bool,
}

impl Parties for Others<'_> {
    fn alive(&self, id: u32) -> bool {
        self.waits && self.contexts.alive(id)
    }
    fn ring(&self, slot: usize) -> bool {
        self.contexts.ring(slot)
    }
}

/// A context that has died, and whose locks are free: what is still to be done for it.
pub struct Estate {
    dead: u32,
    /// Queues where it counts what it has not done: the object, and the byte where its cell is.
    owed: Vec<(u32, usize)>,
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

    /// The number of the context that it acts as.
    pub fn id(&self) -> u32 {
        self.me.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).id()
    }

    /// Nobody can reach the object any more: frees the blocks that it owns beside its own. False: call again, later.
    pub fn end(&self, object: u32) -> bool {
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
            kind::CONNECTION => return self.hang_up(word(4), word(8)),
            _ => {}
        }
        true
    }

    /// One end of a pipe is gone: nobody takes what comes in through ring `input`, or puts into ring `output`; 0 = none.
    fn hang_up(&self, input: u32, output: u32) -> bool {
        let Some(me) = self.act() else { return false };
        [(input, flag::READER_GONE), (output, flag::WRITER_GONE)].into_iter().all(|(object, flags)| {
            self.at_ring(object, 0, me.id(), |ring, me| done(me, || ring.shut(me, flags))).unwrap_or(true)
        })
    }

    /// The context that it acts as. None: another thread does, which may wait for this one.
    fn act(&self) -> Option<MutexGuard<'_, Arc<Context>>> {
        match self.me.try_lock() {
            Ok(me) => Some(me),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if SERVES.get() => None,
            Err(TryLockError::WouldBlock) => Some(self.me.lock().unwrap_or_else(|poisoned| poisoned.into_inner())),
        }
    }

    /// Deals with a context that has died: what it had of objects goes back or is counted as lost, what it held is let go,
    /// its blocks are free, and everybody who may have waited for it looks. `busy`: it did not end by itself, between
    /// tasks; only then it may have held permits that it would have given back.
    pub fn bury(&self, objects: &Objects, dead: u32, busy: bool) {
        let mut estate = self.take_over(objects, dead, busy);
        let settled = self.settle(objects, &mut estate);
        debug_assert!(settled, "who serves others buries step by step");
    }

    /// The first step of [`Self::bury`], which waits for nobody: after it, nobody waits for a lock of the dead one. Of
    /// several that died together, all are taken over before the first is settled.
    pub fn take_over(&self, objects: &Objects, dead: u32, busy: bool) -> Estate {
        self.contexts.died(dead);
        let mut owed = Vec::new();
        for left in objects.left_by(dead) {
            if left.kind == kind::QUEUE && left.cell_at != 0 {
                owed.push((left.object, left.cell_at));
            }
            self.give_back(left, dead, busy);
        }
        Estate { dead, owed }
    }

    /// The second step. False: somebody holds a lock that is needed; call again.
    pub fn settle(&self, objects: &Objects, estate: &mut Estate) -> bool {
        let dead = estate.dead;
        let lose = |object, cell_at| self.at_ring(object, cell_at, dead, |ring, dead| done(dead, || ring.lose(dead)));
        while let Some((object, cell_at)) = estate.owed.last() {
            if lose(*object, *cell_at) == Some(false) {
                return false;
            }
            estate.owed.pop();
        }
        objects.forget(dead);
        self.blocks.sweep(dead);
        self.contexts.ring_all();
        self.contexts.forget(dead);
        true
    }

    /// What the dead one had of an object goes back, and it does not wait for it any more: a context that will sit on its
    /// slot must not be rung in the place of others.
    fn give_back(&self, left: Left, dead: u32, busy: bool) {
        let region = self.blocks.region();
        let gate = GateRef::at(region, Blocks::payload(left.object) + HEADER_BYTES);
        match left.kind {
            // What it left half done in a ring is brought to its end.
            kind::QUEUE => {
                self.at_ring(left.object, left.cell_at, dead, |ring, dead| ring.sweep(dead));
            }
            kind::CONNECTION => {
                let word = |at| region.word(Blocks::payload(left.object) + at);
                for ring in [4, 8].into_iter().filter_map(word).map(|word| word.load(Ordering::Relaxed)) {
                    self.at_ring(ring, 0, dead, |ring, dead| ring.sweep(dead));
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
                    semaphore::give_back(&gate, &*self.contexts, dead, if busy { count } else { 0 });
                }
            }
            kind::BARRIER => {
                if let Some(gate) = gate {
                    barrier::died(&gate, &*self.contexts, dead, left.cell);
                }
            }
            _ => {}
        }
    }

    /// Runs `run` with the ring of this block, if there is one, and a context as its caller; its cell is at byte `cell_at`,
    /// 0 = it counts nothing.
    fn at_ring<R>(
        &self,
        object: u32,
        cell_at: usize,
        id: u32,
        run: impl FnOnce(&Ring<'_, Blocks>, &Caller<'_, Blocks, Others<'_>>) -> R,
    ) -> Option<R> {
        let ring = Ring::at(&*self.blocks, object).filter(|_| object != 0)?;
        let intent = self.contexts.intent(id)?;
        let cell = if cell_at == 0 { None } else { self.blocks.region().word(cell_at) };
        let parties = &Others { contexts: &self.contexts, waits: !SERVES.get() };
        Some(run(&ring, &Caller { id, intent, cell, parties }))
    }
}

/// Does something to a ring. Its lock may be that of somebody who lives, or whom another thread deals with at this moment:
/// then it waits, or answers false.
fn done(me: &Caller<'_, Blocks, Others<'_>>, step: impl Fn() -> Result<(), Fault>) -> bool {
    while let Err(Fault::OwnerDied { .. }) = step() {
        if !me.parties.waits {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

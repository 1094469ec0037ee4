//! Queues and pipes: messages in shared memory, in order, for any number of producers and consumers.
//!
//! A ring is the state of a shared object and a chain of chunks. Messages have positions, which count up for ever:
//! `head` is the next to be taken, `tail` the next to be put. There are three sides, each with a lock, and each with
//! counters that only who holds the lock moves, and that only grow:
//!
//! | side | what it moves | what it reads of the others |
//! |---|---|---|
//! | producers | `tail`, bytes put, the last chunk; the flags | `head`, bytes taken: is there room |
//! | consumers | `head`, bytes taken, the first chunk | `tail`: is there a message |
//! | settling | `done`, `lost`, the epoch | `tail`: is everything done |
//!
//! So producers and consumers do not wait for each other, and all that is known is a difference of two counters.
//!
//! **Death.** The context that holds a lock may be killed at any instruction. Before it changes anything that is not one
//! store, it writes into its [`Intent`] what it is about to do; one store of the step (the *commit*) decides whether it
//! has happened. Whoever finds the lock's owner dead ([`Fault::OwnerDied`]) has it swept: [`Ring::sweep`] brings the step
//! to its end, or takes it back, and gives the lock back. Every step of it may be repeated, for the sweeper may be killed
//! too. The steps are in `put.rs`, `take.rs` and `settle.rs`, and their ends in `sweep.rs`.
//!
//! **Blocks.** A message in a block, and the ring's chunks, belong to [`OBJECTS`] as long as they are in the ring. A
//! message's block is handed over before the commit of the put, and to the taker after the commit of the take. Nothing is
//! freed while an intent names it: a sweep could not tell whether it was freed. It becomes the caller's first, which is
//! repeatable, and is freed when the intent is clear, or by the sweep of the caller's blocks.
//!
//! **Waiting.** Who finds no message (no room) sets its bit in the gate, and looks again; who puts (takes), commits, and
//! then looks at the bits, with a full fence on both sides: one of them sees the other. Who rings takes the bit away, so
//! that the next message rings the next context. A ring is a word to *somebody*: who takes a message while more are left
//! rings the next, and who stops waiting, for whatever reason, passes on a ring that it got. At a death everybody is rung.

mod chunk;
mod end;
mod intent;
mod lock;
mod message;
mod put;
mod settle;
mod state;
mod sweep;
mod take;
#[cfg(test)]
pub(crate) mod tests;

pub use crate::memory::{Long, Memory};
pub use intent::{INTENT_WORDS, Intent};
pub use message::{Area, INLINE, Message};
pub use put::Put;
pub use state::{STATE_BYTES, flag};
pub use take::{Got, Many};

use crate::blocks::{BlockError, Blocks};
use crate::contexts::OBJECTS;
use crate::primitives::{Gate, Parties, Word32, Word64};
use crate::sync::{Ordering, fence};
use state::State;

/// Why an operation came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A lock of the ring belongs to a context that has died: sweep that one, then try again.
    #[error("context {id} died inside the ring")]
    OwnerDied {
        /// The context.
        id: u32,
    },
    /// There is no memory for another chunk.
    #[error(transparent)]
    NoMemory(#[from] BlockError),
    /// The message's block is not the caller's.
    #[error("block {block} is not the caller's to send")]
    NotYours {
        /// The block.
        block: u32,
    },
    /// The bytes are not in the region, or are no messages, or the area is too short for a message.
    #[error("there is no such area, or no messages in it")]
    Area,
    /// The ring's own words are not what they must be.
    #[error("the ring is damaged")]
    Damaged,
}

/// Who calls.
pub struct Caller<'a, M: Memory, P> {
    /// Its number.
    pub id: u32,
    /// Its record of what is under way. A context is inside one ring at a time.
    pub intent: Intent<'a, M::Long>,
    /// Its cell of this object: messages taken and not yet done. None: this ring does not count them; that is the same
    /// for all callers.
    pub cell: Option<&'a M::Word>,
    /// The others.
    pub parties: &'a P,
}

/// One ring.
pub struct Ring<'a, M: Memory> {
    memory: &'a M,
    object: u32,
    state: State<'a, M::Long>,
    /// For who waits for a message.
    items: Gate<'a, M::Word, M::Long>,
    /// For who waits for room.
    room: Gate<'a, M::Word, M::Long>,
    /// For who waits until everything is done.
    joined: Gate<'a, M::Word, M::Long>,
    /// Messages that it has room for, 0 = any number.
    max_items: u64,
    /// Bytes in it from which on nobody may put, 0 = any number.
    max_bytes: u64,
}

impl<'a, M: Memory> Ring<'a, M> {
    /// The ring in the object of this block; None where there is none. A new one is [`STATE_BYTES`] of payload: the kind,
    /// the limits `a` (messages, 0 = none) and `b` (bytes that are exceeded by one message at most, 0 = none), and zeros.
    pub fn at(memory: &'a M, object: u32) -> Option<Self> {
        let at = Blocks::payload(object);
        let gate = |offset: usize| {
            let (word, aside) = (memory.word(at + offset)?, memory.word(at + offset + 4)?);
            Some(Gate { word, aside, waiters: memory.longs(at + offset + 8, M::WAITERS)? })
        };
        Some(Self {
            memory,
            object,
            state: State::at(memory, at)?,
            items: gate(state::ITEMS)?,
            room: gate(state::ROOM)?,
            joined: gate(state::JOINED)?,
            max_items: u64::from(memory.word(at + 4)?.load()),
            max_bytes: u64::from(memory.word(at + 8)?.load()),
        })
    }

    /// Messages in it.
    pub fn len(&self) -> u64 {
        // SYNC POINT: messages taken. So the tail is not older than the head.
        let head = self.state.head().acquire();
        self.state.tail().get().saturating_sub(head)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes in it; each message counts as an entry's 64 at least.
    pub fn bytes(&self) -> u64 {
        let taken = self.state.bytes_out().get();
        self.state.bytes_in().get().saturating_sub(taken)
    }

    /// Whether a put would have to wait.
    pub fn is_full(&self) -> bool {
        self.max_items != 0 && self.len() >= self.max_items || self.max_bytes != 0 && self.bytes() > self.max_bytes
    }

    /// Its flags; see [`flag`].
    pub fn flags(&self) -> u32 {
        self.state.flags().acquire() as u32
    }

    fn is_limited(&self) -> bool {
        self.max_items != 0 || self.max_bytes != 0
    }

    /// Tells up to `count` that wait at `gate`, the next first. The dead are passed over.
    fn ring<P: Parties>(&self, gate: &Gate<'a, M::Word, M::Long>, parties: &P, count: u64) {
        if gate.anybody() {
            ring(gate, parties, count);
        }
    }

    /// Tells all that wait at `gate` now.
    fn ring_all<P: Parties>(&self, gate: &Gate<'a, M::Word, M::Long>, parties: &P) {
        for slot in gate.slots().filter(|slot| gate.leave(*slot as u32)) {
            parties.ring(slot);
        }
    }

    /// Whether `found`. With `wait`, a caller that gets false waits at the gate from here on, until it calls `leave`.
    fn look<P: Parties>(
        &self,
        gate: &Gate<'a, M::Word, M::Long>,
        me: &Caller<'a, M, P>,
        wait: bool,
        found: impl Fn() -> bool,
        leave: impl FnOnce(),
    ) -> bool {
        if found() {
            return true;
        }
        if !wait {
            return false;
        }
        let entered = gate.enter(me.id);
        // SYNC POINT: bit, then another look.
        fence(Ordering::SeqCst);
        let found = found();
        if found && entered {
            leave();
        }
        found
    }

    /// The caller waits at `gate` no more, and passes on the ring that it may have got, if there is still cause for it.
    fn leave<P: Parties>(
        &self,
        gate: &Gate<'a, M::Word, M::Long>,
        me: &Caller<'a, M, P>,
        cause: impl FnOnce() -> bool,
    ) {
        if !gate.leave(me.id) && cause() {
            self.ring(gate, me.parties, 1);
        }
    }
}

/// Rings up to `count` contexts that wait at the gate.
#[cold]
fn ring<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, parties: &impl Parties, count: u64) {
    let mut left = count;
    while left > 0
        && let Some(slot) = next(gate)
    {
        left -= u64::from(parties.ring(slot));
    }
}

/// Takes the bit of the next context that waits, around the table, and answers its slot.
fn next<A: Word32, B: Word64>(gate: &Gate<'_, A, B>) -> Option<usize> {
    while let Some(slot) = gate.next_after(gate.aside.load()) {
        if gate.leave(slot as u32) {
            gate.aside.store(slot as u32);
            return Some(slot);
        }
    }
    None
}

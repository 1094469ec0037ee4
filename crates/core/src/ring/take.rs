//! The consumers' side.
//!
//! ```text
//! take  lock; no message -> unlock, wait
//!       the first chunk is drained: RETIRE{chunk}: first = the next one (COMMIT); it is handed to the caller; freed
//!       read the entries; TAKE{head, count, bytes, cell}: head += count (COMMIT); their blocks are handed to the caller;
//!       bytes taken; cell
//!       unlock; FENCE; ring as many that wait for room; messages are left -> ring one that waits for messages
//! ```

use super::chunk::{Chunk, ENTRIES};
use super::intent::{Op, Step};
use super::lock::locked;
use super::message::{self, Nowhere, One, Sink};
use super::{Area, Caller, Fault, Long, Memory, OBJECTS, Ring, flag};
use crate::primitives::{Parties, Word32};
use crate::sync::{Ordering, fence};

/// What came of a get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    /// A message of so many bytes, which are in the target now.
    Bytes(u32),
    /// A message in a block, which is the caller's now.
    Block {
        /// Its number.
        block: u32,
        /// How many bytes of its payload are the message.
        bytes: u32,
    },
    /// There is none; the caller that wants to wait does.
    Empty,
    /// There is none, and none will come.
    Ended,
}

/// What came of a get of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Many {
    /// So many messages are in the area now.
    Some(u32),
    /// As [`Got::Empty`].
    Empty,
    /// As [`Got::Ended`].
    Ended,
}

impl<'a, M: Memory> Ring<'a, M> {
    /// Takes one message; if it is not in a block, its bytes are copied to byte `target` of the region, a multiple of 8,
    /// where [`super::INLINE`] bytes belong to the caller. With `wait`, a context that gets [`Got::Empty`] waits: once rung,
    /// it tries again; when nothing of it waits any more, whatever the reason, it calls [`Self::leave_items`].
    pub fn get<P: Parties>(&self, me: &Caller<'a, M, P>, target: usize, wait: bool) -> Result<Got, Fault> {
        let mut sink = One::new(self.memory, target).ok_or(Fault::Area)?;
        Ok(match self.get_all(me, &mut sink, wait)? {
            Many::Empty => Got::Empty,
            Many::Ended => Got::Ended,
            Many::Some(_) => sink.got.map_or(Got::Empty, |head| match head.block() {
                Some(block) => Got::Block { block, bytes: head.bytes() },
                None => Got::Bytes(head.bytes()),
            }),
        })
    }

    /// Takes up to `max` messages, at least 1, as long as they fit into `area`, of 64 bytes at least. With `wait`, a context
    /// that gets [`Many::Empty`] waits.
    pub fn get_many<P: Parties>(&self, me: &Caller<'a, M, P>, max: u32, area: Area, wait: bool) -> Result<Many, Fault> {
        let mut sink = message::Many::new(self.memory, area, max.max(1)).ok_or(Fault::Area)?;
        self.get_all(me, &mut sink, wait)
    }

    /// Whether there is a message, or none will come. With `wait`, who gets false waits as after [`Got::Empty`].
    pub fn ready<P: Parties>(&self, me: &Caller<'a, M, P>, wait: bool) -> bool {
        let ready = || !self.is_empty() || self.flags() != 0;
        // SYNC POINT: bit, then a message.
        self.look(&self.items, me, wait, ready, || self.leave_items(me))
    }

    /// The caller waits for messages no more.
    pub fn leave_items<P: Parties>(&self, me: &Caller<'a, M, P>) {
        self.leave(&self.items, me, || !self.is_empty());
    }

    fn get_all<P: Parties>(
        &self,
        me: &Caller<'a, M, P>,
        sink: &mut impl Sink<M::Long>,
        wait: bool,
    ) -> Result<Many, Fault> {
        let first = self.try_get(me, sink);
        if !wait || !matches!(first, Ok(Many::Empty)) {
            return first;
        }
        let entered = self.items.enter(me.id);
        // SYNC POINT: bit, then messages.
        fence(Ordering::SeqCst);
        let second = self.try_get(me, sink);
        if entered && !matches!(second, Ok(Many::Empty)) {
            self.leave_items(me);
        }
        second
    }

    fn try_get<P: Parties>(&self, me: &Caller<'a, M, P>, sink: &mut impl Sink<M::Long>) -> Result<Many, Fault> {
        // First: no message comes after the flags.
        let flags = self.flags();
        if flags & flag::DRY != 0 {
            self.drop_all(me)?;
            return Ok(Many::Ended);
        }
        let none = if flags == 0 { Many::Empty } else { Many::Ended };
        if !self.seems_left() && self.is_empty() {
            return Ok(none);
        }
        let count = locked(self.state.consumers(), me, || self.take(me, sink))??;
        self.taken(me, count);
        Ok(if count == 0 { none } else { Many::Some(count) })
    }

    /// Drops all messages.
    pub(super) fn drop_all<P: Parties>(&self, me: &Caller<'a, M, P>) -> Result<(), Fault> {
        if !self.is_empty() {
            let count = locked(self.state.consumers(), me, || self.take(me, &mut Nowhere))??;
            self.taken(me, count);
            if count > 0 && me.cell.is_some() {
                self.settle(me, count, false)?;
            }
        }
        Ok(())
    }

    /// Tells those whom it concerns that messages were taken.
    fn taken<P: Parties>(&self, me: &Caller<'a, M, P>, count: u32) {
        if count > 0 && self.is_limited() {
            // SYNC POINT: room, then bits.
            fence(Ordering::SeqCst);
            if self.room.anybody() && !self.is_full() {
                self.ring(&self.room, me.parties, u64::from(count));
            }
        }
        if self.seems_left() {
            self.ring(&self.items, me.parties, 1);
        }
    }

    /// False: a look at `tail`, which the producers are at, is needed to know whether a message is left.
    fn seems_left(&self) -> bool {
        self.state.tail_seen().get() > self.state.head().get()
    }

    fn take<P>(&self, me: &Caller<'a, M, P>, sink: &mut impl Sink<M::Long>) -> Result<u32, Fault> {
        let mut all = 0;
        while !sink.is_full() {
            let head = self.state.head().get();
            let ready = self.ready_at(head);
            if ready == 0 {
                break;
            }
            let chunk = self.first_chunk(me, head)?;
            let count = self.empty(me, &chunk, head, ready, sink)?;
            all += count;
            if count == 0 {
                break;
            }
        }
        Ok(all)
    }

    /// How many messages there are, at least, and 0 only if there is none.
    fn ready_at(&self, head: u64) -> u64 {
        let seen = self.state.tail_seen().get();
        if seen > head {
            return seen - head;
        }
        // SYNC POINT: messages put.
        let tail = self.state.tail().acquire();
        self.state.tail_seen().release(tail);
        tail.saturating_sub(head)
    }

    /// The chunk with the entry of `head`, at the chain's begin. There is such an entry.
    fn first_chunk<P>(&self, me: &Caller<'a, M, P>, head: u64) -> Result<Chunk<'a, M::Long>, Fault> {
        let first = Chunk::at(self.memory, self.state.first().get() as u32).ok_or(Fault::Damaged)?;
        if first.index(head).is_some() { Ok(first) } else { self.retire(me, &first) }
    }

    #[cold]
    fn retire<P>(&self, me: &Caller<'a, M, P>, drained: &Chunk<'a, M::Long>) -> Result<Chunk<'a, M::Long>, Fault> {
        let next = drained.next().get();
        let first = Chunk::at(self.memory, next as u32).ok_or(Fault::Damaged)?;
        let at = u64::from(drained.block);
        me.intent.write(Step { op: Op::Retire, count: 0, object: self.object, at, total: 0, cell: 0 });
        self.state.first().release(next);
        self.memory.hand_over(drained.block, OBJECTS, me.id);
        me.intent.clear();
        self.memory.free(me.id, drained.block);
        Ok(first)
    }

    /// Takes as many messages as there are in the chunk, and in the sink room for.
    fn empty<P, S: Sink<M::Long>>(
        &self,
        me: &Caller<'a, M, P>,
        chunk: &Chunk<'a, M::Long>,
        head: u64,
        ready: u64,
        sink: &mut S,
    ) -> Result<u32, Fault> {
        let index = chunk.index(head).ok_or(Fault::Damaged)?;
        let most = ready.min(ENTRIES - index);
        let (mut count, mut total) = (0, self.state.bytes_out().get());
        while count < most {
            let (head, bytes) = chunk.read(index + count);
            if !sink.accept(head, bytes) {
                break;
            }
            count += 1;
            total += head.cost();
        }
        if count == 0 {
            return Ok(0);
        }
        let cell = me.cell.map_or(0, |cell| cell.load()).wrapping_add(count as u32);
        me.intent.write(Step { op: Op::Take, count: count as u32, object: self.object, at: head, total, cell });
        // SYNC POINT: messages taken.
        self.state.head().release(head + count);
        for block in chunk.blocks(index, count) {
            self.memory.hand_over(block, OBJECTS, me.id);
        }
        self.state.bytes_out().release(total);
        if let Some(word) = me.cell {
            word.store(cell);
        }
        me.intent.clear();
        if S::DROPS {
            for block in chunk.blocks(index, count) {
                self.memory.free(me.id, block);
            }
        }
        Ok(count as u32)
    }
}

//! The producers' side.
//!
//! ```text
//! put   lock; shut -> refused; no room -> unlock, wait
//!       the last chunk is full: LINK{chunk}: next of the last chunk = it (COMMIT); it is handed to the ring; last = it
//!       PUT{tail, count, bytes}: write the entries; hand their blocks to the ring; tail += count (COMMIT); bytes put
//!       unlock; FENCE; ring as many that wait for messages
//! ```

use super::chunk::{CHUNK_BYTES, Chunk, ENTRIES};
use super::intent::{Op, Step};
use super::lock::locked;
use super::message::{Source, copy};
use super::{Area, Caller, Fault, Long, Memory, Message, OBJECTS, Ring, flag};
use crate::primitives::Parties;
use crate::sync::{Ordering, fence};

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Everything given was put.
    Done,
    /// There is no room; the caller that wants to wait does.
    Full,
    /// Nothing may be put any more.
    Closed,
    /// Nobody is left who would take it.
    Broken,
}

impl<'a, M: Memory> Ring<'a, M> {
    /// Puts one message. With `wait`, a context that gets [`Put::Full`] waits: once rung, it tries again; when nothing of it
    /// waits any more, whatever the reason, it calls [`Self::leave_room`].
    pub fn put<P: Parties>(&self, me: &Caller<'a, M, P>, message: Message, wait: bool) -> Result<Put, Fault> {
        let mut source = Source::one(self.memory, message).ok_or(Fault::Area)?;
        self.put_all(me, &mut source, wait).map(|(_, put)| put)
    }

    /// Puts the messages in `area`, one after the other; answers how many, and why not more. A fault behind the first
    /// message is told by the next call, which gets the rest. With `wait`, a context that gets (0, [`Put::Full`]) waits.
    pub fn put_many<P: Parties>(&self, me: &Caller<'a, M, P>, area: Area, wait: bool) -> Result<(u32, Put), Fault> {
        let mut source = Source::many(self.memory, area).ok_or(Fault::Area)?;
        self.put_all(me, &mut source, wait)
    }

    /// The caller waits for room no more.
    pub fn leave_room<P: Parties>(&self, me: &Caller<'a, M, P>) {
        self.leave(&self.room, me, || !self.is_full());
    }

    fn put_all<P: Parties>(
        &self,
        me: &Caller<'a, M, P>,
        source: &mut Source<'a, M::Long>,
        wait: bool,
    ) -> Result<(u32, Put), Fault> {
        let first = self.try_put(me, source);
        if !wait || !matches!(first, Ok((0, Put::Full))) {
            return first;
        }
        let entered = self.room.enter(me.id);
        // SYNC POINT: bit, then room.
        fence(Ordering::SeqCst);
        let second = self.try_put(me, source);
        if entered && !matches!(second, Ok((0, Put::Full))) {
            self.leave_room(me);
        }
        second
    }

    fn try_put<P: Parties>(
        &self,
        me: &Caller<'a, M, P>,
        source: &mut Source<'a, M::Long>,
    ) -> Result<(u32, Put), Fault> {
        let mut count = 0;
        let end = locked(self.state.producers(), me, || self.append(me, source, &mut count))?;
        if count == 0 {
            return end.map(|put| (0, put));
        }
        // SYNC POINT: messages, then bits.
        fence(Ordering::SeqCst);
        self.ring(&self.items, me.parties, u64::from(count));
        if self.is_limited() && self.room.anybody() && !self.is_full() {
            self.ring(&self.room, me.parties, 1);
        }
        Ok((count, end.unwrap_or(Put::Done)))
    }

    fn append<P: Parties>(
        &self,
        me: &Caller<'a, M, P>,
        source: &mut Source<'a, M::Long>,
        count: &mut u32,
    ) -> Result<Put, Fault> {
        let flags = self.flags();
        if flags & flag::SHUT != 0 {
            return Ok(if flags & flag::READER_GONE != 0 { Put::Broken } else { Put::Closed });
        }
        while source.next()?.is_some() {
            let tail = self.state.tail().get();
            let room = self.room_at(tail);
            if room == 0 {
                return Ok(Put::Full);
            }
            let chunk = self.last_chunk(me, tail)?;
            let put = self.fill(me, &chunk, tail, room, source);
            *count += put.0;
            put.1?;
        }
        Ok(Put::Done)
    }

    /// How many messages more there may be, going by their number and by the bytes so far.
    fn room_at(&self, tail: u64) -> u64 {
        if self.max_bytes != 0 && self.bytes() > self.max_bytes {
            return 0;
        }
        if self.max_items == 0 {
            return u64::MAX;
        }
        let left = |head: u64| self.max_items.saturating_sub(tail.saturating_sub(head));
        match left(self.state.head_seen().get()) {
            0 => {
                let head = self.state.head().get();
                self.state.head_seen().release(head);
                left(head)
            }
            some => some,
        }
    }

    /// The chunk with the entry of `tail`, at the chain's end.
    fn last_chunk<P>(&self, me: &Caller<'a, M, P>, tail: u64) -> Result<Chunk<'a, M::Long>, Fault> {
        let last = Chunk::at(self.memory, self.state.last().get() as u32);
        match last {
            Some(last) if last.index(tail).is_some() => Ok(last),
            last => self.link(me, tail, last),
        }
    }

    #[cold]
    fn link<P>(
        &self,
        me: &Caller<'a, M, P>,
        tail: u64,
        last: Option<Chunk<'a, M::Long>>,
    ) -> Result<Chunk<'a, M::Long>, Fault> {
        let block = self.memory.alloc(me.id, CHUNK_BYTES)?;
        let chunk = Chunk::at(self.memory, block).ok_or(Fault::Damaged)?;
        chunk.next().set(0);
        chunk.first().set(tail);
        let at = u64::from(block);
        me.intent.write(Step { op: Op::Link, count: 0, object: self.object, at, total: 0, cell: 0 });
        last.map_or(self.state.first(), |last| last.next()).release(at);
        self.memory.hand_over(block, me.id, OBJECTS);
        self.state.last().release(at);
        me.intent.clear();
        Ok(chunk)
    }

    /// Puts as many messages as the chunk, and `room`, have place for; answers how many, and why it stopped if not for that.
    fn fill<P>(
        &self,
        me: &Caller<'a, M, P>,
        chunk: &Chunk<'a, M::Long>,
        tail: u64,
        room: u64,
        source: &mut Source<'a, M::Long>,
    ) -> (u32, Result<(), Fault>) {
        let Some(index) = chunk.index(tail) else { return (0, Err(Fault::Damaged)) };
        let most = room.min(ENTRIES - index) as u32;
        let before = self.state.bytes_in().get();
        let taken = if self.max_bytes == 0 { 0 } else { self.state.bytes_out().get() };
        let (mut count, mut bytes, mut stopped) = (0, before, Ok(()));
        me.intent.write(Step { op: Op::Put, count, object: self.object, at: tail, total: before, cell: 0 });
        while count < most && (self.max_bytes == 0 || bytes.saturating_sub(taken) <= self.max_bytes) {
            let (head, words) = match source.next() {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(fault) => {
                    stopped = Err(fault);
                    break;
                }
            };
            let entry = chunk.entry(index + u64::from(count));
            entry.0.set(head.0);
            copy(words, entry.1);
            if let Some(block) = head.block() {
                // The entry says which block a sweep has to give back.
                me.intent.recount(count + 1);
                if !self.memory.hand_over(block, me.id, OBJECTS) {
                    me.intent.recount(count);
                    stopped = Err(Fault::NotYours { block });
                    break;
                }
            }
            source.taken(head);
            count += 1;
            bytes += head.cost();
        }
        if count > 0 {
            me.intent.retotal(bytes);
            // SYNC POINT: messages put.
            self.state.tail().release(tail + u64::from(count));
            self.state.bytes_in().release(bytes);
        }
        me.intent.clear();
        (count, stopped)
    }
}

//! How a ring is shut, and how it ends.

use super::chunk::{Chunk, ENTRIES};
use super::lock::locked;
use super::{Caller, Fault, Long, Memory, OBJECTS, Ring, flag};
use crate::primitives::{Parties, Word64};
use crate::sync::{Ordering, fence};

impl<'a, M: Memory> Ring<'a, M> {
    /// Sets flags (see [`flag`]) and tells everybody who waits. Nothing is put behind a flag: what is there when this
    /// returns is all that can be taken.
    pub fn shut<P: Parties>(&self, me: &Caller<'a, M, P>, flags: u32) -> Result<(), Fault> {
        // With the lock: no put is half-way.
        locked(self.state.producers(), me, || Word64::fetch_or(self.state.flags(), u64::from(flags)))?;
        // SYNC POINT: flags, then bits.
        fence(Ordering::SeqCst);
        self.ring_all(&self.items, me.parties);
        self.ring_all(&self.room, me.parties);
        if flags & flag::DRY != 0 { self.drop_all(me) } else { Ok(()) }
    }

    /// Frees all blocks of a ring that nobody can reach any more; its object's block is the caller's to free.
    pub fn end(&self) {
        let tail = self.state.tail().get();
        let mut head = self.state.head().get();
        while let Some(chunk) = Chunk::at(self.memory, self.state.first().get() as u32) {
            if let Some(index) = chunk.index(head) {
                let count = (ENTRIES - index).min(tail.saturating_sub(head));
                head += count;
                self.state.head().release(head);
                for block in chunk.blocks(index, count) {
                    self.memory.free(OBJECTS, block);
                }
            }
            self.state.first().release(chunk.next().get());
            self.memory.free(OBJECTS, chunk.block);
        }
    }
}

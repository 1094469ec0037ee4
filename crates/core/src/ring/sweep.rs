//! What a context that died inside a ring was about to do is brought to its end, or taken back.
//!
//! | intent | its commit was done | it was not |
//! |---|---|---|
//! | LINK | the chunk is the ring's, and the last one | nothing: the chunk is still the dead one's |
//! | PUT | the counter of bytes | blocks that are the ring's already are the dead one's again |
//! | RETIRE | the chunk is the dead one's | nothing |
//! | TAKE | the blocks are the dead one's; the counter of bytes; the cell | nothing |
//! | SETTLE | lost and epoch; the cell | nothing |
//!
//! All of it may be done twice: the side's lock is the dead one's until the intent is clear, so nobody else has moved what
//! the step moves. What is the dead one's afterwards is freed by the sweep of its blocks, which comes after.

use super::chunk::Chunk;
use super::intent::{Op, Step};
use super::{Caller, Long, Memory, OBJECTS, Ring};
use crate::primitives::Word32;

impl<'a, M: Memory> Ring<'a, M> {
    /// Repairs what `dead` left half done, and gives back its locks. Only one may sweep a context at a time; if that one
    /// dies, the next begins again. What follows: [`Ring::lose`], as `dead`; [`crate::blocks::Blocks::sweep`]; and every
    /// context is rung, for the dead one may have been rung, or have taken a bit away and rung nobody.
    pub fn sweep<P>(&self, dead: &Caller<'a, M, P>) {
        let step = dead.intent.read();
        if step.object == self.object && step.op != Op::None {
            self.repair(dead, step);
            dead.intent.clear();
        }
        for lock in [self.state.producers(), self.state.consumers(), self.state.settling()] {
            if lock.acquire() == u64::from(dead.id) {
                lock.release(0);
            }
        }
        for gate in [&self.items, &self.room, &self.joined] {
            gate.leave(dead.id);
        }
    }

    fn repair<P>(&self, dead: &Caller<'a, M, P>, step: Step) {
        let count = u64::from(step.count);
        match step.op {
            Op::None => {}
            Op::Link => self.repair_link(dead.id, step.at),
            Op::Put if self.state.tail().get() > step.at => self.state.bytes_in().release(step.total),
            Op::Put => {
                let last = Chunk::at(self.memory, self.state.last().get() as u32);
                self.hand_over(last, step.at, count, dead.id);
            }
            Op::Retire => {
                if self.state.first().get() != step.at {
                    self.memory.hand_over(step.at as u32, OBJECTS, dead.id);
                }
            }
            Op::Take => {
                if self.state.head().get() > step.at {
                    let first = Chunk::at(self.memory, self.state.first().get() as u32);
                    self.hand_over(first, step.at, count, dead.id);
                    self.state.bytes_out().release(step.total);
                    self.store_cell(dead, step.cell);
                }
            }
            Op::Settle => {
                if self.state.done().get() > step.at {
                    self.state.settled().release(step.total);
                    self.store_cell(dead, step.cell);
                }
            }
        }
    }

    fn repair_link(&self, dead: u32, block: u64) {
        let last = self.state.last();
        if last.get() == block {
            return;
        }
        let link = Chunk::at(self.memory, last.get() as u32).map_or(self.state.first(), |chunk| chunk.next());
        if link.get() == block {
            self.memory.hand_over(block as u32, dead, OBJECTS);
            last.release(block);
        }
    }

    /// The blocks of these entries become the dead one's.
    fn hand_over(&self, chunk: Option<Chunk<'a, M::Long>>, position: u64, count: u64, dead: u32) {
        let Some((chunk, index)) = chunk.and_then(|chunk| chunk.index(position).map(|index| (chunk, index))) else {
            return;
        };
        for block in chunk.blocks(index, count) {
            self.memory.hand_over(block, OBJECTS, dead);
        }
    }

    fn store_cell<P>(&self, dead: &Caller<'a, M, P>, value: u32) {
        if let Some(cell) = dead.cell {
            cell.store(value);
        }
    }
}

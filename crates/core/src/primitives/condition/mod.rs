//! A condition: waiters in the order in which they came, of whom the oldest are notified.
//!
//! Everything but [`Condition::notified`] is called by who holds the lock of the condition, so what is here is plain data.
//! A waiter gets a *ticket*, a number that counts up for ever, and a seat in a table:
//!
//! | seat | state | who moves it on |
//! |---|---|---|
//! | ticket, context | waits | a notifier: by `decided`; the waiter, when it gives up: to *empty* |
//! | ticket, context, and the ticket is not above `decided` | notified | a notifier: takes it off the front of the table |
//! | ticket, 0 | empty | a notifier: takes it off the front; who gives up: takes it off the back |
//!
//! The tickets in a table rise. So to notify the oldest is to raise one word, `decided`, to the ticket of the last of them:
//! no ticket is above it but those that wait. A waiter knows by this word alone that it was notified, and needs no lock.
//! Seats of contexts that have died are passed over, and so is the ticket of one that gave up: a notification always goes
//! to somebody who is there.
//!
//! A table that is full is replaced by one with room for twice as many as really wait: the object's own part, where few
//! do, or a block. So all operations take the same time, on average, however many wait.
//!
//! **No wake-up is lost.** A waiter has its seat before it lets go of the lock, so a notifier, which holds the lock, finds
//! it. The notifier raises `decided`, then rings; the waiter reads its bell, then `decided`, then sleeps while the bell is
//! the same.
//!
//! **Death.** Who holds the lock may be killed at any instruction. Each change is one store: a seat counts when the back of
//! the table has passed it, a notification when `decided` has, a new table when the object names it. What was stored
//! without its commit is written over. Only a table itself can be left behind, between two stores.

mod table;

#[cfg(all(test, not(loom)))]
mod kills;
#[cfg(all(test, loom))]
mod models;
#[cfg(test)]
mod paper;
#[cfg(all(test, not(loom)))]
mod tests;

use super::gate::bits;
use super::{GATE_BYTES, Parties, WAITERS, slot_of};
use crate::blocks::{BlockError, Blocks};
use crate::contexts::OBJECTS;
use crate::memory::{Long, Memory};
use crate::objects::HEADER_BYTES;
use table::{HEAD, SEAT, Table};

/// Seats in the object itself.
const OWN: u64 = if cfg!(loom) { 2 } else { 30 };
/// Words of the object's own table.
const OWN_WORDS: usize = HEAD + SEAT * OWN as usize;
/// Words before it.
const FIRST: usize = 3;
/// Where they begin in the object, behind its gate.
const STATE_AT: usize = HEADER_BYTES + GATE_BYTES;
/// Bytes of a condition's payload. A new one is all zero behind its first words.
pub const CONDITION_BYTES: usize = STATE_AT + (FIRST + OWN_WORDS) * 8;

/// Who was notified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notified {
    /// How many waiters.
    pub count: u64,
    /// Some of them are waiters of the context that notified: they are to look.
    pub own: bool,
}

/// One condition.
pub struct Condition<'a, M: Memory> {
    memory: &'a M,
    state: &'a [M::Long],
    own: &'a [M::Long],
}

impl<'a, M: Memory> Condition<'a, M> {
    /// The condition in the object of this block; None where there is none.
    pub fn at(memory: &'a M, object: u32) -> Option<Self> {
        let words = memory.longs(Blocks::payload(object) + STATE_AT, FIRST + OWN_WORDS)?;
        let (state, own) = words.split_at(FIRST);
        Some(Self { memory, state, own })
    }

    /// The last ticket that was notified.
    fn decided(&self) -> &'a M::Long {
        &self.state[0]
    }

    /// The last ticket that was given.
    fn last(&self) -> &'a M::Long {
        &self.state[1]
    }

    /// Block of the table, 0 = the object's own. SYNC POINT: the table is filled.
    fn block(&self) -> &'a M::Long {
        &self.state[2]
    }

    /// A waiter of the context `me` waits from here on. Answers its ticket.
    pub fn enter(&self, parties: &impl Parties, me: u32) -> Result<u64, BlockError> {
        let mut table = self.table();
        if table.len() == table.capacity {
            table = self.replace(table, parties, me)?;
        }
        let ticket = self.last().get().max(self.decided().acquire()).wrapping_add(1);
        self.last().set(ticket);
        let back = table.front().acquire().wrapping_add(table.len());
        let seat = table.seat(back);
        seat.0.set(ticket);
        seat.1.set(me.into());
        // SYNC POINT: it waits.
        table.back().release(back.wrapping_add(1));
        Ok(ticket)
    }

    /// Whether the waiter with this ticket has been notified. Called without the lock.
    pub fn notified(&self, ticket: u64) -> bool {
        // SYNC POINT: what the notifier did before, as from a lock.
        ticket <= self.decided().acquire()
    }

    /// The waiter with this ticket gives up. True: it had been notified meanwhile, and takes it for that.
    pub fn forget(&self, ticket: u64) -> bool {
        if self.notified(ticket) {
            return true;
        }
        let table = self.table();
        let (front, len) = (table.front().acquire(), table.len());
        let (mut low, mut high) = (0, len);
        while low < high {
            let middle = low + (high - low) / 2;
            if table.seat(front.wrapping_add(middle)).0.get() < ticket { low = middle + 1 } else { high = middle }
        }
        let (its, context) = table.seat(front.wrapping_add(low));
        if low < len && its.get() == ticket {
            // SYNC POINT: it waits no more.
            context.release(0);
        }
        let empty = table.positions().rev().take_while(|position| table.seat(*position).1.get() == 0).count() as u64;
        table.back().release(front.wrapping_add(len - empty));
        false
    }

    /// Notifies the `most` oldest waiters, or all, on behalf of the context `me`.
    pub fn notify(&self, parties: &impl Parties, me: u32, most: u64) -> Notified {
        let (table, decided) = (self.table(), self.decided().acquire());
        let mut notified = Notified::default();
        let mut contexts = [0_u64; WAITERS];
        let (mut last, mut passed) = (decided, 0);
        for position in table.positions() {
            if notified.count == most {
                break;
            }
            passed += 1;
            let (ticket, context) = table.seat(position);
            let (ticket, context) = (ticket.get(), context.get() as u32);
            if context != 0 && ticket > decided && parties.alive(context) {
                notified.count += 1;
                last = ticket;
                contexts[slot_of(context) / 64] |= 1 << (slot_of(context) % 64);
            }
        }
        // SYNC POINT: they are notified. What else was passed is empty, dead, or notified before.
        self.decided().release(last);
        table.front().release(table.front().acquire().wrapping_add(passed));
        for slot in contexts.iter().enumerate().flat_map(|(at, word)| bits(*word).map(move |bit| at * 64 + bit)) {
            if slot == slot_of(me) {
                notified.own = true;
            } else {
                parties.ring(slot);
            }
        }
        notified
    }

    /// The object ends: frees what it has beside its own block.
    pub fn end(&self) {
        self.give_up(self.block().acquire());
    }

    fn give_up(&self, block: u64) {
        if block != 0 {
            self.memory.free(OBJECTS, block as u32);
        }
    }

    /// The table. Where the object names none that makes sense, its own.
    fn table(&self) -> Table<'a, M::Long> {
        let block = self.block().acquire();
        let found = u32::try_from(block).ok().filter(|block| *block != 0).and_then(|block| {
            let at = Blocks::payload(block);
            let capacity = usize::try_from(self.memory.longs(at, HEAD)?[0].get()).ok()?;
            let words = capacity.checked_mul(SEAT)?.checked_add(HEAD)?;
            self.memory.longs(at, words).filter(|_| capacity > 0).map(Table::new)
        });
        found.unwrap_or_else(|| Table::new(self.own))
    }

    /// Replaces a full table by one with room for twice as many as wait.
    #[cold]
    fn replace(
        &self,
        full: Table<'a, M::Long>,
        parties: &impl Parties,
        me: u32,
    ) -> Result<Table<'a, M::Long>, BlockError> {
        let decided = self.decided().acquire();
        let seats = full.positions().map(|position| full.seat(position));
        let seats = seats.map(|(ticket, context)| (ticket.get(), context.get()));
        let waits = |(ticket, context): &(u64, u64)| {
            *ticket > decided && u32::try_from(*context).is_ok_and(|id| id != 0 && parties.alive(id))
        };
        let waiting: Vec<_> = seats.filter(waits).collect();
        let (old, wanted) = (self.block().acquire(), waiting.len() as u64 * 2);
        if old != 0 && wanted <= OWN {
            let own = Table::new(self.own);
            own.fill(&waiting);
            self.block().release(0);
            self.give_up(old);
            return Ok(own);
        }
        let mut capacity = OWN * 2;
        while capacity < wanted {
            capacity *= 2;
        }
        let words = HEAD + SEAT * capacity as usize;
        let block = self.memory.alloc(me, words * 8)?;
        let table = self.memory.longs(Blocks::payload(block), words).map(Table::new);
        let table = table.ok_or(BlockError::NotYours { block, owner: me })?;
        table.fill(&waiting);
        if !self.memory.hand_over(block, me, OBJECTS) {
            return Err(BlockError::NotYours { block, owner: me });
        }
        // SYNC POINT: the table is filled, and is the one.
        self.block().release(block.into());
        self.give_up(old);
        Ok(table)
    }
}

//! What was taken is done, or lost: for who waits until everything is.
//!
//! ```text
//! settle  lock; SETTLE{done, lost | epoch, cell}: done += count (COMMIT); lost, epoch; cell; unlock
//!         FENCE; everything is done -> ring all that wait for that
//! ```

use super::intent::{Op, Step};
use super::lock::locked;
use super::{Caller, Fault, Long, Memory, Ring};
use crate::primitives::{Parties, Word32};
use crate::sync::{Ordering, fence};

impl<'a, M: Memory> Ring<'a, M> {
    /// `count` messages that were taken are done. False, and nothing happens: there are not so many.
    pub fn task_done<P: Parties>(&self, me: &Caller<'a, M, P>, count: u32) -> Result<bool, Fault> {
        self.settle(me, count, false)
    }

    /// Counts what the caller took and has not done as lost: it has died, or lets go of the ring.
    pub fn lose<P: Parties>(&self, me: &Caller<'a, M, P>) -> Result<(), Fault> {
        let count = me.cell.map_or(0, |cell| cell.load());
        if count > 0 { self.settle(me, count, true).map(|_| ()) } else { Ok(()) }
    }

    /// Messages that were put and are not done.
    pub fn unfinished(&self) -> u64 {
        // SYNC POINT: messages done. Who finds that all are sees what was done to them.
        let done = self.state.done().acquire();
        self.state.tail().get().saturating_sub(done)
    }

    /// Messages that were lost so far.
    pub fn lost(&self) -> u32 {
        (self.state.settled().acquire() >> 32) as u32
    }

    /// How often everything was done so far, modulo 2³².
    pub fn epoch(&self) -> u32 {
        self.state.settled().acquire() as u32
    }

    /// Whether everything is done, or was since [`Self::epoch`] said `since`. With `wait`, who gets false waits, and is rung
    /// when everything is done, until it calls [`Self::leave_join`].
    pub fn join<P: Parties>(&self, me: &Caller<'a, M, P>, since: u32, wait: bool) -> bool {
        let joined = || self.unfinished() == 0 || self.epoch() != since;
        // SYNC POINT: bit, then done.
        self.look(&self.joined, me, wait, joined, || self.leave_join(me))
    }

    /// The caller waits no more until everything is done.
    pub fn leave_join<P: Parties>(&self, me: &Caller<'a, M, P>) {
        // All that wait are rung: there is nothing to pass on.
        self.joined.leave(me.id);
    }

    /// Accounts for `count` messages, or, if they are lost, for as many of them as are not done. False: there are not so
    /// many, and nothing happens.
    pub(super) fn settle<P: Parties>(&self, me: &Caller<'a, M, P>, count: u32, lost: bool) -> Result<bool, Fault> {
        let last = locked(self.state.settling(), me, || {
            let (at, settled) = (self.state.done().get(), self.state.settled().get());
            let tail = self.state.tail().get();
            let left = tail.saturating_sub(at);
            let count = if lost { u64::from(count).min(left) } else { u64::from(count) };
            if count > left {
                return None;
            }
            let done = at + count;
            let epoch = (settled as u32).wrapping_add(u32::from(done == tail));
            let total = (settled >> 32).wrapping_add(if lost { count } else { 0 }) << 32 | u64::from(epoch);
            let cell = me.cell.map_or(0, |cell| cell.load()).saturating_sub(count as u32);
            let cell = if lost { 0 } else { cell };
            me.intent.write(Step { op: Op::Settle, count: 0, object: self.object, at, total, cell });
            // SYNC POINT: messages done.
            self.state.done().release(done);
            self.state.settled().release(total);
            if let Some(word) = me.cell {
                word.store(cell);
            }
            me.intent.clear();
            Some(done == tail)
        })?;
        if last == Some(true) {
            // SYNC POINT: done, then bits.
            fence(Ordering::SeqCst);
            self.ring_all(&self.joined, me.parties);
        }
        Ok(last.is_some())
    }
}

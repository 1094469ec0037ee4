//! A worker's death: what it held is accounted for, and its seat is free.

use super::{Claim, Worker, lane, lock};
use crate::range::OpenRange;
use crate::record::Kind;
use crate::slot::{Slot, kind};
use crate::sync::Ordering;
use std::ops::Range;

impl Worker {
    /// Leaves the range's part to the others.
    fn leave_part(&self, range: &OpenRange, part: Range<u32>) {
        if !part.is_empty() {
            range.leave(part);
            self.pool.injector.push(range.slot());
        }
    }

    /// What was running here is lost; what was only claimed goes back.
    fn lose(&self, lane: usize, claim: Claim) {
        let Some(job) = Slot::at(self.pool.blocks.region(), claim.slot) else {
            return;
        };
        if job.kind() == kind::CALL {
            self.send(Kind::Lost, claim.slot, [0, self.index as u32, 0, 0, 0]);
            return;
        }
        let Some(range) = job.range().and_then(|index| self.pool.ranges.get(index)) else {
            return;
        };
        let end = claim.start + claim.count;
        let published = claim.start + self.word(lane, 16).load(Ordering::Acquire).min(claim.count);
        if published > claim.start {
            if self.word(lane, 20).load(Ordering::Relaxed) == 0 {
                // The worker's program was in the middle of a column.
                self.word(lane, 20).store(lane::IN_COLUMN, Ordering::Relaxed);
            }
            self.send_part(lane, claim, published - claim.start);
        }
        if published < end {
            let running = self.word(lane, 12).load(Ordering::Relaxed).clamp(published, end - 1);
            self.send(Kind::Lost, claim.slot, [running, self.index as u32, 0, 0, 0]);
            self.leave_part(range, published..running);
            self.leave_part(range, running + 1..end);
        }
    }
}

/// The worker's death, whatever the reason: everything it held is accounted for, its seat is free.
impl Drop for Worker {
    fn drop(&mut self) {
        let pool = self.pool.clone();
        let seat = &pool.seats[self.index];
        self.context.detach();
        pool.sleepers.disarm(self.index);
        *lock(&seat.context) = None;
        self.clear_tray();
        for lane in 0..self.claims.len() {
            let claim = self.claims[lane];
            if claim.slot != 0 {
                self.lose(lane, claim);
                self.word(lane, 0).store(0, Ordering::Release);
            }
        }
        if let Some(index) = seat.open.swap(0, Ordering::AcqRel).checked_sub(1)
            && let Some(range) = pool.ranges.get(index as usize)
            && let Some(rest) = range.span(self.index).take_all()
        {
            self.leave_part(range, rest);
        }
        if let Some(deque) = self.deque.take() {
            while let Some(slot) = deque.pop() {
                pool.injector.push(slot);
            }
            *lock(&seat.deque) = Some(deque);
        }
        if !self.apart {
            pool.blocks.sweep(self.context.id());
        }
        self.send(Kind::WorkerGone, 0, [self.index as u32, 0, 0, 0, 0]);
        // The baton: a ring meant for this worker, and what it left, must reach somebody.
        if self.work_remains() {
            pool.sleepers.post(pool.seats.len() as u32, |worker| pool.wake(worker));
        }
    }
}

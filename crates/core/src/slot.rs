//! The job record: 256 bytes in the region, written by the submitter and one worker in turn.
//!
//! | bytes | field | written by |
//! |---|---|---|
//! | 0 | state | submitter: queued; worker: running; either: compare-exchange; from a tray, worker: done, dropped |
//! | 4 | function number | submitter |
//! | 8 | kind (byte), argument tag (byte), flags (16 bits) | submitter |
//! | 12 | bytes of the encoded arguments | submitter |
//! | 16 | block with the arguments, 0 = in the payload | submitter |
//! | 20 | items of a range | submitter |
//! | 24 | the number that is the only argument, or the result (f64) | submitter, then worker |
//! | 32 | result tag | worker |
//! | 36 | bytes of the encoded result | worker |
//! | 40 | block with the result, 0 = in the payload; of a range: the column for results | worker; submitter |
//! | 44 | chunk size of a range, 0 = automatic; from a tray, how many µs it was queued | submitter; worker |
//! | 48 | number of the call | submitter |
//! | 52 | cancelled | submitter |
//! | 56 | when it was queued, µs modulo 2^32; from a tray, when it is done, how many ns it ran | core |
//! | 60 | index of the open range + 1 (16 bits), attempt (16 bits) | core, submitter |
//! | 64–255 | payload | submitter, then worker |
//!
//! A slot is named by its offset in units of 256 bytes.

use crate::region::Region;
use crate::sync::shared::{AtomicU32, Ordering};

/// Bytes of a slot.
pub const SIZE: usize = 256;
/// Slots handed out at a time.
pub const CHUNK: usize = 256;

/// Kinds of job: low byte of word 8.
pub mod kind {
    /// One call of the function.
    pub const CALL: u32 = 0;
    /// One call per item of a range.
    pub const RANGE: u32 = 1;
}

/// Flags: the upper 16 bits of word 8.
pub mod flag {
    /// Items have a time limit: they are claimed one by one.
    pub const TIMED: u32 = 1 << 16;
}

/// States: word 0.
pub mod state {
    /// Not in use.
    pub const FREE: u32 = 0;
    /// Waits in a queue.
    pub const QUEUED: u32 = 1;
    /// A worker has it.
    pub const RUNNING: u32 = 2;
    /// Cancelled before a worker took it.
    pub const CANCELLED: u32 = 3;
    /// A worker in another process has put the result in place; see [`crate::pool::tray`].
    pub const DONE: u32 = 4;
    /// Such a worker has passed over it: it was cancelled.
    pub const DROPPED: u32 = 5;
}

/// A slot's words.
#[derive(Clone, Copy)]
pub struct Slot<'a> {
    region: &'a Region,
    offset: usize,
}

impl<'a> Slot<'a> {
    /// The slot of that number, if the region reaches so far.
    pub fn at(region: &'a Region, slot: u32) -> Option<Self> {
        let offset = slot as usize * SIZE;
        region.word(offset + SIZE - 4)?;
        Some(Self { region, offset })
    }

    fn word(&self, at: usize) -> &'a AtomicU32 {
        self.region.word(self.offset + at).expect("checked when the slot was looked up")
    }

    /// The state word.
    pub fn state(&self) -> &'a AtomicU32 {
        self.word(0)
    }

    /// The kind, see [`kind`].
    pub fn kind(&self) -> u32 {
        self.word(8).load(Ordering::Relaxed) & 0xff
    }

    /// True if `flag` is set, see [`flag`].
    pub fn has(&self, flag: u32) -> bool {
        self.word(8).load(Ordering::Relaxed) & flag != 0
    }

    /// Items of a range.
    pub fn items(&self) -> u32 {
        self.word(20).load(Ordering::Relaxed)
    }

    /// Chunk size of a range, 0 = automatic.
    pub fn chunk(&self) -> u32 {
        self.word(44).load(Ordering::Relaxed)
    }

    /// The number of the call.
    pub fn id(&self) -> u32 {
        self.word(48).load(Ordering::Relaxed)
    }

    /// Whether the submitter wants no more of it.
    pub fn cancelled(&self) -> bool {
        self.word(52).load(Ordering::Acquire) != 0
    }

    /// When it was queued.
    pub fn queued_at(&self) -> &'a AtomicU32 {
        self.word(56)
    }

    /// For how many µs it has been queued at `now`, which is in nanoseconds.
    pub fn queued_for(&self, now: u64) -> u32 {
        let waited = ((now / 1000) as u32).wrapping_sub(self.queued_at().load(Ordering::Relaxed));
        // Queued after `now` was read: it did not wait.
        if waited > u32::MAX / 2 { 0 } else { waited }
    }

    /// For how many µs a call from a tray had been queued when its worker took it, as that one says.
    pub fn waited(&self) -> &'a AtomicU32 {
        self.word(44)
    }

    /// Block that holds the result of a call (a worker's until the call is completed).
    pub fn result_block(&self) -> u32 {
        self.word(40).load(Ordering::Relaxed)
    }

    /// Index of the open range.
    pub fn range(&self) -> Option<usize> {
        (self.word(60).load(Ordering::Relaxed) & 0xffff).checked_sub(1).map(|i| i as usize)
    }

    /// Sets the index of the open range.
    pub fn set_range(&self, range: Option<usize>) {
        let attempt = self.word(60).load(Ordering::Relaxed) & 0xffff_0000;
        self.word(60).store(attempt | range.map_or(0, |i| i as u32 + 1), Ordering::Relaxed);
    }
}

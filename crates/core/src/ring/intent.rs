//! What a context is about to do to a ring, written down before it does it, for whoever comes after its death.

use super::Long;

/// 64-bit words of an intent.
pub const INTENT_WORDS: usize = 4;

/// What is under way; see `sweep.rs` for how each is brought to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Op {
    None = 0,
    /// A chunk is being chained to the last one.
    Link = 1,
    /// Messages are being put.
    Put = 2,
    /// The drained first chunk is being unchained.
    Retire = 3,
    /// Messages are being taken.
    Take = 4,
    /// Messages are being accounted for as done.
    Settle = 5,
}

/// One step: absolute values only, so that it may be repeated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub op: Op,
    /// How many entries of a chunk it is about.
    pub count: u32,
    /// Block of the ring.
    pub object: u32,
    /// Position of the first of them, or the block of the chunk.
    pub at: u64,
    /// What the side's counter will be: of bytes, or lost << 32 | epoch.
    pub total: u64,
    /// What the caller's cell will be.
    pub cell: u32,
}

/// The record in a context's entry: op | count << 8 | object << 32, then `at`, `total`, `cell`.
///
/// Only its context writes it, and what sweeps that context. A program that is killed has done its stores in their order,
/// and the compiler keeps it where each is a Release: so the first word is written last, and cleared first.
#[derive(Debug)]
pub struct Intent<'a, L>(&'a [L]);

impl<L> Clone for Intent<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L> Copy for Intent<'_, L> {}

impl<'a, L: Long> Intent<'a, L> {
    /// The intent in these words, of which there must be [`INTENT_WORDS`]. At first they are zero.
    pub fn new(words: &'a [L]) -> Option<Self> {
        (words.len() == INTENT_WORDS).then_some(Self(words))
    }

    /// The block of the ring that something is under way in, 0 = none.
    pub fn object(&self) -> u32 {
        (self.0[0].acquire() >> 32) as u32
    }

    pub(super) fn write(&self, step: Step) {
        self.0[1].release(step.at);
        self.0[2].release(step.total);
        self.0[3].release(u64::from(step.cell));
        self.0[0].release(u64::from(step.object) << 32 | u64::from(step.count) << 8 | step.op as u64);
    }

    /// Changes how many messages the step is about.
    pub(super) fn recount(&self, count: u32) {
        let word = self.0[0].get();
        self.0[0].release(word >> 32 << 32 | u64::from(count) << 8 | word & 0xff);
    }

    /// Changes what the side's counter will be.
    pub(super) fn retotal(&self, total: u64) {
        self.0[2].release(total);
    }

    pub(super) fn clear(&self) {
        self.0[0].release(0);
    }

    pub(super) fn read(&self) -> Step {
        let word = self.0[0].acquire();
        let op = match word as u8 {
            1 => Op::Link,
            2 => Op::Put,
            3 => Op::Retire,
            4 => Op::Take,
            5 => Op::Settle,
            _ => Op::None,
        };
        let (count, object) = (word as u32 >> 8, (word >> 32) as u32);
        Step { op, count, object, at: self.0[1].get(), total: self.0[2].get(), cell: self.0[3].get() as u32 }
    }
}

//! The words of a ring, behind the object's header and three gates.

use super::{Long, Memory};
use crate::primitives::GATE_BYTES;

/// Bytes from the payload's begin to the gates.
pub(super) const ITEMS: usize = 16;
pub(super) const ROOM: usize = ITEMS + GATE_BYTES;
pub(super) const JOINED: usize = ROOM + GATE_BYTES;
/// Bytes from the payload's begin to the flags. The sides behind them have a cache line each.
const STATE: usize = JOINED + GATE_BYTES;
const WORDS: usize = 25;

/// Bytes of a ring's object, header included.
pub const STATE_BYTES: usize = STATE + WORDS * 8;

/// What the flags of a ring say.
pub mod flag {
    /// Nothing is put any more; what is there can be taken.
    pub const CLOSED: u32 = 1;
    /// What is there is dropped, too.
    pub const DROPPED: u32 = 2;
    /// Nobody will take anything: what is put is refused, what is there is dropped.
    pub const READER_GONE: u32 = 4;
    /// Nobody will put anything.
    pub const WRITER_GONE: u32 = 8;

    /// Nothing is put any more.
    pub(in crate::ring) const SHUT: u32 = CLOSED | DROPPED | READER_GONE | WRITER_GONE;
    /// Nothing is taken any more.
    pub(in crate::ring) const DRY: u32 = DROPPED | READER_GONE;
}

/// The words by name.
pub(super) struct State<'a, L>(&'a [L]);

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident: $index:literal),+ $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> &'a L {
            &self.0[$index]
        }
    )+};
}

impl<'a, L: Long> State<'a, L> {
    /// The state of the object whose payload is at `at`.
    pub fn at<M: Memory<Long = L>>(memory: &'a M, at: usize) -> Option<Self> {
        Some(Self(memory.longs(at + STATE, WORDS)?))
    }

    fields! {
        flags: 0,
        /// The lock of who puts.
        producers: 1,
        tail: 2,
        /// Block of the chunk with the entry before `tail`, 0 = there was none yet.
        last: 3,
        /// What `head` was when a producer looked last.
        head_seen: 4,
        bytes_in: 5,
        /// The lock of who takes.
        consumers: 9,
        head: 10,
        /// Block of the chunk with the entry before `head`, or the first one.
        first: 11,
        /// What `tail` was when a consumer looked last.
        tail_seen: 12,
        bytes_out: 13,
        /// The lock of who accounts for what was taken.
        settling: 17,
        done: 18,
        /// lost << 32 | epoch: messages whose taker died with them, and how often everything was done.
        settled: 19,
    }
}

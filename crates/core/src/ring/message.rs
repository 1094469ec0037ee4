//! Messages, and areas of the region with several of them one behind the other.

use super::chunk::ENTRY_WORDS;
use super::{Fault, Long, Memory};

/// Bytes of a message that fit into the ring itself. What is longer travels in a block of its own.
pub const INLINE: usize = (ENTRY_WORDS - 1) * 8;

/// A message to put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Up to [`INLINE`] bytes, which are copied from byte `at` of the region, a multiple of 8.
    Bytes {
        /// Where they are.
        at: usize,
        /// How many.
        bytes: u32,
    },
    /// A block of the caller's, which passes to the ring.
    Block {
        /// Its number.
        block: u32,
        /// How many bytes of its payload are the message.
        bytes: u32,
    },
}

/// Bytes of the region that belong to the caller. Its messages lie one behind the other: the length (u32) and the block
/// (u32, 0 = none), then, without a block, the bytes, padded to a multiple of 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Where it begins: a multiple of 8.
    pub at: usize,
    /// How long it is; what is beyond a multiple of 8 is not used.
    pub bytes: usize,
}

/// The word before a message, in an area and in the ring: block << 32 | length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head(pub u64);

impl Head {
    pub fn new(block: u32, bytes: u32) -> Self {
        Self(u64::from(block) << 32 | u64::from(bytes))
    }

    pub fn block(self) -> Option<u32> {
        Some((self.0 >> 32) as u32).filter(|block| *block != 0)
    }

    pub fn bytes(self) -> u32 {
        self.0 as u32
    }

    /// Words behind this one.
    pub fn words(self) -> usize {
        if self.block().is_some() { 0 } else { (self.bytes() as usize).div_ceil(8) }
    }

    /// What it counts for, where a ring is limited by bytes: the entry is memory too.
    pub fn cost(self) -> u64 {
        u64::from(self.bytes()).max(ENTRY_WORDS as u64 * 8)
    }
}

/// Messages on their way into a ring.
pub(super) struct Source<'a, L> {
    /// Head and bytes of the messages that are left.
    words: &'a [L],
    /// The head of the next one, where it is not in `words`.
    head: Option<Head>,
}

impl<'a, L: Long> Source<'a, L> {
    pub fn one<M: Memory<Long = L>>(memory: &'a M, message: Message) -> Option<Self> {
        let (head, at) = match message {
            Message::Bytes { at, bytes } => (Head::new(0, bytes), at),
            Message::Block { block: 0, .. } => return None,
            Message::Block { block, bytes } => (Head::new(block, bytes), 0),
        };
        let words = if head.words() == 0 { &[] } else { memory.longs(at, head.words())? };
        Some(Self { words, head: Some(head) })
    }

    pub fn many<M: Memory<Long = L>>(memory: &'a M, area: Area) -> Option<Self> {
        let words = if area.bytes < 8 { &[] } else { memory.longs(area.at, area.bytes / 8)? };
        Some(Self { words, head: None })
    }

    /// The next message: its head and its bytes. It stays the next until [`Self::taken`].
    pub fn next(&self) -> Result<Option<(Head, &'a [L])>, Fault> {
        let (head, rest) = match (self.head, self.words) {
            (Some(head), words) => (head, words),
            (None, []) => return Ok(None),
            (None, [head, rest @ ..]) => (Head(head.get()), rest),
        };
        let fits = head.words() * 8 <= INLINE;
        Ok(Some((head, rest.get(..head.words()).filter(|_| fits).ok_or(Fault::Area)?)))
    }

    pub fn taken(&mut self, head: Head) {
        let used = head.words() + usize::from(self.head.take().is_none());
        self.words = &self.words[used..];
    }
}

/// Where messages go that leave a ring.
pub(super) trait Sink<L> {
    /// Whether blocks are freed that come here.
    const DROPS: bool = false;

    /// Takes the message of this entry; false: there is no room for it.
    fn accept(&mut self, head: Head, bytes: &[L]) -> bool;

    /// Whether it has got all that it wants.
    fn is_full(&self) -> bool;
}

/// The bytes of one message.
pub(super) struct One<'a, L> {
    target: &'a [L],
    pub got: Option<Head>,
}

impl<'a, L: Long> One<'a, L> {
    pub fn new<M: Memory<Long = L>>(memory: &'a M, at: usize) -> Option<Self> {
        Some(Self { target: memory.longs(at, INLINE / 8)?, got: None })
    }
}

impl<L: Long> Sink<L> for One<'_, L> {
    fn accept(&mut self, head: Head, bytes: &[L]) -> bool {
        let first = self.got.is_none();
        if first {
            copy(bytes, self.target);
            self.got = Some(head);
        }
        first
    }

    fn is_full(&self) -> bool {
        self.got.is_some()
    }
}

/// Up to `max` messages, in an area.
pub(super) struct Many<'a, L> {
    room: &'a [L],
    max: u32,
}

impl<'a, L: Long> Many<'a, L> {
    /// None: there is no such area, or not any message would fit.
    pub fn new<M: Memory<Long = L>>(memory: &'a M, area: Area, max: u32) -> Option<Self> {
        let enough = area.bytes / 8 >= ENTRY_WORDS;
        Some(Self { room: memory.longs(area.at, area.bytes / 8).filter(|_| enough)?, max })
    }
}

impl<L: Long> Sink<L> for Many<'_, L> {
    fn accept(&mut self, head: Head, bytes: &[L]) -> bool {
        let fits = self.max > 0 && self.room.len() > bytes.len();
        if fits {
            self.room[0].set(head.0);
            copy(bytes, &self.room[1..]);
            self.room = &self.room[1 + bytes.len()..];
            self.max -= 1;
        }
        fits
    }

    fn is_full(&self) -> bool {
        self.max == 0
    }
}

/// Nowhere: the messages are dropped.
pub(super) struct Nowhere;

impl<L> Sink<L> for Nowhere {
    const DROPS: bool = true;

    fn accept(&mut self, _: Head, _: &[L]) -> bool {
        true
    }

    fn is_full(&self) -> bool {
        false
    }
}

pub(super) fn copy<L: Long>(from: &[L], to: &[L]) {
    for (from, to) in from.iter().zip(to) {
        to.set(from.get());
    }
}

//! A range of indices that its owner and thieves eat from below: they leave it in their order.
//!
//! One 64-bit word: `hi << 32 | lo`, the indices `lo..hi` still unclaimed. Every change is one compare-exchange of the
//! whole word, so each index leaves the span exactly once: with the owner's claim, a thief's share, or a take of all.
//! The word may be reused for another range of the same numbers (ABA); that is harmless, since whoever wins the
//! exchange reads what the range *is* only afterwards, and has then taken a part of the new one.

use crate::sync::{AtomicU64, Ordering};
use std::ops::Range;

/// The packed word: bits 0–31 `lo`, bits 32–63 `hi`; empty where `lo >= hi`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word(u64);

impl Word {
    fn new(range: &Range<u32>) -> Self {
        Self(u64::from(range.end) << 32 | u64::from(range.start))
    }
    fn range(self) -> Range<u32> {
        self.0 as u32..(self.0 >> 32) as u32
    }
}

/// Unclaimed indices.
#[derive(Debug)]
pub struct Span(AtomicU64);

impl Default for Span {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Span {
    /// Fills an empty span. Only its owner may; thieves never write to an empty one.
    pub fn open(&self, range: Range<u32>) {
        // SYNC POINT: what the range is, visible to the thief that takes a part.
        self.0.store(Word::new(&range).0, Ordering::Release);
    }

    /// True when nothing is left to claim or steal.
    pub fn is_empty(&self) -> bool {
        Word(self.0.load(Ordering::Relaxed)).range().is_empty()
    }

    /// The owner's claim: the next `count` indices, but no more than one of `share` parts, rounded up, of those that are
    /// left at that moment: thieves may have taken some since the owner last looked.
    pub fn claim(&self, count: u32, share: u32) -> Option<Range<u32>> {
        self.take(|range| {
            let most = (range.end - range.start).div_ceil(share.max(1));
            let end = range.start + count.clamp(1, most);
            (range.start..end, end..range.end)
        })
    }

    /// A thief's share: the next `count` indices, but no more than half, rounded up, in whole chunks of `chunk` indices
    /// counted from `lo`.
    pub fn steal(&self, count: u32, chunk: u32) -> Option<Range<u32>> {
        self.take(|range| {
            let chunk = chunk.max(1);
            let chunks = (range.end - range.start).div_ceil(chunk);
            let most = chunks.div_ceil(2).min(count.div_ceil(chunk).max(1));
            let end = range.start.saturating_add(most.saturating_mul(chunk)).min(range.end);
            (range.start..end, end..range.end)
        })
    }

    /// Everything that is left: on cancellation, retirement or death.
    pub fn take_all(&self) -> Option<Range<u32>> {
        self.take(|range| (range.clone(), range.end..range.end))
    }

    fn take(&self, split: impl Fn(&Range<u32>) -> (Range<u32>, Range<u32>)) -> Option<Range<u32>> {
        let mut word = Word(self.0.load(Ordering::Relaxed));
        loop {
            let range = word.range();
            if range.is_empty() {
                return None;
            }
            let (taken, rest) = split(&range);
            // SYNC POINT: what the range is, visible to the thief that takes a part.
            match self.0.compare_exchange_weak(word.0, Word::new(&rest).0, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Some(taken),
                Err(now) => word = Word(now),
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn owner_and_thief_eat_from_below() {
        let span = Span::default();
        span.open(0..10);
        assert_eq!(span.claim(3, 1), Some(0..3));
        assert_eq!(span.steal(2, 1), Some(3..5));
        assert_eq!(span.claim(100, 1), Some(5..10));
        assert_eq!(span.claim(1, 1), None);
        assert_eq!(span.steal(1, 1), None);
    }

    #[test]
    fn a_claim_leaves_the_others_their_share() {
        let span = Span::default();
        span.open(0..20);
        assert_eq!(span.claim(100, 4), Some(0..5));
        assert_eq!(span.steal(100, 1), Some(5..13));
        assert_eq!(span.claim(5, 4), Some(13..15), "a quarter of what the thief has left");
        assert_eq!(span.claim(1, 4), Some(15..16));
        assert_eq!(span.claim(5, 4), Some(16..17));
    }

    #[test]
    fn a_thief_leaves_half() {
        let span = Span::default();
        span.open(0..9);
        assert_eq!(span.steal(100, 1), Some(0..5));
        assert_eq!(span.steal(100, 1), Some(5..7));
    }

    #[test]
    fn the_last_index_can_be_stolen() {
        let span = Span::default();
        span.open(4..5);
        assert_eq!(span.steal(1, 1), Some(4..5));
        assert!(span.is_empty());
    }

    #[test]
    fn chunks_stay_whole() {
        let span = Span::default();
        span.open(0..25);
        assert_eq!(span.steal(1, 10), Some(0..10));
        assert_eq!(span.steal(11, 10), Some(10..20));
        assert_eq!(span.steal(1, 10), Some(20..25));
    }

    #[test]
    fn numbers_near_the_end_do_not_overflow() {
        let span = Span::default();
        span.open(u32::MAX - 2..u32::MAX);
        assert_eq!(span.steal(1, u32::MAX), Some(u32::MAX - 2..u32::MAX));
        span.open(u32::MAX - 2..u32::MAX);
        assert_eq!(span.claim(u32::MAX, 1), Some(u32::MAX - 2..u32::MAX));
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::AtomicU32;
    use loom::sync::Arc;

    #[test]
    fn every_index_is_taken_exactly_once() {
        loom::model(|| {
            let span = Arc::new(Span::default());
            let counts: Arc<[AtomicU32; 4]> = Arc::new(Default::default());
            span.open(0..4);
            let run = |counts: &[AtomicU32; 4], range: Range<u32>| {
                for i in range {
                    counts[i as usize].fetch_add(1, Ordering::Relaxed);
                }
            };
            let thief = {
                let (span, counts) = (span.clone(), counts.clone());
                loom::thread::spawn(move || {
                    while let Some(range) = span.steal(1, 1) {
                        run(&counts, range);
                    }
                })
            };
            let sweeper = {
                let (span, counts) = (span.clone(), counts.clone());
                loom::thread::spawn(move || {
                    if let Some(range) = span.take_all() {
                        run(&counts, range);
                    }
                })
            };
            while let Some(range) = span.claim(1, 1) {
                run(&counts, range);
            }
            thief.join().unwrap();
            sweeper.join().unwrap();
            assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
        });
    }

    #[test]
    fn a_claim_is_a_share_of_what_is_left_when_it_is_made() {
        loom::model(|| {
            let span = Arc::new(Span::default());
            span.open(0..16);
            let thieves: Vec<_> = (0..2)
                .map(|_| {
                    let span = span.clone();
                    loom::thread::spawn(move || span.steal(16, 1))
                })
                .collect();
            let claim = span.claim(16, 4).unwrap();
            assert!(claim.len() as u32 <= (16 - claim.start).div_ceil(4), "{claim:?}");
            for thief in thieves {
                thief.join().unwrap();
            }
        });
    }
}

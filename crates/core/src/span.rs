//! A range of indices that its owner eats from below while thieves take the upper half.
//!
//! One 64-bit word: `hi << 32 | lo`, the indices `lo..hi` still unclaimed. Every change is one compare-exchange of the
//! whole word, so each index leaves the span exactly once: with the owner's claim, a thief's half, or a take of all.
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

    /// How many indices are unclaimed.
    pub fn len(&self) -> u32 {
        let range = Word(self.0.load(Ordering::Relaxed)).range();
        range.end.saturating_sub(range.start)
    }

    /// True when nothing is left to claim or steal.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The owner's claim: the next `count` indices, or what is left.
    pub fn claim(&self, count: u32) -> Option<Range<u32>> {
        self.take(|range| {
            let end = range.start.saturating_add(count.max(1)).min(range.end);
            (range.start..end, end..range.end)
        })
    }

    /// A thief's share: the upper half, rounded up, in whole chunks of `chunk` indices counted from `lo`.
    pub fn steal(&self, chunk: u32) -> Option<Range<u32>> {
        self.take(|range| {
            let chunk = chunk.max(1);
            let chunks = (range.end - range.start).div_ceil(chunk);
            let mid = range.start + chunks / 2 * chunk;
            (mid..range.end, range.start..mid)
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
    fn owner_eats_from_below_and_thief_takes_the_upper_half() {
        let span = Span::default();
        span.open(0..10);
        assert_eq!(span.claim(3), Some(0..3));
        assert_eq!(span.steal(1), Some(6..10));
        assert_eq!(span.claim(100), Some(3..6));
        assert_eq!(span.claim(1), None);
        assert_eq!(span.steal(1), None);
    }

    #[test]
    fn the_last_index_can_be_stolen() {
        let span = Span::default();
        span.open(4..5);
        assert_eq!(span.steal(1), Some(4..5));
        assert!(span.is_empty());
    }

    #[test]
    fn chunks_stay_whole() {
        let span = Span::default();
        span.open(0..25);
        assert_eq!(span.steal(10), Some(10..25));
        assert_eq!(span.steal(10), Some(0..10));
    }

    #[test]
    fn numbers_near_the_end_do_not_overflow() {
        let span = Span::default();
        span.open(u32::MAX - 2..u32::MAX);
        assert_eq!(span.claim(u32::MAX), Some(u32::MAX - 2..u32::MAX));
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
                    while let Some(range) = span.steal(1) {
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
            while let Some(range) = span.claim(1) {
                run(&counts, range);
            }
            thief.join().unwrap();
            sweeper.join().unwrap();
            assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
        });
    }
}

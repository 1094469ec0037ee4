//! Large blocks: ranges of whole pages, of any length.
//!
//! What is free is one range wherever it is contiguous: a freed range grows together with its neighbours, and the
//! smallest range that is large enough is split for the next block. So a program whose values change their sizes uses
//! no more address space than it had in use at a time, but for the gaps between blocks that live on.
//!
//! All of this is kept beside the region, under the mutex that [`super::Blocks`] also carves under: nothing that a
//! payload contains can be taken for a large block.

use crate::region::Region;
use manycore_os::MapError;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

/// A large block in use.
#[derive(Debug, Clone, Copy)]
struct Held {
    bytes: usize,
    owner: u32,
}

/// The large blocks of a region, in use and free. Everything is in bytes from the region's start.
#[derive(Debug)]
pub struct Large {
    /// Blocks in use, by their first byte.
    held: BTreeMap<usize, Held>,
    /// Free ranges: first byte and length. No two of them touch.
    free: BTreeMap<usize, usize>,
    /// The same as (length, first byte): the smallest that is large enough comes first.
    sizes: BTreeSet<(usize, usize)>,
    /// The parts of free ranges that have memory, in the order they were freed. The system has the rest.
    warm: VecDeque<Range<usize>>,
    /// How much of the free ranges may have memory.
    pub(super) keep: usize,
}

impl Large {
    /// No large blocks so far; up to `keep` bytes of freed memory will be kept for the next ones.
    pub fn new(keep: usize) -> Self {
        let (held, free, sizes) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { held, free, sizes, warm: VecDeque::new(), keep }
    }

    /// Where a block of `bytes` should begin: in the smallest free range that is large enough, else at the region's
    /// `top`, together with the free range that ends there.
    pub fn place(&self, bytes: usize, top: usize) -> usize {
        match (self.sizes.range((bytes, 0)..).next(), self.free.last_key_value()) {
            (Some((_, start)), _) => *start,
            (None, Some((start, length))) if start + length == top => *start,
            _ => top,
        }
    }

    /// Makes `range`, which begins where [`Self::place`] said, a block of `owner`, with memory behind all of it.
    pub fn take(&mut self, region: &Region, range: Range<usize>, owner: u32) -> Result<(), MapError> {
        let length = self.free.get(&range.start).copied().unwrap_or(0);
        let reused = range.start..range.end.min(range.start + length);
        self.rewarm(region, &reused)?;
        self.warm = self.warm.iter().flat_map(|warm| without(warm, &reused)).collect();
        self.remove(range.start);
        if reused.len() < length {
            self.insert(reused.end..range.start + length);
        }
        self.held.insert(range.start, Held { bytes: range.len(), owner });
        Ok(())
    }

    /// Frees the block that begins at `start`. False: there is none, or it is another's.
    pub fn free(&mut self, region: &Region, start: usize, owner: u32) -> bool {
        let Some(Held { bytes, .. }) = self.held.get(&start).filter(|held| held.owner == owner).copied() else {
            return false;
        };
        self.held.remove(&start);
        let mut whole = start..start + bytes;
        let before = self.free.range(..start).next_back().map(|(before, length)| *before..before + length);
        if let Some(before) = before.filter(|before| before.end == start) {
            self.remove(before.start);
            whole.start = before.start;
        }
        whole.end += self.remove(whole.end);
        self.insert(whole);
        self.warm.push_back(start..start + bytes);
        self.cool(region);
        true
    }

    /// Makes the block that begins at `start` another owner's. False: there is none, or it was not `from`'s.
    pub fn hand_over(&mut self, start: usize, from: u32, to: u32) -> bool {
        let held = self.held.get_mut(&start).filter(|held| held.owner == from);
        held.map(|held| held.owner = to).is_some()
    }

    /// Where the blocks of `owner` begin.
    pub fn of(&self, owner: u32) -> Vec<usize> {
        self.held.iter().filter(|(_, held)| held.owner == owner).map(|(start, _)| *start).collect()
    }

    /// Bytes of blocks in use.
    pub fn in_use(&self) -> usize {
        self.held.values().map(|held| held.bytes).sum()
    }

    /// Asks the system for what it was given of `range`: all of it, or an error and nothing.
    fn rewarm(&self, region: &Region, range: &Range<usize>) -> Result<(), MapError> {
        let cold = self.cold(range);
        let recommitted = cold.iter().try_for_each(|part| region.recommit(part.start, part.len()));
        recommitted.inspect_err(|_| cold.iter().for_each(|part| region.decommit(part.start, part.len())))
    }

    /// The parts of a free `range` that have no memory.
    fn cold(&self, range: &Range<usize>) -> Vec<Range<usize>> {
        self.warm.iter().fold(without(range, &(0..0)).collect(), |cold: Vec<_>, warm| {
            cold.iter().flat_map(|part| without(part, warm)).collect()
        })
    }

    /// Gives free memory beyond the limit to the system: what was freed first goes first, from its end on.
    fn cool(&mut self, region: &Region) {
        let mut excess = self.warm_bytes().saturating_sub(self.keep);
        while excess > 0
            && let Some(oldest) = self.warm.front_mut()
        {
            let given = excess.min(oldest.len());
            oldest.end -= given;
            excess -= given;
            region.decommit(oldest.end, given);
            if oldest.start == oldest.end {
                self.warm.pop_front();
            }
        }
    }

    fn warm_bytes(&self) -> usize {
        self.warm.iter().map(Range::len).sum()
    }

    fn insert(&mut self, range: Range<usize>) {
        self.free.insert(range.start, range.len());
        self.sizes.insert((range.len(), range.start));
    }

    /// Takes the free range that begins at `start` out; answers its length, 0 if there is none.
    fn remove(&mut self, start: usize) -> usize {
        let length = self.free.remove(&start).unwrap_or(0);
        self.sizes.remove(&(length, start));
        length
    }
}

/// What is left of `range` without `other`: no part, one or two.
fn without(range: &Range<usize>, other: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let before = range.start..range.end.min(other.start);
    let behind = range.start.max(other.end)..range.end;
    [before, behind].into_iter().filter(|part| !part.is_empty())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::blocks::{Blocks, HEADER, PAGE, UNIT};
    use crate::sync::Ordering;
    use proptest::prelude::*;

    const MIB: usize = 1 << 20;
    /// The payload of a block of 1 MiB and a page.
    const ONE: usize = MIB + PAGE - HEADER;

    fn bytes(ranges: &[Range<usize>]) -> usize {
        ranges.iter().map(Range::len).sum()
    }

    /// Whether the accounts agree with each other.
    fn check(blocks: &Blocks) {
        let carving = blocks.carving();
        let large = &carving.large;
        let held = large.held.iter().map(|(start, held)| (*start, held.bytes, false));
        let mut all: Vec<_> = held.chain(large.free.iter().map(|(start, bytes)| (*start, *bytes, true))).collect();
        all.sort_unstable();
        for pair in all.windows(2) {
            let (end, next) = (pair[0].0 + pair[0].1, pair[1].0);
            assert!(end <= next, "two in one place: {pair:?}");
            assert!(end < next || !(pair[0].2 && pair[1].2), "neighbours that are not one: {pair:?}");
        }
        let pages =
            blocks.pages().0.iter().map(|bits| bits.load(Ordering::Relaxed).count_ones() as usize).sum::<usize>();
        assert_eq!(all.iter().map(|range| range.1).sum::<usize>(), pages * PAGE, "every page is in one of them");
        let sizes: BTreeMap<_, _> = large.sizes.iter().map(|(bytes, start)| (*start, *bytes)).collect();
        assert_eq!(sizes, large.free);
        let cold: usize = large.free.iter().map(|(start, length)| bytes(&large.cold(&(*start..start + length)))).sum();
        assert_eq!(cold + large.warm_bytes(), large.free.values().sum(), "warm parts are free, and there once");
        assert!(large.warm_bytes() <= large.keep);
    }

    #[test]
    fn a_freed_range_grows_together_with_its_neighbours_and_is_split_again() {
        let blocks = Blocks::new(16 * MIB).unwrap();
        let held: Vec<_> = (0..5).map(|_| blocks.alloc(1, ONE).unwrap()).collect();
        for (index, ranges) in [(1, 1), (3, 2), (2, 1), (0, 1), (4, 1)] {
            blocks.free(1, held[index]).unwrap();
            check(&blocks);
            assert_eq!(blocks.carving().large.free.len(), ranges);
        }
        assert_eq!(blocks.in_use(), 0);
        assert_eq!(blocks.alloc(1, 3 * ONE).unwrap(), held[0]);
        assert_eq!(blocks.alloc(1, ONE + PAGE).unwrap(), held[3], "what is left of the range");
        check(&blocks);
    }

    #[test]
    fn the_smallest_range_that_is_large_enough_is_split() {
        let blocks = Blocks::new(16 * MIB).unwrap();
        let sizes = [4, 2, 3].map(|size| (blocks.alloc(1, size * MIB).unwrap(), blocks.alloc(1, ONE).unwrap()));
        sizes.iter().for_each(|(block, _)| blocks.free(1, *block).unwrap());
        assert_eq!(blocks.alloc(1, 3 * MIB).unwrap(), sizes[2].0);
        assert_eq!(blocks.alloc(1, 2 * MIB).unwrap(), sizes[1].0);
        assert_eq!(blocks.alloc(1, 2 * MIB).unwrap(), sizes[0].0);
        check(&blocks);
    }

    #[test]
    fn the_range_at_the_top_is_made_longer() {
        let blocks = Blocks::new(16 * MIB).unwrap();
        let first = blocks.alloc(1, 10 * MIB).unwrap();
        blocks.free(1, first).unwrap();
        assert_eq!(blocks.alloc(1, 12 * MIB).unwrap(), first);
        check(&blocks);
    }

    #[test]
    fn growing_sizes_do_not_use_the_region_up() {
        let (reserve, largest) = if cfg!(miri) { (16 * MIB, 4 * MIB) } else { (64 * MIB, 16 * MIB) };
        for (kept, alive) in [(0, 1), (100, 1), (100, 2)] {
            let blocks = Blocks::new(reserve).unwrap();
            let mut last = VecDeque::new();
            let mut size = MIB;
            while size < largest {
                last.push_back(blocks.alloc(1, size).unwrap());
                // Small blocks that stay do not come between the large ones.
                assert!(kept == 0 || blocks.alloc(2, kept).is_ok());
                if last.len() == alive {
                    blocks.free(1, last.pop_front().unwrap()).unwrap();
                }
                check(&blocks);
                size += size / 10;
            }
        }
    }

    #[test]
    fn only_the_number_of_a_block_in_use_is_one() {
        let blocks = Blocks::new(16 * MIB).unwrap();
        let (first, second) = (blocks.alloc(1, ONE).unwrap(), blocks.alloc(1, ONE).unwrap());
        assert!(blocks.free(2, second).is_err());
        assert!(blocks.hand_over(second, 2, 3).is_err());
        blocks.hand_over(second, 1, 2).unwrap();
        assert!(blocks.free(1, second).is_err());
        blocks.free(1, first).unwrap();
        blocks.free(2, second).unwrap();
        let whole = blocks.alloc(1, 2 * ONE).unwrap();
        assert_eq!(whole, first);
        assert!(blocks.free(1, second).is_err(), "it is the inside of another by now");
        blocks.free(1, whole).unwrap();
        assert!(blocks.free(1, whole).is_err());
    }

    #[test]
    fn sweep_frees_the_large_blocks_of_the_dead() {
        let blocks = Blocks::new(16 * MIB).unwrap();
        let kept = blocks.alloc(7, ONE).unwrap();
        (0..4).for_each(|_| assert!(blocks.alloc(8, ONE).is_ok() && blocks.alloc(8, 100).is_ok()));
        assert_eq!(blocks.sweep(8), 8);
        assert_eq!(blocks.sweep(8), 0);
        assert_eq!(blocks.in_use(), MIB + PAGE);
        blocks.free(7, kept).unwrap();
        check(&blocks);
    }

    #[test]
    fn what_was_freed_last_stays_resident_and_what_was_given_back_is_asked_for_again() {
        let blocks = Blocks::new(16 * MIB).unwrap();
        blocks.carving().large.keep = 2 * (MIB + PAGE);
        let held: Vec<_> = (0..4).map(|_| blocks.alloc(1, ONE).unwrap()).collect();
        let word = |block| blocks.region().word(Blocks::payload(block) + MIB / 2).unwrap();
        held.iter().for_each(|block| word(*block).store(7, Ordering::Relaxed));
        [2, 0, 1, 3].iter().for_each(|index| blocks.free(1, held[*index]).unwrap());
        check(&blocks);
        if !cfg!(miri) {
            assert_eq!([0, 1, 2, 3].map(|index| word(held[index]).load(Ordering::Relaxed)), [0, 7, 0, 7]);
        }
        let start = held[0] as usize * UNIT;
        let cold = blocks.carving().large.cold(&(start..start + 4 * (MIB + PAGE)));
        assert_eq!(bytes(&cold), 2 * (MIB + PAGE));
        assert_eq!(blocks.alloc(1, 4 * ONE).unwrap(), held[0]);
        assert_eq!(blocks.carving().large.warm_bytes(), 0, "all of it is in use");
        check(&blocks);
    }

    /// Bytes of memory behind the region, which is a file to the system.
    #[cfg(not(miri))]
    fn memory(blocks: &Blocks) -> u64 {
        use std::os::unix::fs::MetadataExt;
        let base = format!("{:x}-", blocks.region().base().as_ptr() as usize);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let inode = maps.lines().find(|line| line.starts_with(&base)).unwrap().split_whitespace().nth(4).unwrap();
        let files = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|file| file.unwrap().path().metadata().ok());
        files.filter(|file| file.ino().to_string() == inode).map(|file| file.blocks() * 512).next().unwrap()
    }

    #[test]
    #[cfg(not(miri))]
    fn a_block_has_memory_behind_all_of_it_and_free_ranges_have_little() {
        let blocks = Blocks::new(64 * MIB).unwrap();
        blocks.carving().large.keep = 4 * MIB;
        for size in [40, 10, 50, 30, 5] {
            let block = blocks.alloc(1, size * MIB).unwrap();
            assert!(memory(&blocks) >= (size * MIB) as u64, "touching it cannot fail");
            blocks.free(1, block).unwrap();
            check(&blocks);
            assert!(memory(&blocks) < 20 << 20, "{} of {size} MiB", memory(&blocks));
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Alloc { owner: u32, bytes: usize },
        Free(usize),
        HandOver(usize, u32),
        Sweep(u32),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let size = prop_oneof![4 => MIB..MIB * 3 / 2, 2 => MIB..4 * MIB, 1 => 1..2000usize];
        let step = prop_oneof![
            8 => (1..4u32, size).prop_map(|(owner, bytes)| Step::Alloc { owner, bytes }),
            6 => any::<usize>().prop_map(Step::Free),
            1 => (any::<usize>(), 1..4u32).prop_map(|(index, owner)| Step::HandOver(index, owner)),
            1 => (1..4u32).prop_map(Step::Sweep),
        ];
        proptest::collection::vec(step, 1..if cfg!(miri) { 20 } else { 80 })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn blocks_never_overlap_and_all_that_is_free_is_one_range(steps in steps(), keep in 0..6 * MIB) {
            let blocks = Blocks::new(16 * MIB).unwrap();
            blocks.carving().large.keep = keep;
            let mut model: Vec<(u32, usize, u32)> = Vec::new();
            for step in steps {
                match step {
                    Step::Alloc { owner, bytes } => if let Ok(block) = blocks.alloc(owner, bytes) {
                        let payload = Blocks::payload(block)..Blocks::payload(block) + bytes;
                        prop_assert!(payload.end <= blocks.region().committed());
                        for (other, length, _) in &model {
                            let start = Blocks::payload(*other);
                            prop_assert!(payload.end <= start || start + length <= payload.start);
                        }
                        model.push((block, bytes, owner));
                    },
                    Step::Free(index) if !model.is_empty() => {
                        let (block, _, owner) = model.swap_remove(index % model.len());
                        prop_assert!(blocks.free(owner + 1, block).is_err());
                        prop_assert!(blocks.free(owner, block).is_ok());
                        prop_assert!(blocks.free(owner, block).is_err());
                    }
                    Step::HandOver(index, to) if !model.is_empty() => {
                        let index = index % model.len();
                        prop_assert!(blocks.hand_over(model[index].0, model[index].2, to).is_ok());
                        model[index].2 = to;
                    }
                    Step::Sweep(owner) => {
                        let count = model.len();
                        model.retain(|block| block.2 != owner);
                        prop_assert_eq!(blocks.sweep(owner), count - model.len());
                    }
                    Step::Free(_) | Step::HandOver(..) => {}
                }
                check(&blocks);
            }
            (1..4).for_each(|owner| assert!(blocks.sweep(owner) <= model.len()));
            prop_assert_eq!(blocks.in_use(), 0);
            check(&blocks);
        }
    }
}

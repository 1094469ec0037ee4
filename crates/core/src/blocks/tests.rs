use super::*;
use proptest::prelude::*;

#[test]
fn classes_are_sorted_and_fit_what_they_are_for() {
    for class in 1..CLASSES {
        assert!(class_bytes(class) >= class_bytes(class - 1));
    }
    for bytes in (1..5000).chain([65_536, (1 << 19) + 1, 1 << 20]) {
        let class = class_for(bytes).unwrap();
        assert!(class_bytes(class) >= bytes);
        assert!(bytes <= UNIT || class_bytes(class) <= bytes * 2, "{bytes} in {}", class_bytes(class));
    }
    assert!(class_for((1 << 20) + 1).is_none(), "a large block");
    assert!(class_for(usize::MAX).is_none());
}

#[test]
fn a_freed_block_is_used_again_and_a_second_free_is_refused() {
    let blocks = Blocks::new(16 << 20).unwrap();
    let block = blocks.alloc(1, 1000).unwrap();
    blocks.free(1, block).unwrap();
    assert!(matches!(blocks.free(1, block), Err(BlockError::NotYours { .. })));
    assert_eq!(blocks.alloc(2, 1000).unwrap(), block);
    assert!(blocks.free(1, block).is_err(), "the old owner has no claim on it");
    assert!(blocks.free(0, block).is_err());
}

#[test]
fn sweep_frees_all_of_a_dead_owner_and_nothing_else() {
    let blocks = Blocks::new(16 << 20).unwrap();
    let kept = blocks.alloc(7, 100).unwrap();
    for size in 1..200 {
        blocks.alloc(8, size * 10).unwrap();
    }
    let handed = blocks.alloc(8, 64).unwrap();
    blocks.hand_over(handed, 8, 7).unwrap();
    assert_eq!(blocks.sweep(8), 199);
    assert_eq!(blocks.sweep(8), 0);
    blocks.free(7, kept).unwrap();
    blocks.free(7, handed).unwrap();
    assert_eq!(blocks.in_use(), 0);
}

#[test]
fn running_out_is_an_error_and_the_allocator_lives_on() {
    let blocks = Blocks::new(8 << 20).unwrap();
    for bytes in [16 << 20, 1 << 40, usize::MAX - 100, usize::MAX] {
        let refused = blocks.alloc(1, bytes);
        assert!(matches!(refused, Err(BlockError::OutOfMemory { .. } | BlockError::TooLarge { .. })));
    }
    assert!(blocks.alloc(1, 10).is_ok());
}

#[test]
fn what_is_left_of_a_chunk_becomes_blocks() {
    let blocks = Blocks::new(8 << 20).unwrap();
    let first = blocks.alloc(1, 100).unwrap();
    assert_eq!(blocks.walk().count(), 1, "who walks does not step into what may be carved meanwhile");
    let large = blocks.alloc(1, 2 << 20).unwrap();
    let second = blocks.alloc(1, 1_000_000).unwrap();
    assert!(first < large && large < second, "it did not fit before the large one");
    for bytes in [900_000, 100_000] {
        let between = blocks.alloc(1, bytes).unwrap();
        assert!(first < between && between < large);
    }
    assert_eq!(blocks.sweep(1), 5);
    assert_eq!(blocks.in_use(), 0);
}

#[test]
fn a_region_that_is_used_up_serves_small_blocks_from_free_pages_and_from_larger_blocks() {
    let blocks = Blocks::new(8 << 20).unwrap();
    let small = blocks.alloc(1, 100_000).unwrap();
    let mut held = Vec::new();
    for bytes in [1 << 20, 100_000, 5000, 60] {
        held.extend(std::iter::from_fn(|| blocks.alloc(1, bytes).ok()));
    }
    assert!(blocks.alloc(1, 60).is_err(), "nothing is left");
    blocks.free(1, small).unwrap();
    assert_eq!(blocks.alloc(1, 60).unwrap(), small, "larger than needed");
    blocks.free(1, held.remove(3)).unwrap();
    let page = blocks.alloc(1, 60).unwrap();
    assert!(blocks.free(2, page).is_err());
    let rest: Vec<_> = std::iter::from_fn(|| blocks.alloc(1, 5000).ok()).collect();
    assert_eq!(rest.len(), 128, "two pages each: what is left of 1 MiB and a page");
    blocks.free(1, page).unwrap();
    blocks.sweep(1);
    assert_eq!(blocks.in_use(), 0);
}

#[test]
fn threads_never_share_a_block() {
    let (rounds, reserve) = if cfg!(miri) { (50, 16 << 20) } else { (20_000, 256 << 20) };
    let blocks = Blocks::new(reserve).unwrap();
    blocks.carving().large.keep = 4 << 20;
    std::thread::scope(|s| {
        for owner in 1..=4u32 {
            let blocks = &blocks;
            s.spawn(move || {
                // The first and the last word of a block say whose it is.
                let ends = |(block, bytes): (u32, usize)| {
                    let word = |at: usize| blocks.region().word(Blocks::payload(block) + at / 4 * 4).unwrap();
                    [word(0), word(bytes - 4)]
                };
                let mut held = Vec::new();
                for i in 0..rounds {
                    let large = i % 20 == owner as usize;
                    let bytes = if large { (1 << 20) + i % 7 * 300_000 } else { 40 + i % 7 * 30 };
                    let block = (blocks.alloc(owner, bytes).unwrap(), bytes);
                    ends(block).iter().for_each(|word| word.store(owner, Ordering::Relaxed));
                    held.push(block);
                    if held.len() > 20 {
                        let block = held.swap_remove(i % 20);
                        assert!(ends(block).iter().all(|word| word.load(Ordering::Relaxed) == owner));
                        blocks.free(owner, block.0).unwrap();
                    }
                }
            });
        }
        // The dead are swept while others allocate.
        (0..rounds / 10).for_each(|_| assert_eq!(blocks.sweep(9), 0));
    });
    for owner in 1..=4 {
        blocks.sweep(owner);
    }
    assert_eq!(blocks.in_use(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn hostile_numbers_are_refused(calls in proptest::collection::vec((any::<u32>(), 0u32..4, any::<bool>()), 1..50)) {
        let blocks = Blocks::new(4 << 20).unwrap();
        let mine = [blocks.alloc(9, 500).unwrap(), blocks.alloc(9, 2 << 20).unwrap()];
        // The payload of the large one looks like small blocks of everybody.
        let payload = Blocks::payload(mine[1])..Blocks::payload(mine[1]) + 5000;
        payload.step_by(4).for_each(|at| blocks.region().word(at).unwrap().store(2, Ordering::Relaxed));
        for (block, owner, near) in calls {
            let block = if near { block % 300 } else { block };
            prop_assert!(mine.contains(&block) || blocks.free(owner, block).is_err());
            prop_assert!(mine.contains(&block) || blocks.hand_over(block, owner, 3).is_err());
        }
        prop_assert!(mine.iter().all(|block| blocks.free(9, *block).is_ok()));
        prop_assert!(mine.iter().all(|block| blocks.free(9, *block).is_err()));
    }
}

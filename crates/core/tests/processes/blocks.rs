//! Memory and objects of several processes.

use crate::Role;
use crate::family::forever;
use crate::party::Party;
use crate::stage::{Stage, TABLE};
use manycore_core::objects::kind;
use manycore_core::sync::shared::Ordering;

pub const ROLES: &[Role] = &[
    ("blocks", use_blocks),
    ("objects", use_objects),
    ("keep", keep),
    ("take", take),
    ("reuse", reuse),
    ("nothing", |_, _| {}),
];

/// Where the bell is in an entry of the processes' table.
const BELL: usize = 16;
/// Sizes from the smallest to some that are large blocks.
const SIZES: [usize; 8] = [1, 40, 200, 3000, 40_000, 400_000, 1_500_000, 5_000_000];

/// Allocates and frees blocks of all sizes; what is written stays as long as the block is its own.
fn use_blocks(me: &Party, numbers: &[u32]) {
    let mut held: Vec<(u32, u64)> = Vec::new();
    for round in 0..u64::from(numbers[0]) {
        let bytes = SIZES[(round as usize * 7 + 3) % if round % 50 == 0 { SIZES.len() } else { 6 }];
        let block = me.blocks().alloc(me.id(), bytes).unwrap();
        let value = u64::from(me.id()) << 32 | round;
        me.head(block).store(value, Ordering::Relaxed);
        held.push((block, value));
        if held.len() > 60 {
            let (block, value) = held.swap_remove(round as usize * 13 % held.len());
            assert_eq!(me.head(block).load(Ordering::Relaxed), value);
            me.blocks().free(me.id(), block).unwrap();
            assert!(me.blocks().free(me.id(), block).is_err(), "it is free");
        }
    }
    // The context's end frees the others.
}

#[test]
fn children_allocate_and_free_blocks_of_every_size() {
    let stage = Stage::new();
    let children = [0; 3].map(|_| stage.start("blocks", &[2000]));
    use_blocks(&stage, &[2000]);
    children.into_iter().for_each(|child| child.join());
}

/// Makes, opens and releases objects; sends one away in a message.
fn use_objects(me: &Party, numbers: &[u32]) {
    let [board, given, queue] = numbers[..3] else { panic!("three objects") };
    for object in [board, given, queue] {
        me.open(object);
    }
    let objects = me.registry.objects();
    assert!(!objects.open(me.id(), 12), "there is no such object");
    assert!(objects.count() >= 3);
    let own = me.board();
    assert!(objects.only(me.id(), own) && !objects.only(me.id(), given));
    let cell = objects.cell(me.id(), own).unwrap();
    assert_eq!(objects.cell(me.id(), own), Some(cell));
    // One that needs another keeps it.
    let outer = me.create(kind::VALUE, [0; 3], 200, &[own]);
    me.release(own);
    assert!(objects.open(me.id(), own));
    me.release(own);
    // A pinned one stays, as a buffer's would.
    assert!(objects.pin(&[outer, outer]));
    me.release(outer);
    objects.unpin(&[outer]);
    assert!(objects.open(me.id(), outer));
    objects.unpin(&[outer]);
    // It goes to the parent, in a block that keeps it alive.
    me.at(own, 3).store(77, Ordering::SeqCst);
    let block = me.blocks().alloc(me.id(), 100).unwrap();
    me.head(block).store(u64::from(own) << 32 | u64::from(outer), Ordering::Relaxed);
    assert!(!objects.pack(block, vec![own, 12]));
    assert!(objects.pack(block, vec![own]));
    me.release(outer);
    assert!(!objects.open(me.id(), outer), "it has ended");
    let message = manycore_core::ring::Message::Block { block, bytes: 8 };
    me.at_ring(queue, |ring, me| ring.put(me, message, false));
    // A message that nobody sends goes with its block.
    let block = me.blocks().alloc(me.id(), 2_000_000).unwrap();
    assert!(objects.pack(block, vec![given]));
    me.blocks().free(me.id(), block).unwrap();
    me.at(board, 0).fetch_add(1, Ordering::SeqCst);
}

#[test]
fn children_make_open_and_send_objects() {
    let stage = Stage::new();
    let (board, given, queue) = (stage.board(), stage.board(), stage.queue(0, 0));
    let child = stage.start("objects", &[board, given, queue]);
    child.join();
    assert_eq!(stage.at(board, 0).load(Ordering::SeqCst), 1);
    let got = stage.at_ring(queue, |ring, me| ring.get(me, stage.area(), false));
    let manycore_core::ring::Got::Block { block, .. } = got else { panic!("{got:?}") };
    let own = (stage.head(block).load(Ordering::Relaxed) >> 32) as u32;
    stage.open(own);
    assert_eq!(stage.at(own, 3).load(Ordering::SeqCst), 77);
    stage.blocks().free(stage.id(), block).unwrap();
    stage.release(own);
    assert_eq!(stage.registry.objects().count(), 3);
}

/// Has all sorts of things, says so, and does nothing more.
fn keep(me: &Party, numbers: &[u32]) {
    me.open(numbers[0]);
    let blocks: Vec<_> = SIZES.iter().map(|bytes| me.blocks().alloc(me.id(), *bytes).unwrap()).collect();
    me.blocks().free(me.id(), blocks[2]).unwrap();
    let object = me.board();
    assert!(me.registry.objects().pin(&[object]));
    let carrier = me.blocks().alloc(me.id(), 64).unwrap();
    assert!(me.registry.objects().pack(carrier, vec![me.board()]));
    me.at(numbers[0], 0).fetch_add(1, Ordering::SeqCst);
    forever();
}

#[test]
fn what_a_killed_child_has_is_free() {
    let stage = Stage::new();
    let board = stage.board();
    let mut children = [0; 3].map(|_| stage.start("keep", &[board]));
    stage.until(board, 0, 3);
    assert!(stage.registry.objects().count() >= 7);
    for child in &mut children {
        child.kill();
    }
    // The census at the end is what is asked here.
}

#[test]
fn one_that_was_not_started_leaves_nothing() {
    let stage = Stage::new();
    for _ in 0..5 {
        let (number, _) = stage.prepare("nothing", &[]);
        stage.registry.tree().forget(number);
    }
    let mut child = stage.start("nothing", &[]);
    // Maybe before it has attached.
    child.kill();
}

/// Says who it is, and frees what it is given.
fn take(me: &Party, numbers: &[u32]) {
    let board = numbers[0];
    me.open(board);
    me.at(board, 0).store(me.id().into(), Ordering::SeqCst);
    me.until(board, 1, 1);
    for at in [2, 3] {
        let block = me.at(board, at).load(Ordering::SeqCst) as u32;
        assert_eq!(me.head(block).load(Ordering::SeqCst), 99);
        me.blocks().free(me.id(), block).unwrap();
    }
}

#[test]
fn a_block_that_is_handed_over_is_the_others() {
    let stage = Stage::new();
    let board = stage.board();
    let child = stage.start("take", &[board]);
    stage.until(board, 0, 1);
    let other = stage.at(board, 0).load(Ordering::SeqCst) as u32;
    for (at, bytes) in [(2, 100), (3, 3_000_000)] {
        let block = stage.blocks().alloc(stage.id(), bytes).unwrap();
        stage.head(block).store(99, Ordering::SeqCst);
        stage.blocks().hand_over(block, stage.id(), other).unwrap();
        assert!(stage.blocks().free(stage.id(), block).is_err());
        stage.at(board, at).store(block.into(), Ordering::SeqCst);
    }
    stage.at(board, 1).store(1, Ordering::SeqCst);
    child.join();
}

/// Allocates and frees a block of each size again and again: after the first time, it asks nobody.
fn reuse(me: &Party, _: &[u32]) {
    let rings = || me.word(me.word(TABLE).load(Ordering::SeqCst) as usize + BELL).load(Ordering::SeqCst);
    let mut bytes = 1;
    while bytes < 1_000_000 {
        let turn = || {
            let blocks = [0; 3].map(|_| me.blocks().alloc(me.id(), bytes).unwrap());
            blocks.into_iter().for_each(|block| me.blocks().free(me.id(), block).unwrap());
        };
        turn();
        let before = rings();
        (0..100).for_each(|_| turn());
        assert_eq!(rings(), before, "{bytes} bytes");
        bytes += bytes / 9 + 1;
    }
}

#[test]
fn a_child_uses_the_blocks_again_that_it_was_granted() {
    Stage::new().start("reuse", &[]).join();
}

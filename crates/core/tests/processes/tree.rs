//! Children of children, and the deaths of those between.

use crate::Role;
use crate::family::{Child, forever};
use crate::party::Party;
use crate::stage::Stage;
use manycore_core::sync::shared::Ordering;
use manycore_os::process::{Exit, Process};

pub const ROLES: &[Role] = &[("middle", middle), ("leaf", leaf), ("starts", starts), ("exit", exit)];

/// Starts some leaves and waits for ever, or for their ends.
fn middle(me: &Party, numbers: &[u32]) {
    let [board, depth, leaves, stay] = numbers[..4] else { panic!("board, depth, leaves, stay") };
    me.open(board);
    let children: Vec<_> = (0..leaves)
        .map(|_| match depth {
            0 => me.start("leaf", &[board, stay]),
            _ => me.start("middle", &[board, depth - 1, leaves, stay]),
        })
        .collect();
    me.at(board, 0).fetch_add(1, Ordering::SeqCst);
    children.into_iter().for_each(Child::join);
}

/// Has memory, an object, and its number on the board.
fn leaf(me: &Party, numbers: &[u32]) {
    let [board, stay] = numbers[..2] else { panic!("board, stay") };
    me.open(board);
    me.blocks().alloc(me.id(), 2_000_000).unwrap();
    assert!(me.registry.objects().pin(&[me.board()]));
    let index = 10 + me.at(board, 1).fetch_add(1, Ordering::SeqCst) as usize;
    me.at(board, index).store(std::process::id().into(), Ordering::SeqCst);
    if stay != 0 {
        forever();
    }
}

#[test]
fn children_of_children_share_it_too() {
    let stage = Stage::new();
    let board = stage.board();
    let children = [0; 2].map(|_| stage.start("middle", &[board, 1, 2, 0]));
    children.into_iter().for_each(Child::join);
    assert_eq!([0, 1].map(|at| stage.at(board, at).load(Ordering::SeqCst)), [2 + 4, 8]);
}

/// The leaves on the board, known before they end.
fn known(stage: &Stage, board: u32, leaves: usize) -> Vec<Process> {
    stage.until(board, 1, leaves as u64);
    (10..10 + leaves)
        .map(|at| {
            stage.until(board, at, 1);
            Process::open(stage.at(board, at).load(Ordering::SeqCst) as u32).unwrap()
        })
        .collect()
}

#[test]
fn with_a_killed_process_its_children_end() {
    let stage = Stage::new();
    let board = stage.board();
    let mut top = stage.start("middle", &[board, 1, 2, 1]);
    let leaves = known(&stage, board, 4);
    top.kill();
    while !leaves.iter().all(Process::has_ended) {
        std::thread::yield_now();
    }
}

#[test]
fn with_a_context_its_children_end() {
    let stage = Stage::new();
    let board = stage.board();
    let short = Party::new(stage.registry);
    let child = short.start("middle", &[board, 0, 2, 1]);
    let leaves = known(&stage, board, 2);
    drop(short);
    while !leaves.iter().all(Process::has_ended) {
        std::thread::yield_now();
    }
    child.forget();
}

#[test]
fn with_a_context_a_child_ends_that_it_had_not_named_yet() {
    let stage = Stage::new();
    for wait in [true, false, false] {
        let board = stage.board();
        let short = Party::new(stage.registry);
        let (_, mut command) = short.prepare("leaf", &[board, 1]);
        let mut child = command.spawn().unwrap();
        let come = if wait { known(&stage, board, 1) } else { Vec::new() };
        drop(short);
        while !come.iter().all(Process::has_ended) {
            std::thread::yield_now();
        }
        // Killed and waited for by its parent's watch, or not let in.
        let ended = child.wait();
        assert!(ended.is_err() || ended.is_ok_and(|status| !status.success()));
    }
}

/// Is killed, by itself, between the steps of a start.
fn starts(me: &Party, numbers: &[u32]) {
    let [board, step] = numbers[..2] else { panic!("board, step") };
    me.open(board);
    let (number, mut command) = me.prepare("leaf", &[board, 1]);
    if step > 0 {
        let child = command.spawn().unwrap();
        if step > 1 {
            me.registry.tree().watch(number, child.id(), me.id()).unwrap();
        }
        if step > 2 {
            me.until(board, 1, 1);
        }
        std::mem::forget(child);
    }
    std::process::abort();
}

#[test]
fn one_that_is_killed_while_it_starts_another_leaves_nothing() {
    let stage = Stage::new();
    let board = stage.board();
    for step in [0, 1, 2, 3, 1, 2, 1, 2] {
        stage.at(board, 1).store(0, Ordering::SeqCst);
        assert!(!stage.start("starts", &[board, step]).wait().success());
    }
}

/// Ends by itself.
fn exit(_: &Party, numbers: &[u32]) {
    std::process::exit(numbers[0] as i32);
}

#[test]
fn how_a_child_ended_is_told_before_it_is_waited_for() {
    let stage = Stage::new();
    let ended = |child: &Child| loop {
        if let Some(exit) = stage.registry.tree().ended(child.number) {
            break exit;
        }
        std::thread::yield_now();
    };
    let child = stage.start("exit", &[7]);
    assert_eq!(ended(&child), Some(Exit::Code(7)));
    let mut killed = stage.start("middle", &[stage.board(), 0, 0, 1]);
    killed.kill();
    assert!(matches!(ended(&killed), Some(Exit::Signal(9) | Exit::Code(0))), "it may have been faster");
}

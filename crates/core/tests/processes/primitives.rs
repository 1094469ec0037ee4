//! Locks and their like between processes: a waiter is woken on its bell, and through its event loop.

use crate::Role;
use crate::family::{Child, forever};
use crate::party::Party;
use crate::stage::Stage;
use manycore_core::objects::{HEADER_BYTES, kind};
use manycore_core::primitives::condition::{CONDITION_BYTES, Condition};
use manycore_core::primitives::lock::{self, Look};
use manycore_core::primitives::{GATE_BYTES, event, semaphore};
use manycore_core::sync::shared::Ordering;

pub const ROLES: &[Role] =
    &[("lock", count), ("permits", pass), ("event", await_event), ("notified", await_notification)];

/// Waits asleep on its bell, or in its event loop.
fn wait<R>(me: &Party, in_loop: bool, look: impl FnMut() -> Option<R>) -> R {
    if in_loop { me.wait_in_loop(look) } else { me.wait(look) }
}

fn acquire(me: &Party, object: u32, in_loop: bool) -> Look {
    let gate = me.gate(object);
    if gate.word.compare_exchange(0, me.id(), Ordering::SeqCst, Ordering::SeqCst).is_ok() {
        return Look::Got;
    }
    let look = || lock::look(&gate, me.registry.contexts(), me.id(), true, false);
    wait(me, in_loop, || Some(look()).filter(|found| *found != Look::Sleep))
}

fn release(me: &Party, object: u32) {
    let gate = me.gate(object);
    if gate.word.compare_exchange(me.id(), 0, Ordering::SeqCst, Ordering::SeqCst).is_err() {
        lock::release(&gate, me.registry.contexts(), me.id()).unwrap();
    }
}

const GATED: usize = HEADER_BYTES + GATE_BYTES;

/// Counts on the board, by plain loads and stores, with a lock; the last time it keeps the lock if told so.
fn count(me: &Party, numbers: &[u32]) {
    let [object, board, times, in_loop, keep] = numbers[..5] else { panic!("lock, board, times, in its loop, keep") };
    me.open(object);
    me.open(board);
    for _ in 0..times {
        assert_ne!(acquire(me, object, in_loop != 0), Look::OwnerDied);
        let word = me.at(board, 1);
        let now = word.load(Ordering::Relaxed);
        if now.is_multiple_of(64) {
            std::thread::yield_now();
        }
        word.store(now + 1, Ordering::Relaxed);
        release(me, object);
    }
    if keep != 0 {
        acquire(me, object, in_loop != 0);
        me.at(board, 2).fetch_add(1, Ordering::SeqCst);
        forever();
    }
}

fn contend(in_loop: u32) {
    let stage = Stage::new();
    let (object, board) = (stage.create(kind::LOCK, [0; 3], GATED, &[]), stage.board());
    let children = [0; 3].map(|_| stage.start("lock", &[object, board, 3000, in_loop, 0]));
    count(&Party::new(stage.registry), &[object, board, 3000, in_loop, 0]);
    children.into_iter().for_each(Child::join);
    assert_eq!(stage.at(board, 1).load(Ordering::SeqCst), 4 * 3000);
}

#[test]
fn a_lock_is_never_two_processes_and_reaches_everybody_asleep() {
    contend(0);
}

#[test]
fn a_lock_is_never_two_processes_and_reaches_every_event_loop() {
    contend(1);
}

#[test]
fn the_lock_of_a_killed_process_is_recovered() {
    for in_loop in [false, true] {
        let stage = Stage::new();
        let (object, board) = (stage.create(kind::LOCK, [0; 3], GATED, &[]), stage.board());
        let mut child = stage.start("lock", &[object, board, 0, 0, 1]);
        stage.until(board, 2, 1);
        std::thread::scope(|s| {
            s.spawn(|| {
                let me = Party::new(stage.registry);
                assert_eq!(acquire(&me, object, in_loop), Look::GotRecovered);
                release(&me, object);
            });
            while !stage.gate(object).anybody() {
                std::thread::yield_now();
            }
            child.kill();
        });
    }
}

/// Takes permits and gives them back, and counts how many it had.
fn pass(me: &Party, numbers: &[u32]) {
    let [object, board, times, in_loop, keep] = numbers[..5] else {
        panic!("semaphore, board, times, in its loop, keep")
    };
    me.open(object);
    me.open(board);
    let gate = me.gate(object);
    let cell = me.word(me.registry.objects().cell(me.id(), object).unwrap());
    let take = || {
        wait(me, in_loop != 0, || semaphore::look(&gate, me.registry.contexts(), me.id(), false).then_some(()));
        cell.fetch_add(1, Ordering::SeqCst);
    };
    for _ in 0..times {
        take();
        assert!(me.at(board, 1).fetch_add(1, Ordering::SeqCst) < 2, "two permits");
        me.at(board, 1).fetch_sub(1, Ordering::SeqCst);
        cell.fetch_sub(1, Ordering::SeqCst);
        semaphore::release(&gate, me.registry.contexts(), me.id(), 1).unwrap();
    }
    (0..keep).for_each(|_| take());
    me.at(board, 2).fetch_add(1, Ordering::SeqCst);
    if keep > 0 {
        forever();
    }
}

#[test]
fn permits_go_round_and_come_back_from_the_killed() {
    let stage = Stage::new();
    let (object, board) = (stage.create(kind::SEMAPHORE, [0; 3], GATED, &[]), stage.board());
    semaphore::release(&stage.gate(object), stage.registry.contexts(), stage.id(), 2).unwrap();
    let children = [0, 1, 0].map(|in_loop| stage.start("permits", &[object, board, 1500, in_loop, 0]));
    pass(&Party::new(stage.registry), &[object, board, 1500, 1, 0]);
    children.into_iter().for_each(Child::join);
    assert_eq!(semaphore::value(&stage.gate(object)), 2);
    let mut greedy = stage.start("permits", &[object, board, 0, 0, 2]);
    stage.until(board, 2, 5);
    let waits = stage.start("permits", &[object, board, 1, 0, 0]);
    while !stage.gate(object).anybody() {
        std::thread::yield_now();
    }
    greedy.kill();
    waits.join();
    drop(greedy);
    while semaphore::value(&stage.gate(object)) < 2 {
        std::thread::yield_now();
    }
}

/// Waits for an event, time after time.
fn await_event(me: &Party, numbers: &[u32]) {
    let [object, board, name, times, in_loop] = numbers[..5] else { panic!("event, board, name, times, in its loop") };
    me.open(object);
    me.open(board);
    let gate = me.gate(object);
    for _ in 0..times {
        let seen = gate.word.load(Ordering::SeqCst);
        me.at(board, name as usize).fetch_add(1, Ordering::SeqCst);
        wait(me, in_loop != 0, || event::look(&gate, me.id(), seen, false).then_some(()));
    }
}

#[test]
fn an_event_wakes_all_processes() {
    let stage = Stage::new();
    let (object, board) = (stage.create(kind::EVENT, [0; 3], GATED, &[]), stage.board());
    const TIMES: u64 = 200;
    let children = [0, 1, 2].map(|name| stage.start("event", &[object, board, name, TIMES as u32, name % 2]));
    for time in 1..=TIMES {
        // Who is fast may pass twice.
        (0..3).for_each(|name| stage.until(board, name, time));
        event::set(&stage.gate(object), stage.registry.contexts(), stage.id());
        event::clear(&stage.gate(object));
    }
    children.into_iter().for_each(Child::join);
}

/// Waits to be notified, time after time.
fn await_notification(me: &Party, numbers: &[u32]) {
    let [object, guard, board, times, in_loop] = numbers[..5] else {
        panic!("condition, lock, board, times, in its loop")
    };
    [object, guard, board].into_iter().for_each(|object| me.open(object));
    let condition = Condition::at(me.blocks(), object).unwrap();
    for _ in 0..times {
        acquire(me, guard, false);
        let ticket = condition.enter(me.registry.contexts(), me.id()).unwrap();
        me.at(board, 0).fetch_add(1, Ordering::SeqCst);
        release(me, guard);
        wait(me, in_loop != 0, || condition.notified(ticket).then_some(()));
        me.at(board, 1).fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn as_many_are_notified_as_were_meant() {
    let stage = Stage::new();
    let (object, board) = (stage.create(kind::CONDITION, [0; 3], CONDITION_BYTES, &[]), stage.board());
    let guard = stage.create(kind::LOCK, [0; 3], GATED, &[]);
    const TIMES: u32 = 300;
    let children = [0, 1, 0].map(|in_loop| stage.start("notified", &[object, guard, board, TIMES, in_loop]));
    let condition = Condition::at(stage.blocks(), object).unwrap();
    let mut notified = 0;
    while notified < 3 * u64::from(TIMES) {
        acquire(&stage, guard, false);
        notified += condition.notify(stage.registry.contexts(), stage.id(), 1 + notified % 2).count;
        release(&stage, guard);
        assert!(stage.at(board, 1).load(Ordering::SeqCst) <= notified);
    }
    children.into_iter().for_each(Child::join);
    assert_eq!(stage.at(board, 1).load(Ordering::SeqCst), notified);
}

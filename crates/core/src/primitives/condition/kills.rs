//! A holder is cut off before each of its writes in turn, and swept; another goes on.

use super::paper::Paper;
use super::*;
use crate::primitives::testing::{Room, first};
use crate::ring::tests::world::{Mortal, mortal};
use crate::sync::AtomicU64;
use std::cell::{Cell, RefCell};

const A: u32 = first(0);
const B: u32 = first(1);
const C: u32 = first(2);

type MortalPaper = Paper<Mortal<AtomicU64>>;

/// One life of A, and what it did.
struct Life<'a> {
    condition: Condition<'a, MortalPaper>,
    room: Room,
    /// Tickets of waiters that stay alive: B's.
    others: Vec<u64>,
    /// Those of A's that it knows.
    mine: RefCell<Vec<u64>>,
    /// How many of B's, from the oldest, gave up; and were about to.
    forgotten: Cell<usize>,
    forgetting: Cell<usize>,
    /// How many were notified, or were about to be.
    notified: Cell<u64>,
}

impl<'a> Life<'a> {
    /// So many of A's wait, and then so many of B's.
    fn new(paper: &'a MortalPaper, mine: usize, others: usize) -> Self {
        let (condition, room) = (paper.condition(), Room::new(3, 0, 0));
        let [mine, others] = [(A, mine), (B, others)]
            .map(|(me, count)| (0..count).map(|_| condition.enter(&room, me).unwrap()).collect());
        let (forgotten, forgetting, notified) = (Cell::new(0), Cell::new(0), Cell::new(0));
        Self { condition, room, others, mine: RefCell::new(mine), forgotten, forgetting, notified }
    }

    fn enter(&self) {
        self.mine.borrow_mut().push(self.condition.enter(&self.room, A).unwrap());
    }

    fn forget_mine(&self, index: usize) {
        self.condition.forget(self.mine.borrow()[index]);
    }

    fn forget(&self) {
        let next = self.forgetting.replace(self.forgetting.get() + 1);
        assert!(!self.condition.forget(self.others[next]));
        self.forgotten.set(self.forgetting.get());
    }

    fn notify(&self, count: u64) {
        self.notified.set(count);
        assert_eq!(self.condition.notify(&self.room, A, count).count, count);
    }

    /// A is dead. Everybody who waits is notified, once, and nobody else: one by one, or all at once.
    fn check(&self, at_once: bool) {
        let enter = |me| self.condition.enter(&self.room, me).unwrap();
        let waits = |ticket: &&u64| !self.condition.notified(**ticket);
        let waiting = self.others[self.forgetting.get()..].iter().filter(waits).count() as u64;
        let all = (self.others.len() - self.forgetting.get()) as u64;
        assert!(waiting == all || waiting + self.notified.get() == all, "a notification is whole, or is not");
        let leaves = enter(C);
        assert!(self.mine.borrow().iter().chain(&self.others).all(|ticket| *ticket < leaves));
        assert!(!self.condition.forget(leaves));
        let late = enter(C);
        let notify = |most| self.condition.notify(&self.room, B, most).count;
        let mut count = if at_once { notify(u64::MAX) } else { 0 };
        while !self.condition.notified(late) {
            assert_eq!(notify(1), 1);
            count += 1;
        }
        // One that was about to give up may or may not have done so.
        let doubt = (self.forgetting.get() - self.forgotten.get()) as u64;
        assert!((waiting + 1..=waiting + 1 + doubt).contains(&count), "{count} notified, {waiting} and the late one");
        assert_eq!(notify(9), 0);
    }
}

/// Runs `script` with every length of life, after `prepare`, with so many of A's and B's waiting.
fn killed(mine: usize, others: usize, prepare: impl Fn(&Life<'_>), script: impl Fn(&Life<'_>)) {
    for at_once in [false, true] {
        // In larger steps where every one is interpreted.
        for writes in (0..).step_by(if cfg!(miri) { 401 } else { 1 }) {
            let paper = Paper::default();
            let life = Life::new(&paper, mine, others);
            prepare(&life);
            let done = mortal(writes, || script(&life)).is_some();
            life.room.die(A);
            paper.sweep(A);
            life.check(at_once);
            life.condition.end();
            // A table that was about to be the one, or had just been.
            assert!(paper.owned() <= usize::from(!done), "after {writes} writes");
            if done {
                assert!(writes > 20);
                break;
            }
        }
    }
}

#[test]
fn a_holder_that_is_killed_loses_nobody() {
    let script = |life: &Life<'_>| {
        // Over the edge of the first table, and of the second.
        for round in 0..OWN as usize * 3 {
            life.enter();
            if round % 8 == 0 {
                life.forget();
            }
        }
        life.notify(4);
    };
    killed(0, OWN as usize - 2, |_| (), script);
}

#[test]
fn nor_does_one_on_the_way_back_to_a_small_table() {
    let small = |life: &Life<'_>| life.condition.table().capacity == OWN;
    let prepare = |life: &Life<'_>| {
        while small(life) {
            life.enter();
        }
        (1..life.mine.borrow().len()).for_each(|index| life.forget_mine(index - 1));
    };
    let script = |life: &Life<'_>| {
        while !small(life) {
            // Seats that are given up in the middle fill the table.
            life.enter();
            life.forget_mine(life.mine.borrow().len() - 2);
        }
        for _ in 0..OWN - 10 {
            life.enter();
        }
        life.notify(3);
    };
    // B's in the small table's old seats; and B's that were never there.
    killed(12, 8, prepare, script);
    killed(OWN as usize + 5, 8, prepare, script);
}

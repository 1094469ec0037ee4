//! Processes that are killed at any moment, whatever they do.
//!
//! `MANYCORE_KILL_SECONDS` says for how long each scenario goes on; as a rule, a few seconds.

use crate::Role;
use crate::family::{Child, random};
use crate::party::Party;
use crate::stage::Stage;
use manycore_core::blocks::Blocks;
use manycore_core::objects::{HEADER_BYTES, kind};
use manycore_core::primitives::lock::{self, Look};
use manycore_core::primitives::{GATE_BYTES, semaphore};
use manycore_core::ring::flag;
use manycore_core::sync::shared::{AtomicU32, Ordering};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

pub const ROLES: &[Role] = &[("churn", churn), ("nest", nest)];

/// How long a scenario goes on.
pub fn time() -> Duration {
    let seconds = std::env::var("MANYCORE_KILL_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(4))
}

/// Messages that have a place in the log.
const LOGGED: usize = 1 << 20;

/// What the log says of a message.
mod mark {
    /// It is about to be put.
    pub const BEGUN: u32 = 1;
    /// It was put.
    pub const PUT: u32 = 2;
    /// It was not.
    pub const REFUSED: u32 = 4;
    /// Somebody has got it.
    pub const GOT: u32 = 8;
}

/// What all share, by its numbers.
struct World {
    board: u32,
    /// Counts what was taken and is not done.
    counted: u32,
    /// With room for few messages.
    few: u32,
    /// With room for few bytes.
    small: u32,
    /// Both ends of a pipe.
    ends: [u32; 2],
    lock: u32,
    permits: u32,
    log: u32,
}

/// Words of the board.
const NEXT: usize = 0;
const STARTED: usize = 1;
const INSIDE: usize = 2;

impl World {
    fn new(me: &Party) -> Self {
        let (to, from) = (me.queue(0, 0), me.queue(5, 0));
        let ends =
            [[to, from, 0], [from, to, 0]].map(|all| me.create(kind::CONNECTION, all, HEADER_BYTES, &[to, from]));
        me.release(to);
        me.release(from);
        let gated = HEADER_BYTES + GATE_BYTES;
        let world = Self {
            board: me.board(),
            counted: me.queue(0, 0),
            few: me.queue(3, 0),
            small: me.queue(0, 2000),
            ends,
            lock: me.create(kind::LOCK, [0; 3], gated, &[]),
            permits: me.create(kind::BOUNDED_SEMAPHORE, [0; 3], gated, &[]),
            log: me.create(kind::VALUE, [0; 3], gated + LOGGED * 4, &[]),
        };
        me.gate(world.permits).aside.store(2, Ordering::SeqCst);
        semaphore::release(&me.gate(world.permits), me.registry.contexts(), me.id(), 2).unwrap();
        world
    }

    fn of(numbers: &[u32]) -> Self {
        let [board, counted, few, small, one, two, lock, permits, log] = numbers[..9] else { panic!("nine objects") };
        Self { board, counted, few, small, ends: [one, two], lock, permits, log }
    }

    fn numbers(&self) -> [u32; 9] {
        let Self { board, counted, few, small, ends: [one, two], lock, permits, log } = *self;
        [board, counted, few, small, one, two, lock, permits, log]
    }

    fn mark(&self, me: &Party, message: u64) -> &'static AtomicU32 {
        me.word(Blocks::payload(self.log) + HEADER_BYTES + GATE_BYTES + message as usize * 4)
    }

    /// Puts a message of its own number; waits for room.
    fn put(&self, me: &Party, queue: u32, in_block: Option<usize>) {
        let message = me.at(self.board, NEXT).fetch_add(1, Ordering::SeqCst);
        if (message as usize) < LOGGED {
            let mark = self.mark(me, message);
            mark.fetch_or(mark::BEGUN, Ordering::SeqCst);
            let put = if me.put(queue, message, in_block) { mark::PUT } else { mark::REFUSED };
            mark.fetch_or(put, Ordering::SeqCst);
        }
    }

    fn got(&self, me: &Party, message: Option<u64>) {
        if let Some(message) = message {
            let before = self.mark(me, message).fetch_or(mark::GOT, Ordering::SeqCst);
            assert!(before & mark::BEGUN != 0 && before & mark::GOT == 0, "message {message} is got twice: {before}");
        }
    }

    /// Takes a message of the counted queue, and says that it is done.
    fn work(&self, me: &Party, cell: usize, wait: bool) -> bool {
        let got = if wait { me.get_counted(self.counted, cell) } else { me.get_now(self.counted, cell) };
        self.got(me, got);
        if got.is_some() {
            assert!(me.at_counted(self.counted, cell, |ring, me| ring.task_done(me, 1)));
        }
        got.is_some()
    }

    /// The ring that comes in at an end of the pipe, and the one that goes out.
    fn rings(&self, me: &Party, end: u32) -> [u32; 2] {
        [4, 8].map(|at| me.word(Blocks::payload(end) + at).load(Ordering::SeqCst))
    }

    /// One thing of all that can be done, by chance.
    fn step(&self, me: &Party, cell: usize, have: &mut Vec<u32>) {
        let chance = random(me.id());
        let bytes =
            [40, 100, 700, 5000, 70_000, 1_300_000][chance as usize / 16 % if chance % 128 < 16 { 6 } else { 4 }];
        let in_block = [None, None, Some(bytes)][chance as usize / 512 % 3];
        let objects = me.registry.objects();
        match chance % 16 {
            0 | 1 => self.put(me, self.counted, in_block),
            2 | 3 => {
                self.work(me, cell, chance % 32 < 16);
            }
            4 => self.put(me, self.few, in_block),
            5 => self.got(me, me.get(self.few)),
            6 => self.put(me, self.small, in_block),
            7 => self.got(me, me.get_now(self.small, 0)),
            8 | 9 => have.push(me.blocks().alloc(me.id(), bytes).unwrap()),
            10 => {
                while let Some(block) = have.pop() {
                    me.blocks().free(me.id(), block).unwrap();
                }
            }
            11 => {
                let object = me.board();
                let carrier = me.blocks().alloc(me.id(), bytes).unwrap();
                assert!(objects.pack(carrier, vec![object, self.log]));
                me.release(object);
                have.push(carrier);
            }
            12 => {
                let gate = me.gate(self.lock);
                let look = || lock::look(&gate, me.registry.contexts(), me.id(), true, false);
                me.wait(|| Some(look()).filter(|found| *found != Look::Sleep));
                me.at(self.board, INSIDE).store(me.id().into(), Ordering::SeqCst);
                std::thread::yield_now();
                assert_eq!(me.at(self.board, INSIDE).load(Ordering::SeqCst), u64::from(me.id()), "two hold the lock");
                lock::release(&gate, me.registry.contexts(), me.id()).unwrap();
            }
            13 => self.pass(me),
            14 => {
                // A pipe of its own, whose last end goes with its own message.
                let (to, from) = (me.queue(0, 0), me.queue(0, 0));
                let ends = [[to, from, 0], [from, to, 0]];
                let ends = ends.map(|all| me.create(kind::CONNECTION, all, HEADER_BYTES, &[to, from]));
                me.release(to);
                me.release(from);
                assert!(me.put(to, 1, in_block));
                me.release(ends[0]);
                assert!(!me.put(to, 1, in_block), "nobody is at the other end");
                me.release(ends[1]);
            }
            _ => {
                let end = self.ends[chance as usize / 64 % 2];
                if objects.open(me.id(), end) {
                    let [input, output] = self.rings(me, end);
                    me.put_many(output, &[NEVER; 3]);
                    me.get_now(input, 0);
                    me.release(end);
                }
            }
        }
    }

    /// Takes a permit and gives it back.
    fn pass(&self, me: &Party) {
        let gate = me.gate(self.permits);
        let cell = me.word(me.registry.objects().cell(me.id(), self.permits).unwrap());
        me.wait(|| semaphore::look(&gate, me.registry.contexts(), me.id(), false).then_some(()));
        cell.fetch_add(1, Ordering::SeqCst);
        cell.fetch_sub(1, Ordering::SeqCst);
        // One that is killed before it has counted its permit, or after, takes it along or leaves one too many; the bound
        // keeps the others.
        let _ = semaphore::release(&gate, me.registry.contexts(), me.id(), 1);
    }
}

/// A message that is not in the log.
const NEVER: u64 = u64::MAX;

/// Does everything, until it is killed.
fn churn(me: &Party, numbers: &[u32]) {
    let world = World::of(numbers);
    for object in [world.board, world.counted, world.few, world.small, world.lock, world.permits, world.log] {
        me.open(object);
    }
    let cell = me.registry.objects().cell(me.id(), world.counted).unwrap();
    me.at(world.board, STARTED).fetch_add(1, Ordering::SeqCst);
    let mut have = Vec::new();
    loop {
        world.step(me, cell, &mut have);
    }
}

/// The same, in two threads, and in a child.
fn nest(me: &Party, numbers: &[u32]) {
    let _child = me.start("churn", numbers);
    std::thread::scope(|s| {
        s.spawn(|| churn(&Party::new(me.registry), numbers));
        churn(me, numbers);
    });
}

/// Keeps all queues moving: nobody waits there for ever.
fn move_on(me: &Party, world: &World, stop: &AtomicBool) {
    let cell = me.registry.objects().cell(me.id(), world.counted).unwrap();
    while !stop.load(Ordering::SeqCst) {
        if me.at_ring(world.counted, |ring, _| Ok(ring.len())) < 5 {
            world.put(me, world.counted, Some(80));
        } else {
            world.work(me, cell, false);
        }
        if me.at_ring(world.few, |ring, _| Ok(ring.len())) < 2 {
            world.put(me, world.few, None);
        }
        for queue in [world.few, world.small] {
            if me.at_ring(queue, |ring, _| Ok(ring.is_full())) {
                world.got(me, me.get_now(queue, 0));
            }
        }
        if semaphore::value(&me.gate(world.permits)) == 0 {
            let _ = semaphore::release(&me.gate(world.permits), me.registry.contexts(), me.id(), 1);
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}

#[test]
fn killed_at_any_moment() {
    let stage = Stage::lasting(time());
    let world = World::new(&stage);
    let mut kills = 0;
    let stop = AtomicBool::new(false);
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                let me = Party::new(stage.registry);
                for object in world.numbers() {
                    assert!(me.registry.objects().open(me.id(), object) || world.ends.contains(&object));
                }
                move_on(&me, &world, &stop);
            });
        }
        let start =
            |chance: u32| stage.start(if chance.is_multiple_of(4) { "nest" } else { "churn" }, &world.numbers());
        let mut children: Vec<Child> = (0..3).map(start).collect();
        let begin = Instant::now();
        while begin.elapsed() < time() {
            let chance = random(7);
            let at = chance as usize % children.len();
            // Some are killed before they are there.
            std::thread::sleep(Duration::from_micros(
                u64::from(chance) / 8 % [2_000, 8_000, 30_000][kills as usize % 3],
            ));
            children[at].kill();
            drop(std::mem::replace(&mut children[at], start(chance / 64)));
            kills += 1;
        }
        children.clear();
        // All that died are dealt with before it is counted.
        stage.alone(3);
        stop.store(true, Ordering::SeqCst);
    });
    let cell = stage.registry.objects().cell(stage.id(), world.counted).unwrap();
    while world.work(&stage, cell, false) {}
    for queue in [world.few, world.small] {
        while stage.at_ring(queue, |ring, _| Ok(ring.len())) > 0 {
            world.got(&stage, stage.get_now(queue, 0));
        }
    }
    let started = stage.at(world.board, STARTED).load(Ordering::SeqCst);
    let [all, missing] = {
        let all = stage.at(world.board, NEXT).load(Ordering::SeqCst).min(LOGGED as u64);
        let marks = (0..all).map(|message| world.mark(&stage, message).load(Ordering::SeqCst));
        let missing = marks.filter(|mark| mark & (mark::PUT | mark::GOT) == mark::PUT).count() as u64;
        [all, missing]
    };
    let (lost, left) = stage.at_ring(world.counted, |ring, _| Ok((u64::from(ring.lost()), ring.unfinished())));
    println!("{kills} kills, {started} lives, {all} messages, {missing} missing, {lost} lost");
    assert_eq!(left, 0, "everything is done, or lost");
    assert!(lost <= started && missing <= started, "one for each that was killed, at most");
    stage.shut(world.few, flag::DROPPED);
}

//! A pool whose workers are child processes.

use crate::Role;
use crate::family::{Child, random};
use crate::kills::time;
use crate::ledger::{Ended, Ledger};
use crate::party::Party;
use crate::stage::Stage;
use manycore_core::blocks::Blocks;
use manycore_core::pool::{Advance, Next, Pool, PoolOptions, Worker, lane};
use manycore_core::processes::{FarWorker, SitError};
use manycore_core::record::Kind;
use manycore_core::slot::{self, Slot, kind, state};
use manycore_core::sync::shared::{AtomicU32, Ordering};
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub const ROLES: &[Role] = &[("work", work)];

/// What a task does, by the number of its function.
mod function {
    /// Counts its items on the board.
    pub const COUNT: u32 = 0;
    /// Spins for a while that depends on the index.
    pub const SPIN: u32 = 1;
    /// Its result is in a block.
    pub const BLOCK: u32 = 2;
    /// Reports a block, and compares a definition with what it must be.
    pub const TELL: u32 = 3;
    /// Ends the process at this index.
    pub const DIE_AT: u32 = 5;
}

/// A worker's program: one lane, and nothing that waits.
fn work(me: &Party, numbers: &[u32]) {
    let [pool, seat, control, board] = numbers[..4] else { panic!("pool, seat, control, board") };
    if !me.registry.objects().open(me.id(), board) {
        return;
    }
    let mut worker = loop {
        match FarWorker::sit(me.registry, (pool, seat), me.context.clone(), (control as usize, 1)) {
            Ok(worker) => break worker,
            // The one before is not buried yet.
            Err(SitError::Taken) => std::thread::yield_now(),
            Err(SitError::NoPool) => return,
        }
    };
    let mut what = Advance { take: true, turned: true, ..Advance::default() };
    loop {
        let next = worker.advance(0, what);
        what = Advance { take: true, turned: true, ..Advance::default() };
        match next {
            Next::Job(slot) => {
                run(me, &worker, slot, control as usize, board);
                what = Advance { complete: true, turned: false, ..what };
            }
            Next::Idle => {
                assert!(!worker.is_busy());
                me.bell.wait();
            }
            Next::Yield => {}
            Next::Leave => break,
        }
    }
}

fn run(me: &Party, worker: &FarWorker, slot: u32, control: usize, board: u32) {
    let word = |at: usize| me.word(control + lane::CONTROL + at);
    let job = Slot::at(me.blocks().region(), slot).unwrap();
    let field = |at: usize| me.word(slot as usize * slot::SIZE + at);
    let [first, count] = [4, 8].map(|at| word(at).load(Ordering::Relaxed));
    assert_eq!(word(0).load(Ordering::SeqCst), slot);
    for index in first..first + count {
        word(12).store(index, Ordering::Relaxed);
        match field(4).load(Ordering::Relaxed) {
            function::COUNT => drop(me.at(board, 1).fetch_add(1, Ordering::SeqCst)),
            function::SPIN => (0..index % 97 * 100).for_each(|_| std::hint::spin_loop()),
            function::BLOCK => {
                let block = me.blocks().alloc(me.id(), 300).unwrap();
                me.head(block).store(job.id().into(), Ordering::Relaxed);
                field(40).store(block, Ordering::Relaxed);
            }
            function::TELL => {
                assert_eq!(worker.definition(1).as_deref(), Some(&b"its text, of any length"[..]));
                assert_eq!(worker.definition(2), None);
                let block = me.blocks().alloc(me.id(), 16).unwrap();
                me.head(block).store(77, Ordering::Relaxed);
                worker.report(0, block, 8);
            }
            function::DIE_AT if index == 5 => std::process::abort(),
            _ => {}
        }
        if job.kind() == kind::RANGE {
            word(16).store(index + 1 - first, Ordering::Release);
            if count > 50 && index == first + 20 {
                word(20).store(lane::IN_COLUMN, Ordering::Relaxed);
                worker.publish(0, 21);
                return run(me, worker, slot, control, board);
            }
        }
    }
    word(20).store(lane::IN_COLUMN, Ordering::Relaxed);
}

/// A pool, its owner, and its workers' seats.
struct Office<'a> {
    stage: &'a Stage,
    pool: Arc<Pool>,
    board: u32,
    controls: Vec<u32>,
    children: Mutex<Vec<Option<Child>>>,
    ledger: Mutex<Ledger>,
    free: Mutex<Vec<u32>>,
    /// Blocks that were results or reports.
    blocks: Mutex<Vec<u32>>,
}

impl<'a> Office<'a> {
    fn new(stage: &'a Stage, seats: usize) -> Self {
        let spin = Duration::from_micros(20);
        let options = PoolOptions { seats, lanes: 1, max_tasks: 0, spin, max_searching: 1 };
        let pool = stage.registry.create_pool(stage.context.clone(), options);
        let bytes = (slot::CHUNK + 1) * slot::SIZE;
        let block = stage.blocks().alloc(stage.id(), bytes).unwrap();
        let first = Blocks::payload(block).div_ceil(slot::SIZE) as u32;
        let control = |_| Blocks::payload(stage.blocks().alloc(stage.id(), lane::CONTROL + lane::SIZE).unwrap()) as u32;
        let office = Self {
            stage,
            pool,
            board: stage.board(),
            controls: (0..seats).map(control).collect(),
            children: Mutex::new((0..seats).map(|_| None).collect()),
            ledger: Mutex::default(),
            free: Mutex::new((first..first + slot::CHUNK as u32).collect()),
            blocks: Mutex::default(),
        };
        (0..seats).for_each(|seat| office.seat(seat));
        office
    }

    /// Starts a worker on a seat, when the one before has ended.
    fn seat(&self, seat: usize) {
        let control = self.controls[seat];
        let mut children = self.children.lock().unwrap();
        drop(children[seat].take());
        let child = self.stage.start("work", &[self.pool.id(), seat as u32, control, self.board]);
        children[seat] = Some(child);
    }

    fn field(&self, slot: u32, at: usize) -> &'static AtomicU32 {
        self.stage.word(slot as usize * slot::SIZE + at)
    }

    /// Submits a call, or a range; None: all slots are in use.
    fn submit(&self, id: u32, function: u32, items: Option<u32>) -> Option<()> {
        let slot = self.free.lock().unwrap().pop()?;
        let kind = if items.is_some() { kind::RANGE } else { kind::CALL };
        let fields = [(4, function), (8, kind), (20, items.unwrap_or(0)), (40, 0), (44, 0), (48, id), (52, 0), (60, 0)];
        for (at, value) in fields {
            self.field(slot, at).store(value, Ordering::Relaxed);
        }
        self.field(slot, 0).store(state::QUEUED, Ordering::Release);
        self.ledger.lock().unwrap().begin(slot, id, items, true);
        self.pool.submit(slot).unwrap();
        Some(())
    }

    /// Takes in what the pool tells, until everything has ended.
    fn settle(&self) -> HashMap<u32, Ended> {
        while self.ledger.lock().unwrap().open() > 0 {
            self.stage.bell.wait();
            self.drain();
        }
        self.ledger.lock().unwrap().take_all()
    }

    fn drain(&self) {
        self.stage.context.drain(usize::MAX, |_, record| {
            let [_, kind, slot, .., block, _] = record.0;
            if kind == Kind::Report as u32 {
                return self.blocks.lock().unwrap().push(block);
            }
            if self.ledger.lock().unwrap().enter(record) {
                let block = self.field(slot, 40).swap(0, Ordering::Relaxed);
                if block != 0 && kind == Kind::Called as u32 {
                    self.blocks.lock().unwrap().push(block);
                }
                self.pool.close_range(slot);
                self.free.lock().unwrap().push(slot);
            }
        });
    }

    /// The first numbers of all blocks that have come, which are the owner's to free.
    fn numbers(&self) -> Vec<u64> {
        let blocks = std::mem::take(&mut *self.blocks.lock().unwrap());
        let number = |block| {
            let number = self.stage.head(block).load(Ordering::Relaxed);
            self.stage.blocks().free(self.stage.id(), block).unwrap();
            number
        };
        blocks.into_iter().map(number).collect()
    }

    /// All leave.
    fn stop(self) {
        self.pool.stop();
        for child in self.children.into_inner().unwrap().into_iter().flatten() {
            child.join();
        }
        self.stage.registry.remove_pool(self.pool.id());
    }
}

#[test]
fn every_call_and_every_item_runs_once_in_children() {
    let stage = Stage::new();
    let office = Office::new(&stage, 3);
    let mut done = 0;
    for round in 0..20 {
        (0..100).for_each(|call| office.submit(1 + round * 200 + call, function::COUNT, None).unwrap());
        let range = 1000 * (round % 5) + 1;
        office.submit(150 + round * 200, function::COUNT, Some(range)).unwrap();
        let ended = office.settle();
        assert!(ended.values().all(|ended| ended.lost.is_empty() && ended.dropped == 0));
        done += 100 + u64::from(range);
        assert_eq!(stage.at(office.board, 1).load(Ordering::SeqCst), done);
    }
    office.stop();
}

#[test]
fn a_call_waits_once_whoever_takes_it_in_the_end() {
    let stage = Stage::new();
    let office = Office::new(&stage, 3);
    let mut calls = 0;
    for _ in 0..50 {
        // What is laid ready for a worker that is busy is taken back by one that is not.
        (0..80).for_each(|call| {
            office.submit(calls + call, [function::COUNT, function::SPIN][call as usize % 2], None).unwrap()
        });
        calls += 80;
        office.settle();
    }
    let counters = |seat| office.pool.counters(seat).unwrap();
    let waits: u64 = (0..3).map(|seat| counters(seat).wait_time.counts().sum::<u64>()).sum();
    let runs: u64 = (0..3).map(|seat| counters(seat).totals()[0]).sum();
    assert_eq!((waits, runs), (u64::from(calls), u64::from(calls)));
    office.stop();
}

#[test]
fn results_and_reports_become_the_owners() {
    let stage = Stage::new();
    let office = Office::new(&stage, 2);
    assert_eq!(office.pool.definitions().publish(b"nothing"), 0);
    assert_eq!(office.pool.definitions().publish(b"its text, of any length"), 1);
    (1..=100).for_each(|id| office.submit(id, function::BLOCK, None).unwrap());
    office.settle();
    let mut numbers = office.numbers();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=100));
    (1..=20).for_each(|id| office.submit(id, function::TELL, None).unwrap());
    office.settle();
    assert_eq!(office.numbers(), [77; 20]);
    office.stop();
}

#[test]
fn a_death_costs_the_item_that_ran() {
    let stage = Stage::new();
    let office = Office::new(&stage, 1);
    for round in 0..5 {
        office.submit(round, function::DIE_AT, Some(40)).unwrap();
        while office.ledger.lock().unwrap().gone.is_empty() {
            stage.bell.wait();
            office.drain();
        }
        office.ledger.lock().unwrap().gone.clear();
        office.seat(0);
        let ended = office.settle().remove(&round).unwrap();
        assert_eq!((ended.done, ended.lost, ended.dropped), (39, vec![5], 0));
    }
    office.stop();
}

#[test]
fn the_blocks_of_a_dead_worker_are_left_to_who_buries_its_process() {
    let stage = Stage::new();
    let options = PoolOptions { seats: 1, lanes: 1, max_tasks: 0, spin: Duration::ZERO, max_searching: 0 };
    let pool = stage.registry.create_pool(stage.context.clone(), options);
    let control = Blocks::payload(stage.blocks().alloc(stage.id(), lane::CONTROL + lane::SIZE).unwrap());
    let other = Party::new(stage.registry);
    let block = stage.blocks().alloc(other.id(), 100).unwrap();
    drop(Worker::sit_apart(pool.clone(), 0, other.context.clone(), control).unwrap());
    stage.blocks().free(other.id(), block).unwrap();
    stage.registry.remove_pool(pool.id());
}

#[test]
fn workers_killed_at_any_moment() {
    let stage = Stage::lasting(time());
    let office = Office::new(&stage, 3);
    let over = AtomicBool::new(false);
    let mut kills = 0;
    let (lost, all) = std::thread::scope(|s| {
        let caller = s.spawn(|| {
            let (mut lost, mut all, mut id) = (0, 0, 0);
            while !over.load(Ordering::Relaxed) {
                for _ in 0..30 {
                    id += 1;
                    let function = [function::COUNT, function::SPIN, function::BLOCK][random(2) as usize % 3];
                    let items = random(2).is_multiple_of(3).then(|| 1 + random(2) % 3000);
                    let items = items.filter(|_| function != function::BLOCK);
                    office.submit(id, function, items).unwrap();
                    all += items.unwrap_or(1) as usize;
                }
                // The ledger has seen each item once, or this never ends.
                lost += office.settle().values().map(|ended| ended.lost.len()).sum::<usize>();
                office.numbers();
            }
            (lost, all)
        });
        // A child ends with the thread that started it: with this one.
        let begin = Instant::now();
        while begin.elapsed() < time() {
            std::thread::sleep(Duration::from_micros(u64::from(random(1) % 20_000)));
            let seat = random(1) as usize % 3;
            if let Some(child) = &mut office.children.lock().unwrap()[seat] {
                child.kill();
            }
            office.seat(seat);
            kills += 1;
        }
        over.store(true, Ordering::Relaxed);
        caller.join().unwrap()
    });
    println!("{kills} kills, {all} items, {lost} lost");
    assert!(lost <= kills, "one for each that was killed, at most");
    office.stop();
}

#[test]
fn a_pool_that_is_gone_lets_nobody_sit() {
    let stage = Stage::new();
    stage.start("work", &[4711, 0, 0, stage.board()]).join();
    let office = Office::new(&stage, 1);
    let number = office.pool.id();
    office.stop();
    stage.start("work", &[number, 0, 0, stage.board()]).join();
}

//! A pool, its owner and its workers.

use super::bell::{Bell, Rope};
use super::ledger::{Ended, Ledger};
use super::program::{Program, Task};
use super::watchdog::Watchdog;
use manycore_core::blocks::Blocks;
use manycore_core::context::Context;
use manycore_core::contexts::Contexts;
use manycore_core::pool::{Pool, PoolOptions, SubmitError, lane};
use manycore_core::record::Record;
use manycore_core::slot::{self, Slot, kind, state};
use manycore_core::sync::shared::Ordering;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// How a rig is made.
#[derive(Clone, Copy)]
pub struct Setup {
    /// Workers that sit down at the start.
    pub workers: usize,
    /// Seats beyond those.
    pub spare: usize,
    pub lanes: usize,
    pub max_tasks: u32,
    pub spin: Duration,
    pub max_searching: u32,
    /// A worker that is gone is replaced, on the same seat.
    pub replace: bool,
    /// See [`Program::column`].
    pub column: bool,
    /// The owner blocks while it waits, as in a `*Sync` call, instead of returning to its event loop.
    pub blocking: bool,
    /// The ledger knows every item; a benchmark has no time for that.
    pub audit: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            workers: if cfg!(miri) { 2 } else { 4 },
            spare: 0,
            lanes: 1,
            max_tasks: 0,
            spin: Duration::from_micros(20),
            max_searching: 1,
            replace: true,
            column: true,
            blocking: false,
            audit: true,
        }
    }
}

struct Seat {
    bell: Arc<Bell>,
    control: usize,
    thread: Option<JoinHandle<()>>,
}

pub struct Rig {
    pub pool: Arc<Pool>,
    pub blocks: Arc<Blocks>,
    contexts: Arc<Contexts>,
    pub owner: Arc<Context>,
    setup: Setup,
    bell: Arc<Bell>,
    tasks: Arc<[Task]>,
    seats: Mutex<Vec<Seat>>,
    free: Mutex<Vec<u32>>,
    ledger: Mutex<Ledger>,
    ids: AtomicU32,
    _watchdog: Watchdog,
}

/// A job that was submitted.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    pub id: u32,
    pub slot: u32,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Rig {
    pub fn new(setup: Setup, tasks: impl Into<Arc<[Task]>>) -> Self {
        let watchdog = Watchdog::new();
        let blocks = Arc::new(Blocks::new(1 << 30).unwrap());
        let contexts = Arc::new(Contexts::new(blocks.clone()).unwrap());
        let bell = Arc::new(Bell::default());
        let owner = contexts.attach(Box::new(Rope(bell.clone()))).unwrap();
        let seats = setup.workers + setup.spare;
        let options = PoolOptions {
            seats,
            lanes: setup.lanes,
            max_tasks: setup.max_tasks,
            spin: setup.spin,
            max_searching: setup.max_searching,
        };
        let pool = Pool::new(1, owner.clone(), blocks.clone(), options);
        let seat = |_| {
            let control = Blocks::payload(blocks.alloc(owner.id(), lane::CONTROL + setup.lanes * lane::SIZE).unwrap());
            Seat { bell: Arc::default(), control, thread: None }
        };
        let seats: Vec<_> = (0..seats).map(seat).collect();
        let rig = Self {
            pool,
            blocks,
            contexts,
            owner,
            setup,
            bell,
            tasks: tasks.into(),
            seats: Mutex::new(seats),
            free: Mutex::default(),
            ledger: Mutex::default(),
            ids: AtomicU32::new(1),
            _watchdog: watchdog,
        };
        (0..setup.workers).for_each(|seat| rig.seat(seat));
        rig
    }

    /// Starts a worker on a free seat.
    pub fn seat(&self, index: usize) {
        let seat = &mut lock(&self.seats)[index];
        if let Some(thread) = seat.thread.take() {
            thread.join().unwrap();
        }
        seat.bell = Arc::default();
        // A new worker, new words.
        self.blocks.region().word(seat.control + lane::LEAVE).unwrap().store(0, Ordering::Relaxed);
        let program = Program {
            pool: self.pool.clone(),
            blocks: self.blocks.clone(),
            contexts: self.contexts.clone(),
            tasks: self.tasks.clone(),
            seat: index,
            control: seat.control,
            bell: seat.bell.clone(),
            column: self.setup.column,
        };
        seat.thread = Some(std::thread::spawn(move || program.run()));
    }

    /// Ends a worker as soon as it is in its event loop, whatever it holds.
    pub fn kill(&self, seat: usize) {
        lock(&self.seats)[seat].bell.raise(|events| events.killed = true);
    }

    /// Asks a worker to leave when it is between tasks.
    pub fn dismiss(&self, seat: usize) {
        let control = lock(&self.seats)[seat].control;
        self.pool.dismiss(seat, control);
    }

    /// Lets the tasks that wait go on.
    pub fn make_ready(&self) {
        for seat in &*lock(&self.seats) {
            seat.bell.raise(|events| events.ready = true);
        }
    }

    /// A slot with everything filled in, not yet submitted.
    pub fn prepare(&self, function: u32, items: Option<u32>, chunk: u32, flags: u32) -> Job {
        let slot = self.free_slot();
        let id = self.ids.fetch_add(1, Relaxed);
        let kind = if items.is_some() { kind::RANGE } else { kind::CALL };
        let fields = [
            (4, function),
            (8, kind | flags),
            (20, items.unwrap_or(0)),
            (44, chunk),
            (48, id),
            (52, 0),
            (60, 0),
            (40, 0),
        ];
        for (at, value) in fields {
            self.slot_word(slot, at).store(value, Relaxed);
        }
        self.slot_word(slot, 0).store(state::QUEUED, Ordering::Release);
        lock(&self.ledger).begin(slot, id, items, self.setup.audit);
        Job { id, slot }
    }

    pub fn submit(&self, job: Job) -> Result<(), SubmitError> {
        self.pool.submit(job.slot).inspect_err(|_| self.forget(job))
    }

    /// Takes a job back that nobody knows of.
    pub fn forget(&self, job: Job) {
        lock(&self.ledger).forget(job.slot);
        lock(&self.free).push(job.slot);
    }

    pub fn call(&self, function: u32) -> Job {
        let job = self.prepare(function, None, 0, 0);
        self.submit(job).unwrap();
        job
    }

    pub fn range(&self, function: u32, items: u32, chunk: u32) -> Job {
        let job = self.prepare(function, Some(items), chunk, 0);
        self.submit(job).unwrap();
        job
    }

    /// The job is not wanted any more.
    pub fn cancel(&self, job: Job) {
        self.slot_word(job.slot, 52).store(1, Ordering::Release);
        let word = self.slot_word(job.slot, 0);
        let _ = word.compare_exchange(state::QUEUED, state::CANCELLED, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Waits until every job has ended; answers what became of those that nobody has asked for yet.
    pub fn settle(&self) -> HashMap<u32, Ended> {
        self.until(|ledger| ledger.open() == 0);
        lock(&self.ledger).take_all()
    }

    /// Waits until `job` has ended.
    pub fn result(&self, job: Job) -> Ended {
        let mut found = None;
        self.until(|ledger| {
            found = ledger.take(job.id);
            found.is_some()
        });
        found.unwrap()
    }

    /// Takes in records until the ledger is as it should be.
    pub fn until(&self, mut done: impl FnMut(&mut Ledger) -> bool) {
        while !done(&mut lock(&self.ledger)) {
            if self.setup.blocking {
                self.owner.wait(Duration::from_micros(5), Duration::from_secs(3600));
            } else {
                self.bell.wait();
            }
            self.drain();
        }
    }

    /// One turn of the owner: takes in what there is, in small helpings.
    fn drain(&self) {
        const HELPING: usize = 50;
        let mut gone = Vec::new();
        let count = self.owner.drain(HELPING, |_, record| {
            let mut ledger = lock(&self.ledger);
            self.enter(&mut ledger, record);
            gone.append(&mut ledger.gone);
        });
        if count == HELPING {
            self.owner.resume_later();
        }
        if self.setup.replace {
            gone.into_iter().for_each(|seat| self.seat(seat));
        } else {
            lock(&self.ledger).gone.append(&mut gone);
        }
    }

    fn enter(&self, ledger: &mut Ledger, record: Record) {
        let slot = record.0[2];
        if ledger.enter(record) {
            self.pool.close_range(slot);
            self.slot_word(slot, 0).store(state::FREE, Relaxed);
            lock(&self.free).push(slot);
        }
    }

    /// A word of a slot.
    pub fn slot_word(&self, slot: u32, at: usize) -> &AtomicU32 {
        assert!(Slot::at(self.blocks.region(), slot).is_some());
        self.blocks.region().word(slot as usize * slot::SIZE + at).unwrap()
    }

    fn free_slot(&self) -> u32 {
        let mut free = lock(&self.free);
        if free.is_empty() {
            let count = if cfg!(miri) { 64 } else { slot::CHUNK };
            let block = self.blocks.alloc(self.owner.id(), (count + 1) * slot::SIZE).unwrap();
            let first = Blocks::payload(block).div_ceil(slot::SIZE) as u32;
            free.extend((first..first + count as u32).rev());
        }
        free.pop().unwrap()
    }

    /// Stops the pool and waits for every worker to leave.
    pub fn stop(&self) {
        self.pool.stop();
        let threads: Vec<_> = lock(&self.seats).iter_mut().filter_map(|seat| seat.thread.take()).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

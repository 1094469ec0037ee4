//! What a worker thread runs.

use super::bell::{Bell, Events, Rope};
use manycore_core::blocks::Blocks;
use manycore_core::context::Context;
use manycore_core::contexts::Contexts;
use manycore_core::pool::{Advance, Next, Pool, Worker, lane};
use manycore_core::slot::{self, Slot, kind};
use manycore_core::sync::shared::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// One item, or the one call.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Number of the call.
    pub id: u32,
    pub index: u32,
    /// Seat of the worker that runs it.
    pub worker: usize,
    pub slot: u32,
    /// The worker's context, owner of the blocks that the task makes.
    pub context: u32,
    pub blocks: &'a Blocks,
}

/// What a task comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It is done, and the worker is to run no more.
    Last,
    /// It is asynchronous and waits: call again when something has happened.
    Later,
    /// The worker dies of it.
    Die,
}

/// A function of the table.
pub enum Task {
    /// Called once per item.
    Each(Box<dyn Fn(&Item) -> Outcome + Send + Sync>),
    /// Called once per run of claimed items; cannot wait or die.
    Runs(Box<dyn Fn(Range<u32>) + Send + Sync>),
}

pub fn each(task: impl Fn(&Item) -> Outcome + Send + Sync + 'static) -> Task {
    Task::Each(Box::new(task))
}

pub fn runs(task: impl Fn(Range<u32>) + Send + Sync + 'static) -> Task {
    Task::Runs(Box::new(task))
}

/// One worker's thread.
pub struct Program {
    pub pool: Arc<Pool>,
    pub blocks: Arc<Blocks>,
    pub contexts: Arc<Contexts>,
    pub tasks: Arc<[Task]>,
    pub seat: usize,
    pub control: usize,
    pub bell: Arc<Bell>,
    /// Results go into a column item by item, so a death loses no item that has ended.
    pub column: bool,
}

/// A task in flight: the items it has still to run.
#[derive(Clone, Copy)]
struct Flight {
    slot: u32,
    first: u32,
    at: u32,
    end: u32,
}

/// Why a lane stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Its task waits.
    Parked,
    /// There is nothing to do; the worker is armed.
    Idle,
    /// The worker is to leave.
    Leave,
    /// The worker dies here and now.
    Dead,
}

impl Program {
    /// Sits down and runs until the worker leaves or dies. Dropping the worker is its last act.
    pub fn run(self) {
        let context = self.contexts.attach(Box::new(Rope(self.bell.clone()))).expect("room in the table");
        let id = context.id();
        self.work(context);
        self.contexts.died(id);
        self.contexts.forget(id);
    }

    fn work(&self, context: Arc<Context>) {
        let lanes = self.pool.options().lanes;
        let worker = Worker::sit(self.pool.clone(), self.seat, context.clone(), self.control).expect("a free seat");
        let mut state = Running {
            program: self,
            context: context.id(),
            worker,
            flights: vec![None; lanes],
            turned: true,
            retire: false,
        };
        let mut leaving = false;
        // The first look, before anybody could ring.
        let mut events = Events { rung: true, ..Events::default() };
        while !events.killed {
            state.turned = true;
            let mut last = if events.ready { state.go_on() } else { Stop::Parked };
            // A lane that took a job has disarmed the worker: free lanes have to look again.
            if last == Stop::Parked {
                last = state.pump();
            }
            leaving |= last == Stop::Leave;
            if last == Stop::Dead || leaving && state.flights.iter().all(Option::is_none) {
                return;
            }
            events = self.bell.wait();
        }
    }
}

struct Running<'a> {
    program: &'a Program,
    context: u32,
    worker: Worker,
    flights: Vec<Option<Flight>>,
    turned: bool,
    retire: bool,
}

impl Running<'_> {
    /// Fills the free lanes until there is nothing more to take.
    fn pump(&mut self) -> Stop {
        for lane in 0..self.flights.len() {
            if self.flights[lane].is_none() {
                let stop = self.drive(lane, false);
                if stop != Stop::Parked {
                    return stop;
                }
            }
        }
        Stop::Parked
    }

    /// Goes on with the tasks that waited. Idle only if the worker is armed at the end of it.
    fn go_on(&mut self) -> Stop {
        let mut last = Stop::Parked;
        for lane in 0..self.flights.len() {
            if self.flights[lane].is_none() {
                continue;
            }
            match self.fly(lane) {
                None => last = self.drive(lane, true),
                Some(Stop::Dead) => return Stop::Dead,
                Some(_) => {}
            }
            if last == Stop::Dead {
                return last;
            }
        }
        last
    }

    /// Takes and runs one job after another in `lane`, after completing the one in it if there was one.
    fn drive(&mut self, lane: usize, mut complete: bool) -> Stop {
        loop {
            let (turned, retire) = (std::mem::take(&mut self.turned), std::mem::take(&mut self.retire));
            let what = Advance { complete, take: true, turned, retire };
            match self.worker.advance(lane, what) {
                Next::Job(slot) => {
                    self.flights[lane] = Some(self.boarded(lane, slot));
                    if let Some(stop) = self.fly(lane) {
                        return stop;
                    }
                    complete = true;
                }
                Next::Idle => return Stop::Idle,
                Next::Leave => return Stop::Leave,
                Next::Yield if self.program.bell.killed() => return Stop::Dead,
                Next::Yield => {
                    self.turned = true;
                    complete = false;
                }
            }
        }
    }

    fn lane_word(&self, lane: usize, at: usize) -> &std::sync::atomic::AtomicU32 {
        let offset = self.program.control + lane::CONTROL + lane * lane::SIZE + at;
        self.program.blocks.region().word(offset).unwrap()
    }

    fn boarded(&self, lane: usize, slot: u32) -> Flight {
        assert_eq!(self.lane_word(lane, 0).load(Ordering::Acquire), slot);
        let [first, count] = [4, 8].map(|at| self.lane_word(lane, at).load(Ordering::Relaxed));
        assert!(count > 0);
        Flight { slot, first, at: first, end: first + count }
    }

    /// Runs what is left in `lane`; None if that is all done.
    fn fly(&mut self, lane: usize) -> Option<Stop> {
        let program = self.program;
        let mut flight = self.flights[lane].expect("a task in flight");
        let region = program.blocks.region();
        let job = Slot::at(region, flight.slot).unwrap();
        let is_range = job.kind() == kind::RANGE;
        let function = region.word(flight.slot as usize * slot::SIZE + 4).unwrap().load(Ordering::Relaxed);
        match &program.tasks[function as usize] {
            Task::Runs(task) => task(flight.at..flight.end),
            Task::Each(task) => {
                let item = Item {
                    id: job.id(),
                    index: 0,
                    worker: program.seat,
                    slot: flight.slot,
                    context: self.context,
                    blocks: &program.blocks,
                };
                while flight.at < flight.end {
                    self.lane_word(lane, 12).store(flight.at, Ordering::Relaxed);
                    match task(&Item { index: flight.at, ..item }) {
                        Outcome::Done => flight.at += 1,
                        Outcome::Last => {
                            flight.at += 1;
                            self.retire = true;
                        }
                        Outcome::Later => {
                            self.flights[lane] = Some(flight);
                            return Some(Stop::Parked);
                        }
                        Outcome::Die => return Some(Stop::Dead),
                    }
                    if is_range && program.column {
                        self.lane_word(lane, 16).store(flight.at - flight.first, Ordering::Release);
                    }
                }
            }
        }
        if is_range {
            self.lane_word(lane, 20).store(lane::IN_COLUMN, Ordering::Relaxed);
        }
        self.flights[lane] = None;
        None
    }
}

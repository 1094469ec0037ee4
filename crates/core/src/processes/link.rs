//! A process that has attached to another's region, as the client of that one and of its parent.

use super::desk::{self, Values, halves};
use super::request::{first, status};
use super::table::{Entry, Whom};
use super::ticket::Ticket;
use crate::blocks::{BlockError, Blocks, Source};
use crate::objects::{Plan, SharedObjects};
use crate::region::Region;
use crate::sync::shared::Ordering;
use manycore_os::MapError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// The way of one process to those that serve it. One thread at a time asks each of them.
#[derive(Debug)]
pub struct Link {
    index: usize,
    number: u32,
    parent: usize,
    asking: [Mutex<()>; 2],
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Link {
    /// The way of the process with this ticket.
    pub fn new(ticket: &Ticket) -> Self {
        Self { index: ticket.index, number: ticket.number, parent: ticket.parent, asking: Default::default() }
    }

    /// Number of this process.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Index of this process.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Index of its parent.
    pub fn parent(&self) -> usize {
        self.parent
    }

    /// Asks and waits for the answer.
    pub fn ask(&self, region: &Region, whom: Whom, op: u32, values: &[u32]) -> Values {
        let _one_at_a_time = lock(&self.asking[whom as usize]);
        let server = if whom == Whom::First { 0 } else { self.parent };
        let places = Entry::at(region, self.index).zip(Entry::at(region, server));
        let (me, server) = places.expect("a process that has attached has an entry, and so has who serves it");
        let server = server.server(self.index, whom);
        me.desk(whom as usize).ask(&server, (op, &Values::new(values)), desk::wake, desk::sleep)
    }

    fn first(&self, region: &Region, op: u32, values: &[u32]) -> Values {
        self.ask(region, Whom::First, op, values)
    }

    fn yes(&self, region: &Region, op: u32, values: &[u32]) -> bool {
        self.first(region, op, values).at(0) != 0
    }
}

/// What the status of an answer means for a block of so many bytes.
fn checked(answer: &Values, bytes: usize) -> Result<u32, BlockError> {
    match answer.at(0) {
        status::DONE => Ok(answer.at(1)),
        status::TOO_LARGE => Err(BlockError::TooLarge { bytes }),
        _ => {
            let source = std::io::Error::from(std::io::ErrorKind::OutOfMemory);
            let source = MapError::System { step: "asking the first process for memory", bytes, source };
            Err(BlockError::OutOfMemory { bytes, source })
        }
    }
}

impl Source for Arc<Link> {
    fn grant(&self, region: &Region, bytes: usize, count: usize) -> Result<Vec<u32>, BlockError> {
        let [low, high] = halves(bytes);
        let answer = self.first(region, first::GRANT, &[low, high, count as u32]);
        checked(&answer, bytes)?;
        Ok(answer.all()[1..].to_vec())
    }
    fn take_back(&self, region: &Region, blocks: &[u32]) {
        self.first(region, first::TAKE_BACK, blocks);
    }
    fn alloc(&self, region: &Region, owner: u32, bytes: usize) -> Result<u32, BlockError> {
        let [low, high] = halves(bytes);
        checked(&self.first(region, first::ALLOC, &[owner, low, high]), bytes)
    }
    fn free(&self, region: &Region, owner: u32, block: u32) -> bool {
        self.yes(region, first::FREE, &[owner, block])
    }
    fn hand_over(&self, region: &Region, block: u32, from: u32, to: u32) -> bool {
        self.yes(region, first::HAND_OVER, &[block, from, to])
    }
    fn sweep(&self, region: &Region, owner: u32) -> usize {
        self.first(region, first::SWEEP, &[owner]).at(0) as usize
    }
    fn in_use(&self, region: &Region) -> usize {
        self.first(region, first::IN_USE, &[]).long(0)
    }
}

/// The shared objects, seen from a process that has attached.
pub struct FarObjects {
    link: Arc<Link>,
    blocks: Arc<Blocks>,
    /// Number of this process, which holds what is pinned here.
    process: u32,
    /// How often an object is pinned here.
    pins: Mutex<HashMap<u32, u32>>,
}

impl FarObjects {
    /// The objects of the region that `blocks` are in, for the process of that number.
    pub fn new(link: Arc<Link>, blocks: Arc<Blocks>, process: u32) -> Self {
        Self { link, blocks, process, pins: Mutex::default() }
    }

    fn ask(&self, op: u32, values: &[u32]) -> Values {
        self.link.first(self.blocks.region(), op, values)
    }

    fn yes(&self, op: u32, values: &[u32]) -> bool {
        self.ask(op, values).at(0) != 0
    }

    /// Asks with a list of objects, which is in a block of this process meanwhile.
    fn with_list<R>(&self, list: &[u32], ask: impl FnOnce(u32) -> R) -> Result<R, BlockError> {
        let block = self.blocks.alloc(self.process, list.len().max(1) * 4)?;
        for (i, object) in list.iter().enumerate() {
            if let Some(word) = self.blocks.region().word(Blocks::payload(block) + i * 4) {
                word.store(*object, Ordering::Relaxed);
            }
        }
        let answer = ask(block);
        self.blocks.free(self.process, block)?;
        Ok(answer)
    }
}

impl SharedObjects for FarObjects {
    fn create(&self, context: u32, plan: Plan<'_>) -> Result<u32, BlockError> {
        let [a, b, c] = plan.constants;
        let [low, high] = halves(plan.bytes);
        let needs = plan.needs.len() as u32;
        let ask = |list| self.ask(first::CREATE, &[context, plan.kind, a, b, c, low, high, needs, list]);
        checked(&self.with_list(plan.needs, ask)?, plan.bytes)
    }
    fn open(&self, context: u32, object: u32) -> bool {
        self.yes(first::OPEN, &[context, object])
    }
    fn release(&self, context: u32, object: u32) -> bool {
        self.yes(first::RELEASE, &[context, object])
    }
    fn only(&self, context: u32, object: u32) -> bool {
        self.yes(first::ONLY, &[context, object])
    }
    fn cell(&self, context: u32, object: u32) -> Option<usize> {
        Some(self.ask(first::CELL, &[context, object]).long(0)).filter(|offset| *offset != 0)
    }
    fn pack(&self, carrier: u32, list: Vec<u32>) -> bool {
        let count = list.len() as u32;
        self.with_list(&list, |at| self.yes(first::PACK, &[carrier, count, at])).unwrap_or(false)
    }
    fn pin(&self, list: &[u32]) -> bool {
        for (i, object) in list.iter().enumerate() {
            let mut pins = lock(&self.pins);
            if !pins.contains_key(object) && !self.open(self.process, *object) {
                drop(pins);
                self.unpin(&list[..i]);
                return false;
            }
            *pins.entry(*object).or_default() += 1;
        }
        true
    }
    fn unpin(&self, list: &[u32]) {
        for object in list {
            let mut pins = lock(&self.pins);
            let Some(count) = pins.get_mut(object) else { continue };
            *count -= 1;
            if *count == 0 {
                pins.remove(object);
                self.release(self.process, *object);
            }
        }
    }
    fn count(&self) -> usize {
        self.ask(first::COUNT, &[]).at(0) as usize
    }
}

//! What the first process answers.

use super::desk::{Values, halves};
use super::request::{first, status};
use super::table::{DESKS, Entry, PROCESSES};
use crate::blocks::{BlockError, Blocks};
use crate::contexts::{AttachError, Contexts, OBJECTS};
use crate::keeper::{Estate, Keeper};
use crate::objects::{Objects, Plan, SharedObjects};
use crate::region::header;
use crate::sync::shared::Ordering;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// The state that the processes of a region ask for: that of the first of them.
pub struct First {
    pub blocks: Arc<Blocks>,
    pub contexts: Arc<Contexts>,
    pub keeper: Arc<Keeper>,
    pub objects: Arc<Objects>,
    /// Free entries of the processes' table; the one that was freed first is used first. None: there is no table yet.
    free: Mutex<Option<VecDeque<usize>>>,
    /// Those that have died and are not dealt with yet: somebody holds a lock that is needed.
    burials: Mutex<Vec<Burial>>,
}

/// Contexts that died together, and the index of their process if it did.
struct Burial {
    estates: Vec<Estate>,
    process: Option<usize>,
}

/// A block that was asked for, as an answer.
fn block(made: Result<u32, BlockError>) -> Values {
    match made {
        Ok(block) => Values::new(&[status::DONE, block]),
        Err(error) => Values::new(&[failure(&error)]),
    }
}

fn failure(error: &BlockError) -> u32 {
    match error {
        BlockError::OutOfMemory { .. } => status::NO_MEMORY,
        BlockError::TooLarge { .. } => status::TOO_LARGE,
        BlockError::NotYours { .. } => status::NOTHING,
    }
}

fn yes(done: bool) -> Values {
    Values::new(&[u32::from(done)])
}

impl First {
    pub fn new(blocks: Arc<Blocks>, contexts: Arc<Contexts>, keeper: Arc<Keeper>, objects: Arc<Objects>) -> Self {
        Self { blocks, contexts, keeper, objects, free: Mutex::default(), burials: Mutex::default() }
    }

    fn entry(&self, process: usize) -> Option<Entry<'_>> {
        Entry::at(self.blocks.region(), process)
    }

    fn free(&self) -> MutexGuard<'_, Option<VecDeque<usize>>> {
        self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The number of a process that is about to be started by the one of index `parent`.
    pub fn reserve(&self, parent: usize) -> Result<u32, AttachError> {
        let index = self.vacant()?;
        let number = self.contexts.enter(index).inspect_err(|_| self.vacate(index))?;
        if let (Some(entry), Some(parent)) = (self.entry(index), self.entry(parent)) {
            entry.clear();
            entry.parent().store(parent.number().load(Ordering::SeqCst), Ordering::SeqCst);
            entry.number().store(number, Ordering::SeqCst);
        }
        Ok(number)
    }

    fn vacant(&self) -> Result<usize, AttachError> {
        let mut free = self.free();
        if free.is_none() {
            let table = self.blocks.alloc(OBJECTS, PROCESSES * super::table::ENTRY)?;
            let at = Blocks::payload(table);
            self.blocks.region().zero(at, PROCESSES * super::table::ENTRY);
            if let Some(place) = self.blocks.region().word(header::PROCESSES) {
                // SYNC POINT: the table is there.
                place.store(at as u32, Ordering::Release);
            }
            if let Some(me) = self.entry(0) {
                me.number().store(self.keeper.id(), Ordering::SeqCst);
                me.pid().store(std::process::id(), Ordering::SeqCst);
            }
            *free = Some((1..PROCESSES).collect());
        }
        free.as_mut().and_then(VecDeque::pop_front).ok_or(AttachError::Full)
    }

    fn vacate(&self, index: usize) {
        if let Some(free) = self.free().as_mut() {
            free.push_back(index);
        }
    }

    /// The process of that number has ended, and nobody starts it any more: what it left behind is dealt with, now or by
    /// [`Self::go_on`].
    pub fn bury(&self, number: u32) {
        let Some(index) = self.contexts.process_of(number).filter(|index| *index != 0) else { return };
        if let Some(entry) = self.entry(index) {
            // What it asked for last, nobody answers any more: it would get what is not taken back.
            (0..DESKS).for_each(|whom| entry.desk(whom).clear());
        }
        // Itself last: with it, the process is known to have ended.
        let mut dead = self.contexts.of(index);
        dead.sort_by_key(|context| *context == number);
        self.begin(dead, Some(index), true);
    }

    /// Deals with contexts that have died, and with their process if it has.
    fn begin(&self, dead: Vec<u32>, process: Option<usize>, busy: bool) {
        let take_over = |context| self.keeper.take_over(&self.objects, context, busy);
        let burial = Burial { estates: dead.into_iter().map(take_over).collect(), process };
        self.burials().push(burial);
        self.go_on();
    }

    /// Does what it had left because somebody held a lock. False: some of it is still left.
    pub fn go_on(&self) -> bool {
        let mut left = std::mem::take(&mut *self.burials());
        left.retain_mut(|burial| {
            burial.estates.retain_mut(|estate| !self.keeper.settle(&self.objects, estate));
            if let (true, Some(index)) = (burial.estates.is_empty(), burial.process) {
                if let Some(entry) = self.entry(index) {
                    entry.clear();
                }
                self.vacate(index);
            }
            !burial.estates.is_empty()
        });
        let mut burials = self.burials();
        burials.append(&mut left);
        self.objects.go_on() && burials.is_empty()
    }

    fn burials(&self) -> MutexGuard<'_, Vec<Burial>> {
        self.burials.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Numbers of the processes that the one of that number has started.
    pub fn children(&self, number: u32) -> Vec<u32> {
        let entries = (1..PROCESSES).filter_map(|index| self.entry(index));
        let its = entries.filter(|entry| entry.parent().load(Ordering::SeqCst) == number);
        its.map(|entry| entry.number().load(Ordering::SeqCst)).filter(|number| *number != 0).collect()
    }

    /// Answers a request of the process of index `process`, but for those about the life of processes.
    pub fn serve(&self, process: usize, op: u32, values: &Values) -> Values {
        let [a, b, c] = [0, 1, 2].map(|index| values.at(index));
        match op {
            first::ENTER => Values::new(&[self.contexts.enter(process).unwrap_or(0)]),
            first::BURY => {
                self.begin(vec![a], None, b != 0);
                yes(true)
            }
            first::GRANT => self.grant(process, values.long(0), c as usize),
            first::TAKE_BACK => {
                let owner = self.number(process);
                yes(values.all().iter().filter(|block| self.blocks.free(owner, **block).is_err()).count() == 0)
            }
            first::ALLOC => block(self.blocks.alloc(a, values.long(1))),
            first::FREE => yes(self.blocks.free(a, b).is_ok()),
            first::HAND_OVER => yes(self.blocks.hand_over(a, b, c).is_ok()),
            first::SWEEP => Values::new(&[self.blocks.sweep(a) as u32]),
            first::IN_USE => Values::new(&halves(self.blocks.in_use())),
            first::CREATE => {
                let needs = self.list(values.at(8), values.at(7));
                let constants = [values.at(2), values.at(3), values.at(4)];
                let plan = Plan { kind: b, constants, bytes: values.long(5), needs: &needs };
                block(self.objects.create(a, plan))
            }
            first::OPEN => yes(self.objects.open(a, b)),
            first::RELEASE => yes(self.objects.release(a, b)),
            first::ONLY => yes(self.objects.only(a, b)),
            first::CELL => Values::new(&halves(self.objects.cell(a, b).unwrap_or(0))),
            first::PACK => yes(self.objects.pack(a, self.list(c, b))),
            first::COUNT => Values::new(&[self.objects.count() as u32]),
            first::RESERVE => Values::new(&[self.reserve(process).unwrap_or(0)]),
            _ => Values::new(&[]),
        }
    }

    fn number(&self, process: usize) -> u32 {
        self.entry(process).map_or(0, |entry| entry.number().load(Ordering::SeqCst))
    }

    fn grant(&self, process: usize, bytes: usize, count: usize) -> Values {
        let owner = self.number(process);
        let mut answer = vec![status::DONE];
        for _ in 0..count.clamp(1, crate::blocks::MOST) {
            match self.blocks.alloc(owner, bytes) {
                Ok(block) => answer.push(block),
                Err(error) if answer.len() == 1 => answer[0] = failure(&error),
                Err(_) => break,
            }
            if answer[0] != status::DONE {
                break;
            }
        }
        Values::new(&answer)
    }

    /// The objects that are listed in a block.
    fn list(&self, block: u32, count: u32) -> Vec<u32> {
        let word = |i: u32| self.blocks.region().word(Blocks::payload(block) + i as usize * 4);
        (0..count).map_while(word).map(|word| word.load(Ordering::Relaxed)).collect()
    }
}

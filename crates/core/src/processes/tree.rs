//! A process among those that share its region: who started it, whom it has started, and whom it watches.

use super::bytes::write;
use super::link::Link;
use super::request::first;
use super::serve::First;
use super::table::{Entry, Whom};
use super::ticket::Ticket;
use super::workers::FarWorkers;
use crate::blocks::Blocks;
use crate::contexts::{AttachError, Contexts};
use crate::pool::Pool;
use crate::sync::shared::Ordering;
use crate::tracker::Launch;
use manycore_os::process::{Exit, Process, Watch};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

/// A process that this one watches, or is about to start.
pub(super) struct Watched {
    pub number: u32,
    /// None: it is not known to be started.
    pub process: Option<Arc<Process>>,
    /// The context that started it, and that it does not outlive; 0: another process did, and this is the first one.
    pub context: u32,
    /// The context has ended: nobody else waits for the process.
    pub abandoned: bool,
    pub ended: bool,
}

impl Watched {
    pub fn has_ended(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.has_ended())
    }
}

/// Which side of it all this process is.
pub(super) enum Side {
    First(First),
    Child {
        link: Arc<Link>,
        /// Its parent, and the first process: with either, it ends.
        above: Vec<Process>,
    },
}

/// How a pool is found by its number.
pub type FindPool = Box<dyn Fn(u32) -> Option<Arc<Pool>> + Send + Sync>;

/// This process among those that share its region.
pub struct Tree {
    pub(super) blocks: Arc<Blocks>,
    pub(super) contexts: Arc<Contexts>,
    pub(super) side: Side,
    pub(super) workers: FarWorkers,
    pub(super) pools: FindPool,
    pub(super) watched: Mutex<Vec<Watched>>,
    /// Numbers of processes that have ended, for the relay.
    pub(super) news: Mutex<Vec<u32>>,
    /// Whether there is a relay.
    pub(super) relay: Mutex<bool>,
    /// Wakes the watch; there is one as soon as the threads run.
    pub(super) watch: OnceLock<Arc<Watch>>,
    pub(super) tracker: OnceLock<PassRecord>,
}

/// Passes a record to this process' tracker of named blocks. False: it has none.
type PassRecord = Box<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// The way to the tracker of the first process, for a process that has none of its own.
struct FarTracker(&'static Tree);

impl std::io::Write for FarTracker {
    fn write(&mut self, record: &[u8]) -> std::io::Result<usize> {
        let Side::Child { link, .. } = &self.0.side else { return Err(std::io::ErrorKind::Unsupported.into()) };
        let (blocks, me) = (&self.0.blocks, link.number());
        let block = blocks.alloc(me, record.len()).map_err(std::io::Error::other)?;
        write(blocks, block, record);
        let done = link.ask(blocks.region(), Whom::First, first::TRACK, &[record.len() as u32, block]).at(0);
        blocks.free(me, block).map_err(std::io::Error::other)?;
        if done == 1 { Ok(record.len()) } else { Err(std::io::ErrorKind::NotFound.into()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Why a process could not be started, attached or watched.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// There is no room for it.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The system refused.
    #[error("a process cannot be watched: {0}")]
    System(#[from] std::io::Error),
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Tree {
    /// The first process.
    pub(crate) fn first(first: First, pools: FindPool) -> Self {
        Self::of(first.blocks.clone(), first.contexts.clone(), Side::First(first), pools)
    }

    /// One that has attached, and ends with each of those `above`.
    pub(crate) fn child(
        (blocks, contexts): (Arc<Blocks>, Arc<Contexts>),
        link: Arc<Link>,
        above: Vec<Process>,
        pools: FindPool,
    ) -> Self {
        Self::of(blocks, contexts, Side::Child { link, above }, pools)
    }

    fn of(blocks: Arc<Blocks>, contexts: Arc<Contexts>, side: Side, pools: FindPool) -> Self {
        let (watched, news, relay) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (workers, watch, tracker) = (FarWorkers::default(), OnceLock::new(), OnceLock::new());
        Self { blocks, contexts, side, workers, pools, watched, news, relay, watch, tracker }
    }

    /// What is done with the records of children for the tracker of named blocks. What was said first counts.
    pub fn pass_records(&self, pass: impl Fn(&[u8]) -> bool + Send + Sync + 'static) {
        let _ = self.tracker.set(Box::new(pass));
    }

    /// How a child reaches the tracker of named blocks, which is that of the first process. None: this is the first.
    pub fn far_tracker(&'static self) -> Option<Launch> {
        self.link()?;
        Some(Box::new(move || Ok(Box::new(FarTracker(self)))))
    }

    /// The way to those that serve this process; the first one has none.
    pub fn link(&self) -> Option<&Arc<Link>> {
        match &self.side {
            Side::First(_) => None,
            Side::Child { link, .. } => Some(link),
        }
    }

    /// This process' entry in the table, once there is one.
    pub fn entry(&self) -> Option<Entry<'_>> {
        Entry::at(self.blocks.region(), self.link().map_or(0, |link| link.index()))
    }

    /// The descriptor of the region's file, for a child to inherit.
    pub fn file(&self) -> RawFd {
        self.blocks.region().descriptor()
    }

    /// A place for a child process that `context` is about to start: its number, and what it is to be told. Then
    /// [`Self::watch`] must follow, or [`Self::forget`].
    pub fn reserve(&'static self, context: u32) -> Result<(u32, String), TreeError> {
        let number = match &self.side {
            Side::First(first) => first.reserve(0)?,
            Side::Child { link, .. } => {
                let number = link.ask(self.blocks.region(), Whom::First, first::RESERVE, &[]).at(0);
                Some(number).filter(|number| *number != 0).ok_or(AttachError::Full)?
            }
        };
        let expected = Watched { number, process: None, context, abandoned: false, ended: false };
        lock(&self.watched).push(expected);
        self.start().inspect_err(|_| self.forget(number))?;
        let index = self.contexts.process_of(number).ok_or(AttachError::Full)?;
        let parent = self.entry().map_or(0, |me| me.index());
        Ok((number, Ticket { index, number, parent, parent_pid: std::process::id() }.text()))
    }

    /// The child of that number, which was reserved, has the system's number `pid`; `context` started it. Once it has
    /// ended, [`Self::forget`] must follow.
    pub fn watch(&self, number: u32, pid: u32, context: u32) -> Result<(), TreeError> {
        let process = Some(Arc::new(Process::open(pid)?));
        self.add(Watched { number, process, context, abandoned: false, ended: false });
        Ok(())
    }

    /// Watches a process, as it is known now.
    pub(super) fn add(&self, new: Watched) {
        let mut watched = lock(&self.watched);
        watched.retain(|each| each.number != new.number);
        watched.push(new);
        drop(watched);
        self.call_watch();
    }

    fn call_watch(&self) {
        if let Some(watch) = self.watch.get() {
            watch.call();
        }
    }

    /// How the child of that number ended, as far as the system still knows it. None: it has not ended, or is not watched.
    pub fn ended(&self, number: u32) -> Option<Option<Exit>> {
        let found = lock(&self.watched).iter().find(|each| each.number == number)?.process.clone()?;
        found.has_ended().then(|| found.exit())
    }

    /// The child of that number was waited for, or could not be started. When this returns, its worker's seat is free.
    pub fn forget(&self, number: u32) {
        lock(&self.watched).retain(|each| each.number != number);
        if let Some(index) = self.contexts.process_of(number) {
            self.workers.rise(index);
        }
        self.tell(&[number]);
    }

    /// A context of this process has ended: the children that it started end with it.
    pub fn abandon(&self, context: u32) {
        let mut watched = lock(&self.watched);
        for each in watched.iter_mut().filter(|each| each.context == context) {
            each.abandoned = true;
            // One that was started, and nobody has said so yet, has come, or will not be let in.
            let open = || self.came(each.number).and_then(|pid| Process::open(pid).ok()).map(Arc::new);
            each.process = each.process.take().or_else(open);
            if let Some(process) = &each.process {
                process.kill();
            }
        }
        let lost = watched.extract_if(.., |each| each.abandoned && each.process.is_none()).map(|each| each.number);
        let lost: Vec<_> = lost.collect();
        drop(watched);
        self.tell(&lost);
        self.call_watch();
    }

    /// The system's number of the process of that number, if it has come. None: it has not, and never will.
    fn came(&self, number: u32) -> Option<u32> {
        let index = self.contexts.process_of(number)?;
        let entry = Entry::at(self.blocks.region(), index)?;
        (!entry.refuse(number)).then(|| entry.pid().load(Ordering::SeqCst)).filter(|pid| *pid != 0)
    }

    /// This process has attached: it is known to the first one from here on. False: nobody expects it any more.
    pub(crate) fn begin(&'static self) -> Result<bool, TreeError> {
        let (Some(me), Some(link)) = (self.entry(), self.link()) else { return Err(AttachError::Unknown.into()) };
        if !me.come(link.number(), std::process::id()) {
            return Ok(false);
        }
        // The end of those above is noticed from here on, while this one waits for an answer too.
        self.start()?;
        let known = link.ask(self.blocks.region(), Whom::First, first::ATTACH, &[]).at(0) == 1;
        if known { Ok(true) } else { Err(AttachError::Unknown.into()) }
    }

    /// A number for a context of this process.
    pub(crate) fn enter(&self) -> Result<u32, AttachError> {
        match &self.side {
            Side::First(first) => first.contexts.enter(0),
            Side::Child { link, .. } => {
                let number = link.ask(self.blocks.region(), Whom::First, first::ENTER, &[]).at(0);
                Some(number).filter(|number| *number != 0).ok_or(AttachError::Full)
            }
        }
    }

    /// A context of this process has died: what it left behind is dealt with.
    pub(crate) fn leave(&self, context: u32, busy: bool) {
        match &self.side {
            Side::First(first) => first.keeper.bury(&first.objects, context, busy),
            Side::Child { link, .. } => {
                link.ask(self.blocks.region(), Whom::First, first::BURY, &[context, u32::from(busy)]);
            }
        }
    }
}

//! The threads of a process that shares its region: the relay serves those who ask, calls event loops and deals with
//! deaths; the watch notices deaths. They are started with the first child, and in every child.

use super::bytes::{read, write};
use super::desk::{self, Values, take_pending};
use super::link::Link;
use super::request::first;
use super::serve::First;
use super::table::{Entry, TRAY, Whom};
use super::ticket::Ticket;
use super::workers::FarWorkers;
use crate::blocks::Blocks;
use crate::contexts::{AttachError, Contexts};
use crate::keeper;
use crate::pool::Pool;
use crate::primitives::Parties;
use crate::sync::pause;
use crate::sync::shared::Ordering;
use crate::tracker::Launch;
use manycore_os::process::{self, Exit, Process, Watch};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

/// How long a relay looks for the next request before it sleeps.
const SPIN: Duration = Duration::from_micros(20);
/// A relay sleeps until it is rung; so long where it is not.
const SLEEP: Duration = Duration::from_secs(3600);
/// While workers do what lies in their trays, it looks at them so often: to be woken for each call would cost more.
const OFTEN: Duration = Duration::from_micros(100);
/// And so long after the last of it.
const BUSY: Duration = Duration::from_millis(1);
/// And so long while something is left to do that somebody is in the way of.
const SOON: Duration = Duration::from_micros(200);

/// A process that this one watches, or is about to start.
struct Watched {
    number: u32,
    /// None: it is not known to be started.
    process: Option<Arc<Process>>,
    /// The context that started it, and that it does not outlive; 0: another process did, and this is the first one.
    context: u32,
    /// The context has ended: nobody else waits for the process.
    abandoned: bool,
    ended: bool,
}

impl Watched {
    fn has_ended(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.has_ended())
    }
}

/// Which side of it all this process is.
enum Side {
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
    blocks: Arc<Blocks>,
    contexts: Arc<Contexts>,
    side: Side,
    workers: FarWorkers,
    pools: FindPool,
    watched: Mutex<Vec<Watched>>,
    /// Numbers of processes that have ended, for the relay.
    news: Mutex<Vec<u32>>,
    /// Whether there is a relay.
    relay: Mutex<bool>,
    /// Wakes the watch; there is one as soon as the threads run.
    watch: OnceLock<Arc<Watch>>,
    tracker: OnceLock<PassRecord>,
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
    fn add(&self, new: Watched) {
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

    /// This process has attached: it is known to the first one from here on. False: that one does not expect it.
    pub(crate) fn begin(&'static self) -> bool {
        let (Some(me), Some(link)) = (self.entry(), self.link()) else { return false };
        // The end of those above is noticed from here on, while this one waits for an answer too.
        me.come(link.number(), std::process::id())
            && self.start().is_ok()
            && link.ask(self.blocks.region(), Whom::First, first::ATTACH, &[]).at(0) == 1
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

    /// Starts the threads, unless they run.
    fn start(&'static self) -> std::io::Result<()> {
        let mut relay = lock(&self.relay);
        if self.watch.get().is_some() {
            return Ok(());
        }
        let watch = Arc::new(Watch::new()?);
        if !*relay {
            spawn("manycore-relay", || self.relay())?;
            *relay = true;
        }
        let sleeper = watch.clone();
        spawn("manycore-watch", move || self.look_out(&sleeper))?;
        let _ = self.watch.set(watch);
        Ok(())
    }

    /// The watch: notices the ends of processes.
    fn look_out(&'static self, watch: &Watch) {
        let above: &[Process] = match &self.side {
            Side::First(_) => &[],
            Side::Child { above, .. } => above,
        };
        loop {
            if above.iter().any(Process::has_ended) {
                process::end(1);
            }
            let mut news = Vec::new();
            let mut watched = lock(&self.watched);
            for each in watched.iter_mut().filter(|each| !each.ended && each.has_ended()) {
                each.ended = true;
                news.push(each.number);
            }
            for each in watched.extract_if(.., |each| each.ended && each.abandoned) {
                each.process.iter().for_each(|process| process.reap());
            }
            let living: Vec<_> =
                watched.iter().filter(|each| !each.ended).filter_map(|each| each.process.clone()).collect();
            drop(watched);
            self.tell(&news);
            watch.sleep(above.iter().chain(living.iter().map(|process| &**process)));
        }
    }

    /// These processes have ended: the relay deals with it.
    fn tell(&self, numbers: &[u32]) {
        if numbers.is_empty() {
            return;
        }
        lock(&self.news).extend(numbers);
        if let Some(entry) = self.entry() {
            entry.bell().ring();
        }
    }

    /// The relay: serves those that ask, calls event loops, and deals with deaths.
    fn relay(&'static self) {
        let Some(me) = self.entry() else { return };
        keeper::serve_others();
        let mut looks = false;
        loop {
            let heard = me.bell().heard();
            let mut asked = false;
            take_pending(me.pending(), |desk| asked |= self.serve(desk));
            self.contexts.call_loops(me.called());
            let news = std::mem::take(&mut *lock(&self.news));
            news.into_iter().for_each(|number| self.has_ended(number));
            let done = match &self.side {
                Side::First(first) => first.go_on(),
                Side::Child { .. } => true,
            };
            let (begin, mut turn) = (Instant::now(), 0);
            while asked && me.bell().heard() == heard && begin.elapsed() < SPIN {
                pause(turn);
                turn += 1;
            }
            let trays = self.workers.last_tended();
            let soon = trays.elapsed() < BUSY;
            if soon != looks {
                looks = soon;
                me.looks_soon(looks);
                if !looks {
                    continue;
                }
            }
            if me.bell().heard() == heard {
                me.bell().sleep(
                    heard,
                    if looks {
                        OFTEN
                    } else if done {
                        SLEEP
                    } else {
                        SOON
                    },
                );
            }
        }
    }

    /// Serves a desk. False: nobody asks there.
    fn serve(&'static self, desk: usize) -> bool {
        let (client, whom) = Entry::asker(desk);
        let Some(entry) = Entry::at(self.blocks.region(), client) else { return false };
        if whom == TRAY {
            if self.started(entry) {
                self.workers.tend(client);
            }
            return true;
        }
        let answer = |op, values| match &self.side {
            Side::First(first) if whom == Whom::First as usize => self.as_first(first, entry, op, &values),
            // The parent had this one's index, and has died.
            _ if !self.started(entry) => FarWorkers::stranger(),
            _ => self.workers.serve((&self.blocks, &self.contexts), &self.pools, client, (op, &values)),
        };
        entry.desk(whom).serve(answer, desk::wake)
    }

    fn as_first(&'static self, first: &First, client: Entry<'_>, op: u32, values: &Values) -> Values {
        match op {
            first::ATTACH => Values::new(&[u32::from(self.adopt(client))]),
            first::TRACK => {
                let record = read(&self.blocks, values.at(1), values.at(0) as usize);
                Values::new(&[u32::from(self.tracker.get().is_some_and(|pass| pass(&record)))])
            }
            first::ENDED => {
                self.bury(first, values.at(0));
                Values::new(&[])
            }
            _ => first.serve(client.index(), op, values),
        }
    }

    /// Whether this process has started that one.
    fn started(&self, client: Entry<'_>) -> bool {
        let parent = client.parent().load(Ordering::SeqCst);
        self.entry().is_some_and(|me| me.number().load(Ordering::SeqCst) == parent)
    }

    /// Another process has started this one, which has come: its end is noticed here too, in case that one ends first.
    /// False: it has ended.
    fn adopt(&self, client: Entry<'_>) -> bool {
        let number = client.number().load(Ordering::SeqCst);
        if self.started(client) || lock(&self.watched).iter().any(|each| each.number == number) {
            return true;
        }
        let Ok(process) = Process::open(client.pid().load(Ordering::SeqCst)) else { return false };
        self.add(Watched { number, process: Some(Arc::new(process)), context: 0, abandoned: false, ended: false });
        true
    }

    /// A process has ended that this one watches, or was to start.
    fn has_ended(&self, number: u32) {
        let Some(index) = self.contexts.process_of(number) else { return };
        match &self.side {
            Side::First(first) => {
                // What its worker had is accounted for by its parent, while that one lives.
                let Some(entry) = Entry::at(self.blocks.region(), index) else { return };
                if self.started(entry) || !self.contexts.alive(entry.parent().load(Ordering::SeqCst)) {
                    self.bury(first, number);
                }
            }
            Side::Child { link, .. } => {
                self.workers.rise(index);
                link.ask(self.blocks.region(), Whom::First, first::ENDED, &[number]);
            }
        }
    }

    /// Deals with the end of a process, and with those of its children that have ended before it told of them. Those that
    /// live will not for long.
    fn bury(&self, first: &First, number: u32) {
        let Some(index) = self.contexts.process_of(number) else { return };
        self.workers.rise(index);
        let children = first.children(number);
        first.bury(number);
        for child in children {
            let entry = self.contexts.process_of(child).and_then(|index| Entry::at(self.blocks.region(), index));
            let lives = |each: &Watched| each.number == child && !each.has_ended();
            // It does not come any more; or its end is noticed, or was.
            let comes = entry.is_some_and(|entry| !entry.refuse(child) && self.adopt(entry));
            if !comes || !lock(&self.watched).iter().any(lives) {
                self.bury(first, child);
            }
        }
        lock(&self.watched).retain(|each| each.number != number || each.context != 0);
    }
}

fn spawn<R: Send + 'static>(name: &str, run: impl FnOnce() -> R + Send + 'static) -> std::io::Result<()> {
    let quiet = || {
        process::block_signals();
        run()
    };
    std::thread::Builder::new().name(name.into()).stack_size(256 << 10).spawn(quiet).map(drop)
}

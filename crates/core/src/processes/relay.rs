//! The threads of a process that shares its region: the relay serves those who ask, calls event loops and deals with
//! deaths; the watch notices deaths. They are started with the first child, and in every child.

use super::bytes::read;
use super::desk::{self, Values, take_pending};
use super::request::first;
use super::serve::First;
use super::table::{Entry, TRAY, Whom};
use super::tree::{Side, Tree, Watched, lock};
use super::workers::FarWorkers;
use crate::keeper;
use crate::primitives::Parties;
use crate::sync::pause;
use crate::sync::shared::Ordering;
use manycore_os::process::{self, Process, Watch};
use std::sync::Arc;
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

impl Tree {
    /// Starts the threads, unless they run.
    pub(super) fn start(&'static self) -> std::io::Result<()> {
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
    pub(super) fn tell(&self, numbers: &[u32]) {
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

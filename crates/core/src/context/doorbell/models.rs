use super::*;
use crate::sync::AtomicU32;
use loom::sync::{Arc, Condvar, Mutex, Notify};

/// A context whose inbox counts its records, without any ordering of its own but that of a queue's push and pop.
struct Model {
    doorbell: Doorbell,
    inbox: AtomicU32,
    event_loop: Notify,
    bell: Mutex<u32>,
    rung: Condvar,
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            doorbell: Doorbell::new(),
            inbox: AtomicU32::new(0),
            event_loop: Notify::new(),
            bell: Mutex::new(0),
            rung: Condvar::new(),
        })
    }

    fn send(&self) {
        self.inbox.fetch_add(1, Ordering::Release);
        match self.doorbell.pushed() {
            Ring::Nobody => {}
            Ring::Loop => self.event_loop.notify(),
            Ring::Sleeper => {
                *self.bell.lock().unwrap() += 1;
                self.rung.notify_one();
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.inbox.load(Ordering::Acquire) == 0
    }

    fn drain(&self, max: u32) -> u32 {
        let pop = || {
            let some = |count: u32| (count > 0).then(|| count - count.min(max));
            self.inbox.fetch_update(Ordering::AcqRel, Ordering::Acquire, some).map_or(0, |had| had.min(max) as usize)
        };
        let got = self.doorbell.empty(pop) as u32;
        if got == max && self.doorbell.hush() {
            self.event_loop.notify();
        }
        got
    }

    fn wait(&self) {
        self.doorbell.hush();
        if !self.is_empty() {
            return;
        }
        let key = *self.bell.lock().unwrap();
        let sleep = || {
            let mut bell = self.bell.lock().unwrap();
            while *bell == key {
                bell = self.rung.wait(bell).unwrap();
            }
        };
        self.doorbell.block(|| self.is_empty(), sleep);
    }
}

/// Two pushers, one record each; the owner gets both with `turn` and the drain that follows it.
fn the_owner_gets_every_record(max: u32, turn: fn(&Model, u32)) {
    loom::model(move || {
        let model = Model::new();
        let pushers = [model.clone(), model.clone()].map(|model| loom::thread::spawn(move || model.send()));
        let mut got = 0;
        while got < 2 {
            turn(&model, got);
            got += model.drain(max);
        }
        for pusher in pushers {
            pusher.join().unwrap();
        }
    });
}

#[test]
fn an_event_loop_gets_every_record() {
    the_owner_gets_every_record(8, |model, _| model.event_loop.wait());
}

#[test]
fn an_event_loop_that_stops_half_way_gets_every_record() {
    the_owner_gets_every_record(1, |model, _| model.event_loop.wait());
}

#[test]
fn a_blocked_owner_gets_every_record() {
    the_owner_gets_every_record(8, |model, _| model.wait());
}

#[test]
fn an_owner_that_blocks_and_returns_to_its_event_loop_gets_every_record() {
    the_owner_gets_every_record(8, |model, got| if got == 0 { model.wait() } else { model.event_loop.wait() });
}

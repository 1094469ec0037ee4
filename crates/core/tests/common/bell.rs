//! An event loop of the smallest kind: it sleeps until something happens, and says what did.

use manycore_core::context::Wake;
use std::sync::{Arc, Condvar, Mutex};

/// What happened since the loop last looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// The scheduler rang.
    pub rung: bool,
    /// Something that an asynchronous task waits for may have happened.
    pub ready: bool,
    /// The thread is to end at once, whatever it holds.
    pub killed: bool,
}

/// A context's event loop.
#[derive(Debug, Default)]
pub struct Bell {
    events: Mutex<Events>,
    changed: Condvar,
}

impl Bell {
    /// Lets something happen.
    pub fn raise(&self, change: impl FnOnce(&mut Events)) {
        change(&mut self.events.lock().unwrap());
        self.changed.notify_one();
    }

    /// Sleeps until something happens, for as long as it takes.
    pub fn wait(&self) -> Events {
        let quiet = |events: &mut Events| *events == Events::default();
        std::mem::take(&mut *self.changed.wait_while(self.events.lock().unwrap(), quiet).unwrap())
    }

    /// True if the thread was told to end: what a turn of the loop between two tasks would find.
    pub fn killed(&self) -> bool {
        self.events.lock().unwrap().killed
    }
}

/// What a context is given to wake the loop by.
pub struct Rope(pub Arc<Bell>);

impl Wake for Rope {
    fn wake(&self) {
        self.0.raise(|events| events.rung = true);
    }
}

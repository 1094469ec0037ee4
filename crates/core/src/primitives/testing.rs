//! Contexts for tests: threads with a bell each, and the words of one primitive between them.

use super::{Gate, Parties, Word32, Word64, slot_of};
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use bell::Bell;

/// Contexts that there are at most.
pub const CONTEXTS: usize = 4;

/// A context's number. Those of different generations sit on the same slot.
pub const fn id(slot: usize, generation: u32) -> u32 {
    generation << 10 | slot as u32
}

/// The number of the first context on `slot`.
pub const fn first(slot: usize) -> u32 {
    id(slot, 1)
}

/// What the threads of a test share.
#[derive(Default)]
pub struct Room {
    word: AtomicU32,
    aside: AtomicU32,
    waiters: [AtomicU64; 1],
    /// Per slot: who lives there, 0 = nobody.
    living: [AtomicU32; CONTEXTS],
    bells: [Bell; CONTEXTS],
    cells: [AtomicU32; CONTEXTS],
    /// Somebody is inside what the primitive guards.
    inside: AtomicBool,
}

impl Room {
    /// A room with contexts on the first `living` slots, and these words in its gate.
    pub fn new(living: usize, word: u32, aside: u32) -> Self {
        let room = Self { word: AtomicU32::new(word), aside: AtomicU32::new(aside), ..Self::default() };
        (0..living).for_each(|slot| room.live(first(slot)));
        room
    }

    pub fn gate(&self) -> Gate<'_, impl Word32, impl Word64> {
        Gate { word: &self.word, aside: &self.aside, waiters: &self.waiters }
    }

    /// What the context has of the primitive.
    pub fn cell(&self, id: u32) -> &impl Word32 {
        &self.cells[slot_of(id)]
    }

    /// The context is attached.
    pub fn live(&self, id: u32) {
        self.living[slot_of(id)].store(id, Ordering::SeqCst);
    }

    /// The context has died, and everybody is told so.
    pub fn die(&self, id: u32) {
        self.living[slot_of(id)].store(0, Ordering::SeqCst);
        for slot in 0..CONTEXTS {
            self.ring(slot);
        }
    }

    /// How often the context was rung.
    #[cfg(not(loom))]
    pub fn rings(&self, id: u32) -> u32 {
        self.bells[slot_of(id)].seen()
    }

    /// What a blocking wait does: looks until it is not to sleep any more, and sleeps on its bell between the looks.
    pub fn wait<T>(&self, id: u32, mut look: impl FnMut() -> Option<T>) -> T {
        let bell = &self.bells[slot_of(id)];
        loop {
            let seen = bell.seen();
            if let Some(found) = look() {
                return found;
            }
            bell.sleep(seen);
        }
    }

    /// Runs `critical`, and panics if somebody else is inside.
    pub fn alone(&self, critical: impl FnOnce()) {
        assert!(!self.inside.load(Ordering::Relaxed), "two at the same time");
        self.inside.store(true, Ordering::Relaxed);
        critical();
        self.inside.store(false, Ordering::Relaxed);
    }
}

impl Parties for Room {
    fn alive(&self, id: u32) -> bool {
        self.living.get(slot_of(id)).is_some_and(|living| id != 0 && living.load(Ordering::SeqCst) == id)
    }
    fn ring(&self, slot: usize) -> bool {
        let alive = self.living.get(slot).is_some_and(|living| living.load(Ordering::SeqCst) != 0);
        if alive {
            self.bells[slot].ring();
        }
        alive
    }
}

/// A thread of a model, in the room.
#[cfg(loom)]
pub fn thread<T: 'static>(
    room: &loom::sync::Arc<Room>,
    run: impl FnOnce(&Room) -> T + 'static,
) -> loom::thread::JoinHandle<T> {
    let room = room.clone();
    loom::thread::spawn(move || run(&room))
}

#[cfg(not(loom))]
mod bell {
    use crate::sync::{AtomicU32, Ordering};
    use manycore_os::futex;
    use std::time::Duration;

    /// A futex word, on which a thread sleeps for as long as it takes.
    #[derive(Default)]
    pub struct Bell(AtomicU32);

    impl Bell {
        pub fn ring(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
            futex::wake(&self.0, 1);
        }
        pub fn seen(&self) -> u32 {
            self.0.load(Ordering::SeqCst)
        }
        pub fn sleep(&self, seen: u32) {
            futex::wait(&self.0, seen, Duration::from_secs(3600));
        }
    }
}

#[cfg(loom)]
mod bell {
    use loom::sync::Notify;

    /// Keeps a ring until somebody sleeps, so what was seen before the look is of no account.
    #[derive(Default)]
    pub struct Bell(Notify);

    /// Where another bell has a count.
    pub struct Seen;

    impl Bell {
        pub fn ring(&self) {
            self.0.notify();
        }
        pub fn seen(&self) -> Seen {
            Seen
        }
        pub fn sleep(&self, _: Seen) {
            self.0.wait();
        }
    }
}

#[cfg(not(loom))]
#[path = "../../tests/common/watchdog.rs"]
mod watchdog;
#[cfg(not(loom))]
pub use watchdog::Watchdog;

//! An entry of the contexts' table: 64 bytes of the region, so that other processes can read it and ring it.
//!
//! | bytes | what | who writes it |
//! |---|---|---|
//! | 0–3 | number of the context, 0 = free | [`super::Contexts`], as it attaches and when its death has been dealt with |
//! | 4–7 | state: 0 free, 1 alive, 2 dead | the same |
//! | 8–11 | bell: counts the rings | whoever rings |
//! | 12–15 | 1: it sleeps on the bell, or is about to | its own thread |
//! | 16–19 | 1: tasks of its event loop wait for primitives | its own thread |
//! | 20–23 | 1: its event loop was called and has not looked yet | who rings, 0 → 1; its own thread, 1 → 0 |
//! | 24–27 | generation: how many contexts sat here before | [`super::Contexts`], as the next one attaches |
//! | 28–31 | index of the process that it is in, see [`crate::processes`] | the same |
//! | 32–63 | what it has under way in a ring: [`crate::ring::Intent`] | its own thread, or who sweeps it up |

use crate::bell::Bell;
use crate::blocks::Blocks;
use crate::primitives::SLOTS;
use crate::sync::shared::{AtomicU32, Ordering};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of an entry.
pub(super) const ENTRY: usize = 64;
/// A context's number has 30 bits; the upper two are left to the words that hold one.
const MAX_ID: u32 = (1 << 30) - 1;

mod field {
    pub const NUMBER: usize = 0;
    pub const STATE: usize = 4;
    pub const BELL: usize = 8;
    pub const BLOCKED: usize = 12;
    pub const LISTENING: usize = 16;
    pub const RUNG: usize = 20;
    pub const GENERATION: usize = 24;
    pub const PROCESS: usize = 28;
    pub const INTENT: usize = 32;
}

mod state {
    pub const FREE: u32 = 0;
    pub const ALIVE: u32 = 1;
    pub const DEAD: u32 = 2;
}

/// One entry of the table: a context's own, or, with borrowed blocks, one that is only looked at or rung.
pub(crate) struct Seat<B = Arc<Blocks>> {
    pub(super) blocks: B,
    /// Where it is, in bytes.
    pub(super) at: usize,
}

impl<B: Deref<Target = Blocks>> Seat<B> {
    /// A context of the process of that index sits here from here on: its number.
    pub fn take(&self, slot: usize, process: usize) -> u32 {
        let generation = self.word(field::GENERATION).fetch_add(1, Ordering::Relaxed) + 1;
        let id = (generation << SLOTS.ilog2() | slot as u32) & MAX_ID;
        for field in [field::BLOCKED, field::LISTENING, field::RUNG] {
            self.word(field).store(0, Ordering::Relaxed);
        }
        self.word(field::PROCESS).store(process as u32, Ordering::Relaxed);
        self.word(field::NUMBER).store(id, Ordering::Relaxed);
        // SYNC POINT: the entry is whole. Pairs with `seats`.
        self.word(field::STATE).store(state::ALIVE, Ordering::SeqCst);
        id
    }

    /// Whether the context of this number sits here and lives.
    pub fn seats(&self, id: u32) -> bool {
        // SYNC POINT: the entry is whole. Pairs with `take`.
        self.alive() && self.number() == id
    }

    /// Whether who sits here lives.
    pub fn alive(&self) -> bool {
        self.word(field::STATE).load(Ordering::SeqCst) == state::ALIVE
    }

    /// The context of this number has died, if it is the one that sits here.
    pub fn died(&self, id: u32) {
        if self.number() == id {
            self.word(field::STATE).store(state::DEAD, Ordering::SeqCst);
        }
    }

    /// Nobody sits here from here on. False: it was not the context of this number that did.
    pub fn leave(&self, id: u32) -> bool {
        let number = self.word(field::NUMBER);
        let left = number.compare_exchange(id, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if left {
            self.word(field::STATE).store(state::FREE, Ordering::SeqCst);
        }
        left
    }

    /// Number of who sits here, dead or alive; 0 = nobody.
    pub fn number(&self) -> u32 {
        self.word(field::NUMBER).load(Ordering::SeqCst)
    }

    /// Index of the process that it is in.
    pub fn process(&self) -> usize {
        self.word(field::PROCESS).load(Ordering::SeqCst) as usize
    }

    /// At which byte it writes what it has under way in a ring.
    pub fn intent_at(&self) -> usize {
        self.at + field::INTENT
    }

    fn word(&self, field: usize) -> &AtomicU32 {
        self.blocks.region().word(self.at + field).expect("the table is committed")
    }

    fn bell_words(&self) -> Bell<'_, AtomicU32> {
        Bell { count: self.word(field::BELL), sleeper: self.word(field::BLOCKED) }
    }

    /// How often it was rung.
    pub fn bell(&self) -> u32 {
        self.bell_words().heard()
    }

    /// Wakes whoever sleeps on the bell.
    pub fn ring(&self) {
        self.bell_words().ring();
    }

    /// Sleeps while the bell is `key`, `timeout` at most.
    pub fn sleep(&self, key: u32, timeout: Duration) {
        self.bell_words().sleep(key, timeout);
    }

    /// Whether tasks of its event loop wait: then a ring calls it.
    pub fn listen(&self, on: bool) {
        self.word(field::LISTENING).store(u32::from(on), Ordering::SeqCst);
    }

    /// The event loop looks: a ring from here on calls it again.
    pub fn answer(&self) {
        self.word(field::RUNG).store(0, Ordering::SeqCst);
    }

    pub fn listens(&self) -> bool {
        self.word(field::LISTENING).load(Ordering::SeqCst) != 0
    }

    /// True: the event loop has to be called.
    pub fn calls(&self) -> bool {
        self.listens() && self.word(field::RUNG).swap(1, Ordering::SeqCst) == 0
    }

    /// The event loop is called once more, even if it was called already.
    pub fn calls_again(&self) {
        self.word(field::RUNG).store(1, Ordering::SeqCst);
    }
}

//! The processes' table: who shares the region.
//!
//! An entry is 512 bytes of the region; entry 0 is that of the process which has reserved it.
//!
//! | bytes | what | who writes it |
//! |---|---|---|
//! | 0–3 | number of the process, which is that of a context of its own; 0 = free | the first process |
//! | 4–7 | the system's number of it; 0 = it has not come yet, all ones = it is not let in any more | itself; who was to start it, the first process |
//! | 8–11 | number of its parent | the first process |
//! | 16–19 | bell: counts the rings | whoever rings |
//! | 20–23 | 1: its relay sleeps on the bell, or is about to | its relay |
//! | 24–27 | 1: its relay looks at trays by itself, soon | its relay |
//! | 32–159 | a bit for each entry of the contexts' table: that context's event loop is to be called | who calls; its relay |
//! | 160–255 | three bits for each process: its desks that ask this one for something, and its tray that wants a look | who asks; its relay |
//! | 256–383 | the desk where it asks the first process | see [`super::desk`] |
//! | 384–511 | the desk where it asks its parent | the same |

use super::desk::{Desk, Server, WORDS};
use crate::bell::Bell;
use crate::primitives::{SLOTS, WAITERS};
use crate::region::{Region, header};
use crate::sync::shared::{AtomicU32, AtomicU64};
use crate::sync::{Ordering, fence};

/// Bytes of an entry.
pub const ENTRY: usize = 512;
/// The most processes that share a region.
pub const PROCESSES: usize = 256;
/// Desks of a process.
pub const DESKS: usize = 2;
/// What [`Entry::asker`] answers of a tray, instead of a desk.
pub const TRAY: usize = DESKS;
/// What a process asks for: by its desks, and by its tray.
const ASKS: usize = DESKS + 1;
/// 64-bit words of bits for desks.
const PENDING: usize = PROCESSES * ASKS / 64;

/// In the place of a system's number.
const REFUSED: u32 = u32::MAX;

/// Whom a process asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Whom {
    /// The process that has reserved the region.
    First = 0,
    /// The one that started it.
    Parent = 1,
}

/// One entry.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    region: &'a Region,
    at: usize,
    index: usize,
}

impl<'a> Entry<'a> {
    /// The entry of that index; None: there is no table, or it is not so long.
    pub fn at(region: &'a Region, index: usize) -> Option<Self> {
        let table = region.word(header::PROCESSES)?.load(Ordering::Acquire) as usize;
        let at = table + index * ENTRY;
        region.word(at + ENTRY - 4)?;
        (table != 0 && index < PROCESSES).then_some(Self { region, at, index })
    }

    pub fn index(&self) -> usize {
        self.index
    }

    fn word(&self, at: usize) -> &'a AtomicU32 {
        self.region.word(self.at + at).expect("the table is committed")
    }

    fn longs(&self, at: usize, count: usize) -> &'a [AtomicU64] {
        self.region.longs(self.at + at, count).expect("the table is committed")
    }

    pub fn number(&self) -> &'a AtomicU32 {
        self.word(0)
    }

    pub fn pid(&self) -> &'a AtomicU32 {
        self.word(4)
    }

    /// The process of that number comes, and is `pid` to the system. False: it is not expected any more.
    pub fn come(&self, number: u32, pid: u32) -> bool {
        self.decide(number, pid).is_ok()
    }

    /// The process of that number is not expected any more, and will not be let in. False: it has come.
    pub fn refuse(&self, number: u32) -> bool {
        self.decide(number, REFUSED).map_or_else(|found| found == REFUSED, |()| true)
    }

    /// Whichever is first: it has come, or it will not. Otherwise what was decided.
    fn decide(&self, number: u32, pid: u32) -> Result<(), u32> {
        let (from, to) = (u64::from(number), u64::from(pid) << 32 | u64::from(number));
        // SYNC POINT: the number and the pid in one exchange.
        let found = self.longs(0, 1)[0].compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
        found.map(drop).map_err(|found| (found >> 32) as u32)
    }

    pub fn parent(&self) -> &'a AtomicU32 {
        self.word(8)
    }

    pub fn bell(&self) -> Bell<'a, AtomicU32> {
        Bell { count: self.word(16), sleeper: self.word(20) }
    }

    pub fn pending(&self) -> &'a [AtomicU64] {
        self.longs(160, PENDING)
    }

    pub fn desk(&self, whom: usize) -> Desk<'a, AtomicU32> {
        let at = self.at + 256 + whom % DESKS * WORDS * 4;
        Desk(self.region.words(at, WORDS).expect("the table is committed"))
    }

    /// This process, as the server of `client`'s desk.
    pub fn server(&self, client: usize, whom: Whom) -> Server<'a, AtomicU32, AtomicU64> {
        let desk = client * ASKS + whom as usize;
        Server { pending: &self.pending()[desk / 64], bit: 1 << (desk % 64), bell: self.bell() }
    }

    /// The process and the desk that a bit of [`Self::pending`] stands for.
    pub const fn asker(desk: usize) -> (usize, usize) {
        (desk / ASKS, desk % ASKS)
    }

    /// Has this process look at the tray of `client`'s worker. Nobody waits for it.
    pub fn poke(&self, client: usize) {
        let bit = client * ASKS + TRAY;
        self.pending()[bit / 64].fetch_or(1 << (bit % 64), Ordering::SeqCst);
        // SYNC POINT: the bit, then whether the relay looks by itself. Pairs with `Entry::looks_soon`.
        fence(Ordering::SeqCst);
        if self.word(24).load(Ordering::SeqCst) == 0 {
            self.bell().ring();
        }
    }

    /// Whether this process looks at trays by itself, soon: then nobody has to wake it. If not, it must look once more.
    pub fn looks_soon(&self, soon: bool) {
        self.word(24).store(u32::from(soon), Ordering::SeqCst);
        // SYNC POINT: not any more, then look. Pairs with `Entry::poke`.
        fence(Ordering::SeqCst);
    }

    /// Has the event loop of the context on `slot`, which is in this process, called.
    pub fn call(&self, slot: usize) {
        let slot = slot % SLOTS;
        self.longs(32, WAITERS)[slot / 64].fetch_or(1 << (slot % 64), Ordering::SeqCst);
        self.bell().ring();
    }

    /// The bits of the contexts whose event loops are to be called.
    pub fn called(&self) -> &'a [AtomicU64] {
        self.longs(32, WAITERS)
    }

    /// Everything as if it had never been used.
    pub fn clear(&self) {
        (0..ENTRY).step_by(8).for_each(|at| self.longs(at, 1)[0].store(0, Ordering::SeqCst));
    }
}

//! What became of every job: each item is accounted for exactly once, or the ledger panics.

use manycore_core::record::{Kind, Record};
use std::collections::HashMap;
use std::ops::Range;

/// A job under way, by its slot.
#[derive(Debug)]
struct Open {
    id: u32,
    is_range: bool,
    items: u32,
    /// Whether each item was reported; empty if nobody wants to know.
    seen: Vec<bool>,
    ended: Ended,
}

/// A job whose every item is accounted for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Items that ran to their end.
    pub done: u32,
    /// Items that will never run.
    pub dropped: u32,
    /// Items that were running on a worker that died.
    pub lost: Vec<u32>,
    /// The parts in which the items that ran were reported.
    pub parts: Vec<Range<u32>>,
}

#[derive(Debug, Default)]
pub struct Ledger {
    open: HashMap<u32, Open>,
    ended: HashMap<u32, Ended>,
    /// Seats that worker has left.
    pub gone: Vec<usize>,
    /// Seats whose worker runs its last task.
    pub retiring: Vec<usize>,
}

impl Ledger {
    pub fn begin(&mut self, slot: u32, id: u32, range: Option<u32>, audit: bool) {
        let items = range.unwrap_or(1);
        let seen = vec![false; if audit { items as usize } else { 0 }];
        let open = Open { id, is_range: range.is_some(), items, seen, ended: Ended::default() };
        assert!(self.open.insert(slot, open).is_none(), "slot {slot} is in use");
    }

    /// A job that was not taken after all.
    pub fn forget(&mut self, slot: u32) {
        self.open.remove(&slot);
    }

    pub fn open(&self) -> usize {
        self.open.len()
    }

    pub fn take(&mut self, id: u32) -> Option<Ended> {
        self.ended.remove(&id)
    }

    pub fn take_all(&mut self) -> HashMap<u32, Ended> {
        std::mem::take(&mut self.ended)
    }

    /// Enters a record. True if it ended the job in its slot.
    pub fn enter(&mut self, record: Record) -> bool {
        let Record([_, kind, slot, a, b, ..]) = record;
        match kind {
            k if k == Kind::WorkerGone as u32 => self.gone.push(a as usize),
            k if k == Kind::Retiring as u32 => self.retiring.push(a as usize),
            _ => return self.enter_job(kind, slot, a, b),
        }
        false
    }

    fn enter_job(&mut self, kind: u32, slot: u32, a: u32, b: u32) -> bool {
        let open = self.open.get_mut(&slot).unwrap_or_else(|| panic!("record {kind} for slot {slot}, which is free"));
        let items = if kind == Kind::Part as u32 { a..a + b } else { a..a + 1 };
        if kind == Kind::Called as u32 {
            assert!(!open.is_range);
            open.see(0..1);
            open.ended.done += 1;
        } else if kind == Kind::Part as u32 {
            assert!(open.is_range && b > 0);
            open.see(items.clone());
            open.ended.done += b;
            open.ended.parts.push(items);
        } else if kind == Kind::Lost as u32 {
            open.see(items);
            open.ended.lost.push(a);
        } else if kind == Kind::Dropped as u32 {
            assert!(open.is_range && a > 0);
            open.ended.dropped += a;
        } else if kind == Kind::Cancelled as u32 {
            assert!(!open.is_range);
            open.see(0..1);
            open.ended.dropped += 1;
        } else {
            panic!("no record of kind {kind} was expected");
        }
        let accounted = open.ended.done + open.ended.dropped + open.ended.lost.len() as u32;
        assert!(accounted <= open.items, "{accounted} of {} items: {:?}", open.items, open.ended);
        let whole = accounted == open.items;
        if whole {
            let mut open = self.open.remove(&slot).unwrap();
            open.ended.parts.sort_by_key(|part| part.start);
            open.ended.lost.sort_unstable();
            self.ended.insert(open.id, open.ended);
        }
        whole
    }
}

impl Open {
    fn see(&mut self, items: Range<u32>) {
        if self.seen.is_empty() {
            return;
        }
        for item in items {
            let seen = &mut self.seen[item as usize];
            assert!(!*seen, "item {item} of job {} was reported twice", self.id);
            *seen = true;
        }
    }
}

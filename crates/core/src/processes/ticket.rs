//! What a child process is told so that it finds its place.

use super::table::Entry;
use crate::region::Region;
use crate::sync::shared::Ordering;

/// The place of a process that is about to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Index of its entry.
    pub index: usize,
    /// Its number.
    pub number: u32,
    /// Index of its parent's entry.
    pub parent: usize,
    /// The system's number of its parent.
    pub parent_pid: u32,
}

impl Ticket {
    /// What [`Self::text`] has written.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let mut next = || parts.next()?.parse::<u32>().ok();
        let ticket = Self { index: next()? as usize, number: next()?, parent: next()? as usize, parent_pid: next()? };
        parts.next().is_none().then_some(ticket)
    }

    /// In one word, for an environment variable.
    pub fn text(&self) -> String {
        format!("{}:{}:{}:{}", self.index, self.number, self.parent, self.parent_pid)
    }

    /// The system's numbers of the processes whose end is its end too.
    pub fn above(&self, region: &Region) -> impl Iterator<Item = u32> {
        let first = Entry::at(region, 0).map_or(0, |entry| entry.pid().load(Ordering::SeqCst));
        std::iter::once(self.parent_pid).chain(Some(first).filter(|first| *first != self.parent_pid))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_as_it_was_written() {
        let ticket = Ticket { index: 3, number: 1029, parent: 0, parent_pid: 4711 };
        assert_eq!(Ticket::parse(&ticket.text()), Some(ticket));
        for wrong in ["", "1:2:3", "1:2:3:4:5", "1:2:3:x", "-1:2:3:4"] {
            assert_eq!(Ticket::parse(wrong), None);
        }
    }
}

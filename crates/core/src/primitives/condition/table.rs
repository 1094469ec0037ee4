//! Seats in a row, taken at the back and given up at the front.

use crate::memory::Long;

/// Words of a table before its seats: how many seats it has, the front, the back.
pub const HEAD: usize = 3;
/// Words of a seat: the ticket, the context.
pub const SEAT: usize = 2;

/// The seats of those who wait.
pub struct Table<'a, L> {
    words: &'a [L],
    /// How many seats it has.
    pub capacity: u64,
}

impl<'a, L: Long> Table<'a, L> {
    /// The table in these words: [`HEAD`] of them, then [`SEAT`] for each seat, of which there is one at least.
    pub fn new(words: &'a [L]) -> Self {
        Self { words, capacity: (words.len().saturating_sub(HEAD) / SEAT) as u64 }
    }

    /// Position of the oldest seat. SYNC POINT: what was written before it is there, even if its writer has died.
    pub fn front(&self) -> &'a L {
        &self.words[1]
    }

    /// Position behind the youngest. SYNC POINT: the same.
    pub fn back(&self) -> &'a L {
        &self.words[2]
    }

    /// How many seats are taken, empty ones among them.
    pub fn len(&self) -> u64 {
        self.back().acquire().saturating_sub(self.front().acquire()).min(self.capacity)
    }

    /// The ticket and the context on the seat at a position.
    pub fn seat(&self, position: u64) -> (&'a L, &'a L) {
        let at = HEAD + SEAT * (position % self.capacity) as usize;
        (&self.words[at], &self.words[at + 1])
    }

    /// The positions of its seats, from the oldest.
    pub fn positions(&self) -> impl DoubleEndedIterator<Item = u64> + use<L> {
        let front = self.front().acquire();
        (0..self.len()).map(move |i| front.wrapping_add(i))
    }

    /// Fills a table that nobody knows yet.
    pub fn fill(&self, seats: &[(u64, u64)]) {
        self.words[0].set(self.capacity);
        self.front().set(0);
        self.back().set(seats.len() as u64);
        for (position, (ticket, context)) in seats.iter().enumerate() {
            let seat = self.seat(position as u64);
            seat.0.set(*ticket);
            seat.1.set(*context);
        }
    }
}

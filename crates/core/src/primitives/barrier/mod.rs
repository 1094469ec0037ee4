//! A barrier: a number of waiters that go on together, as in Python's `threading.Barrier`.
//!
//! The word is a state and how many waiters are inside; the word beside it is how many make a round, and never changes.
//!
//! | state | what holds | who moves it on |
//! |---|---|---|
//! | filling | so many have arrived | the last of a round: to *acting* or *draining*; one that gives up: to *broken* |
//! | acting | all have arrived, and the last one runs the action | that one: to *draining*, or to *broken* if the action failed |
//! | draining | all pass; so many have not left yet | the last that leaves: to *filling* |
//! | spoiled | the same, but it is broken for those who come | the last that leaves: to *broken*; a reset: to *draining* |
//! | resetting | it was reset; so many have not been told yet | the last that leaves: to *filling* |
//! | broken | everybody is told so | a reset: to *resetting*, or to *filling* if nobody is inside |
//!
//! An abort moves any state to *broken*, but *draining* to *spoiled*: who was let pass, passes. The same does the death of
//! one that is inside. Who comes while a round is being left waits until it is over, so nobody can be overtaken by the next
//! round, and a look at the state is enough to know the end of one's own.
//!
//! **No wake-up is lost.** A waiter sets its bit, and the flag [`WAITED`] with the compare-exchange by which it arrives or
//! finds that it cannot yet. Whoever moves the state takes the flag away with the same compare-exchange, and rings every
//! bit, and whoever is rung leaves or arrives. (Nobody is rung when the action begins: that changes nothing for anybody.)
//!
//! **Death.** How many waiters of a context are inside is in its *cell*, which is raised before they arrive and lowered when
//! they have left. So a context that is killed in between has too much in its cell, never too little: the barrier is broken
//! once too often, and nobody waits for a ghost.

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;

use super::{Gate, Parties, WAITED, Word32, Word64, slot_of};

/// The most waiters that make a round.
pub const MOST: u32 = (1 << 28) - 1;

/// What became of an arrival. Waiters have the number of those who arrived before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Others are missing. The caller sleeps until it is rung, and calls [`look`].
    Waits(u32),
    /// All have arrived. The caller runs the action, and calls [`finish`].
    Acts(u32),
    /// All have arrived, and the caller passes.
    Passes(u32),
    /// The last round is still being left. The caller sleeps until it is rung, and arrives again.
    NotYet,
    /// The barrier is broken.
    Broken,
}

/// What a look at a barrier found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Others are missing, or the action runs. The caller sleeps until it is rung, and looks again.
    Sleep,
    /// The caller passes, and is outside.
    Passes,
    /// The barrier was broken or reset. The caller is outside.
    Broken,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Filling,
    Acting,
    Draining,
    Spoiled,
    Resetting,
    Broken,
}

/// The word: bits 0–27 how many are inside; bits 28–30 the state; bit 31 [`WAITED`].
#[derive(Clone, Copy)]
struct Word(u32);

impl Word {
    const STATES: [State; 5] = [State::Filling, State::Acting, State::Draining, State::Spoiled, State::Resetting];

    /// `inside` waiters in this state, or what becomes of the state when the last has left.
    fn new(state: State, inside: u32) -> Self {
        let state = match (inside, state) {
            (0, State::Draining | State::Resetting) => State::Filling,
            (0, State::Spoiled) => State::Broken,
            _ => state,
        };
        Self((state as u32) << 28 | inside.min(MOST))
    }

    fn state(self) -> State {
        Self::STATES.get((self.0 >> 28 & 7) as usize).copied().unwrap_or(State::Broken)
    }

    fn inside(self) -> u32 {
        self.0 & MOST
    }
}

/// Waiters that have arrived and wait for the others.
pub fn waiting<A: Word32, B: Word64>(gate: &Gate<'_, A, B>) -> u32 {
    let word = Word(gate.word.load());
    if matches!(word.state(), State::Filling | State::Acting) { word.inside() } else { 0 }
}

/// Whether the barrier is broken.
pub fn is_broken<A: Word32, B: Word64>(gate: &Gate<'_, A, B>) -> bool {
    matches!(Word(gate.word.load()).state(), State::Spoiled | State::Broken)
}

/// A waiter of the context `me` arrives. `action`: the last one has something to do before all pass. `stay`: other
/// waiters of this context remain, whatever becomes of this one.
pub fn arrive<A: Word32, B: Word64>(
    gate: &Gate<'_, A, B>,
    parties: &impl Parties,
    me: u32,
    cell: &impl Word32,
    action: bool,
    stay: bool,
) -> Arrival {
    // SYNC POINT: in the cell, then inside. Pairs with `died`.
    cell.fetch_add(1);
    let arrival = loop {
        // SYNC POINT: the bit is set, then the flag. Pairs with `change`.
        gate.enter(me);
        let word = Word(gate.word.load());
        let (index, all) = (word.inside(), word.inside() >= gate.aside.load().saturating_sub(1));
        let inside = index.saturating_add(1);
        let (next, arrival) = match word.state() {
            State::Filling if !all => (Word(Word::new(State::Filling, inside).0 | WAITED), Arrival::Waits(index)),
            State::Filling if action => (Word::new(State::Acting, inside), Arrival::Acts(index)),
            State::Filling => (Word::new(State::Draining, index), Arrival::Passes(index)),
            State::Spoiled | State::Broken => (word, Arrival::Broken),
            _ => (Word(word.0 | WAITED), Arrival::NotYet),
        };
        if !stay && !matches!(arrival, Arrival::Waits(_) | Arrival::NotYet) {
            gate.leave(me);
        }
        if change(gate, parties, me, word, next) {
            break arrival;
        }
    };
    if !matches!(arrival, Arrival::Waits(_) | Arrival::Acts(_)) {
        lower(cell);
    }
    arrival
}

/// What has become of a waiter that has arrived.
pub fn look<A: Word32, B: Word64>(
    gate: &Gate<'_, A, B>,
    parties: &impl Parties,
    me: u32,
    cell: &impl Word32,
    stay: bool,
) -> Look {
    quit(gate, parties, me, cell, stay, told)
}

/// The action has ended, `done` or not. Never [`Look::Sleep`].
pub fn finish<A: Word32, B: Word64>(
    gate: &Gate<'_, A, B>,
    parties: &impl Parties,
    me: u32,
    cell: &impl Word32,
    done: bool,
    stay: bool,
) -> Look {
    quit(gate, parties, me, cell, stay, |state| match state {
        State::Acting if done => Some((State::Draining, Look::Passes)),
        State::Acting | State::Filling => Some((State::Broken, Look::Broken)),
        _ => told(state),
    })
}

/// A waiter that has arrived gives up, and the barrier breaks, unless its round was over before. `patient`: it stays while
/// the action runs ([`Look::Sleep`]), as nobody is missing any more.
pub fn leave<A: Word32, B: Word64>(
    gate: &Gate<'_, A, B>,
    parties: &impl Parties,
    me: u32,
    cell: &impl Word32,
    patient: bool,
    stay: bool,
) -> Look {
    quit(gate, parties, me, cell, stay, |state| match state {
        State::Acting if patient => None,
        State::Acting | State::Filling => Some((State::Broken, Look::Broken)),
        _ => told(state),
    })
}

/// The last waiter of the context `me` that had been told to arrive again does not.
pub fn withdraw<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, me: u32) {
    gate.leave(me);
}

/// Breaks the barrier, for those who are inside and for those who come.
pub fn abort<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, parties: &impl Parties, me: u32) {
    update(gate, parties, me, |word| match word.state() {
        State::Draining | State::Spoiled => Word::new(State::Spoiled, word.inside()),
        _ => Word::new(State::Broken, word.inside()),
    });
}

/// Makes the barrier as new. Who waits is told that it was broken.
pub fn reset<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, parties: &impl Parties, me: u32) {
    update(gate, parties, me, |word| match word.state() {
        State::Draining | State::Spoiled => Word::new(State::Draining, word.inside()),
        _ => Word::new(State::Resetting, word.inside()),
    });
}

/// The context `dead` has died, with `inside` in its cell: if that is not nothing, the barrier breaks.
pub fn died<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, parties: &impl Parties, dead: u32, inside: u32) {
    gate.leave(dead);
    if inside > 0 {
        update(gate, parties, dead, |word| {
            let state = match word.state() {
                State::Filling | State::Acting => State::Broken,
                State::Draining => State::Spoiled,
                state => state,
            };
            Word::new(state, word.inside().saturating_sub(inside))
        });
    }
}

/// What a state tells one that is inside: None, to wait; or the state that it leaves behind, and the end of its round.
fn told(state: State) -> Option<(State, Look)> {
    match state {
        State::Filling | State::Acting => None,
        State::Draining | State::Spoiled => Some((state, Look::Passes)),
        State::Resetting | State::Broken => Some((state, Look::Broken)),
    }
}

/// Takes a waiter out, if `end` says that it leaves.
fn quit<A: Word32, B: Word64>(
    gate: &Gate<'_, A, B>,
    parties: &impl Parties,
    me: u32,
    cell: &impl Word32,
    stay: bool,
    end: impl Fn(State) -> Option<(State, Look)>,
) -> Look {
    loop {
        // SYNC POINT: the bit is set, then the word. Pairs with `change`. It may have been taken for one of the dead and
        // cleared; the flag is there since the arrival.
        gate.enter(me);
        let word = Word(gate.word.load());
        let Some((state, look)) = end(word.state()) else {
            return Look::Sleep;
        };
        if !stay {
            gate.leave(me);
        }
        if change(gate, parties, me, word, Word::new(state, word.inside().saturating_sub(1))) {
            // SYNC POINT: outside, then out of the cell. Pairs with `died`.
            lower(cell);
            return look;
        }
    }
}

fn lower(cell: &impl Word32) {
    cell.fetch_add(u32::MAX);
}

fn update<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, parties: &impl Parties, me: u32, next: impl Fn(Word) -> Word) {
    loop {
        let word = Word(gate.word.load());
        if change(gate, parties, me, word, next(word)) {
            return;
        }
    }
}

/// Moves the word, if it is still `from`. With another state, all that wait are rung, also of the context `me`.
fn change<A: Word32, B: Word64>(gate: &Gate<'_, A, B>, parties: &impl Parties, me: u32, from: Word, to: Word) -> bool {
    let rings = to.state() != from.state() && to.state() != State::Acting;
    let waited = if rings { 0 } else { from.0 & WAITED };
    if gate.word.compare_exchange(from.0, to.0 | waited).is_err() {
        return false;
    }
    // SYNC POINT: the state is another, then look at the bits. Pairs with `arrive` and `quit`.
    if rings && from.0 & WAITED != 0 && gate.ring_all(parties, me).own {
        parties.ring(slot_of(me));
    }
    true
}

#[cfg(test)]
pub(super) mod both {
    //! What a test and a model do with a barrier.

    use super::*;
    use crate::primitives::testing::Room;

    /// Waits until the round is over. None: it was broken.
    pub fn pass(room: &Room, me: u32, action: Option<&dyn Fn()>) -> Option<u32> {
        let (gate, cell) = (room.gate(), room.cell(me));
        let mut inside = None;
        room.wait(me, || {
            let (index, end) = if let Some(index) = inside {
                (index, look(&gate, room, me, cell, false))
            } else {
                match arrive(&gate, room, me, cell, action.is_some(), false) {
                    Arrival::NotYet => return None,
                    Arrival::Waits(index) => {
                        inside = Some(index);
                        return None;
                    }
                    Arrival::Acts(index) => {
                        action.into_iter().for_each(|act| act());
                        (index, finish(&gate, room, me, cell, true, false))
                    }
                    Arrival::Passes(index) => (index, Look::Passes),
                    Arrival::Broken => return Some(None),
                }
            };
            (end != Look::Sleep).then(|| (end == Look::Passes).then_some(index))
        })
    }
}

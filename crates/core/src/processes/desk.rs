//! One request at a time from one process to another, and its answer: a few words in the region that both see.
//!
//! | state | meaning | who moves it |
//! |---|---|---|
//! | idle | nobody has asked yet | the client |
//! | asked | the request is in place | the client, from idle or answered |
//! | asleep | the same, and the client sleeps or is about to | the client, from asked |
//! | answered | the answer is in the request's place; nobody asks | the server, from asked or asleep |
//!
//! The server learns of it by a bit of its own for this desk, set before its bell is rung. It takes the bits away before it
//! looks at the desks, and hears the bell before it takes them.
//!
//! A client that is killed leaves a request that is served, for nobody; it asks for nothing but what its death takes back.
//! The server outlives its clients: they end with it.

use crate::bell::Bell;
use crate::primitives::{Word32, Word64};
use crate::sync::{Ordering, pause, shared};
use std::time::Duration;

/// 32-bit words of a desk.
pub const WORDS: usize = 32;
/// Values that fit in a request or an answer.
pub const VALUES: usize = WORDS - 3;

const STATE: usize = 0;
const OP: usize = 1;
const COUNT: usize = 2;
const FIRST: usize = 3;

const IDLE: u32 = 0;
const ASKED: u32 = 1;
const ASLEEP: u32 = 2;
const ANSWERED: u32 = 3;

/// How often a client looks before it sleeps: after the first 128 times it lets others run in between, for whom it waits may
/// need its processor.
const LOOKS: u32 = if cfg!(loom) { 1 } else { 160 };

/// Values that are asked or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    words: [u32; VALUES],
    count: usize,
}

impl Values {
    /// These; of more than [`VALUES`] the rest is left out.
    pub fn new(values: &[u32]) -> Self {
        let mut words = [0; VALUES];
        let count = values.len().min(VALUES);
        words[..count].copy_from_slice(&values[..count]);
        Self { words, count }
    }

    /// All of them.
    pub fn all(&self) -> &[u32] {
        &self.words[..self.count]
    }

    /// One of them, 0 where there is none.
    pub fn at(&self, index: usize) -> u32 {
        self.all().get(index).copied().unwrap_or(0)
    }

    /// Two of them that are one number.
    pub fn long(&self, index: usize) -> usize {
        (u64::from(self.at(index)) | u64::from(self.at(index + 1)) << 32) as usize
    }
}

/// The two values of one number.
pub fn halves(number: usize) -> [u32; 2] {
    [number as u32, (number as u64 >> 32) as u32]
}

/// A desk, by its words.
pub struct Desk<'a, A>(pub &'a [A]);

/// Who serves a desk.
pub struct Server<'a, A, B> {
    /// The word with the bit of the desk.
    pub pending: &'a B,
    /// The bit.
    pub bit: u64,
    /// The server's bell.
    pub bell: Bell<'a, A>,
}

impl<A: Word32> Desk<'_, A> {
    /// Asks the server and waits for its answer. One thread at a time.
    pub fn ask<B: Word64>(
        &self,
        server: &Server<'_, A, B>,
        (op, values): (u32, &Values),
        wake: impl FnOnce(&A),
        sleep: impl Fn(&A, u32),
    ) -> Values {
        self.0[OP].store(op);
        self.put(values);
        self.0[STATE].store(ASKED);
        // SYNC POINT: the request is in place, then its bit, then the bell. Pairs with `take_pending`.
        server.pending.fetch_or(server.bit);
        server.bell.ring_with(wake);
        let state = &self.0[STATE];
        for turn in 0..LOOKS {
            if state.load() == ANSWERED {
                break;
            }
            pause(turn);
        }
        while state.load() != ANSWERED {
            // SYNC POINT: asleep, unless it was answered. Pairs with the swap in `serve`.
            if state.compare_exchange(ASKED, ASLEEP) != Err(ANSWERED) {
                sleep(state, ASLEEP);
            }
        }
        self.get()
    }

    /// Answers the request, if there is one. False: there is none.
    pub fn serve(&self, answer: impl FnOnce(u32, Values) -> Values, wake: impl FnOnce(&A)) -> bool {
        let state = &self.0[STATE];
        if !matches!(state.load(), ASKED | ASLEEP) {
            return false;
        }
        let answer = answer(self.0[OP].load(), self.get());
        self.put(&answer);
        // SYNC POINT: the answer is in place.
        if state.swap(ANSWERED) == ASLEEP {
            wake(state);
        }
        true
    }

    /// Nobody asks: for the next process that gets this desk.
    pub fn clear(&self) {
        self.0[STATE].store(IDLE);
    }

    fn put(&self, values: &Values) {
        self.0[COUNT].store(values.count as u32);
        for (word, value) in self.0[FIRST..].iter().zip(values.all()) {
            word.store(*value);
        }
    }

    fn get(&self) -> Values {
        let mut values = Values { words: [0; VALUES], count: (self.0[COUNT].load() as usize).min(VALUES) };
        for (value, word) in values.words[..values.count].iter_mut().zip(&self.0[FIRST..]) {
            *value = word.load();
        }
        values
    }
}

/// Takes the bits of the desks that ask for something; `visit` gets their numbers.
pub fn take_pending<B: Word64>(pending: &[B], mut visit: impl FnMut(usize)) {
    for (index, word) in pending.iter().enumerate() {
        if word.load() == 0 {
            continue;
        }
        // SYNC POINT: bits taken, then look at the desks. Pairs with `ask`.
        let mut bits = word.fetch_and(0);
        while bits != 0 {
            visit(index * 64 + bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
    }
}

/// Sleeps while the word is `expected`; wakes now and then by itself.
pub fn sleep(word: &shared::AtomicU32, expected: u32) {
    if word.load(Ordering::SeqCst) == expected {
        manycore_os::futex::wait(word, expected, Duration::from_millis(100));
    }
}

/// Wakes who sleeps on a word.
pub fn wake(word: &shared::AtomicU32) {
    manycore_os::futex::wake(word, 1);
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{AtomicU32, AtomicU64};
    use loom::sync::{Arc, Notify};

    /// Two desks of one server.
    struct Model {
        desks: [[AtomicU32; WORDS]; 2],
        pending: [AtomicU64; 1],
        bell: [AtomicU32; 2],
        /// What the system's sleep on the bell is, and on the state of a desk.
        woken: Notify,
        answered: [Notify; 2],
    }

    impl Model {
        fn new() -> Arc<Self> {
            let words = || std::array::from_fn(|_| AtomicU32::new(0));
            Arc::new(Self {
                desks: [words(), words()],
                pending: [AtomicU64::new(0)],
                bell: Default::default(),
                woken: Notify::new(),
                answered: [Notify::new(), Notify::new()],
            })
        }
        fn bell(&self) -> Bell<'_, AtomicU32> {
            Bell { count: &self.bell[0], sleeper: &self.bell[1] }
        }
        fn ask(&self, desk: usize, value: u32) -> u32 {
            let server = Server { pending: &self.pending[0], bit: 1 << desk, bell: self.bell() };
            let sleep = |word: &AtomicU32, expected| {
                if Word32::load(word) == expected {
                    self.answered[desk].wait();
                }
            };
            let request = (7, &Values::new(&[value]));
            Desk(&self.desks[desk]).ask(&server, request, |_| self.woken.notify(), sleep).at(0)
        }
        /// Serves until `count` requests were served.
        fn serve(&self, count: u32) {
            let mut served = 0;
            while served < count {
                let heard = self.bell().heard();
                let before = served;
                take_pending(&self.pending, |desk| {
                    let double = |op, values: Values| Values::new(&[values.at(0) * 2 + op]);
                    served += u32::from(Desk(&self.desks[desk]).serve(double, |_| self.answered[desk].notify()));
                });
                if served == before {
                    self.bell().sleep_with(|count| {
                        if Word32::load(count) == heard {
                            self.woken.wait();
                        }
                    });
                }
            }
        }
    }

    #[test]
    fn every_request_is_answered() {
        loom::model(|| {
            let model = Model::new();
            let server = model.clone();
            let server = loom::thread::spawn(move || server.serve(2));
            assert_eq!(model.ask(0, 1), 9);
            assert_eq!(model.ask(0, 2), 11);
            server.join().unwrap();
        });
    }

    #[test]
    fn two_clients_are_answered() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(|| {
            let model = Model::new();
            let clients = [0, 1].map(|desk| {
                let model = model.clone();
                loom::thread::spawn(move || assert_eq!(model.ask(desk, desk as u32), 7 + 2 * desk as u32))
            });
            model.serve(2);
            clients.into_iter().for_each(|client| client.join().unwrap());
        });
    }
}

//! A ring in a real region, and threads with a context each that put into it and take from it.

use manycore_core::blocks::Blocks;
use manycore_core::context::{Context, Wake};
use manycore_core::contexts::{Contexts, OBJECTS};
use manycore_core::objects::kind;
use manycore_core::ring::{Area, Caller, Got, INLINE, Intent, Many, Memory, Message, Put, Ring, STATE_BYTES};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Bytes of a desk's area.
const AREA: usize = 8192;
/// Where the area begins in the desk's block; before it are the intent and the cell.
const AREA_AT: usize = 64;

struct NoLoop;

impl Wake for NoLoop {
    fn wake(&self) {}
}

/// A region with one ring.
pub struct Hall {
    pub blocks: Arc<Blocks>,
    pub contexts: Contexts,
    object: u32,
    counted: bool,
    /// How long who waits spins before it sleeps.
    pub spin: Duration,
}

impl Hall {
    /// A ring with these limits, which counts what was taken and is not done if `counted`.
    pub fn new(max_items: u32, max_bytes: u32, counted: bool) -> Self {
        let blocks = Arc::new(Blocks::new(256 << 20).unwrap());
        let contexts = Contexts::new(blocks.clone()).unwrap();
        let object = blocks.alloc(OBJECTS, STATE_BYTES).unwrap();
        let at = Blocks::payload(object);
        blocks.region().zero(at, STATE_BYTES);
        for (i, word) in [kind::QUEUE, max_items, max_bytes].into_iter().enumerate() {
            blocks.region().word(at + i * 4).unwrap().store(word, Relaxed);
        }
        Self { blocks, contexts, object, counted, spin: Duration::ZERO }
    }

    pub fn ring(&self) -> Ring<'_, Blocks> {
        Ring::at(&*self.blocks, self.object).unwrap()
    }

    /// A context for this thread.
    pub fn desk(&self) -> Desk<'_> {
        let context = self.contexts.attach(Box::new(NoLoop)).unwrap();
        let own = self.blocks.alloc(context.id(), AREA_AT + AREA).unwrap();
        let at = Blocks::payload(own);
        self.blocks.region().zero(at, AREA_AT);
        Desk { hall: self, context, at }
    }

    /// Bytes in use beside the ring's object and the contexts' table.
    pub fn in_use(&self) -> usize {
        let empty = Hall::new(0, 0, false);
        self.blocks.in_use() - empty.blocks.in_use()
    }
}

/// A context with memory of its own.
pub struct Desk<'a> {
    pub hall: &'a Hall,
    context: Arc<Context>,
    at: usize,
}

impl<'a> Desk<'a> {
    pub fn id(&self) -> u32 {
        self.context.id()
    }

    pub fn caller(&self) -> Caller<'a, Blocks, Contexts> {
        let intent = Intent::new(self.hall.blocks.longs(self.at, 4).unwrap()).unwrap();
        let cell = self.hall.counted.then(|| self.hall.blocks.word(self.at + 32).unwrap());
        Caller { id: self.id(), intent, cell, parties: &self.hall.contexts }
    }

    pub fn area(&self, bytes: usize) -> Area {
        assert!(bytes <= AREA);
        Area { at: self.at + AREA_AT, bytes }
    }

    /// Writes the words into the area.
    pub fn write(&self, words: &[u64]) {
        let area = self.hall.blocks.longs(self.area(0).at, words.len()).unwrap();
        area.iter().zip(words).for_each(|(word, value)| word.store(*value, Relaxed));
    }

    /// The first words of the area.
    pub fn read<const N: usize>(&self) -> [u64; N] {
        let area = self.hall.blocks.longs(self.area(0).at, N).unwrap();
        std::array::from_fn(|i| area[i].load(Relaxed))
    }

    /// The messages in the area, each with its first word.
    pub fn messages(&self, count: u32) -> Vec<u64> {
        let area = self.hall.blocks.longs(self.area(0).at, AREA / 8).unwrap();
        let mut at = 0;
        let mut message = || {
            let head = area[at].load(Relaxed);
            assert_eq!(head >> 32, 0);
            at += 1 + (head as usize).div_ceil(8);
            area[at - (head as usize).div_ceil(8)].load(Relaxed)
        };
        (0..count).map(|_| message()).collect()
    }

    /// Looks until something is got, and sleeps in between: for ever, if no ring comes.
    pub fn wait<R>(&self, mut look: impl FnMut() -> Option<R>) -> R {
        loop {
            let seen = self.context.bell();
            if let Some(result) = look() {
                return result;
            }
            self.context.sleep(seen, self.hall.spin, Duration::from_secs(3600));
        }
    }

    /// Puts one message, of two words.
    pub fn put(&self, words: [u64; 2]) -> Put {
        self.write(&words);
        self.put_message(Message::Bytes { at: self.area(0).at, bytes: 16 })
    }

    /// Puts one message, and waits for room.
    pub fn put_message(&self, message: Message) -> Put {
        let (ring, me) = (self.hall.ring(), self.caller());
        let mut waited = false;
        let put = self.wait(|| {
            let put = ring.put(&me, message, true).unwrap();
            waited |= put == Put::Full;
            Some(put).filter(|put| *put != Put::Full)
        });
        if waited {
            ring.leave_room(&me);
        }
        put
    }

    /// Puts all messages in the area, and waits for room.
    pub fn put_many(&self, area: Area, stride: usize) -> Put {
        let (ring, me) = (self.hall.ring(), self.caller());
        let (mut area, mut waited) = (area, false);
        let put = self.wait(|| {
            loop {
                let (count, put) = ring.put_many(&me, area, true).unwrap();
                let used = count as usize * stride;
                area = Area { at: area.at + used, bytes: area.bytes - used };
                match put {
                    Put::Full if count > 0 => {}
                    Put::Full => {
                        waited = true;
                        return None;
                    }
                    other => return Some(other),
                }
            }
        });
        if waited {
            ring.leave_room(&me);
        }
        put
    }

    /// Takes one message into the area, and waits for it.
    pub fn get(&self) -> Got {
        let (ring, me, target) = (self.hall.ring(), self.caller(), self.area(INLINE).at);
        let mut waited = false;
        let got = self.wait(|| {
            let got = ring.get(&me, target, true).unwrap();
            waited |= got == Got::Empty;
            Some(got).filter(|got| *got != Got::Empty)
        });
        if waited {
            ring.leave_items(&me);
        }
        got
    }

    /// Takes up to `max` messages into the area, and waits for the first; 0 = there will be none.
    pub fn get_many(&self, max: u32) -> u32 {
        let (ring, me, area) = (self.hall.ring(), self.caller(), self.area(AREA));
        let mut waited = false;
        let count = self.wait(|| match ring.get_many(&me, max, area, true).unwrap() {
            Many::Some(count) => Some(count),
            Many::Ended => Some(0),
            Many::Empty => {
                waited = true;
                None
            }
        });
        if waited {
            ring.leave_items(&me);
        }
        count
    }
}

impl Drop for Desk<'_> {
    /// The thread's death.
    fn drop(&mut self) {
        let (id, me) = (self.id(), self.caller());
        self.hall.contexts.died(id);
        self.hall.ring().sweep(&me);
        self.hall.ring().lose(&me).unwrap();
        self.hall.blocks.sweep(id);
        self.hall.contexts.forget(id);
        self.hall.contexts.ring_all();
    }
}

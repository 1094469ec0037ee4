//! Producers and consumers that are cut off at any of their writes, and so is who sweeps them, while the others go on.
//! Nobody waits with a time limit: a ring that is lost is a test that hangs; a message that is lost, comes twice or out of
//! order is found in the end, and so is a block.

use super::world::{MESSAGES, Setup, World, mortal};
use crate::primitives::testing::Watchdog;
use crate::ring::{Fault, Got, Long, Memory, Put, flag};
use std::sync::mpsc::{Receiver, Sender, channel};

const PRODUCERS: usize = 2;
const CONSUMERS: usize = 2;
const CLOSER: usize = PRODUCERS + CONSUMERS;
/// Messages of each producer.
const COUNT: u32 = if cfg!(miri) { 20 } else { 500 };
/// Writes after which an operation that is cut off has come to its end at the latest.
const LIFE: u32 = 60;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(end)) >> 32) as u32
    }
}

/// A context that died, and how to say that it is buried.
type Grave = (usize, Sender<()>);

/// A thread's part in the test.
struct Actor<'a> {
    index: usize,
    world: &'a World,
    random: Random,
    graves: Sender<Grave>,
    /// One in so many operations is cut off, 0 = none.
    risk: u32,
}

impl Actor<'_> {
    /// Does one operation. None: the context died in it, and lives again.
    fn act<R>(&mut self, mut work: impl FnMut() -> Result<R, Fault>) -> Option<R> {
        let cut = self.risk > 0 && self.random.below(self.risk) == 0;
        let life = if cut { self.random.below(LIFE) } else { u32::MAX };
        let result = mortal(life, || self.world.insist(&mut work));
        if result.is_none() {
            self.world.died(self.index);
            let (buried, grave) = channel();
            self.graves.send((self.index, buried)).unwrap();
            grave.recv().unwrap();
            self.world.revive(self.index);
        }
        result
    }

    /// The same with one that meets nobody. False: the context died in it.
    fn does(&mut self, mut work: impl FnMut()) -> bool {
        let done = || {
            work();
            Ok(())
        };
        self.act(done).is_some()
    }

    fn produce(mut self) {
        let (world, index) = (self.world, self.index);
        for number in index as u32 * COUNT..(index as u32 + 1) * COUNT {
            let block = self.random.below(4) == 0;
            let message = if block { world.block(index, number) } else { world.number(index, u64::from(number)) };
            let mut waited = false;
            let put = world.wait(index, || {
                let put = self.act(|| world.ring().put(&world.caller(index), message, true));
                waited |= put == Some(Put::Full);
                (put != Some(Put::Full)).then_some(put)
            });
            assert!(matches!(put, None | Some(Put::Done)));
            if waited {
                self.does(|| world.ring().leave_room(&world.caller(index)));
            }
        }
    }

    /// Answers what it got, and how many of those it may not have said to be done.
    fn consume(mut self) -> (Vec<u32>, u32) {
        let (world, index) = (self.world, self.index);
        let (mut all, mut doubtful) = (Vec::new(), 0);
        loop {
            let mut waited = false;
            let got = world.wait(index, || {
                let got = self.act(|| world.ring().get(&world.caller(index), World::area_at(index), true));
                waited |= got == Some(Got::Empty);
                (got != Some(Got::Empty)).then_some(got)
            });
            match got {
                None => {}
                Some(Got::Bytes(_)) => all.push(world.got(index) as u32),
                Some(Got::Block { block, .. }) => {
                    assert!(world.free(World::id(index), block));
                    all.push(block - MESSAGES);
                }
                Some(Got::Ended) => return (all, doubtful),
                Some(Got::Empty) => unreachable!(),
            }
            let left = !waited || self.does(|| world.ring().leave_items(&world.caller(index)));
            if got.is_some() {
                // Who died after it got the message, and lives again, has nothing any more that could be done.
                let done = left.then(|| self.act(|| world.ring().task_done(&world.caller(index), 1))).flatten();
                assert_ne!(done, Some(false));
                doubtful += u32::from(done.is_none());
            }
        }
    }
}

/// Buries the dead, and is cut off at that again and again.
fn sweeper(world: &World, graves: Receiver<Grave>, mut random: Random) -> u32 {
    let mut deaths = 0;
    for (index, buried) in graves {
        while mortal(random.below(LIFE), || world.bury(index)) != Some(true) {
            std::thread::yield_now();
        }
        deaths += 1;
        buried.send(()).unwrap();
    }
    deaths
}

fn run(seed: u64, risk: u32, max_items: u32, max_bytes: u32) {
    let _watchdog = Watchdog::new();
    let setup = Setup { contexts: CLOSER + 1, chunks: 2 * COUNT / 5 + 9, max_items, max_bytes, counted: true, area: 8 };
    let world = &World::new(setup);
    let (graves, dug) = channel();
    let actor = move |index: usize| {
        let random = Random((seed * 8 + index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Actor { index, world, random, graves: graves.clone(), risk }
    };
    let (got, deaths) = std::thread::scope(|s| {
        let producers = [0, 1].map(&actor).map(|actor| s.spawn(|| actor.produce()));
        let consumers = [2, 3].map(&actor).map(|actor| s.spawn(|| actor.consume()));
        let mut closer = actor(CLOSER);
        drop(actor);
        let sweeper = s.spawn(|| sweeper(world, dug, Random(seed + 1)));
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        while closer.act(|| world.ring().shut(&world.caller(CLOSER), flag::CLOSED)).is_none() {}
        world.wait(CLOSER, || world.ring().join(&world.caller(CLOSER), world.ring().epoch(), true).then_some(()));
        drop(closer);
        let got = consumers.map(|consumer| consumer.join().unwrap());
        (got, sweeper.join().unwrap())
    });

    let mut all = Vec::new();
    let mut doubtful = 0;
    for (items, doubts) in got {
        for producer in 0..PRODUCERS as u32 {
            let its: Vec<_> = items.iter().filter(|item| **item / COUNT == producer).collect();
            assert!(its.is_sorted(), "the order is kept");
        }
        all.extend(items);
        doubtful += doubts;
    }
    let ring = world.ring();
    let (put, taken, lost) = (ring.state.tail().get() as u32, all.len() as u32, ring.lost());
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len() as u32, taken, "nothing comes twice");
    assert!((put - taken..=put - taken + doubtful).contains(&lost), "{put} put, {taken} taken, {lost} lost");
    assert_eq!((ring.len(), ring.bytes(), ring.unfinished()), (0, 0, 0));
    if risk == 0 {
        assert_eq!((put, lost, deaths), (2 * COUNT, 0, 0));
    } else {
        assert!(deaths > 0);
    }
    ring.end();
    assert_eq!(world.owned(), []);
}

/// As many rounds, or fewer where every step is interpreted.
fn seeds() -> std::ops::Range<u64> {
    0..if cfg!(miri) { 2 } else { 40 }
}

#[test]
fn nobody_dies() {
    seeds().for_each(|seed| run(seed, 0, 0, 0));
}

#[test]
fn nobody_dies_at_a_limited_ring() {
    seeds().for_each(|seed| run(seed, 0, 1 + seed as u32 % 7, 0));
}

#[test]
fn many_die() {
    seeds().for_each(|seed| run(seed, 6, 0, 0));
}

#[test]
fn many_die_at_a_limited_ring() {
    seeds().for_each(|seed| run(seed, 6, 1 + seed as u32 % 7, 0));
}

#[test]
fn many_die_at_a_ring_limited_by_bytes() {
    seeds().for_each(|seed| run(seed, 6, 0, 64 * (1 + seed as u32 % 7)));
}

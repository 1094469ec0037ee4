//! A context is cut off before each of its writes in turn; who sweeps it is cut off before each of its own, and then
//! another one sweeps both. What is in the ring is what a prefix of the operation leaves, and everything else is freed.

use super::world::{MESSAGES, Setup, World, mortal};
use crate::contexts::OBJECTS;
use crate::ring::{Fault, Got, Long, Memory, Message, Put, flag};

const VICTIM: usize = 0;
const SWEEPER: usize = 1;
const SECOND: usize = 2;
const OTHER: usize = 3;

/// A message: a number, or one from here on that stands for a block.
type Item = u32;

fn cost(item: Item) -> u64 {
    if item >= MESSAGES { 100 } else { 64 }
}

fn put(world: &World, index: usize, item: Item) -> Result<Put, Fault> {
    let message =
        if item >= MESSAGES { world.block(index, item - MESSAGES) } else { world.number(index, u64::from(item)) };
    world.ring().put(&world.caller(index), message, false)
}

/// Takes everything as `OTHER`, frees it, and says that it is done.
fn drain(world: &World, counted: bool) -> Vec<Item> {
    let (ring, me) = (world.ring(), world.caller(OTHER));
    let mut all = Vec::new();
    loop {
        match ring.get(&me, World::area_at(OTHER), false).unwrap() {
            Got::Bytes(_) => all.push(world.got(OTHER) as u32),
            Got::Block { block, .. } => {
                assert!(Memory::free(world, me.id, block), "it was handed over");
                all.push(block);
            }
            Got::Empty | Got::Ended => break,
        }
        assert!(!counted || ring.task_done(&me, 1).unwrap());
    }
    all
}

/// What a cut in an operation may leave.
struct Scenario {
    setup: Setup,
    /// What is in the ring before.
    before: Vec<Item>,
    /// How many of those are taken before, so that the first chunk is drained.
    skipped: usize,
    /// What the operation puts.
    puts: Vec<Item>,
    /// How many it takes at most.
    takes: usize,
    /// How many of those it says to be done, if it comes to that.
    settles: u64,
    act: fn(&World),
}

impl Scenario {
    fn new(before: impl IntoIterator<Item = Item>, act: fn(&World)) -> Self {
        let setup = Setup { contexts: 4, chunks: 8, area: 64, counted: true, ..Setup::default() };
        Self { setup, before: before.into_iter().collect(), skipped: 0, puts: Vec::new(), takes: 0, settles: 0, act }
    }

    fn world(&self) -> World {
        let Setup { contexts, chunks, max_items, max_bytes, counted, area } = self.setup;
        let world = World::new(Setup { contexts, chunks, max_items, max_bytes, counted, area });
        for item in &self.before {
            assert_eq!(put(&world, OTHER, *item).unwrap(), Put::Done);
        }
        for _ in 0..self.skipped {
            let got = world.ring().get(&world.caller(OTHER), World::area_at(OTHER), false).unwrap();
            if let Got::Block { block, .. } = got {
                Memory::free(&world, World::id(OTHER), block);
            }
            assert!(!counted || world.ring().task_done(&world.caller(OTHER), 1).unwrap());
        }
        world
    }

    fn check(&self, world: &World) {
        let (ring, before) = (world.ring(), &self.before[self.skipped..]);
        let len = ring.len();
        assert_eq!(world.caller(VICTIM).intent.object(), 0);
        if self.setup.counted && ring.flags() & flag::DROPPED == 0 {
            assert_eq!(ring.unfinished(), len, "the dead one's are lost");
            let done = ring.state.done().get() - self.skipped as u64 - u64::from(ring.lost());
            assert!(done == 0 || done == self.settles, "{done} done, {} lost", ring.lost());
        }
        let bytes = ring.bytes();
        let left = drain(world, self.setup.counted);
        if ring.flags() & flag::DROPPED != 0 {
            assert_eq!(left, []);
            assert_eq!(ring.unfinished(), 0);
        } else {
            assert_eq!(bytes, left.iter().map(|item| cost(*item)).sum::<u64>());
            let all: Vec<_> = before.iter().chain(&self.puts).copied().collect();
            let fits = |from: usize, to: usize| left[..] == all[from..to];
            let prefix = (before.len()..=all.len()).any(|to| (0..=self.takes).any(|from| from <= to && fits(from, to)));
            assert!(prefix, "{left:?} is left of {before:?} and {:?}", self.puts);
            // It works as if nothing had happened.
            for item in 0..12 {
                assert_eq!(put(world, OTHER, item + MESSAGES * (item % 2)).unwrap(), Put::Done);
                assert_eq!(drain(world, self.setup.counted), [item + MESSAGES * (item % 2)]);
            }
        }
        assert!(
            world.owned().iter().all(|(block, owner)| *block < MESSAGES && *owner == OBJECTS),
            "{:?}",
            world.owned()
        );
        assert!(world.owned().len() <= 2, "the first chunk, and an empty one behind it");
        ring.end();
        assert_eq!(world.owned(), []);
    }

    fn run(&self) {
        let whole = self.world();
        (self.act)(&whole);
        let (mut cuts, mut life) = (0, 0);
        loop {
            let cut = |world: &World| mortal(life, || (self.act)(world)).is_none();
            let world = self.world();
            if !cut(&world) {
                break;
            }
            cuts += 1;
            world.died(VICTIM);
            assert!(world.bury(VICTIM));
            self.check(&world);
            for sweep in 0.. {
                let world = self.world();
                assert!(cut(&world));
                world.died(VICTIM);
                let whole = mortal(sweep, || assert!(world.bury(VICTIM))).is_some();
                world.died(SWEEPER);
                assert!([VICTIM, SWEEPER].iter().all(|index| world.bury(*index)));
                self.check(&world);
                if whole {
                    break;
                }
            }
            life += 1;
        }
        assert!(cuts > 5, "it was cut in {cuts} places");
    }
}

fn put_one(world: &World) {
    put(world, VICTIM, 50).unwrap();
}

fn put_block(world: &World) {
    put(world, VICTIM, MESSAGES + 50).unwrap();
}

fn get_one(world: &World) {
    world.ring().get(&world.caller(VICTIM), World::area_at(VICTIM), false).unwrap();
}

fn put_seven(world: &World) {
    for number in [52, 53, 55] {
        world.block(VICTIM, number);
    }
    let head = |block: u32| (u64::from(block) << 32 | 100, None);
    let number = |number: u64| (8, Some(number));
    let messages =
        [number(51), head(MESSAGES + 52), head(MESSAGES + 53), number(54), head(MESSAGES + 55), number(56), number(57)];
    let area = world.fill(VICTIM, &messages);
    assert_eq!(world.ring().put_many(&world.caller(VICTIM), area, false).unwrap(), (7, Put::Done));
}

fn get_seven(world: &World) {
    world.ring().get_many(&world.caller(VICTIM), 7, world.area(VICTIM, 64), false).unwrap();
}

fn mixed(items: std::ops::Range<u32>) -> impl Iterator<Item = Item> {
    items.map(|item| if item % 3 == 1 { MESSAGES + item } else { item })
}

#[test]
fn a_put_is_cut() {
    for before in 0..7 {
        for counted in [false, true] {
            let mut number = Scenario::new(mixed(0..before), put_one);
            number.setup.counted = counted;
            Scenario { puts: vec![50], ..number }.run();
        }
        Scenario { puts: vec![MESSAGES + 50], ..Scenario::new(mixed(0..before), put_block) }.run();
    }
}

#[test]
fn a_put_of_many_is_cut() {
    let puts = [51, MESSAGES + 52, MESSAGES + 53, 54, MESSAGES + 55, 56, 57];
    for before in 0..6 {
        Scenario { puts: puts.to_vec(), ..Scenario::new(mixed(0..before), put_seven) }.run();
    }
}

#[test]
fn a_get_is_cut() {
    for before in 6..8 {
        for skipped in 0..6 {
            let scenario = Scenario::new(mixed(10..10 + before), get_one);
            Scenario { takes: 1, skipped, ..scenario }.run();
        }
    }
}

#[test]
fn a_get_of_many_is_cut() {
    for skipped in 0..6 {
        let mut scenario = Scenario::new(mixed(10..24), get_seven);
        scenario.setup.counted = skipped % 2 == 0;
        Scenario { takes: 7, skipped, ..scenario }.run();
    }
}

#[test]
fn a_wait_is_cut_and_the_ring_goes_to_another() {
    for life in 0..20 {
        let world = Scenario::new([], put_one).world();
        let look = |index| world.ring().get(&world.caller(index), World::area_at(index), true).unwrap();
        assert_eq!(look(OTHER), Got::Empty);
        let cut = mortal(life, || look(VICTIM)).is_none();
        put(&world, SWEEPER, 1).unwrap();
        put(&world, SWEEPER, 2).unwrap();
        world.died(VICTIM);
        assert!(world.bury(VICTIM));
        assert!(world.rings(OTHER) > 0);
        assert_eq!(drain(&world, true), [1, 2]);
        if !cut {
            return;
        }
    }
    panic!("it never came to its end");
}

#[test]
fn a_waiter_hears_of_what_the_dead_left_though_nobody_told_it() {
    for life in 0.. {
        let world = Scenario::new([], put_one).world();
        assert_eq!(world.ring().get(&world.caller(OTHER), World::area_at(OTHER), true).unwrap(), Got::Empty);
        let cut = mortal(life, || put_block(&world)).is_none();
        world.died(VICTIM);
        assert!(world.bury(VICTIM));
        assert!(world.rings(OTHER) > 0);
        assert!(drain(&world, true).len() <= 1);
        if !cut {
            return;
        }
    }
}

#[test]
fn accounting_is_cut() {
    for before in [4, 5, 9] {
        let scenario = Scenario::new(mixed(10..10 + before), |world| {
            get_seven(world);
            assert!(world.ring().task_done(&world.caller(VICTIM), 2).unwrap());
            world.ring().lose(&world.caller(VICTIM)).unwrap();
        });
        Scenario { takes: 7, settles: 2, ..scenario }.run();
    }
}

#[test]
fn shutting_down_is_cut() {
    let shut = |world: &World| world.ring().shut(&world.caller(VICTIM), flag::CLOSED | flag::DROPPED).unwrap();
    Scenario::new(mixed(10..23), shut).run();
}

#[test]
fn a_chunk_that_was_freed_and_is_used_again_is_not_the_dead_ones() {
    for life in 0.. {
        let scenario = Scenario { skipped: 5, ..Scenario::new(0..6, get_one) };
        let world = scenario.world();
        let cut = mortal(life, || get_one(&world)).is_none();
        world.died(VICTIM);
        let put_all =
            |mut items: std::ops::Range<Item>| items.all(|item| put(&world, OTHER, item).unwrap() == Put::Done);
        assert!(put_all(60..72) && world.bury(VICTIM) && put_all(72..90));
        let left = drain(&world, true);
        assert!(left.iter().copied().skip_while(|item| *item == 5).eq(60..90), "{left:?}");
        world.ring().end();
        assert_eq!(world.owned(), []);
        if !cut {
            return;
        }
    }
}

#[test]
fn who_meets_a_dead_owner_is_told() {
    let world = Scenario::new([1, 2, 3], put_one).world();
    // Cut off in the middle, with the lock.
    assert!(mortal(6, || put_one(&world)).is_none());
    assert!(mortal(4, || world.ring().get(&world.caller(SECOND), World::area_at(SECOND), false)).is_none());
    world.died(VICTIM);
    world.died(SECOND);
    let victim = |fault: Result<Put, Fault>| matches!(fault, Err(Fault::OwnerDied { id }) if id == World::id(VICTIM));
    assert!(victim(put(&world, OTHER, 4)) && victim(put(&world, OTHER, 4)), "it is not for the caller to take");
    let got = world.ring().get(&world.caller(OTHER), World::area_at(OTHER), false);
    assert!(matches!(got, Err(Fault::OwnerDied { id }) if id == World::id(SECOND)));
    assert_eq!(world.insist(|| put(&world, OTHER, 4)), Put::Done);
    let got = world.insist(|| world.ring().get(&world.caller(OTHER), World::area_at(OTHER), false));
    assert!(matches!(got, Got::Bytes(_)));
    assert_eq!(drain(&world, false).last(), Some(&4));
    let message = Message::Bytes { at: World::area_at(OTHER), bytes: 8 };
    assert_eq!(world.ring().put(&world.caller(OTHER), message, false).unwrap(), Put::Done);
}

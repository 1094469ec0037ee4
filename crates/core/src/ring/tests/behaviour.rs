//! What a ring does, seen from outside.

use super::world::{MESSAGES, Setup, World};
use crate::contexts::OBJECTS;
use crate::ring::{Fault, Got, INLINE, Many, Memory, Message, Put, flag};
use crate::sync::Ordering;

const AREA: usize = 64;

fn world(setup: Setup) -> World {
    World::new(Setup { chunks: 16, area: AREA, contexts: 4, ..setup })
}

/// Puts numbers as context 0.
fn put_all(world: &World, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        assert_eq!(world.ring().put(&world.caller(0), world.number(0, number), false).unwrap(), Put::Done);
    }
}

/// Gets a number as context 1.
fn get(world: &World) -> Option<u64> {
    match world.ring().get(&world.caller(1), World::area_at(1), false).unwrap() {
        Got::Bytes(8) => Some(world.got(1)),
        Got::Empty | Got::Ended => None,
        other => panic!("{other:?}"),
    }
}

/// A head as it is in an area.
fn head(bytes: usize, block: u32) -> u64 {
    u64::from(block) << 32 | bytes as u64
}

#[test]
fn messages_come_in_their_order_and_chunks_go() {
    let world = world(Setup::default());
    let ring = world.ring();
    assert_eq!(get(&world), None);
    for round in 0..3 {
        put_all(&world, round * 40..(round + 1) * 40);
        assert_eq!((ring.len(), ring.is_empty(), ring.bytes()), (40, false, 40 * 64));
        assert!((round * 40..(round + 1) * 40).all(|number| get(&world) == Some(number)));
        assert_eq!((get(&world), ring.len(), ring.bytes()), (None, 0, 0));
        assert_eq!(world.owned().len(), 1, "one chunk is kept");
    }
    ring.end();
    assert_eq!(world.owned(), []);
}

#[test]
fn blocks_belong_to_the_ring_and_then_to_the_taker() {
    let world = world(Setup::default());
    let ring = world.ring();
    let message = world.block(0, 5);
    let Message::Block { block, bytes } = message else { unreachable!() };
    assert_eq!(ring.put(&world.caller(0), message, false).unwrap(), Put::Done);
    assert!(world.owned().contains(&(block, OBJECTS)));
    let fault = ring.put(&world.caller(0), message, false).unwrap_err();
    assert!(matches!(fault, Fault::NotYours { block: it } if it == block), "it is not the sender's any more");
    assert_eq!((ring.len(), ring.bytes()), (1, 100));
    assert_eq!(ring.get(&world.caller(1), World::area_at(1), false).unwrap(), Got::Block { block, bytes });
    assert!(world.owned().contains(&(block, World::id(1))));
}

#[test]
fn a_limit_of_messages_is_kept() {
    let world = world(Setup { max_items: 7, ..Setup::default() });
    let ring = world.ring();
    for round in 0..20 {
        put_all(&world, (ring.len()..7).map(|i| round * 100 + i));
        assert!(ring.is_full());
        assert_eq!(ring.put(&world.caller(0), world.number(0, 0), false).unwrap(), Put::Full);
        assert!((0..round % 8).all(|_| get(&world).is_some()));
    }
}

#[test]
fn a_limit_of_bytes_is_exceeded_by_one_message_at_most() {
    let world = world(Setup { max_bytes: 250, ..Setup::default() });
    let ring = world.ring();
    let block = Message::Block { block: MESSAGES + 1, bytes: 16 << 20 };
    world.block(0, 1);
    assert_eq!(ring.put(&world.caller(0), block, false).unwrap(), Put::Done, "a message of any size passes");
    assert!(ring.is_full());
    assert_eq!(ring.put(&world.caller(0), world.number(0, 0), false).unwrap(), Put::Full);
    ring.get(&world.caller(1), World::area_at(1), false).unwrap();
    let area = world.fill(0, &[(head(8, 0), Some(1)); 6]);
    assert_eq!(ring.put_many(&world.caller(0), area, false).unwrap(), (4, Put::Full), "four entries of 64 bytes");
    get(&world);
    assert!(!ring.is_full());
}

#[test]
fn many_are_put_and_taken_at_once() {
    let world = world(Setup::default());
    let ring = world.ring();
    let messages: Vec<_> = (0..12)
        .map(|i| if i % 5 == 3 { (head(100, MESSAGES + i), None) } else { (head(5, 0), Some(u64::from(i))) })
        .collect();
    for number in [3, 8] {
        world.block(0, number);
    }
    let area = world.fill(0, &messages);
    assert_eq!(ring.put_many(&world.caller(0), area, false).unwrap(), (12, Put::Done));
    let mut all = Vec::new();
    for (max, words, expected) in [(5, 64, 5), (100, 8, 4), (100, 64, 3)] {
        assert_eq!(ring.get_many(&world.caller(1), max, world.area(1, words), false).unwrap(), Many::Some(expected));
        let mut words =
            world.longs(World::area_at(1), words).unwrap().iter().map(|word| word.0.load(Ordering::Relaxed));
        for _ in 0..expected {
            let head = words.next().unwrap();
            all.push((head, (head >> 32 == 0).then(|| words.next().unwrap())));
        }
    }
    assert_eq!(all, messages);
    assert_eq!(ring.get_many(&world.caller(1), 9, world.area(1, 64), false).unwrap(), Many::Empty);
}

#[test]
fn what_is_no_message_is_refused_and_what_was_before_it_is_put() {
    let world = world(Setup::default());
    let (ring, me) = (world.ring(), world.caller(0));
    let area = world.area(0, AREA);
    for message in [
        Message::Bytes { at: area.at, bytes: INLINE as u32 + 1 },
        Message::Bytes { at: area.at, bytes: u32::MAX },
        Message::Bytes { at: 8, bytes: 8 },
        Message::Block { block: 0, bytes: 8 },
    ] {
        assert!(matches!(ring.put(&me, message, false), Err(Fault::Area)), "{message:?}");
    }
    let two_and = |last| world.fill(0, &[(head(8, 0), Some(1)), (head(0, 0), None), last]);
    for last in [(head(INLINE + 1, 0), Some(0)), (head(9, 0), Some(0)), (head(8, MESSAGES + 7), None)] {
        let area = two_and(last);
        assert_eq!(ring.put_many(&me, area, false).unwrap(), (2, Put::Done));
        let rest = crate::ring::Area { at: area.at + 24, bytes: area.bytes - 24 };
        assert!(matches!(ring.put_many(&me, rest, false), Err(Fault::Area | Fault::NotYours { .. })));
    }
    assert!(matches!(ring.get_many(&me, 9, world.area(0, 7), false), Err(Fault::Area)), "no room for any message");
    assert!(matches!(ring.get(&me, 8, false), Err(Fault::Area)));
    assert_eq!(ring.len(), 6);
}

#[test]
fn no_memory_for_a_chunk_is_an_error_and_nothing_else() {
    let world = World::new(Setup { chunks: 1, area: AREA, ..Setup::default() });
    let ring = world.ring();
    let area = world.fill(0, &[(head(8, 0), Some(1)); 9]);
    assert_eq!(ring.put_many(&world.caller(0), area, false).unwrap(), (5, Put::Done));
    assert!(matches!(ring.put(&world.caller(0), world.number(0, 9), false), Err(Fault::NoMemory(_))));
    assert!((0..5).all(|_| get(&world) == Some(1)));
    assert!(matches!(ring.put(&world.caller(0), world.number(0, 9), false), Err(Fault::NoMemory(_))));
    assert_eq!(get(&world), None);
}

#[test]
fn one_waiter_is_rung_per_message_and_none_without_need() {
    let world = world(Setup::default());
    let ring = world.ring();
    let look = |index| ring.get(&world.caller(index), World::area_at(index), true).unwrap();
    let rings = || [1, 2, 3].map(|index| world.rings(index));
    put_all(&world, [1]);
    assert_eq!((get(&world), rings()), (Some(1), [0, 0, 0]));
    for index in [1, 2, 3] {
        assert_eq!(look(index), Got::Empty);
    }
    put_all(&world, [2]);
    assert_eq!(rings(), [1, 0, 0]);
    put_all(&world, [3]);
    assert_eq!(rings(), [1, 1, 0]);
    // The third is not rung yet, but who takes the first message passes on that there is another.
    assert_eq!((look(1), world.got(1)), (Got::Bytes(8), 2));
    assert_eq!(rings(), [1, 1, 1]);
    assert_eq!((look(2), world.got(2)), (Got::Bytes(8), 3));
    assert_eq!(look(3), Got::Empty);
    assert_eq!(look(2), Got::Empty);
    // It goes round: the next is not the same as the last time.
    put_all(&world, [4, 5, 6]);
    assert_eq!(rings(), [1, 2, 2]);
}

#[test]
fn rings_go_round() {
    let world = world(Setup::default());
    let look = |index| world.ring().get(&world.caller(index), World::area_at(index), true).unwrap();
    assert_eq!([1, 2, 3].map(look), [Got::Empty; 3]);
    for round in 1..4 {
        for index in [1, 2, 3] {
            put_all(&world, [7]);
            assert_eq!(world.rings(index), round);
            assert_eq!([look(index), look(index)], [Got::Bytes(8), Got::Empty]);
        }
    }
}

#[test]
fn room_is_for_the_next_if_one_is_slow_to_come() {
    let world = world(Setup { max_items: 2, ..Setup::default() });
    let put = |index| world.ring().put(&world.caller(index), world.number(index, 7), true).unwrap();
    put_all(&world, [1, 2]);
    assert_eq!([0, 2, 3].map(put), [Put::Full; 3]);
    let rings = || [0, 2, 3].map(|index| world.rings(index));
    assert!(get(&world).is_some() && get(&world).is_some());
    assert_eq!(rings(), [0, 1, 1]);
    assert_eq!(put(3), Put::Done);
    assert_eq!(rings(), [1, 1, 1], "the other place is still free");
}

#[test]
fn the_dead_take_no_ring_that_is_meant_for_others() {
    let world = world(Setup::default());
    for index in [1, 2] {
        assert_eq!(world.ring().get(&world.caller(index), World::area_at(index), true).unwrap(), Got::Empty);
    }
    world.died(1);
    put_all(&world, [1]);
    assert_eq!(world.rings(2), 1);
}

#[test]
fn who_is_new_where_one_died_takes_no_ring_either() {
    let world = world(Setup::default());
    for index in [1, 2] {
        assert_eq!(world.ring().get(&world.caller(index), World::area_at(index), true).unwrap(), Got::Empty);
    }
    world.died(1);
    assert!(world.bury(1));
    world.revive(1);
    put_all(&world, [1]);
    assert_eq!([1, 2].map(|index| world.rings(index)), [1, 2], "one for the death");
}

#[test]
fn who_stops_waiting_passes_on_its_ring() {
    let world = world(Setup { max_items: 1, ..Setup::default() });
    let ring = world.ring();
    for index in [1, 2] {
        assert_eq!(ring.get(&world.caller(index), World::area_at(index), true).unwrap(), Got::Empty);
    }
    ring.leave_items(&world.caller(2));
    assert_eq!(ring.get(&world.caller(2), World::area_at(2), true).unwrap(), Got::Empty);
    put_all(&world, [1]);
    assert_eq!([1, 2].map(|index| world.rings(index)), [1, 0]);
    ring.leave_items(&world.caller(1));
    assert_eq!([1, 2].map(|index| world.rings(index)), [1, 1]);
    for index in [0, 3] {
        assert_eq!(ring.put(&world.caller(index), world.number(index, 7), true).unwrap(), Put::Full);
    }
    assert_eq!(get(&world), Some(1));
    ring.leave_room(&world.caller(3));
    assert_eq!([0, 3].map(|index| world.rings(index)), [1, 1]);
}

#[test]
fn a_ring_that_is_shut_drains_and_ends() {
    let world = world(Setup { max_items: 2, ..Setup::default() });
    let ring = world.ring();
    put_all(&world, [1, 2]);
    assert_eq!(ring.put(&world.caller(2), world.number(2, 3), true).unwrap(), Put::Full);
    ring.shut(&world.caller(3), flag::CLOSED).unwrap();
    assert_eq!((world.rings(2), ring.flags()), (1, flag::CLOSED));
    assert_eq!(ring.put(&world.caller(2), world.number(2, 3), true).unwrap(), Put::Closed);
    assert_eq!([get(&world), get(&world), get(&world)], [Some(1), Some(2), None]);
    assert_eq!(ring.get(&world.caller(1), World::area_at(1), true).unwrap(), Got::Ended);
    assert_eq!(ring.get_many(&world.caller(1), 9, world.area(1, 8), true).unwrap(), Many::Ended);
}

#[test]
fn who_waits_hears_that_it_is_shut() {
    for flags in [flag::CLOSED, flag::WRITER_GONE, flag::CLOSED | flag::DROPPED] {
        let world = world(Setup::default());
        assert_eq!(world.ring().get(&world.caller(1), World::area_at(1), true).unwrap(), Got::Empty);
        world.ring().shut(&world.caller(0), flags).unwrap();
        assert_eq!(world.rings(1), 1);
        assert_eq!(world.ring().get(&world.caller(1), World::area_at(1), true).unwrap(), Got::Ended);
    }
}

#[test]
fn what_is_dropped_is_freed_and_done() {
    for flags in [flag::CLOSED | flag::DROPPED, flag::READER_GONE] {
        let world = world(Setup { counted: true, ..Setup::default() });
        let ring = world.ring();
        put_all(&world, 0..8);
        ring.put(&world.caller(0), world.block(0, 1), false).unwrap();
        assert_eq!(get(&world), Some(0));
        assert_eq!(ring.unfinished(), 9);
        ring.shut(&world.caller(0), flags).unwrap();
        assert_eq!((ring.len(), ring.bytes(), ring.unfinished(), ring.lost()), (0, 0, 1, 0));
        assert_eq!(world.owned().len(), 1, "a chunk");
        let refused = if flags == flag::READER_GONE { Put::Broken } else { Put::Closed };
        assert_eq!(ring.put(&world.caller(0), world.number(0, 1), false).unwrap(), refused);
        assert_eq!(ring.get(&world.caller(1), World::area_at(1), false).unwrap(), Got::Ended);
    }
}

#[test]
fn join_waits_until_everything_is_done() {
    let world = world(Setup { counted: true, ..Setup::default() });
    let ring = world.ring();
    assert!(ring.join(&world.caller(2), ring.epoch(), true), "nothing was put");
    put_all(&world, 0..3);
    let since = ring.epoch();
    assert!(!ring.join(&world.caller(2), since, true) && !ring.join(&world.caller(3), since, true));
    assert!((0..3).all(|_| get(&world).is_some()));
    assert_eq!((ring.unfinished(), world.cell(1)), (3, 3));
    assert!(ring.task_done(&world.caller(1), 2).unwrap());
    assert!(!ring.task_done(&world.caller(1), 2).unwrap(), "one is left");
    assert_eq!((ring.unfinished(), world.cell(1), world.rings(2)), (1, 1, 0));
    assert!(!ring.join(&world.caller(2), since, false));
    assert!(ring.task_done(&world.caller(1), 1).unwrap());
    assert_eq!([world.rings(2), world.rings(3)], [1, 1]);
    put_all(&world, [9]);
    assert!(ring.join(&world.caller(2), since, true), "everything was done in between");
    assert!(!ring.join(&world.caller(2), ring.epoch(), true));
    ring.leave_join(&world.caller(2));
    assert!(get(&world).is_some() && ring.task_done(&world.caller(1), 1).unwrap());
    assert_eq!(world.rings(2), 1);
    assert!(!ring.task_done(&world.caller(1), 1).unwrap());
}

#[test]
fn what_the_dead_had_is_lost_and_join_ends() {
    let world = world(Setup { counted: true, ..Setup::default() });
    let ring = world.ring();
    put_all(&world, 0..3);
    assert!((0..2).all(|_| get(&world).is_some()));
    assert!(!ring.join(&world.caller(2), ring.epoch(), true));
    world.died(1);
    assert!(world.bury(1) && world.bury(1));
    assert_eq!((ring.unfinished(), ring.lost(), world.cell(1)), (1, 2, 0));
    world.revive(1);
    assert!(get(&world).is_some() && ring.task_done(&world.caller(1), 1).unwrap());
    assert_eq!((ring.unfinished(), world.rings(2)), (0, 3), "two burials, and the end");
}

#[test]
fn the_end_frees_all_that_is_left() {
    for taken in 0..13 {
        let world = world(Setup::default());
        for number in 0..12 {
            world.ring().put(&world.caller(0), world.block(0, number), false).unwrap();
        }
        for _ in 0..taken {
            if let Got::Block { block, .. } = world.ring().get(&world.caller(1), World::area_at(1), false).unwrap() {
                world.free(World::id(1), block);
            }
        }
        world.ring().end();
        assert_eq!(world.owned(), [], "{taken}");
    }
}

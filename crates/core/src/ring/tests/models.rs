//! The protocol under every interleaving that loom tries. A chunk has two entries here, and a gate one word of bits. Who
//! waits sleeps until it is rung, so that a ring that is lost is a deadlock, which loom reports.

use super::world::{MESSAGES, Setup, World, mortal};
use crate::ring::{Got, Long, Memory, Put, flag};
use loom::sync::Arc;
use loom::thread;

fn model(setup: fn() -> Setup, run: impl Fn(Arc<World>) + Sync + Send + 'static) {
    loom::model(move || run(Arc::new(World::new(setup()))));
}

fn put(world: &World, index: usize, number: u64) -> Put {
    world.insist(|| world.ring().put(&world.caller(index), world.number(index, number), false))
}

/// Puts, and waits for room.
fn put_waiting(world: &World, index: usize, number: u64) {
    let mut waited = false;
    let put = world.wait(index, || {
        let message = world.number(index, number);
        let put = world.insist(|| world.ring().put(&world.caller(index), message, true));
        waited |= put == Put::Full;
        (put != Put::Full).then_some(put)
    });
    assert_eq!(put, Put::Done);
    if waited {
        world.ring().leave_room(&world.caller(index));
    }
}

/// Takes a message, a number or a block, which it frees; None: there will be none.
fn get(world: &World, index: usize) -> Option<u64> {
    let mut waited = false;
    let got = world.wait(index, || {
        let got = world.insist(|| world.ring().get(&world.caller(index), World::area_at(index), true));
        waited |= got == Got::Empty;
        (got != Got::Empty).then_some(got)
    });
    if waited {
        world.ring().leave_items(&world.caller(index));
    }
    match got {
        Got::Bytes(_) => Some(world.got(index)),
        Got::Block { block, .. } => {
            assert!(world.free(World::id(index), block));
            Some(u64::from(block))
        }
        Got::Empty | Got::Ended => None,
    }
}

fn two() -> Setup {
    Setup::default()
}

fn three() -> Setup {
    Setup { contexts: 3, area: 4, ..Setup::default() }
}

#[test]
fn a_consumer_that_waits_gets_every_message_in_order() {
    model(two, |world| {
        let producer = thread::spawn({
            let world = world.clone();
            move || (1..=3).for_each(|number| assert_eq!(put(&world, 0, number), Put::Done))
        });
        assert_eq!([1, 2, 3].map(|_| get(&world, 1).unwrap()), [1, 2, 3]);
        producer.join().unwrap();
    });
}

#[test]
fn two_producers_and_a_consumer() {
    model(three, |world| {
        let producers = [0, 1].map(|index| {
            let world = world.clone();
            thread::spawn(move || assert_eq!(put(&world, index, index as u64), Put::Done))
        });
        let mut all = [0, 1].map(|_| get(&world, 2).unwrap());
        all.sort_unstable();
        assert_eq!(all, [0, 1]);
        producers.into_iter().for_each(|producer| producer.join().unwrap());
    });
}

#[test]
fn two_consumers_that_wait_get_a_message_each() {
    model(three, |world| {
        let consumers = [1, 2].map(|index| {
            let world = world.clone();
            thread::spawn(move || get(&world, index).unwrap())
        });
        (1..=2).for_each(|number| assert_eq!(put(&world, 0, number), Put::Done));
        let mut all = consumers.map(|consumer| consumer.join().unwrap());
        all.sort_unstable();
        assert_eq!(all, [1, 2]);
    });
}

#[test]
fn who_stops_waiting_passes_its_ring_on() {
    model(three, |world| {
        let stays = thread::spawn({
            let world = world.clone();
            move || get(&world, 2).unwrap()
        });
        let leaves = thread::spawn({
            let world = world.clone();
            move || {
                // Its slot is the first to be rung.
                let got = world.ring().get(&world.caller(1), World::area_at(1), true).unwrap();
                world.ring().leave_items(&world.caller(1));
                got != Got::Empty
            }
        });
        assert_eq!(put(&world, 0, 1), Put::Done);
        if leaves.join().unwrap() {
            assert_eq!(put(&world, 0, 1), Put::Done);
        }
        assert_eq!(stays.join().unwrap(), 1);
    });
}

#[test]
fn a_producer_that_waits_gets_room() {
    model(
        || Setup { max_items: 1, ..Setup::default() },
        |world| {
            let producer = thread::spawn({
                let world = world.clone();
                move || (1..=3).for_each(|number| put_waiting(&world, 0, number))
            });
            assert_eq!([1, 2, 3].map(|_| get(&world, 1).unwrap()), [1, 2, 3]);
            producer.join().unwrap();
        },
    );
}

#[test]
fn room_for_two_reaches_both_that_wait() {
    model(
        || Setup { contexts: 3, max_bytes: 99, ..Setup::default() },
        |world| {
            let message = world.block(2, 1);
            assert_eq!(world.ring().put(&world.caller(2), message, false).unwrap(), Put::Done);
            let producers = [0, 1].map(|index| {
                let world = world.clone();
                thread::spawn(move || put_waiting(&world, index, index as u64))
            });
            // It has 100 bytes: without it both may put.
            assert!(get(&world, 2).is_some());
            producers.into_iter().for_each(|producer| producer.join().unwrap());
        },
    );
}

#[test]
fn nothing_is_put_behind_the_end() {
    model(three, |world| {
        let producer = thread::spawn({
            let world = world.clone();
            move || put(&world, 0, 1) == Put::Done
        });
        let consumer = thread::spawn({
            let world = world.clone();
            move || std::iter::from_fn(|| get(&world, 1)).count()
        });
        world.ring().shut(&world.caller(2), flag::CLOSED).unwrap();
        let put = producer.join().unwrap();
        assert_eq!(consumer.join().unwrap(), usize::from(put));
    });
}

#[test]
fn who_sees_that_one_of_two_was_taken_sees_the_other() {
    model(three, |world| {
        let consumer = thread::spawn({
            let world = world.clone();
            move || world.insist(|| world.ring().get(&world.caller(1), World::area_at(1), false))
        });
        let witness = thread::spawn({
            let world = world.clone();
            move || {
                let ring = world.ring();
                assert!(ring.state.head().get() == 0 || !ring.is_empty());
            }
        });
        // Both with one commit.
        let area = world.fill(0, &[(8, Some(1)), (8, Some(2))]);
        assert_eq!(world.ring().put_many(&world.caller(0), area, false).unwrap(), (2, Put::Done));
        consumer.join().unwrap();
        witness.join().unwrap();
    });
}

#[test]
fn who_waits_for_everything_hears_of_it() {
    model(
        || Setup { contexts: 3, counted: true, ..Setup::default() },
        |world| {
            (1..=2).for_each(|number| assert_eq!(put(&world, 0, number), Put::Done));
            let consumers = [1, 2].map(|index| {
                let world = world.clone();
                thread::spawn(move || {
                    get(&world, index).unwrap();
                    assert!(world.ring().task_done(&world.caller(index), 1).unwrap());
                })
            });
            let since = world.ring().epoch();
            world.wait(0, || world.ring().join(&world.caller(0), since, true).then_some(()));
            assert_eq!(world.ring().unfinished(), 0);
            consumers.into_iter().for_each(|consumer| consumer.join().unwrap());
        },
    );
}

/// A producer is cut off before its write number `life`, while a consumer takes; then it is swept.
fn a_producer_is_cut_at(life: u32) {
    model(
        || Setup { contexts: 3, chunks: 4, ..Setup::default() },
        move |world| {
            assert_eq!(put(&world, 2, 1), Put::Done);
            assert_eq!(put(&world, 2, 2), Put::Done);
            let producer = thread::spawn({
                let world = world.clone();
                move || {
                    let message = world.block(0, 3);
                    let work = || world.ring().put(&world.caller(0), message, false).unwrap();
                    let cut = mortal(life, work).is_none();
                    if cut {
                        world.died(0);
                        assert!(world.bury(0));
                    }
                }
            });
            let mut all = vec![get(&world, 1).unwrap(), get(&world, 1).unwrap()];
            producer.join().unwrap();
            assert_eq!(put(&world, 2, 4), Put::Done);
            while all.last() != Some(&4) {
                all.push(get(&world, 1).unwrap());
            }
            let third = u64::from(MESSAGES + 3);
            assert!(all == [1, 2, 4] || all == [1, 2, third, 4], "{all:?}");
            world.ring().end();
            assert_eq!(world.owned(), []);
        },
    );
}

#[test]
fn a_producer_is_cut_while_a_consumer_takes() {
    (0..30).for_each(a_producer_is_cut_at);
}

/// Takes what there is.
fn take_all(world: &World, index: usize) -> Vec<u64> {
    std::iter::from_fn(|| match world.insist(|| world.ring().get(&world.caller(index), World::area_at(index), false)) {
        Got::Bytes(_) => Some(world.got(index)),
        Got::Block { block, .. } => {
            assert!(world.free(World::id(index), block));
            Some(u64::from(block))
        }
        Got::Empty | Got::Ended => None,
    })
    .collect()
}

/// A consumer is cut off before its write number `life`, while another one takes and a producer puts.
fn a_consumer_is_cut_at(life: u32) {
    model(
        || Setup { contexts: 3, chunks: 4, ..Setup::default() },
        move |world| {
            (1..=2).for_each(|number| assert_eq!(put(&world, 2, number), Put::Done));
            assert_eq!(get(&world, 2), Some(1));
            let consumer = thread::spawn({
                let world = world.clone();
                move || {
                    let work = || take_all(&world, 0);
                    let all = mortal(life, work);
                    if all.is_none() {
                        world.died(0);
                    }
                    all
                }
            });
            let message = world.block(2, 3);
            assert_eq!(world.insist(|| world.ring().put(&world.caller(2), message, false)), Put::Done);
            // Whoever meets the dead one's lock sweeps it.
            let mut all = take_all(&world, 1);
            let others = consumer.join().unwrap();
            if others.is_none() {
                world.bury(0);
            }
            all.extend(take_all(&world, 1));
            assert!(all.is_sorted());
            let cut = others.is_none();
            all.extend(others.into_iter().flatten());
            all.sort_unstable();
            let both = [2, u64::from(MESSAGES + 3)];
            assert!(if cut { both.ends_with(&all) || both.starts_with(&all) } else { all == both }, "{all:?}");
            world.ring().end();
            assert_eq!(world.owned(), []);
        },
    );
}

#[test]
fn a_consumer_is_cut_while_a_producer_puts() {
    (0..25).for_each(a_consumer_is_cut_at);
}

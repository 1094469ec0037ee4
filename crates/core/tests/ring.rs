//! Rings in a real region, between threads that sleep on their contexts' bells. Nobody waits with a time limit, so a ring
//! that is lost is a test that hangs, and the watchdog ends it.
#![cfg(not(loom))]

#[path = "common/desk.rs"]
mod desk;
#[path = "common/watchdog.rs"]
mod watchdog;

use desk::{Desk, Hall};
use manycore_core::blocks::Blocks;
use manycore_core::ring::{Area, Got, INLINE, Message, Put, flag};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::scope;
use watchdog::Watchdog;

const fn rounds(many: u64, few: u64) -> u64 {
    if cfg!(miri) { few } else { many }
}

fn close(desk: &Desk<'_>) {
    desk.hall.ring().shut(&desk.caller(), flag::CLOSED).unwrap();
}

/// A message in a block of its own, which contains `number`.
fn block(desk: &Desk<'_>, number: u64) -> Message {
    let block = desk.hall.blocks.alloc(desk.id(), 200).unwrap();
    let word = desk.hall.blocks.region().long(Blocks::payload(block)).unwrap();
    word.store(number, Ordering::Relaxed);
    Message::Block { block, bytes: 200 }
}

/// Takes a message made by [`block`], or by [`Desk::put`].
fn get(desk: &Desk<'_>) -> Option<u64> {
    match desk.get() {
        Got::Bytes(16) => {
            let [number, again] = desk.read();
            assert_eq!(number, again);
            Some(number)
        }
        Got::Block { block, bytes: 200 } => {
            let number = desk.hall.blocks.region().long(Blocks::payload(block)).unwrap().load(Ordering::Relaxed);
            desk.hall.blocks.free(desk.id(), block).unwrap();
            Some(number)
        }
        Got::Ended => None,
        other => panic!("{other:?}"),
    }
}

/// Two producers and three consumers; messages inline and in blocks, one by one and many at once.
fn stampede(max_items: u32, max_bytes: u32) {
    let _watchdog = Watchdog::new();
    let count = rounds(60_000, 100);
    let hall = Hall::new(max_items, max_bytes, false);
    let producing = AtomicU32::new(2);
    let all: Vec<u64> = scope(|s| {
        for producer in 0..2 {
            let (hall, producing) = (&hall, &producing);
            s.spawn(move || {
                let desk = hall.desk();
                let mut number = producer * count;
                while number < (producer + 1) * count {
                    let put = match number % 10 {
                        0 => {
                            let batch: Vec<_> = (number..number + 5).flat_map(|number| [16, number, number]).collect();
                            desk.write(&batch);
                            number += 4;
                            desk.put_many(desk.area(batch.len() * 8), 24)
                        }
                        9 => desk.put_message(block(&desk, number)),
                        _ => desk.put([number, number]),
                    };
                    assert_eq!(put, Put::Done);
                    number += 1;
                }
                if producing.fetch_sub(1, Ordering::SeqCst) == 1 {
                    close(&desk);
                }
            });
        }
        let consumers = [(); 3].map(|()| {
            s.spawn(|| {
                let desk = hall.desk();
                let all: Vec<_> = std::iter::from_fn(|| get(&desk)).collect();
                let of = |producer| all.iter().filter(move |number| **number / count == producer);
                assert!(of(0).is_sorted() && of(1).is_sorted());
                all
            })
        });
        consumers.into_iter().flat_map(|consumer| consumer.join().unwrap()).collect()
    });
    let mut all = all;
    all.sort_unstable();
    assert!(all.into_iter().eq(0..2 * count));
    hall.ring().end();
    assert_eq!(hall.in_use(), 0);
}

#[test]
fn stampede_without_a_limit() {
    stampede(0, 0);
}

#[test]
fn stampede_through_a_few_places() {
    stampede(3, 0);
}

#[test]
fn stampede_through_a_few_bytes() {
    stampede(0, 1000);
}

#[test]
fn batches_keep_their_order() {
    let _watchdog = Watchdog::new();
    let count = rounds(300_000, 700);
    let hall = Hall::new(1000, 0, true);
    scope(|s| {
        s.spawn(|| {
            let desk = hall.desk();
            for number in (0..count).step_by(50) {
                let batch: Vec<_> = (number..number + 50).flat_map(|number| [16, number, number]).collect();
                desk.write(&batch);
                assert_eq!(desk.put_many(desk.area(batch.len() * 8), 24), Put::Done);
            }
            let since = hall.ring().epoch();
            close(&desk);
            desk.wait(|| hall.ring().join(&desk.caller(), since, true).then_some(()));
            assert_eq!(hall.ring().unfinished(), 0);
        });
        let desk = hall.desk();
        let mut next = 0;
        loop {
            let got = desk.get_many(70);
            if got == 0 {
                break;
            }
            assert!(desk.messages(got).into_iter().zip(next..).all(|(got, number)| got == number));
            next += u64::from(got);
            assert!(hall.ring().task_done(&desk.caller(), got).unwrap());
        }
        assert_eq!(next, count);
    });
}

#[test]
fn messages_of_every_length_arrive_whole() {
    let hall = Hall::new(0, 0, false);
    let desk = hall.desk();
    let words: Vec<u64> = (0..INLINE as u64 / 8).map(|i| 0x0101_0101_0101_0101 * (i + 1)).collect();
    for bytes in 0..=INLINE {
        desk.write(&words);
        let Area { at, .. } = desk.area(0);
        assert_eq!(desk.put_message(Message::Bytes { at, bytes: bytes as u32 }), Put::Done);
        desk.write(&[0; INLINE / 8]);
        assert_eq!(desk.get(), Got::Bytes(bytes as u32));
        let used = bytes.div_ceil(8);
        assert_eq!(desk.read::<{ INLINE / 8 }>()[..used], words[..used]);
    }
}

#[test]
fn chunks_are_freed_when_they_are_drained() {
    let hall = Hall::new(0, 0, false);
    let desk = hall.desk();
    let empty = hall.blocks.in_use();
    (0..1000).for_each(|number| assert_eq!(desk.put([number, number]), Put::Done));
    assert!(hall.blocks.in_use() >= empty + 1000 * 64);
    (0..1000).for_each(|number| assert_eq!(get(&desk), Some(number)));
    assert_eq!(hall.blocks.in_use(), empty + 4096, "one is kept");
}

#[test]
fn what_the_dead_took_is_lost_and_its_blocks_are_freed() {
    let hall = Hall::new(0, 0, true);
    let desk = hall.desk();
    let empty = hall.blocks.in_use();
    {
        let dies = hall.desk();
        (0..3).for_each(|number| assert_eq!(desk.put_message(block(&desk, number)), Put::Done));
        assert!(matches!(dies.get(), Got::Block { .. }) && matches!(dies.get(), Got::Block { .. }));
        assert!(hall.ring().task_done(&dies.caller(), 1).unwrap());
    }
    assert_eq!((hall.ring().lost(), hall.ring().unfinished()), (1, 1));
    assert_eq!(get(&desk), Some(2));
    hall.ring().end();
    assert_eq!(hall.blocks.in_use(), empty);
}

use super::*;
use crate::primitives::lock::both::{acquire, give};
use crate::primitives::testing::{CONTEXTS, Room, Watchdog, first};
use crate::sync::{AtomicU32, Ordering};
use std::collections::VecDeque;
use std::thread::scope;

const A: u32 = first(0);
const B: u32 = first(1);
const C: u32 = first(2);

/// A condition in a real region.
struct Place {
    blocks: Blocks,
    object: u32,
    room: Room,
}

impl Place {
    fn new() -> Self {
        let blocks = Blocks::new(16 << 20).unwrap();
        let object = blocks.alloc(OBJECTS, CONDITION_BYTES).unwrap();
        blocks.region().zero(Blocks::payload(object), CONDITION_BYTES);
        Self { blocks, object, room: Room::new(CONTEXTS, 0, 0) }
    }
    fn condition(&self) -> Condition<'_, Blocks> {
        Condition::at(&self.blocks, self.object).unwrap()
    }
    fn enter(&self, me: u32) -> u64 {
        self.condition().enter(&self.room, me).unwrap()
    }
    fn notify(&self, most: u64) -> u64 {
        self.condition().notify(&self.room, C, most).count
    }
    fn notified(&self, tickets: &[u64]) -> Vec<bool> {
        tickets.iter().map(|ticket| self.condition().notified(*ticket)).collect()
    }
}

#[test]
fn the_oldest_are_notified_and_no_more_than_asked() {
    let place = Place::new();
    assert_eq!(place.notify(3), 0, "nobody waits");
    let tickets = [A, B, A, B, A, B].map(|me| place.enter(me));
    assert_eq!((place.notify(0), place.notify(2)), (0, 2));
    assert_eq!(place.notified(&tickets), [true, true, false, false, false, false]);
    assert_eq!((place.notify(3), place.notify(u64::MAX), place.notify(1)), (3, 1, 0));
    assert_eq!(place.notified(&tickets), [true; 6]);
    assert!(!place.condition().notified(place.enter(A)), "what was notified is not notified again");
}

#[test]
fn who_gives_up_takes_no_notification_with_it() {
    let place = Place::new();
    let tickets = [A, B, A, B].map(|me| place.enter(me));
    assert!(!place.condition().forget(tickets[0]) && !place.condition().forget(tickets[2]));
    assert_eq!(place.notify(1), 1);
    assert_eq!(place.notified(&tickets[1..]), [true, false, false]);
    assert!(place.condition().forget(tickets[1]), "it had been notified");
    assert!(!place.condition().forget(tickets[3]));
    assert_eq!(place.notify(9), 0);
    assert_eq!(place.condition().table().len(), 0);
}

#[test]
fn the_dead_are_passed_over() {
    let place = Place::new();
    let tickets = [A, B, A, C].map(|me| place.enter(me));
    place.room.die(A);
    assert_eq!(place.condition().notify(&place.room, C, 2), Notified { count: 2, own: true });
    assert_eq!(place.notified(&[tickets[1], tickets[3]]), [true, true]);
}

#[test]
fn ten_thousand_wait_in_order() {
    let place = Place::new();
    let many = if cfg!(miri) { 200 } else { 10_000 };
    let tickets: Vec<_> = (0..many).map(|i| place.enter([A, B][i % 2])).collect();
    let in_use = place.blocks.in_use();
    for (i, ticket) in tickets.iter().enumerate() {
        assert!(!place.condition().notified(*ticket));
        if i % 3 == 0 {
            assert!(!place.condition().forget(*ticket));
        } else {
            assert_eq!(place.notify(1), 1);
            assert!(place.condition().notified(*ticket));
        }
    }
    // The large table is let go of when it has been used up.
    for _ in 0..many * 4 {
        place.enter(A);
        place.notify(1);
    }
    for _ in 0..=OWN {
        place.enter(A);
    }
    assert!(place.blocks.in_use() <= in_use);
    place.condition().end();
    place.blocks.free(OBJECTS, place.object).unwrap();
    assert_eq!(place.blocks.in_use(), 0);
}

#[test]
fn waiters_that_come_and_go_beside_one_that_stays_take_no_memory() {
    let place = Place::new();
    let stays = place.enter(A);
    let mut others: VecDeque<_> = (0..5).map(|_| place.enter(B)).collect();
    let mut most = 0;
    for _ in 0..if cfg!(miri) { 200 } else { 20_000 } {
        others.push_back(place.enter(B));
        assert!(!place.condition().forget(others.pop_front().unwrap()));
        most = most.max(place.condition().table().capacity);
    }
    assert_eq!(most, OWN * 2);
    assert_eq!(place.notify(2), 2);
    assert_eq!(place.notified(&[stays, others[0], others[1]]), [true, true, false]);
}

#[test]
fn any_words_are_a_condition() {
    for rubbish in [1, 7, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
        for word in 0..FIRST + HEAD + 2 * SEAT {
            let place = Place::new();
            let tickets = [A, B, A].map(|me| place.enter(me));
            place.condition().notify(&place.room, C, 1);
            let words =
                place.blocks.region().longs(Blocks::payload(place.object) + STATE_AT, FIRST + OWN_WORDS).unwrap();
            words[word].store(rubbish, Ordering::SeqCst);
            place.condition().forget(tickets[1]);
            for _ in 0..OWN * 3 {
                place.enter(B);
                place.condition().notify(&place.room, C, 1);
            }
            place.condition().notify(&place.room, C, u64::MAX);
        }
    }
}

/// Sleepers wait without a time limit, so a lost notification hangs.
#[test]
fn every_item_finds_a_waiter() {
    let _watchdog = Watchdog::new();
    let place = Place::new();
    let (items, taken) = (AtomicU32::new(0), AtomicU32::new(0));
    let rounds = if cfg!(miri) { 10 } else { 5_000 };
    scope(|s| {
        for me in (1..CONTEXTS).map(first) {
            let (place, items, taken) = (&place, &items, &taken);
            s.spawn(move || {
                for round in 0..rounds {
                    acquire(&place.room, me, false);
                    while items.load(Ordering::Relaxed) == 0 {
                        let ticket = place.enter(me);
                        give(&place.room, me);
                        // Every third gives up at once. If it was notified, the item is there for whoever comes first.
                        if round % 3 != 0 {
                            place.room.wait(me, || place.condition().notified(ticket).then_some(()));
                        }
                        acquire(&place.room, me, false);
                        if round % 3 == 0 && place.condition().forget(ticket) {
                            assert!(place.condition().notified(ticket));
                        }
                    }
                    items.fetch_sub(1, Ordering::Relaxed);
                    taken.fetch_add(1, Ordering::Relaxed);
                    give(&place.room, me);
                }
            });
        }
        for _ in 0..rounds * (CONTEXTS as u32 - 1) {
            acquire(&place.room, first(0), false);
            items.fetch_add(1, Ordering::Relaxed);
            place.condition().notify(&place.room, first(0), 1);
            give(&place.room, first(0));
        }
    });
    assert_eq!(taken.load(Ordering::Relaxed), rounds * (CONTEXTS as u32 - 1));
    assert_eq!(place.condition().table().len(), 0);
}

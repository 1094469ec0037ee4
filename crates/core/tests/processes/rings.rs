//! Queues between processes.

use crate::Role;
use crate::party::Party;
use crate::stage::Stage;
use manycore_core::blocks::Blocks;
use manycore_core::objects::{HEADER_BYTES, kind};
use manycore_core::ring::flag;
use manycore_core::sync::shared::Ordering;

pub const ROLES: &[Role] =
    &[("produce", produce), ("consume", consume), ("echo", echo), ("talk", talk), ("hang_up", hang_up)];

/// How the `n`th message of a producer travels.
fn shape(n: u64) -> Option<usize> {
    match n % 10 {
        3 => Some(300),
        7 if n % 200 == 7 => Some(1_200_000),
        _ => None,
    }
}

/// Puts numbers that say whose they are; the last one of its kind shuts the queue.
fn produce(me: &Party, numbers: &[u32]) {
    let [queue, board, name, count] = numbers[..4] else { panic!("queue, board, name, count") };
    me.open(queue);
    me.open(board);
    let count = u64::from(count);
    let mut n = 0;
    while n < count {
        let number = u64::from(name) << 32 | n;
        if n % 20 == 10 && n + 8 <= count {
            n += u64::from(me.put_many(queue, &std::array::from_fn::<_, 8, _>(|i| number + i as u64)));
        } else {
            assert!(me.put(queue, number, shape(n)));
            n += 1;
        }
    }
    if me.at(board, 0).fetch_sub(1, Ordering::SeqCst) == 1 {
        me.shut(queue, flag::CLOSED);
    }
}

/// Takes until there is nothing more; counts on the board what each producer had put.
fn consume(me: &Party, numbers: &[u32]) {
    let [queue, board] = numbers[..2] else { panic!("queue, board") };
    me.open(queue);
    me.open(board);
    let mut last = [None; 8];
    while let Some(number) = me.get(queue) {
        let (name, n) = ((number >> 32) as usize, number as u32);
        assert!(last[name].is_none_or(|last| last < n), "in order");
        last[name] = Some(n);
        me.at(board, 1 + name).fetch_add(1, Ordering::SeqCst);
        me.at(board, 11 + name).fetch_add(u64::from(n), Ordering::SeqCst);
    }
}

fn stampede(max_items: u32, max_bytes: u32) {
    let stage = Stage::new();
    let (queue, board) = (stage.queue(max_items, max_bytes), stage.board());
    const COUNT: u32 = 3000;
    stage.at(board, 0).store(3, Ordering::SeqCst);
    let producers = [1, 2].map(|name| stage.start("produce", &[queue, board, name, COUNT]));
    let consumers = [0; 2].map(|_| stage.start("consume", &[queue, board]));
    std::thread::scope(|s| {
        s.spawn(|| produce(&Party::new(stage.registry), &[queue, board, 3, COUNT]));
        consume(&Party::new(stage.registry), &[queue, board]);
    });
    producers.into_iter().chain(consumers).for_each(|child| child.join());
    for name in 1..=3 {
        let found = [1, 11].map(|at| stage.at(board, at + name).load(Ordering::SeqCst));
        assert_eq!(found, [u64::from(COUNT), u64::from(COUNT) * u64::from(COUNT - 1) / 2], "each of {name}'s, once");
    }
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

/// Answers every number with the next one.
fn echo(me: &Party, numbers: &[u32]) {
    let [to, from] = numbers[..2] else { panic!("two queues") };
    me.open(to);
    me.open(from);
    while let Some(number) = me.get(to) {
        assert!(me.put(from, number + 1, shape(number)));
    }
}

#[test]
fn ping_pong_in_both_directions() {
    let stage = Stage::new();
    let (to, from) = (stage.queue(1, 0), stage.queue(0, 0));
    let child = stage.start("echo", &[to, from]);
    for n in 0..2000 {
        assert!(stage.put(to, n, shape(n)));
        assert_eq!(stage.get(from), Some(n + 1));
    }
    let mut got = Vec::new();
    for n in 0..100 {
        assert!(stage.put(to, n * 10, None));
        while got.len() as u64 != n + 1 {
            got.extend(stage.get_many(from, 7));
        }
    }
    assert_eq!(got, (0..100).map(|n| n * 10 + 1).collect::<Vec<u64>>());
    stage.shut(to, flag::CLOSED);
    child.join();
}

/// Of the board: the round, and the ends of its pipe; who has got its end; who is done.
const ROUND: usize = 0;
const ENDS: [usize; 2] = [1, 2];
const THERE: usize = 3;
const DONE: usize = 4;

/// Plays all rounds with one end of each pipe; `play` gets the ring that goes out of it.
fn rounds(me: &Party, numbers: &[u32], mine: usize, play: impl Fn(u32)) {
    let [board, rounds] = numbers[..2] else { panic!("board, rounds") };
    me.open(board);
    for round in 1..=u64::from(rounds) {
        me.until(board, ROUND, round);
        let end = me.at(board, ENDS[mine]).load(Ordering::SeqCst) as u32;
        me.open(end);
        me.at(board, THERE).fetch_add(1, Ordering::SeqCst);
        me.until(board, THERE, 3 * round);
        play(me.word(Blocks::payload(end) + 8).load(Ordering::SeqCst));
        me.release(end);
        me.at(board, DONE).fetch_add(1, Ordering::SeqCst);
    }
}

/// Puts large messages until nobody is at the other end: with the ring's lock held, it asks the first process each time.
fn talk(me: &Party, numbers: &[u32]) {
    rounds(me, numbers, 0, |output| while me.put(output, 1, Some(1_200_000)) {});
}

/// Goes, soon.
fn hang_up(me: &Party, numbers: &[u32]) {
    rounds(me, numbers, 1, |_| std::thread::sleep(std::time::Duration::from_micros(300)));
}

#[test]
fn an_end_goes_while_the_other_puts() {
    let stage = Stage::new();
    let board = stage.board();
    const ROUNDS: u32 = 60;
    let children = ["talk", "hang_up"].map(|role| stage.start(role, &[board, ROUNDS]));
    for round in 1..=u64::from(ROUNDS) {
        let rings = [0; 2].map(|_| stage.queue(4, 0));
        let [to, from] = rings;
        let ends = [[from, to, 0], [to, from, 0]];
        let ends = ends.map(|all| stage.create(kind::CONNECTION, all, HEADER_BYTES, &rings));
        rings.into_iter().for_each(|ring| stage.release(ring));
        for (at, end) in ENDS.into_iter().zip(ends) {
            stage.at(board, at).store(end.into(), Ordering::SeqCst);
        }
        stage.at(board, ROUND).store(round, Ordering::SeqCst);
        stage.until(board, THERE, 3 * round - 1);
        ends.into_iter().for_each(|end| stage.release(end));
        stage.at(board, THERE).fetch_add(1, Ordering::SeqCst);
        stage.until(board, DONE, 2 * round);
    }
    children.into_iter().for_each(|child| child.join());
}

//! A ring between two threads, beside the standard library's channels: `cargo bench -p manycore-core --bench ring`.
//!
//! Messages of 16 bytes. Every shape is run in rounds, one program after the other within a round; the table shows medians.

#[cfg(not(loom))]
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/common/desk.rs"]
mod desk;

#[cfg(not(loom))]
mod bench {
    use crate::desk::Hall;
    use manycore_core::ring::{Area, Got, Put, flag};
    use std::hint::black_box;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    const ROUNDS: usize = 11;
    const MESSAGES: u64 = 1_000_000;
    const BATCH: u64 = 64;
    /// As who waits in a blocking call does.
    const SPIN: Duration = Duration::from_micros(5);
    /// Words of a message of 16 bytes in an area.
    const WORDS: usize = 3;

    /// Millions of messages in a second.
    fn rate(work: impl FnOnce()) -> f64 {
        let start = Instant::now();
        work();
        MESSAGES as f64 / 1e6 / start.elapsed().as_secs_f64()
    }

    fn median(mut rates: Vec<f64>) -> f64 {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    }

    /// One producer and one consumer; `batch` messages in a call.
    fn ours(limit: u32, counted: bool, batch: u64) {
        let mut hall = Hall::new(limit, 0, counted);
        hall.spin = SPIN;
        std::thread::scope(|s| {
            s.spawn(|| {
                let desk = hall.desk();
                for number in (0..MESSAGES).step_by(batch as usize) {
                    let put = if batch == 1 {
                        desk.put([number, number])
                    } else {
                        let words: Vec<_> = (number..number + batch).flat_map(|number| [16, number, number]).collect();
                        desk.write(&words);
                        desk.put_many(Area { bytes: words.len() * 8, ..desk.area(0) }, WORDS * 8)
                    };
                    assert_eq!(put, Put::Done);
                }
                hall.ring().shut(&desk.caller(), flag::CLOSED).unwrap();
            });
            s.spawn(|| {
                let desk = hall.desk();
                let mut next = 0;
                if batch == 1 {
                    while let Got::Bytes(_) = desk.get() {
                        assert_eq!(desk.read(), [next, next]);
                        next += 1;
                        assert!(!counted || hall.ring().task_done(&desk.caller(), 1).unwrap());
                    }
                } else {
                    loop {
                        let count = desk.get_many(batch as u32);
                        if count == 0 {
                            break;
                        }
                        assert!(desk.messages(count).into_iter().zip(next..).all(|(got, number)| got == number));
                        next += u64::from(count);
                        assert!(!counted || hall.ring().task_done(&desk.caller(), count).unwrap());
                    }
                }
                assert!(next >= MESSAGES);
            });
        });
    }

    /// The same with the standard library's channel, one by one.
    fn theirs(limit: Option<usize>) {
        std::thread::scope(|s| match limit {
            Some(limit) => {
                let (sender, receiver) = mpsc::sync_channel::<[u64; 2]>(limit);
                s.spawn(move || (0..MESSAGES).for_each(|number| sender.send([number, number]).unwrap()));
                s.spawn(move || assert_eq!(receiver.iter().map(black_box).count() as u64, MESSAGES));
            }
            None => {
                let (sender, receiver) = mpsc::channel::<[u64; 2]>();
                s.spawn(move || (0..MESSAGES).for_each(|number| sender.send([number, number]).unwrap()));
                s.spawn(move || assert_eq!(receiver.iter().map(black_box).count() as u64, MESSAGES));
            }
        });
    }

    /// One thread that puts a message and takes it.
    fn alone() {
        let hall = Hall::new(0, 0, false);
        let desk = hall.desk();
        for number in 0..MESSAGES {
            assert_eq!(desk.put([number, number]), Put::Done);
            assert_eq!(desk.get(), Got::Bytes(16));
        }
    }

    pub fn main() {
        println!("{ROUNDS} rounds of {MESSAGES} messages; millions in a second, median\n");
        println!("{:<52} {:>8} {:>8}", "one producer, one consumer", "manycore", "std");
        let shapes =
            [("no limit", 0, false), ("at most 1,000", 1000, false), ("at most 1,000, each task_done", 1000, true)];
        for (name, limit, counted) in shapes {
            for batch in [1, BATCH] {
                let (mut a, mut b) = (Vec::new(), Vec::new());
                for _ in 0..ROUNDS {
                    a.push(rate(|| ours(limit, counted, batch)));
                    b.push(rate(|| theirs((limit > 0).then_some(limit as usize))));
                }
                println!("{:<52} {:8.2} {:8.2}", format!("{name}, {batch} in a call"), median(a), median(b));
            }
        }
        let alone = median((0..ROUNDS).map(|_| rate(alone)).collect());
        println!("{:<52} {alone:8.2}", "one thread, put and get");
    }
}

#[cfg(not(loom))]
fn main() {
    bench::main();
}

#[cfg(loom)]
fn main() {}

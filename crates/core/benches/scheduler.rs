//! The scheduler beside rayon, on the same closures and as many threads: `cargo bench -p manycore-core`.
//!
//! Every shape is run in rounds, one program after the other within a round, so that whatever else the machine does
//! meets both; the table shows medians, and the median of the rounds' ratios.

#[cfg(not(loom))]
#[path = "../tests/common/mod.rs"]
mod common;

#[cfg(not(loom))]
mod bench {
    use crate::common::{Outcome, Rig, Setup, each, runs};
    use manycore_core::record::Kind;
    use manycore_core::slot::state;
    use rayon::prelude::*;
    use std::hint::black_box;
    use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
    use std::sync::{Arc, mpsc};
    use std::time::{Duration, Instant};

    const ROUNDS: usize = 15;
    const CALLS: u32 = 100_000;
    const TINY: u32 = 10_000_000;
    const SKEWED: u32 = 200;

    fn time(work: impl FnOnce()) -> f64 {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    }

    fn median(mut times: Vec<f64>) -> f64 {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }

    fn spread(times: &[f64]) -> (f64, f64) {
        times.iter().fold((f64::MAX, 0.0), |(low, high), time| (low.min(*time), high.max(*time)))
    }

    /// Runs both in turn, and prints a line; `unit` counts what one run does.
    fn compare(shape: &str, unit: f64, name: &str, mut ours: impl FnMut(), mut theirs: impl FnMut()) {
        ours();
        theirs();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            if round % 2 == 0 {
                a.push(time(&mut ours));
                b.push(time(&mut theirs));
            } else {
                b.push(time(&mut theirs));
                a.push(time(&mut ours));
            }
        }
        let ratio = median(a.iter().zip(&b).map(|(a, b)| b / a).collect());
        let show = |times: Vec<f64>| {
            let (low, high) = spread(&times);
            format!("{:9.2} [{:.2}–{:.2}]", median(times) * 1e9 / unit, low * 1e9 / unit, high * 1e9 / unit)
        };
        println!("{shape:<44} {name:<8} {:>30} {:>30} {ratio:>8.2} ×", show(a), show(b));
    }

    /// Something that takes about `turns` nanoseconds and cannot be left out.
    fn work(turns: u32) -> u64 {
        (0..turns).fold(1, |sum, turn| black_box(sum * 31 + u64::from(turn)))
    }

    /// One item in twenty takes a hundred times as long as the others, and those are at the end.
    fn skewed(index: u32) -> u32 {
        if index >= SKEWED - SKEWED / 20 { 3_000_000 } else { 30_000 }
    }

    pub fn main() {
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let theirs = rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
        let sum = Arc::new(AtomicU64::new(0));
        let count = Arc::new(AtomicU32::new(0));
        let add = |sum: &Arc<AtomicU64>| {
            let sum = sum.clone();
            runs(move |run| {
                sum.fetch_add(run.map(|i| black_box(u64::from(i))).sum(), Relaxed);
            })
        };
        let call = {
            let count = count.clone();
            each(move |_| {
                count.fetch_add(1, Relaxed);
                Outcome::Done
            })
        };
        let slow = each(|item| {
            black_box(work(skewed(item.index)));
            Outcome::Done
        });
        let setup =
            Setup { workers, blocking: true, spin: Duration::from_micros(50), audit: false, ..Setup::default() };
        let rig = Rig::new(setup, [add(&sum), call, slow]);
        println!(
            "{workers} threads, {ROUNDS} rounds; ns per unit: median [least–most]; ratio above 1: manycore is faster\n"
        );
        println!("{:<44} {:<8} {:>30} {:>30} {:>10}", "shape", "unit", "manycore", "rayon", "ratio");

        // The ledger would take longer than the calls do: these are submitted and counted by hand.
        let calls: Vec<_> = (0..CALLS).map(|_| rig.prepare(1, None, 0, 0)).collect();
        compare(
            "100,000 small calls, all at once",
            f64::from(CALLS),
            "call",
            || {
                let mut got = 0;
                for job in &calls {
                    rig.slot_word(job.slot, 0).store(state::QUEUED, Relaxed);
                    rig.pool.submit(job.slot).unwrap();
                }
                while got < CALLS as usize {
                    rig.owner.wait(Duration::from_micros(50), Duration::from_secs(3600));
                    got += rig.owner.drain(1000, |_, record| assert_eq!(record.0[1], Kind::Called as u32));
                }
            },
            || {
                let (done, all) = mpsc::channel();
                for i in 0..CALLS {
                    let (done, count) = (done.clone(), count.clone());
                    theirs.spawn(move || {
                        count.fetch_add(1, Relaxed);
                        done.send(i).unwrap();
                    });
                }
                assert_eq!(all.iter().take(CALLS as usize).count() as u32, CALLS);
            },
        );
        calls.into_iter().for_each(|job| rig.forget(job));
        compare(
            "one call at a time, there and back",
            10_000.0,
            "call",
            || {
                for _ in 0..10_000 {
                    let job = rig.call(1);
                    assert_eq!(rig.result(job).done, 1);
                }
            },
            || {
                for _ in 0..10_000 {
                    theirs.install(|| count.fetch_add(1, Relaxed));
                }
            },
        );
        compare(
            "a range of 10,000,000 tiny items",
            f64::from(TINY),
            "item",
            || {
                sum.store(0, Relaxed);
                let job = rig.range(0, TINY, 0);
                assert_eq!(rig.result(job).done, TINY);
                assert_eq!(sum.load(Relaxed), u64::from(TINY) * u64::from(TINY - 1) / 2);
            },
            || {
                let total: u64 = theirs.install(|| (0..TINY).into_par_iter().map(|i| black_box(u64::from(i))).sum());
                assert_eq!(total, u64::from(TINY) * u64::from(TINY - 1) / 2);
            },
        );
        compare(
            "200 items, the last 10 a hundred times as long",
            f64::from(SKEWED),
            "item",
            || {
                let job = rig.range(2, SKEWED, 0);
                assert_eq!(rig.result(job).done, SKEWED);
            },
            || {
                theirs.install(|| {
                    (0..SKEWED).into_par_iter().for_each(|i| {
                        black_box(work(skewed(i)));
                    });
                });
            },
        );
        let rounds = (0..ROUNDS).map(|_| {
            let alone = time(|| {
                (0..SKEWED).for_each(|i| {
                    black_box(work(skewed(i)));
                });
            });
            let shared = time(|| {
                let job = rig.range(2, SKEWED, 0);
                rig.result(job);
            });
            alone / shared / workers as f64
        });
        let ideal = median(rounds.collect());
        println!("\nthe skewed range reaches {:.1} % of the ideal speed-up with {workers} threads", ideal * 100.0);
    }
}

#[cfg(not(loom))]
fn main() {
    bench::main();
}

#[cfg(loom)]
fn main() {}

//! What processes ask each other for: `cargo bench -p manycore-core --bench processes`.
//!
//! A child asks the first process, at once again or after a pause in which the other side has gone to sleep, while the first
//! process' own thread sleeps or computes; and a pool of workers in children runs empty calls. Medians of rounds.

#[cfg(not(loom))]
#[path = "../tests/common/bell.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod bell;
#[cfg(not(loom))]
#[path = "../tests/processes/family.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod family;
#[cfg(not(loom))]
#[path = "../tests/processes/party.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod party;

/// What a child may be.
#[cfg(not(loom))]
type Role = (&'static str, fn(&party::Party, &[u32]));

#[cfg(not(loom))]
mod bench {
    use crate::family::{Child, play};
    use crate::party::Party;
    use manycore_core::blocks::Blocks;
    use manycore_core::pool::{Advance, Next, PoolOptions, lane};
    use manycore_core::processes::FarWorker;
    use manycore_core::registry::Registry;
    use manycore_core::slot::{self, state};
    use manycore_core::sync::shared::Ordering;
    use std::hint::black_box;
    use std::time::{Duration, Instant};

    const ROUNDS: usize = 9;
    const REQUESTS: usize = 2000;
    const CALLS: u32 = 20_000;

    fn median(mut values: Vec<f64>) -> f64 {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    /// Asks, and writes the median round trip to the board, in nanoseconds.
    fn ask(me: &Party, numbers: &[u32]) {
        let [board, pause] = numbers[..2] else { panic!("board, pause") };
        me.open(board);
        let count = if pause == 0 { REQUESTS } else { REQUESTS / 10 };
        let one = |_| {
            std::thread::sleep(Duration::from_micros(pause.into()));
            let begin = Instant::now();
            black_box(me.registry.objects().count());
            begin.elapsed().as_nanos() as f64
        };
        let trip = median((0..count).map(one).collect());
        me.at(board, 0).store(trip as u64, Ordering::SeqCst);
    }

    /// Allocates a block and frees it, of those that it was granted.
    fn alloc(me: &Party, numbers: &[u32]) {
        me.open(numbers[0]);
        let begin = Instant::now();
        for _ in 0..REQUESTS * 100 {
            let block = me.blocks().alloc(me.id(), 200).unwrap();
            me.blocks().free(me.id(), block).unwrap();
        }
        let each = begin.elapsed().as_nanos() as f64 / (REQUESTS * 100) as f64;
        me.at(numbers[0], 0).store(each as u64, Ordering::SeqCst);
    }

    /// A worker whose tasks do nothing.
    fn work(me: &Party, numbers: &[u32]) {
        let [pool, seat, control] = numbers[..3] else { panic!("pool, seat, control") };
        let mut worker = FarWorker::sit(me.registry, (pool, seat), me.context.clone(), (control as usize, 1)).unwrap();
        let mut complete = false;
        loop {
            match worker.advance(0, Advance { complete, take: true, turned: !complete, ..Advance::default() }) {
                Next::Job(_) => complete = true,
                Next::Idle => {
                    complete = false;
                    me.bell.wait();
                }
                Next::Yield => complete = false,
                Next::Leave => return,
            }
        }
    }

    fn rounds(me: &Party, role: &str, pause: u32) -> f64 {
        let board = me.board();
        let round = |_| {
            me.start(role, &[board, pause]).join();
            me.at(board, 0).load(Ordering::SeqCst) as f64 / 1000.0
        };
        median((0..ROUNDS).map(round).collect())
    }

    /// Microseconds per call: so many in flight at a time.
    fn calls(me: &Party, workers: usize, flight: u32) -> f64 {
        let options =
            PoolOptions { seats: workers, lanes: 1, max_tasks: 0, spin: Duration::from_micros(20), max_searching: 1 };
        let pool = me.registry.create_pool(me.context.clone(), options);
        let block = me.blocks().alloc(me.id(), (flight as usize + 1) * slot::SIZE).unwrap();
        let first = Blocks::payload(block).div_ceil(slot::SIZE) as u32;
        let seat = |seat: usize| {
            let control = me.blocks().alloc(me.id(), lane::CONTROL + lane::SIZE).unwrap();
            me.start("work", &[pool.id(), seat as u32, Blocks::payload(control) as u32])
        };
        let children: Vec<Child> = (0..workers).map(seat).collect();
        let submit = |slot: u32| {
            me.word(slot as usize * slot::SIZE).store(state::QUEUED, Ordering::Release);
            pool.submit(slot).unwrap();
        };
        // A while in which the workers come to sit.
        std::thread::sleep(Duration::from_millis(100));
        let round = |_| {
            let count = if flight == 1 { CALLS / 10 } else { CALLS };
            let (mut begun, mut done) = (flight, 0);
            let begin = Instant::now();
            (first..first + flight).for_each(submit);
            while done < count {
                me.context.wait(Duration::from_micros(5), Duration::from_secs(3600));
                let mut free = Vec::new();
                me.context.drain(usize::MAX, |_, record| free.push(record.0[2]));
                for slot in free.into_iter().filter(|slot| *slot != 0) {
                    done += 1;
                    if begun < count {
                        begun += 1;
                        submit(slot);
                    }
                }
            }
            begin.elapsed().as_nanos() as f64 / 1000.0 / f64::from(count)
        };
        let each = median((0..ROUNDS).map(round).collect());
        pool.stop();
        children.into_iter().for_each(Child::join);
        me.registry.remove_pool(pool.id());
        each
    }

    pub fn main() {
        play([("ask", ask as fn(&Party, &[u32])), ("alloc", alloc), ("work", work)].into_iter());
        let me = Party::new(Registry::get().unwrap());
        println!("{ROUNDS} rounds, medians, microseconds\n");
        for (name, pause) in [("a request, at once again", 0), ("a request after 1 ms of silence", 1000)] {
            println!("{name:<52} {:8.2}", rounds(&me, "ask", pause));
        }
        std::thread::scope(|s| {
            let (stop, stopped) = std::sync::mpsc::channel::<()>();
            s.spawn(move || while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {});
            println!("{:<52} {:8.2}", "the same, while the first process computes", rounds(&me, "ask", 0));
            drop(stop);
        });
        println!("{:<52} {:8.3}", "a block of 200 bytes, allocated and freed", rounds(&me, "alloc", 0));
        for (workers, flight) in [(1, 1), (1, 64), (2, 64)] {
            let name = format!("an empty call, {workers} worker(s), {flight} in flight");
            println!("{name:<52} {:8.2}", calls(&me, workers, flight));
        }
    }
}

#[cfg(not(loom))]
fn main() {
    bench::main();
}

#[cfg(loom)]
fn main() {}

//! The owner's side of a pool.

use crate::environment::{registry, with, with_pool};
use manycore_core::pool::{PoolOptions, SubmitError};
use manycore_core::stats::Histogram;
use manycore_os::interrupt;
use napi::bindgen_prelude::{BufferSlice, Error, Result};
use napi_derive::napi;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// What `submit` answers.
fn code(submitted: std::result::Result<(), SubmitError>) -> u32 {
    match submitted {
        Ok(()) => 0,
        Err(SubmitError::NoSlot) => 1,
        Err(SubmitError::TooManyRanges) => 2,
    }
}

/// Makes a pool owned by this isolate; answers its number.
#[napi(catch_unwind)]
pub fn create_pool(seats: u32, lanes: u32, max_tasks: u32, spin_us: u32, max_searching: u32) -> Result<u32> {
    with(|environment| {
        let options = PoolOptions {
            seats: seats.max(1) as usize,
            lanes: lanes.max(1) as usize,
            max_tasks,
            spin: Duration::from_micros(spin_us.into()),
            max_searching,
        };
        let pool = registry()?.create_pool(environment.context.clone(), options);
        environment.pools.insert(pool.id(), pool.clone());
        Ok(pool.id())
    })
}

/// Forgets a pool whose workers are gone.
#[napi(catch_unwind)]
pub fn destroy_pool(pool: u32) -> Result<()> {
    with(|environment| {
        if let Some(pool) = environment.pools.remove(&pool) {
            pool.stop();
            registry()?.remove_pool(pool.id());
        }
        Ok(())
    })
}

/// Queues the job in `slot`. 0 = done, 1 = no such slot, 2 = too many ranges are open.
#[napi(catch_unwind)]
pub fn submit(pool: u32, slot: u32) -> Result<u32> {
    with_pool(pool, |pool| Ok(code(pool.submit(slot))))
}

/// Queues the `count` calls whose slots are listed at byte offset `list`.
#[napi(catch_unwind)]
pub fn submit_calls(pool: u32, list: f64, count: u32) -> Result<()> {
    let region = registry()?.blocks().region();
    let slot = |i| region.word(list as usize + i as usize * 4).map(|word| word.load(Relaxed));
    with_pool(pool, |pool| {
        pool.submit_calls((0..count).filter_map(slot));
        Ok(())
    })
}

/// All items of the range in `slot` are accounted for.
#[napi(catch_unwind)]
pub fn close_range(pool: u32, slot: u32) -> Result<()> {
    with_pool(pool, |pool| {
        pool.close_range(slot);
        Ok(())
    })
}

/// Asks the worker on a seat whose control words are at that byte offset to leave when it is between tasks.
#[napi(catch_unwind)]
pub fn dismiss(pool: u32, worker: u32, control: f64) -> Result<()> {
    with_pool(pool, |pool| {
        pool.dismiss(worker as usize, control as usize);
        Ok(())
    })
}

/// Wakes a worker's event loop, whatever it does.
#[napi(catch_unwind)]
pub fn nudge(pool: u32, worker: u32) -> Result<()> {
    with_pool(pool, |pool| {
        pool.nudge(worker as usize);
        Ok(())
    })
}

/// Nobody takes a job of this pool from here on.
#[napi(catch_unwind)]
pub fn stop_pool(pool: u32) -> Result<()> {
    with_pool(pool, |pool| {
        pool.stop();
        Ok(())
    })
}

/// Adds a function definition; answers its number.
#[napi(catch_unwind)]
pub fn publish(pool: u32, definition: BufferSlice) -> Result<u32> {
    with_pool(pool, |pool| Ok(pool.definitions().publish(&definition)))
}

/// Sets where `drain` writes: byte offset of `max * 32` bytes.
#[napi(catch_unwind)]
pub fn drain_into(offset: f64) -> Result<()> {
    with(|environment| {
        environment.drain_area = offset as usize;
        Ok(())
    })
}

/// Moves up to `max` records into the drain area, eight 32-bit words each; answers how many.
#[napi(catch_unwind)]
pub fn drain(max: u32) -> Result<u32> {
    with(|environment| {
        let region = registry()?.blocks().region();
        let area = environment.drain_area;
        if region.word(area + max as usize * 32 - 4).is_none() || area == 0 {
            return Err(Error::from_reason("the drain area is not set"));
        }
        let count = environment.context.drain(max as usize, |at, record| {
            for (i, value) in record.0.into_iter().enumerate() {
                if let Some(word) = region.word(area + at * 32 + i * 4) {
                    word.store(value, Relaxed);
                }
            }
        });
        Ok(count as u32)
    })
}

/// The owner stops draining before its inbox is empty: its event loop calls it back.
#[napi(catch_unwind)]
pub fn resume_later() -> Result<()> {
    with(|environment| {
        environment.context.resume_later();
        Ok(())
    })
}

/// Blocks until there is a record: spins, then sleeps, `timeout_us` at most; a signal ends the sleep. `drain` must
/// follow. Answers how many Ctrl+Cs were counted so far.
#[napi(catch_unwind)]
pub fn wait(spin_us: u32, timeout_us: u32) -> Result<u32> {
    let context = with(|environment| Ok(environment.context.clone()))?;
    context.wait(Duration::from_micros(spin_us.into()), Duration::from_micros(timeout_us.into()));
    Ok(interrupt::counted())
}

/// What the worker on a seat did: tasks, stolen, working ns, waiting ns; then the histograms of run and wait times;
/// then (ns, call, index) of the slowest tasks.
#[napi(catch_unwind)]
pub fn counters(pool: u32, worker: u32) -> Result<Vec<f64>> {
    with_pool(pool, |pool| {
        let Some(counters) = pool.counters(worker as usize) else { return Ok(Vec::new()) };
        let mut all: Vec<f64> = counters.totals().into_iter().map(|n| n as f64).collect();
        all.extend(counters.run_time.counts().map(|n| n as f64));
        all.extend(counters.wait_time.counts().map(|n| n as f64));
        all.extend(counters.slowest().iter().flat_map(|t| [t.ns as f64, f64::from(t.call), f64::from(t.index)]));
        Ok(all)
    })
}

/// Where each bucket of a histogram starts, in nanoseconds.
#[napi(catch_unwind)]
pub fn bucket_starts() -> Vec<f64> {
    (0..manycore_core::stats::BUCKETS).map(|i| Histogram::bucket_start(i) as f64).collect()
}

/// Monotonic time in milliseconds with a fraction, on the clock that stamps the lanes.
#[napi(catch_unwind)]
pub fn now_ms() -> f64 {
    manycore_core::clock::now_ns() as f64 / 1e6
}

/// Workers seated in this process.
#[napi(catch_unwind)]
pub fn worker_count() -> Result<u32> {
    Ok(registry()?.workers().load(Relaxed))
}

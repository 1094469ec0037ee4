//! A worker's side of a pool.

use crate::environment::{registry, with};
use manycore_core::pool::{Advance, Next, Worker};
use napi::bindgen_prelude::{BufferSlice, Error, Result};
use napi_derive::napi;
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;

/// This isolate takes a seat in a pool; `control` is the byte offset of its control words.
#[napi(catch_unwind)]
pub fn sit(pool: u32, seat: u32, control: f64) -> Result<()> {
    with(|environment| {
        let registry = registry()?;
        let found = registry.pool(pool).ok_or_else(|| Error::from_reason(format!("there is no pool {pool}")))?;
        let worker = Worker::sit(found.clone(), seat as usize, environment.context.clone(), control as usize);
        environment.worker = Some(worker.ok_or_else(|| Error::from_reason(format!("seat {seat} is not free")))?);
        environment.pools.insert(pool, found);
        registry.workers().fetch_add(1, Relaxed);
        Ok(())
    })
}

/// Completes the task in `lane` and takes the next: bit 0 of `what` = complete, bit 1 = take, bit 2 = the event loop
/// has just turned. Answers a slot, or -1 = idle (armed), -2 = let the event loop turn, -3 = leave.
#[napi(catch_unwind)]
pub fn advance(lane: u32, what: u32) -> Result<i32> {
    with(|environment| {
        let Some(worker) = environment.worker.as_mut() else { return Ok(-3) };
        let what = Advance { complete: what & 1 != 0, take: what & 2 != 0, turned: what & 4 != 0 };
        Ok(match worker.advance(lane as usize, what) {
            Next::Job(slot) => slot as i32,
            Next::Idle => -1,
            Next::Yield => -2,
            Next::Leave => -3,
        })
    })
}

/// The results of the first `count` items that `lane` claimed are in place, and go to the owner.
#[napi(catch_unwind)]
pub fn publish_part(lane: u32, count: u32) -> Result<()> {
    with(|environment| {
        if let Some(worker) = environment.worker.as_mut() {
            worker.publish(lane as usize, count);
        }
        Ok(())
    })
}

/// The task in `lane` reports a value: a block of this isolate with `bytes` of encoded value.
#[napi(catch_unwind)]
pub fn report(lane: u32, block: u32, bytes: u32) -> Result<()> {
    with(|environment| {
        if let Some(worker) = environment.worker.as_ref() {
            worker.report(lane as usize, block, bytes);
        }
        Ok(())
    })
}

/// Writes whole lines to standard output (1) or error (2), never mixed with those of another isolate.
#[napi(catch_unwind)]
pub fn write_lines(fd: i32, bytes: BufferSlice) {
    static WRITING: Mutex<()> = Mutex::new(());
    let _only_one = WRITING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // Nobody reads it any more: as for a process that ignores EPIPE, that is no reason to stop working.
    let _ = manycore_os::write_all(fd, &bytes);
}

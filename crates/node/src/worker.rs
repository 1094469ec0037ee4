//! A worker's side of a pool.

use crate::environment::{registry, with, with_pool};
use manycore_core::pool::{Advance, Next, Worker};
use manycore_core::processes::FarWorker;
use napi::bindgen_prelude::{Buffer, BufferSlice, Error, Result};
use napi_derive::napi;
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;

/// A worker's seat.
pub enum Seat {
    /// In a pool of this process.
    Here(Worker),
    /// In a pool of the process that started this one.
    Far(FarWorker),
}

impl Seat {
    /// Whether a task is in flight.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Here(worker) => worker.is_busy(),
            Self::Far(worker) => worker.is_busy(),
        }
    }
}

/// This isolate takes a seat in a pool of this process; `control` is the byte offset of its control words.
#[napi(catch_unwind)]
pub fn sit(pool: u32, seat: u32, control: f64) -> Result<()> {
    with(|environment| {
        let registry = registry()?;
        let found = registry.pool(pool).ok_or_else(|| Error::from_reason(format!("there is no pool {pool}")))?;
        let worker = Worker::sit(found.clone(), seat as usize, environment.context.clone(), control as usize);
        let worker = worker.ok_or_else(|| Error::from_reason(format!("seat {seat} is not free")))?;
        environment.worker = Some(Seat::Here(worker));
        environment.pools.insert(pool, found);
        registry.workers().fetch_add(1, Relaxed);
        Ok(())
    })
}

/// This isolate takes a seat in a pool of the process that started this one.
#[napi(catch_unwind)]
pub fn sit_far(pool: u32, seat: u32, control: f64, lanes: u32) -> Result<()> {
    with(|environment| {
        let registry = registry()?;
        let worker =
            FarWorker::sit(registry, (pool, seat), environment.context.clone(), (control as usize, lanes as usize));
        environment.worker = Some(Seat::Far(worker.map_err(|error| Error::from_reason(error.to_string()))?));
        registry.workers().fetch_add(1, Relaxed);
        Ok(())
    })
}

/// Completes the task in `lane` and takes the next: bit 0 of `what` = complete, bit 1 = take, bit 2 = the event loop
/// has just turned, bit 3 = the worker is to run no more. Answers a slot, or -1 = idle (armed), -2 = let the event loop turn, -3 = leave.
#[napi(catch_unwind)]
pub fn advance(lane: u32, what: u32) -> Result<i32> {
    with(|environment| {
        let (lane, what) = (lane as usize, Advance::from_bits(what));
        let next = match environment.worker.as_mut() {
            Some(Seat::Here(worker)) => worker.advance(lane, what),
            Some(Seat::Far(worker)) => worker.advance(lane, what),
            None => Next::Leave,
        };
        Ok(match next {
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
        match environment.worker.as_mut() {
            Some(Seat::Here(worker)) => worker.publish(lane as usize, count),
            Some(Seat::Far(worker)) => worker.publish(lane as usize, count),
            None => {}
        }
        Ok(())
    })
}

/// The task in `lane` reports a value: a block of this isolate with `bytes` of encoded value.
#[napi(catch_unwind)]
pub fn report(lane: u32, block: u32, bytes: u32) -> Result<()> {
    with(|environment| {
        match environment.worker.as_ref() {
            Some(Seat::Here(worker)) => worker.report(lane as usize, block, bytes),
            Some(Seat::Far(worker)) => worker.report(lane as usize, block, bytes),
            None => {}
        }
        Ok(())
    })
}

/// Tells the pool's owner something of this worker: two values, and a block of this isolate (0 = none) with so many bytes.
#[napi(catch_unwind)]
pub fn tell(what: u32, value: u32, block: u32, bytes: u32) -> Result<()> {
    with(|environment| {
        match environment.worker.as_ref() {
            Some(Seat::Here(worker)) => worker.tell(what, value, block, bytes),
            Some(Seat::Far(worker)) => worker.tell(what, value, block, bytes),
            None => {}
        }
        Ok(())
    })
}

/// The function definition of that number, of the pool where this isolate works, or which it owns.
#[napi(catch_unwind)]
pub fn definition(pool: u32, number: u32) -> Result<Buffer> {
    let far = with(|environment| match environment.worker.as_ref() {
        Some(Seat::Far(worker)) => Ok(Some(worker.definition(number))),
        _ => Ok(None),
    })?;
    let found = match far {
        Some(found) => found,
        None => with_pool(pool, |pool| Ok(pool.definitions().get(number).map(|bytes| bytes.to_vec())))?,
    };
    found.map(Buffer::from).ok_or_else(|| Error::from_reason(format!("there is no function {number}")))
}

/// Writes whole lines to a file descriptor, never mixed with those of another isolate of this process.
#[napi(catch_unwind)]
pub fn write_lines(fd: i32, bytes: BufferSlice) {
    static WRITING: Mutex<()> = Mutex::new(());
    let _only_one = WRITING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // Nobody reads it any more: as for a process that ignores EPIPE, that is no reason to stop working.
    let _ = manycore_os::write_lines(fd, &bytes);
}

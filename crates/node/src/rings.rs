//! Queues and pipes: messages of an isolate into rings and out of them.

use crate::environment::{registry, with};
use manycore_core::blocks::Blocks;
use manycore_core::contexts::Contexts;
use manycore_core::ring::{Area, Caller, Fault, Many, Put, Ring};
use napi::Status;
use napi::bindgen_prelude::{Error, Result};
use napi_derive::napi;

/// Runs `f` with a ring and this isolate as the caller; `cell` is the byte offset of its cell, 0 = the ring counts
/// nothing.
fn at_ring<R>(
    object: u32,
    cell: f64,
    f: impl Fn(&Ring<'_, Blocks>, &Caller<'_, Blocks, Contexts>) -> std::result::Result<R, Fault>,
) -> Result<R> {
    with(|environment| {
        let registry = registry()?;
        let (blocks, contexts) = (&**registry.blocks(), registry.contexts());
        let id = environment.context.id();
        let missing = || Error::from_reason(format!("there is no queue {object}"));
        let ring = Ring::at(blocks, object).ok_or_else(missing)?;
        let intent = contexts.intent(id).ok_or_else(missing)?;
        let cell = if cell == 0.0 { None } else { blocks.region().word(cell as usize) };
        let caller = Caller { id, intent, cell, parties: contexts };
        loop {
            match f(&ring, &caller) {
                Ok(value) => return Ok(value),
                // Another thread is dealing with that death at this moment.
                Err(Fault::OwnerDied { .. }) => std::thread::yield_now(),
                Err(fault) => return Err(Error::new(Status::GenericFailure, fault.to_string())),
            }
        }
    })
}

/// Puts the messages that lie at byte `at`, `bytes` bytes altogether; `wait`: if there is no room for the first, this
/// isolate waits. Answers how many were put, times 4, plus why not more: 0 = all, 1 = no room, 2 = shut, 3 = nobody reads.
#[napi(catch_unwind)]
pub fn ring_put(object: u32, at: f64, bytes: u32, wait: bool) -> Result<u32> {
    let area = Area { at: at as usize, bytes: bytes as usize };
    at_ring(object, 0.0, |ring, me| {
        let (count, put) = ring.put_many(me, area, wait)?;
        let why = match put {
            Put::Done => 0,
            Put::Full => 1,
            Put::Closed => 2,
            Put::Broken => 3,
        };
        Ok(count * 4 + why)
    })
}

/// Takes up to `max` messages into the `bytes` bytes at `at`; `wait`: if there is none, this isolate waits. Answers how
/// many, or -1 = none, -2 = none, and none will come.
#[napi(catch_unwind)]
pub fn ring_get(object: u32, max: u32, at: f64, bytes: u32, wait: bool, cell: f64) -> Result<i32> {
    let area = Area { at: at as usize, bytes: bytes as usize };
    at_ring(object, cell, |ring, me| {
        Ok(match ring.get_many(me, max, area, wait)? {
            Many::Some(count) => count as i32,
            Many::Empty => -1,
            Many::Ended => -2,
        })
    })
}

/// Whether there is a message, or none will come; `wait`: if not, this isolate waits as `ringGet` does.
#[napi(catch_unwind)]
pub fn ring_ready(object: u32, wait: bool) -> Result<bool> {
    at_ring(object, 0.0, |ring, me| Ok(ring.ready(me, wait)))
}

/// This isolate waits no more: for messages (0), for room (1), until all is done (2).
#[napi(catch_unwind)]
pub fn ring_leave(object: u32, what: u32) -> Result<()> {
    at_ring(object, 0.0, |ring, me| {
        match what {
            0 => ring.leave_items(me),
            1 => ring.leave_room(me),
            _ => ring.leave_join(me),
        }
        Ok(())
    })
}

/// Sets flags: 1 = nothing is put any more, 2 = and what is there is dropped, 4 = nobody reads, 8 = nobody writes.
#[napi(catch_unwind)]
pub fn ring_shut(object: u32, flags: u32, cell: f64) -> Result<()> {
    at_ring(object, cell, |ring, me| ring.shut(me, flags))
}

/// What a ring tells of itself: messages in it, whether it is full, lost ones, and how often all was done.
#[napi(catch_unwind)]
pub fn ring_state(object: u32) -> Result<Vec<f64>> {
    at_ring(object, 0.0, |ring, _| {
        let full = if ring.is_full() { 1.0 } else { 0.0 };
        Ok(vec![ring.len() as f64, full, ring.lost().into(), ring.epoch().into()])
    })
}

/// One message that this isolate took is done. False: it was not.
#[napi(catch_unwind)]
pub fn ring_task_done(object: u32, cell: f64) -> Result<bool> {
    at_ring(object, cell, |ring, me| ring.task_done(me, 1))
}

/// Whether all is done, or was since all had been done `since` times; `wait`: if not, this isolate waits.
#[napi(catch_unwind)]
pub fn ring_join(object: u32, since: u32, wait: bool) -> Result<bool> {
    at_ring(object, 0.0, |ring, me| Ok(ring.join(me, since, wait)))
}

//! Shared objects: made, held, packed, and what their bells say.

use crate::environment::{registry, with};
use manycore_core::objects::Plan;
use manycore_core::primitives::Parties;
use manycore_os::interrupt;
use napi::Status;
use napi::bindgen_prelude::{Error, Result};
use napi_derive::napi;
use std::time::Duration;

/// Makes a shared object that this isolate holds: its kind, three constants, the bytes of its payload (its first four
/// words included; all behind them is zero), and the objects that it needs. Answers its block.
#[napi(catch_unwind)]
pub fn create_object(kind: u32, a: u32, b: u32, c: u32, bytes: f64, needs: Vec<u32>) -> Result<u32> {
    let plan = Plan { kind, constants: [a, b, c], bytes: bytes as usize, needs: &needs };
    with(|environment| {
        let made = registry()?.objects().create(environment.context.id(), plan);
        made.map_err(|error| Error::new(Status::GenericFailure, error.to_string()))
    })
}

/// This isolate holds the object from here on. False: there is no such object.
#[napi(catch_unwind)]
pub fn open_object(object: u32) -> Result<bool> {
    with(|environment| Ok(registry()?.objects().open(environment.context.id(), object)))
}

/// This isolate lets go of the object. False: it did not hold it.
#[napi(catch_unwind)]
pub fn release_object(object: u32) -> Result<bool> {
    with(|environment| Ok(registry()?.objects().release(environment.context.id(), object)))
}

/// Byte offset of the word where this isolate counts what it has of the object; 0 if it does not hold it.
#[napi(catch_unwind)]
pub fn cell(object: u32) -> Result<f64> {
    with(|environment| {
        Ok(registry()?.objects().cell(environment.context.id(), object).map_or(0.0, |offset| offset as f64))
    })
}

/// Has the message in `carrier`, a block of this isolate, keep alive the objects that it names. False: one of them does
/// not exist.
#[napi(catch_unwind)]
pub fn pack(carrier: u32, objects: Vec<u32>) -> Result<bool> {
    Ok(registry()?.objects().pack(carrier, objects))
}

/// Whether nobody but this isolate can reach the object.
#[napi(catch_unwind)]
pub fn only_here(object: u32) -> Result<bool> {
    with(|environment| Ok(registry()?.objects().only(environment.context.id(), object)))
}

/// Whether the isolate of this number lives.
#[napi(catch_unwind)]
pub fn context_alive(context: u32) -> Result<bool> {
    Ok(registry()?.contexts().alive(context))
}

/// Shared objects that are alive in the whole process, for tests and statistics.
#[napi(catch_unwind)]
pub fn object_count() -> Result<u32> {
    Ok(registry()?.objects().count() as u32)
}

/// This isolate's bell: changes whenever something that it waits for may have changed.
#[napi(catch_unwind)]
pub fn bell() -> Result<u32> {
    with(|environment| Ok(environment.context.bell()))
}

/// Blocks until the bell is not `seen` any more or there is a record: spins, then sleeps, `timeout_us` at most; a signal
/// ends the sleep. Answers how many Ctrl+Cs were counted so far.
#[napi(catch_unwind)]
pub fn sleep(seen: u32, spin_us: u32, timeout_us: u32) -> Result<u32> {
    let context = with(|environment| Ok(environment.context.clone()))?;
    context.sleep(seen, Duration::from_micros(spin_us.into()), Duration::from_micros(timeout_us.into()));
    Ok(interrupt::counted())
}

/// Whether tasks of this isolate's event loop wait for shared objects: then a ring calls the event loop.
#[napi(catch_unwind)]
pub fn listen(on: bool) -> Result<()> {
    with(|environment| {
        environment.context.listen(on);
        Ok(())
    })
}

/// The event loop looks at what its tasks wait for: a ring from here on calls it again.
#[napi(catch_unwind)]
pub fn answer() -> Result<()> {
    with(|environment| {
        environment.context.answer();
        Ok(())
    })
}

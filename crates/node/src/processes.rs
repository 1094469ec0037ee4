//! Child processes that share this one's memory.

use crate::environment::{registry, with};
use manycore_core::registry::Registry;
use manycore_os::interrupt;
use manycore_os::process::Exit;
use napi::bindgen_prelude::{Error, Result};
use napi_derive::napi;

/// A place for a child process.
#[napi(object)]
pub struct Place {
    /// The child's number.
    pub number: u32,
    /// What it has to be told, for [`join_region`].
    pub ticket: String,
    /// The descriptor that it has to inherit.
    pub file: i32,
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::from_reason(error.to_string())
}

/// This process is a child that was started with `ticket`, and has inherited the region's file as that descriptor: it
/// shares the memory of the process that started it. To be called before anything else.
#[napi(catch_unwind)]
pub fn join_region(ticket: String, file: i32) -> Result<()> {
    Registry::join(&ticket, file).map(drop).map_err(refused)
}

/// Ctrl+C does not end this process, a child that works for another one, unless it listens for it.
#[napi(catch_unwind)]
pub fn ignore_interrupts() {
    interrupt::ignore();
}

/// A place for a child process that this isolate is about to start. `watch_process` must follow, or `forget_process`.
#[napi(catch_unwind)]
pub fn reserve_process() -> Result<Place> {
    with(|environment| {
        let registry = registry()?;
        let (number, ticket) = registry.tree().reserve(environment.context.id()).map_err(refused)?;
        Ok(Place { number, ticket, file: registry.blocks().region().descriptor() })
    })
}

/// The child of that number was started, and is `pid` to the system. It ends with this isolate.
#[napi(catch_unwind)]
pub fn watch_process(number: u32, pid: u32) -> Result<()> {
    with(|environment| registry()?.tree().watch(number, pid, environment.context.id()).map_err(refused))
}

/// How the child of that number ended: its status, or the number of a signal less than zero; -1000 if nobody knows. Null:
/// it has not ended.
#[napi(catch_unwind)]
pub fn process_end(number: u32) -> Result<Option<i32>> {
    Ok(registry()?.tree().ended(number).map(|exit| match exit {
        Some(Exit::Code(code)) => code,
        Some(Exit::Signal(signal)) => -signal,
        None => -1000,
    }))
}

/// The child of that number was waited for, or could not be started.
#[napi(catch_unwind)]
pub fn forget_process(number: u32) -> Result<()> {
    registry()?.tree().forget(number);
    Ok(())
}

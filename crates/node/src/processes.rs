//! Child processes that share this one's memory.

use crate::environment::{registry, with};
use manycore_core::processes::{Tree, TreeError};
use manycore_core::registry::{Registry, RegistryError};
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

/// An error whose code is the system's number, or `PROCESSES`.
fn refused(error: TreeError) -> Error<String> {
    let number = match &error {
        TreeError::System(error) => error.raw_os_error(),
        TreeError::Attach(_) => None,
    };
    Error::new(number.map_or_else(|| "PROCESSES".to_string(), |number| number.to_string()), error.to_string())
}

/// What [`Tree`] has for this isolate, and its context.
fn tree() -> Result<(&'static Tree, u32), String> {
    let found = with(|environment| Ok((registry()?.tree(), environment.context.id())));
    found.map_err(|error| Error::new(error.status.to_string(), error.reason.clone()))
}

/// This process is a child that was started with `ticket`, and has inherited the region's file as that descriptor: it
/// shares the memory of the process that started it. False: that one has ended, or another that it does not outlive. To be
/// called before anything else.
#[napi(catch_unwind)]
pub fn join_region(ticket: String, file: i32) -> Result<bool> {
    match Registry::join(&ticket, file) {
        Ok(_) => Ok(true),
        Err(RegistryError::Gone) => Ok(false),
        Err(error) => Err(Error::from_reason(error.to_string())),
    }
}

/// Ctrl+C does not end this process, a child that works for another one, unless it listens for it.
#[napi(catch_unwind)]
pub fn ignore_interrupts() {
    interrupt::ignore();
}

/// A place for a child process that this isolate is about to start. `watch_process` must follow, or `forget_process`.
#[napi(catch_unwind)]
pub fn reserve_process() -> Result<Place, String> {
    let (tree, context) = tree()?;
    let (number, ticket) = tree.reserve(context).map_err(refused)?;
    Ok(Place { number, ticket, file: tree.file() })
}

/// The child of that number was started, and is `pid` to the system. It ends with this isolate.
#[napi(catch_unwind)]
pub fn watch_process(number: u32, pid: u32) -> Result<(), String> {
    let (tree, context) = tree()?;
    tree.watch(number, pid, context).map_err(refused)
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

//! What concerns the whole process: Ctrl+C, the CPUs that its threads run on, what one thread does at a time, and chance.

use manycore_os::{cpus, interrupt};
use napi::bindgen_prelude::{Buffer, Error, Function, Result};
use napi_derive::napi;
use std::sync::Mutex;

/// Has Ctrl+Cs counted from here on, if somebody listens for them; answers how many were so far.
#[napi(catch_unwind)]
pub fn count_interrupts() -> u32 {
    interrupt::count();
    interrupt::counted()
}

/// Has the `nth` Ctrl+C from here on end the process; 0: none does. Only while nobody listens but manycore.
#[napi(catch_unwind)]
pub fn end_at_interrupt(nth: u32) {
    interrupt::end_at(nth);
}

/// The CPUs that this process may run on.
#[napi(catch_unwind)]
pub fn allowed_cpus() -> Result<Vec<u32>> {
    let cpus = cpus::allowed().map_err(|error| Error::from_reason(error.to_string()))?;
    Ok(cpus.into_iter().map(|cpu| cpu as u32).collect())
}

/// Has this thread run on one CPU alone.
#[napi(catch_unwind)]
pub fn pin_thread(cpu: u32) -> Result<()> {
    let failed = |error| Error::from_reason(format!("the thread could not be pinned to CPU {cpu}: {error}"));
    cpus::pin_thread(cpu as usize).map_err(failed)
}

/// Calls `run` while no other thread is in such a call: it changes what belongs to the whole process.
#[napi(catch_unwind)]
pub fn one_at_a_time(run: Function<(), ()>) -> Result<()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    run.call(())
}

/// The memory that this process has to itself, in bytes.
#[napi(catch_unwind)]
pub fn private_memory() -> Result<f64> {
    let bytes = manycore_os::private_memory().map_err(|error| Error::from_reason(error.to_string()))?;
    Ok(bytes as f64)
}

/// Bytes that nobody can guess, of the system's generator: Node's own `crypto` takes milliseconds to load.
#[napi(catch_unwind)]
pub fn random_bytes(count: u32) -> Result<Buffer> {
    let mut bytes = vec![0; count as usize];
    getrandom::fill(&mut bytes).map_err(|error| Error::from_reason(error.to_string()))?;
    Ok(bytes.into())
}

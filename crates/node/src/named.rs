//! Named shared memory, seen from JavaScript.
//!
//! Every block is mapped on its own, and has one ArrayBuffer over exactly its bytes. Its addresses stay valid until both
//! of these are gone, or their environment ends; Node calls a finalizer for each, in both cases:
//!
//! * the buffer's **bytes**: they can be moved to another buffer;
//! * the buffer **object**: an asynchronous call of Node's that uses the addresses holds on to it, also when the bytes were
//!   taken from it, as closing does.

use crate::environment::registry;
use manycore_core::named::{self, NameError, Names};
use manycore_os::helper::Program;
use manycore_os::named::Block;
use napi::bindgen_prelude::{Error, Object, Result, retain_current_module_for_unload_safety};
use napi::{Env, JsValue, check_status, sys};
use napi_derive::napi;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex, MutexGuard};

static NAMES: Names = Names::new();

/// A block, and how many of its finalizers have not run yet.
struct Mapped {
    block: Block,
    held: u32,
}

/// What is mapped, by number.
static MAPPED: LazyLock<Mutex<HashMap<usize, Mapped>>> = LazyLock::new(Mutex::default);

fn mapped() -> MutexGuard<'static, HashMap<usize, Mapped>> {
    MAPPED.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// An error whose code is the system's number, or `TRACKER`.
fn refused(error: NameError) -> Error<String> {
    let code = error.errno().map_or_else(|| "TRACKER".to_string(), |errno| errno.to_string());
    Error::new(code, error.to_string())
}

/// Says how the tracker is started: the file to run, its arguments, and its environment as names and values in turn.
#[napi(catch_unwind)]
pub fn prepare_tracker(file: String, arguments: Vec<String>, environment: Vec<String>) {
    // The tracker's pipe lives in a static: the image must not be unloaded with the worker that loaded it.
    retain_current_module_for_unload_safety();
    let Ok(registry) = registry() else { return };
    let tree = registry.tree();
    NAMES.prepare(|| {
        if let Some(launch) = tree.far_tracker() {
            return launch;
        }
        tree.pass_records(|record| NAMES.pass(record).is_ok());
        let environment = environment.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        named::launcher(Program { file, arguments, environment })
    });
}

/// Makes a named block of `bytes` bytes: `{ id, buffer }`.
#[napi(catch_unwind)]
pub fn create_named(env: Env, name: String, bytes: f64) -> Result<Object<'static>, String> {
    let block = NAMES.create(&name, bytes as usize).map_err(refused)?;
    show(env, block).inspect_err(|_| {
        let _ = NAMES.unlink(&name);
    })
}

/// Maps a named block that exists: `{ id, buffer }`.
#[napi(catch_unwind)]
pub fn attach_named(env: Env, name: String, track: bool) -> Result<Object<'static>, String> {
    let block = NAMES.attach(&name, track).map_err(refused)?;
    show(env, block)
}

/// Takes a block's name away.
#[napi(catch_unwind)]
pub fn unlink_named(name: String) -> Result<(), String> {
    NAMES.unlink(&name).map_err(refused)
}

/// Ends the use of a block: its buffer has no bytes any more.
#[napi(catch_unwind)]
pub fn close_named(env: Env, id: f64, buffer: Object<'_>) -> Result<()> {
    // SAFETY: the value is alive, and Node checks that it is an ArrayBuffer. One that is detached stays so.
    let status = unsafe { sys::napi_detach_arraybuffer(env.raw(), buffer.raw()) };
    // Others may still know the addresses: Node's own threads, or the buffer that its bytes were moved to.
    if let Some(Mapped { block, .. }) = mapped().get_mut(&(id as usize)) {
        block.release();
    }
    check_status!(status, "the buffer cannot be detached")
}

/// Is the tracker, until the process that it serves is gone.
#[napi(catch_unwind)]
pub fn serve_tracker() {
    named::run_tracker();
}

/// `{ id, buffer }` of a block.
fn show(env: Env, block: Block) -> Result<Object<'static>, String> {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    let custom = |error: Error| Error::new("REFUSED".to_string(), error.reason.clone());
    let id = LAST.fetch_add(1, Relaxed) + 1;
    let hint = id as *mut c_void;
    let (base, bytes) = (block.base(), block.bytes());
    mapped().insert(id, Mapped { block, held: 2 });
    let mut raw = std::ptr::null_mut();
    // SAFETY: the addresses stay valid until this finalizer has run, and nobody else frees them.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(env.raw(), base.as_ptr().cast(), bytes, Some(let_go), hint, &mut raw)
    };
    check_status!(status, "This runtime refuses external array buffers")
        .inspect_err(|_| drop(mapped().remove(&id)))
        .map_err(custom)?;
    // SAFETY: the buffer was made above; the finalizer takes its hint for a number.
    let status = unsafe {
        sys::napi_add_finalizer(env.raw(), raw, std::ptr::null_mut(), Some(let_go), hint, std::ptr::null_mut())
    };
    check_status!(status, "This runtime refuses finalizers").map_err(custom)?;
    let mut shown = Object::new(&env).map_err(custom)?;
    shown.set("id", id as f64).map_err(custom)?;
    shown.set("buffer", Object::from_raw(env.raw(), raw)).map_err(custom)?;
    Ok(Object::from_raw(env.raw(), shown.raw()))
}

/// A finalizer: one of those that hold the addresses of block `id` is gone.
extern "C" fn let_go(_env: sys::napi_env, _data: *mut c_void, id: *mut c_void) {
    let id = id as usize;
    let mut mapped = mapped();
    let Some(held) = mapped.get_mut(&id).map(|mapped| &mut mapped.held) else { return };
    *held -= 1;
    if *held == 0 {
        drop(mapped.remove(&id));
    }
}

//! The region, seen from JavaScript.

use crate::environment::{registry, with};
use manycore_core::blocks::BlockError;
use napi::bindgen_prelude::{Error, Object, Result};
use napi::{Env, Status, check_status, sys};
use napi_derive::napi;

/// An ArrayBuffer over all of the region that is committed now. Internal: user code must never reach it.
#[napi(catch_unwind)]
pub fn window(env: Env) -> Result<Object<'static>> {
    let region = registry()?.blocks().region();
    let mut value = std::ptr::null_mut();
    // SAFETY: the region lives as long as the process, so the memory needs no finalizer.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            env.raw(),
            region.base().as_ptr().cast(),
            region.committed(),
            None,
            std::ptr::null_mut(),
            &mut value,
        )
    };
    check_status!(status, "this runtime refuses external array buffers")?;
    Ok(Object::from_raw(env.raw(), value))
}

/// A block for `bytes` of payload, owned by this isolate. Its payload begins at `block * 64 + 16`.
#[napi(catch_unwind)]
pub fn alloc(bytes: f64) -> Result<u32> {
    let refused = |error: BlockError| Error::new(Status::GenericFailure, error.to_string());
    with(|environment| registry()?.blocks().alloc(environment.context.id(), bytes as usize).map_err(refused))
}

/// Gives a block of this isolate back. False: it has no such block.
#[napi(catch_unwind)]
pub fn free(block: u32) -> Result<bool> {
    with(|environment| Ok(registry()?.blocks().free(environment.context.id(), block).is_ok()))
}

/// Bytes of blocks in use in the whole process, for tests and statistics.
#[napi(catch_unwind)]
pub fn blocks_in_use() -> Result<f64> {
    Ok(registry()?.blocks().in_use() as f64)
}

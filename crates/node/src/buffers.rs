//! Buffers of their own over a part of a shared object.

use crate::environment::registry;
use manycore_core::blocks::Blocks;
use manycore_os::symbol;
use napi::bindgen_prelude::{Error, Object, Result};
use napi::{Env, check_status, sys};
use napi_derive::napi;
use std::ffi::c_void;
use std::sync::OnceLock;

type FinalizeShared = unsafe extern "C" fn(*mut c_void, *mut c_void);
type CreateShared = unsafe extern "C" fn(
    sys::napi_env,
    *mut c_void,
    usize,
    Option<FinalizeShared>,
    *mut c_void,
    *mut sys::napi_value,
) -> sys::napi_status;

/// The runtime's own function for SharedArrayBuffers over memory that is not its own, where it has one.
fn create_shared() -> Option<CreateShared> {
    static FOUND: OnceLock<Option<CreateShared>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let found = symbol(c"node_api_create_external_sharedarraybuffer")?;
        // SAFETY: Node-API declares it with this signature.
        Some(unsafe { std::mem::transmute::<*mut c_void, CreateShared>(found.as_ptr()) })
    })
}

/// The buffer is gone; `hint` is the object that it showed.
unsafe extern "C" fn drop_shared(_data: *mut c_void, hint: *mut c_void) {
    if let Ok(registry) = registry() {
        registry.objects().unpin(&[hint as usize as u32]);
    }
}

unsafe extern "C" fn drop_plain(_env: sys::napi_env, data: *mut c_void, hint: *mut c_void) {
    // SAFETY: the same arguments.
    unsafe { drop_shared(data, hint) };
}

/// A buffer over exactly the bytes `[offset, offset + bytes)` of the object's payload, which keeps the object alive: a
/// SharedArrayBuffer where the runtime can make one, else an ArrayBuffer.
#[napi(catch_unwind)]
pub fn object_buffer(env: Env, object: u32, offset: f64, bytes: f64) -> Result<Object<'static>> {
    let registry = registry()?;
    if !registry.objects().pin(&[object]) {
        return Err(Error::from_reason(format!("there is no object {object}")));
    }
    let region = registry.blocks().region();
    let at = Blocks::payload(object) + offset as usize;
    let bytes = bytes as usize;
    if at.checked_add(bytes).is_none_or(|end| end > region.committed()) {
        registry.objects().unpin(&[object]);
        return Err(Error::from_reason("the buffer would lie outside of the region"));
    }
    // SAFETY: the range is committed, and pinned until the buffer is gone.
    let data = unsafe { region.base().as_ptr().add(at) }.cast();
    let hint = object as usize as *mut c_void;
    let mut value = std::ptr::null_mut();
    let status = match create_shared() {
        // SAFETY: `data` and `hint` are as `drop_shared` expects them.
        Some(create) => unsafe { create(env.raw(), data, bytes, Some(drop_shared), hint, &mut value) },
        // SAFETY: the same for `drop_plain`.
        None => unsafe {
            sys::napi_create_external_arraybuffer(env.raw(), data, bytes, Some(drop_plain), hint, &mut value)
        },
    };
    if status != sys::Status::napi_ok {
        registry.objects().unpin(&[object]);
    }
    check_status!(status, "this runtime refuses external buffers")?;
    Ok(Object::from_raw(env.raw(), value))
}

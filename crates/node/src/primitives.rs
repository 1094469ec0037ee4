//! The slow ways of locks and their like: what JavaScript cannot do by one compare-exchange.

use crate::environment::{registry, with};
use manycore_core::blocks::Blocks;
use manycore_core::contexts::Contexts;
use manycore_core::objects::HEADER_BYTES;
use manycore_core::primitives::lock::{self, Look};
use manycore_core::primitives::{GateRef, event, semaphore};
use napi::bindgen_prelude::{Error, Result};
use napi_derive::napi;

/// Runs `f` with an object's gate, the contexts, and this isolate's number.
fn at_gate<R>(object: u32, f: impl FnOnce(&GateRef<'_>, &Contexts, u32) -> R) -> Result<R> {
    with(|environment| {
        let registry = registry()?;
        let gate = GateRef::at(registry.blocks().region(), Blocks::payload(object) + HEADER_BYTES);
        let gate = gate.ok_or_else(|| Error::from_reason(format!("there is no object {object}")))?;
        Ok(f(&gate, registry.contexts(), environment.context.id()))
    })
}

/// Takes a lock, or makes this isolate known as waiting; `stay`: other waiters of it remain. 0 = got, 1 = got from a
/// holder that died, 2 = sleep, 3 = its holder died.
#[napi(catch_unwind)]
pub fn lock_look(object: u32, recover: bool, stay: bool) -> Result<u32> {
    at_gate(object, |gate, parties, me| match lock::look(gate, parties, me, recover, stay) {
        Look::Got => 0,
        Look::GotRecovered => 1,
        Look::Sleep => 2,
        Look::OwnerDied => 3,
    })
}

/// Frees a lock, whoever holds it. 0 = done, 1 = done, and a waiter of this isolate is to look, 2 = nobody held it.
#[napi(catch_unwind)]
pub fn lock_release(object: u32) -> Result<u32> {
    at_gate(object, |gate, parties, me| match lock::release(gate, parties, me) {
        Ok(rung) => u32::from(rung.own && rung.others == 0),
        Err(_) => 2,
    })
}

/// This isolate waits for the lock no more.
#[napi(catch_unwind)]
pub fn lock_leave(object: u32) -> Result<()> {
    at_gate(object, lock::leave)
}

/// Takes a permit of a semaphore: true; or makes this isolate known as waiting. `stay`: other waiters of it remain.
#[napi(catch_unwind)]
pub fn semaphore_look(object: u32, stay: bool) -> Result<bool> {
    at_gate(object, |gate, parties, me| semaphore::look(gate, parties, me, stay))
}

/// Gives permits to a semaphore. 0 = done, 1 = done, and a waiter of this isolate is to look, 2 = there would be too many.
#[napi(catch_unwind)]
pub fn semaphore_release(object: u32, count: u32) -> Result<u32> {
    at_gate(object, |gate, parties, me| match semaphore::release(gate, parties, me, count) {
        Ok(rung) => u32::from(rung.own),
        Err(_) => 2,
    })
}

/// This isolate waits for the semaphore no more.
#[napi(catch_unwind)]
pub fn semaphore_leave(object: u32) -> Result<()> {
    at_gate(object, semaphore::leave)
}

/// Sets an event. True: waiters of this isolate are to look.
#[napi(catch_unwind)]
pub fn event_set(object: u32) -> Result<bool> {
    at_gate(object, |gate, parties, me| event::set(gate, parties, me).own)
}

/// Whether one passes who began to wait when the event's word was `seen`; if not, this isolate is known as waiting.
/// `stay`: other waiters of it remain.
#[napi(catch_unwind)]
pub fn event_look(object: u32, seen: u32, stay: bool) -> Result<bool> {
    at_gate(object, |gate, _, me| event::look(gate, me, seen, stay))
}

/// This isolate waits for the event no more.
#[napi(catch_unwind)]
pub fn event_leave(object: u32) -> Result<()> {
    at_gate(object, |gate, _, me| event::leave(gate, me))
}

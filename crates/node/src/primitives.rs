//! The slow ways of locks and their like: what JavaScript cannot do by one compare-exchange.

use crate::environment::{registry, with};
use manycore_core::blocks::Blocks;
use manycore_core::contexts::Contexts;
use manycore_core::objects::HEADER_BYTES;
use manycore_core::primitives::barrier::{self, Arrival};
use manycore_core::primitives::condition::Condition;
use manycore_core::primitives::lock::{self, Look};
use manycore_core::primitives::{GateRef, event, semaphore};
use manycore_core::sync::shared::AtomicU32;
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

/// Puts a lock back that this isolate got from the holder `dead`, which died. True: a waiter of this isolate is to look.
#[napi(catch_unwind)]
pub fn lock_put_back(object: u32, dead: u32) -> Result<bool> {
    at_gate(object, |gate, parties, me| lock::put_back(gate, parties, me, dead).own)
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

/// Runs `f` with a condition, the contexts, and this isolate's number.
fn at_condition<R>(object: u32, f: impl FnOnce(&Condition<'_, Blocks>, &Contexts, u32) -> Result<R>) -> Result<R> {
    with(|environment| {
        let registry = registry()?;
        let condition = Condition::at(&**registry.blocks(), object);
        let condition = condition.ok_or_else(|| Error::from_reason(format!("there is no object {object}")))?;
        f(&condition, registry.contexts(), environment.context.id())
    })
}

/// A waiter of this isolate, which holds the condition's lock, waits from here on. Answers its ticket.
#[napi(catch_unwind)]
pub fn condition_enter(object: u32) -> Result<f64> {
    at_condition(object, |condition, parties, me| {
        let ticket = condition.enter(parties, me).map_err(|error| Error::from_reason(error.to_string()))?;
        Ok(ticket as f64)
    })
}

/// Whether the waiter with this ticket was notified.
#[napi(catch_unwind)]
pub fn condition_notified(object: u32, ticket: f64) -> Result<bool> {
    at_condition(object, |condition, _, _| Ok(condition.notified(ticket as u64)))
}

/// The waiter with this ticket gives up, with the lock held. True: it was notified meanwhile.
#[napi(catch_unwind)]
pub fn condition_forget(object: u32, ticket: f64) -> Result<bool> {
    at_condition(object, |condition, _, _| Ok(condition.forget(ticket as u64)))
}

/// Notifies the `most` oldest waiters, with the lock held. True: waiters of this isolate are to look.
#[napi(catch_unwind)]
pub fn condition_notify(object: u32, most: f64) -> Result<bool> {
    at_condition(object, |condition, parties, me| Ok(condition.notify(parties, me, most as u64).own))
}

/// Runs `f` with a barrier's gate, the contexts, this isolate's number and its cell, at byte offset `cell`.
fn at_barrier<R>(object: u32, cell: f64, f: impl FnOnce(&GateRef<'_>, &Contexts, u32, &AtomicU32) -> R) -> Result<R> {
    let cell = registry()?.blocks().region().word(cell as usize);
    let cell = cell.ok_or_else(|| Error::from_reason(format!("there is no cell for object {object}")))?;
    at_gate(object, |gate, parties, me| f(gate, parties, me, cell))
}

fn look_code(look: barrier::Look) -> u32 {
    match look {
        barrier::Look::Sleep => 0,
        barrier::Look::Passes => 1,
        barrier::Look::Broken => 2,
    }
}

/// A waiter of this isolate arrives; `action`: the last one has something to do. Answers how many arrived before, times
/// 8, plus 0 = waits, 1 = acts, 2 = passes, 3 = is to arrive again when rung, 4 = broken.
#[napi(catch_unwind)]
pub fn barrier_arrive(object: u32, cell: f64, action: bool, stay: bool) -> Result<u32> {
    at_barrier(object, cell, |gate, parties, me, cell| match barrier::arrive(gate, parties, me, cell, action, stay) {
        Arrival::Waits(index) => index * 8,
        Arrival::Acts(index) => index * 8 + 1,
        Arrival::Passes(index) => index * 8 + 2,
        Arrival::NotYet => 3,
        Arrival::Broken => 4,
    })
}

/// What has become of a waiter that has arrived: 0 = sleeps, 1 = passes, 2 = the barrier broke.
#[napi(catch_unwind)]
pub fn barrier_look(object: u32, cell: f64, stay: bool) -> Result<u32> {
    at_barrier(object, cell, |gate, parties, me, cell| look_code(barrier::look(gate, parties, me, cell, stay)))
}

/// The action has ended, `done` or not. As `barrierLook`.
#[napi(catch_unwind)]
pub fn barrier_finish(object: u32, cell: f64, done: bool, stay: bool) -> Result<u32> {
    at_barrier(object, cell, |gate, parties, me, cell| look_code(barrier::finish(gate, parties, me, cell, done, stay)))
}

/// A waiter that has arrived gives up; `patient`: not while the action runs. As `barrierLook`; 0 = it goes on waiting.
#[napi(catch_unwind)]
pub fn barrier_leave(object: u32, cell: f64, patient: bool, stay: bool) -> Result<u32> {
    at_barrier(object, cell, |gate, parties, me, cell| {
        look_code(barrier::leave(gate, parties, me, cell, patient, stay))
    })
}

/// This isolate waits at the barrier no more.
#[napi(catch_unwind)]
pub fn barrier_withdraw(object: u32) -> Result<()> {
    at_gate(object, |gate, _, me| barrier::withdraw(gate, me))
}

/// Breaks the barrier.
#[napi(catch_unwind)]
pub fn barrier_abort(object: u32) -> Result<()> {
    at_gate(object, barrier::abort)
}

/// Makes the barrier as new.
#[napi(catch_unwind)]
pub fn barrier_reset(object: u32) -> Result<()> {
    at_gate(object, barrier::reset)
}

/// How many wait at the barrier.
#[napi(catch_unwind)]
pub fn barrier_waiting(object: u32) -> Result<u32> {
    at_gate(object, |gate, _, _| barrier::waiting(gate))
}

/// Whether the barrier is broken.
#[napi(catch_unwind)]
pub fn barrier_broken(object: u32) -> Result<bool> {
    at_gate(object, |gate, _, _| barrier::is_broken(gate))
}

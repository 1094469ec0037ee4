//! What one environment (isolate) holds: its context, the pools it uses, its seat if it is a worker.

use crate::worker::Seat;
use manycore_core::context::{Context, Wake};
use manycore_core::pool::Pool;
use manycore_core::registry::Registry;
use napi::bindgen_prelude::{Error, Function, Result};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// The environment of the current thread.
pub struct Environment {
    pub context: Arc<Context>,
    pub pools: HashMap<u32, Arc<Pool>>,
    pub worker: Option<Seat>,
    /// Byte offset of the area that `drain` fills, once it is known.
    pub drain_area: usize,
}

thread_local! {
    static CURRENT: RefCell<Option<Environment>> = const { RefCell::new(None) };
}

/// Weak: it does not keep the event loop alive. One per environment, dropped in the environment's cleanup hook while
/// the context's lock keeps every other thread from using it.
type Bell = ThreadsafeFunction<(), (), (), Status, false, true>;

struct LoopWaker(Bell);

impl Wake for LoopWaker {
    fn wake(&self) {
        // A loop that is closing refuses the call; nobody there needs it any more.
        let _ = self.0.call((), ThreadsafeFunctionCallMode::NonBlocking);
    }
}

/// The process' registry, or why there is none.
pub fn registry() -> Result<&'static Registry> {
    Registry::get().map_err(|error| Error::from_reason(error.to_string()))
}

/// Runs `f` with the current environment, which must be attached.
pub fn with<R>(f: impl FnOnce(&mut Environment) -> Result<R>) -> Result<R> {
    CURRENT.with(|current| match current.borrow_mut().as_mut() {
        Some(environment) => f(environment),
        None => Err(Error::from_reason("this isolate is not attached")),
    })
}

/// Runs `f` with a pool of this environment.
pub fn with_pool<R>(pool: u32, f: impl FnOnce(&Arc<Pool>) -> Result<R>) -> Result<R> {
    with(|environment| match environment.pools.get(&pool) {
        Some(pool) => f(pool),
        None => Err(Error::from_reason(format!("there is no pool {pool}"))),
    })
}

/// Attaches this isolate; `wake` is called on its event loop whenever there is something to look at. Answers the
/// context's number. Once: a second attachment would take the pools of the first from it.
#[napi(catch_unwind)]
pub fn attach(env: Env, wake: Function<(), ()>) -> Result<u32> {
    if CURRENT.with(|current| current.borrow().is_some()) {
        return Err(Error::from_reason("this isolate is attached already"));
    }
    let registry = registry()?;
    let bell: Bell = wake.build_threadsafe_function::<()>().weak::<true>().build()?;
    let context = registry.attach(Box::new(LoopWaker(bell))).map_err(|error| Error::from_reason(error.to_string()))?;
    let id = context.id();
    env.add_env_cleanup_hook((), |()| detach())?;
    CURRENT.with(|current| {
        *current.borrow_mut() = Some(Environment { context, pools: HashMap::new(), worker: None, drain_area: 0 });
    });
    Ok(id)
}

/// The environment's end, however it came: exit, throw, out of memory, terminate.
fn detach() {
    let environment = CURRENT.with(|current| current.borrow_mut().take());
    let Some(mut environment) = environment else { return };
    environment.context.detach();
    let Ok(registry) = registry() else { return };
    // Of an isolate that is no pool's worker nobody knows what it did.
    let busy = environment.worker.as_ref().is_none_or(Seat::is_busy);
    if environment.worker.take().is_some() {
        registry.workers().fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
    for (id, pool) in environment.pools.drain() {
        if Arc::ptr_eq(pool.owner(), &environment.context) {
            pool.stop();
            registry.remove_pool(id);
        }
    }
    registry.detach(&environment.context, busy);
}

//! Contexts and pools by number: how isolates of one process find each other.

use crate::blocks::Blocks;
use crate::context::{Context, Wake};
use crate::contexts::{AttachError, Contexts};
use crate::keeper::Keeper;
use crate::objects::Objects;
use crate::pool::{Pool, PoolOptions};
use crate::sync::shared::{AtomicU32, Ordering};
use manycore_os::MapError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// Address space that a process reserves for its region: as much as one buffer of every supported Node can show. It
/// bounds the data in flight, not what programs keep.
const RESERVE: usize = (1 << 32) - (1 << 20);

/// Why there is no registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The system gave no memory.
    #[error(transparent)]
    Map(#[from] MapError),
    /// There is no room for the contexts' table.
    #[error(transparent)]
    Attach(#[from] AttachError),
}

/// What one process shares.
pub struct Registry {
    blocks: Arc<Blocks>,
    contexts: Arc<Contexts>,
    keeper: Arc<Keeper>,
    objects: Arc<Objects>,
    pools: Mutex<HashMap<u32, Arc<Pool>>>,
    next_pool: AtomicU32,
    workers: AtomicU32,
}

impl Registry {
    /// The registry of this process; made at the first call.
    pub fn get() -> Result<&'static Self, RegistryError> {
        static REGISTRY: OnceLock<Registry> = OnceLock::new();
        static MAKING: Mutex<()> = Mutex::new(());
        if let Some(made) = REGISTRY.get() {
            return Ok(made);
        }
        let _only_one = MAKING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if REGISTRY.get().is_none() {
            let blocks = Arc::new(Blocks::new(RESERVE)?);
            let contexts = Arc::new(Contexts::new(blocks.clone())?);
            let keeper = Arc::new(Keeper::new(blocks.clone(), contexts.clone())?);
            let ends = keeper.clone();
            let made = Self {
                objects: Objects::new(blocks.clone(), Box::new(move |object| ends.end(object))),
                contexts,
                keeper,
                blocks,
                pools: Mutex::default(),
                next_pool: AtomicU32::new(1),
                workers: AtomicU32::new(0),
            };
            let _ = REGISTRY.set(made);
        }
        Ok(REGISTRY.get().expect("set above"))
    }

    /// The allocator of the process' region.
    pub fn blocks(&self) -> &Arc<Blocks> {
        &self.blocks
    }

    /// The shared objects of this process.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The contexts' table.
    pub fn contexts(&self) -> &Contexts {
        &self.contexts
    }

    /// Attaches an isolate or thread.
    pub fn attach(&self, waker: Box<dyn Wake>) -> Result<Arc<Context>, AttachError> {
        self.contexts.attach(waker)
    }

    /// A context's end, however it came: frees what it left behind.
    /// `busy`: not by itself between tasks.
    pub fn detach(&self, context: &Context, busy: bool) {
        self.keeper.bury(&self.objects, context.id(), busy);
    }

    /// Makes a pool that `owner` owns.
    pub fn create_pool(&self, owner: Arc<Context>, options: PoolOptions) -> Arc<Pool> {
        let id = self.next_pool.fetch_add(1, Ordering::Relaxed);
        let pool = Pool::new(id, owner, self.blocks.clone(), options);
        self.pools().insert(id, pool.clone());
        pool
    }

    /// The pool of that number, while it lives.
    pub fn pool(&self, id: u32) -> Option<Arc<Pool>> {
        self.pools().get(&id).cloned()
    }

    /// Forgets a pool; its workers keep it until they are gone.
    pub fn remove_pool(&self, id: u32) {
        let removed = self.pools().remove(&id);
        drop(removed);
    }

    /// Workers seated in this process, for sharing the processors among nested pools.
    pub fn workers(&self) -> &AtomicU32 {
        &self.workers
    }

    fn pools(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Arc<Pool>>> {
        self.pools.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

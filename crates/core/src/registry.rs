//! Contexts and pools by number: how isolates of one process find each other, and how processes do that share a region.

use crate::blocks::Blocks;
use crate::context::{Context, Wake};
use crate::contexts::{AttachError, Contexts};
use crate::keeper::Keeper;
use crate::objects::{Objects, SharedObjects};
use crate::pool::{Pool, PoolOptions};
use crate::processes::{FarObjects, FindPool, First, Link, Ticket, Tree, TreeError};
use crate::region::{ForeignRegion, Region};
use crate::sync::shared::{AtomicU32, Ordering};
use manycore_os::MapError;
use manycore_os::process::{Process, end_with_parent, inherited, parent};
use std::collections::HashMap;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

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
    /// What another process has reserved is not what this one expects.
    #[error(transparent)]
    Foreign(#[from] ForeignRegion),
    /// What a child is started with is not there, or one of the processes that it needs.
    #[error("this process cannot share the memory of the one that started it: {0}")]
    System(#[from] std::io::Error),
    /// The first process does not know it, or it cannot watch those above.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Its parent or the first process has ended, or what it was started for: it has nobody to work for.
    #[error("the process that started this one has ended")]
    Gone,
    /// It has a region of its own already.
    #[error("this process has shared memory of its own already")]
    TooLate,
}

/// What one process shares.
pub struct Registry {
    blocks: Arc<Blocks>,
    contexts: Arc<Contexts>,
    objects: Arc<dyn SharedObjects>,
    tree: Tree,
    pools: Arc<Pools>,
    next_pool: AtomicU32,
    workers: AtomicU32,
}

type Pools = Mutex<HashMap<u32, Arc<Pool>>>;

static REGISTRY: OnceLock<Registry> = OnceLock::new();
static MAKING: Mutex<()> = Mutex::new(());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Registry {
    /// The registry of this process; made at the first call.
    pub fn get() -> Result<&'static Self, RegistryError> {
        if let Some(made) = REGISTRY.get() {
            return Ok(made);
        }
        let _only_one = lock(&MAKING);
        if REGISTRY.get().is_none() {
            let _ = REGISTRY.set(Self::first()?);
        }
        Ok(REGISTRY.get().expect("set above"))
    }

    /// Of a process that begins on its own.
    fn first() -> Result<Self, RegistryError> {
        let blocks = Arc::new(Blocks::new(RESERVE)?);
        let contexts = Arc::new(Contexts::new(blocks.clone())?);
        let keeper = Arc::new(Keeper::new(blocks.clone(), contexts.clone())?);
        let ends = keeper.clone();
        let objects = Objects::new(blocks.clone(), Box::new(move |object| ends.end(object)));
        let first = First::new(blocks.clone(), contexts.clone(), keeper, objects.clone());
        let pools = Arc::<Pools>::default();
        Ok(Self::of(blocks, contexts, objects, Tree::first(first, find_in(&pools)), pools))
    }

    /// This process is a child that was started with `ticket`, and inherited the region's file as that descriptor. Nobody
    /// else uses the descriptor.
    pub fn join(ticket: &str, file: RawFd) -> Result<&'static Self, RegistryError> {
        let _only_one = lock(&MAKING);
        if REGISTRY.get().is_some() {
            return Err(RegistryError::TooLate);
        }
        let ticket = Ticket::parse(ticket).ok_or(ForeignRegion::Foreign)?;
        let region = Region::attach(inherited(file)?)?;
        if parent() == ticket.parent_pid {
            // The thread that started it belongs to the context that it does not outlive.
            end_with_parent();
        }
        let above = ticket.above(&region).map(|pid| Process::living(pid)?.ok_or(RegistryError::Gone));
        let above = above.collect::<Result<_, _>>()?;
        let link = Arc::new(Link::new(&ticket));
        let blocks = Arc::new(Blocks::attached(region, ticket.number, Box::new(link.clone())));
        let contexts = Arc::new(Contexts::attached(blocks.clone(), ticket.index));
        let objects = Arc::new(FarObjects::new(link.clone(), blocks.clone(), ticket.number));
        let pools = Arc::<Pools>::default();
        let tree = Tree::child((blocks.clone(), contexts.clone()), link, above, find_in(&pools));
        let made = REGISTRY.get_or_init(|| Self::of(blocks, contexts, objects, tree, pools));
        if made.tree.begin()? { Ok(made) } else { Err(RegistryError::Gone) }
    }

    fn of(
        blocks: Arc<Blocks>,
        contexts: Arc<Contexts>,
        objects: Arc<dyn SharedObjects>,
        tree: Tree,
        pools: Arc<Pools>,
    ) -> Self {
        Self { blocks, contexts, objects, tree, pools, next_pool: AtomicU32::new(1), workers: AtomicU32::new(0) }
    }

    /// The allocator of the process' region.
    pub fn blocks(&self) -> &Arc<Blocks> {
        &self.blocks
    }

    /// The shared objects of the region.
    pub fn objects(&self) -> &dyn SharedObjects {
        &*self.objects
    }

    /// This process among those that share the region.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The contexts' table.
    pub fn contexts(&self) -> &Contexts {
        &self.contexts
    }

    /// Attaches an isolate or thread.
    pub fn attach(&self, waker: Box<dyn Wake>) -> Result<Arc<Context>, AttachError> {
        self.tree.enter().map(|id| self.contexts.settle(id, waker))
    }

    /// A context's end, however it came: frees what it left behind, and ends the processes that it started.
    /// `busy`: not by itself between tasks.
    pub fn detach(&self, context: &Context, busy: bool) {
        self.contexts.died(context.id());
        self.tree.abandon(context.id());
        self.tree.leave(context.id(), busy);
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

    fn pools(&self) -> MutexGuard<'_, HashMap<u32, Arc<Pool>>> {
        lock(&self.pools)
    }
}

/// Finds pools by their numbers.
fn find_in(pools: &Arc<Pools>) -> FindPool {
    let pools = pools.clone();
    Box::new(move |id| lock(&pools).get(&id).cloned())
}

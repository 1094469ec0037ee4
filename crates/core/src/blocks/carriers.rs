//! Blocks with messages that name shared objects: as long as such a block is in use, it keeps them alive.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock};

type LetGo = Box<dyn Fn(Vec<u32>) + Send + Sync>;

#[derive(Default)]
pub struct Carriers {
    lists: Mutex<HashMap<u32, Vec<u32>>>,
    let_go: OnceLock<LetGo>,
}

impl std::fmt::Debug for Carriers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carriers").finish_non_exhaustive()
    }
}

impl Carriers {
    pub fn on_dropped(&self, let_go: LetGo) {
        let set = self.let_go.set(let_go);
        debug_assert!(set.is_ok(), "set once");
    }

    /// `block`, which the caller owns, carries these objects from here on.
    pub fn carry(&self, block: u32, objects: Vec<u32>) {
        self.lists().insert(block, objects);
    }

    /// What `block` carries; it carries nothing any more. To be called before the block can be another's.
    pub fn take(&self, block: u32) -> Option<Vec<u32>> {
        self.lists().remove(&block)
    }

    /// Lets go of what a freed block carried. No lock may be held: objects may end by it, and free blocks of theirs.
    pub fn dropped(&self, list: Option<Vec<u32>>) {
        if let (Some(list), Some(let_go)) = (list, self.let_go.get()) {
            let_go(list);
        }
    }

    fn lists(&self) -> MutexGuard<'_, HashMap<u32, Vec<u32>>> {
        self.lists.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

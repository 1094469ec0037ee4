//! Function definitions of a pool: published once by its owner, fetched by a worker at first sight.

use std::sync::{Arc, RwLock};

/// Encoded definitions by number.
#[derive(Debug, Default)]
pub struct Definitions(RwLock<Vec<Arc<[u8]>>>);

impl Definitions {
    /// Adds a definition; its number never changes.
    pub fn publish(&self, bytes: &[u8]) -> u32 {
        let mut all = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        all.push(bytes.into());
        all.len() as u32 - 1
    }

    /// The definition of that number.
    pub fn get(&self, number: u32) -> Option<Arc<[u8]>> {
        self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner()).get(number as usize).cloned()
    }
}

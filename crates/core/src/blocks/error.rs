use manycore_os::MapError;

/// Why an allocation or a release was refused.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The system gave no more memory.
    #[error("no memory for a block of {bytes} bytes: {source}")]
    OutOfMemory {
        /// The payload that was asked for.
        bytes: usize,
        /// What the system said.
        source: MapError,
    },
    /// The size cannot be had at all.
    #[error("a block of {bytes} bytes is larger than the region")]
    TooLarge {
        /// The payload that was asked for.
        bytes: usize,
    },
    /// There is no such block, or it is free, or another's.
    #[error("there is no block {block} that belongs to owner {owner}")]
    NotYours {
        /// The number given.
        block: u32,
        /// The owner given.
        owner: u32,
    },
}

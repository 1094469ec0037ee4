//! What a process can ask for, and the two ends of asking.

/// A request to the process that has reserved the region.
pub mod first {
    /// pid: this process is there now. Answers 1, or 0 if nobody waits for it.
    pub const ATTACH: u32 = 1;
    /// A context of this process: its number, 0 = there is no room.
    pub const ENTER: u32 = 2;
    /// context, busy: it has died.
    pub const BURY: u32 = 3;
    /// bytes (2), count: blocks for this process. A status, then the blocks.
    pub const GRANT: u32 = 4;
    /// blocks: no more used by this process.
    pub const TAKE_BACK: u32 = 5;
    /// owner, bytes (2): a status and a block.
    pub const ALLOC: u32 = 6;
    /// owner, block. Answers 1, or 0 if refused.
    pub const FREE: u32 = 7;
    /// block, from, to. The same.
    pub const HAND_OVER: u32 = 8;
    /// owner: how many blocks were swept.
    pub const SWEEP: u32 = 9;
    /// Bytes in use (2).
    pub const IN_USE: u32 = 10;
    /// context, kind, constants (3), bytes (2), how many needs, the block that lists them: a status and an object.
    pub const CREATE: u32 = 11;
    /// context, object. Answers 1, or 0 if refused.
    pub const OPEN: u32 = 12;
    /// context, object. The same.
    pub const RELEASE: u32 = 13;
    /// context, object. The same.
    pub const ONLY: u32 = 14;
    /// context, object: an offset (2), 0 = there is none.
    pub const CELL: u32 = 15;
    /// carrier, how many objects, the block that lists them. Answers 1, or 0 if refused.
    pub const PACK: u32 = 16;
    /// How many objects there are.
    pub const COUNT: u32 = 17;
    /// A child of this process is to come: its number, 0 = there is no room.
    pub const RESERVE: u32 = 18;
    /// number: a child of this process has ended.
    pub const ENDED: u32 = 19;
    /// bytes, the block that has them: a record for the tracker of named blocks. Answers 1, or 0 if it has none.
    pub const TRACK: u32 = 20;
}

/// A request to the parent, by the worker of one of its pools.
pub mod parent {
    /// pool, seat, control words (2), context. A status.
    pub const SIT: u32 = 1;
    /// lane, what: a slot, or what it is if there is none.
    pub const ADVANCE: u32 = 2;
    /// lane, count.
    pub const PUBLISH: u32 = 3;
    /// lane, block, bytes.
    pub const REPORT: u32 = 4;
    /// number of a function: a status, and a block of the worker's with so many bytes.
    pub const DEFINITION: u32 = 5;
    /// The worker is no more.
    pub const RISE: u32 = 6;
    /// Whether a task is in flight: 1, or 0.
    pub const BUSY: u32 = 7;
    /// what, value, block, bytes: for the pool's owner.
    pub const TELL: u32 = 8;
}

/// What a status says.
pub mod status {
    /// It is done.
    pub const DONE: u32 = 0;
    /// There is no memory for it.
    pub const NO_MEMORY: u32 = 1;
    /// It is larger than the region.
    pub const TOO_LARGE: u32 = 2;
    /// There is no such thing.
    pub const NOTHING: u32 = 3;
    /// The seat is taken.
    pub const TAKEN: u32 = 4;
}

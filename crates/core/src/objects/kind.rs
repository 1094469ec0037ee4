//! What an object is, as its first word says.

/// A `Value`: one typed value, or a struct.
pub const VALUE: u32 = 1;
/// An `Array`.
pub const ARRAY: u32 = 2;
/// A `Lock`.
pub const LOCK: u32 = 3;
/// An `RLock`.
pub const RLOCK: u32 = 4;
/// A `Semaphore`.
pub const SEMAPHORE: u32 = 5;
/// A `BoundedSemaphore`.
pub const BOUNDED_SEMAPHORE: u32 = 6;
/// A `Condition`.
pub const CONDITION: u32 = 7;
/// An `Event`.
pub const EVENT: u32 = 8;
/// A `Barrier`.
pub const BARRIER: u32 = 9;
/// A `Queue` of any kind, or one direction of a pipe.
pub const QUEUE: u32 = 10;
/// One end of a pipe.
pub const CONNECTION: u32 = 11;

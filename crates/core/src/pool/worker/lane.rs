//! The lanes' words in the region: one task in flight each. `CONTROL` bytes of the worker's own come first, zero when it
//! sits down, of which the core knows two words, [`LEAVE`] and [`SEATED`], and the [`TRAY`].
//!
//! | bytes | field | written by |
//! |---|---|---|
//! | 0 | slot, 0 = the lane is free | core |
//! | 4 | first index claimed | core |
//! | 8 | how many were claimed | core |
//! | 12 | index in progress | the worker's program |
//! | 16 | results already in the column, or in the block | the worker's program |
//! | 20, 24, 28 | result tag, block, bytes | the worker's program |
//! | 32 | when the claim began, ms modulo 2^32 | core |
//! | 36 | number of the claim that the owner wants no more of | the owner's program |
//! | 40 | number of the claim in progress | core |

/// Bytes before the first lane.
pub const CONTROL: usize = TRAY + super::super::tray::SIZE * 4;
/// Among those, the tray of a worker in another process.
pub const TRAY: usize = 64;
/// Among those, where the owner writes 1 to have the worker leave when it is between tasks.
pub const LEAVE: usize = 12;
/// And where 1 says that the worker sat down: its end is told by a record.
pub const SEATED: usize = 20;
/// Bytes of a lane.
pub const SIZE: usize = 64;
/// Result tag of a part whose results are all in the column.
pub const IN_COLUMN: u32 = 1;

//! What workers tell the context that owns their pool: eight 32-bit words, copied out in batches.

/// The kind of a record: word 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// A call ended; its result is in its slot. a = worker.
    Called = 1,
    /// Items `a .. a + b` of a range ended; c = result tag, d = result block, e = its length in bytes.
    Part = 2,
    /// `a` items of a cancelled range will never run.
    Dropped = 3,
    /// The task at index `a` was running on worker `b` when that worker died.
    Lost = 4,
    /// A cancelled call will never run.
    Cancelled = 5,
    /// Worker `a` is gone; what it held has been recovered.
    WorkerGone = 6,
    /// Worker `a` begins the last task that it may run, or has run it.
    Retiring = 7,
    /// The task at index `a` on worker `b` reported a value: d = block, e = length in bytes.
    Report = 8,
    /// Worker `a` tells something, which `b` and `c` say, of itself: d = block, e = length in bytes.
    Told = 9,
}

/// `[pool, kind, slot, a, b, c, d, e]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record(pub [u32; 8]);

impl Record {
    /// A record about `slot` of `pool`.
    pub fn new(pool: u32, kind: Kind, slot: u32, rest: [u32; 5]) -> Self {
        let [a, b, c, d, e] = rest;
        Self([pool, kind as u32, slot, a, b, c, d, e])
    }
}

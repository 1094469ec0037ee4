//! Monotonic time, the same in all processes.

/// Nanoseconds since the system started.
pub fn now_ns() -> u64 {
    manycore_os::monotonic_ns()
}

/// The same in microseconds, modulo 2^32: enough for how long something waited.
pub fn now_us() -> u32 {
    (now_ns() / 1000) as u32
}

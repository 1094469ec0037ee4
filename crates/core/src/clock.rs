//! Monotonic time in nanoseconds since the process first asked.

use std::sync::OnceLock;
use std::time::Instant;

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// Nanoseconds since the process first asked.
pub fn now_ns() -> u64 {
    u64::try_from(start().elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The same in milliseconds, modulo 2^32: weeks.
pub fn now_ms() -> u32 {
    (now_ns() / 1_000_000) as u32
}

/// The same in microseconds, modulo 2^32: enough for how long something waited.
pub fn now_us() -> u32 {
    (now_ns() / 1000) as u32
}

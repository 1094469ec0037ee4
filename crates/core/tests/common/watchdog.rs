//! Ends a test that hangs.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Aborts the process when it lives for a minute, as a rule; much longer where every step is interpreted.
pub struct Watchdog {
    _alive: Sender<()>,
}

impl Watchdog {
    pub fn new() -> Self {
        Self::lasting(Duration::from_secs(if cfg!(miri) { 1200 } else { 60 }))
    }

    /// One for a test that may take so long.
    pub fn lasting(limit: Duration) -> Self {
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        let (alive, gone) = channel::<()>();
        std::thread::spawn(move || {
            if gone.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{name} still runs after {limit:?}: a wake-up was lost, or a job was");
                std::process::abort();
            }
        });
        Self { _alive: alive }
    }
}

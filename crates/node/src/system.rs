//! What the system does with this process and its threads: Ctrl+C.

use manycore_os::interrupt;
use napi_derive::napi;

/// Has Ctrl+Cs counted from here on, if somebody listens for them; answers how many were so far.
#[napi(catch_unwind)]
pub fn count_interrupts() -> u32 {
    interrupt::count();
    interrupt::counted()
}

/// Has the `nth` Ctrl+C from here on end the process; 0: none does. Only while nobody listens but manycore.
#[napi(catch_unwind)]
pub fn end_at_interrupt(nth: u32) {
    interrupt::end_at(nth);
}

//! manycore's Node-API addon. Conversions only: what could be tested without Node lives in `manycore-core`.
//!
//! The addon is loaded once per process; its statics are shared by every isolate, its thread-locals belong to one:
//! an environment never leaves its thread. Every exported function catches panics, since one that crosses into C
//! would abort the process.

mod buffers;
mod environment;
mod memory;
mod named;
mod objects;
mod owner;
mod primitives;
mod processes;
mod rings;
mod system;
mod worker;

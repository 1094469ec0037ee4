//! The scheduler, seen from outside: plain closures on plain threads, one file of scenarios per concept.
#![cfg(not(loom))]

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod death;
mod lanes;
mod ranges;
mod shutdown;

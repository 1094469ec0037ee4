//! manycore's algorithms and layouts, without Node.
//!
//! * [`region`]: one growing range of shared memory; everything in it is named by offsets, never by pointers.
//! * [`bell`]: what a thread sleeps on.
//! * [`blocks`]: the region's allocator: lock-free free lists, every block tagged with its owner.
//! * [`memory`]: both, as seen by algorithms that a model drives too.
//! * [`slot`]: the 256-byte job record that JavaScript and Rust both read and write.
//! * [`span`] and [`range`]: index ranges which thieves split while their owner works on them.
//! * [`sleep`]: who is armed, who searches, who is rung: no wake-up is lost.
//! * [`context`]: one isolate (or plain thread): its inbox of completions, its bell, its way of being woken.
//! * [`contexts`]: the table of contexts: numbers, bells, who lives.
//! * [`pool`]: injector, deques, stealing, claims, death: the scheduler.
//! * [`keeper`]: ends objects that nobody reaches, and deals with deaths.
//! * [`objects`]: what lives as long as anybody can reach it: locks, values, queues.
//! * [`primitives`]: locks, semaphores, events and their like, over words in the region.
//! * [`ring`]: queues and pipes: messages in the region, from any producers to any consumers.
//! * `processes`: those that share a region: what they ask each other for, and how their deaths are noticed. Not interpreted.
//! * [`definitions`]: what the functions are, published once per pool.
//! * [`registry`]: contexts and pools by number, for the binding.
//! * [`tracker`]: the process that removes named blocks when their maker was killed.
//! * `named`: the named blocks of a process, made, attached and unlinked so that its tracker knows. Not interpreted.
//!
//! The protocols, with the reasons why no wake-up is lost and every index runs exactly once, are in
//! `docs/protocol.md`; every shared byte is in `docs/layout.md`.

pub mod bell;
pub mod blocks;
pub mod clock;
pub mod context;
pub mod contexts;
pub mod definitions;
pub mod keeper;
pub mod memory;
#[cfg(not(miri))]
pub mod named;
pub mod objects;
pub mod pool;
pub mod primitives;
pub mod processes;
pub mod range;
pub mod record;
pub mod region;
#[cfg(not(miri))]
pub mod registry;
pub mod ring;
pub mod sleep;
pub mod slot;
pub mod span;
pub mod stats;
pub mod sync;
pub mod tracker;

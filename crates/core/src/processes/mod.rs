//! Processes that share one region.
//!
//! The *first* process has reserved the region, and what is not shared by nature (who holds which object, which memory is
//! free, which numbers are taken) is its own memory's business. The others, its children and theirs, map the same bytes:
//! locks, queues and values are moved by all of them alike. For the rest they ask the first one, at a *desk*, and are
//! answered by a thread of it, its *relay*. So whatever a process was about to do when it was
//! killed, what is left behind is whole.
//!
//! A pool's scheduler is its owner's business in the same way: a worker in a child process asks its parent for what a
//! worker on a thread does by itself.
//!
//! Every process has a number, which is that of a context of its own, and an entry in a table with its bell: whoever
//! rings a context of another process leaves a bit there, and that one's relay calls the event loop. A process ends when
//! its parent does.

#[cfg(not(miri))]
mod bytes;
#[cfg_attr(miri, allow(dead_code, reason = "who asks is not interpreted"))]
mod desk;
#[cfg(not(miri))]
mod far_worker;
#[cfg(not(miri))]
mod link;
#[cfg(not(miri))]
mod relay;
#[cfg(not(miri))]
mod request;
#[cfg(not(miri))]
mod serve;
#[cfg_attr(miri, allow(dead_code, reason = "who comes and asks is not interpreted"))]
mod table;
#[cfg(not(miri))]
mod ticket;
#[cfg(not(miri))]
mod tree;
#[cfg(not(miri))]
mod workers;

#[cfg(not(miri))]
pub use far_worker::{FarWorker, SitError};
#[cfg(not(miri))]
pub(crate) use link::{FarObjects, Link};
#[cfg(not(miri))]
pub(crate) use serve::First;
pub(crate) use table::Entry;
#[cfg(not(miri))]
pub(crate) use ticket::Ticket;
#[cfg(not(miri))]
pub(crate) use tree::FindPool;
#[cfg(not(miri))]
pub use tree::{Tree, TreeError};

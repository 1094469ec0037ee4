pub(crate) mod world;

#[cfg(not(loom))]
mod behaviour;
// Too many steps to be interpreted; what they do the others do, too.
#[cfg(not(any(loom, miri)))]
mod kills;
#[cfg(loom)]
mod models;
#[cfg(not(loom))]
mod stress;

pub(crate) mod world;

#[cfg(not(loom))]
mod behaviour;
#[cfg(not(loom))]
mod kills;
#[cfg(loom)]
mod models;
#[cfg(not(loom))]
mod stress;

//! Processes that share a region, without Node: this program starts itself again as a child, which runs one of the roles.
//!
//! Nobody waits with a time limit, so what is lost is a test that hangs, and the watchdog ends it with all its children. After
//! each scenario the first process has to be as it was before: memory, objects, tables, descriptors, threads.
#![cfg(not(any(loom, miri)))]

#[path = "../common/bell.rs"]
#[allow(dead_code, reason = "shared with the tests of the scheduler")]
mod bell;
mod blocks;
mod family;
mod kills;
#[path = "../common/ledger.rs"]
#[allow(dead_code, reason = "shared with the tests of the scheduler")]
mod ledger;
mod party;
mod pool;
mod primitives;
mod rings;
mod stage;
mod tree;
#[path = "../common/watchdog.rs"]
#[allow(dead_code, reason = "shared with tests that take no longer than a minute")]
mod watchdog;

use party::Party;

/// What a child may be: its name, and what it does with the numbers that it is given.
type Role = (&'static str, fn(&Party, &[u32]));

/// All roles.
fn roles() -> impl Iterator<Item = Role> {
    [blocks::ROLES, kills::ROLES, pool::ROLES, primitives::ROLES, rings::ROLES, tree::ROLES]
        .into_iter()
        .flatten()
        .copied()
}

/// What a child process runs. In the first process it does nothing.
#[test]
fn child_main() {
    family::play(roles());
}

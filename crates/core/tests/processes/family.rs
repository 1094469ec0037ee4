//! Children: how they are started, and what they do.

use crate::Role;
use crate::party::Party;
use manycore_core::registry::Registry;
use std::os::fd::BorrowedFd;
use std::process::{Command, ExitStatus, Stdio};

const TICKET: &str = "MANYCORE_TEST_TICKET";
const ROLE: &str = "MANYCORE_TEST_ROLE";

/// A child process. One that is not waited for is killed.
pub struct Child {
    pub number: u32,
    registry: &'static Registry,
    process: std::process::Child,
    waited: bool,
}

impl Party {
    /// Starts a child that plays a role.
    pub fn start(&self, role: &str, numbers: &[u32]) -> Child {
        let (number, mut command) = self.prepare(role, numbers);
        let process = command.spawn().unwrap();
        self.registry.tree().watch(number, process.id(), self.id()).unwrap();
        Child { number, registry: self.registry, process, waited: false }
    }

    /// A child that could be started: its number, and how.
    pub fn prepare(&self, role: &str, numbers: &[u32]) -> (u32, Command) {
        let (number, ticket) = self.registry.tree().reserve(self.id()).unwrap();
        // SAFETY: the region keeps it open.
        let file = unsafe { BorrowedFd::borrow_raw(self.blocks().region().descriptor()) };
        let mut command = Command::new(std::env::current_exe().unwrap());
        let numbers = numbers.iter().map(|number| format!(",{number}")).collect::<String>();
        command.args(["--exact", "child_main", "--nocapture"]);
        command.env(TICKET, ticket).env(ROLE, format!("{role}{numbers}"));
        command.stdin(Stdio::from(file.try_clone_to_owned().unwrap())).stdout(Stdio::null());
        (number, command)
    }
}

impl Child {
    /// Ends it by a signal that it cannot hear.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
    }

    /// Waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        self.end()
    }

    /// Waits for its end, which must be a good one.
    pub fn join(self) {
        let status = self.wait();
        assert!(status.success(), "a child ended with {status}");
    }

    /// Its end is another's business.
    pub fn forget(mut self) {
        self.waited = true;
    }

    fn end(&mut self) -> ExitStatus {
        let status = self.process.wait().unwrap();
        self.registry.tree().forget(self.number);
        self.waited = true;
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.waited {
            let _ = self.process.kill();
            self.end();
        }
    }
}

/// In a child: plays its role, and ends the process.
pub fn play(mut roles: impl Iterator<Item = Role>) {
    let Ok(ticket) = std::env::var(TICKET) else { return };
    let text = std::env::var(ROLE).unwrap();
    let mut parts = text.split(',');
    let name = parts.next().unwrap();
    let numbers: Vec<u32> = parts.map(|part| part.parse().unwrap()).collect();
    let role = roles.find(|role| role.0 == name).unwrap_or_else(|| panic!("there is no role {name}"));
    let Ok(registry) = Registry::join(&ticket, 0) else { std::process::exit(3) };
    let party = Party::new(registry);
    (role.1)(&party, &numbers);
    drop(party);
    std::process::exit(0);
}

/// A number by chance; of `who`, where several ask.
pub fn random(who: u32) -> u32 {
    thread_local!(static STATE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) });
    STATE.with(|state| {
        let now = || std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 ^ u64::from(who) << 40;
        let before = if state.get() == 0 { now() | 1 } else { state.get() };
        let next = before.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.set(next);
        (next >> 33) as u32
    })
}

/// Does nothing until it is killed.
pub fn forever() -> ! {
    loop {
        std::thread::park();
    }
}

//! One scenario at a time in this process, and a look at what it leaves behind.

use crate::party::Party;
use crate::watchdog::Watchdog;
use manycore_core::registry::Registry;
use manycore_core::sync::shared::Ordering;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, Once};
use std::time::Duration;

/// What the first process has.
#[derive(Debug, PartialEq, Eq)]
struct Census {
    bytes: usize,
    objects: usize,
    contexts: usize,
    processes: usize,
    files: usize,
    threads: usize,
}

/// Most processes of a region, and the bytes of an entry of their table, and where the first page says where that begins.
const PROCESSES: usize = 256;
const ENTRY: usize = 512;
pub const TABLE: usize = 36;

impl Census {
    fn take(registry: &Registry) -> Self {
        let region = registry.blocks().region();
        let table = region.word(TABLE).unwrap().load(Ordering::Acquire) as usize;
        let number = |index| region.word(table + index * ENTRY).unwrap().load(Ordering::SeqCst);
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        Self {
            bytes: registry.blocks().in_use(),
            objects: registry.objects().count(),
            contexts: (0..PROCESSES).map(|process| registry.contexts().of(process).len()).sum(),
            processes: (0..PROCESSES).filter(|index| number(*index) != 0).count(),
            files: std::fs::read_dir("/proc/self/fd").unwrap().count(),
            threads: names.filter(|name| name.starts_with("manycore-")).count(),
        }
    }
}

/// A scenario: its party is the first process'.
pub struct Stage {
    party: Option<Party>,
    before: Census,
    _watchdog: Watchdog,
    _one: MutexGuard<'static, ()>,
}

static ONE: Mutex<()> = Mutex::new(());
static READY: Once = Once::new();

impl Stage {
    pub fn new() -> Self {
        Self::lasting(Duration::ZERO)
    }

    /// One that goes on for so long, and then a minute at most.
    pub fn lasting(time: Duration) -> Self {
        let one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let watchdog = Watchdog::lasting(time + Duration::from_secs(60));
        let registry = Registry::get().unwrap();
        READY.call_once(|| {
            // The table and the threads, which stay.
            let (number, _) = registry.tree().reserve(1).unwrap();
            registry.tree().forget(number);
            while Census::take(registry).processes > 1 || Census::take(registry).threads < 2 {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let before = Census::take(registry);
        let party = Some(Party::new(registry));
        Self { party, before, _watchdog: watchdog, _one: one }
    }
}

impl Stage {
    /// Waits until nobody is left but so many contexts of the first process, which are not counted with those that there
    /// were before.
    pub fn alone(&self, contexts: usize) {
        let now = || Census::take(self.registry);
        while now().contexts > self.before.contexts + contexts || now().processes > self.before.processes {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Deref for Stage {
    type Target = Party;
    fn deref(&self) -> &Party {
        self.party.as_ref().expect("until it ends")
    }
}

impl Drop for Stage {
    /// Everything comes to be as it was: deaths are dealt with as soon as they are noticed.
    fn drop(&mut self) {
        let Some(party) = self.party.take() else { return };
        let registry = party.registry;
        drop(party);
        if std::thread::panicking() {
            return;
        }
        let mut told = 0;
        while Census::take(registry) != self.before {
            told += 1;
            if told % 2000 == 0 {
                eprintln!("before: {:?}\nnow:    {:?}", self.before, Census::take(registry));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

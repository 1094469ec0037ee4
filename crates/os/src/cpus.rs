//! Which CPUs threads run on.

use rustix::process::getpid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The CPUs that this process may run on, rising: those of its first thread, whatever other threads were pinned to.
pub fn allowed() -> std::io::Result<Vec<usize>> {
    let set = sched_getaffinity(Some(getpid()))?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
}

/// Has the calling thread, and those that it starts, run on this CPU alone.
pub fn pin_thread(cpu: usize) -> std::io::Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stays_where_it_is_pinned_and_others_do_not() {
        let cpus = allowed().unwrap();
        assert!(!cpus.is_empty());
        for cpu in cpus.clone() {
            let pinned = std::thread::spawn(move || {
                pin_thread(cpu).unwrap();
                std::thread::spawn(rustix::thread::sched_getcpu).join().unwrap()
            });
            assert_eq!(pinned.join().unwrap(), cpu);
        }
        assert_eq!(allowed().unwrap(), cpus);
    }

    #[test]
    fn a_cpu_that_is_not_there_is_an_error() {
        let cpus = allowed().unwrap();
        let missing = (0..CpuSet::MAX_CPU).rev().find(|cpu| !cpus.contains(cpu)).unwrap();
        for cpu in [missing, CpuSet::MAX_CPU, usize::MAX] {
            assert!(std::thread::spawn(move || pin_thread(cpu)).join().unwrap().is_err());
        }
    }
}

//! Other processes: whether they live, and to be called when they end.

use rustix::event::{EventfdFlags, PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions};
use std::io::Result;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};

/// A process, known by a descriptor: it names that one for ever, also when its number is used again.
#[derive(Debug)]
pub struct Process(OwnedFd);

/// How a child process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Process {
    /// The process of that number, which must not have been waited for yet.
    pub fn open(pid: u32) -> Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        // Descriptors of this kind are always closed for other programs.
        Ok(Self(rustix::process::pidfd_open(pid, PidfdFlags::empty())?))
    }

    /// The process of that number, unless it has ended.
    pub fn living(pid: u32) -> Result<Option<Self>> {
        match Self::open(pid) {
            Ok(process) => Ok(Some(process).filter(|process| !process.has_ended())),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, Some(&now))).is_ok_and(|ready| ready > 0)
    }

    /// Ends it, whatever it does.
    pub fn kill(&self) {
        // One that has ended already needs no killing.
        let _ = rustix::process::pidfd_send_signal(&self.0, rustix::process::Signal::KILL);
    }

    /// Waits for a child of this process that nobody else waits for, and that has ended.
    pub fn reap(&self) {
        let _ = rustix::process::waitid(WaitId::PidFd(self.0.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    }

    /// How a child of this process ended, if it has; it can still be waited for. None too if it was waited for already.
    pub fn exit(&self) -> Option<Exit> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = rustix::process::waitid(WaitId::PidFd(self.0.as_fd()), options).ok()??;
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Some(Exit::Code(code)),
            (_, Some(signal)) => Some(Exit::Signal(signal)),
            _ => None,
        }
    }
}

/// Sleeps until a process ends, or until it is called.
#[derive(Debug)]
pub struct Watch(OwnedFd);

impl Watch {
    /// Watches nobody yet.
    pub fn new() -> Result<Self> {
        Ok(Self(rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Ends the sleep, or the next one.
    pub fn call(&self) {
        // It can fail only where it was called so often already that it cannot count it.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Sleeps until one of these has ended, or [`Self::call`]. May end for no reason.
    pub fn sleep<'a>(&self, processes: impl Iterator<Item = &'a Process>) {
        let mut fds = vec![PollFd::new(&self.0, PollFlags::IN)];
        fds.extend(processes.map(|process| PollFd::new(&process.0, PollFlags::IN)));
        let _ = rustix::event::poll(&mut fds, None);
        let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
    }
}

/// The process that started this one.
pub fn parent() -> u32 {
    rustix::process::getppid().map_or(0, |pid| pid.as_raw_pid() as u32)
}

/// Has the system kill this process when the thread that started it ends, even while this process is stopped (SIGSTOP) and
/// can notice nothing. To be called by the main thread. A parent that has ended before is not noticed.
pub fn end_with_parent() {
    // Where the system refuses, a process that is not stopped still sees the end of its parent by itself.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}

/// Leaves all signals to the other threads of this process.
pub fn block_signals() {
    let mut all = MaybeUninit::uninit();
    // SAFETY: the set is written by the first call before the second one reads it.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: as above; only this thread is changed.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), std::ptr::null_mut()) };
}

/// Ends this process at once: nothing of it runs any more.
pub fn end(code: i32) -> ! {
    // SAFETY: it never returns, and needs nothing of this process.
    unsafe { libc::_exit(code) }
}

/// The descriptor of that number, which this process inherited, and which nobody else in it uses or closes.
pub fn inherited(descriptor: RawFd) -> Result<OwnedFd> {
    // SAFETY: the call changes nothing; a number that is no descriptor's is an error.
    if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: it is open, and by the contract of this function nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn shell(script: &str) -> std::process::Child {
        Command::new("/bin/sh").args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn an_end_is_noticed_and_told_and_can_still_be_waited_for() {
        let mut children = [shell("read line; exit 7"), shell("read line; kill -9 $$")];
        let processes = [Process::open(children[0].id()).unwrap(), Process::open(children[1].id()).unwrap()];
        assert!(processes.iter().all(|process| !process.has_ended() && process.exit().is_none()));
        let watch = Watch::new().unwrap();
        for (child, process) in children.iter_mut().zip(&processes) {
            drop(child.stdin.take());
            while !process.has_ended() {
                watch.sleep([process].into_iter());
            }
        }
        assert_eq!(processes[0].exit(), Some(Exit::Code(7)));
        assert_eq!(processes[1].exit(), Some(Exit::Signal(9)));
        assert_eq!(children[0].wait().unwrap().code(), Some(7));
        children[1].wait().unwrap();
        assert!(processes.iter().all(|process| process.exit().is_none() && process.has_ended()));
        assert!(Process::open(0).is_err() && Process::open(u32::MAX).is_err());
    }

    #[test]
    fn only_a_process_that_has_not_ended_lives() {
        let mut child = shell("read line");
        let pid = child.id();
        let process = Process::living(pid).unwrap().unwrap();
        drop(child.stdin.take());
        while !process.has_ended() {
            std::thread::yield_now();
        }
        assert!(Process::living(pid).unwrap().is_none(), "nobody has waited for it");
        child.wait().unwrap();
        assert!(Process::living(pid).unwrap().is_none());
    }

    #[test]
    fn a_call_ends_the_sleep_that_is_under_way_or_the_next() {
        let watch = Watch::new().unwrap();
        watch.call();
        watch.sleep(std::iter::empty());
        std::thread::scope(|s| {
            s.spawn(|| watch.sleep(std::iter::empty()));
            std::thread::sleep(std::time::Duration::from_millis(5));
            watch.call();
        });
    }

    #[test]
    fn only_an_open_descriptor_is_inherited() {
        assert!(inherited(-1).is_err() && inherited(1 << 20).is_err());
        assert!(parent() > 0);
    }
}

//! Counts Ctrl+Cs, so that a thread that blocks can see them, and has the second one end the process.
//!
//! A program that listens for SIGINT has a handler which only leaves a note for its event loop (libuv's writes to a
//! pipe). While the thread of that event loop blocks, nobody reads the note. [`count`] puts a handler of its own before
//! that one: it adds one to a number, which anybody can look at, and passes the signal on.
//!
//! What is there when [`count`] is called decides:
//!
//! | disposition | what `count` does |
//! |---|---|
//! | default, ignored, or a handler that is to run once (Node's own, which ends the process) | leaves it: nobody listens |
//! | a handler, and this module has none yet | puts its handler before it, and remembers it for good |
//! | the remembered handler | puts its handler before it: the listener had gone and has come back |
//! | this module's handler | nothing |
//! | another handler | leaves it: it came later, and passes signals on or has a reason not to |
//!
//! Only handlers that were there before are passed on to, so that they never pass on in a circle, not even with another
//! copy of this code in the process. Whoever sets the disposition back thereby removes the handler from it; nothing has
//! to be undone here. The code must stay loaded as long as the process lives.
//!
//! Where nobody but manycore listens, [`end_at`] has a later Ctrl+C end the process, as the first one does to a program
//! that does not listen: the second, even if its thread computes or blocks and has not seen the first one yet; and the next,
//! once that was dealt with. The disposition stays what it is meanwhile: there is no moment at which a signal that is not to
//! count (below) would end the process.
//!
//! **One press, two signals.** A terminal sends SIGINT to all processes in its foreground, and a program that runs others
//! (`npm run`) passes the one that it got on to its child. The child must not take that for a second Ctrl+C: a signal
//! that the parent process sends shortly after one that the terminal sent is not counted, and not passed on.

use std::mem::MaybeUninit;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// So long after the terminal's signal, in milliseconds, the parent's is the same press.
const ECHO_MS: u64 = 500;

static COUNT: AtomicU32 = AtomicU32::new(0);
/// How many more there can be, counting the one that ends the process; 0 = any number.
static LEFT: AtomicU32 = AtomicU32::new(0);
/// When the terminal sent the last one, on [`now_ms`]' clock; 0 = never.
static TYPED_AT: AtomicU64 = AtomicU64::new(0);

/// Address of the handler that is passed on to; 0 = none yet. Set once.
static NEXT: AtomicUsize = AtomicUsize::new(0);
/// Whether that handler takes three arguments. Set before `NEXT`.
static NEXT_TAKES_INFO: AtomicBool = AtomicBool::new(false);

type Handler = extern "C" fn(libc::c_int);
type InfoHandler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// How many SIGINTs have been counted so far. Wraps around.
pub fn counted() -> u32 {
    COUNT.load(Ordering::Relaxed)
}

/// Has this process ignore SIGINT, where it would end it.
pub fn ignore() {
    // SAFETY: to ignore a signal runs no code when it comes.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
}

/// Has SIGINTs counted from here on, if somebody listens for them. To be called after a listener was added.
pub fn count() {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let Some(mut action) = disposition() else { return };
    let found = action.sa_sigaction;
    let next = NEXT.load(Ordering::Relaxed);
    let ours = on_interrupt as InfoHandler as usize;
    let nobody_listens = found == libc::SIG_DFL || found == libc::SIG_IGN || action.sa_flags & libc::SA_RESETHAND != 0;
    if nobody_listens || found == ours || (next != 0 && found != next) {
        return;
    }
    NEXT_TAKES_INFO.store(action.sa_flags & libc::SA_SIGINFO != 0, Ordering::Relaxed);
    // SYNC POINT: how to call it, then whom. Pairs with the load in `on_interrupt`.
    NEXT.store(found, Ordering::Release);
    // Mask and flags stay those of the handler that is passed on to: it runs under the conditions that it asked for.
    action.sa_sigaction = ours;
    action.sa_flags |= libc::SA_SIGINFO;
    // SAFETY: `action` is what the system gave, with a handler that makes no call which a signal handler must not make.
    unsafe { libc::sigaction(libc::SIGINT, &action, std::ptr::null_mut()) };
}

/// Has the `nth` SIGINT from here on end the process, from 1 up; 0: none does. Only while nobody listens but who calls
/// this. Needs [`count`].
pub fn end_at(nth: u32) {
    LEFT.store(nth, Ordering::Relaxed);
}

/// What SIGINT does now.
fn disposition() -> Option<libc::sigaction> {
    let mut action = MaybeUninit::uninit();
    // SAFETY: nothing is changed, and the system writes into memory of the right size.
    let answer = unsafe { libc::sigaction(libc::SIGINT, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: the system has filled it.
    (answer == 0).then(|| unsafe { action.assume_init() })
}

/// Runs in a signal handler, on any thread: atomics, calls that are allowed there, and whatever the next handler does.
extern "C" fn on_interrupt(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    if is_echo(info) {
        return;
    }
    COUNT.fetch_add(1, Ordering::Relaxed);
    let left =
        LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1).filter(|left| *left > 0));
    if left == Err(1) {
        end(signal);
    }
    // SYNC POINT: whom to call, then how. Pairs with the store in `count`.
    let next = NEXT.load(Ordering::Acquire) as *const ();
    if NEXT_TAKES_INFO.load(Ordering::Relaxed) {
        // SAFETY: the system had this address as that of a handler with SA_SIGINFO, and it was set before this handler.
        let next = unsafe { std::mem::transmute::<*const (), InfoHandler>(next) };
        next(signal, info, context);
    } else {
        // SAFETY: the system had this address as that of a handler without SA_SIGINFO, and it was set before this one.
        let next = unsafe { std::mem::transmute::<*const (), Handler>(next) };
        next(signal);
    }
}

/// Ends the process by this signal, once the handler has returned.
fn end(signal: libc::c_int) {
    // SAFETY: allowed in a signal handler; the default action is to end the process.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: as above; the process sends the signal to itself.
    unsafe { libc::kill(std::process::id() as libc::pid_t, signal) };
}

/// Whether the parent process passes on what the terminal has sent to this process, too.
fn is_echo(info: *const libc::siginfo_t) -> bool {
    // SAFETY: the system points to its description of the signal while the handler runs.
    let info = unsafe { &*info };
    if info.si_code == libc::SI_KERNEL {
        TYPED_AT.store(now_ms(), Ordering::Relaxed);
        return false;
    }
    let typed_at = TYPED_AT.load(Ordering::Relaxed);
    // SAFETY: of a signal that a process has sent, this is the sender.
    let by_parent =
        info.si_code == libc::SI_USER && unsafe { info.si_pid() } == std::os::unix::process::parent_id() as libc::pid_t;
    by_parent && typed_at != 0 && now_ms().saturating_sub(typed_at) < ECHO_MS
}

/// Monotonic milliseconds, from 1 up; a call that is allowed in a signal handler.
fn now_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whom the listener was told to be the sender.
    static SENDER: AtomicU32 = AtomicU32::new(0);

    extern "C" fn listener(_signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
        // SAFETY: the system points to its description of the signal while the handler runs.
        let info = unsafe { &*info };
        // SAFETY: the test sends the signal itself, so that it has a sender.
        let sender = unsafe { info.si_pid() };
        SENDER.store(sender as u32, Ordering::Relaxed);
    }

    /// A handler with three arguments; those with one are in `tests/interrupt.rs`, a process of its own.
    #[test]
    fn a_handler_that_takes_information_gets_it() {
        let mut action = disposition().unwrap();
        action.sa_sigaction = listener as InfoHandler as usize;
        action.sa_flags = libc::SA_SIGINFO;
        // SAFETY: the handler only stores a number.
        assert_eq!(unsafe { libc::sigaction(libc::SIGINT, &action, std::ptr::null_mut()) }, 0);
        let before = counted();
        count();
        // SAFETY: the signal has a handler. It goes to this thread, and has come when this returns.
        assert_eq!(unsafe { libc::raise(libc::SIGINT) }, 0);
        assert_eq!(SENDER.load(Ordering::Relaxed), std::process::id());
        assert_eq!(counted(), before + 1);
    }
}

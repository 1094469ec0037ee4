//! Ctrl+C is counted wherever a listener is, and does otherwise what it did. A process of its own: the tests change
//! what SIGINT does in all of it.
#![cfg(all(unix, not(miri)))]

use manycore_os::{futex, interrupt};
use std::mem::MaybeUninit;
use std::os::unix::thread::JoinHandleExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// How often the listener ran, which stands for the one of an event loop.
static HEARD: AtomicU32 = AtomicU32::new(0);

extern "C" fn listener(signal: libc::c_int) {
    if signal == libc::SIGINT {
        HEARD.fetch_add(1, Ordering::Relaxed);
    }
}

extern "C" fn latecomer(_signal: libc::c_int) {}

/// One test at a time. Each begins with nobody listening.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    set(libc::SIG_DFL, 0);
    guard
}

/// Sets what SIGINT does.
fn set(handler: usize, flags: libc::c_int) {
    // SAFETY: all zero is the default action with an empty mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: the handlers of this file only count.
    assert_eq!(unsafe { libc::sigaction(libc::SIGINT, &action, std::ptr::null_mut()) }, 0);
}

/// What SIGINT does now.
fn handler() -> usize {
    let mut action = MaybeUninit::uninit();
    // SAFETY: nothing is changed, and the system writes into memory of the right size.
    assert_eq!(unsafe { libc::sigaction(libc::SIGINT, std::ptr::null(), action.as_mut_ptr()) }, 0);
    // SAFETY: the system has filled it.
    let action: libc::sigaction = unsafe { action.assume_init() };
    action.sa_sigaction
}

/// The address of a handler.
fn address(handler: extern "C" fn(libc::c_int)) -> usize {
    handler as usize
}

/// Presses Ctrl+C; answers how many were counted and how many the listener heard meanwhile.
fn press() -> (u32, u32) {
    let before = (interrupt::counted(), HEARD.load(Ordering::Relaxed));
    // SAFETY: every test that comes here has set a handler. The signal goes to this thread, and has come when this returns.
    assert_eq!(unsafe { libc::raise(libc::SIGINT) }, 0);
    (interrupt::counted() - before.0, HEARD.load(Ordering::Relaxed) - before.1)
}

#[test]
fn a_listener_hears_what_is_counted() {
    let _alone = alone();
    set(address(listener), libc::SA_RESTART);
    assert_eq!(press(), (0, 1), "nobody asked for a count");
    interrupt::count();
    assert_eq!(press(), (1, 1));
    interrupt::count();
    assert_eq!(press(), (1, 1), "asking twice counts once");
}

#[test]
fn a_listener_that_comes_back_is_found_again() {
    let _alone = alone();
    for _ in 0..3 {
        set(address(listener), 0);
        interrupt::count();
        assert_eq!(press(), (1, 1));
        set(libc::SIG_DFL, 0);
    }
}

#[test]
fn without_a_listener_nothing_changes() {
    let _alone = alone();
    for default in [libc::SIG_DFL, libc::SIG_IGN] {
        set(default, 0);
        interrupt::count();
        assert_eq!(handler(), default);
    }
}

#[test]
fn a_handler_that_runs_once_still_does() {
    let _alone = alone();
    set(address(listener), libc::SA_RESETHAND);
    interrupt::count();
    assert_eq!(press(), (0, 1));
    assert_eq!(handler(), libc::SIG_DFL);
}

#[test]
fn a_handler_that_came_later_is_left_in_front() {
    let _alone = alone();
    set(address(listener), 0);
    interrupt::count();
    set(address(latecomer), 0);
    interrupt::count();
    assert_eq!(handler(), address(latecomer));
}

/// How a process ends that does this, and then lives on: the number of the signal, or nothing.
fn ends_by(run: impl FnOnce()) -> Option<libc::c_int> {
    // SAFETY: the child makes system calls and touches what this thread alone uses, and ends without cleaning up.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        run();
        // SAFETY: nothing of the test runs on in the child.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: the system writes into a number of this function's.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status))
}

fn presses(times: u32) {
    for _ in 0..times {
        press();
    }
}

#[test]
fn the_one_that_is_to_end_the_process_does() {
    let _alone = alone();
    set(address(listener), 0);
    interrupt::count();
    for nth in 1..4 {
        interrupt::end_at(nth);
        assert_eq!(ends_by(|| presses(nth - 1)), None);
        assert_eq!(ends_by(|| presses(nth)), Some(libc::SIGINT));
    }
    // It counts from when it is said.
    interrupt::end_at(2);
    press();
    interrupt::end_at(2);
    assert_eq!(ends_by(|| presses(1)), None);
    interrupt::end_at(0);
    assert_eq!(ends_by(|| presses(5)), None);
}

#[test]
fn it_ends_a_sleep() {
    let _alone = alone();
    set(address(listener), libc::SA_RESTART);
    interrupt::count();
    let before = interrupt::counted();
    static WORD: AtomicU32 = AtomicU32::new(0);
    let sleeper = std::thread::spawn(|| (0..10).for_each(|_| futex::wait(&WORD, 0, Duration::from_secs(3600))));
    // One that comes between two sleeps ends none.
    while !sleeper.is_finished() {
        // SAFETY: the thread is not joined yet, and the signal has a handler.
        unsafe { libc::pthread_kill(sleeper.as_pthread_t(), libc::SIGINT) };
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(interrupt::counted() - before >= 10);
}

//! Objects end one after the other, and never one within another's end: what an object contains may let go of others,
//! however deep they lie.

use std::cell::RefCell;
use std::collections::VecDeque;

/// An object that nobody can reach any more, and what it needs until it has ended.
pub(super) struct Ended {
    pub object: u32,
    pub needs: Vec<u32>,
}

thread_local! {
    /// Objects that this thread is about to end, while it ends one.
    static ENDING: RefCell<Option<VecDeque<Ended>>> = const { RefCell::new(None) };
}

/// The thread does not end objects any more.
struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        ENDING.set(None);
    }
}

/// Calls `end` for each of these, and for those that are given here meanwhile by what it calls. Within it, they are left
/// to the call around this one.
pub(super) fn in_turn(ended: Vec<Ended>, end: impl Fn(Ended)) {
    if ended.is_empty() {
        return;
    }
    let outer = ENDING.take();
    let nested = outer.is_some();
    let mut list = outer.unwrap_or_default();
    list.extend(ended);
    ENDING.set(Some(list));
    if nested {
        return;
    }
    let _reset = Reset;
    while let Some(next) = ENDING.with_borrow_mut(|list| list.as_mut().and_then(VecDeque::pop_front)) {
        end(next);
    }
}

//! Named blocks and what their tracker would remove if the process were killed at that moment.
#![cfg(not(any(loom, miri)))]

use manycore_core::named::{NameError, Names, remove};
use manycore_core::tracker::serve;
use manycore_os::named::{Block, EXISTS, MISSING, identity, unlink};
use std::io::{Result, Write};
use std::sync::{Arc, Mutex};

/// A pipe that nobody has read yet.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Vec<u8>>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Pipe {
    fn names(&self) -> Names {
        let names = Names::new();
        let pipe = self.clone();
        names.prepare(|| Box::new(move || Ok(Box::new(pipe.clone()))));
        names
    }

    /// What is left to remove.
    fn left(&self) -> Vec<(String, u64)> {
        let mut left = Vec::new();
        serve(&**self.0.lock().unwrap(), |name, identity| {
            left.push((name.into(), identity));
            false
        });
        left
    }
}

/// A name that no other test has, unlinked at the end.
struct Name(String);

impl Name {
    fn new(of: &str) -> Self {
        Self(format!("manycore-core-{}-{of}", std::process::id()))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = unlink(&self.0);
    }
}

#[test]
fn a_block_is_tracked_until_it_is_unlinked() {
    let (pipe, name) = (Pipe::default(), Name::new("tracked"));
    let names = pipe.names();
    let block = names.create(&name.0, 10).unwrap();
    assert_eq!(pipe.left(), [(name.0.clone(), block.identity())]);
    drop(block);
    assert_eq!(pipe.left().len(), 1, "unmapped, and still there");
    names.unlink(&format!("/{}", name.0)).unwrap();
    assert_eq!(pipe.left(), []);
    let again = names.unlink(&name.0).unwrap_err();
    assert_eq!(again.errno(), Some(MISSING));
    assert_eq!(again.to_string(), format!("There is no shared memory block `{}`", name.0));
}

#[test]
fn a_name_that_is_taken_is_refused_and_its_registration_stays_as_it_is() {
    let (pipe, own, foreign) = (Pipe::default(), Name::new("own"), Name::new("foreign"));
    let names = pipe.names();
    let block = names.create(&own.0, 10).unwrap();
    let _foreign = Block::create(&foreign.0, 10).unwrap();
    for name in [&own.0, &foreign.0] {
        let refused = names.create(name, 10).unwrap_err();
        assert!(matches!(refused, NameError::Exists(_)));
        assert_eq!(refused.errno(), Some(EXISTS));
    }
    assert_eq!(pipe.left(), [(own.0.clone(), block.identity())]);
}

#[test]
fn threads_that_make_the_same_block_leave_it_tracked_once() {
    let (pipe, name) = (Pipe::default(), Name::new("raced"));
    let names = pipe.names();
    for _ in 0..100 {
        let made: Vec<_> = std::thread::scope(|s| {
            let makers: Vec<_> = (0..4).map(|_| s.spawn(|| names.create(&name.0, 10))).collect();
            makers.into_iter().filter_map(|maker| maker.join().unwrap().ok()).collect()
        });
        assert_eq!(made.len(), 1);
        assert_eq!(pipe.left(), [(name.0.clone(), made[0].identity())]);
        names.unlink(&name.0).unwrap();
        assert_eq!(pipe.left(), []);
    }
}

#[test]
fn a_block_without_memory_is_neither_there_nor_tracked() {
    let (pipe, name) = (Pipe::default(), Name::new("large"));
    let names = pipe.names();
    for bytes in [1 << 45, 1 << 62] {
        assert!(matches!(names.create(&name.0, bytes), Err(NameError::System { .. })));
        assert!(identity(&name.0).is_err());
        assert_eq!(pipe.left(), []);
    }
}

#[test]
fn an_attached_block_is_tracked_if_that_is_asked_for() {
    let (pipe, name) = (Pipe::default(), Name::new("attached"));
    let names = pipe.names();
    let made = Block::create(&name.0, 10).unwrap();
    names.attach(&name.0, false).unwrap();
    assert_eq!(pipe.left(), []);
    names.attach(&name.0, true).unwrap();
    assert_eq!(pipe.left(), [(name.0.clone(), made.identity())]);
    unlink(&name.0).unwrap();
    assert!(matches!(names.attach(&name.0, true), Err(NameError::Missing(_))));
    names.unlink(&name.0).unwrap_err();
    assert_eq!(pipe.left(), [], "unlinked by another: nothing is left to do");
}

#[test]
fn without_a_tracker_no_block_is_made() {
    let name = Name::new("untracked");
    let error = Names::new().create(&name.0, 10).unwrap_err();
    assert!(matches!(error, NameError::Tracker(_)));
    assert_eq!(error.errno(), None);
    assert!(identity(&name.0).is_err());
}

#[test]
fn a_tracker_removes_the_block_that_was_registered_and_no_other_of_its_name() {
    let name = Name::new("another");
    let first = Block::create(&name.0, 10).unwrap().identity();
    unlink(&name.0).unwrap();
    assert!(!remove(&name.0, 0), "nothing is there");
    let second = Block::create(&name.0, 10).unwrap().identity();
    assert!(!remove(&name.0, first));
    assert!(remove(&name.0, second));
    let _third = Block::create(&name.0, 10).unwrap();
    assert!(remove(&name.0, 0), "killed before it could say which");
}

//! Who removes named blocks when the process that made them was killed: the protocol between a process and its tracker.
//!
//! The tracker is a process of its own, started with the first name. It reads records from a pipe whose only other end
//! is held by the process that it serves. At the end of the pipe, which comes when that process is gone for whatever
//! reason, it removes the names that are left.
//!
//! | record | meaning |
//! |---|---|
//! | `+IDENTITY:NAME` NUL | remember the name; IDENTITY, a decimal number, says which block it must be to be removed, 0 = any |
//! | `-NAME` NUL | forget the name |
//!
//! Names hold no NUL and at most 255 bytes, so a record is written by one `write` that pipes do not split.
//!
//! **Nothing is left behind**, whenever the process is killed: `+0:NAME` is in the pipe before a block is made, and
//! waits there while the tracker still starts. **Nothing else is removed**: as soon as the block is there,
//! `+IDENTITY:NAME` takes the place of that record, and a block that another process made under the same name later has
//! another identity.

use std::collections::BTreeMap;
use std::io::{BufRead, Result, Write};

/// The end of the pipe that leads to a tracker.
pub type Link = Box<dyn Write + Send>;

/// Starts a tracker.
pub type Launch = Box<dyn FnMut() -> Result<Link> + Send>;

/// A process' side: what its tracker remembers, and the way to it.
#[derive(Default)]
pub struct Tracker {
    launch: Option<Launch>,
    link: Option<Link>,
    names: BTreeMap<String, u64>,
}

impl Tracker {
    /// Remembers nothing and cannot start yet.
    pub const fn new() -> Self {
        Self { launch: None, link: None, names: BTreeMap::new() }
    }

    /// Says how the tracker is started when it is needed. What was said first counts.
    pub fn prepare(&mut self, launch: impl FnOnce() -> Launch) {
        self.launch.get_or_insert_with(launch);
    }

    /// Has a name removed should this process end without unregistering it. Starts the tracker with the first name, and
    /// another one, which learns all names again, where the tracker has died.
    pub fn register(&mut self, name: &str, identity: u64) -> Result<()> {
        let before = self.names.insert(name.into(), identity);
        if before == Some(identity) || self.tell(format!("+{identity}:{name}\0").as_bytes()) {
            return Ok(());
        }
        self.restart().inspect_err(|_| {
            match before {
                Some(before) => self.names.insert(name.into(), before),
                None => self.names.remove(name),
            };
        })
    }

    /// A name needs no removing any more.
    pub fn unregister(&mut self, name: &str) {
        if self.names.remove(name).is_none() || self.tell(format!("-{name}\0").as_bytes()) {
            return;
        }
        if !self.names.is_empty() {
            // Where none can be started, the next name that is registered tries again.
            let _ = self.restart();
        }
    }

    /// Does what a record says that another process sends, which has no tracker of its own.
    pub fn pass(&mut self, record: &[u8]) -> Result<()> {
        for text in record.split(|byte| *byte == 0).filter_map(|text| str::from_utf8(text).ok()) {
            match read(text) {
                Some((name, Some(identity))) => self.register(name, identity)?,
                Some((name, None)) => self.unregister(name),
                None => {}
            }
        }
        Ok(())
    }

    /// Sends a record. False: no tracker hears it.
    fn tell(&mut self, record: &[u8]) -> bool {
        let heard = self.link.as_mut().is_some_and(|link| link.write_all(record).is_ok());
        if !heard {
            self.link = None;
        }
        heard
    }

    /// Starts a tracker and sends it everything.
    #[cold]
    fn restart(&mut self) -> Result<()> {
        let launch = self.launch.as_mut().ok_or_else(|| std::io::Error::other("nobody said how"))?;
        let mut link = launch()?;
        let records: String = self.names.iter().map(|(name, identity)| format!("+{identity}:{name}\0")).collect();
        link.write_all(records.as_bytes())?;
        self.link = Some(link);
        Ok(())
    }
}

/// The tracker's side: reads records until their end, then has each remembered name removed if it still is the block of
/// that identity. Answers the names for which `remove` said that it did.
pub fn serve(mut records: impl BufRead, mut remove: impl FnMut(&str, u64) -> bool) -> Vec<String> {
    let mut names = BTreeMap::new();
    let mut record = Vec::new();
    // An error is an end: nothing more will come.
    while records.read_until(0, &mut record).is_ok_and(|bytes| bytes > 0) {
        // One that was cut off names nothing.
        if record.pop() == Some(0)
            && let Ok(text) = str::from_utf8(&record)
        {
            obey(&mut names, text);
        }
        record.clear();
    }
    names.into_iter().filter(|(name, identity)| remove(name, *identity)).map(|(name, _)| name).collect()
}

fn obey(names: &mut BTreeMap<String, u64>, record: &str) {
    match read(record) {
        Some((name, Some(identity))) => drop(names.insert(name.into(), identity)),
        Some((name, None)) => drop(names.remove(name)),
        None => {}
    }
}

/// The name in a record, and the identity if it is to be remembered.
fn read(record: &str) -> Option<(&str, Option<u64>)> {
    if let Some(name) = record.strip_prefix('-') {
        return Some((name, None));
    }
    let (identity, name) = record.strip_prefix('+')?.split_once(':')?;
    Some((name, Some(identity.parse().ok()?)))
}

/// What a tracker that removed these names tells the user, in CPython's words. Nothing if there were none.
pub fn report(removed: &[String]) -> Option<String> {
    let names = removed.join(", ");
    (!removed.is_empty()).then(|| {
        let count = removed.len();
        format!(
            "manycore: resource_tracker: There appear to be {count} leaked shared_memory objects to clean up at \
             shutdown: {names}\n"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};
    use std::sync::{Arc, Mutex};

    /// The pipes of the trackers that were started, newest last; one that is `None` is broken.
    #[derive(Clone, Default)]
    struct Pipes(Arc<Mutex<Vec<Option<Vec<u8>>>>>);

    struct Pipe(Pipes, usize);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            match &mut self.0.0.lock().unwrap()[self.1] {
                Some(sent) => {
                    sent.extend(bytes);
                    Ok(bytes.len())
                }
                None => Err(ErrorKind::BrokenPipe.into()),
            }
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    impl Pipes {
        fn tracker(&self) -> Tracker {
            let mut tracker = Tracker::new();
            let pipes = self.clone();
            tracker.prepare(|| {
                Box::new(move || {
                    let mut all = pipes.0.lock().unwrap();
                    all.push(Some(Vec::new()));
                    Ok(Box::new(Pipe(pipes.clone(), all.len() - 1)))
                })
            });
            tracker
        }

        fn break_all(&self) {
            self.0.lock().unwrap().fill(None);
        }

        fn started(&self) -> usize {
            self.0.lock().unwrap().len()
        }

        /// What the newest tracker would remove if its process were killed now.
        fn left(&self) -> Vec<(String, u64)> {
            let sent = self.0.lock().unwrap().last().cloned().flatten().unwrap_or_default();
            let mut left = Vec::new();
            serve(&*sent, |name, identity| {
                left.push((name.into(), identity));
                true
            });
            left
        }
    }

    #[test]
    fn what_is_registered_and_not_unregistered_is_left() {
        let pipes = Pipes::default();
        let mut tracker = pipes.tracker();
        tracker.unregister("nothing");
        assert_eq!(pipes.started(), 0, "no name, no tracker");
        tracker.register("b", 0).unwrap();
        tracker.register("a:b\n+1:c", 2).unwrap();
        tracker.register("b", 9).unwrap();
        tracker.register("gone", 3).unwrap();
        tracker.unregister("gone");
        assert_eq!(pipes.left(), [("a:b\n+1:c".into(), 2), ("b".into(), 9)]);
        assert_eq!(pipes.started(), 1);
    }

    #[test]
    fn a_name_that_is_registered_again_is_unregistered_once() {
        let pipes = Pipes::default();
        let mut tracker = pipes.tracker();
        tracker.register("a", 1).unwrap();
        tracker.register("a", 1).unwrap();
        tracker.unregister("a");
        assert_eq!(pipes.left(), []);
    }

    #[test]
    fn a_tracker_that_died_is_replaced_and_told_everything() {
        let pipes = Pipes::default();
        let mut tracker = pipes.tracker();
        tracker.register("a", 1).unwrap();
        pipes.break_all();
        tracker.register("b", 2).unwrap();
        assert_eq!(pipes.left(), [("a".into(), 1), ("b".into(), 2)]);
        pipes.break_all();
        tracker.unregister("a");
        assert_eq!(pipes.left(), [("b".into(), 2)]);
        pipes.break_all();
        tracker.unregister("b");
        assert_eq!(pipes.started(), 3, "nothing to tell, nobody to start");
    }

    #[test]
    fn without_a_tracker_a_name_is_refused_and_not_remembered() {
        let mut tracker = Tracker::new();
        tracker.register("a", 1).unwrap_err();
        tracker.prepare(|| Box::new(|| Err(Error::from(ErrorKind::NotFound))));
        assert_eq!(tracker.register("a", 1).unwrap_err().kind(), ErrorKind::NotFound);
        tracker.prepare(|| unreachable!("what was said first counts"));
        tracker.unregister("a");
    }

    #[test]
    fn what_is_cut_off_or_is_no_record_is_passed_over() {
        let mut removed = Vec::new();
        let records = b"+1:a\0?\0+x:b\0+2\0\0\xff\0+3:c\0+4:d";
        serve(&records[..], |name, identity| {
            removed.push((name.to_string(), identity));
            true
        });
        assert_eq!(removed, [("a".into(), 1), ("c".into(), 3)]);
    }

    #[test]
    fn the_user_is_told_of_what_was_removed_only() {
        let removed = serve(&b"+1:a\0+2:b\0+3:c\0"[..], |name, _| name != "b");
        assert_eq!(
            report(&removed).unwrap(),
            "manycore: resource_tracker: There appear to be 2 leaked shared_memory objects to clean up at shutdown: a, c\n"
        );
        assert_eq!(report(&[]), None);
    }
}

//! Every atomic of this crate comes from `sync.rs`: what bypassed it would be invisible to the models.
#![cfg(not(any(loom, miri)))]

use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn atomics_come_from_one_door() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&src);
    assert!(files.len() > 10);
    for file in files.iter().filter(|file| **file != src.join("sync.rs")) {
        for (number, line) in std::fs::read_to_string(file).unwrap().lines().enumerate() {
            let bypass = ["std::sync::atomic", "core::sync::atomic", "loom::sync::atomic"];
            assert!(!bypass.iter().any(|path| line.contains(path)), "{}:{}: {line}", file.display(), number + 1);
        }
    }
}

//! Replays the corpus of `fuzz/` on stable, so that what fuzzing reached once is held by every run of the tests.

#[allow(dead_code, unreachable_pub, clippy::unwrap_used, missing_docs)]
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::{fs, path::Path};

/// Runs a target on each file of its corpus.
fn replay(name: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let files: Vec<_> =
        fs::read_dir(&corpus).expect("the corpus is committed").map(|file| file.expect("readable").path()).collect();
    assert!(!files.is_empty(), "{} is empty", corpus.display());
    for file in files {
        eprintln!("{}", file.display()); // shown if it panics
        run(&fs::read(&file).expect("readable"));
    }
}

#[test]
fn paths() {
    replay("paths", targets::paths::run);
}

#[test]
fn credentials() {
    replay("credentials", targets::credentials::run);
}

#[test]
fn origins() {
    replay("origins", targets::origins::run);
}

#[test]
fn bodies() {
    replay("bodies", targets::bodies::run);
}

#[test]
fn explain() {
    replay("explain", targets::explain::run);
}

#[test]
fn round_trip() {
    replay("round_trip", targets::round_trip::run);
}

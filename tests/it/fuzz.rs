//! What fuzzing has kept, without its engine: each target takes the inputs of its corpus and all that once made it panic.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use kafka_rs::broker::api::APIS;

#[path = "../fuzz/src/targets/mod.rs"]
mod targets;

/// Gives a target all its inputs, and names those at which it panics.
fn replay(target: &str, run: fn(&[u8])) {
    let mut inputs = Vec::new();
    for kept in ["corpus", "found"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(kept).join(target);
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        inputs.extend(entries.map(|entry| entry.expect("a readable folder").path()));
    }
    assert!(!inputs.is_empty(), "the corpus of {target} is there");
    inputs.sort();
    let panics = |input: &&PathBuf| {
        let bytes = fs::read(input).expect("a readable file");
        catch_unwind(AssertUnwindSafe(|| run(&bytes))).is_err()
    };
    let failed: Vec<_> = inputs.iter().filter(panics).collect();
    assert!(failed.is_empty(), "{target} panics at {failed:?}");
}

#[test]
fn frames() {
    replay("frames", targets::frames::run);
}

#[test]
fn decode() {
    replay("decode", targets::decode::run);
}

/// The body is too short for nearly all of them, but each has its messages.
#[test]
fn every_api_is_decoded() {
    for api in APIS {
        let (key, version) = (u8::try_from(api.key), u8::try_from(api.max_version));
        targets::decode::run(&[key.expect("a small number"), version.expect("a small number")]);
    }
}

#[test]
fn batch() {
    replay("batch", targets::batch::run);
}

#[test]
fn connection() {
    replay("connection", targets::connection::run);
}

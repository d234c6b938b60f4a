//! What fuzzing has kept, without its engine: each target takes the inputs of its corpus and all that once made it panic.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../fuzz/src/targets/mod.rs"]
mod targets;

use crate::codec::Version;
use crate::codec::maker::Maker;
use targets::decode;

const TARGETS: [&str; 4] = ["frames", "decode", "batch", "connection"];
/// Fewer bugs for a target would prove little.
const BUGS_MIN: usize = 3;
/// Longer messages are not looked at.
const BODY_BYTES_MAX: usize = 1_000;

/// What is kept for a target.
fn inputs(target: &str) -> Vec<PathBuf> {
    let mut inputs = Vec::new();
    for kept in ["corpus", "found"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(kept).join(target);
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        inputs.extend(entries.map(|entry| entry.expect("a readable folder").path()));
    }
    assert!(!inputs.is_empty(), "the corpus of {target} is there");
    inputs.sort();
    inputs
}

/// Gives a target all its inputs, and names those at which it panics.
fn replay(target: &str, run: fn(&[u8])) {
    let inputs = inputs(target);
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
    replay("decode", decode::run);
}

/// All of the broker's table is decoded: a message that was made out of its shape, behind the bytes that say which one it is.
#[test]
fn every_api_is_decoded_at_every_version() {
    for (api, number, is_response) in decode::all() {
        let version = Version { number, flexible: api.is_flexible(number) };
        let make = |seed| {
            let mut maker = Maker::new(seed);
            maker.elements_left = 6;
            maker.message(&decode::codec(api).shapes[usize::from(is_response)], version)
        };
        let body = (0..).map(make).find(|body| body.len() < BODY_BYTES_MAX).expect("most messages are short");
        let start = decode::start(api, number, is_response);
        let (found, supported, direction) = decode::what(start[0], start[1]);
        assert_eq!((found.key, supported, direction), (api.key, number, is_response));
        let input = [&start, &body[..]].concat();
        assert!(decode::decodes(&input), "{} v{number}, is a response: {is_response}", api.name);
    }
}

/// Whatever an input begins with, it is a message that there is.
#[test]
fn no_input_of_decode_is_lost() {
    for [key, version] in (0..=u16::MAX).map(u16::to_be_bytes) {
        let (api, version, _) = decode::what(key, version);
        assert!(api.supports(version), "{} v{version}", api.name);
    }
}

/// A run begins with messages of each API, both ways, that can be decoded.
#[test]
fn the_corpus_of_decode_has_every_api() {
    let inputs = inputs("decode").into_iter().map(|input| fs::read(input).expect("a readable file"));
    let decoded: BTreeSet<_> = inputs
        .filter(|input| decode::decodes(input))
        .map(|input| decode::what(input[0], input[1]))
        .map(|(api, _, is_response)| (api.key, is_response))
        .collect();
    let missing = decode::all().filter(|(api, _, is_response)| !decoded.contains(&(api.key, *is_response)));
    let missing: BTreeSet<_> = missing.map(|(api, _, is_response)| (api.name, is_response)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The bugs that `tests/fuzz/plant` puts into the sources fit into the sources of today, and each names the target that finds
/// it.
#[test]
fn every_bug_can_be_planted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(root.join("tests/fuzz/bugs")).expect("a folder of bugs");
    let mut bugs_of = BTreeMap::from(TARGETS.map(|target| (target, 0)));
    for patch in entries.map(|entry| entry.expect("an entry of the folder").path()) {
        let name = patch.file_name().and_then(|name| name.to_str()).expect("a name of letters");
        let target = name.split_once('-').and_then(|(target, _)| bugs_of.get_mut(target));
        *target.unwrap_or_else(|| panic!("{name} begins with no target")) += 1;
        let output = Command::new("git").args(["apply", "--check", "-C1"]).arg(&patch).current_dir(root).output();
        let output = output.expect("git is there");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(bugs_of.values().all(|bugs| *bugs >= BUGS_MIN), "{bugs_of:?}");
}

#[test]
fn batch() {
    replay("batch", targets::batch::run);
}

#[test]
fn connection() {
    replay("connection", targets::connection::run);
}

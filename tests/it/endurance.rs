//! What the program bears for long, and what it costs: ten thousand connections on which nothing happens, and full load for
//! minutes.
//!
//! The program is the one that a user gets, built with `cargo build --release`. What is measured is left in
//! `target/endurance/`, one `key = value` a line. `ENDURANCE_SECONDS` makes the load last longer than its usual moment.

mod idle;
mod server;
mod soak;

use std::env;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

/// Cargo's folder for what it builds.
fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's folder for tests has a parent").to_owned()
}

/// Tells what goes on while it goes on: what the usual macros print is held back until a test fails.
fn progress(text: &str) {
    let _ = writeln!(io::stderr(), "[endurance] {text}");
}

/// Leaves what was measured.
fn save(name: &str, figures: &[(&str, &dyn Display)]) {
    let text: String = figures.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    progress(&format!("{name}:\n{text}"));
    let folder = target().join("endurance");
    fs::create_dir_all(&folder).expect("a folder for what was measured");
    fs::write(folder.join(name), text).expect("a file for what was measured");
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

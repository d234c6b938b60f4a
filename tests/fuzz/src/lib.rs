//! Coverage-guided fuzzing: libFuzzer makes up inputs, and prefers those that reach code which no other has reached.
//!
//! Each module of [`targets`] takes any bytes and panics when something is wrong with Kafka-RS. The programs in `bin` give
//! them to libFuzzer; `tests/it/fuzz.rs` gives them what is kept, without libFuzzer and its instrumentation:
//!
//! ```text
//! corpus/TARGET/*    inputs that together reach what has been reached: where each run begins
//! found/TARGET/*     inputs that once were answered with a panic
//! bugs/*.patch       bugs that the targets find, each named after the target that does
//! ```
//!
//! `run` builds, fuzzes and sums up; `run --help` tells how. `plant` shows that the bugs are found. `seeds.rs` has made
//! the first inputs, out of the protocol's shapes.

#[path = "../../it/driver.rs"]
pub mod driver;
#[path = "../../it/records.rs"]
pub mod records;
pub mod targets;

use std::fmt::Write;

use log::{LevelFilter, Log, Metadata, Record};

/// Writes every line of the log, and keeps none: what formats them is fuzzed too.
struct Sink;

impl Log for Sink {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        struct Nowhere;
        impl Write for Nowhere {
            fn write_str(&mut self, _: &str) -> std::fmt::Result {
                Ok(())
            }
        }
        write!(Nowhere, "{}", record.args()).expect("nowhere takes everything");
    }

    fn flush(&self) {}
}

/// Logs everything from here on. Inputs can change how much is logged, so each begins with this.
pub fn log_everything() {
    let _ = log::set_logger(&Sink);
    log::set_max_level(LevelFilter::Trace);
}

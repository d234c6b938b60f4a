//! The whole broker but its sockets, under a simulator.
//!
//! A seed decides everything: how the broker is configured, who its clients are and what they do, how their bytes are split,
//! delayed and lost, what the clocks show, and when it ends. After every turn of the loop the broker's own invariants are
//! asserted, and what it shows is compared with a simple model. See `sim.rs` for how the parts hang together, `model.rs` and
//! `audit.rs` for what is checked, `network.rs` and `plan.rs` for what goes wrong.
//!
//! ```text
//! cargo test --test simulation                                     a few seeds
//! SECONDS=600 cargo test --profile simulation --test simulation    as many as there is time for; SEEDS=N for so many
//! SEED=N cargo test --profile simulation --test simulation         one of them, with everything that happens in it
//! tests/simulation/plant                                           shows that the checks find bugs: see `bugs`
//! ```

mod audit;
mod bugs;
mod clients;
mod dice;
mod exchange;
mod model;
mod network;
mod plan;
#[allow(dead_code, reason = "the other tests need more of it")]
#[path = "../it/records.rs"]
mod records;
mod run;
mod sim;
mod splits;
mod subscription;

use std::env;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::sim::Counts;

/// How many seeds there are without being asked for more.
const SEEDS: u64 = 60;
const THREADS: usize = 2;
/// How many seeds are run twice, to see that they are the same.
const REPEATED: u64 = 15;

fn variable(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is not a number: {value}")))
}

/// Says something that is seen although the test succeeds.
fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").expect("somewhere to write to");
}

fn replay(seed: u64) -> String {
    format!("SEED={seed} cargo test --profile simulation --test simulation")
}

#[test]
fn seeds() {
    if let Some(seed) = variable("SEED") {
        let outcome = run::run(seed, true);
        assert!(outcome.is_ok(), "seed {seed}: {}", outcome.unwrap_err());
        return;
    }
    let seconds = variable("SECONDS").map(Duration::from_secs);
    let seeds = variable("SEEDS").unwrap_or(if seconds.is_some() { u64::MAX } else { SEEDS });
    let first = variable("FIRST").unwrap_or(0);
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let total = Mutex::new((0u64, Counts::default()));
    let failure = Mutex::new(None::<(u64, String)>);
    let started = Instant::now();
    let work = || {
        while !failed.load(Ordering::Relaxed) && seconds.is_none_or(|limit| started.elapsed() < limit) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= seeds {
                break;
            }
            match run::run(first + number, false) {
                Ok(counts) => {
                    let (done, sum) = &mut *total.lock().unwrap_or_else(PoisonError::into_inner);
                    *done += 1;
                    sum.add(counts);
                }
                Err(broken) => {
                    failed.store(true, Ordering::Relaxed);
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    if failure.as_ref().is_none_or(|(other, _)| number < *other) {
                        *failure = Some((number, broken));
                    }
                }
            }
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
    let (done, sum) = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    let seconds = started.elapsed().as_secs_f64();
    if let Some((number, broken)) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let seed = first + number;
        say(&format!("found after {} seeds in {seconds:.1} s: {broken}", number + 1));
        panic!("seed {seed}: {broken}\nTo see it again: {}", replay(seed));
    }
    let summary = format!(
        "{done} seeds, {} requests, {} answers, {} turns, {} connections in {seconds:.0} s, nothing found",
        sum.requests, sum.answers, sum.turns, sum.connections
    );
    say(&summary);
    write_summary(&summary);
}

/// Nothing but the seed has a part in a run: no order of a `HashMap`, no clock.
#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..REPEATED {
        assert_eq!(run::run(seed, false), run::run(seed, false), "seed {seed}");
    }
}

/// Leaves the summary where a table can be made of it.
fn write_summary(summary: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/simulation");
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("summary"), format!("{summary}\n")));
    written.expect("the target folder can be written to");
}

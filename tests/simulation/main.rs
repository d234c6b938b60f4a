//! The whole broker but its sockets, under a simulator.
//!
//! A seed decides everything: how the broker is configured, who its clients are and what they do, how their bytes are split,
//! delayed and lost, what the clocks show, and when it ends. After every turn of the loop the broker's own invariants are
//! asserted, and what it shows is compared with a simple model. See `sim.rs` for how the parts hang together, `model.rs`,
//! `compacted.rs`, `audit.rs` and `aftermath.rs` for what is checked, `network.rs` and `plan.rs` for what goes wrong.
//!
//! ```text
//! cargo test --test simulation    a few seeds
//! tests/simulation/run 600        as many seeds as there is time for
//! SEED=N tests/simulation/run     one of them, with everything that happens in it
//! tests/simulation/plant          shows that the checks find bugs: see `bugs`
//! ```
//!
//! The scripts build these sources as a program of their own (`Cargo.toml` here), optimised and with all assertions.

mod aftermath;
mod audit;
#[cfg(test)]
mod bugs;
mod clients;
mod compacted;
mod dice;
mod exchange;
#[cfg(test)]
mod memory;
mod model;
mod network;
mod plan;
#[allow(dead_code, reason = "the other tests need more of it")]
#[path = "../it/records.rs"]
mod records;
mod run;
mod seeds;
mod sim;
#[cfg(test)]
mod splits;
mod subscription;

#[cfg(not(test))]
fn main() -> std::process::ExitCode {
    program::main()
}

/// The program that `tests/simulation/run` starts.
#[cfg(not(test))]
mod program {
    use std::process::ExitCode;
    use std::time::{Duration, Instant};
    use std::{env, fs};

    use crate::run;
    use crate::seeds::Job;
    use crate::sim::show;

    const PROGRESS_EVERY: Duration = Duration::from_secs(10);

    fn variable(name: &str) -> Option<u64> {
        let value = env::var(name).ok()?;
        Some(value.parse().unwrap_or_else(|_| panic!("{name} is not a number: {value}")))
    }

    pub fn main() -> ExitCode {
        match variable("SEED") {
            Some(seed) => one(seed),
            None => many(),
        }
    }

    fn one(seed: u64) -> ExitCode {
        match run::run(seed, true) {
            Ok(counts) => {
                show(&format!("seed {seed}: nothing found, {counts:?}"));
                ExitCode::SUCCESS
            }
            Err(broken) => {
                show(&format!("seed {seed}: {broken}"));
                ExitCode::FAILURE
            }
        }
    }

    fn many() -> ExitCode {
        let limit = variable("SECONDS").map(Duration::from_secs);
        let job = Job { first: variable("FIRST").unwrap_or(0), seeds: variable("SEEDS").unwrap_or(u64::MAX), limit };
        let started = Instant::now();
        let outcome = job.run(PROGRESS_EVERY, |total, elapsed| {
            show(&format!("[{:>4} s] {} seeds, {} requests", elapsed.as_secs(), total.seeds, total.counts.requests));
        });
        let seconds = started.elapsed().as_secs_f64();
        match outcome {
            Ok(total) => {
                let summary = format!("{total} in {seconds:.0} s, nothing found");
                show(&summary);
                if let Some(file) = env::var_os("SUMMARY") {
                    fs::write(file, summary + "\n").expect("the summary can be written");
                }
                ExitCode::SUCCESS
            }
            Err(failure) => {
                let (seed, after) = (failure.seed, failure.seed - job.first + 1);
                show(&format!("found after {after} seeds in {seconds:.1} s: {}", failure.broken));
                show(&format!("To see it again: SEED={seed} tests/simulation/run"));
                ExitCode::FAILURE
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::run;
    use crate::seeds::Job;

    /// How many seeds there are without being asked for more.
    const SEEDS: u64 = 60;
    /// How many seeds are run twice, to see that they are the same.
    const REPEATED: u64 = 15;

    #[test]
    fn seeds() {
        let job = Job { first: 0, seeds: SEEDS, limit: None };
        let total = job.run(Duration::MAX, |_, _| {}).unwrap_or_else(|failure| {
            let (seed, broken) = (failure.seed, failure.broken);
            panic!("seed {seed}: {broken}\nTo see it again: SEED={seed} tests/simulation/run");
        });
        // What is rare has happened too.
        let counts = total.counts;
        let rare = [counts.refused, counts.deleted, counts.compacted, counts.muted];
        assert!(rare.iter().all(|times| *times > 0), "{counts:?}");
    }

    /// Nothing but the seed has a part in a run: no order of a `HashMap`, no clock.
    #[test]
    fn a_seed_gives_the_same_run_each_time() {
        for seed in 0..REPEATED {
            assert_eq!(run::run(seed, false), run::run(seed, false), "seed {seed}");
        }
    }
}

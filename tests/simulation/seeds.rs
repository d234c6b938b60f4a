//! Many seeds, on all cores, until there are enough of them, the time is over, or one of them breaks a rule.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::model::Broken;
use crate::run;
use crate::sim::Counts;

/// Which seeds are run.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    pub first: u64,
    /// How many, and for how long at most.
    pub seeds: u64,
    pub limit: Option<Duration>,
}

/// What has come of them.
#[derive(Debug, Default, Clone, Copy)]
pub struct Total {
    pub seeds: u64,
    pub counts: Counts,
}

impl fmt::Display for Total {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { requests, answers, turns, connections, refused, deleted, compacted, muted, .. } = self.counts;
        write!(formatter, "{} seeds, {requests} requests, {answers} answers, ", self.seeds)?;
        write!(formatter, "{turns} turns, {connections} connections, {refused} batches without memory, ")?;
        write!(formatter, "{deleted} deletions, {compacted} records compacted away, {muted} pauses")
    }
}

/// The first seed that has broken a rule, of those that were run, and how.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub broken: Broken,
}

impl Job {
    /// Runs the seeds. `progress` is told now and then how far they are.
    pub fn run(self, every: Duration, progress: impl Fn(Total, Duration)) -> Result<Total, Failure> {
        let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
        let (total, failure) = (Mutex::new(Total::default()), Mutex::new(None::<Failure>));
        let started = Instant::now();
        let work = || {
            while !failed.load(Ordering::Relaxed) && self.limit.is_none_or(|limit| started.elapsed() < limit) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.seeds {
                    break;
                }
                let seed = self.first + number;
                match run::run(seed, false) {
                    Ok(counts) => {
                        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                        total.seeds += 1;
                        total.counts.add(counts);
                    }
                    Err(broken) => {
                        failed.store(true, Ordering::Relaxed);
                        let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                        if failure.as_ref().is_none_or(|other| seed < other.seed) {
                            *failure = Some(Failure { seed, broken });
                        }
                    }
                }
            }
        };
        thread::scope(|scope| {
            let (working, all_done) = mpsc::channel::<()>();
            for _ in 0..thread::available_parallelism().map_or(1, |cores| cores.get()) {
                let (working, work) = (working.clone(), &work);
                scope.spawn(move || {
                    work();
                    drop(working);
                });
            }
            drop(working);
            while let Err(RecvTimeoutError::Timeout) = all_done.recv_timeout(every) {
                progress(*total.lock().unwrap_or_else(PoisonError::into_inner), started.elapsed());
            }
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(failure) => Err(failure),
            None => Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

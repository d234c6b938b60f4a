//! Time, as an argument and as a set of deadlines.
//!
//! The broker never reads a clock: whoever drives it passes [`Now`]. What has to happen later stands in [`Deadlines`], an
//! ordered set of moments, and the first of them is how long `poll` may sleep. A deadline that is no longer wanted is
//! either cancelled, where its moment is remembered, or stays, fires, and is ignored by whoever it belonged to.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock: for timeouts, which must not jump.
    pub instant: Instant,
    /// The wall clock in milliseconds since 1970: for timestamps that clients see.
    pub unix_ms: i64,
}

impl Now {
    /// The moment that lies `ms` later; a negative duration is none.
    pub fn after_ms(self, ms: impl Into<i64>) -> Instant {
        self.instant + Duration::from_millis(u64::try_from(ms.into()).unwrap_or(0))
    }
}

/// Moments at which something is due, in order.
#[derive(Debug)]
pub struct Deadlines<K> {
    due: BTreeSet<(Instant, K)>,
}

impl<K: Ord> Default for Deadlines<K> {
    fn default() -> Self {
        Self { due: BTreeSet::new() }
    }
}

impl<K: Ord> Deadlines<K> {
    pub fn schedule(&mut self, at: Instant, what: K) {
        self.due.insert((at, what));
    }

    pub fn cancel(&mut self, at: Instant, what: K) {
        self.due.remove(&(at, what));
    }

    /// The first moment at which something is due.
    pub fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes out what is due by now, one at a time, the earliest first.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        self.due.pop_first().map(|(_, what)| what)
    }
}

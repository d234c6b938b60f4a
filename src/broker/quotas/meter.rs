//! The arithmetic of quotas: averages over windows, and buckets of tokens. It is Kafka's, so that the same load is slowed
//! down by the same time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::config::Config;

/// Over how many windows of which length a rate is averaged.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    pub count: u32,
    pub length: Duration,
}

impl Windows {
    pub fn new(config: &Config) -> Self {
        Self::of(config.quota_window_num, config.quota_window_size_seconds)
    }

    /// The windows of `controller_mutation_rate`, which are set on their own.
    pub fn for_mutations(config: &Config) -> Self {
        Self::of(config.controller_quota_window_num, config.controller_quota_window_size_seconds)
    }

    fn of(count: i32, seconds: i32) -> Self {
        let positive = |number: i32| u32::try_from(number).unwrap_or(1).max(1);
        Self { count: positive(count), length: Duration::from_secs(positive(seconds).into()) }
    }

    /// What a limit allows in all full windows together.
    pub fn capacity(self, limit: f64) -> f64 {
        limit * f64::from(self.count - 1) * self.length.as_secs_f64()
    }

    /// After this time nothing is left of a sample.
    fn memory(self) -> Duration {
        self.length * self.count
    }
}

/// What was counted in one window.
#[derive(Debug)]
struct Sample {
    started: Instant,
    last: Instant,
    total: f64,
}

/// An average over the last windows.
#[derive(Debug, Default)]
pub struct Rate {
    samples: VecDeque<Sample>,
}

impl Rate {
    pub fn record(&mut self, value: f64, now: Instant, windows: Windows) {
        self.forget(now, windows);
        match self.samples.back_mut().filter(|sample| now.saturating_duration_since(sample.started) < windows.length) {
            Some(sample) => {
                sample.total += value;
                sample.last = now;
            }
            None => self.samples.push_back(Sample { started: now, last: now, total: value }),
        }
    }

    /// The milliseconds after which the average is down to the limit, if nothing comes meanwhile.
    pub fn throttle_ms(&mut self, limit: f64, now: Instant, windows: Windows) -> i32 {
        let total = self.total(now, windows);
        let seconds = self.seconds(now, windows);
        let rate = total / seconds;
        match rate > limit {
            // `as` cuts off at the largest number, which is what is wanted.
            true => ((rate - limit) / limit * seconds * 1000.0).round() as i32,
            false => 0,
        }
    }

    /// All that was recorded in the last windows.
    pub fn total(&mut self, now: Instant, windows: Windows) -> f64 {
        self.forget(now, windows);
        self.samples.iter().map(|sample| sample.total).sum()
    }

    /// Whether all that was measured is forgotten.
    pub fn is_over(&mut self, now: Instant, windows: Windows) -> bool {
        self.forget(now, windows);
        self.samples.is_empty()
    }

    fn forget(&mut self, now: Instant, windows: Windows) {
        let old = |sample: &Sample| now.saturating_duration_since(sample.last) >= windows.memory();
        while self.samples.front().is_some_and(old) {
            self.samples.pop_front();
        }
    }

    /// Over how long the average goes: the time since the oldest sample began, but never less than all windows but the
    /// last one, which has only begun. Without that, the first request of all would be a rate beyond any limit.
    fn seconds(&self, now: Instant, windows: Windows) -> f64 {
        let length = windows.length.as_secs_f64();
        let oldest = self.samples.front().map_or(now, |sample| sample.started);
        let elapsed = now.saturating_duration_since(oldest).as_secs_f64();
        let missing = f64::from(windows.count - 1) - (elapsed / length).floor();
        (elapsed + missing.max(0.0) * length).max(length)
    }
}

/// Tokens that flow in at the rate of the limit, and are taken in any number as long as there is none missing.
#[derive(Debug, Default)]
pub struct Bucket {
    /// Below 0 if more were taken than there were. `None` before the first time: the bucket is full.
    level: Option<(f64, Instant)>,
}

impl Bucket {
    fn tokens(&self, limit: f64, now: Instant, windows: Windows) -> f64 {
        let full = limit * windows.memory().as_secs_f64();
        match self.level {
            Some((tokens, at)) => (tokens + limit * now.saturating_duration_since(at).as_secs_f64()).min(full),
            None => full,
        }
    }

    pub fn take(&mut self, tokens: f64, limit: f64, now: Instant, windows: Windows) {
        self.level = Some((self.tokens(limit, now, windows) - tokens, now));
    }

    /// The milliseconds until no token is missing.
    pub fn throttle_ms(&self, limit: f64, now: Instant, windows: Windows) -> i32 {
        let tokens = self.tokens(limit, now, windows);
        if tokens < 0.0 { (-tokens / limit * 1000.0).round() as i32 } else { 0 }
    }

    pub fn is_full(&self, limit: f64, now: Instant, windows: Windows) -> bool {
        self.tokens(limit, now, windows) >= limit * windows.memory().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows { count: 11, length: Duration::from_secs(1) };

    #[test]
    fn a_burst_is_spread_over_the_windows() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rate = Rate::default();
        rate.record(10_000.0, at(0), WINDOWS);
        assert_eq!(rate.throttle_ms(1_000.0, at(0), WINDOWS), 0, "just what ten seconds allow");
        rate.record(1_000.0, at(0), WINDOWS);
        assert_eq!(rate.throttle_ms(1_000.0, at(0), WINDOWS), 1_000);
        assert_eq!(rate.throttle_ms(1_000.0, at(500), WINDOWS), 500);
        assert_eq!(rate.throttle_ms(1_000.0, at(1_000), WINDOWS), 1_000, "a window more has begun, none is missing");
        assert_eq!(rate.throttle_ms(1_000.0, at(10_999), WINDOWS), 1);
        assert_eq!(rate.throttle_ms(1_000.0, at(11_000), WINDOWS), 0);
        assert!(rate.is_over(at(11_000), WINDOWS));
    }

    #[test]
    fn what_is_not_recorded_after_all_leaves_nothing() {
        let start = Instant::now();
        let mut rate = Rate::default();
        rate.record(500.0, start, WINDOWS);
        rate.record(1e9, start, WINDOWS);
        assert!(rate.throttle_ms(1_000.0, start, WINDOWS) > 0);
        rate.record(-1e9, start, WINDOWS);
        assert_eq!(rate.throttle_ms(1_000.0, start, WINDOWS), 0);
        assert_eq!(rate.throttle_ms(0.000_001, start, WINDOWS), i32::MAX, "a time that no number can hold");
    }

    #[test]
    fn a_bucket_can_be_overdrawn_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut bucket = Bucket::default();
        assert!(bucket.is_full(1.0, at(0), WINDOWS));
        bucket.take(15.0, 1.0, at(0), WINDOWS);
        assert_eq!(bucket.throttle_ms(1.0, at(0), WINDOWS), 4_000);
        assert_eq!(bucket.throttle_ms(1.0, at(3_000), WINDOWS), 1_000);
        assert_eq!(bucket.throttle_ms(1.0, at(4_000), WINDOWS), 0);
        assert!(!bucket.is_full(1.0, at(14_000), WINDOWS));
        assert!(bucket.is_full(1.0, at(15_000), WINDOWS));
    }
}

//! Subscriptions to the metrics of clients (KIP-714): which clients are asked for which of their metrics, and how often.
//!
//! A subscription is there as long as something is set for it.

use std::collections::BTreeMap;

use regex_lite::{Regex, RegexBuilder};

use super::property::{Property, property};
use crate::config::topic::Overrides;
use crate::config::{Entry, Kind, Rule, Source, Value};
use crate::wire::ErrorCode;

static PROPERTIES: &[Property] = &[METRICS, INTERVAL, MATCH];

const METRICS: Property =
    property("metrics", Kind::List, Rule::Any, "", "The first letters of the names of the metrics to push; * for all.");
const INTERVAL: Property =
    property("interval.ms", Kind::Int, Rule::Any, "300000", "Milliseconds between two pushes of a client.");
const MATCH: Property =
    property("match", Kind::List, Rule::Any, "", "Which clients push: a list of selector=regular expression.");

const INTERVAL_MS_MIN: i64 = 100;
const INTERVAL_MS_MAX: i64 = 3_600_000;

/// How many selectors all subscriptions have at most: each is compared with every client that comes.
const SELECTORS_MAX: usize = 1_000;
/// How long the names of metrics are together: every client can be asked for all of them.
const METRICS_LENGTH_MAX: usize = 1 << 20;
/// The size of a regular expression once it has been read.
const EXPRESSION_BYTES_MAX: usize = 16 << 10;

/// What a client can be chosen by.
const SELECTORS: [&str; 6] = [
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// The subscriptions that are set, by their names.
#[derive(Debug, Default)]
pub struct Subscriptions {
    by_name: BTreeMap<String, Overrides>,
    /// What all of them are together.
    extent: Extent,
    /// Counts the changes.
    version: u64,
}

/// How much work subscriptions are for each client that comes.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    /// How many selectors there are; a subscription without any counts as one.
    selectors: usize,
    /// How long the names of metrics are.
    metrics_length: usize,
}

impl Extent {
    fn of(set: &Overrides) -> Self {
        // Every element but the first has a comma in front of it.
        let selectors = set.get(MATCH.name).map_or(1, |text| 1 + text.matches(',').count());
        Self { selectors, metrics_length: set.get(METRICS.name).map_or(0, String::len) }
    }

    /// This one with another subscription instead of one that is there.
    fn replace(self, old: Option<&Overrides>, new: Option<&Overrides>) -> Self {
        let (old, new) = (old.map(Self::of).unwrap_or_default(), new.map(Self::of).unwrap_or_default());
        Self {
            selectors: self.selectors - old.selectors + new.selectors,
            metrics_length: self.metrics_length - old.metrics_length + new.metrics_length,
        }
    }
}

/// What one subscription asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription<'a> {
    pub name: &'a str,
    pub metrics: Vec<String>,
    pub interval_ms: i64,
    /// Selectors and the regular expressions that they must match.
    pub matches: Vec<(String, String)>,
}

impl Subscriptions {
    /// The names in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// All subscriptions in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = Subscription<'_>> {
        self.by_name.iter().map(|(name, set)| Subscription {
            name,
            metrics: list(&METRICS, set),
            interval_ms: match INTERVAL.value(set) {
                Some(Value::Integer(interval_ms)) => interval_ms,
                other => unreachable!("the interval was checked, but it is {other:?}"),
            },
            matches: list(&MATCH, set).iter().filter_map(|pattern| split(pattern)).collect(),
        })
    }

    /// What is set for each.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&String, &Overrides)> {
        self.by_name.iter()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(super) fn get(&self, name: &str) -> Overrides {
        self.by_name.get(name).cloned().unwrap_or_default()
    }

    /// Another number each time that something has changed.
    pub fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn set(&mut self, name: &str, set: Overrides) {
        self.version += 1;
        let new = Some(&set).filter(|set| !set.is_empty());
        self.extent = self.extent.replace(self.by_name.get(name), new);
        match set.is_empty() {
            true => self.by_name.remove(name),
            false => self.by_name.insert(name.to_owned(), set),
        };
    }
}

pub(super) fn describe(set: &Overrides) -> Vec<Entry> {
    PROPERTIES.iter().map(|property| property.describe(set, Source::ClientMetrics, false)).collect()
}

/// A regular expression that a client is compared with.
pub fn expression(text: &str) -> Option<Regex> {
    RegexBuilder::new(text).size_limit(EXPRESSION_BYTES_MAX).build().ok()
}

/// Whether a subscription may be like this; codes and messages are Kafka's, but for those about how many there may be.
pub(super) fn check(subscriptions: &Subscriptions, name: &str, set: &Overrides) -> Result<(), super::Refusal> {
    let all = subscriptions.extent.replace(subscriptions.by_name.get(name), Some(set));
    let refuse = |message| Err((ErrorCode::POLICY_VIOLATION, message));
    if all.selectors > SELECTORS_MAX {
        return refuse(format!("All subscriptions may have no more than {SELECTORS_MAX} matching patterns."));
    }
    if all.metrics_length > METRICS_LENGTH_MAX {
        return refuse(format!("The metrics of all subscriptions may be no longer than {METRICS_LENGTH_MAX} letters."));
    }
    let invalid_config = |message| (ErrorCode::INVALID_CONFIG, message);
    for name in set.keys() {
        if !PROPERTIES.iter().any(|property| property.name == name) {
            return Err((ErrorCode::INVALID_REQUEST, format!("Unknown client metrics configuration: {name}")));
        }
    }
    for property in PROPERTIES {
        let Some(text) = set.get(property.name) else { continue };
        match property.parse(text).map_err(invalid_config)? {
            Value::Integer(number) if !(INTERVAL_MS_MIN..=INTERVAL_MS_MAX).contains(&number) => {
                let message = format!(
                    "Invalid value {number} for interval.ms, interval must be between {INTERVAL_MS_MIN} and \
                     {INTERVAL_MS_MAX} (1 hour)"
                );
                return Err((ErrorCode::INVALID_REQUEST, message));
            }
            Value::List(elements) if elements.iter().any(String::is_empty) => {
                return Err(invalid_config(format!("Configuration '{}' values must not be empty.", property.name)));
            }
            _ => {}
        }
    }
    match list(&MATCH, set).iter().find(|pattern| split(pattern).is_none()) {
        Some(pattern) => Err(invalid_config(format!("Illegal client matching pattern: {pattern}"))),
        None => Ok(()),
    }
}

fn list(property: &Property, set: &Overrides) -> Vec<String> {
    match property.value(set) {
        Some(Value::List(elements)) => elements,
        _ => Vec::new(),
    }
}

/// The two halves of a pattern, `None` if it is none.
fn split(pattern: &str) -> Option<(String, String)> {
    let (selector, expression) = pattern.split_once('=')?;
    let (selector, expression) = (selector.trim(), expression.trim());
    let valid = SELECTORS.contains(&selector) && !expression.contains('=') && self::expression(expression).is_some();
    valid.then(|| (selector.to_owned(), expression.to_owned()))
}

//! Subscriptions to the metrics of clients (KIP-714): which clients are asked for which of their metrics, and how often.
//!
//! A subscription is there as long as something is set for it.

use std::collections::BTreeMap;

use regex_lite::Regex;

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
    /// Counts the changes.
    version: u64,
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

    pub(super) fn get(&self, name: &str) -> Overrides {
        self.by_name.get(name).cloned().unwrap_or_default()
    }

    /// Another number each time that something has changed.
    pub fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn set(&mut self, name: &str, set: Overrides) {
        self.version += 1;
        match set.is_empty() {
            true => self.by_name.remove(name),
            false => self.by_name.insert(name.to_owned(), set),
        };
    }
}

pub(super) fn describe(set: &Overrides) -> Vec<Entry> {
    PROPERTIES.iter().map(|property| property.describe(set, Source::ClientMetrics, false)).collect()
}

/// Whether a subscription may be like this; codes and messages are Kafka's.
pub(super) fn check(set: &Overrides) -> Result<(), super::Refusal> {
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
    let valid = SELECTORS.contains(&selector) && !expression.contains('=') && Regex::new(expression).is_ok();
    valid.then(|| (selector.to_owned(), expression.to_owned()))
}

//! The settings of single groups (KIP-848, KIP-932, KIP-1071).
//!
//! They belong to the group protocols of consumers, share groups and Kafka Streams in which the broker decides how often a
//! member reports. A group of the classic protocol, in which members say so themselves, asks for none of them; they are
//! kept and described, whether or not the group is there.

use super::property::{Property, property};
use crate::config::topic::Overrides;
use crate::config::{Entry, Kind, Rule, Source, Value};
use crate::wire::ErrorCode;

use Kind::{Int, String as Text};
use Rule::{Any, AtLeast, OneOf};

static PROPERTIES: &[Property] = &[
    property(
        "consumer.session.timeout.ms",
        Int,
        AtLeast(1),
        "45000",
        "Milliseconds without a heartbeat after which a consumer leaves.",
    ),
    property(
        "consumer.heartbeat.interval.ms",
        Int,
        AtLeast(1),
        "5000",
        "Milliseconds between the heartbeats of a consumer.",
    ),
    property(
        "share.session.timeout.ms",
        Int,
        AtLeast(1),
        "45000",
        "Milliseconds without a heartbeat after which a member of a share group leaves.",
    ),
    property(
        "share.heartbeat.interval.ms",
        Int,
        AtLeast(1),
        "5000",
        "Milliseconds between the heartbeats of a share group's member.",
    ),
    property(
        "share.record.lock.duration.ms",
        Int,
        AtLeast(1_000),
        "30000",
        "Milliseconds for which a share group's member may work at a record.",
    ),
    property(
        OFFSET_RESET,
        Text,
        Any,
        "latest",
        "Where a share group begins: earliest, latest, or by_duration: and how far back.",
    ),
    property(
        "share.isolation.level",
        Text,
        OneOf(&["read_committed", "read_uncommitted"]),
        "read_uncommitted",
        "Whether a share group sees the records of transactions that are open or aborted.",
    ),
    property(
        "streams.session.timeout.ms",
        Int,
        AtLeast(1),
        "45000",
        "Milliseconds without a heartbeat after which a Kafka Streams client leaves.",
    ),
    property(
        "streams.heartbeat.interval.ms",
        Int,
        AtLeast(1),
        "5000",
        "Milliseconds between the heartbeats of a Kafka Streams client.",
    ),
    property("streams.num.standby.replicas", Int, AtLeast(0), "0", "The number of copies of each task that stand by."),
    property(
        "streams.initial.rebalance.delay.ms",
        Int,
        AtLeast(0),
        "3000",
        "Milliseconds for which an empty group waits for further clients.",
    ),
];

const OFFSET_RESET: &str = "share.auto.offset.reset";

/// What the broker allows; Kafka has a broker property for each bound, of which these are the defaults.
static BOUNDS: &[(&str, Option<i64>, i64)] = &[
    ("consumer.heartbeat.interval.ms", Some(5_000), 15_000),
    ("consumer.session.timeout.ms", Some(45_000), 60_000),
    ("share.heartbeat.interval.ms", Some(5_000), 15_000),
    ("share.session.timeout.ms", Some(45_000), 60_000),
    ("share.record.lock.duration.ms", Some(15_000), 3_600_000),
    ("streams.heartbeat.interval.ms", Some(5_000), 15_000),
    ("streams.session.timeout.ms", Some(45_000), 60_000),
    ("streams.num.standby.replicas", None, 2),
];

pub(super) fn describe(set: &Overrides) -> Vec<Entry> {
    PROPERTIES.iter().map(|property| property.describe(set, Source::Group, true)).collect()
}

/// Whether a group may have these settings; the message is Kafka's.
pub(super) fn check(set: &Overrides) -> Result<(), super::Refusal> {
    try_check(set).map_err(|message| (ErrorCode::INVALID_CONFIG, message))
}

fn try_check(set: &Overrides) -> Result<(), String> {
    if let Some(name) = set.keys().find(|name| find(name).is_none()) {
        return Err(format!("Unknown group config name: {name}"));
    }
    for property in PROPERTIES {
        let Some(text) = set.get(property.name) else { continue };
        property.parse(text)?;
        if property.name == OFFSET_RESET && !is_offset_reset(text.trim()) {
            return Err(format!(
                "Invalid value {0} for configuration {OFFSET_RESET}: Invalid value `{0}` for configuration {OFFSET_RESET}. \
                 The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.",
                text.trim()
            ));
        }
    }
    BOUNDS.iter().try_for_each(|(name, least, most)| check_bounds(set, name, *least, *most))
}

fn check_bounds(set: &Overrides, name: &str, least: Option<i64>, most: i64) -> Result<(), String> {
    let value = find(name).and_then(|property| property.value(set));
    let Some(Value::Integer(value)) = value else { return Ok(()) };
    // consumer.session.timeout.ms is bounded by group.consumer.max.session.timeout.ms.
    let bound = |which: &str| match name.split_once('.') {
        Some((family, rest)) => format!("group.{family}.{which}.{}", rest.trim_start_matches("num.")),
        None => String::new(),
    };
    if least.is_some_and(|least| value < least) {
        return Err(format!("{name} must be greater than or equal to {}", bound("min")));
    }
    if value > most {
        return Err(format!("{name} must be less than or equal to {}", bound("max")));
    }
    Ok(())
}

fn find(name: &str) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.name == name)
}

fn is_offset_reset(text: &str) -> bool {
    matches!(text, "earliest" | "latest") || text.strip_prefix("by_duration:").is_some_and(is_duration)
}

/// Whether a text is a duration of ISO 8601 in days and smaller units, such as `P1DT2H30M` or `PT0.5S`.
fn is_duration(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    let Some(text) = text.strip_prefix('P') else { return false };
    let (days, time) = match text.split_once('T') {
        Some((days, time)) => (days, Some(time)),
        None => (text, None),
    };
    are_amounts(days, "D")
        && time.is_none_or(|time| !time.is_empty() && are_amounts(time, "HMS"))
        && (!days.is_empty() || time.is_some())
}

/// Whether a text is a row of numbers with their units, each unit at most once and in this order.
fn are_amounts(text: &str, units: &str) -> bool {
    let mut units = units.chars();
    let mut rest = text;
    while let Some(end) = rest.find(|letter: char| letter.is_ascii_alphabetic()) {
        let (number, behind) = rest.split_at(end);
        let Some(unit) = behind.chars().next() else { return false };
        let is_number = match number.split_once('.') {
            Some((whole, part)) => unit == 'S' && are_digits(whole) && part.chars().all(|digit| digit.is_ascii_digit()),
            None => are_digits(number),
        };
        if !is_number || !units.any(|known| known == unit) {
            return false;
        }
        rest = behind.get(1..).unwrap_or_default();
    }
    rest.is_empty()
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for text in ["P1D", "PT1H", "P1DT2H30M", "PT0.5S", "pt5m", "PT5.S"] {
            assert!(is_duration(text), "{text}");
        }
        for text in ["", "P", "PT", "1H", "PT1D", "P1DT", "-PT1H", "PT-1H", "PT1M1H", "PT1H1H", "PT1.5H", "PT1", "PTH"]
        {
            assert!(!is_duration(text), "{text}");
        }
    }

    #[test]
    fn defaults_are_allowed() {
        let defaults =
            PROPERTIES.iter().map(|property| (property.name.to_owned(), property.default.to_owned())).collect();
        assert_eq!(check(&defaults), Ok(()));
    }
}

//! The properties that a topic may have: their names, kinds and rules, and where a topic that says nothing takes them
//! from.
//!
//! A topic's own values are its [`Overrides`]. A property without one has the value of the broker setting behind it,
//! its *synonym*: `retention.ms` that of `log.retention.ms`, else of `log.retention.minutes`, else of
//! `log.retention.hours`.

use std::collections::BTreeMap;

use super::Config;
use super::dynamic::MIN_INSYNC_REPLICAS;
use super::settings::{Entry, Source, Synonym};
use super::value::Kind::{Boolean, Double, Int, List, Long, String as Text};
use super::value::Rule::{Any, AtLeast, Between, BetweenOr, ListOf, OneOf, Ratio, Replicas};
use super::value::{self, Kind, Rule, Value};
use crate::wire::compression;
use crate::wire::record_batch::{Codec, TimestampType};

/// What a topic was given: name and text of each property.
pub type Overrides = BTreeMap<String, String>;

/// One property that a topic may have.
pub struct Property {
    pub name: &'static str,
    pub kind: Kind,
    pub rule: Rule,
    fallback: Fallback,
    pub documentation: &'static str,
}

/// Where the value comes from when the topic has none of its own.
enum Fallback {
    /// The first of these broker settings that has a value, times the factor that makes it the property's unit.
    Broker(&'static [(&'static str, i64)]),
    Constant(&'static str),
    /// There is no value, and descriptions leave the property out.
    Hidden,
}

use Fallback::{Broker, Constant, Hidden};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 3_600_000;

const fn property(
    name: &'static str,
    kind: Kind,
    rule: Rule,
    fallback: Fallback,
    documentation: &'static str,
) -> Property {
    Property { name, kind, rule, fallback, documentation }
}

/// Every property that a topic of Kafka 4.2 may have. The order is Kafka's, which reports the first of several bad
/// values.
pub static PROPERTIES: &[Property] = &[
    property(
        "segment.bytes",
        Int,
        AtLeast(1_048_576),
        Broker(&[("log.segment.bytes", 1)]),
        "Bytes after which a partition begins a new segment.",
    ),
    property(
        "segment.ms",
        Long,
        AtLeast(1),
        Broker(&[("log.roll.ms", 1), ("log.roll.hours", HOUR)]),
        "Milliseconds after which a partition begins a new segment.",
    ),
    property(
        "segment.jitter.ms",
        Long,
        AtLeast(0),
        Broker(&[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", HOUR)]),
        "Up to so many milliseconds, by chance, are taken off a segment's age.",
    ),
    property(
        "segment.index.bytes",
        Int,
        AtLeast(4),
        Broker(&[("log.index.size.max.bytes", 1)]),
        "Bytes of a segment's index.",
    ),
    property(
        "flush.messages",
        Long,
        AtLeast(1),
        Broker(&[("log.flush.interval.messages", 1)]),
        "Records after which a partition is written through to the disk.",
    ),
    property(
        "flush.ms",
        Long,
        AtLeast(0),
        Broker(&[("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)]),
        "Milliseconds after which a partition is written through to the disk.",
    ),
    property(
        "retention.bytes",
        Long,
        Any,
        Broker(&[("log.retention.bytes", 1)]),
        "Bytes that each partition keeps; below 0, all.",
    ),
    property(
        "retention.ms",
        Long,
        AtLeast(-1),
        Broker(&[("log.retention.ms", 1), ("log.retention.minutes", MINUTE), ("log.retention.hours", HOUR)]),
        "Milliseconds for which records are kept; -1 keeps them for ever.",
    ),
    property(
        "max.message.bytes",
        Int,
        AtLeast(0),
        Broker(&[("message.max.bytes", 1)]),
        "The largest record batch, in bytes, that the topic takes.",
    ),
    property(
        "index.interval.bytes",
        Int,
        AtLeast(0),
        Broker(&[("log.index.interval.bytes", 1)]),
        "Bytes of records between two entries of an index.",
    ),
    property(
        "delete.retention.ms",
        Long,
        AtLeast(0),
        Broker(&[("log.cleaner.delete.retention.ms", 1)]),
        "Milliseconds for which a compacted topic still shows that a key was deleted.",
    ),
    property(
        "min.compaction.lag.ms",
        Long,
        AtLeast(0),
        Broker(&[("log.cleaner.min.compaction.lag.ms", 1)]),
        "Milliseconds before which a record is not compacted away.",
    ),
    property(
        "max.compaction.lag.ms",
        Long,
        AtLeast(1),
        Broker(&[("log.cleaner.max.compaction.lag.ms", 1)]),
        "Milliseconds after which a record can be compacted away.",
    ),
    property(
        "file.delete.delay.ms",
        Long,
        AtLeast(0),
        Broker(&[("log.segment.delete.delay.ms", 1)]),
        "Milliseconds after which the file of a deleted segment goes.",
    ),
    property(
        "min.cleanable.dirty.ratio",
        Double,
        Ratio,
        Broker(&[("log.cleaner.min.cleanable.ratio", 1)]),
        "The share of a partition that must be uncompacted before compaction begins.",
    ),
    property(
        "cleanup.policy",
        List,
        ListOf(&["compact", "delete"]),
        Broker(&[("log.cleanup.policy", 1)]),
        "What happens to old records: they are deleted, or compacted to the last one of each key, or both.",
    ),
    property(
        "unclean.leader.election.enable",
        Boolean,
        Any,
        Broker(&[("unclean.leader.election.enable", 1)]),
        "Whether a replica that fell behind may become the leader.",
    ),
    property(
        MIN_INSYNC_REPLICAS,
        Int,
        AtLeast(1),
        Broker(&[("min.insync.replicas", 1)]),
        "The replicas that must have a record before a producer that waits for all of them is answered.",
    ),
    property(
        COMPRESSION_TYPE,
        Text,
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        Broker(&[("compression.type", 1)]),
        "The compression in which records are kept; producer leaves them as they came. A kafka-rs that was built without its \
         feature compression takes producer alone.",
    ),
    property(
        "compression.gzip.level",
        Int,
        BetweenOr(1, 9, -1),
        Broker(&[("compression.gzip.level", 1)]),
        "The effort of gzip, where it is used; -1 leaves it to gzip. Here each codec has its usual effort.",
    ),
    property(
        "compression.lz4.level",
        Int,
        Between(1, 17),
        Broker(&[("compression.lz4.level", 1)]),
        "The effort of lz4, where it is used. Here each codec has its usual effort.",
    ),
    property(
        "compression.zstd.level",
        Int,
        Between(-131_072, 22),
        Broker(&[("compression.zstd.level", 1)]),
        "The effort of zstd, where it is used. Here each codec has its usual effort.",
    ),
    property(
        "preallocate",
        Boolean,
        Any,
        Broker(&[("log.preallocate", 1)]),
        "Whether a segment's file gets its full size at once.",
    ),
    property(
        "message.timestamp.type",
        Text,
        OneOf(&["CreateTime", "LogAppendTime"]),
        Broker(&[("log.message.timestamp.type", 1)]),
        "Whose clock gives records their timestamps: the producer's or the broker's.",
    ),
    property(
        "message.timestamp.before.max.ms",
        Long,
        AtLeast(0),
        Broker(&[("log.message.timestamp.before.max.ms", 1)]),
        "Milliseconds by which a producer's timestamp may lie in the past.",
    ),
    property(
        "message.timestamp.after.max.ms",
        Long,
        AtLeast(0),
        Broker(&[("log.message.timestamp.after.max.ms", 1)]),
        "Milliseconds by which a producer's timestamp may lie in the future.",
    ),
    property(
        "leader.replication.throttled.replicas",
        List,
        Replicas,
        Constant(""),
        "The replicas to which a leader sends slowly, as partition:broker, or * for all.",
    ),
    property(
        "follower.replication.throttled.replicas",
        List,
        Replicas,
        Constant(""),
        "The replicas that fetch from their leader slowly, as partition:broker, or * for all.",
    ),
    property(
        "remote.storage.enable",
        Boolean,
        Any,
        Constant("false"),
        "Whether old records move to tiered storage, which this broker does not have.",
    ),
    property(
        "local.retention.ms",
        Long,
        AtLeast(-2),
        Broker(&[("log.local.retention.ms", 1)]),
        "Milliseconds for which records stay on the broker's own disk under tiered storage; -2 means retention.ms.",
    ),
    property(
        "local.retention.bytes",
        Long,
        AtLeast(-2),
        Broker(&[("log.local.retention.bytes", 1)]),
        "Bytes that a partition keeps on the broker's own disk under tiered storage; -2 means retention.bytes.",
    ),
    property(
        "remote.log.copy.disable",
        Boolean,
        Any,
        Constant("false"),
        "Whether tiered storage takes no further records of the topic.",
    ),
    property(
        "remote.log.delete.on.disable",
        Boolean,
        Any,
        Constant("false"),
        "Whether the topic's records in tiered storage go when it is switched off for the topic.",
    ),
    property(
        "internal.segment.bytes",
        Int,
        Any,
        Hidden,
        "Bytes after which a partition begins a new segment, without the lower limit of segment.bytes.",
    ),
];

const COMPRESSION_TYPE: &str = "compression.type";

/// Checks one property of a topic; the error is Kafka's message for it.
pub fn validate(name: &str, text: &str) -> Result<(), String> {
    let Some(property) = find(name) else { return Err(format!("Unknown topic config name: {name}")) };
    value::parse(property.kind, property.rule, text).map(drop).map_err(|problem| problem.message(name))
}

/// Makes a topic's overrides of what a client asks for, or says with Kafka's message why it cannot have that.
///
/// Of two values for one property the later one counts.
pub fn overrides<'a>(
    config: &Config,
    asked: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Result<Overrides, String> {
    let asked: BTreeMap<&str, Option<&str>> = asked.into_iter().collect();
    let nulls: Vec<&str> = asked.iter().filter(|(_, text)| text.is_none()).map(|(name, _)| *name).collect();
    if !nulls.is_empty() {
        return Err(format!("Null value not supported for topic configs: {}", nulls.join(",")));
    }
    if let Some(name) = asked.keys().find(|name| find(name).is_none()) {
        return Err(format!("Unknown topic config name: {name}"));
    }
    for property in PROPERTIES {
        if let Some(Some(text)) = asked.get(property.name) {
            validate(property.name, text)?;
        }
    }
    let overrides: Overrides =
        asked.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.to_owned()))).collect();
    check_together(config, &overrides)?;
    Ok(overrides)
}

/// The elements of a property that is a list, as they are for a topic that says nothing. `None` for what is no list.
pub fn list_elements(config: &Config, name: &str) -> Option<Vec<String>> {
    match find(name).filter(|property| property.kind == List)?.fallback(config) {
        Some(Value::List(elements)) => Some(elements),
        _ => Some(Vec::new()),
    }
}

/// What single values cannot show.
fn check_together(config: &Config, overrides: &Overrides) -> Result<(), String> {
    let values = Values { config, overrides };
    let (least, most) = (values.integer("min.compaction.lag.ms"), values.integer("max.compaction.lag.ms"));
    if least > most {
        return Err(format!(
            "conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})"
        ));
    }
    let keeps_codec = overrides.get(COMPRESSION_TYPE).is_none_or(|codec| codec.trim() == "producer");
    if !compression::IS_AVAILABLE && !keeps_codec {
        return Err(
            "compression.type can only be producer: kafka-rs was built without its feature compression".to_owned()
        );
    }
    if values.value("remote.storage.enable") == Some(Value::Boolean(true)) {
        return Err("Tiered Storage functionality is disabled in the broker. \
                    Topic cannot be configured with remote log storage."
            .to_owned());
    }
    Ok(())
}

/// What DescribeConfigs says of a topic, in the table's order.
pub fn describe<'a>(config: &'a Config, overrides: &'a Overrides) -> impl Iterator<Item = Entry> + 'a {
    let defaults = Config::default();
    let shown = PROPERTIES
        .iter()
        .filter(|property| !matches!(property.fallback, Hidden) || overrides.contains_key(property.name));
    shown.map(move |property| property.describe(config, &defaults, overrides))
}

/// What CreateTopics says of a topic, in the table's order. Unlike [`describe`], Kafka names the source of a value here also
/// where a coarser unit stands in, and shows what was set as it was set and not in its normal form.
pub fn describe_new<'a>(config: &'a Config, overrides: &'a Overrides) -> impl Iterator<Item = Entry> + 'a {
    let defaults = Config::default();
    describe(config, overrides).map(move |entry| match overrides.get(entry.name) {
        Some(text) => Entry { value: Some(text.clone()), ..entry },
        None => {
            let names = find(entry.name).map(Property::settings).unwrap_or_default();
            let source = config.all_synonyms(&names, &defaults).first().map_or(entry.source, |synonym| synonym.source);
            Entry { source, ..entry }
        }
    })
}

/// The value that a property has for a topic, and where it comes from. `None` when there is no such property.
pub fn effective(config: &Config, overrides: &Overrides, name: &str) -> Option<(Option<Value>, Source)> {
    let property = find(name)?;
    let own = overrides.get(name).and_then(|text| property.parse(text));
    match own {
        Some(value) => Some((Some(value), Source::Topic)),
        None => {
            let synonyms = property.synonyms(config, &Config::default());
            let source = synonyms.first().map_or(Source::Default, |synonym| synonym.source);
            Some((property.fallback(config), source))
        }
    }
}

fn find(name: &str) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.name == name)
}

impl Property {
    fn parse(&self, text: &str) -> Option<Value> {
        value::parse(self.kind, self.rule, text).ok()
    }

    fn fallback(&self, config: &Config) -> Option<Value> {
        match self.fallback {
            Broker(settings) => settings.iter().find_map(|(name, factor)| Some(scaled(config.get(name)?, *factor))),
            Constant(text) => self.parse(text),
            Hidden => None,
        }
    }

    /// The names of the settings behind the property, the first of which is its synonym.
    fn settings(&self) -> Vec<&'static str> {
        match self.fallback {
            Broker(settings) => settings.iter().map(|(name, _)| *name).collect(),
            Constant(_) | Hidden => Vec::new(),
        }
    }

    /// The broker's values behind the property, in their own units.
    fn synonyms(&self, config: &Config, defaults: &Config) -> Vec<Synonym> {
        config.synonyms(&self.settings(), defaults)
    }

    fn describe(&self, config: &Config, defaults: &Config, overrides: &Overrides) -> Entry {
        let own = overrides.get(self.name).and_then(|text| self.parse(text)).map(|value| value.show());
        let own_synonym = own.clone().map(|value| Synonym { name: self.name, value, source: Source::Topic });
        let synonyms: Vec<_> = own_synonym.into_iter().chain(self.synonyms(config, defaults)).collect();
        let source = synonyms.first().map_or(Source::Default, |synonym| synonym.source);
        let shown = |config| self.fallback(config).map(|value| value.show());
        Entry {
            name: self.name,
            kind: self.kind,
            value: own.or_else(|| shown(config)),
            default: shown(defaults),
            source,
            read_only: false,
            synonyms,
            documentation: self.documentation,
        }
    }
}

/// Below zero there is no limit, in whatever unit.
fn scaled(value: Value, factor: i64) -> Value {
    match value {
        Value::Integer(number) if factor != 1 && number < 0 => Value::Integer(-1),
        Value::Integer(number) => Value::Integer(number.saturating_mul(factor)),
        other => other,
    }
}

/// The properties of a topic that act, read once when the topic is made.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicSettings {
    /// Keeps the last record of each key, so a record needs a key.
    pub compact: bool,
    /// Deletes what is older than `retention_ms` or beyond `retention_bytes`.
    pub delete: bool,
    /// The codec in which batches are kept; `None` for that in which each comes.
    pub codec: Option<Codec>,
    pub max_message_bytes: i32,
    pub message_timestamp_type: TimestampType,
    pub message_timestamp_before_max_ms: i64,
    pub message_timestamp_after_max_ms: i64,
    pub min_insync_replicas: i32,
    /// -1 for ever.
    pub retention_ms: i64,
    /// Below 0 without a limit.
    pub retention_bytes: i64,
    pub segment_bytes: i32,
    pub segment_ms: i64,
    pub min_compaction_lag_ms: i64,
    pub max_compaction_lag_ms: i64,
    pub delete_retention_ms: i64,
    /// The share of bytes not yet compacted from which on compaction begins.
    pub min_cleanable_dirty_ratio: f64,
}

impl TopicSettings {
    pub fn new(config: &Config, overrides: &Overrides) -> TopicSettings {
        let values = Values { config, overrides };
        let appended = values.value("message.timestamp.type") == Some(Value::Text("LogAppendTime".to_owned()));
        TopicSettings {
            compact: values.list_has("cleanup.policy", "compact"),
            delete: values.list_has("cleanup.policy", "delete"),
            codec: values.codec(),
            max_message_bytes: values.int("max.message.bytes"),
            message_timestamp_type: if appended { TimestampType::LogAppendTime } else { TimestampType::CreateTime },
            message_timestamp_before_max_ms: values.integer("message.timestamp.before.max.ms"),
            message_timestamp_after_max_ms: values.integer("message.timestamp.after.max.ms"),
            min_insync_replicas: values.int(MIN_INSYNC_REPLICAS),
            retention_ms: values.integer("retention.ms"),
            retention_bytes: values.integer("retention.bytes"),
            segment_bytes: values.segment_bytes(),
            segment_ms: values.integer("segment.ms"),
            min_compaction_lag_ms: values.integer("min.compaction.lag.ms"),
            max_compaction_lag_ms: values.integer("max.compaction.lag.ms"),
            delete_retention_ms: values.integer("delete.retention.ms"),
            min_cleanable_dirty_ratio: values.double("min.cleanable.dirty.ratio"),
        }
    }
}

/// Reads a topic's values by their names.
struct Values<'a> {
    config: &'a Config,
    overrides: &'a Overrides,
}

impl Values<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        effective(self.config, self.overrides, name)?.0
    }

    /// Only for properties of the kinds INT and LONG that have a fallback.
    fn integer(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(Value::Integer(number)) => number,
            other => unreachable!("{name} is a number with a fallback, but it is {other:?}"),
        }
    }

    /// Only for properties of the kind INT that have a fallback.
    fn int(&self, name: &str) -> i32 {
        i32::try_from(self.integer(name)).expect("the kind INT holds nothing larger")
    }

    /// Without the feature `compression` there is no way from one codec to another.
    fn codec(&self) -> Option<Codec> {
        match self.value(COMPRESSION_TYPE) {
            Some(Value::Text(name)) if compression::IS_AVAILABLE => match name.as_str() {
                "uncompressed" => Some(Codec::None),
                "gzip" => Some(Codec::Gzip),
                "snappy" => Some(Codec::Snappy),
                "lz4" => Some(Codec::Lz4),
                "zstd" => Some(Codec::Zstd),
                _ => None,
            },
            _ => None,
        }
    }

    /// Only for properties of the kind DOUBLE that have a fallback.
    fn double(&self, name: &str) -> f64 {
        match self.value(name) {
            Some(Value::Double(number)) => number,
            other => unreachable!("{name} is a number with a fallback, but it is {other:?}"),
        }
    }

    /// The one without a lower limit comes first.
    fn segment_bytes(&self) -> i32 {
        match self.value("internal.segment.bytes") {
            Some(Value::Integer(bytes)) => i32::try_from(bytes).expect("the kind INT holds nothing larger"),
            _ => self.int("segment.bytes"),
        }
    }

    fn list_has(&self, name: &str, wanted: &str) -> bool {
        matches!(self.value(name), Some(Value::List(elements)) if elements.iter().any(|element| element == wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(config: &Config, overrides: &Overrides, name: &str) -> Entry {
        describe(config, overrides).find(|entry| entry.name == name).unwrap()
    }

    fn asked(config: &Config, asked: &[(&'static str, &'static str)]) -> Result<Overrides, String> {
        overrides(config, asked.iter().map(|(name, text)| (*name, Some(*text))))
    }

    /// Name, kind and default of what Apache Kafka 4.2.0 describes for a topic.
    const KAFKA: &str = "
        cleanup.policy LIST delete
        compression.gzip.level INT -1
        compression.lz4.level INT 9
        compression.type STRING producer
        compression.zstd.level INT 3
        delete.retention.ms LONG 86400000
        file.delete.delay.ms LONG 60000
        flush.messages LONG 9223372036854775807
        flush.ms LONG 9223372036854775807
        follower.replication.throttled.replicas LIST
        index.interval.bytes INT 4096
        leader.replication.throttled.replicas LIST
        local.retention.bytes LONG -2
        local.retention.ms LONG -2
        max.compaction.lag.ms LONG 9223372036854775807
        max.message.bytes INT 1048588
        message.timestamp.after.max.ms LONG 3600000
        message.timestamp.before.max.ms LONG 9223372036854775807
        message.timestamp.type STRING CreateTime
        min.cleanable.dirty.ratio DOUBLE 0.5
        min.compaction.lag.ms LONG 0
        min.insync.replicas INT 1
        preallocate BOOLEAN false
        remote.log.copy.disable BOOLEAN false
        remote.log.delete.on.disable BOOLEAN false
        remote.storage.enable BOOLEAN false
        retention.bytes LONG -1
        retention.ms LONG 604800000
        segment.bytes INT 1073741824
        segment.index.bytes INT 10485760
        segment.jitter.ms LONG 0
        segment.ms LONG 604800000
        unclean.leader.election.enable BOOLEAN false";

    #[test]
    fn every_property_of_kafka_with_its_default() {
        let (config, none) = (Config::default(), Overrides::new());
        let mut said: Vec<String> = describe(&config, &none)
            .map(|entry| format!("{} {} {}", entry.name, entry.kind.name(), entry.value.unwrap()).trim_end().to_owned())
            .collect();
        said.sort();
        assert_eq!(said, KAFKA.trim().lines().map(str::trim).collect::<Vec<_>>());
    }

    #[test]
    fn every_rule_is_that_of_the_setting_behind_it() {
        for property in PROPERTIES {
            let Broker(settings) = property.fallback else { continue };
            for (name, factor) in settings {
                let setting = super::super::settings::find(name).unwrap_or_else(|| panic!("{name}"));
                let exempt = property.name == "retention.ms" || *factor != 1;
                assert!(exempt || (setting.kind, setting.rule) == (property.kind, property.rule), "{name}");
            }
            assert!(property.documentation.ends_with('.'), "{}", property.name);
        }
    }

    #[test]
    fn messages_are_kafkas() {
        let config = Config::default();
        let check = |pairs: &[(&'static str, &'static str)], expect: &str| {
            assert_eq!(asked(&config, pairs).unwrap_err(), expect, "{pairs:?}");
        };
        check(
            &[("retention.ms", "abc")],
            "Invalid value abc for configuration retention.ms: Not a number of type LONG",
        );
        check(&[("retention.ms", "-2")], "Invalid value -2 for configuration retention.ms: Value must be at least -1");
        check(&[("x", "1"), ("retention.ms", "abc")], "Unknown topic config name: x");
        check(
            &[("retention.ms", "abc"), ("segment.ms", "0")],
            "Invalid value 0 for configuration segment.ms: Value must be at least 1",
        );
        check(
            &[("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")],
            "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)",
        );
        check(
            &[("remote.storage.enable", "true")],
            "Tiered Storage functionality is disabled in the broker. \
             Topic cannot be configured with remote log storage.",
        );
        let nulls = overrides(&config, [("retention.ms", None), ("x", None), ("y", Some("1"))]);
        assert_eq!(nulls.unwrap_err(), "Null value not supported for topic configs: retention.ms,x");
    }

    #[test]
    fn a_topics_own_value_comes_first() {
        let mut config = Config::default();
        config.set("message.max.bytes", "2000000").unwrap();
        let own = asked(&config, &[("max.message.bytes", " 01234 ")]).unwrap();
        let entry = entry(&config, &own, "max.message.bytes");
        assert_eq!((entry.value.as_deref(), entry.source), (Some("1234"), Source::Topic));
        let said: Vec<_> = entry.synonyms.iter().map(|s| (s.name, s.value.as_str(), s.source)).collect();
        let expect = [
            ("max.message.bytes", "1234", Source::Topic),
            ("message.max.bytes", "2000000", Source::Broker),
            ("message.max.bytes", "1048588", Source::Default),
        ];
        assert_eq!(said, expect);
        assert_eq!(TopicSettings::new(&config, &own).max_message_bytes, 1_234);
        assert_eq!(TopicSettings::new(&config, &Overrides::new()).max_message_bytes, 2_000_000);
    }

    #[test]
    fn the_finer_unit_comes_first() {
        let mut config = Config::default();
        let none = Overrides::new();
        let check = |config: &Config, value: &str, source| {
            let entry = entry(config, &none, "retention.ms");
            assert_eq!((entry.value.as_deref(), entry.source), (Some(value), source));
            assert_eq!(TopicSettings::new(config, &none).retention_ms.to_string(), value);
        };
        check(&config, "604800000", Source::Default);
        // Kafka calls a value that a coarser unit stands in for a default, wherever it is from.
        config.set("log.retention.hours", "24").unwrap();
        check(&config, "86400000", Source::Default);
        config.set("log.retention.minutes", "70").unwrap();
        check(&config, "4200000", Source::Default);
        config.set("log.retention.minutes", "-1").unwrap();
        check(&config, "-1", Source::Default);
        config.set("log.retention.ms", "5").unwrap();
        check(&config, "5", Source::Broker);
    }

    #[test]
    fn the_controller_keeps_min_insync_replicas() {
        let mut config = Config::default();
        config.keep_for_all_brokers();
        let entry = entry(&config, &Overrides::new(), "min.insync.replicas");
        let sources: Vec<_> = entry.synonyms.iter().map(|synonym| synonym.source).collect();
        assert_eq!((entry.source, sources), (Source::AllBrokers, vec![Source::AllBrokers, Source::Default]));
    }

    #[test]
    fn settings_of_a_topic() {
        let config = Config::default();
        let own = [("cleanup.policy", "compact , compact"), ("message.timestamp.type", "LogAppendTime")];
        let settings = TopicSettings::new(&config, &asked(&config, &own).unwrap());
        assert!(settings.compact && !settings.delete);
        assert_eq!(settings.message_timestamp_type, TimestampType::LogAppendTime);
        let hidden = asked(&config, &[("internal.segment.bytes", "1000")]).unwrap();
        assert_eq!(entry(&config, &hidden, "internal.segment.bytes").value.as_deref(), Some("1000"));
    }
}

//! The table of the settings that act: one entry is a setting.
//!
//! The table below makes [`Config`] with a field per setting, its default, and what is needed to set a field by its
//! property's name and to list all of them. To add a setting, add its entry: documentation, field, type, default, the
//! name that Kafka has for it, and the rule that its value must keep.

use std::collections::BTreeSet;

use super::dynamic::Dynamic;
use super::listener::Listener;
use super::value::Rule::{Any, AtLeast, Between, BetweenOr, ListOf, Listeners, OneOf, OrUnlimited, Ratio};
use super::value::{self, Field, Kind, Rule, Value};
use super::{ConfigError, Origin};

/// One row of the table.
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) rule: Rule,
    documentation: &'static str,
    get: fn(&Config) -> Option<Value>,
    /// False when the value is not of the field's type.
    set: fn(&mut Config, Value) -> bool,
}

macro_rules! settings {
    ($(
        $(#[doc = $documentation:literal])+
        $field:ident: $type:ty = $default:expr, $name:literal, $rule:expr;
    )*) => {
        /// Everything that can be set, under the names that Kafka's broker properties have, with `_` for `.`.
        ///
        /// The defaults are Apache Kafka's, but for three that suit a broker on one machine: it listens on the loopback
        /// addresses only, a group does not wait for more members before its first rebalance, and the node's id is 1.
        ///
        /// ```
        /// let config = kafka_rs::config::Config { num_partitions: 3, ..Default::default() };
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        pub struct Config {
            $(
                $(#[doc = $documentation])+
                #[doc = concat!("\n\nThe property `", $name, "`.")]
                pub $field: $type,
            )*
            /// The names of the properties that somebody set, be it to the default value. Only descriptions need it.
            pub given: BTreeSet<&'static str>,
            /// What clients changed since the start.
            pub dynamic: Dynamic,
        }

        impl Default for Config {
            fn default() -> Config {
                Config { $($field: $default,)* given: BTreeSet::new(), dynamic: Dynamic::default() }
            }
        }

        pub(super) static SETTINGS: &[Setting] = &[$(
            Setting {
                name: $name,
                kind: <$type as Field>::KIND,
                rule: $rule,
                documentation: concat!($($documentation),+).trim_ascii(),
                get: |config| config.$field.to_value(),
                set: |config, value| match <$type as Field>::from_value(value) {
                    Some(value) => {
                        config.$field = value;
                        true
                    }
                    None => false,
                },
            },
        )*];
    };
}

settings! {
    // The network.

    /// Where the broker waits for connections.
    listeners: Vec<Listener> = vec![localhost()], "listeners", Listeners;
    /// The addresses that clients are told, by the listener's name; a listener without one tells each client the
    /// address at which it came.
    advertised_listeners: Vec<Listener> = Vec::new(), "advertised.listeners", Listeners;
    /// The number of connections that may be open at once.
    max_connections: i32 = i32::MAX, "max.connections", AtLeast(0);
    /// The number of connections that one address may have open at once.
    max_connections_per_ip: i32 = i32::MAX, "max.connections.per.ip", AtLeast(1);
    /// A connection on which nothing happened for this many milliseconds is closed; below 0, none is.
    connections_max_idle_ms: i64 = 600_000, "connections.max.idle.ms", OrUnlimited;
    /// A connection that announces a longer request than this is closed.
    socket_request_max_bytes: i32 = 104_857_600, "socket.request.max.bytes", AtLeast(1);
    /// A connection on which a request takes longer than this many milliseconds to arrive whole is closed.
    socket_request_max_ms: i64 = 60_000, "socket.request.max.ms", AtLeast(1);
    /// The bytes of answers that may wait until a client reads them before its next request is served.
    socket_response_queued_max_bytes: i32 = 1_048_576, "socket.response.queued.max.bytes", AtLeast(1);
    /// The connections that are accepted from one socket in a turn of the poll loop before other work gets its turn.
    turn_max_accepts: i32 = 64, "turn.max.accepts", AtLeast(1);
    /// The requests of one connection that are served in a turn before others get theirs.
    turn_max_requests: i32 = 64, "turn.max.requests", AtLeast(1);
    /// The bytes that are read from one connection, and that are written to it, in a turn before others get theirs.
    turn_max_bytes: i32 = 1_048_576, "turn.max.bytes", AtLeast(1);
    /// The milliseconds that a stop waits at most for answers that are being written.
    shutdown_max_ms: i64 = 1_000, "shutdown.max.ms", AtLeast(0);

    // Memory.

    /// The bytes of records, requests and answers that the broker holds at most. An eighth of them is kept free of
    /// records. -1 stands for three quarters of the memory that the machine or the container has.
    memory_max_bytes: i64 = -1, "memory.max.bytes", AtLeast(-1);
    /// The number of topics that there may be.
    max_topics: i32 = 100_000, "max.topics", AtLeast(0);
    /// The number of partitions that all topics together may have.
    max_partitions: i32 = 200_000, "max.partitions", AtLeast(0);
    /// The number of groups that there may be.
    max_groups: i32 = 100_000, "max.groups", AtLeast(0);
    /// The number of transactional ids that are remembered.
    max_transactional_ids: i32 = 100_000, "max.transactional.ids", AtLeast(0);
    /// The number of idempotent producers that a partition remembers; of more, those are forgotten that have been silent for
    /// longest and have no transaction open.
    max_producer_ids_per_partition: i32 = 10_000, "max.producer.ids.per.partition", AtLeast(1);

    // The broker.

    /// The number that clients know the broker by; `broker.id` is its older name.
    node_id: i32 = 1, "node.id", AtLeast(0);
    /// The rack that clients are told the broker stands in.
    broker_rack: Option<String> = None, "broker.rack", Any;

    // Topics.

    /// The number of partitions of a topic that is created without saying how many.
    num_partitions: i32 = 1, "num.partitions", AtLeast(1);
    /// The number of replicas of a topic that is created without saying how many. One broker can hold only one.
    default_replication_factor: i32 = 1, "default.replication.factor", AtLeast(1);
    /// Whether a topic that a client asks for is created when it does not exist.
    auto_create_topics_enable: bool = true, "auto.create.topics.enable", Any;
    /// Whether clients may delete topics.
    delete_topic_enable: bool = true, "delete.topic.enable", Any;
    /// The number of partitions that one answer describes at most.
    max_request_partition_size_limit: i32 = 2_000, "max.request.partition.size.limit", AtLeast(1);

    // Producing and fetching.

    /// The answer to one Fetch request holds at most this many bytes, or one record batch.
    fetch_max_bytes: i32 = 57_671_680, "fetch.max.bytes", AtLeast(1_024);
    /// The number of fetch sessions that are remembered.
    max_incremental_fetch_session_cache_slots: i32 = 1_000, "max.incremental.fetch.session.cache.slots", AtLeast(0);
    /// A producer's sequence numbers are forgotten when it wrote nothing for this many milliseconds.
    producer_id_expiration_ms: i32 = 86_400_000, "producer.id.expiration.ms", AtLeast(1);
    /// The milliseconds between two searches for producers to forget.
    producer_id_expiration_check_interval_ms: i32 = 600_000, "producer.id.expiration.check.interval.ms", AtLeast(1);

    // Quotas and telemetry.

    /// The number of windows over which quotas are averaged.
    quota_window_num: i32 = 11, "quota.window.num", AtLeast(1);
    /// The seconds that one of these windows lasts.
    quota_window_size_seconds: i32 = 1, "quota.window.size.seconds", AtLeast(1);
    /// The number of windows for which the quota of created and deleted partitions can be saved up.
    controller_quota_window_num: i32 = 11, "controller.quota.window.num", AtLeast(1);
    /// The seconds that one of these windows lasts.
    controller_quota_window_size_seconds: i32 = 1, "controller.quota.window.size.seconds", AtLeast(1);
    /// The bytes of its own metrics that a client may push at once.
    telemetry_max_bytes: i32 = 1_048_576, "telemetry.max.bytes", AtLeast(1);

    // Transactions.

    /// The longest time, in milliseconds, that a producer may ask for before its transaction is aborted.
    transaction_max_timeout_ms: i32 = 900_000, "transaction.max.timeout.ms", AtLeast(1);
    /// The milliseconds between two searches for transactions that have taken too long.
    transaction_abort_timed_out_transaction_cleanup_interval_ms: i32 = 10_000,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms", AtLeast(1);
    /// A transactional id is forgotten when nothing happened to it for this many milliseconds.
    transactional_id_expiration_ms: i32 = 604_800_000, "transactional.id.expiration.ms", AtLeast(1);
    /// The milliseconds between two searches for transactional ids to forget.
    transaction_remove_expired_transaction_cleanup_interval_ms: i32 = 3_600_000,
        "transaction.remove.expired.transaction.cleanup.interval.ms", AtLeast(1);
    /// Whether a write of a client that adds partitions by itself beforehand is compared with what it has added.
    transaction_partition_verification_enable: bool = true, "transaction.partition.verification.enable", Any;

    // Groups.

    /// How many milliseconds an empty group waits for further members after its first one joined.
    group_initial_rebalance_delay_ms: i32 = 0, "group.initial.rebalance.delay.ms", AtLeast(0);
    /// The shortest session timeout that a member may ask for.
    group_min_session_timeout_ms: i32 = 6_000, "group.min.session.timeout.ms", AtLeast(0);
    /// The longest session timeout that a member may ask for.
    group_max_session_timeout_ms: i32 = 1_800_000, "group.max.session.timeout.ms", AtLeast(0);
    /// The number of members that a group may have.
    group_max_size: i32 = i32::MAX, "group.max.size", AtLeast(1);
    /// The length of the text that a committed offset may carry.
    offset_metadata_max_bytes: i32 = 4_096, "offset.metadata.max.bytes", AtLeast(0);
    /// Committed offsets are forgotten when their group was empty for this many minutes.
    offsets_retention_minutes: i32 = 10_080, "offsets.retention.minutes", AtLeast(1);
    /// The milliseconds between two searches for offsets to forget.
    offsets_retention_check_interval_ms: i64 = 600_000, "offsets.retention.check.interval.ms", AtLeast(1);

    // Old records.

    /// The milliseconds between two searches for segments that topics need not keep.
    log_retention_check_interval_ms: i64 = 300_000, "log.retention.check.interval.ms", AtLeast(1);
    /// The milliseconds from the start to the first of these searches.
    log_initial_task_delay_ms: i64 = 30_000, "log.initial.task.delay.ms", AtLeast(0);
    /// Whether topics with the policy compact are compacted.
    log_cleaner_enable: bool = true, "log.cleaner.enable", Any;
    /// The milliseconds for which compaction rests when there was nothing to compact.
    log_cleaner_backoff_ms: i64 = 15_000, "log.cleaner.backoff.ms", AtLeast(0);

    // What holds for topics that say nothing else.

    /// What happens to old records of topics: they are deleted, or compacted to the last one of each key.
    log_cleanup_policy: Vec<String> = vec!["delete".to_owned()], "log.cleanup.policy", ListOf(&["compact", "delete"]);
    /// Milliseconds for which topics keep their records; comes before the minutes.
    log_retention_ms: Option<i64> = None, "log.retention.ms", OrUnlimited;
    /// Minutes for which topics keep their records; comes before the hours.
    log_retention_minutes: Option<i32> = None, "log.retention.minutes", OrUnlimited;
    /// Hours for which topics keep their records.
    log_retention_hours: i32 = 168, "log.retention.hours", OrUnlimited;
    /// Bytes that each partition keeps; below 0, all.
    log_retention_bytes: i64 = -1, "log.retention.bytes", Any;
    /// Bytes after which a partition begins a new segment.
    log_segment_bytes: i32 = 1_073_741_824, "log.segment.bytes", AtLeast(1_048_576);
    /// Milliseconds after which a partition begins a new segment; comes before the hours.
    log_roll_ms: Option<i64> = None, "log.roll.ms", AtLeast(1);
    /// Hours after which a partition begins a new segment.
    log_roll_hours: i32 = 168, "log.roll.hours", AtLeast(1);
    /// Up to so many milliseconds, by chance, are taken off a segment's age; comes before the hours.
    log_roll_jitter_ms: Option<i64> = None, "log.roll.jitter.ms", AtLeast(0);
    /// Up to so many hours, by chance, are taken off a segment's age.
    log_roll_jitter_hours: i32 = 0, "log.roll.jitter.hours", AtLeast(0);
    /// Bytes of a segment's index.
    log_index_size_max_bytes: i32 = 10_485_760, "log.index.size.max.bytes", AtLeast(4);
    /// Bytes of records between two entries of an index.
    log_index_interval_bytes: i32 = 4_096, "log.index.interval.bytes", AtLeast(0);
    /// Records after which a partition is written through to the disk.
    log_flush_interval_messages: i64 = i64::MAX, "log.flush.interval.messages", AtLeast(1);
    /// Milliseconds after which a partition is written through to the disk; the scheduler's interval if not set.
    log_flush_interval_ms: Option<i64> = None, "log.flush.interval.ms", AtLeast(0);
    /// Milliseconds between two searches for partitions to write through to the disk.
    log_flush_scheduler_interval_ms: i64 = i64::MAX, "log.flush.scheduler.interval.ms", AtLeast(0);
    /// Milliseconds after which the file of a deleted segment goes.
    log_segment_delete_delay_ms: i64 = 60_000, "log.segment.delete.delay.ms", AtLeast(0);
    /// Whether a segment's file gets its full size at once.
    log_preallocate: bool = false, "log.preallocate", Any;
    /// The largest record batch, in bytes, that topics take.
    message_max_bytes: i32 = 1_048_588, "message.max.bytes", AtLeast(0);
    /// Whose clock gives records their timestamps: the producer's or the broker's.
    log_message_timestamp_type: String = "CreateTime".to_owned(), "log.message.timestamp.type",
        OneOf(&["CreateTime", "LogAppendTime"]);
    /// Milliseconds by which a producer's timestamp may lie in the past.
    log_message_timestamp_before_max_ms: i64 = i64::MAX, "log.message.timestamp.before.max.ms", AtLeast(0);
    /// Milliseconds by which a producer's timestamp may lie in the future.
    log_message_timestamp_after_max_ms: i64 = 3_600_000, "log.message.timestamp.after.max.ms", AtLeast(0);
    /// The replicas that must have a record before a producer that waits for all of them is answered.
    min_insync_replicas: i32 = 1, "min.insync.replicas", AtLeast(1);
    /// Whether a replica that fell behind may become the leader.
    unclean_leader_election_enable: bool = false, "unclean.leader.election.enable", Any;
    /// The compression in which topics keep records; `producer` leaves them as they came.
    compression_type: String = "producer".to_owned(), "compression.type",
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]);
    /// The effort of gzip, where topics use it; -1 leaves it to gzip.
    compression_gzip_level: i32 = -1, "compression.gzip.level", BetweenOr(1, 9, -1);
    /// The effort of lz4, where topics use it.
    compression_lz4_level: i32 = 9, "compression.lz4.level", Between(1, 17);
    /// The effort of zstd, where topics use it.
    compression_zstd_level: i32 = 3, "compression.zstd.level", Between(-131_072, 22);
    /// Milliseconds for which a compacted topic still shows that a key was deleted.
    log_cleaner_delete_retention_ms: i64 = 86_400_000, "log.cleaner.delete.retention.ms", AtLeast(0);
    /// Milliseconds before which a record is not compacted away.
    log_cleaner_min_compaction_lag_ms: i64 = 0, "log.cleaner.min.compaction.lag.ms", AtLeast(0);
    /// Milliseconds after which a record can be compacted away.
    log_cleaner_max_compaction_lag_ms: i64 = i64::MAX, "log.cleaner.max.compaction.lag.ms", AtLeast(1);
    /// The share of a partition that must be uncompacted before compaction begins.
    log_cleaner_min_cleanable_ratio: f64 = 0.5, "log.cleaner.min.cleanable.ratio", Ratio;
    /// Bytes that a partition keeps on the broker's own disk under tiered storage; -2 means all that it keeps.
    log_local_retention_bytes: i64 = -2, "log.local.retention.bytes", AtLeast(-2);
    /// Milliseconds for which records stay on the broker's own disk under tiered storage; -2 means as long as any.
    log_local_retention_ms: i64 = -2, "log.local.retention.ms", AtLeast(-2);
}

/// The address of the default; `localhost` is 127.0.0.1 and ::1.
fn localhost() -> Listener {
    Listener { name: super::listener::PLAINTEXT.to_owned(), host: "localhost".to_owned(), port: 9092 }
}

/// Where a value comes from, numbered as DescribeConfigs numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Source {
    /// DYNAMIC_TOPIC_CONFIG: the topic's own.
    Topic = 1,
    /// DYNAMIC_BROKER_CONFIG: changed for this broker while it runs.
    ThisBroker = 2,
    /// DYNAMIC_DEFAULT_BROKER_CONFIG: for all brokers, kept by the controller.
    AllBrokers = 3,
    /// STATIC_BROKER_CONFIG: given to the broker when it started.
    Broker = 4,
    /// DEFAULT_CONFIG: nobody said anything.
    Default = 5,
    /// DYNAMIC_BROKER_LOGGER_CONFIG: how much the broker logs.
    Logger = 6,
    /// DYNAMIC_CLIENT_METRICS_CONFIG: a subscription to the metrics of clients.
    ClientMetrics = 7,
    /// DYNAMIC_GROUP_CONFIG: the group's own.
    Group = 8,
}

/// One of the values that a property could take its own from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synonym {
    pub name: &'static str,
    pub value: String,
    pub source: Source,
}

/// What DescribeConfigs says of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: &'static str,
    pub kind: Kind,
    pub value: Option<String>,
    pub default: Option<String>,
    pub source: Source,
    /// Whether it stays as it is while the broker runs.
    pub read_only: bool,
    /// The first one that is set rules.
    pub synonyms: Vec<Synonym>,
    pub documentation: &'static str,
}

impl Config {
    /// Every setting that acts, in the table's order.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let defaults = Config::default();
        SETTINGS.iter().map(move |setting| setting.describe(self, &defaults))
    }

    /// The value of the property, `None` when it has none or there is no such property.
    pub fn get(&self, name: &str) -> Option<Value> {
        find(name).and_then(|setting| (setting.get)(self))
    }

    /// Sets a property by its name from its text, as a file or the command line would.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let Some(setting) = find(name) else { return Err(ConfigError::NoSuchSetting(name.to_owned())) };
        self.apply(setting, value, &Origin::Program)
    }

    pub(super) fn apply(&mut self, setting: &'static Setting, text: &str, origin: &Origin) -> Result<(), ConfigError> {
        let set = value::parse(setting.kind, setting.rule, text).is_ok_and(|value| (setting.set)(self, value));
        if !set {
            return Err(setting.complain(text, origin));
        }
        self.given.insert(setting.name);
        Ok(())
    }

    /// Changes a property that has been checked, which does not count as given.
    pub(super) fn change(&mut self, setting: &'static Setting, text: &str) {
        let value = value::parse(setting.kind, setting.rule, text).ok();
        value.into_iter().for_each(|value| assert!((setting.set)(self, value), "{}", setting.name));
    }

    /// Whether every field keeps its rule, also those that a program filled in.
    pub(super) fn check_rules(&self) -> Result<(), ConfigError> {
        for setting in SETTINGS {
            let Some(value) = (setting.get)(self) else { continue };
            if setting.rule.check(&value).is_err() {
                return Err(setting.complain(&value.show(), &Origin::Program));
            }
        }
        Ok(())
    }

    /// Whether somebody gave the property a value, by its name or by its field.
    pub(super) fn is_given(&self, name: &str, defaults: &Config) -> bool {
        self.given.contains(name) || self.get(name) != defaults.get(name)
    }
}

/// The settings that can be changed while the broker runs. Most of those that topics fall back to are among them.
pub(super) fn is_changeable(name: &str) -> bool {
    const OTHERS: &[&str] = &[
        "compression.gzip.level",
        "compression.lz4.level",
        "compression.type",
        "compression.zstd.level",
        "max.connections",
        "max.connections.per.ip",
        "message.max.bytes",
        "min.insync.replicas",
        "producer.id.expiration.ms",
        "transaction.partition.verification.enable",
        "transaction.partition.verification.enable",
        "unclean.leader.election.enable",
    ];
    const FIXED: &[&str] = &[
        "log.cleaner.enable",
        "log.flush.scheduler.interval.ms",
        "log.initial.task.delay.ms",
        "log.retention.check.interval.ms",
        "log.retention.hours",
        "log.retention.minutes",
        "log.roll.hours",
        "log.roll.jitter.hours",
    ];
    OTHERS.contains(&name) || name.starts_with("log.") && !FIXED.contains(&name)
}

/// The settings that a setting's value can come from, itself first: the same in coarser units.
fn family(name: &'static str) -> Vec<&'static str> {
    let others: &[&str] = match name {
        "log.retention.ms" => &["log.retention.minutes", "log.retention.hours"],
        "log.retention.minutes" => &["log.retention.hours"],
        "log.roll.ms" => &["log.roll.hours"],
        "log.roll.jitter.ms" => &["log.roll.jitter.hours"],
        "log.flush.interval.ms" => &["log.flush.scheduler.interval.ms"],
        _ => &[],
    };
    std::iter::once(name).chain(others.iter().copied()).collect()
}

pub(super) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

impl Setting {
    fn complain(&self, text: &str, origin: &Origin) -> ConfigError {
        let complaint = format!("it must be {}", self.rule.expected(self.kind, text));
        ConfigError::value(self.name, text, origin, complaint)
    }

    /// The text in the form in which it is described.
    pub(super) fn show(&self, text: &str) -> Option<String> {
        value::parse(self.kind, self.rule, text).ok().map(|value| value.show())
    }

    fn describe(&self, config: &Config, defaults: &Config) -> Entry {
        let show = |config: &Config| (self.get)(config).map(|value| value.show());
        let (value, default) = (show(config), show(defaults));
        let synonyms = config.synonyms(&family(self.name), defaults);
        let source = synonyms.first().map_or(Source::Default, |synonym| synonym.source);
        let (name, kind, documentation) = (self.name, self.kind, self.documentation);
        let read_only = !is_changeable(name);
        Entry { name, kind, value, default, source, read_only, synonyms, documentation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_keep_their_rules_and_have_documentation() {
        let config = Config::default();
        for entry in config.entries() {
            let setting = find(entry.name).unwrap();
            if let Some(value) = &entry.value {
                assert!(value::parse(setting.kind, setting.rule, value).is_ok(), "{}", entry.name);
            }
            assert_eq!(entry.source, Source::Default, "{}", entry.name);
            assert!(entry.documentation.ends_with('.') && entry.documentation.len() > 10, "{}", entry.name);
        }
    }

    #[test]
    fn names_are_the_fields_names() {
        let fields = format!("{:?}", Config::default());
        for setting in SETTINGS {
            assert!(fields.contains(&format!("{}: ", setting.name.replace('.', "_"))), "{}", setting.name);
        }
    }

    #[test]
    fn a_value_that_is_set_is_described() {
        let mut config = Config { fetch_max_bytes: 2_048, ..Config::default() };
        config.set("num.partitions", " 1 ").unwrap();
        let describe = |name: &str| {
            let entry = config.entries().find(|entry| entry.name == name).unwrap();
            let synonyms =
                entry.synonyms.into_iter().map(|synonym| (synonym.value, synonym.source)).collect::<Vec<_>>();
            (entry.value, entry.source, synonyms)
        };
        let (one, both) =
            (Some("1".to_owned()), vec![("1".to_owned(), Source::Broker), ("1".to_owned(), Source::Default)]);
        assert_eq!(describe("num.partitions"), (one, Source::Broker, both));
        assert_eq!(describe("fetch.max.bytes").1, Source::Broker);
        assert_eq!(describe("broker.rack"), (None, Source::Default, vec![]));
    }

    #[test]
    fn a_bad_value_says_what_would_be_right() {
        let mut config = Config::default();
        let mut check = |name, value, expect: &str| {
            assert_eq!(config.set(name, value).unwrap_err().to_string(), expect);
        };
        check(
            "num.partitions",
            "many",
            "num.partitions is 'many' (from the program), but it must be a whole number of at least 1.",
        );
        check(
            "num.partitions",
            "3000000000",
            "num.partitions is '3000000000' (from the program), but it must be a whole number of at most 2147483647.",
        );
        check("num.partition", "1", "There is no setting num.partition.");
        assert_eq!(config, Config::default());
    }
}

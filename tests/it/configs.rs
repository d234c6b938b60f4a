//! Settings of topics, brokers, groups and client metrics: described, changed, and acting. Codes and messages are those of
//! Apache Kafka 4.2.

use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::{alter_configs, describe_configs, incremental_alter_configs, list_config_resources};

use crate::driver::Driver;
use crate::records::Batch;
use crate::requests::{create_topic, create_topic_with, produce_bytes};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

type Outcome = (ErrorCode, Option<String>);
type Operation<'a> = (i8, &'a str, Option<&'a str>);

fn resource(kind: i8, name: &str, operations: &[Operation]) -> incremental_alter_configs::AlterConfigsResource {
    let config = |(config_operation, name, value): &Operation| incremental_alter_configs::AlterableConfig {
        name: (*name).to_owned(),
        config_operation: *config_operation,
        value: value.map(str::to_owned),
    };
    incremental_alter_configs::AlterConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configs: operations.iter().map(config).collect(),
    }
}

fn change_all(
    driver: &mut Driver,
    resources: Vec<incremental_alter_configs::AlterConfigsResource>,
    validate_only: bool,
) -> Vec<Outcome> {
    let connection = driver.connect();
    let request = incremental_alter_configs::Request { resources, validate_only };
    let responses = driver.ask(connection, 1, &request).responses;
    responses.into_iter().map(|response| (response.error_code, response.error_message)).collect()
}

fn change(driver: &mut Driver, kind: i8, name: &str, operations: &[Operation]) -> Outcome {
    change_all(driver, vec![resource(kind, name, operations)], false).remove(0)
}

fn set(driver: &mut Driver, kind: i8, name: &str, config: &str, value: &str) {
    assert_eq!(change(driver, kind, name, &[(SET, config, Some(value))]), done(), "{config}={value}");
}

fn replace(driver: &mut Driver, kind: i8, name: &str, configs: &[(&str, &str)], validate_only: bool) -> Outcome {
    let config = |(name, value): &(&str, &str)| alter_configs::AlterableConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
    };
    let resource = alter_configs::AlterConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configs: configs.iter().map(config).collect(),
    };
    let connection = driver.connect();
    let request = alter_configs::Request { resources: vec![resource], validate_only };
    let response = driver.ask(connection, 2, &request).responses.remove(0);
    (response.error_code, response.error_message)
}

fn done() -> Outcome {
    (ErrorCode::NONE, None)
}

fn refused(code: ErrorCode, message: &str) -> Outcome {
    (code, Some(message.to_owned()))
}

fn describe(driver: &mut Driver, kind: i8, name: &str) -> describe_configs::DescribeConfigsResult {
    let wanted = describe_configs::DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configuration_keys: None,
    };
    let connection = driver.connect();
    let request =
        describe_configs::Request { resources: vec![wanted], include_synonyms: true, include_documentation: false };
    driver.ask(connection, 4, &request).results.remove(0)
}

/// Value, source and synonyms of one setting.
fn described(driver: &mut Driver, kind: i8, name: &str, config: &str) -> (Option<String>, i8, Vec<String>) {
    let all = describe(driver, kind, name);
    assert_eq!(all.error_code, ErrorCode::NONE, "{:?}", all.error_message);
    let found = all.configs.into_iter().find(|described| described.name == config);
    let found = found.unwrap_or_else(|| panic!("{name} has no {config}"));
    let synonyms = found.synonyms.into_iter();
    let shown = synonyms
        .map(|synonym| format!("{}={} ({})", synonym.name, synonym.value.as_deref().unwrap_or("?"), synonym.source));
    (found.value, found.config_source, shown.collect())
}

fn value(driver: &mut Driver, kind: i8, name: &str, config: &str) -> String {
    described(driver, kind, name, config).0.unwrap_or_else(|| panic!("{config} has a value"))
}

/// The names of what is set, for this resource or any that stands behind it.
fn changed(driver: &mut Driver, kind: i8, name: &str) -> Vec<String> {
    let mut names: Vec<_> = describe(driver, kind, name)
        .configs
        .into_iter()
        .filter(|config| ![4, 5].contains(&config.config_source))
        .map(|config| config.name)
        .collect();
    names.sort();
    names
}

fn list(driver: &mut Driver, version: i16, types: &[i8]) -> (ErrorCode, Vec<(i8, String)>) {
    let connection = driver.connect();
    let request = list_config_resources::Request { resource_types: types.to_vec() };
    let response = driver.ask(connection, version, &request);
    let resources = response.config_resources.into_iter();
    (response.error_code, resources.map(|resource| (resource.resource_type, resource.resource_name)).collect())
}

#[test]
fn a_topics_settings_are_set_and_taken_back() {
    let driver = &mut Driver::default();
    create_topic_with(driver, "orders", 1, &[("retention.ms", "1000")]);
    set(driver, TOPIC, "orders", "cleanup.policy", "compact");
    let synonyms = vec!["cleanup.policy=compact (1)".to_owned(), "log.cleanup.policy=delete (5)".to_owned()];
    assert_eq!(described(driver, TOPIC, "orders", "cleanup.policy"), (Some("compact".to_owned()), 1, synonyms));
    assert_eq!(changed(driver, TOPIC, "orders"), ["cleanup.policy", "min.insync.replicas", "retention.ms"]);
    let delete = [(DELETE, "retention.ms", None), (DELETE, "never.heard.of", Some("x"))];
    assert_eq!(change(driver, TOPIC, "orders", &delete), done());
    assert_eq!(changed(driver, TOPIC, "orders"), ["cleanup.policy", "min.insync.replicas"]);
    assert_eq!(value(driver, TOPIC, "orders", "retention.ms"), "604800000");
}

#[test]
fn lists_are_added_to_and_taken_away_from() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 1);
    let mut check = |operation, elements: &str, expect: &str| {
        assert_eq!(change(driver, TOPIC, "orders", &[(operation, "cleanup.policy", Some(elements))]), done());
        assert_eq!(value(driver, TOPIC, "orders", "cleanup.policy"), expect, "{operation} {elements}");
    };
    check(APPEND, "compact", "delete,compact");
    check(APPEND, " delete , compact", "delete,compact");
    check(SUBTRACT, "unheard", "delete,compact");
    check(SUBTRACT, "delete", "compact");
    check(SUBTRACT, "compact", "");
    check(APPEND, "delete", "delete");
    check(DELETE, "", "delete");
}

#[test]
fn bad_changes_of_a_topic_are_refused_as_in_kafka() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 1);
    let (config, request) = (ErrorCode::INVALID_CONFIG, ErrorCode::INVALID_REQUEST);
    let mut check = |name: &str, operations: &[Operation], code, message: &str| {
        assert_eq!(change(driver, TOPIC, name, operations), refused(code, message), "{operations:?}");
    };
    let five = [(SET, "retention.ms", Some("5"))];
    check("", &five, request, "Default topic resources are not allowed.");
    check(
        "a b",
        &five,
        ErrorCode::INVALID_TOPIC_EXCEPTION,
        "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
    );
    check("nope", &five, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "The topic 'nope' does not exist.");
    check("nope", &[(SET, "x", Some("5"))], config, "Unknown topic config name: x");
    check(
        "orders",
        &[(APPEND, "retention.ms", Some("5"))],
        config,
        "Can't APPEND to key retention.ms because its type is not LIST.",
    );
    check("orders", &[(SUBTRACT, "x", Some("5"))], config, "Can't SUBTRACT to key x because its type is not LIST.");
    check(
        "orders",
        &[(SET, "retention.ms", Some("abc"))],
        config,
        "Invalid value abc for configuration retention.ms: Not a number of type LONG",
    );
    check(
        "orders",
        &[(SET, "retention.ms", None), (APPEND, "cleanup.policy", None), (DELETE, "x", None)],
        request,
        "Null value not supported for : retention.ms, cleanup.policy",
    );
    check(
        "orders",
        &[(SET, "retention.ms", Some("5")), (DELETE, "retention.ms", None)],
        request,
        "Error due to duplicate config keys",
    );
    check("orders", &[(9, "retention.ms", Some("5"))], request, "Unknown operations type 9");
    check(
        "orders",
        &[(APPEND, "cleanup.policy", Some(""))],
        config,
        "Configuration 'cleanup.policy' values must not be empty.",
    );
    assert_eq!(changed(driver, TOPIC, "orders"), ["min.insync.replicas"]);
}

#[test]
fn each_resource_is_changed_or_refused_on_its_own() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 1);
    let five = [(SET, "retention.ms", Some("5"))];
    let outcomes = change_all(driver, vec![resource(TOPIC, "nope", &five), resource(TOPIC, "orders", &five)], false);
    assert_eq!(outcomes[0].0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(outcomes[1], done());
    let twice = change_all(driver, vec![resource(TOPIC, "orders", &five), resource(TOPIC, "orders", &[])], false);
    let expect = refused(ErrorCode::INVALID_REQUEST, "Each resource must appear at most once.");
    assert_eq!(twice, [expect.clone(), expect]);
    let unknown = change_all(driver, vec![resource(99, "x", &[])], false);
    assert_eq!(unknown, [refused(ErrorCode::INVALID_REQUEST, "Unknown resource type 99")]);
}

#[test]
fn validation_changes_nothing() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 1);
    let nothing = ["min.insync.replicas"];
    for (kind, name, config, text) in [
        (TOPIC, "orders", "retention.ms", "5"),
        (BROKER, "1", "message.max.bytes", "5"),
        (GROUP, "g", "consumer.session.timeout.ms", "50000"),
        (CLIENT_METRICS, "m", "interval.ms", "1000"),
    ] {
        let change = resource(kind, name, &[(SET, config, Some(text))]);
        assert_eq!(change_all(driver, vec![change], true), [done()]);
        assert_eq!(replace(driver, kind, name, &[(config, text)], true), done());
        assert!(changed(driver, kind, name).iter().all(|name| nothing.contains(&name.as_str())), "{config}");
    }
    let bad = resource(TOPIC, "orders", &[(SET, "retention.ms", Some("x"))]);
    assert_eq!(change_all(driver, vec![bad], true)[0].0, ErrorCode::INVALID_CONFIG);
    assert_eq!(list(driver, 1, &[GROUP, CLIENT_METRICS]), (ErrorCode::NONE, vec![]));
}

#[test]
fn replacing_takes_back_what_is_not_named() {
    let driver = &mut Driver::default();
    create_topic_with(driver, "orders", 1, &[("retention.ms", "1000"), ("segment.ms", "1000")]);
    assert_eq!(replace(driver, TOPIC, "orders", &[("retention.ms", "2000")], false), done());
    assert_eq!(changed(driver, TOPIC, "orders"), ["min.insync.replicas", "retention.ms"]);
    assert_eq!(replace(driver, TOPIC, "orders", &[], false), done());
    assert_eq!(changed(driver, TOPIC, "orders"), ["min.insync.replicas"]);
    let loggers = replace(driver, BROKER_LOGGER, "1", &[("root", "INFO")], false);
    assert_eq!(loggers, refused(ErrorCode::INVALID_REQUEST, "Unknown resource type 8"));
    let removed = "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.";
    assert_eq!(replace(driver, BROKER, "", &[], false), refused(ErrorCode::INVALID_CONFIG, removed));
}

#[test]
fn changes_of_the_broker_act_for_topics_that_say_nothing() {
    let driver = &mut Driver::with(&[("message.max.bytes", "3000")]);
    let plain = create_topic(driver, "plain", 1);
    let own = create_topic_with(driver, "own", 1, &[("max.message.bytes", "2500")]);
    let check = |driver: &mut Driver, expect: [(i32, &str); 2]| {
        for (topic, (most, source)) in [&plain, &own].into_iter().zip(expect) {
            for (bytes, code) in [(most, ErrorCode::NONE), (most + 1, ErrorCode::MESSAGE_TOO_LARGE)] {
                let batch = Batch::of_size(bytes as usize - 70).encode();
                assert_eq!(batch.len(), bytes as usize);
                assert_eq!(produce_bytes(driver, 13, topic, 0, batch).error_code, code, "{bytes}");
            }
            let (value, from, _) = described(driver, TOPIC, &topic.name, "max.message.bytes");
            assert_eq!((value, from.to_string()), (Some(most.to_string()), source.to_owned()));
        }
    };
    check(driver, [(3_000, "4"), (2_500, "1")]);
    set(driver, BROKER, "", "message.max.bytes", "2000");
    check(driver, [(2_000, "3"), (2_500, "1")]);
    set(driver, BROKER, "1", "message.max.bytes", "1000");
    check(driver, [(1_000, "2"), (2_500, "1")]);
    let synonyms =
        ["1000 (2)", "2000 (3)", "3000 (4)", "1048588 (5)"].map(|value| format!("message.max.bytes={value}"));
    assert_eq!(described(driver, BROKER, "1", "message.max.bytes").2, synonyms);
    assert_eq!(changed(driver, BROKER, ""), ["message.max.bytes", "min.insync.replicas"]);
    assert_eq!(value(driver, BROKER, "", "message.max.bytes"), "2000");
    assert_eq!(change(driver, BROKER, "1", &[(DELETE, "message.max.bytes", None)]), done());
    assert_eq!(change(driver, BROKER, "", &[(DELETE, "message.max.bytes", None)]), done());
    check(driver, [(3_000, "4"), (2_500, "1")]);
}

#[test]
fn bad_changes_of_the_broker_are_refused_as_in_kafka() {
    let driver = &mut Driver::default();
    let mut check = |name: &str, operation: Operation, code, message: &str| {
        assert_eq!(change(driver, BROKER, name, &[operation]), refused(code, message), "{operation:?}");
    };
    let (config, request) = (ErrorCode::INVALID_CONFIG, ErrorCode::INVALID_REQUEST);
    let bytes = (SET, "message.max.bytes", Some("5"));
    check("2", bytes, request, "Unexpected broker id, expected 1, but received 2");
    check("x", bytes, request, "Node id must be an integer, but it is: x");
    check(
        "1",
        (APPEND, "message.max.bytes", Some("5")),
        config,
        "Config value append is not allowed for config key: message.max.bytes",
    );
    check(
        "1",
        (SET, "min.insync.replicas", Some("1")),
        config,
        "Broker-level min.insync.replicas cannot be altered while ELR is enabled.",
    );
    check(
        "",
        (DELETE, "min.insync.replicas", None),
        config,
        "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.",
    );
    check(
        "",
        (SET, "num.partitions", Some("5")),
        request,
        "Cannot update these configs dynamically: Set(num.partitions)",
    );
    let other = describe(driver, BROKER, "2");
    let message = "Unexpected broker id, expected 1 or empty string, but received 2";
    assert_eq!((other.error_code, other.error_message.as_deref()), (request, Some(message)));
}

#[test]
fn what_nobody_knows_is_kept_as_a_secret() {
    let driver = &mut Driver::default();
    set(driver, BROKER, "1", "my.password", "1234");
    let all = describe(driver, BROKER, "1").configs;
    let kept = all.into_iter().find(|config| config.name == "my.password").expect("it was set");
    assert_eq!((kept.value, kept.is_sensitive, kept.read_only, kept.config_source), (None, true, true, 2));
}

#[test]
fn groups_have_settings_of_their_own() {
    let driver = &mut Driver::default();
    let timeout = "consumer.session.timeout.ms";
    let of_default = vec![format!("{timeout}=45000 (5)")];
    assert_eq!(described(driver, GROUP, "g", timeout), (Some("45000".to_owned()), 5, of_default));
    set(driver, GROUP, "g", timeout, "50000");
    assert_eq!(
        described(driver, GROUP, "g", timeout),
        (Some("50000".to_owned()), 8, vec![format!("{timeout}=50000 (8)")])
    );
    assert_eq!(value(driver, GROUP, "h", timeout), "45000");
    let mut check = |name: &str, text: &str, message: &str| {
        let outcome = change(driver, GROUP, "g", &[(SET, name, Some(text))]);
        assert_eq!(outcome, refused(ErrorCode::INVALID_CONFIG, message), "{name}={text}");
    };
    check("x", "1", "Unknown group config name: x");
    check(
        timeout,
        "1",
        "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
    );
    check(
        timeout,
        "60001",
        "consumer.session.timeout.ms must be less than or equal to group.consumer.max.session.timeout.ms",
    );
    check(
        "streams.num.standby.replicas",
        "3",
        "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas",
    );
    check(
        "share.auto.offset.reset",
        "by_duration:-PT1H",
        "Invalid value by_duration:-PT1H for configuration share.auto.offset.reset: Invalid value `by_duration:-PT1H` for \
         configuration share.auto.offset.reset. The value must be either 'earliest', 'latest' or of the format \
         'by_duration:<PnDTnHnMn.nS>'.",
    );
    let nameless = change(driver, GROUP, "", &[(SET, timeout, Some("50000"))]);
    assert_eq!(nameless, refused(ErrorCode::INVALID_REQUEST, "Default group resources are not allowed."));
}

#[test]
fn subscriptions_to_client_metrics() {
    let driver = &mut Driver::default();
    let some = [("metrics", "a.b, c"), ("interval.ms", "1000"), ("match", "client_id=x.*")];
    assert_eq!(replace(driver, CLIENT_METRICS, "m", &some, false), done());
    assert_eq!(
        described(driver, CLIENT_METRICS, "m", "metrics"),
        (Some("a.b,c".to_owned()), 7, vec!["metrics=a.b,c (7)".to_owned()])
    );
    assert_eq!(described(driver, CLIENT_METRICS, "n", "interval.ms"), (Some("300000".to_owned()), 5, vec![]));
    assert_eq!(list(driver, 0, &[]), (ErrorCode::NONE, vec![(CLIENT_METRICS, "m".to_owned())]));
    let mut check = |name: &str, text: &str, code, message: &str| {
        let outcome = change(driver, CLIENT_METRICS, "m", &[(SET, name, Some(text))]);
        assert_eq!(outcome, refused(code, message), "{name}={text}");
    };
    let (config, request) = (ErrorCode::INVALID_CONFIG, ErrorCode::INVALID_REQUEST);
    check("x", "1", request, "Unknown client metrics configuration: x");
    check(
        "interval.ms",
        "99",
        request,
        "Invalid value 99 for interval.ms, interval must be between 100 and 3600000 (1 hour)",
    );
    check("match", "foo=bar", config, "Illegal client matching pattern: foo=bar");
    check("match", "client_id=[", config, "Illegal client matching pattern: client_id=[");
    check("metrics", "a,,b", config, "Configuration 'metrics' values must not be empty.");
    assert_eq!(replace(driver, CLIENT_METRICS, "m", &[], false), done());
    assert_eq!(list(driver, 0, &[]), (ErrorCode::NONE, vec![]));
}

#[test]
fn resources_are_listed_by_their_types() {
    let driver = &mut Driver::default();
    create_topic(driver, "b", 1);
    create_topic(driver, "a", 1);
    set(driver, GROUP, "g", "consumer.session.timeout.ms", "50000");
    let named = |pairs: &[(i8, &str)]| pairs.iter().map(|(kind, name)| (*kind, (*name).to_owned())).collect::<Vec<_>>();
    let topics = named(&[(TOPIC, "a"), (TOPIC, "b")]);
    let all = named(&[(TOPIC, "a"), (TOPIC, "b"), (BROKER, "1"), (BROKER_LOGGER, "1"), (GROUP, "g")]);
    assert_eq!(list(driver, 1, &[]), (ErrorCode::NONE, all));
    assert_eq!(list(driver, 1, &[TOPIC, TOPIC]), (ErrorCode::NONE, topics));
    assert_eq!(list(driver, 1, &[TOPIC, 3]), (ErrorCode::UNSUPPORTED_VERSION, vec![]));
}

#[test]
fn the_logger_has_one_level() {
    let driver = &mut Driver::default();
    let mut check = |name: &str, operation: Operation, code, message: &str| {
        assert_eq!(change(driver, BROKER_LOGGER, name, &[operation]), refused(code, message), "{operation:?}");
    };
    let (config, request) = (ErrorCode::INVALID_CONFIG, ErrorCode::INVALID_REQUEST);
    check("2", (SET, "root", Some("INFO")), request, "Unexpected node id. Expected 1, but received 2");
    check("1", (SET, "x", Some("INFO")), config, "Logger x does not exist!");
    check("1", (DELETE, "root", None), request, "Removing the log level of the root logger is not allowed");
    check(
        "1",
        (APPEND, "root", Some("INFO")),
        request,
        "APPEND operation is not allowed for the BROKER_LOGGER resource",
    );
    check(
        "1",
        (SET, "root", Some("info")),
        config,
        "Cannot set the log level of root to info as it is not a supported log level. Valid log levels are DEBUG, ERROR, \
         FATAL, INFO, TRACE, WARN",
    );
    let described = describe(driver, BROKER_LOGGER, "1").configs;
    let names: Vec<_> = described.iter().map(|config| (config.name.as_str(), config.config_source)).collect();
    assert_eq!(names, [("root", 6)]);
}

/// A batch that comes in one codec and must be kept in another says so in its attributes, and has the same records.
#[cfg(feature = "compression")]
#[test]
fn batches_are_kept_in_the_topics_codec() {
    use kafka_rs::wire::compression::decompress;
    use kafka_rs::wire::record_batch::{BatchHeader, Codec, HEADER_BYTES, crc_is_valid};

    use crate::records::{GZIP, LZ4, Record, SNAPPY, ZSTD};
    use crate::requests::{fetched, produce};

    let driver = &mut Driver::default();
    let record = Record { key: Some(b"k".to_vec()), value: Some(vec![b'v'; 1000]), ..Record::default() };
    let plain =
        Batch { base_timestamp: 1_700_000_000_000, max_timestamp: 1_700_000_000_000, ..Batch::of_records(&[record]) };
    for (name, expect) in [
        ("uncompressed", Some(Codec::None)),
        ("gzip", Some(Codec::Gzip)),
        ("snappy", Some(Codec::Snappy)),
        ("lz4", Some(Codec::Lz4)),
        ("zstd", Some(Codec::Zstd)),
        ("producer", None),
    ] {
        let topic = create_topic_with(driver, name, 1, &[("compression.type", name)]);
        for codec in [0, GZIP, SNAPPY, LZ4, ZSTD] {
            let batch = if codec == 0 { plain.clone() } else { plain.clone().compressed(codec) };
            let offset = produce(driver, &topic, 0, &batch);
            let kept = fetched(driver, &topic, 0, offset);
            let header = BatchHeader::parse(&kept).expect("a batch");
            let own = BatchHeader::parse(&batch.encode()).and_then(|header| header.codec());
            assert_eq!(header.codec(), expect.or(own), "{name}");
            assert!(crc_is_valid(&kept, &header));
            assert_eq!((header.base_offset, header.max_timestamp), (offset, plain.max_timestamp));
            let records = decompress(header.codec().expect("a codec"), &kept[HEADER_BYTES..]).expect("records");
            assert_eq!(*records, plain.records[..], "{name}");
        }
    }
}

#[cfg(not(feature = "compression"))]
#[test]
fn without_codecs_batches_are_kept_as_they_come() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 1);
    set(driver, TOPIC, "orders", "compression.type", "producer");
    let outcome = change(driver, TOPIC, "orders", &[(SET, "compression.type", Some("gzip"))]);
    let message = "compression.type can only be producer: kafka-rs was built without its feature compression";
    assert_eq!(outcome, refused(ErrorCode::INVALID_CONFIG, message));
}

//! Topics: how they come to be, how they are described, and how they go.

use kafka_rs::wire::messages::create_topics::{
    self, CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicResult,
};
use kafka_rs::wire::messages::delete_topics::{self, DeletableTopicResult, DeleteTopicState};
use kafka_rs::wire::messages::metadata::{self, MetadataRequestTopic, MetadataResponseTopic};
use kafka_rs::wire::messages::{describe_cluster, find_coordinator, offset_commit, offset_fetch};
use kafka_rs::wire::{ErrorCode, Uuid};

use crate::driver::Driver;
use crate::records::Batch;
use crate::requests::{create_topic, delete_topic, end_offset, fetched, produce};

const METADATA: std::ops::RangeInclusive<i16> = 0..=13;
const CREATE: std::ops::RangeInclusive<i16> = 2..=7;
const DELETE: std::ops::RangeInclusive<i16> = 1..=6;

/// A Metadata request for topics by their names.
fn by_names(names: &[&str]) -> metadata::Request {
    let topic = |name: &&str| MetadataRequestTopic { name: Some((*name).to_owned()), ..Default::default() };
    metadata::Request { topics: Some(names.iter().map(topic).collect()), ..Default::default() }
}

fn by_id(id: Uuid) -> metadata::Request {
    let topic = MetadataRequestTopic { topic_id: id, name: None };
    metadata::Request { topics: Some(vec![topic]), ..Default::default() }
}

fn ask(driver: &mut Driver, version: i16, request: &metadata::Request) -> metadata::Response {
    let connection = driver.connect();
    driver.ask(connection, version, request)
}

/// What Metadata tells of one topic.
fn describe(driver: &mut Driver, version: i16, name: &str) -> MetadataResponseTopic {
    ask(driver, version, &by_names(&[name])).topics.remove(0)
}

fn names(response: &metadata::Response) -> Vec<&str> {
    response.topics.iter().map(|topic| topic.name.as_deref().unwrap_or("null")).collect()
}

/// All topics that there are, without creating one.
fn all_names(driver: &mut Driver) -> Vec<String> {
    let response = ask(driver, 12, &metadata::Request { topics: None, ..Default::default() });
    names(&response).into_iter().map(str::to_owned).collect()
}

#[test]
fn asking_for_a_topic_creates_it_with_its_leader() {
    for version in METADATA {
        let driver = &mut Driver::with(&[("num.partitions", "3"), ("node.id", "7")]);
        let topic = describe(driver, version, "orders");
        assert_eq!((topic.error_code, topic.name.as_deref()), (ErrorCode::NONE, Some("orders")), "v{version}");
        assert_eq!(topic.topic_id == Uuid::ZERO, version < 10, "v{version}");
        assert!(!topic.is_internal);
        let indexes: Vec<_> = topic.partitions.iter().map(|partition| partition.partition_index).collect();
        assert_eq!(indexes, [0, 1, 2], "v{version}");
        for partition in &topic.partitions {
            assert_eq!((partition.error_code, partition.leader_id), (ErrorCode::NONE, 7), "v{version}");
            assert_eq!(partition.leader_epoch, if version < 7 { -1 } else { 0 }, "v{version}");
            assert_eq!((&partition.replica_nodes, &partition.isr_nodes), (&vec![7], &vec![7]), "v{version}");
            assert!(partition.offline_replicas.is_empty());
        }
        assert_eq!(describe(driver, version, "orders"), topic, "v{version}: the same topic the second time");
    }
}

#[test]
fn a_topic_is_not_created_against_a_will() {
    for version in METADATA {
        let driver = &mut Driver::default();
        let request = metadata::Request { allow_auto_topic_creation: false, ..by_names(&["orders"]) };
        let topic = ask(driver, version, &request).topics.remove(0);
        // Before version 4 the request cannot say no.
        let expect = if version < 4 { ErrorCode::NONE } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
        assert_eq!((topic.error_code, topic.name.as_deref()), (expect, Some("orders")), "v{version}");
        assert_eq!(all_names(driver).len(), if version < 4 { 1 } else { 0 }, "v{version}");

        let driver = &mut Driver::with(&[("auto.create.topics.enable", "false")]);
        assert_eq!(describe(driver, version, "orders").error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        assert!(all_names(driver).is_empty(), "v{version}");
    }
}

#[test]
fn names_that_no_topic_can_have() {
    let driver = &mut Driver::default();
    let long = "x".repeat(250);
    for version in METADATA {
        for name in ["", ".", "..", "a b", "a/b", "ä", "a\0", &long] {
            let topic = describe(driver, version, name);
            let expect = (ErrorCode::INVALID_TOPIC_EXCEPTION, Some(name));
            assert_eq!((topic.error_code, topic.name.as_deref()), expect, "v{version} {name:?}");
        }
    }
    assert!(all_names(driver).is_empty());
    assert_eq!(describe(driver, 9, &long[..249]).error_code, ErrorCode::NONE);
}

#[test]
fn names_that_differ_only_in_dots_and_underscores_collide() {
    let driver = &mut Driver::default();
    create_topic(driver, "a.b_c", 1);
    assert_eq!(describe(driver, 9, "a_b.c").error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert_eq!(create(driver, 7, one("a_b_c", 1)).error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert_eq!(describe(driver, 9, "a-b_c").error_code, ErrorCode::NONE);
}

#[test]
fn a_topic_of_several_replicas_cannot_be_created_by_the_way() {
    let driver = &mut Driver::with(&[("default.replication.factor", "3")]);
    assert_eq!(describe(driver, 9, "orders").error_code, ErrorCode::INVALID_REPLICATION_FACTOR);
}

#[test]
fn all_topics_and_none() {
    for version in METADATA {
        let driver = &mut Driver::default();
        for name in ["c", "a", "b"] {
            create_topic(driver, name, 1);
        }
        // Version 0 has no null: there, none stands for all.
        let all = metadata::Request { topics: if version == 0 { Some(vec![]) } else { None }, ..Default::default() };
        assert_eq!(names(&ask(driver, version, &all)), ["a", "b", "c"], "v{version}");
        if version > 0 {
            assert!(ask(driver, version, &by_names(&[])).topics.is_empty(), "v{version}");
        }
        assert_eq!(names(&ask(driver, version, &by_names(&["c", "new", "a", "c"]))), ["c", "new", "a"], "v{version}");
    }
}

#[test]
fn the_broker_and_its_cluster() {
    let driver = &mut Driver::with(&[("node.id", "7"), ("broker.rack", "shelf")]);
    let mut cluster_ids = std::collections::HashSet::new();
    for version in METADATA {
        let response = ask(driver, version, &by_names(&[]));
        let broker = &response.brokers[0];
        assert_eq!((response.brokers.len(), broker.node_id), (1, 7));
        assert_eq!((broker.host.as_str(), broker.port), ("127.0.0.1", 9092), "v{version}");
        assert_eq!(broker.rack.as_deref(), if version < 1 { None } else { Some("shelf") });
        assert_eq!(response.controller_id, if version < 1 { -1 } else { 7 });
        assert_eq!(response.cluster_id.is_some(), version >= 2);
        cluster_ids.extend(response.cluster_id);
    }
    let connection = driver.connect();
    for version in 0..=2 {
        let request = describe_cluster::Request { endpoint_type: 1, ..Default::default() };
        let response = driver.ask(connection, version, &request);
        let broker = &response.brokers[0];
        assert_eq!((response.error_code, response.controller_id, response.brokers.len()), (ErrorCode::NONE, 7, 1));
        assert_eq!((broker.broker_id, broker.host.as_str(), broker.port), (7, "127.0.0.1", 9092));
        assert_eq!((broker.rack.as_deref(), broker.is_fenced), (Some("shelf"), false));
        cluster_ids.insert(response.cluster_id);
    }
    assert_eq!(cluster_ids.len(), 1, "{cluster_ids:?}");
    let mut check = |version, endpoint_type, expect| {
        let request = describe_cluster::Request { endpoint_type, ..Default::default() };
        assert_eq!(driver.ask(connection, version, &request).error_code, expect, "v{version}, type {endpoint_type}");
    };
    check(1, 2, ErrorCode::MISMATCHED_ENDPOINT_TYPE);
    check(2, 9, ErrorCode::UNSUPPORTED_ENDPOINT_TYPE);
}

#[test]
fn what_a_client_may_do_is_told_on_request() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 1);
    for version in 8..=13 {
        let silent = ask(driver, version, &by_names(&["orders"]));
        assert_eq!(
            (silent.cluster_authorized_operations, silent.topics[0].topic_authorized_operations),
            (i32::MIN, i32::MIN)
        );
        let request = metadata::Request {
            include_cluster_authorized_operations: true,
            include_topic_authorized_operations: true,
            ..by_names(&["orders"])
        };
        let told = ask(driver, version, &request);
        assert_eq!(told.topics[0].topic_authorized_operations, 0b1101_1111_1000, "v{version}");
        assert_eq!(told.cluster_authorized_operations != i32::MIN, version <= 10, "v{version}");
    }
}

#[test]
fn this_broker_coordinates_everything() {
    let driver = &mut Driver::with(&[("node.id", "7")]);
    let connection = driver.connect();
    for version in 0..=6 {
        for key_type in [0, 1] {
            let request = find_coordinator::Request {
                key: "one".to_owned(),
                key_type,
                coordinator_keys: vec!["one".to_owned(), "two".to_owned()],
            };
            let response = driver.ask(connection, version, &request);
            if version < 4 {
                assert_eq!((response.error_code, response.node_id), (ErrorCode::NONE, 7), "v{version}");
                assert_eq!((response.host.as_str(), response.port), ("127.0.0.1", 9092));
                continue;
            }
            let seen: Vec<_> =
                response.coordinators.iter().map(|one| (one.key.as_str(), one.node_id, one.port)).collect();
            assert_eq!(seen, [("one", 7, 9092), ("two", 7, 9092)], "v{version}");
            assert!(
                response.coordinators.iter().all(|one| one.error_code == ErrorCode::NONE && one.host == "127.0.0.1")
            );
        }
        if version >= 1 {
            let request = find_coordinator::Request {
                key: "share".to_owned(),
                key_type: 2,
                coordinator_keys: vec!["share".to_owned()],
            };
            let response = driver.ask(connection, version, &request);
            let code = response.coordinators.first().map_or(response.error_code, |one| one.error_code);
            assert_eq!(code, ErrorCode::INVALID_REQUEST, "v{version}");
        }
    }
}

#[test]
fn a_topic_is_asked_for_by_its_id() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    for version in 12..=13 {
        let found = ask(driver, version, &by_id(topic.id)).topics.remove(0);
        assert_eq!(
            (found.error_code, found.name.as_deref(), found.topic_id),
            (ErrorCode::NONE, Some("orders"), topic.id)
        );
        assert_eq!(found.partitions.len(), 2);
        for id in [Uuid([9; 16]), Uuid::ZERO] {
            let unknown = ask(driver, version, &by_id(id)).topics.remove(0);
            assert_eq!((unknown.error_code, unknown.name, unknown.topic_id), (ErrorCode::UNKNOWN_TOPIC_ID, None, id));
        }
    }
    assert_eq!(describe(driver, 12, "orders").topic_id, topic.id);
}

fn one(name: &str, num_partitions: i32) -> CreatableTopic {
    CreatableTopic { name: name.to_owned(), num_partitions, replication_factor: 1, ..Default::default() }
}

fn create_all(driver: &mut Driver, version: i16, topics: Vec<CreatableTopic>) -> Vec<CreatableTopicResult> {
    let connection = driver.connect();
    driver.ask(connection, version, &create_topics::Request { topics, ..Default::default() }).topics
}

fn create(driver: &mut Driver, version: i16, topic: CreatableTopic) -> CreatableTopicResult {
    create_all(driver, version, vec![topic]).remove(0)
}

#[test]
fn topics_of_any_number_of_partitions_are_created() {
    for version in CREATE {
        let driver = &mut Driver::default();
        let results = create_all(driver, version, vec![one("one", 1), one("many", 50), one("all", 9_940)]);
        for (result, (name, count)) in results.iter().zip([("one", 1), ("many", 50), ("all", 9_940)]) {
            assert_eq!((result.name.as_str(), result.error_code), (name, ErrorCode::NONE), "v{version}");
            assert_eq!(result.error_message, None);
            assert_eq!(result.topic_id != Uuid::ZERO, version >= 7, "v{version}");
            let expect = if version < 5 { (-1, -1) } else { (count, 1) };
            assert_eq!((result.num_partitions, result.replication_factor), expect, "v{version}");
            let found = describe(driver, 12, name);
            assert_eq!(found.partitions.len(), count as usize, "v{version}");
            assert!(version < 7 || found.topic_id == result.topic_id);
        }
    }
}

#[test]
fn minus_one_stands_for_the_default() {
    let driver = &mut Driver::with(&[("num.partitions", "4")]);
    for version in 4..=7 {
        let name = format!("topic-{version}");
        let result = create(driver, version, CreatableTopic { replication_factor: -1, ..one(&name, -1) });
        assert_eq!(result.error_code, ErrorCode::NONE);
        assert_eq!(describe(driver, 12, &name).partitions.len(), 4);
    }
}

#[test]
fn topics_that_cannot_be_created() {
    let driver = &mut Driver::default();
    create_topic(driver, "taken", 1);
    let assigned = |partitions: &[(i32, &[i32])]| {
        let assignment = |(partition_index, brokers): &(i32, &[i32])| CreatableReplicaAssignment {
            partition_index: *partition_index,
            broker_ids: brokers.to_vec(),
        };
        let assignments = partitions.iter().map(assignment).collect();
        CreatableTopic { replication_factor: -1, assignments, ..one("new", -1) }
    };
    let config = |name: &str, value: Option<&str>| {
        let config = CreatableTopicConfig { name: name.to_owned(), value: value.map(str::to_owned) };
        CreatableTopic { configs: vec![config], ..one("new", 1) }
    };
    let mut check = |topic: CreatableTopic, expect| {
        for version in CREATE {
            let result = create(driver, version, topic.clone());
            assert_eq!((&result.name, result.error_code), (&topic.name, expect), "v{version} {topic:?}");
            assert!(result.error_message.is_some_and(|message| !message.is_empty()), "v{version} {topic:?}");
            assert_eq!((result.topic_id, result.num_partitions, result.replication_factor), (Uuid::ZERO, -1, -1));
        }
    };
    check(one("taken", 1), ErrorCode::TOPIC_ALREADY_EXISTS);
    check(one("", 1), ErrorCode::INVALID_TOPIC_EXCEPTION);
    check(one("..", 1), ErrorCode::INVALID_TOPIC_EXCEPTION);
    check(one("a b", 1), ErrorCode::INVALID_TOPIC_EXCEPTION);
    check(one("new", 0), ErrorCode::INVALID_PARTITIONS);
    check(one("new", -2), ErrorCode::INVALID_PARTITIONS);
    check(one("new", 10_001), ErrorCode::POLICY_VIOLATION);
    check(one("new", i32::MAX), ErrorCode::POLICY_VIOLATION);
    check(CreatableTopic { replication_factor: 2, ..one("new", 1) }, ErrorCode::INVALID_REPLICATION_FACTOR);
    check(CreatableTopic { replication_factor: 0, ..one("new", 1) }, ErrorCode::INVALID_REPLICATION_FACTOR);
    check(CreatableTopic { replication_factor: -2, ..one("new", 1) }, ErrorCode::INVALID_REPLICATION_FACTOR);
    check(CreatableTopic { num_partitions: 1, ..assigned(&[(0, &[1])]) }, ErrorCode::INVALID_REQUEST);
    check(CreatableTopic { replication_factor: 1, ..assigned(&[(0, &[1])]) }, ErrorCode::INVALID_REQUEST);
    check(assigned(&[(0, &[1]), (0, &[1])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    check(assigned(&[(0, &[1]), (2, &[1])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    check(assigned(&[(1, &[1])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    check(assigned(&[(0, &[])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    check(assigned(&[(0, &[1, 1])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    check(assigned(&[(0, &[2])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    check(config("no.such.thing", Some("1")), ErrorCode::INVALID_CONFIG);
    check(config("max.message.bytes", Some("many")), ErrorCode::INVALID_CONFIG);
    check(config("cleanup.policy", Some("keep")), ErrorCode::INVALID_CONFIG);
    assert_eq!(all_names(driver), ["taken"]);

    let manual = create(driver, 7, assigned(&[(1, &[1]), (0, &[1]), (2, &[1])]));
    assert_eq!((manual.error_code, manual.num_partitions), (ErrorCode::NONE, 3));
}

#[test]
fn a_topic_that_is_named_twice_in_a_request_is_not_created() {
    let driver = &mut Driver::default();
    for version in CREATE {
        let results = create_all(driver, version, vec![one("twice", 1), one("once", 1), one("twice", 2)]);
        let mut seen: Vec<_> = results.iter().map(|result| (result.name.as_str(), result.error_code)).collect();
        seen.sort_unstable_by_key(|(name, _)| *name);
        assert_eq!(seen, [("once", ErrorCode::NONE), ("twice", ErrorCode::INVALID_REQUEST)], "v{version}");
        assert_eq!(all_names(driver), ["once"]);
        delete_topic(driver, "once");
    }
}

#[test]
fn validation_creates_nothing() {
    let driver = &mut Driver::default();
    create_topic(driver, "taken", 1);
    let connection = driver.connect();
    for version in CREATE {
        let topics = vec![one("new", 3), one("taken", 1)];
        let request = create_topics::Request { topics, validate_only: true, ..Default::default() };
        let results = driver.ask(connection, version, &request).topics;
        let codes: Vec<_> = results.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [ErrorCode::NONE, ErrorCode::TOPIC_ALREADY_EXISTS], "v{version}");
        assert_eq!(results[0].topic_id == Uuid::ZERO, version < 7, "an id that nobody will see again");
        assert_eq!(results[0].num_partitions, if version < 5 { -1 } else { 3 });
        assert_eq!(all_names(driver), ["taken"]);
    }
}

#[test]
fn the_answer_tells_the_settings_of_a_new_topic() {
    let driver = &mut Driver::with(&[("log.retention.hours", "1")]);
    let configs = vec![CreatableTopicConfig { name: "max.message.bytes".to_owned(), value: Some("5000".to_owned()) }];
    for version in 5..=7 {
        let topic = CreatableTopic { configs: configs.clone(), ..one(&format!("topic-{version}"), 1) };
        let told = create(driver, version, topic).configs.expect("settings from version 5 on");
        let find = |name: &str| {
            let config = told.iter().find(|config| config.name == name).expect("a property of topics");
            (config.value.as_deref(), config.config_source, config.read_only, config.is_sensitive)
        };
        assert_eq!(find("max.message.bytes"), (Some("5000"), 1, false, false), "the topic's own");
        assert_eq!(find("retention.ms"), (Some("3600000"), 4, false, false), "the broker's");
        assert_eq!(find("cleanup.policy"), (Some("delete"), 5, false, false), "the default");
    }
}

fn delete(driver: &mut Driver, version: i16, request: &delete_topics::Request) -> Vec<DeletableTopicResult> {
    let connection = driver.connect();
    driver.ask(connection, version, request).responses
}

/// A request that names topics as its version does.
fn delete_by_names(version: i16, names: &[&str]) -> delete_topics::Request {
    let state = |name: &&str| DeleteTopicState { name: Some((*name).to_owned()), topic_id: Uuid::ZERO };
    delete_topics::Request {
        topics: if version >= 6 { names.iter().map(state).collect() } else { Vec::new() },
        topic_names: names.iter().map(|name| (*name).to_owned()).collect(),
        timeout_ms: 1000,
    }
}

fn delete_by_id(id: Uuid, name: Option<&str>) -> delete_topics::Request {
    let state = DeleteTopicState { name: name.map(str::to_owned), topic_id: id };
    delete_topics::Request { topics: vec![state], ..Default::default() }
}

#[test]
fn topics_are_deleted_by_name() {
    for version in DELETE {
        let driver = &mut Driver::default();
        let (gone, _stays) = (create_topic(driver, "gone", 1), create_topic(driver, "stays", 1));
        let results = delete(driver, version, &delete_by_names(version, &["gone", "nothing"]));
        let seen: Vec<_> = results.iter().map(|result| (result.name.as_deref(), result.error_code)).collect();
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        assert_eq!(seen, [(Some("gone"), ErrorCode::NONE), (Some("nothing"), unknown)], "v{version}");
        assert_eq!(results[1].error_message.is_some(), version >= 5);
        assert_eq!(results[0].topic_id, if version < 6 { Uuid::ZERO } else { gone.id });
        assert_eq!(all_names(driver), ["stays"]);
    }
}

#[test]
fn topics_are_deleted_by_id() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut check = |request: delete_topics::Request, expect: (Option<&str>, ErrorCode)| {
        let result = delete(driver, 6, &request).remove(0);
        assert_eq!((result.name.as_deref(), result.error_code), expect, "{request:?}");
    };
    check(delete_by_id(Uuid([9; 16]), None), (None, ErrorCode::UNKNOWN_TOPIC_ID));
    check(delete_by_id(topic.id, Some("orders")), (Some("orders"), ErrorCode::INVALID_REQUEST));
    check(delete_by_id(Uuid::ZERO, None), (None, ErrorCode::INVALID_REQUEST));
    check(delete_by_id(topic.id, None), (Some("orders"), ErrorCode::NONE));
    check(delete_by_id(topic.id, None), (None, ErrorCode::UNKNOWN_TOPIC_ID));
    assert!(all_names(driver).is_empty());
}

#[test]
fn a_topic_that_is_named_twice_in_a_request_is_not_deleted() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 1);
    for version in DELETE {
        let results = delete(driver, version, &delete_by_names(version, &["orders", "orders"]));
        assert!(results.iter().all(|result| result.error_code == ErrorCode::INVALID_REQUEST), "v{version}");
        assert_eq!(all_names(driver), ["orders"]);
    }
}

#[test]
fn deletion_can_be_switched_off() {
    let driver = &mut Driver::with(&[("delete.topic.enable", "false")]);
    create_topic(driver, "orders", 1);
    for version in DELETE {
        let result = delete(driver, version, &delete_by_names(version, &["orders"])).remove(0);
        let expect = if version < 3 { ErrorCode::INVALID_REQUEST } else { ErrorCode::TOPIC_DELETION_DISABLED };
        assert_eq!(result.error_code, expect, "v{version}");
    }
    assert_eq!(all_names(driver), ["orders"]);
}

#[test]
fn a_topic_that_is_created_again_at_once_is_another_one() {
    let driver = &mut Driver::default();
    let mut seen = std::collections::HashSet::new();
    for round in 0..20 {
        let topic = create_topic(driver, "orders", 2);
        assert!(seen.insert(topic.id), "round {round}: an id comes twice");
        assert_eq!(end_offset(driver, &topic, 1), 0, "round {round}");
        let batch = Batch::of(&["a", "b"]);
        assert_eq!(produce(driver, &topic, 1, &batch), 0, "round {round}");
        assert_eq!(fetched(driver, &topic, 1, 0), batch.stored_at(0));
        delete_topic(driver, "orders");
        assert_eq!(ask(driver, 12, &by_id(topic.id)).topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_ID);
    }
}

#[test]
fn the_offsets_that_groups_have_committed_go_with_their_topic() {
    let driver = &mut Driver::default();
    let connection = driver.connect();
    for name in ["gone", "stays"] {
        create_topic(driver, name, 1);
        let partition = offset_commit::OffsetCommitRequestPartition { committed_offset: 5, ..Default::default() };
        let topic = offset_commit::OffsetCommitRequestTopic {
            name: name.to_owned(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request =
            offset_commit::Request { group_id: "group".to_owned(), topics: vec![topic], ..Default::default() };
        let response = driver.ask(connection, 8, &request);
        assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::NONE);
    }
    delete_topic(driver, "gone");
    create_topic(driver, "gone", 1);
    let request = offset_fetch::Request { group_id: "group".to_owned(), topics: None, ..Default::default() };
    let response = driver.ask(connection, 7, &request);
    let left: Vec<_> = response.topics.iter().map(|topic| topic.name.as_str()).collect();
    assert_eq!(left, ["stays"]);
}

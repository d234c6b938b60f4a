//! Administration: what a tool asks of the only broker of a cluster.

use kafka_rs::wire::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_rs::wire::messages::*;
use kafka_rs::wire::{ErrorCode, Uuid};

use crate::driver::Driver;
use crate::records::Batch;
use crate::requests::{
    Fetch, Topic, create_topic, create_topic_with, end_offset, fetched, list_offset, partitions, produce, want,
};

const TIMEOUT_MS: i32 = 5_000;

/// An error's code and message.
type Outcome = (ErrorCode, Option<String>);

fn ok() -> Outcome {
    (ErrorCode::NONE, None)
}

fn refused(code: ErrorCode, message: &str) -> Outcome {
    (code, Some(message.to_owned()))
}

fn partition_count(driver: &mut Driver, name: &str) -> usize {
    let topic = metadata::MetadataRequestTopic { name: Some(name.to_owned()), ..Default::default() };
    let request = metadata::Request { topics: Some(vec![topic]), ..Default::default() };
    let connection = driver.connect();
    driver.ask(connection, 12, &request).topics.remove(0).partitions.len()
}

fn more_partitions(name: &str, count: i32, assignments: Option<&[&[i32]]>) -> create_partitions::CreatePartitionsTopic {
    let assign = |ids: &&[i32]| create_partitions::CreatePartitionsAssignment { broker_ids: ids.to_vec() };
    let assignments = assignments.map(|assignments| assignments.iter().map(assign).collect());
    create_partitions::CreatePartitionsTopic { name: name.to_owned(), count, assignments }
}

fn create_partitions(driver: &mut Driver, request: &create_partitions::Request) -> Vec<(String, Outcome)> {
    let connection = driver.connect();
    let mut results = None;
    for version in 0..=3 {
        let validate_only = create_partitions::Request { validate_only: true, ..request.clone() };
        let response = driver.ask(connection, version, &validate_only);
        let outcome =
            response.results.into_iter().map(|result| (result.name, (result.error_code, result.error_message)));
        let outcome: Vec<_> = outcome.collect();
        assert_eq!(*results.get_or_insert(outcome.clone()), outcome, "v{version}");
    }
    let response = driver.ask(connection, 3, request);
    response.results.into_iter().map(|result| (result.name, (result.error_code, result.error_message))).collect()
}

#[test]
fn topics_grow() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "t", 2);
    produce(driver, &topic, 1, &Batch::of(&["kept"]));
    let mut check = |count, assignments, expect: Outcome, size| {
        let topics = vec![more_partitions("t", count, assignments)];
        let request = create_partitions::Request { topics, timeout_ms: TIMEOUT_MS, validate_only: false };
        assert_eq!(create_partitions(driver, &request), [("t".to_owned(), expect)], "{count} {assignments:?}");
        assert_eq!(partition_count(driver, "t"), size, "{count} {assignments:?}");
    };
    let partitions = |message| refused(ErrorCode::INVALID_PARTITIONS, message);
    let assignment = |message| refused(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
    check(2, None, partitions("Topic already has 2 partition(s)."), 2);
    check(1, None, partitions("The topic t currently has 2 partition(s); 1 would not be an increase."), 2);
    check(-1, None, partitions("The topic t currently has 2 partition(s); -1 would not be an increase."), 2);
    check(i32::MAX, None, partitions("2147483647 partitions are more than the 10000 that a topic may have."), 2);
    let too_few = "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.";
    check(4, Some(&[&[1]]), assignment(too_few), 2);
    let too_many = "Attempted to add 2 additional partition(s), but only 3 assignment(s) were specified.";
    check(4, Some(&[&[1], &[1], &[1]]), assignment(too_many), 2);
    let other = "The manual partition assignment includes broker 2, but no such broker is registered.";
    check(4, Some(&[&[1], &[2]]), assignment(other), 2);
    let twice = "The manual partition assignment includes the broker 1 more than once.";
    check(4, Some(&[&[1, 1], &[1]]), assignment(twice), 2);
    let empty = "The manual partition assignment includes an empty replica list.";
    check(4, Some(&[&[1], &[]]), assignment(empty), 2);
    check(4, Some(&[&[1], &[1]]), ok(), 4);
    check(5, None, ok(), 5);
    assert_eq!(end_offset(driver, &topic, 1), 1, "the records are still there");
    assert_eq!(produce(driver, &topic, 4, &Batch::of(&["new"])), 0, "the new partition can be written");
}

#[test]
fn partitions_are_created_for_each_topic_on_its_own() {
    let driver = &mut Driver::default();
    create_topic(driver, "a", 1);
    create_topic(driver, "b", 1);
    let topics = ["a", "absent", "b", "a"].map(|name| more_partitions(name, 3, None)).to_vec();
    let mut request = create_partitions::Request { topics, timeout_ms: TIMEOUT_MS, validate_only: false };
    let duplicate = refused(ErrorCode::INVALID_REQUEST, "Duplicate topic name.");
    let expect = [("a", duplicate.clone()), ("absent", (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None)), ("b", ok())];
    assert_eq!(create_partitions(driver, &request), expect.map(|(name, outcome)| (name.to_owned(), outcome)));
    assert_eq!((partition_count(driver, "a"), partition_count(driver, "b")), (1, 3));
    request.timeout_ms = 0;
    let late = (ErrorCode::REQUEST_TIMED_OUT, None);
    let expect = [("a", duplicate), ("absent", late.clone()), ("b", late)];
    assert_eq!(create_partitions(driver, &request), expect.map(|(name, outcome)| (name.to_owned(), outcome)));
}

pub fn delete_records(driver: &mut Driver, topic: &str, partition_index: i32, offset: i64) -> (i64, ErrorCode) {
    let partition = delete_records::DeleteRecordsPartition { partition_index, offset };
    let topic = delete_records::DeleteRecordsTopic { name: topic.to_owned(), partitions: vec![partition] };
    let request = delete_records::Request { topics: vec![topic], timeout_ms: 0 };
    let connection = driver.connect();
    let result = driver.ask(connection, 2, &request).topics.remove(0).partitions.remove(0);
    (result.low_watermark, result.error_code)
}

#[test]
fn records_are_deleted_up_to_an_offset() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "t", 2);
    let batches = ["a", "b", "c"].map(|value| Batch::of(&[value, value]));
    for batch in &batches {
        produce(driver, &topic, 0, batch);
    }
    let refused = |code| (-1, code);
    assert_eq!(delete_records(driver, "t", 0, 0), (0, ErrorCode::NONE));
    assert_eq!(delete_records(driver, "t", 0, 3), (3, ErrorCode::NONE));
    assert_eq!(delete_records(driver, "t", 0, 2), (3, ErrorCode::NONE), "the start never goes back");
    assert_eq!(list_offset(driver, 8, &topic, 0, -2).offset, 3);
    assert_eq!(fetched(driver, &topic, 0, 3), [batches[1].stored_at(2), batches[2].stored_at(4)].concat());
    let connection = driver.connect();
    let response = Fetch::of(vec![want(&topic, 0, 2)]).ask(driver, connection, 12);
    assert_eq!(partitions(&response)[0].1, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(delete_records(driver, "t", 0, 7), refused(ErrorCode::OFFSET_OUT_OF_RANGE));
    assert_eq!(delete_records(driver, "t", 0, -2), refused(ErrorCode::OFFSET_OUT_OF_RANGE));
    assert_eq!(delete_records(driver, "t", 2, 0), refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert_eq!(delete_records(driver, "absent", 0, 0), refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert_eq!(delete_records(driver, "t", 0, -1), (6, ErrorCode::NONE));
    assert_eq!(delete_records(driver, "t", 1, -1), (0, ErrorCode::NONE), "an empty partition");
    assert_eq!(produce(driver, &topic, 0, &batches[0]), 6, "the next record gets the next offset");
}

#[test]
fn records_of_a_compacted_topic_are_not_deleted() {
    let driver = &mut Driver::default();
    create_topic_with(driver, "compacted", 1, &[("cleanup.policy", "compact")]);
    create_topic_with(driver, "both", 1, &[("cleanup.policy", "compact,delete")]);
    assert_eq!(delete_records(driver, "compacted", 0, 0), (-1, ErrorCode::POLICY_VIOLATION));
    assert_eq!(delete_records(driver, "both", 0, 0), (0, ErrorCode::NONE));
}

#[test]
fn a_fetch_that_waits_hears_that_its_records_are_gone() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "t", 1);
    produce(driver, &topic, 0, &Batch::of(&["a", "b"]));
    let connection = driver.connect();
    driver.send(connection, 12, &Fetch::of(vec![want(&topic, 0, 0)]).waiting(5_000, 100_000).request());
    assert!(driver.is_waiting(connection));
    assert_eq!(delete_records(driver, "t", 0, 1), (1, ErrorCode::NONE));
    let response = driver.answer::<fetch::Request>(connection).expect("an answer before the deadline");
    assert_eq!(partitions(&response)[0].1, ErrorCode::OFFSET_OUT_OF_RANGE);
}

fn commit(driver: &mut Driver, group: &str, topic: &Topic, partition_index: i32) {
    let partition = OffsetCommitRequestPartition { partition_index, committed_offset: 1, ..Default::default() };
    let topic =
        OffsetCommitRequestTopic { name: topic.name.clone(), partitions: vec![partition], ..Default::default() };
    let request =
        offset_commit::Request { group_id: group.to_owned(), topics: vec![topic], ..offset_commit::Request::default() };
    let connection = driver.connect();
    let response = driver.ask(connection, 8, &request);
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::NONE);
}

fn committed(driver: &mut Driver, group: &str) -> Vec<(String, i32)> {
    let group =
        offset_fetch::OffsetFetchRequestGroup { group_id: group.to_owned(), topics: None, ..Default::default() };
    let request = offset_fetch::Request { groups: vec![group], ..Default::default() };
    let connection = driver.connect();
    let topics = driver.ask(connection, 8, &request).groups.remove(0).topics;
    let indexes = topics.into_iter().flat_map(|topic| {
        let name = topic.name;
        topic.partitions.into_iter().map(move |partition| (name.clone(), partition.partition_index))
    });
    indexes.collect()
}

/// Joins a group as its only member, with metadata that is that of a consumer of one topic, and completes the rebalance.
fn join(driver: &mut Driver, group: &str, protocol_type: &str, topic: &str) -> String {
    let length = u8::try_from(topic.len()).expect("a short name");
    let metadata = [&[0, 0, 0, 0, 0, 1, 0, length], topic.as_bytes(), &[0xff, 0xff, 0xff, 0xff]].concat();
    let protocol = join_group::JoinGroupRequestProtocol { name: "range".to_owned(), metadata: metadata.into() };
    let request = join_group::Request {
        group_id: group.to_owned(),
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 30_000,
        protocol_type: protocol_type.to_owned(),
        protocols: vec![protocol],
        ..Default::default()
    };
    let connection = driver.connect();
    let member_id = driver.ask(connection, 3, &request).member_id;
    let assignment =
        sync_group::SyncGroupRequestAssignment { member_id: member_id.clone(), assignment: Default::default() };
    let request = sync_group::Request {
        group_id: group.to_owned(),
        generation_id: 1,
        member_id: member_id.clone(),
        assignments: vec![assignment],
        ..Default::default()
    };
    assert_eq!(driver.ask(connection, 3, &request).error_code, ErrorCode::NONE);
    member_id
}

fn delete_groups(driver: &mut Driver, names: &[&str]) -> Vec<(String, ErrorCode)> {
    let request = delete_groups::Request { groups_names: names.iter().map(|name| (*name).to_owned()).collect() };
    let connection = driver.connect();
    let results = driver.ask(connection, 2, &request).results;
    results.into_iter().map(|result| (result.group_id, result.error_code)).collect()
}

#[test]
fn groups_without_members_are_deleted() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "t", 1);
    commit(driver, "simple", &topic, 0);
    join(driver, "running", "consumer", "t");
    let expect = [
        ("simple", ErrorCode::NONE),
        ("absent", ErrorCode::GROUP_ID_NOT_FOUND),
        ("running", ErrorCode::NON_EMPTY_GROUP),
        ("", ErrorCode::GROUP_ID_NOT_FOUND),
    ];
    let deleted = delete_groups(driver, &["simple", "absent", "simple", "running", ""]);
    assert_eq!(deleted, expect.map(|(name, error)| (name.to_owned(), error)));
    assert_eq!(committed(driver, "simple"), []);
    assert_eq!(delete_groups(driver, &["simple"]), [("simple".to_owned(), ErrorCode::GROUP_ID_NOT_FOUND)]);
}

fn offset_delete(driver: &mut Driver, group: &str, topics: &[(&str, &[i32])]) -> offset_delete::Response {
    let partition = |index: &i32| offset_delete::OffsetDeleteRequestPartition { partition_index: *index };
    let topic = |(name, indexes): &(&str, &[i32])| offset_delete::OffsetDeleteRequestTopic {
        name: (*name).to_owned(),
        partitions: indexes.iter().map(partition).collect(),
    };
    let topics = topics.iter().map(topic).collect();
    let connection = driver.connect();
    driver.ask(connection, 0, &offset_delete::Request { group_id: group.to_owned(), topics })
}

fn deleted(response: &offset_delete::Response) -> Vec<(&str, i32, ErrorCode)> {
    assert_eq!(response.error_code, ErrorCode::NONE);
    let results = response.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (topic.name.as_str(), partition.partition_index, partition.error_code))
    });
    results.collect()
}

#[test]
fn offsets_are_deleted() {
    let driver = &mut Driver::default();
    let (a, b) = (create_topic(driver, "a", 2), create_topic(driver, "b", 1));
    for (topic, partition) in [(&a, 0), (&a, 1), (&b, 0)] {
        commit(driver, "g", topic, partition);
    }
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let response = offset_delete(driver, "g", &[("a", &[0, 7]), ("absent", &[0]), ("b", &[])]);
    let expect = [("a", 7, unknown), ("a", 0, ErrorCode::NONE), ("absent", 0, unknown)];
    assert_eq!(deleted(&response), expect);
    assert_eq!(committed(driver, "g"), [("a".to_owned(), 1), ("b".to_owned(), 0)]);
    assert_eq!(deleted(&offset_delete(driver, "g", &[("a", &[0])])), [("a", 0, ErrorCode::NONE)], "there was none");
    assert_eq!(offset_delete(driver, "absent", &[("a", &[0])]).error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(offset_delete(driver, "", &[("a", &[0])]).error_code, ErrorCode::INVALID_GROUP_ID);
}

#[test]
fn a_group_keeps_the_offsets_of_what_it_reads() {
    let driver = &mut Driver::default();
    create_topic(driver, "a", 1);
    create_topic(driver, "b", 1);
    join(driver, "g", "consumer", "a");
    let subscribed = ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC;
    let response = offset_delete(driver, "g", &[("a", &[0]), ("b", &[0])]);
    assert_eq!(deleted(&response), [("a", 0, subscribed), ("b", 0, ErrorCode::NONE)]);
    join(driver, "other", "connect", "a");
    assert_eq!(offset_delete(driver, "other", &[("b", &[0])]).error_code, ErrorCode::NON_EMPTY_GROUP);
}

fn elections(topics: &[(&str, &[i32])]) -> elect_leaders::Request {
    let topic = |(name, indexes): &(&str, &[i32])| elect_leaders::TopicPartitions {
        topic: (*name).to_owned(),
        partitions: indexes.to_vec(),
    };
    let topic_partitions = Some(topics.iter().map(topic).collect());
    elect_leaders::Request { topic_partitions, timeout_ms: TIMEOUT_MS, ..Default::default() }
}

#[test]
fn the_only_replica_leads() {
    let driver = &mut Driver::default();
    create_topic(driver, "t", 1);
    let connection = driver.connect();
    let ask = |driver: &mut Driver, request: &elect_leaders::Request| {
        let response = driver.ask(connection, 2, request);
        let results = response.replica_election_results.into_iter().flat_map(|topic| topic.partition_result);
        let results = results.map(|result| (result.error_code, result.error_message)).collect::<Vec<_>>();
        (response.error_code, results)
    };
    let request = elections(&[("t", &[0, 9]), ("absent", &[0])]);
    let needless = refused(ErrorCode::ELECTION_NOT_NEEDED, "Leader election not needed for topic partition.");
    let unknown = |message| refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message);
    let expect = vec![needless, unknown("No such partition as t-9"), unknown("No such topic as absent")];
    assert_eq!(ask(driver, &request), (ErrorCode::NONE, expect.clone()));
    let unclean = elect_leaders::Request { election_type: 1, ..request.clone() };
    assert_eq!(ask(driver, &unclean), (ErrorCode::NONE, expect));
    let other = elect_leaders::Request { election_type: 2, ..elections(&[("t", &[0])]) };
    let invalid = refused(ErrorCode::INVALID_REQUEST, "Unknown election type 2");
    assert_eq!(ask(driver, &other), (ErrorCode::INVALID_REQUEST, vec![invalid]));
    let late = elect_leaders::Request { timeout_ms: 0, ..elections(&[("t", &[0])]) };
    let timed_out = (ErrorCode::REQUEST_TIMED_OUT, None);
    assert_eq!(ask(driver, &late), (ErrorCode::REQUEST_TIMED_OUT, vec![timed_out]));
    let all = elect_leaders::Request { topic_partitions: None, ..request };
    assert_eq!(driver.ask(connection, 2, &all).replica_election_results.len(), 1, "the topic, and nothing to do in it");
    assert_eq!(ask(driver, &all), (ErrorCode::NONE, vec![]));
}

#[test]
fn partitions_stay_where_they_are() {
    let driver = &mut Driver::default();
    create_topic(driver, "t", 1);
    let connection = driver.connect();
    let mut reassign = |name: &str, partition_index, replicas: Option<&[i32]>, timeout_ms| {
        let replicas = replicas.map(<[i32]>::to_vec);
        let partition = alter_partition_reassignments::ReassignablePartition { partition_index, replicas };
        let topic =
            alter_partition_reassignments::ReassignableTopic { name: name.to_owned(), partitions: vec![partition] };
        let request = alter_partition_reassignments::Request { topics: vec![topic], timeout_ms, ..Default::default() };
        let mut response = driver.ask(connection, 1, &request);
        let partition = response.responses.remove(0).partitions.remove(0);
        (response.error_code, (partition.error_code, partition.error_message))
    };
    let unknown = |message| (ErrorCode::NONE, refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message));
    assert_eq!(reassign("t", 0, Some(&[1]), TIMEOUT_MS), (ErrorCode::NONE, ok()));
    assert_eq!(reassign("t", 0, None, TIMEOUT_MS), (ErrorCode::NONE, (ErrorCode::NO_REASSIGNMENT_IN_PROGRESS, None)));
    let other = "The manual partition assignment includes broker 2, but no such broker is registered.";
    let expect = (ErrorCode::NONE, refused(ErrorCode::INVALID_REPLICA_ASSIGNMENT, other));
    assert_eq!(reassign("t", 0, Some(&[1, 2]), TIMEOUT_MS), expect);
    assert_eq!(reassign("t", 5, Some(&[1]), TIMEOUT_MS), unknown("Unable to find partition t:5."));
    assert_eq!(reassign("absent", 0, None, TIMEOUT_MS), unknown("Unable to find a topic named absent."));
    let late = (ErrorCode::REQUEST_TIMED_OUT, (ErrorCode::REQUEST_TIMED_OUT, None));
    assert_eq!(reassign("t", 0, Some(&[1]), 0), late);
    let request = list_partition_reassignments::Request::default();
    assert_eq!(driver.ask(connection, 0, &request).topics, []);
}

#[test]
fn log_dirs_show_what_partitions_hold() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "t", 2);
    create_topic(driver, "u", 1);
    let batch = Batch::of(&["a", "b"]);
    produce(driver, &topic, 1, &batch);
    let size = i64::try_from(batch.encode().len()).expect("a small batch");
    let connection = driver.connect();
    let mut describe = |topics: Option<&[(&str, &[i32])]>| {
        let topic = |(name, indexes): &(&str, &[i32])| describe_log_dirs::DescribableLogDirTopic {
            topic: (*name).to_owned(),
            partitions: indexes.to_vec(),
        };
        let topics = topics.map(|topics| topics.iter().map(topic).collect());
        let mut response = driver.ask(connection, 4, &describe_log_dirs::Request { topics });
        assert_eq!((response.results.len(), response.results[0].total_bytes), (1, -1));
        let dir = response.results.remove(0);
        let partitions = dir.topics.into_iter().flat_map(|topic| {
            let name = topic.name;
            topic
                .partitions
                .into_iter()
                .map(move |partition| (name.clone(), partition.partition_index, partition.partition_size))
        });
        (dir.log_dir, partitions.collect::<Vec<_>>())
    };
    let named = |name: &str, index, size| (name.to_owned(), index, size);
    let (dir, all) = describe(None);
    assert_eq!(all, [named("t", 0, 0), named("t", 1, size), named("u", 0, 0)]);
    let (_, some) = describe(Some(&[("t", &[1, 1, 7]), ("absent", &[0]), ("u", &[])]));
    assert_eq!(some, [named("t", 1, size)]);
    assert_eq!(describe(Some(&[])).1, []);

    let mut alter = |path: &str, name: &str, partition| {
        let topic =
            alter_replica_log_dirs::AlterReplicaLogDirTopic { name: name.to_owned(), partitions: vec![partition] };
        let dir = alter_replica_log_dirs::AlterReplicaLogDir { path: path.to_owned(), topics: vec![topic] };
        let response = driver.ask(connection, 2, &alter_replica_log_dirs::Request { dirs: vec![dir] });
        response.results[0].partitions[0].error_code
    };
    assert_eq!(alter(&dir, "t", 0), ErrorCode::NONE);
    assert_eq!(alter(&dir, "t", 9), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(alter("/elsewhere", "t", 0), ErrorCode::LOG_DIR_NOT_FOUND);
    assert_eq!(alter("/elsewhere", "absent", 0), ErrorCode::LOG_DIR_NOT_FOUND);
}

/// Topics with their partitions' indexes, and where to go on.
type Page = (Vec<(String, ErrorCode, Vec<i32>)>, Option<(String, i32)>);

fn page(driver: &mut Driver, names: &[&str], limit: i32, cursor: Option<(&str, i32)>) -> Page {
    let request = describe_topic_partitions::Request {
        topics: names.iter().map(|name| describe_topic_partitions::TopicRequest { name: (*name).to_owned() }).collect(),
        response_partition_limit: limit,
        cursor: cursor.map(|(name, partition_index)| describe_topic_partitions::Cursor {
            topic_name: name.to_owned(),
            partition_index,
        }),
    };
    let connection = driver.connect();
    let response = driver.ask(connection, 0, &request);
    let topics = response.topics.into_iter().map(|topic| {
        let indexes = topic.partitions.iter().map(|partition| partition.partition_index).collect();
        (topic.name.unwrap_or_default(), topic.error_code, indexes)
    });
    (topics.collect(), response.next_cursor.map(|cursor| (cursor.topic_name, cursor.partition_index)))
}

#[test]
fn partitions_are_described_in_pages() {
    let driver = &mut Driver::with(&[("max.request.partition.size.limit", "4")]);
    create_topic(driver, "b", 3);
    create_topic(driver, "a", 2);
    let topic = |name: &str, indexes: &[i32]| (name.to_owned(), ErrorCode::NONE, indexes.to_vec());
    let failed = |name: &str, code| (name.to_owned(), code, vec![]);
    let next = |name: &str, index| Some((name.to_owned(), index));
    let (a, b) = (topic("a", &[0, 1]), topic("b", &[0, 1, 2]));
    assert_eq!(page(driver, &[], 2_000, None), (vec![a.clone(), topic("b", &[0, 1])], next("b", 2)));
    assert_eq!(page(driver, &[], 2_000, Some(("b", 2))), (vec![topic("b", &[2])], None));
    assert_eq!(page(driver, &[], 2, None), (vec![a.clone()], next("b", 0)));
    assert_eq!(page(driver, &[], 0, None), (vec![topic("a", &[0])], next("a", 1)), "at least one");
    assert_eq!(page(driver, &["b", "b"], 3, None), (vec![b.clone()], None));
    let (unknown, invalid) = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::INVALID_TOPIC_EXCEPTION);
    let expect = vec![failed("!", invalid), b, failed("c", unknown)];
    assert_eq!(page(driver, &["c", "!", "b"], 4, None), (expect, None));
    assert_eq!(page(driver, &["a", "absent"], 2, None), (vec![a], next("absent", 0)));
    let refused = |names: &[&str]| names.iter().map(|name| failed(name, ErrorCode::INVALID_REQUEST)).collect();
    assert_eq!(page(driver, &["a", "b"], 9, Some(("c", 0))), (refused(&["a", "b"]), None));
    assert_eq!(page(driver, &["a", "b"], 9, Some(("a", -1))), (refused(&["a", "b"]), None));
    assert_eq!(page(driver, &["a"], 9, Some(("a", 9))), (vec![topic("a", &[])], None));
    assert_eq!(page(driver, &[], 9, Some(("c", 0))), (vec![], None));
}

#[test]
fn the_broker_is_the_quorum() {
    let driver = &mut Driver::with(&[("node.id", "4")]);
    let connection = driver.connect();
    let mut ask = |topics: &[(&str, &[i32])]| {
        let partition = |index: &i32| describe_quorum::PartitionData { partition_index: *index };
        let topic = |(name, indexes): &(&str, &[i32])| describe_quorum::TopicData {
            topic_name: (*name).to_owned(),
            partitions: indexes.iter().map(partition).collect(),
        };
        let request = describe_quorum::Request { topics: topics.iter().map(topic).collect() };
        driver.ask(connection, 2, &request)
    };
    let response = ask(&[("__cluster_metadata", &[0])]);
    let partition = &response.topics[0].partitions[0];
    assert_eq!((partition.error_code, partition.leader_id, partition.leader_epoch), (ErrorCode::NONE, 4, 1));
    assert_eq!((partition.current_voters.len(), partition.current_voters[0].replica_id), (1, 4));
    let listener = &response.nodes[0].listeners[0];
    assert_eq!((listener.name.as_str(), listener.host.as_str(), listener.port), ("PLAINTEXT", "127.0.0.1", 9092));
    for topics in [[("other", &[0][..])], [("__cluster_metadata", &[1])], [("__cluster_metadata", &[0, 0])]] {
        let response = ask(&topics);
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        assert!(partitions.into_iter().all(|result| result.error_code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        assert!(response.nodes.is_empty());
    }
}

fn finalized(driver: &mut Driver) -> Vec<(String, i16)> {
    let request =
        api_versions::Request { client_software_name: "test".to_owned(), client_software_version: "1".to_owned() };
    let connection = driver.connect();
    let features = driver.ask(connection, 4, &request).finalized_features;
    features.into_iter().map(|feature| (feature.name, feature.max_version_level)).collect()
}

/// The version of a feature that is in force; 0 if it is off.
fn level(driver: &mut Driver, feature: &str) -> i16 {
    finalized(driver).into_iter().find(|(name, _)| name == feature).map_or(0, |(_, level)| level)
}

fn update_feature(driver: &mut Driver, feature: &str, level: i16, upgrade_type: i8, validate_only: bool) -> Outcome {
    let feature = feature.to_owned();
    let update =
        update_features::FeatureUpdateKey { feature, max_version_level: level, upgrade_type, ..Default::default() };
    let request = update_features::Request { feature_updates: vec![update], validate_only, ..Default::default() };
    let connection = driver.connect();
    let response = driver.ask(connection, 2, &request);
    (response.error_code, response.error_message)
}

const ELIGIBLE: &str = "eligible.leader.replicas.version";
const KRAFT: &str = "kraft.version";
const METADATA: &str = "metadata.version";
const TRANSACTIONS: &str = "transaction.version";

#[test]
fn features_go_up_and_down() {
    let driver = &mut Driver::default();
    let start = [(ELIGIBLE, 1), (METADATA, 29), (TRANSACTIONS, 2)].map(|(name, level)| (name.to_owned(), level));
    assert_eq!(finalized(driver), start);
    let mut check = |feature, to: i16, upgrade_type, reason: Option<&str>| {
        let expect = reason.map_or(ok(), |reason| {
            let message =
                format!("The update failed for all features since the following feature had an error: {reason}");
            (ErrorCode::INVALID_UPDATE_VERSION, Some(message))
        });
        let before = level(driver, feature);
        let after = if reason.is_some() { before } else { to };
        let name = format!("{feature} {upgrade_type} to {to}");
        assert_eq!(update_feature(driver, feature, to, upgrade_type, true), expect, "{name}");
        assert_eq!(level(driver, feature), before, "{name}: only validated");
        assert_eq!(update_feature(driver, feature, to, upgrade_type, false), expect, "{name}");
        assert_eq!(level(driver, feature), after, "{name}");
    };
    let mut refused = |feature, to: i16, upgrade_type, reason: &str| {
        let reason = format!("Invalid update version {to} for feature {feature}. {reason}");
        check(feature, to, upgrade_type, Some(&reason));
    };
    let upwards = "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe \
                   downgrade.";
    refused(TRANSACTIONS, 1, 1, upwards);
    refused(TRANSACTIONS, 1, 0, "The controller does not support the given upgrade type.");
    refused(TRANSACTIONS, 3, 1, "Local controller 1 only supports versions 0-2");
    refused(TRANSACTIONS, -1, 1, "A feature version cannot be less than 0.");
    refused(METADATA, 6, 2, "Local controller 1 only supports versions 7-29");
    refused(METADATA, 28, 1, upwards);
    refused("group.version", 1, 1, "Local controller 1 does not support this feature.");
    check(TRANSACTIONS, 2, 2, None);
    check(TRANSACTIONS, 1, 2, None);
    check(TRANSACTIONS, 0, 3, None);
    check(TRANSACTIONS, 2, 1, None);
    check(METADATA, 23, 2, None);
    let lost = "Refusing to perform the requested downgrade because it might delete metadata information.";
    check(METADATA, 22, 2, Some(&format!("Unsupported metadata.version downgrade from 23 to 22. {lost}")));
    let unsafe_one = "Unsafe metadata downgrade is not supported in this version.";
    check(METADATA, 7, 3, Some(&format!("Unsupported metadata.version downgrade from 23 to 7. {unsafe_one}")));
    check(METADATA, 29, 1, None);
    let newer = "Invalid update version 1 for feature kraft.version. Can't downgrade to a newer version.";
    check(KRAFT, 1, 2, Some(newer));
    check(KRAFT, 1, 1, None);
    let never = "Invalid update version 0 for feature kraft.version. Can't downgrade the version of this feature.";
    check(KRAFT, 0, 2, Some(never));
    check(KRAFT, 0, 3, Some(never));
}

/// Without eligible leaders `min.insync.replicas` is a setting like others; with them it is one of all brokers again.
#[test]
fn eligible_leaders_need_one_min_insync_replicas() {
    let driver = &mut Driver::default();
    let connection = driver.connect();
    let alter = |driver: &mut Driver, broker: &str, config_operation, value: Option<&str>| {
        let config = incremental_alter_configs::AlterableConfig {
            name: "min.insync.replicas".to_owned(),
            config_operation,
            value: value.map(str::to_owned),
        };
        let resource = incremental_alter_configs::AlterConfigsResource {
            resource_type: 4,
            resource_name: broker.to_owned(),
            configs: vec![config],
        };
        let request = incremental_alter_configs::Request { resources: vec![resource], ..Default::default() };
        driver.ask(connection, 1, &request).responses.remove(0).error_code
    };
    let shown = |driver: &mut Driver| {
        let resource = describe_configs::DescribeConfigsResource {
            resource_type: 4,
            resource_name: "1".to_owned(),
            configuration_keys: Some(vec!["min.insync.replicas".to_owned()]),
        };
        let request = describe_configs::Request { resources: vec![resource], ..Default::default() };
        let config = driver.ask(connection, 4, &request).results.remove(0).configs.remove(0);
        (config.value, config.config_source)
    };
    let (single, all, default) = (2, 3, 5);
    assert_eq!(alter(driver, "1", 0, Some("2")), ErrorCode::INVALID_CONFIG);
    assert_eq!(alter(driver, "", 1, None), ErrorCode::INVALID_CONFIG);
    assert_eq!(shown(driver), (Some("1".to_owned()), all));
    assert_eq!(update_feature(driver, ELIGIBLE, 0, 2, false), ok());
    assert_eq!(shown(driver), (Some("1".to_owned()), all));
    assert_eq!(alter(driver, "", 1, None), ErrorCode::NONE);
    assert_eq!(shown(driver), (Some("1".to_owned()), default));
    assert_eq!(alter(driver, "1", 0, Some("2")), ErrorCode::NONE);
    assert_eq!(shown(driver), (Some("2".to_owned()), single));
    assert_eq!(update_feature(driver, ELIGIBLE, 1, 1, false), ok());
    assert_eq!(shown(driver), (Some("1".to_owned()), all));
    assert_eq!(alter(driver, "1", 0, Some("2")), ErrorCode::INVALID_CONFIG);
}

fn voter_directory(driver: &mut Driver) -> Uuid {
    let partitions = vec![describe_quorum::PartitionData { partition_index: 0 }];
    let topic = describe_quorum::TopicData { topic_name: "__cluster_metadata".to_owned(), partitions };
    let connection = driver.connect();
    let response = driver.ask(connection, 2, &describe_quorum::Request { topics: vec![topic] });
    response.topics[0].partitions[0].current_voters[0].replica_directory_id
}

#[test]
fn the_only_voter_stays_the_only_one() {
    let driver = &mut Driver::default();
    let connection = driver.connect();
    let own = Uuid([7; 16]);
    let listener = |name: &str, port| add_raft_voter::Listener { name: name.to_owned(), host: "h".to_owned(), port };
    let adding = |voter_id, voter_directory_id| add_raft_voter::Request {
        cluster_id: None,
        voter_id,
        voter_directory_id,
        listeners: vec![listener("controller", 9)],
        ..Default::default()
    };
    let removing =
        |voter_id, voter_directory_id| remove_raft_voter::Request { cluster_id: None, voter_id, voter_directory_id };
    let add = |driver: &mut Driver, request: &add_raft_voter::Request| {
        let outcomes = [0, 1].map(|version| {
            let response = driver.ask(connection, version, request);
            (response.error_code, response.error_message)
        });
        assert_eq!(outcomes[0], outcomes[1]);
        outcomes.into_iter().next().unwrap()
    };
    let remove = |driver: &mut Driver, request: &remove_raft_voter::Request| {
        let response = driver.ask(connection, 0, request);
        (response.error_code, response.error_message)
    };
    let invalid = |message| refused(ErrorCode::INVALID_REQUEST, message);
    for (id, directory) in [(-1, own), (2, Uuid::ZERO)] {
        let expect = invalid("Add voter request didn't include a valid voter");
        assert_eq!(add(driver, &adding(id, directory)), expect);
        let expect = invalid("Remove voter request didn't include a valid voter");
        assert_eq!(remove(driver, &removing(id, directory)), expect);
    }
    let other = add_raft_voter::Request { cluster_id: Some("other".to_owned()), ..adding(2, own) };
    assert_eq!(add(driver, &other).0, ErrorCode::INCONSISTENT_CLUSTER_ID);
    let elsewhere = add_raft_voter::Request {
        listeners: vec![listener("b", 1), listener("a", 2), listener("b", 3)],
        ..adding(2, own)
    };
    let expect = "Add voter request didn't include the endpoint (Endpoints(endpoints={ListenerName(A)=h/<unresolved>:2, \
                  ListenerName(B)=h/<unresolved>:3})) for the default listener ListenerName(CONTROLLER)";
    assert_eq!(add(driver, &elsewhere), invalid(expect));

    assert_eq!(add(driver, &adding(2, own)).0, ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(remove(driver, &removing(1, own)).0, ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(voter_directory(driver), Uuid::ZERO);
    assert_eq!(update_feature(driver, KRAFT, 1, 1, false), ok());
    let directory = voter_directory(driver);
    assert_ne!(directory, Uuid::ZERO);
    assert_eq!(add(driver, &adding(2, own)).0, ErrorCode::REQUEST_TIMED_OUT);
    let (voter, all) =
        (format!("ReplicaKey(id=1, directoryId={own})"), format!("[ReplicaKey(id=1, directoryId={directory})]"));
    let expect = format!("The voter id for {voter} is already part of the set of voters {all}.");
    assert_eq!(add(driver, &adding(1, own)), refused(ErrorCode::DUPLICATE_VOTER, &expect));
    let expect = format!("Cannot remove voter {voter} from the set of voters {all}");
    assert_eq!(remove(driver, &removing(1, own)), refused(ErrorCode::VOTER_NOT_FOUND, &expect));
    assert_eq!(remove(driver, &removing(1, directory)).0, ErrorCode::VOTER_NOT_FOUND);
}

#[test]
fn a_broker_that_runs_is_not_forgotten() {
    let driver = &mut Driver::with(&[("node.id", "4")]);
    let connection = driver.connect();
    for (broker_id, expect) in [(4, ErrorCode::INVALID_REQUEST), (5, ErrorCode::BROKER_ID_NOT_REGISTERED)] {
        let response = driver.ask(connection, 0, &unregister_broker::Request { broker_id });
        assert_eq!(response.error_code, expect, "{broker_id}");
    }
    assert_eq!(driver.ask(connection, 2, &describe_cluster::Request::default()).brokers.len(), 1);
}

#[test]
fn older_versions_tell_of_each_feature() {
    let driver = &mut Driver::default();
    let connection = driver.connect();
    let feature = "transaction.version".to_owned();
    let update =
        update_features::FeatureUpdateKey { feature, max_version_level: 2, upgrade_type: 1, ..Default::default() };
    let request = update_features::Request { feature_updates: vec![update], ..Default::default() };
    for version in 0..=2 {
        let results = driver.ask(connection, version, &request).results;
        let results: Vec<_> = results.iter().map(|result| (result.feature.as_str(), result.error_code)).collect();
        let expect = [("transaction.version", ErrorCode::NONE)];
        assert_eq!(results, if version < 2 { &expect[..] } else { &[] }, "v{version}");
    }
}

#[test]
fn there_are_no_acls() {
    let driver = &mut Driver::default();
    let connection = driver.connect();
    let filter = describe_acls::Request {
        resource_type_filter: 2,
        pattern_type_filter: 1,
        operation: 1,
        permission_type: 1,
        ..Default::default()
    };
    let disabled = |message| refused(ErrorCode::SECURITY_DISABLED, message);
    for version in 1..=3 {
        let filter = describe_acls::Request { pattern_type_filter: 3, ..filter.clone() };
        let response = driver.ask(connection, version, &filter);
        let expect = disabled("No Authorizer is configured on the broker");
        assert_eq!((response.error_code, response.error_message), expect, "v{version}");
        let rule =
            create_acls::AclCreation { resource_type: 2, operation: 3, permission_type: 3, ..Default::default() };
        let request = create_acls::Request { creations: vec![rule.clone(), rule] };
        let results = driver.ask(connection, version, &request).results;
        assert_eq!(results.len(), 2);
        for result in results {
            assert_eq!((result.error_code, result.error_message), disabled("No Authorizer is configured."));
        }
        let filter = delete_acls::DeleteAclsFilter {
            resource_type_filter: 2,
            operation: 1,
            permission_type: 1,
            ..Default::default()
        };
        let results = driver.ask(connection, version, &delete_acls::Request { filters: vec![filter] }).filter_results;
        assert_eq!(results.len(), 1);
        assert_eq!(results[0].error_code, ErrorCode::SECURITY_DISABLED);
    }
    driver.send(connection, 3, &describe_acls::Request { resource_type_filter: 0, ..filter });
    assert!(driver.closed(connection).is_some(), "what kind of resource is left open");
}

fn subscribe(driver: &mut Driver, name: &str, configs: &[(&str, &str)]) {
    let config = |(name, value): &(&str, &str)| incremental_alter_configs::AlterableConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
        ..Default::default()
    };
    let resource = incremental_alter_configs::AlterConfigsResource {
        resource_type: 16,
        resource_name: name.to_owned(),
        configs: configs.iter().map(config).collect(),
    };
    let request = incremental_alter_configs::Request { resources: vec![resource], ..Default::default() };
    let connection = driver.connect();
    let response = driver.ask(connection, 1, &request);
    assert_eq!(response.responses[0].error_code, ErrorCode::NONE, "{:?}", response.responses[0].error_message);
}

fn asked(driver: &mut Driver, client_id: &str, id: Uuid) -> get_telemetry_subscriptions::Response {
    let connection = driver.connect_as(client_id);
    let request = api_versions::Request {
        client_software_name: "some-client".to_owned(),
        client_software_version: "1.2".to_owned(),
    };
    driver.ask(connection, 3, &request);
    driver.ask(connection, 0, &get_telemetry_subscriptions::Request { client_instance_id: id })
}

fn push(driver: &mut Driver, id: Uuid, subscription_id: i32, terminating: bool, bytes: usize) -> ErrorCode {
    let metrics = vec![0; bytes].into();
    let (client_instance_id, compression_type) = (id, 4);
    let request =
        push_telemetry::Request { client_instance_id, subscription_id, terminating, compression_type, metrics };
    let connection = driver.connect();
    driver.ask(connection, 0, &request).error_code
}

#[test]
fn a_client_is_told_what_all_its_subscriptions_want() {
    let driver = &mut Driver::default();
    let nothing = asked(driver, "a", Uuid::ZERO);
    assert_ne!(nothing.client_instance_id, Uuid::ZERO);
    assert_eq!((nothing.push_interval_ms, nothing.requested_metrics), (300_000, vec![]));
    subscribe(driver, "one", &[("metrics", "m.,n."), ("interval.ms", "60000"), ("match", "client_id=a.*")]);
    subscribe(
        driver,
        "two",
        &[("metrics", "n.,o."), ("interval.ms", "90000"), ("match", "client_software_version=1[.]2")],
    );
    subscribe(
        driver,
        "three",
        &[("metrics", "*"), ("interval.ms", "100"), ("match", "client_id=b,client_software_name=x")],
    );
    let of = |client_id: &str, driver: &mut Driver| {
        let response = asked(driver, client_id, Uuid::ZERO);
        assert_eq!(response.accepted_compression_types, [4, 3, 1, 2]);
        (response.push_interval_ms, response.requested_metrics.join(" "))
    };
    assert_eq!(of("a7", driver), (60_000, "m. n. o.".to_owned()));
    assert_eq!(of("ba", driver), (90_000, "n. o.".to_owned()), "the whole name must match");
    subscribe(driver, "three", &[("match", "client_id=b")]);
    assert_eq!(of("b", driver), (100, "*".to_owned()), "everything is everything");
}

#[test]
fn metrics_come_once_in_an_interval() {
    let driver = &mut Driver::with(&[("telemetry.max.bytes", "10")]);
    subscribe(driver, "one", &[("metrics", "m."), ("interval.ms", "1000")]);
    let throttled = ErrorCode::THROTTLING_QUOTA_EXCEEDED;
    let told = asked(driver, "a", Uuid::ZERO);
    let (id, subscription) = (told.client_instance_id, told.subscription_id);
    assert_eq!(asked(driver, "a", id).error_code, throttled);
    assert_eq!(push(driver, id, subscription, false, 10), ErrorCode::NONE, "the first one comes at any time");
    assert_eq!(push(driver, id, subscription, false, 10), throttled);
    driver.advance_ms(1_000);
    assert_eq!(push(driver, id, subscription, false, 11), ErrorCode::TELEMETRY_TOO_LARGE);
    driver.advance_ms(1_000);
    assert_eq!(push(driver, id, subscription + 1, false, 1), ErrorCode::UNKNOWN_SUBSCRIPTION_ID);
    subscribe(driver, "one", &[("metrics", "n.")]);
    assert_eq!(push(driver, id, subscription, false, 1), ErrorCode::UNKNOWN_SUBSCRIPTION_ID);
    let told = asked(driver, "a", id);
    assert_eq!((told.error_code, told.client_instance_id), (ErrorCode::NONE, id));
    assert_ne!(told.subscription_id, subscription);
    assert_eq!(push(driver, id, told.subscription_id, true, 1), ErrorCode::NONE);
    assert_eq!(push(driver, id, told.subscription_id, true, 1), ErrorCode::INVALID_REQUEST, "it was the last one");
    assert_eq!(push(driver, Uuid::ZERO, 0, false, 1), ErrorCode::INVALID_REQUEST);
}

#[test]
fn telemetry_is_served_but_not_listed() {
    let driver = &mut Driver::default();
    let connection = driver.connect();
    let listed = driver.ask(connection, 0, &api_versions::Request::default()).api_keys;
    assert!(listed.iter().all(|api| ![71, 72].contains(&api.api_key)));
}

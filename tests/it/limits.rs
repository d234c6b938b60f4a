//! What clients may make the broker hold, and what happens when that is used up: never an end, never a wait for ever.

use std::time::{Duration, Instant};

use kafka_rs::broker::api;
use kafka_rs::wire::messages::{
    alter_client_quotas, alter_partition_reassignments, alter_user_scram_credentials, create_partitions, create_topics,
    delete_records, describe_configs, describe_producers, describe_transactions, elect_leaders, fetch,
    incremental_alter_configs, init_producer_id, join_group, list_offsets, metadata, offset_commit, produce,
};
use kafka_rs::wire::{ErrorCode, Field, Writer};

use crate::driver::{Driver, Exchange};
use crate::records::Batch;
use crate::requests::{
    Fetch, Topic, create_topic, create_topic_with, delete_topic, end_offset, fetched, list_offset, partitions,
    produce_bytes, produce_request, want,
};
use crate::server::{connect, create_topic as create_over, start};
use crate::socket::{Received, Socket};

const MIB: usize = 1 << 20;

/// What comes of a batch with one record of so many bytes.
fn write(driver: &mut Driver, topic: &Topic, bytes: usize) -> ErrorCode {
    produce_bytes(driver, 12, topic, 0, Batch::of_size(bytes).encode()).error_code
}

/// Writes until the broker takes no more, and gives the number of batches.
fn fill(driver: &mut Driver, topic: &Topic, bytes: usize) -> i64 {
    let most = 2 * driver.broker.config().memory_max_bytes / bytes as i64;
    let written = (0..most).take_while(|_| write(driver, topic, bytes) == ErrorCode::NONE).count() as i64;
    assert!(written < most, "the memory is never used up");
    assert_eq!(write(driver, topic, bytes), ErrorCode::KAFKA_STORAGE_ERROR);
    written
}

fn delete_in_front_of(driver: &mut Driver, topic: &Topic, offset: i64) {
    let partition = delete_records::DeleteRecordsPartition { partition_index: 0, offset };
    let topics = vec![delete_records::DeleteRecordsTopic { name: topic.name.clone(), partitions: vec![partition] }];
    let connection = driver.connect();
    let response = driver.ask(connection, 2, &delete_records::Request { topics, timeout_ms: 1000 });
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::NONE);
}

#[test]
fn records_that_find_no_memory_are_refused_and_nothing_is_lost() {
    let mut driver = Driver::with(&[("memory.max.bytes", "4194304")]);
    let topic = create_topic_with(&mut driver, "orders", 1, &[("retention.ms", "-1")]);
    let written = fill(&mut driver, &topic, 10_000);
    assert!(driver.budget.held() <= 4 * MIB / 8 * 7, "an eighth stays free: {}", driver.budget.held());
    assert!(driver.budget.held() > 3 * MIB, "the rest is used: {}", driver.budget.held());
    driver.broker.invariants();

    assert_eq!(end_offset(&mut driver, &topic, 0), written, "a batch that was refused is not there");
    let (first, last) = (Batch::of_size(10_000).stored_at(0), Batch::of_size(10_000).stored_at(written - 1));
    assert!(fetched(&mut driver, &topic, 0, 0).starts_with(&first));
    assert_eq!(fetched(&mut driver, &topic, 0, written - 1), last);

    delete_in_front_of(&mut driver, &topic, written - 1);
    assert_eq!(write(&mut driver, &topic, 10_000), ErrorCode::NONE, "there is room again");
    assert_eq!(end_offset(&mut driver, &topic, 0), written + 1);
    delete_topic(&mut driver, "orders");
    assert_eq!(driver.budget.held(), 0);
}

#[test]
fn what_topics_need_not_keep_goes_before_a_record_is_refused() {
    let configs = [("segment.bytes", "1048576"), ("retention.bytes", "1048576")];
    let mut driver = Driver::with(&[("memory.max.bytes", "8388608")]);
    let topic = create_topic_with(&mut driver, "orders", 1, &configs);
    let batches = 64 * MIB / 10_000;
    for number in 0..batches {
        assert_eq!(write(&mut driver, &topic, 10_000), ErrorCode::NONE, "batch {number}");
        driver.advance_ms(1);
        assert!(driver.budget.held() <= 8 * MIB);
    }
    assert_eq!(end_offset(&mut driver, &topic, 0), batches as i64);
    let start = list_offset(&mut driver, 7, &topic, 0, -2).offset;
    assert!(start > 0 && fetched(&mut driver, &topic, 0, start).len() >= MIB, "what is to be kept is kept");
}

#[test]
fn requests_that_wait_and_members_are_counted() {
    let mut driver = Driver::default();
    let topic = create_topic(&mut driver, "orders", 1);
    let reader = driver.connect();
    driver.send(reader, 12, &Fetch::of(vec![want(&topic, 0, 0)]).waiting(60_000, 1).request());
    let waiting = driver.budget.held();
    assert!(waiting > 50, "the request has that many bytes at least: {waiting}");
    driver.disconnect(reader);
    assert_eq!(driver.budget.held(), 0);

    let member = driver.connect();
    let metadata = vec![7; 5_000].into();
    let protocols = vec![join_group::JoinGroupRequestProtocol { name: "range".to_owned(), metadata }];
    let request = join_group::Request {
        group_id: "g".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".to_owned(),
        protocols,
        ..Default::default()
    };
    driver.send(member, 3, &request);
    let held = driver.budget.held();
    assert!((5_000..10_000).contains(&held), "the metadata and the names: {held}");
    driver.broker.invariants();
    driver.advance_ms(10_001);
    assert_eq!(driver.budget.held(), 0, "its session is over");
}

/// The error and the sentence of CreateTopics for a topic with so many partitions.
fn create(driver: &mut Driver, name: &str, num_partitions: i32) -> (ErrorCode, Option<String>) {
    let topic = create_topics::CreatableTopic {
        name: name.to_owned(),
        num_partitions,
        replication_factor: 1,
        ..Default::default()
    };
    let connection = driver.connect();
    let request = create_topics::Request { topics: vec![topic], ..Default::default() };
    let result = driver.ask(connection, 7, &request).topics.remove(0);
    (result.error_code, result.error_message)
}

#[test]
fn there_are_so_many_topics_and_partitions() {
    let mut driver = Driver::with(&[("max.topics", "2"), ("max.partitions", "10")]);
    let refused = |what: &str| (ErrorCode::POLICY_VIOLATION, Some(format!("There may be no more than {what}.")));
    assert_eq!(create(&mut driver, "a", 8).0, ErrorCode::NONE);
    assert_eq!(create(&mut driver, "b", 3), refused("10 partitions (max.partitions)"));
    assert_eq!(create(&mut driver, "b", 2).0, ErrorCode::NONE);
    assert_eq!(create(&mut driver, "c", 1), refused("2 topics (max.topics)"));

    let connection = driver.connect();
    let wanted = create_partitions::CreatePartitionsTopic { name: "a".to_owned(), count: 9, assignments: None };
    let request = create_partitions::Request { topics: vec![wanted], timeout_ms: 1000, validate_only: false };
    let result = driver.ask(connection, 3, &request).results.remove(0);
    assert_eq!((result.error_code, result.error_message), refused("10 partitions (max.partitions)"));

    let asked = metadata::MetadataRequestTopic { name: Some("c".to_owned()), ..Default::default() };
    let request =
        metadata::Request { topics: Some(vec![asked]), allow_auto_topic_creation: true, ..Default::default() };
    let answer = driver.ask(connection, 12, &request);
    assert_eq!(answer.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);

    delete_topic(&mut driver, "a");
    assert_eq!(create(&mut driver, "c", 8).0, ErrorCode::NONE, "what is deleted makes room");
}

#[test]
fn there_are_so_many_groups() {
    let mut driver = Driver::with(&[("max.groups", "1")]);
    create_topic(&mut driver, "orders", 1);
    let connection = driver.connect();
    let commit = |driver: &mut Driver, group: &str| {
        let partition = offset_commit::OffsetCommitRequestPartition { committed_offset: 0, ..Default::default() };
        let topic = offset_commit::OffsetCommitRequestTopic {
            name: "orders".to_owned(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request = offset_commit::Request {
            group_id: group.to_owned(),
            generation_id_or_member_epoch: -1,
            topics: vec![topic],
            ..Default::default()
        };
        driver.ask(connection, 7, &request).topics[0].partitions[0].error_code
    };
    assert_eq!(commit(&mut driver, "one"), ErrorCode::NONE);
    assert_eq!(commit(&mut driver, "two"), ErrorCode::POLICY_VIOLATION);
    assert_eq!(commit(&mut driver, "one"), ErrorCode::NONE);
    let request = join_group::Request {
        group_id: "two".to_owned(),
        session_timeout_ms: 10_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![join_group::JoinGroupRequestProtocol::default()],
        ..Default::default()
    };
    let member = driver.connect();
    assert_eq!(driver.ask(member, 3, &request).error_code, ErrorCode::POLICY_VIOLATION);
}

#[test]
fn there_are_so_many_transactional_ids() {
    let mut driver = Driver::with(&[("max.transactional.ids", "1")]);
    let connection = driver.connect();
    let mut init = |id: Option<&str>| {
        let request = init_producer_id::Request {
            transactional_id: id.map(str::to_owned),
            transaction_timeout_ms: 1000,
            producer_id: -1,
            producer_epoch: -1,
        };
        driver.ask(connection, 5, &request).error_code
    };
    assert_eq!(init(Some("one")), ErrorCode::NONE);
    assert_eq!(init(Some("two")), ErrorCode::POLICY_VIOLATION);
    assert_eq!(init(Some("one")), ErrorCode::NONE);
    assert_eq!(init(None), ErrorCode::NONE, "a producer without one is remembered nowhere");
}

#[test]
fn a_partition_remembers_so_many_producers() {
    let mut driver = Driver::with(&[("max.producer.ids.per.partition", "2")]);
    let topic = create_topic(&mut driver, "orders", 1);
    let mut write = |producer_id, sequence| {
        driver.advance_ms(1);
        let batch = Batch::of(&["v"]).by(producer_id, 0, sequence);
        let response = produce_bytes(&mut driver, 12, &topic, 0, batch.encode());
        (response.error_code, response.base_offset)
    };
    assert_eq!(write(1, 0), (ErrorCode::NONE, 0));
    assert_eq!(write(2, 0), (ErrorCode::NONE, 1));
    assert_eq!(write(1, 1), (ErrorCode::NONE, 2));
    assert_eq!(write(3, 0), (ErrorCode::NONE, 3));
    assert_eq!(write(1, 1), (ErrorCode::NONE, 2), "the last batch of 1 is known");
    assert_eq!(write(2, 0), (ErrorCode::NONE, 4), "2 was silent for longest and is forgotten");
}

/// The beginning of a request that never becomes whole: it announces as much as it may.
fn unfinished(bytes: usize) -> Vec<u8> {
    [&100_000_000u32.to_be_bytes()[..], &vec![0; bytes]].concat()
}

#[test]
fn a_request_must_arrive_in_time() {
    let limit = Duration::from_millis(300);
    let broker = start(&[("socket.request.max.ms", "300")]);
    let (mut good, mut slow, mut waiting) = (connect(&broker), connect(&broker), connect(&broker));
    let topic = create_over(&mut good, "orders");
    // Half a request that arrives while another one waits is not slow: nobody listens to it.
    waiting.send(12, &Fetch::of(vec![want(&topic, 0, 0)]).waiting(1_000, 1).request());
    waiting.write(&[0, 0]);
    slow.write(&unfinished(0));
    let begin = Instant::now();
    let mut closed = None;
    while begin.elapsed() < 3 * limit {
        // A byte now and then does not make it better.
        if closed.is_none() && std::io::Write::write(&mut slow.stream, &[0]).is_err() {
            closed = Some(begin.elapsed());
        }
        if closed.is_none() && slow.next_within(Duration::from_millis(20)) == Received::End {
            closed = Some(begin.elapsed());
        }
        assert!(good.is_served());
    }
    let closed = closed.expect("the slow one is given up");
    assert!(closed >= limit.mul_f32(0.9), "{closed:?}");
    assert_eq!(waiting.receive::<fetch::Request>(12).error_code, ErrorCode::NONE);
}

#[test]
fn a_flood_of_unfinished_requests_stops_in_the_sockets() {
    let broker = start(&[("memory.max.bytes", "2097152"), ("socket.request.max.ms", "3000")]);
    let mut good = connect(&broker);
    let topic = create_over(&mut good, "orders");
    let batch = Batch::of(&["a value"]);
    let flood: Vec<_> = (0..20)
        .map(|_| {
            let mut socket = connect(&broker);
            socket.stream.set_nonblocking(true).expect("an option that every socket has");
            // It goes until neither side has room for more.
            let bytes = unfinished(16 * MIB);
            let mut sent = 0;
            let begin = Instant::now();
            while sent < bytes.len() && begin.elapsed() < Duration::from_millis(50) {
                sent += std::io::Write::write(&mut socket.stream, &bytes[sent..]).unwrap_or(0);
            }
            assert!(sent < bytes.len(), "the broker reads all of it");
            socket
        })
        .collect();
    // What is small finds its way, and so does the answer.
    for _ in 0..10 {
        let fetch = Fetch::of(vec![want(&topic, 0, 0)]).request();
        assert_eq!(partitions(&good.ask(12, &fetch))[0].1, ErrorCode::NONE);
        let outcome: produce::Response = good.ask(12, &produce_request(-1, &[(&topic, 0, batch.encode())]));
        let error = outcome.responses[0].partition_responses[0].error_code;
        assert!([ErrorCode::NONE, ErrorCode::KAFKA_STORAGE_ERROR].contains(&error), "{error}");
    }
    let later = Instant::now() + Duration::from_secs(15);
    for mut socket in flood {
        socket.stream.set_nonblocking(false).expect("an option that every socket has");
        while !matches!(socket.next_within(Duration::from_millis(200)), Received::End) {
            assert!(Instant::now() < later, "an unfinished request is given up");
        }
    }
    let outcome: produce::Response = good.ask(12, &produce_request(-1, &[(&topic, 0, batch.encode())]));
    assert_eq!(outcome.responses[0].partition_responses[0].error_code, ErrorCode::NONE, "there is memory again");
    assert!(Socket::connect(broker.addresses()[0]).is_served());
}

/// The frame of an answer to a request, and how long it is.
fn answer_length<Q: Exchange>(driver: &mut Driver, version: i16, request: &Q) -> (Q::Response, usize) {
    let connection = driver.connect();
    let response = driver.ask(connection, version, request);
    let api = api::find(Q::KEY).expect("an API of the table");
    let mut writer = Writer::new(version, api.is_flexible(version));
    response.write(&mut writer);
    let length = writer.finish().length();
    (response, length)
}

/// What clients may repeat or spin out in one request without getting much for it.
const MANY: i32 = 5_000;

#[test]
fn a_resource_is_described_once_and_not_without_an_end() {
    let mut driver = Driver::default();
    let resource = |resource_type, name: String| describe_configs::DescribeConfigsResource {
        resource_type,
        resource_name: name,
        configuration_keys: None,
    };
    let ask = |resources| describe_configs::Request { resources, include_synonyms: true, include_documentation: true };
    let (once, length) = answer_length(&mut driver, 4, &ask(vec![resource(4, "1".to_owned())]));
    let twice = (0..MANY).map(|_| resource(4, "1".to_owned())).collect();
    let (answer, repeated) = answer_length(&mut driver, 4, &ask(twice));
    assert_eq!((answer.results.len(), repeated), (once.results.len(), length));

    // Any group can be described, whether or not it is there.
    let broker = start(&[]);
    let mut socket = connect(&broker);
    let groups = (0..100_000).map(|number| resource(32, format!("group-{number}"))).collect();
    socket.send(4, &ask(groups));
    let Received::Frame(frame) = socket.next() else { panic!("no answer") };
    assert!((60 * MIB..80 * MIB).contains(&frame.len()), "{}", frame.len());
    let last = b"There are too many resources for one answer: ask for some of them.";
    assert!(frame[frame.len() - 200..].windows(last.len()).any(|bytes| bytes == last), "the last one is refused");
    assert!(socket.is_served());
}

#[test]
fn what_is_asked_for_again_and_again_is_answered_once() {
    let mut driver = Driver::default();
    let topic = create_topic(&mut driver, "orders", 100);
    let by_id = |number| metadata::MetadataRequestTopic { topic_id: topic.id, name: Some(format!("name-{number}")) };
    let topics = Some((0..MANY).map(by_id).collect());
    let (answer, _) = answer_length(&mut driver, 12, &metadata::Request { topics, ..Default::default() });
    assert_eq!(answer.topics.len(), 1);

    let wanted = describe_producers::TopicRequest { name: "orders".to_owned(), partition_indexes: vec![0; 5_000] };
    let (answer, _) = answer_length(&mut driver, 0, &describe_producers::Request { topics: vec![wanted; 2] });
    assert_eq!(answer.topics.iter().map(|topic| topic.partitions.len()).sum::<usize>(), 1);

    let ids = vec!["tx".to_owned(); 5_000];
    let (answer, _) = answer_length(&mut driver, 0, &describe_transactions::Request { transactional_ids: ids });
    assert_eq!(answer.transaction_states.len(), 1);

    let partition = list_offsets::ListOffsetsPartition { timestamp: 1, ..Default::default() };
    let wanted = list_offsets::ListOffsetsTopic { name: "orders".to_owned(), partitions: vec![partition] };
    let request = list_offsets::Request { replica_id: -1, topics: vec![wanted; 5_000], ..Default::default() };
    let (answer, _) = answer_length(&mut driver, 7, &request);
    let errors: Vec<_> = answer.topics.iter().flat_map(|topic| &topic.partitions).collect();
    assert!(errors.len() <= 5_000 && errors.iter().all(|partition| partition.error_code == ErrorCode::INVALID_REQUEST));
}

#[test]
fn a_long_name_is_not_told_for_each_partition() {
    let mut driver = Driver::default();
    let name = "x".repeat(30_000);
    let indexes: Vec<i32> = (0..MANY).collect();
    let limit = 2 * MIB;

    let wanted = elect_leaders::TopicPartitions { topic: name.clone(), partitions: indexes.clone() };
    let request =
        elect_leaders::Request { topic_partitions: Some(vec![wanted]), timeout_ms: 1000, ..Default::default() };
    let (answer, length) = answer_length(&mut driver, 2, &request);
    let results = &answer.replica_election_results[0].partition_result;
    assert!(results.iter().all(|result| result.error_code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert!(results.len() == indexes.len() && results[0].error_message.is_some() && length < limit, "{length}");

    let partition =
        |index| alter_partition_reassignments::ReassignablePartition { partition_index: index, ..Default::default() };
    let partitions = indexes.iter().copied().map(partition).collect();
    let topics = vec![alter_partition_reassignments::ReassignableTopic { name: name.clone(), partitions }];
    let request = alter_partition_reassignments::Request { topics, timeout_ms: 1000, ..Default::default() };
    let (answer, length) = answer_length(&mut driver, 0, &request);
    assert!(answer.responses[0].partitions.len() == indexes.len() && length < limit, "{length}");

    let wanted = describe_producers::TopicRequest { name: name.clone(), partition_indexes: indexes.clone() };
    let (answer, length) = answer_length(&mut driver, 0, &describe_producers::Request { topics: vec![wanted] });
    assert!(answer.topics[0].partitions.len() == indexes.len() && length < limit, "{length}");

    let partition = |index| fetch::FetchPartition { partition: index, ..Default::default() };
    let partitions = indexes.iter().copied().map(partition).collect();
    let topics = vec![fetch::FetchTopic { topic: name, partitions, ..Default::default() }];
    let request = fetch::Request { replica_id: -1, session_id: 0, session_epoch: 0, topics, ..Default::default() };
    let (answer, _) = answer_length(&mut driver, 7, &request);
    let data = &answer.responses[0].partitions;
    assert_eq!((data.len(), data[0].error_code), (1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert!(driver.budget.held() < MIB, "its session: {}", driver.budget.held());
    driver.broker.invariants();
}

#[test]
fn a_request_creates_so_many_partitions() {
    let mut driver = Driver::default();
    let topic = |name: &str, num_partitions| create_topics::CreatableTopic {
        name: name.to_owned(),
        num_partitions,
        replication_factor: 1,
        ..Default::default()
    };
    let mut create = |topics: Vec<create_topics::CreatableTopic>, validate_only| {
        let connection = driver.connect();
        let request = create_topics::Request { topics, validate_only, ..Default::default() };
        let results = driver.ask(connection, 7, &request).topics.into_iter();
        results.map(|result| (result.error_code, result.error_message.unwrap_or_default())).collect::<Vec<_>>()
    };
    let refused = |message: &str| (ErrorCode::POLICY_VIOLATION, message.to_owned());
    let partitions = refused("Excessively large number of partitions per request.");
    let batch = refused("Unable to perform excessively large batch operation.");
    let twice = (ErrorCode::INVALID_REQUEST, "Duplicate topic name.".to_owned());
    // All of these are Apache Kafka's answers.
    assert_eq!(create(vec![topic("a", 10_001)], false), std::slice::from_ref(&partitions));
    for validate_only in [true, false] {
        let both = vec![topic("a", 5_000), topic("b", 5_001)];
        assert_eq!(create(both, validate_only), [partitions.clone(), partitions.clone()]);
        assert_eq!(create(vec![topic("a", 10_000)], validate_only), std::slice::from_ref(&batch));
    }
    assert_eq!(create(vec![topic("bad name", 1), topic("a", 10_001)], false), [partitions.clone(), partitions.clone()]);
    assert_eq!(create(vec![topic("a", 6_000), topic("a", 6_000)], false), [twice]);
    let default = create(vec![topic("default", -1), topic("small", 4_000)], false);
    assert!(default.iter().all(|(error, _)| *error == ErrorCode::NONE), "{default:?}");

    let mut grow = |counts: &[(&str, i32)]| {
        let wanted = |(name, count): &(&str, i32)| create_partitions::CreatePartitionsTopic {
            name: (*name).to_owned(),
            count: *count,
            assignments: None,
        };
        let topics = counts.iter().map(wanted).collect();
        let connection = driver.connect();
        let request = create_partitions::Request { topics, timeout_ms: 1000, validate_only: false };
        let results = driver.ask(connection, 3, &request).results.into_iter();
        results.map(|result| (result.error_code, result.error_message.unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(grow(&[("default", 9_000), ("small", 9_000)]), [batch.clone(), batch]);
    let some = grow(&[("default", 5_000), ("small", 9_000)]);
    assert!(some.iter().all(|(error, _)| *error == ErrorCode::NONE), "{some:?}");
}

/// Sets something for so many groups at once.
fn set_for_groups(driver: &mut Driver, groups: std::ops::Range<i32>) -> Vec<(ErrorCode, String)> {
    let config = |name: &str, value: &str| incremental_alter_configs::AlterableConfig {
        name: name.to_owned(),
        config_operation: 0,
        value: Some(value.to_owned()),
    };
    let resource = |number| incremental_alter_configs::AlterConfigsResource {
        resource_type: 32,
        resource_name: format!("group-{number}"),
        configs: vec![config("consumer.session.timeout.ms", "45000")],
    };
    let resources = groups.map(resource).collect();
    let connection = driver.connect();
    let request = incremental_alter_configs::Request { resources, validate_only: false };
    let responses = driver.ask(connection, 1, &request).responses.into_iter();
    responses.map(|result| (result.error_code, result.error_message.unwrap_or_default())).collect()
}

#[test]
fn a_request_changes_so_many_settings() {
    let mut driver = Driver::default();
    let refused = "Unable to perform excessively large batch operation.";
    let results = set_for_groups(&mut driver, 0..10_001);
    assert!(results.iter().all(|(error, text)| *error == ErrorCode::POLICY_VIOLATION && text == refused));
    assert_eq!(driver.budget.held(), 0);
    let results = set_for_groups(&mut driver, 0..10_000);
    assert!(results.iter().all(|(error, _)| *error == ErrorCode::NONE));
    driver.broker.invariants();
}

/// Changes that make the broker remember something, each time something else.
type Remember = fn(&mut Driver, i32) -> ErrorCode;

fn set_quota(driver: &mut Driver, number: i32) -> ErrorCode {
    let entity = vec![alter_client_quotas::EntityData {
        entity_type: "client-id".to_owned(),
        entity_name: Some(format!("client-{number}")),
    }];
    let op = alter_client_quotas::OpData { key: "producer_byte_rate".to_owned(), value: 1000.0, remove: false };
    let entries = vec![alter_client_quotas::EntryData { entity, ops: vec![op] }];
    let connection = driver.connect();
    let request = alter_client_quotas::Request { entries, validate_only: false };
    driver.ask(connection, 1, &request).entries[0].error_code
}

fn set_password(driver: &mut Driver, number: i32) -> ErrorCode {
    let upsertion = alter_user_scram_credentials::ScramCredentialUpsertion {
        name: format!("user-{number}"),
        mechanism: 1,
        iterations: 4096,
        ..Default::default()
    };
    let connection = driver.connect();
    let request = alter_user_scram_credentials::Request { upsertions: vec![upsertion], ..Default::default() };
    driver.ask(connection, 0, &request).results[0].error_code
}

fn set_for_broker(driver: &mut Driver, number: i32) -> ErrorCode {
    let config = incremental_alter_configs::AlterableConfig {
        name: format!("of.somebody.else.{number}"),
        config_operation: 0,
        value: Some("something".to_owned()),
    };
    let resources = vec![incremental_alter_configs::AlterConfigsResource {
        resource_type: 4,
        resource_name: "1".to_owned(),
        configs: vec![config],
    }];
    let connection = driver.connect();
    let request = incremental_alter_configs::Request { resources, validate_only: false };
    driver.ask(connection, 1, &request).responses[0].error_code
}

fn set_for_group(driver: &mut Driver, number: i32) -> ErrorCode {
    set_for_groups(driver, number..number + 1)[0].0
}

fn use_transactional_id(driver: &mut Driver, number: i32) -> ErrorCode {
    let connection = driver.connect();
    let request = init_producer_id::Request {
        transactional_id: Some(format!("transaction-{number}")),
        transaction_timeout_ms: 1000,
        producer_id: -1,
        producer_epoch: -1,
    };
    driver.ask(connection, 5, &request).error_code
}

fn commit_offset(driver: &mut Driver, number: i32) -> ErrorCode {
    let partition = offset_commit::OffsetCommitRequestPartition {
        committed_metadata: Some("a note".to_owned()),
        ..Default::default()
    };
    let topic = offset_commit::OffsetCommitRequestTopic {
        name: "orders".to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = offset_commit::Request {
        group_id: format!("group-{number}"),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    let connection = driver.connect();
    driver.ask(connection, 7, &request).topics[0].partitions[0].error_code
}

/// Asks to join, and never comes back with the id that it is given.
fn ask_to_join(driver: &mut Driver, _number: i32) -> ErrorCode {
    let request = join_group::Request {
        group_id: "g".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: i32::MAX,
        protocol_type: "consumer".to_owned(),
        protocols: vec![join_group::JoinGroupRequestProtocol::default()],
        ..Default::default()
    };
    let connection = driver.connect();
    driver.ask(connection, 4, &request).error_code
}

#[test]
fn what_clients_make_the_broker_remember_counts() {
    let policy = (ErrorCode::NONE, ErrorCode::POLICY_VIOLATION);
    let coordinator = (ErrorCode::NONE, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    let joining = (ErrorCode::MEMBER_ID_REQUIRED, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    let all: [(&str, Remember, (ErrorCode, ErrorCode)); 7] = [
        ("quotas", set_quota, policy),
        ("passwords", set_password, policy),
        ("settings of the broker", set_for_broker, policy),
        ("settings of groups", set_for_group, policy),
        ("transactional ids", use_transactional_id, coordinator),
        ("offsets", commit_offset, coordinator),
        ("ids of members", ask_to_join, joining),
    ];
    for (what, remember, (taken, refused)) in all {
        let mut driver = Driver::with(&[("memory.max.bytes", "32768")]);
        create_topic(&mut driver, "orders", 1);
        let number = (0..2_000).find(|number| remember(&mut driver, *number) != taken).expect("there is an end to it");
        assert!(number > 15, "{what}: there is room for {number}");
        assert_eq!(remember(&mut driver, number + 1), refused, "{what}");
        assert!((24_000..=32_768).contains(&driver.budget.held()), "{what}: {}", driver.budget.held());
        driver.broker.invariants();
    }
}

#[test]
fn what_is_taken_back_counts_no_longer() {
    let mut driver = Driver::default();
    create_topic_with(&mut driver, "orders", 1, &[("retention.ms", "1000")]);
    assert_eq!(commit_offset(&mut driver, 1), ErrorCode::NONE);
    let join = ask_to_join(&mut driver, 1);
    assert_eq!(join, ErrorCode::MEMBER_ID_REQUIRED);
    assert!(driver.budget.held() > 100);
    delete_topic(&mut driver, "orders");
    driver.broker.invariants();
    driver.advance_ms(10_001);
    assert_eq!(driver.budget.held(), 0, "the session of the id is over");
    driver.broker.invariants();
}

#[test]
fn a_broker_has_so_many_settings() {
    let mut driver = Driver::default();
    let setting = |(number, value): (i32, String)| incremental_alter_configs::AlterableConfig {
        name: format!("of.somebody.else.{number}"),
        config_operation: 0,
        value: Some(value),
    };
    let mut set = |numbers: std::ops::Range<i32>| {
        let configs = numbers.map(|number| setting((number, "x".repeat(30_000)))).collect();
        let resources = vec![incremental_alter_configs::AlterConfigsResource {
            resource_type: 4,
            resource_name: "1".to_owned(),
            configs,
        }];
        let connection = driver.connect();
        let request = incremental_alter_configs::Request { resources, validate_only: false };
        driver.ask(connection, 1, &request).responses[0].error_code
    };
    assert_eq!(set(0..36), ErrorCode::POLICY_VIOLATION);
    assert_eq!(set(0..30), ErrorCode::NONE);
    assert_eq!(set(30..36), ErrorCode::POLICY_VIOLATION);
    assert_eq!(set(0..10), ErrorCode::NONE, "what is there can be set again");
}

#[test]
fn subscriptions_to_metrics_are_limited() {
    let mut driver = Driver::default();
    let mut set = |subscription: &str, name: &str, value: String| {
        let config = incremental_alter_configs::AlterableConfig {
            name: name.to_owned(),
            config_operation: 0,
            value: Some(value),
        };
        let resources = vec![incremental_alter_configs::AlterConfigsResource {
            resource_type: 16,
            resource_name: subscription.to_owned(),
            configs: vec![config],
        }];
        let connection = driver.connect();
        let request = incremental_alter_configs::Request { resources, validate_only: false };
        driver.ask(connection, 1, &request).responses[0].error_code
    };
    let patterns = |count: usize| vec!["client_id=a"; count].join(",");
    assert_eq!(set("one", "match", patterns(600)), ErrorCode::NONE);
    assert_eq!(set("two", "match", patterns(401)), ErrorCode::POLICY_VIOLATION);
    assert_eq!(set("two", "match", patterns(400)), ErrorCode::NONE);
    assert_eq!(set("three", "metrics", "a".to_owned()), ErrorCode::POLICY_VIOLATION);
    assert_eq!(set("one", "match", patterns(1)), ErrorCode::NONE);
    assert_eq!(set("three", "metrics", "a".to_owned()), ErrorCode::NONE);
    assert_eq!(set("four", "match", "client_id=(a{90}){90}".to_owned()), ErrorCode::INVALID_CONFIG);
    let names = |number: usize| vec![format!("metric.{number}.{}", "x".repeat(300)); 100].join(",");
    let set_names = (0..50).map(|number| set(&format!("metrics-{number}"), "metrics", names(number)));
    let refused = set_names.filter(|error| *error == ErrorCode::POLICY_VIOLATION).count();
    assert!((10..40).contains(&refused), "a MiB of names is taken: {refused}");
}

/// A batch of one record whose value of zeros is so long, in the codec.
#[cfg(feature = "compression")]
fn bomb(codec: i16, bytes: usize) -> Batch {
    let record = crate::records::Record { key: Some(b"k".to_vec()), value: Some(vec![0; bytes]), ..Default::default() };
    Batch::of_records(&[record]).compressed(codec)
}

#[cfg(feature = "compression")]
#[test]
fn what_is_decompressed_is_limited() {
    use crate::records::{GZIP, LZ4, ZSTD};

    let mut driver = Driver::with(&[("memory.max.bytes", "4194304")]);
    let compacted = create_topic_with(&mut driver, "compacted", 1, &[("cleanup.policy", "compact")]);
    let other = create_topic_with(&mut driver, "other", 1, &[("compression.type", "lz4")]);
    let mut write = |topic: &Topic, batch: &Batch| {
        let error = produce_bytes(&mut driver, 12, topic, 0, batch.encode()).error_code;
        assert!(driver.budget.held() < MIB, "nothing is kept of what was decompressed");
        error
    };
    for codec in [GZIP, LZ4, ZSTD] {
        assert_eq!(write(&compacted, &bomb(codec, MIB / 2)), ErrorCode::NONE, "codec {codec}");
        let large = bomb(codec, 5 * MIB);
        assert_eq!(write(&compacted, &large), ErrorCode::KAFKA_STORAGE_ERROR, "codec {codec}: there is no such memory");
    }
    assert_eq!(write(&other, &bomb(GZIP, MIB / 2)), ErrorCode::NONE);
    assert_eq!(write(&other, &bomb(GZIP, 2 * MIB)), ErrorCode::KAFKA_STORAGE_ERROR, "it has to be written, too");
}

#[cfg(feature = "compression")]
#[test]
fn a_request_has_so_much_decompressed() {
    let mut driver = Driver::default();
    let compacted = create_topic_with(&mut driver, "compacted", 4, &[("cleanup.policy", "compact")]);
    let batch = bomb(crate::records::LZ4, 20 * MIB).encode();
    let pieces: Vec<_> = (0..4).map(|index| (&compacted, index, batch.clone())).collect();
    let connection = driver.connect();
    let answer = driver.ask(connection, 12, &produce_request(-1, &pieces));
    let errors: Vec<_> = answer.responses[0].partition_responses.iter().map(|partition| partition.error_code).collect();
    let (done, later) = (ErrorCode::NONE, ErrorCode::KAFKA_STORAGE_ERROR);
    assert_eq!(errors, [done, done, done, later]);
    let large = bomb(crate::records::LZ4, 64 * MIB).encode();
    assert_eq!(produce_bytes(&mut driver, 12, &compacted, 0, large).error_code, ErrorCode::MESSAGE_TOO_LARGE);
}

#[test]
fn of_so_many_records_a_client_is_told_what_is_wrong() {
    let mut driver = Driver::default();
    let compacted = create_topic_with(&mut driver, "compacted", 1, &[("cleanup.policy", "compact")]);
    let batch = Batch::of(&vec![""; 20_000]);
    let outcome = produce_bytes(&mut driver, 12, &compacted, 0, batch.encode());
    assert_eq!((outcome.error_code, outcome.record_errors.len()), (ErrorCode::INVALID_RECORD, 1_000));
    let message = outcome.error_message.expect("a sentence");
    assert!(message.contains("due to 20000 record errors in total"), "{message}");
}

#[cfg(feature = "compression")]
#[test]
fn lookups_by_time_have_so_much_decompressed() {
    let mut driver = Driver::default();
    let topic = create_topic(&mut driver, "orders", 4);
    let batch = bomb(crate::records::LZ4, 20 * MIB).encode();
    for index in 0..4 {
        assert_eq!(produce_bytes(&mut driver, 12, &topic, index, batch.clone()).error_code, ErrorCode::NONE);
    }
    let mut ask = |indexes: std::ops::Range<i32>| {
        let partition = |partition_index| list_offsets::ListOffsetsPartition {
            partition_index,
            timestamp: 0,
            ..Default::default()
        };
        let partitions = indexes.map(partition).collect();
        let wanted = list_offsets::ListOffsetsTopic { name: "orders".to_owned(), partitions };
        let request = list_offsets::Request { replica_id: -1, topics: vec![wanted], ..Default::default() };
        let connection = driver.connect();
        let answer = driver.ask(connection, 7, &request);
        answer.topics[0].partitions.iter().map(|found| (found.error_code, found.offset)).collect::<Vec<_>>()
    };
    let (done, later) = ((ErrorCode::NONE, 0), (ErrorCode::KAFKA_STORAGE_ERROR, -1));
    assert_eq!(ask(0..4), [done, done, done, later]);
    assert_eq!(ask(3..4), [done]);
}

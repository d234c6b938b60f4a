//! What clients may make the broker hold, and what happens when that is used up: never an end, never a wait for ever.

use std::time::{Duration, Instant};

use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::{
    create_partitions, create_topics, delete_records, fetch, init_producer_id, join_group, metadata, offset_commit,
    produce,
};

use crate::driver::Driver;
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
    assert_eq!(driver.budget.held(), 5_000 + "range".len());
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

//! ListOffsets: the places of a log, and the first record that is not older than a time.

use kafka_rs::wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopic, Request,
};

use super::*;
use crate::admin::delete_records;
use crate::requests::list_offset;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;

/// Timestamp and offset of the record that a time finds; -1 and -1 for none.
fn found(driver: &mut Driver, topic: &Topic, timestamp: i64) -> (i64, i64) {
    let answer = list_offset(driver, 7, topic, 0, timestamp);
    assert_eq!(answer.error_code, ErrorCode::NONE);
    assert_eq!(answer.leader_epoch, if answer.offset < 0 { -1 } else { 0 });
    (answer.timestamp, answer.offset)
}

#[test]
fn the_places_of_a_log() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    produce(driver, &topic, 0, &Batch::at(&[(1000, "a"), (3000, "b"), (2000, "c")]));
    for version in 1..=11 {
        let mut check = |partition, timestamp, first_version, expect: (i64, i64)| {
            let answer = list_offset(driver, version, &topic, partition, timestamp);
            let what = format!("v{version}, partition {partition}, {timestamp}");
            if version < first_version {
                assert_eq!(answer.error_code, ErrorCode::UNSUPPORTED_VERSION, "{what}");
                assert_eq!((answer.timestamp, answer.offset), (-1, -1), "{what}");
            } else {
                let epoch = if version >= 4 && expect.1 >= 0 { 0 } else { -1 };
                let expect = ListOffsetsPartitionResponse {
                    partition_index: partition,
                    timestamp: expect.0,
                    offset: expect.1,
                    leader_epoch: epoch,
                    ..Default::default()
                };
                assert_eq!(answer, expect, "{what}");
            }
        };
        check(0, LATEST, 1, (-1, 3));
        check(0, EARLIEST, 1, (-1, 0));
        check(0, MAX_TIMESTAMP, 7, (3000, 1));
        check(0, -4, 8, (-1, 0));
        check(0, -5, 9, (-1, -1));
        check(0, -6, 11, (-1, -1));
        check(1, LATEST, 1, (-1, 0));
        check(1, EARLIEST, 1, (-1, 0));
        check(1, MAX_TIMESTAMP, 7, (-1, -1));
        check(1, 0, 1, (-1, -1));
        check(0, 2500, 1, (3000, 1));
    }
}

#[test]
fn errors_belong_to_their_partition() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let connection = driver.connect();
    let mut check = |name: &str, partition_index, current_leader_epoch, expect| {
        for version in 4..=11 {
            let wanted = ListOffsetsPartition { partition_index, current_leader_epoch, timestamp: LATEST };
            let topics = vec![ListOffsetsTopic { name: name.to_owned(), partitions: vec![wanted] }];
            let request = Request { replica_id: -1, topics, ..Default::default() };
            let answer = driver.ask(connection, version, &request).topics.remove(0).partitions.remove(0);
            assert_eq!((answer.error_code, answer.partition_index), (expect, partition_index), "v{version}");
        }
    };
    check(&topic.name, 0, -1, ErrorCode::NONE);
    check(&topic.name, 0, 0, ErrorCode::NONE);
    check(&topic.name, 0, 1, ErrorCode::UNKNOWN_LEADER_EPOCH);
    check(&topic.name, 0, -2, ErrorCode::FENCED_LEADER_EPOCH);
    check(&topic.name, 1, -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    check("nothing", 0, -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

/// Five batches of three records each. Their timestamps are out of order, inside the batches and between them.
fn unordered() -> Vec<Vec<(i64, &'static str)>> {
    let times = [[10, 30, 20], [40, 25, 35], [5, 5, 5], [90, 60, 90], [70, 80, 90]];
    times.map(|times| times.map(|time| (time, "value")).to_vec()).to_vec()
}

fn check_unordered(make: impl Fn(&[(i64, &str)]) -> Batch) {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    for batch in unordered() {
        produce(driver, &topic, 0, &make(&batch));
    }
    let all: Vec<_> = unordered().concat().into_iter().map(|(time, _)| time).zip(0i64..).collect();
    for wanted in 0..=100 {
        let expect = all.iter().copied().find(|(time, _)| *time >= wanted).unwrap_or((-1, -1));
        assert_eq!(found(driver, &topic, wanted), expect, "{wanted}");
    }
    assert_eq!(found(driver, &topic, MAX_TIMESTAMP), (90, 9), "the first of the records with the highest timestamp");
}

#[test]
fn a_time_is_found_to_the_record() {
    check_unordered(Batch::at);
}

#[test]
#[cfg(feature = "compression")]
fn a_time_is_found_to_the_record_inside_compressed_batches() {
    use crate::records::{GZIP, LZ4, SNAPPY, ZSTD};
    for codec in [GZIP, SNAPPY, LZ4, ZSTD] {
        check_unordered(|values| Batch::at(values).compressed(codec));
    }
}

#[test]
fn a_time_is_found_in_a_log_of_many_segments() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let value = "x".repeat(1000);
    // Every hundredth batch is late: it bears the time of long ago.
    let time = |index: i64| if index % 100 == 99 { 3 } else { 1000 + index * 10 };
    let (count, one) = (500, |index| Batch::at(&[(time(index), &value)]));
    for index in 0..count {
        produce(driver, &topic, 0, &one(index));
    }
    for wanted in (0..7000).step_by(7) {
        let expect = (0..count).map(|index| (time(index), index)).find(|(time, _)| *time >= wanted).unwrap_or((-1, -1));
        assert_eq!(found(driver, &topic, wanted), expect, "{wanted}");
    }
    assert_eq!(found(driver, &topic, MAX_TIMESTAMP), (1000 + 498 * 10, 498));
}

#[test]
fn a_batch_that_promises_more_than_it_holds_is_passed_over() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    produce(driver, &topic, 0, &Batch { max_timestamp: 500, ..Batch::at(&[(10, "a")]) });
    produce(driver, &topic, 0, &Batch::at(&[(100, "b")]));
    assert_eq!(found(driver, &topic, 50), (100, 1));
    assert_eq!(found(driver, &topic, 400), (-1, -1));
}

#[test]
fn records_that_were_deleted_are_not_the_newest() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    for time in [30, 90, 60, 50] {
        produce(driver, &topic, 0, &Batch::at(&[(time, "a"), (time + 1, "b")]));
    }
    assert_eq!(found(driver, &topic, MAX_TIMESTAMP), (91, 3));
    // The log now begins in the middle of a batch, and of what lies together in memory.
    for (start, expect) in [(3, (91, 3)), (4, (61, 5)), (7, (51, 7)), (8, (-1, -1))] {
        assert_eq!(delete_records(driver, "orders", 0, start), (start, ErrorCode::NONE));
        assert_eq!(found(driver, &topic, MAX_TIMESTAMP), expect, "from {start}");
    }
}

#[test]
fn a_partition_may_be_named_once() {
    let driver = &mut Driver::default();
    let (first, second) = (create_topic(driver, "first", 2), create_topic(driver, "second", 1));
    let wanted = |partition_index| ListOffsetsPartition { partition_index, timestamp: LATEST, ..Default::default() };
    let topic = |topic: &Topic, partitions| ListOffsetsTopic { name: topic.name.clone(), partitions };
    let topics = vec![topic(&first, vec![wanted(0), wanted(1), wanted(0)]), topic(&second, vec![wanted(0)])];
    let connection = driver.connect();
    let response = driver.ask(connection, 7, &Request { replica_id: -1, topics, ..Default::default() });
    let seen: Vec<_> = response
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|one| (topic.name.as_str(), one.partition_index, one.error_code)))
        .collect();
    for answer in &seen {
        let twice = *answer == ("first", 0, ErrorCode::INVALID_REQUEST);
        assert!(twice || answer.2 == ErrorCode::NONE, "{seen:?}");
    }
    assert!(seen.iter().any(|answer| answer.2 == ErrorCode::INVALID_REQUEST), "{seen:?}");
}

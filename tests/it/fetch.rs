//! Fetch: what comes back, how much of it, and when.

mod list_offsets;
mod sessions;
mod simulation;
mod waiting;

use bytes::Bytes;
use kafka_rs::wire::messages::fetch::{self, EpochEndOffset};
use kafka_rs::wire::messages::offset_for_leader_epoch::{self, OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_rs::wire::{ErrorCode, Uuid};

use crate::driver::Driver;
use crate::records::Batch;
use crate::requests::{Fetch, Topic, create_topic, fetched, partitions, produce, want, want_bytes};

const VERSIONS: std::ops::RangeInclusive<i16> = 4..=18;

/// Appends batches with that many records each, and gives each with its bytes as they must come back.
fn fill(driver: &mut Driver, topic: &Topic, partition: i32, counts: &[usize]) -> Vec<Bytes> {
    let mut stored = Vec::new();
    for count in counts {
        let batch = Batch::of(&vec!["value"; *count]);
        let offset = produce(driver, topic, partition, &batch);
        stored.push(batch.stored_at(offset));
    }
    stored
}

#[test]
fn every_version_reads_what_was_written() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let stored = fill(driver, &topic, 1, &[1, 3, 2]).concat();
    let connection = driver.connect();
    for version in VERSIONS {
        let response = Fetch::of(vec![want(&topic, 0, 0), want(&topic, 1, 0)]).ask(driver, connection, version);
        let names: Vec<_> = response.responses.iter().map(|topic| (topic.topic.as_str(), topic.topic_id)).collect();
        let expect = if version < 13 { ("orders", Uuid::ZERO) } else { ("", topic.id) };
        assert_eq!(names, [expect], "v{version}: both partitions under one topic");
        assert_eq!((response.error_code, response.session_id), (ErrorCode::NONE, 0));
        let empty = &response.responses[0].partitions[0];
        assert_eq!((empty.partition_index, empty.high_watermark, empty.last_stable_offset), (0, 0, 0), "v{version}");
        let full = &response.responses[0].partitions[1];
        assert_eq!((full.partition_index, full.high_watermark, full.last_stable_offset), (1, 6, 6), "v{version}");
        assert_eq!(full.log_start_offset, if version < 5 { -1 } else { 0 }, "v{version}");
        assert_eq!(full.preferred_read_replica, -1);
        let expect = [(0, ErrorCode::NONE, Bytes::new()), (1, ErrorCode::NONE, stored.clone().into())];
        assert_eq!(partitions(&response), expect, "v{version}");
    }
}

#[test]
fn a_read_of_what_is_committed_has_a_list_of_aborted_transactions() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    fill(driver, &topic, 0, &[2]);
    let connection = driver.connect();
    for (isolation_level, expect) in [(0, None), (1, Some(Vec::new()))] {
        let request = fetch::Request { isolation_level, ..Fetch::of(vec![want(&topic, 0, 0)]).request() };
        for version in VERSIONS {
            let response = driver.ask(connection, version, &request);
            assert_eq!(response.responses[0].partitions[0].aborted_transactions, expect, "v{version}");
        }
    }
}

#[test]
fn a_fetch_begins_with_the_batch_that_holds_its_offset() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let stored = fill(driver, &topic, 0, &[3, 1, 2]);
    let mut check = |offset, first: usize| {
        assert_eq!(fetched(driver, &topic, 0, offset), stored[first..].concat(), "from {offset}");
    };
    check(0, 0);
    check(1, 0);
    check(2, 0);
    check(3, 1);
    check(4, 2);
    check(5, 2);
    check(6, 3);
}

#[test]
fn every_offset_of_a_long_log_is_found() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    // Large enough for several segments and many marks in each.
    let counts: Vec<usize> = (0..2_000).map(|index| 1 + index % 7).collect();
    let stored = fill(driver, &topic, 0, &counts);
    let connection = driver.connect();
    let mut offset = 0;
    for (count, bytes) in counts.iter().zip(&stored) {
        for inside in [0, *count as i64 - 1] {
            let response = Fetch::of(vec![want_bytes(&topic, 0, offset + inside, 1)]).ask(driver, connection, 12);
            assert_eq!(partitions(&response), [(0, ErrorCode::NONE, bytes.clone())], "from {}", offset + inside);
        }
        offset += *count as i64;
    }
    assert_eq!(fetched(driver, &topic, 0, 0), stored.concat());
}

#[test]
fn what_cannot_be_read_is_an_error_of_its_partition() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let stored = fill(driver, &topic, 0, &[2]).concat();
    let unknown = Topic { name: "nothing".to_owned(), id: Uuid([9; 16]) };
    let connection = driver.connect();
    for version in VERSIONS {
        let no_topic = if version < 13 { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { ErrorCode::UNKNOWN_TOPIC_ID };
        let mut check = |topic: &Topic, partition, offset, expect| {
            let wanted = vec![want(topic, partition, offset)];
            // An error does not wait.
            let response = Fetch::of(wanted).waiting(10_000, 1).ask(driver, connection, version);
            let data = &response.responses[0].partitions[0];
            assert_eq!((data.partition_index, data.error_code), (partition, expect), "v{version}");
            assert_eq!((data.high_watermark, data.last_stable_offset, data.log_start_offset), (-1, -1, -1));
            assert_eq!(partitions(&response)[0].2, Bytes::new());
        };
        check(&topic, 0, 3, ErrorCode::OFFSET_OUT_OF_RANGE);
        check(&topic, 0, -1, ErrorCode::OFFSET_OUT_OF_RANGE);
        check(&topic, 0, i64::MAX, ErrorCode::OFFSET_OUT_OF_RANGE);
        check(&topic, 0, i64::MIN, ErrorCode::OFFSET_OUT_OF_RANGE);
        check(&topic, 1, 1, ErrorCode::OFFSET_OUT_OF_RANGE);
        check(&topic, 2, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(&topic, -1, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(&unknown, 0, 0, no_topic);

        // The others of the same request come all the same.
        let wanted = vec![want(&unknown, 0, 0), want(&topic, 0, 0), want(&topic, 1, 7)];
        let response = Fetch::of(wanted).ask(driver, connection, version);
        let expect = [
            (0, no_topic, Bytes::new()),
            (0, ErrorCode::NONE, stored.clone().into()),
            (1, ErrorCode::OFFSET_OUT_OF_RANGE, Bytes::new()),
        ];
        assert_eq!(partitions(&response), expect, "v{version}");
    }
}

#[test]
fn the_leader_epoch_that_a_client_knows_is_checked() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    fill(driver, &topic, 0, &[2]);
    let connection = driver.connect();
    for version in VERSIONS {
        for (epoch, expect) in [
            (-1, ErrorCode::NONE),
            (0, ErrorCode::NONE),
            (1, ErrorCode::UNKNOWN_LEADER_EPOCH),
            (i32::MAX, ErrorCode::UNKNOWN_LEADER_EPOCH),
            (-2, ErrorCode::NONE),
        ] {
            let mut wanted = want(&topic, 0, 0);
            wanted.1.current_leader_epoch = epoch;
            let response = Fetch::of(vec![wanted]).ask(driver, connection, version);
            let expect = if version < 9 { ErrorCode::NONE } else { expect };
            assert_eq!(partitions(&response)[0].1, expect, "v{version}, epoch {epoch}");
        }
    }
}

#[test]
fn a_client_whose_log_is_longer_learns_where_they_part() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    fill(driver, &topic, 0, &[2]);
    let connection = driver.connect();
    let mut check = |version, last_fetched_epoch, offset, expect_error, expect: EpochEndOffset| {
        let mut wanted = want(&topic, 0, offset);
        wanted.1.last_fetched_epoch = last_fetched_epoch;
        let response = Fetch::of(vec![wanted]).waiting(5_000, 0).ask(driver, connection, version);
        let data = &response.responses[0].partitions[0];
        assert_eq!((data.error_code, &data.diverging_epoch), (expect_error, &expect), "v{version} from {offset}");
    };
    let none = EpochEndOffset::default;
    check(11, 0, 3, ErrorCode::OFFSET_OUT_OF_RANGE, none());
    for version in 12..=18 {
        check(version, -1, 3, ErrorCode::OFFSET_OUT_OF_RANGE, none());
        check(version, 0, 2, ErrorCode::NONE, none());
        check(version, 0, 3, ErrorCode::NONE, EpochEndOffset { epoch: 0, end_offset: 2 });
        check(version, 1, 1, ErrorCode::OFFSET_OUT_OF_RANGE, none());
    }
}

#[test]
fn a_partition_gives_whole_batches_within_its_limit() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let stored = fill(driver, &topic, 0, &[1; 30]);
    let size = stored[0].len() as i32;
    let connection = driver.connect();
    let mut check = |offset: usize, limit, expect: usize| {
        let response = Fetch::of(vec![want_bytes(&topic, 0, offset as i64, limit)]).ask(driver, connection, 12);
        assert_eq!(partitions(&response)[0].2, stored[offset..offset + expect].concat(), "{limit} bytes from {offset}");
    };
    check(0, 3 * size, 3);
    check(0, 3 * size - 1, 2);
    check(0, 3 * size + 1, 3);
    check(0, 4 * size - 1, 3);
    check(7, 2 * size, 2);
    check(28, 5 * size, 2);
    // The first batch comes however large it is.
    check(0, size - 1, 1);
    check(0, 1, 1);
    check(5, 0, 1);
    check(5, -1, 1);
    check(30, 0, 0);
}

#[test]
fn the_limit_of_a_request_is_shared_by_its_partitions() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 4);
    let stored: Vec<_> = (1..4).map(|partition| fill(driver, &topic, partition, &[1; 10])).collect();
    let size = stored[0][0].len() as i32;
    let connection = driver.connect();
    let mut check = |max_bytes, limit, expect: [usize; 3]| {
        // Partition 0 is empty, so the batch that comes in any case is one of partition 1.
        let wanted = (0..4).map(|partition| want_bytes(&topic, partition, 0, limit)).collect();
        let response = Fetch { max_bytes, ..Fetch::of(wanted) }.ask(driver, connection, 12);
        let seen: Vec<_> = partitions(&response).into_iter().map(|(_, _, bytes)| bytes).collect();
        let batches = |index: usize| Bytes::from(stored[index][..expect[index]].concat());
        assert_eq!(seen, [Bytes::new(), batches(0), batches(1), batches(2)], "{max_bytes} bytes, {limit} a partition");
    };
    check(i32::MAX, i32::MAX, [10, 10, 10]);
    check(30 * size, i32::MAX, [10, 10, 10]);
    check(30 * size - 1, i32::MAX, [10, 10, 9]);
    check(15 * size, i32::MAX, [10, 5, 0]);
    check(10 * size, i32::MAX, [10, 0, 0]);
    check(6 * size, 3 * size, [3, 3, 0]);
    check(7 * size, 3 * size, [3, 3, 1]);
    check(3 * size, 1, [1, 0, 0]);
    check(size - 1, i32::MAX, [1, 0, 0]);
    check(0, i32::MAX, [1, 0, 0]);
    check(-1, i32::MAX, [1, 0, 0]);
}

#[test]
fn the_broker_has_a_limit_of_its_own() {
    let driver = &mut Driver::with(&[("fetch.max.bytes", "2000")]);
    let topic = create_topic(driver, "orders", 1);
    let stored = fill(driver, &topic, 0, &[1; 40]);
    let expect = 2000 / stored[0].len();
    assert_eq!(fetched(driver, &topic, 0, 0), stored[..expect].concat());
}

#[test]
fn a_batch_larger_than_every_limit_still_comes() {
    let driver = &mut Driver::with(&[("fetch.max.bytes", "1024")]);
    let topic = create_topic(driver, "orders", 1);
    let (small, large) = (Batch::of(&["small"]), Batch::of_size(100_000));
    for batch in [&small, &large, &small, &large, &large] {
        produce(driver, &topic, 0, batch);
    }
    let mut check = |offset, expect: Bytes| assert_eq!(fetched(driver, &topic, 0, offset), expect, "from {offset}");
    check(0, small.stored_at(0));
    check(1, large.stored_at(1));
    check(2, small.stored_at(2));
    check(3, large.stored_at(3));
    check(4, large.stored_at(4));
}

#[test]
fn a_fetch_of_nothing_is_answered_at_once() {
    let driver = &mut Driver::default();
    let connection = driver.connect();
    for version in VERSIONS {
        let response = Fetch::default().waiting(10_000, 1).ask(driver, connection, version);
        assert_eq!((response.error_code, response.session_id, response.responses.len()), (ErrorCode::NONE, 0, 0));
    }
}

#[test]
fn the_epoch_of_the_leader_ends_with_the_log() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    fill(driver, &topic, 0, &[2, 3]);
    let connection = driver.connect();
    let mut check = |partition, current_leader_epoch, leader_epoch, expect: (ErrorCode, i32, i64)| {
        for version in 2..=4 {
            let wanted = OffsetForLeaderPartition { partition, current_leader_epoch, leader_epoch };
            let topics = vec![OffsetForLeaderTopic { topic: topic.name.clone(), partitions: vec![wanted] }];
            let request = offset_for_leader_epoch::Request { topics, ..Default::default() };
            let answer = driver.ask(connection, version, &request).topics.remove(0).partitions.remove(0);
            assert_eq!((answer.error_code, answer.leader_epoch, answer.end_offset), expect, "v{version}");
            assert_eq!(answer.partition, partition);
        }
    };
    check(0, -1, 0, (ErrorCode::NONE, 0, 5));
    check(0, 0, 0, (ErrorCode::NONE, 0, 5));
    check(0, -1, 1, (ErrorCode::NONE, -1, -1));
    check(0, -1, -1, (ErrorCode::NONE, -1, -1));
    check(0, 1, 0, (ErrorCode::UNKNOWN_LEADER_EPOCH, -1, -1));
    check(1, -1, 0, (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1, -1));
}

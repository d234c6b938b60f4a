//! Markers that come from outside, and what partitions know of producers.

use kafka_rs::wire::messages::describe_producers::{self, ProducerState};
use kafka_rs::wire::messages::write_txn_markers::{self, WritableTxnMarker, WritableTxnMarkerTopic};

use super::*;
use crate::records::FIRST_TIMESTAMP;
use crate::requests::{create_topic, end_offset};

fn marker(
    producer_id: i64,
    producer_epoch: i16,
    coordinator_epoch: i32,
    topics: &[(&str, &[i32])],
) -> WritableTxnMarker {
    let topics = topics.iter().map(|(name, partitions)| WritableTxnMarkerTopic {
        name: (*name).to_owned(),
        partition_indexes: partitions.to_vec(),
    });
    let topics = topics.collect();
    WritableTxnMarker { producer_id, producer_epoch, coordinator_epoch, topics, ..Default::default() }
}

fn write(driver: &mut Driver, version: i16, marker: WritableTxnMarker) -> Vec<ErrorCode> {
    let connection = driver.connect();
    let response = driver.ask(connection, version, &write_txn_markers::Request { markers: vec![marker] });
    let topics = response.markers.into_iter().flat_map(|marker| marker.topics);
    topics.flat_map(|topic| topic.partitions).map(|partition| partition.error_code).collect()
}

#[test]
fn a_marker_must_not_be_older_than_what_is_known() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut check = |marker, expect| assert_eq!(write(driver, 1, marker), [expect]);
    let place: &[(&str, &[i32])] = &[("orders", &[0])];
    check(marker(99, 5, 7, place), ErrorCode::NONE);
    check(marker(99, 4, 7, place), ErrorCode::INVALID_PRODUCER_EPOCH);
    check(marker(99, 5, 6, place), ErrorCode::TRANSACTION_COORDINATOR_FENCED);
    check(marker(99, 5, 7, place), ErrorCode::NONE);
    check(marker(98, 0, -2, place), ErrorCode::TRANSACTION_COORDINATOR_FENCED);
    check(marker(-1, 0, 0, place), ErrorCode::UNKNOWN_SERVER_ERROR);
    check(marker(97, -1, 0, place), ErrorCode::UNKNOWN_SERVER_ERROR);
    let everywhere: &[(&str, &[i32])] = &[("orders", &[0, 3]), ("none", &[0])];
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(write(driver, 1, marker(99, 6, 7, everywhere)), [ErrorCode::NONE, unknown, unknown]);
    assert_eq!(write(driver, 1, marker(99, 6, 7, &[])), []);
    assert_eq!(end_offset(driver, &topic, 0), 3);
}

#[test]
fn a_marker_of_the_newer_kind_must_raise_the_epoch_of_what_it_ends() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut producer = Producer::init(driver, "a");
    producer.write(driver, (&topic, 0), 0, &["x"]);
    let of = |epoch, transaction_version| WritableTxnMarker {
        transaction_version,
        ..marker(producer.id, epoch, 0, &[("orders", &[0])])
    };
    assert_eq!(write(driver, 2, of(0, 2)), [ErrorCode::INVALID_PRODUCER_EPOCH]);
    assert_eq!(write(driver, 2, of(0, 1)), [ErrorCode::NONE]);
    assert_eq!(write(driver, 2, of(0, 2)), [ErrorCode::NONE], "nothing is open: it is the same once more");
    assert_eq!(state(driver, "a"), "Ongoing", "the coordinator has not been asked");
    producer.write(driver, (&topic, 0), 1, &["y"]);
    producer.commit(driver);
    assert_eq!(committed(driver, (&topic, 0)), ["y"]);
}

#[test]
fn a_transaction_ends_although_somebody_has_ended_it_in_a_partition() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let mut producer = Producer::init(driver, "a");
    for partition in [0, 1] {
        producer.write(driver, (&topic, partition), 0, &["x"]);
    }
    assert_eq!(write(driver, 1, marker(producer.id, 9, 5, &[("orders", &[0])])), [ErrorCode::NONE]);
    let fenced = producer.try_write(driver, PRODUCE, (&topic, 0), 1, &["y"]);
    assert_eq!(fenced, Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    producer.commit(driver);
    assert_eq!(state(driver, "a"), "CompleteCommit");
    assert!(committed(driver, (&topic, 0)).is_empty());
    assert_eq!(committed(driver, (&topic, 1)), ["x"]);
}

#[test]
fn producers_are_described() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut producer = Producer::init(driver, "a");
    let known = ProducerState {
        producer_id: producer.id,
        producer_epoch: 0,
        last_sequence: 1,
        last_timestamp: FIRST_TIMESTAMP + 1,
        coordinator_epoch: -1,
        current_txn_start_offset: 0,
    };
    producer.write(driver, (&topic, 0), 0, &["x", "y"]);
    assert_eq!(describe_producers(driver, (&topic, 0)), std::slice::from_ref(&known));
    let ended = ProducerState {
        last_timestamp: driver.now.unix_ms,
        coordinator_epoch: 0,
        current_txn_start_offset: -1,
        ..known.clone()
    };
    producer.try_end(driver, OLD_END, true).expect("a transaction");
    assert_eq!(describe_producers(driver, (&topic, 0)), std::slice::from_ref(&ended));
    assert_eq!(producer.add(driver, (&topic, 0)), ErrorCode::NONE);
    producer.commit(driver);
    let next = ProducerState { producer_epoch: 1, last_sequence: -1, ..ended };
    assert_eq!(describe_producers(driver, (&topic, 0)), [next]);
}

#[test]
fn what_does_not_exist_cannot_be_described() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 1);
    let connection = driver.connect();
    let mut check = |name: &str, index, expect, message: Option<&str>| {
        let topic = describe_producers::TopicRequest { name: name.to_owned(), partition_indexes: vec![index] };
        let request = describe_producers::Request { topics: vec![topic] };
        let partition = driver.ask(connection, 0, &request).topics.remove(0).partitions.remove(0);
        assert_eq!((partition.error_code, partition.error_message.as_deref()), (expect, message), "{name}-{index}");
    };
    check("orders", 0, ErrorCode::NONE, None);
    check("orders", 1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None);
    check("orders", i32::MIN, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None);
    let unknown = "This server does not host this topic-partition.";
    check("none", 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(unknown));
    let empty = "Topic name is invalid: the empty string is not allowed";
    check("", 0, ErrorCode::INVALID_TOPIC_EXCEPTION, Some(empty));
}

#[test]
fn a_producer_with_an_open_transaction_is_not_forgotten() {
    let driver = &mut Driver::with(&[
        ("producer.id.expiration.ms", "1000"),
        ("producer.id.expiration.check.interval.ms", "100"),
    ]);
    let topic = create_topic(driver, "orders", 1);
    let mut producer = Producer::init_with(driver, "a", 600_000, None).expect("a producer");
    producer.write(driver, (&topic, 0), 0, &["x"]);
    driver.advance_ms(5000);
    assert_eq!(describe_producers(driver, (&topic, 0)).len(), 1);
    producer.commit(driver);
    driver.advance_ms(5000);
    assert!(describe_producers(driver, (&topic, 0)).is_empty());
    producer.write(driver, (&topic, 0), 7, &["y"]);
}

//! Writing inside of a transaction: what has to be known before a record gets in.

use super::*;
use crate::requests::{create_topic, end_offset, produce_bytes};

#[test]
fn older_clients_add_partitions_before_they_write() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let producer = Producer::init(driver, "a");
    for (version, expect) in
        [(3, ErrorCode::INVALID_TXN_STATE), (10, ErrorCode::INVALID_TXN_STATE), (11, ErrorCode::TRANSACTION_ABORTABLE)]
    {
        assert_eq!(producer.try_write(driver, version, (&topic, 0), 0, &["x"]), Err(expect), "v{version}");
    }
    assert_eq!((state(driver, "a").as_str(), end_offset(driver, &topic, 0)), ("Empty", 0));
    let batch = producer.batch(0, &["x"]).encode();
    let response = producer.produce_bytes(driver, 9, &topic, 0, batch);
    assert_eq!(response.error_message.as_deref(), Some("Partition was not added to the transaction"));
    assert_eq!(producer.add(driver, (&topic, 0)), ErrorCode::NONE);
    for (version, sequence) in [(3, 0), (10, 1), (11, 2)] {
        let offset = producer.try_write(driver, version, (&topic, 0), sequence, &["x"]);
        assert_eq!(offset, Ok(i64::from(sequence)), "v{version}");
    }
    assert_eq!(producer.try_write(driver, 11, (&topic, 1), 0, &["x"]), Err(ErrorCode::TRANSACTION_ABORTABLE));
}

#[test]
fn newer_clients_leave_that_to_the_write() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    let mut producer = Producer::init(driver, "a");
    for (version, partition) in [(12, 0), (13, 2)] {
        assert_eq!(producer.try_write(driver, version, (&topic, partition), 0, &["x"]), Ok(0), "v{version}");
    }
    assert_eq!(describe(driver, "a").topics[0].partitions, [0, 2]);
    producer.commit(driver);
    assert!(describe(driver, "a").topics.is_empty());
}

#[test]
fn without_the_verification_older_clients_are_taken_by_their_word() {
    let driver = &mut Driver::with(&[("transaction.partition.verification.enable", "false")]);
    let topic = create_topic(driver, "orders", 1);
    let producer = Producer::init(driver, "a");
    assert_eq!(producer.try_write(driver, 11, (&topic, 0), 0, &["x"]), Ok(0));
    assert_eq!(state(driver, "a"), "Empty");
    assert_eq!(fetch_committed(driver, (&topic, 0), 0, i32::MAX).last_stable_offset, 0, "and nobody ends it");
}

#[test]
fn who_is_not_the_producer_cannot_write() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let producer = Producer::init(driver, "a");
    let mut check = |producer: Producer, expect| {
        for version in [9, 11, 13] {
            let outcome = producer.try_write(driver, version, (&topic, 0), 0, &["x"]);
            assert_eq!(outcome, Err(expect), "{producer:?} v{version}");
        }
    };
    check(Producer { transactional_id: "", ..producer }, ErrorCode::INVALID_REQUEST);
    check(Producer { transactional_id: "b", ..producer }, ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    check(Producer { id: producer.id + 1, ..producer }, ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    check(Producer { epoch: 1, ..producer }, ErrorCode::INVALID_PRODUCER_EPOCH);
    let nameless = produce_bytes(driver, 13, &topic, 0, producer.batch(0, &["x"]).encode());
    assert_eq!(nameless.error_code, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assert_eq!(end_offset(driver, &topic, 0), 0);
}

#[test]
fn a_request_has_one_producer() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let [first, second] = ["a", "b"].map(|id| Producer::init(driver, id));
    let pieces = [(&topic, 0, first.batch(0, &["x"]).encode()), (&topic, 1, second.batch(0, &["x"]).encode())];
    let request = kafka_rs::wire::messages::produce::Request {
        transactional_id: Some("a".to_owned()),
        ..produce_request(-1, &pieces)
    };
    let connection = driver.connect();
    for partition in driver.ask(connection, 13, &request).responses.remove(0).partition_responses {
        assert_eq!(partition.error_code, ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    }
}

#[test]
fn some_partitions_of_a_request_may_be_refused() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    let producer = Producer::init(driver, "a");
    assert_eq!(producer.add(driver, (&topic, 1)), ErrorCode::NONE);
    let batch = producer.batch(0, &["x"]).encode();
    let pieces = [0, 1, 2, 7].map(|partition| (&topic, partition, batch.clone()));
    let request = kafka_rs::wire::messages::produce::Request {
        transactional_id: Some("a".to_owned()),
        ..produce_request(-1, &pieces)
    };
    let connection = driver.connect();
    let response = driver.ask(connection, 11, &request).responses.remove(0);
    let errors: Vec<_> = response.partition_responses.iter().map(|partition| partition.error_code).collect();
    let abortable = ErrorCode::TRANSACTION_ABORTABLE;
    assert_eq!(errors, [abortable, ErrorCode::NONE, abortable, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
}

#[test]
fn nothing_else_of_the_producer_gets_into_its_transaction() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut producer = Producer::init(driver, "a");
    producer.write(driver, (&topic, 0), 0, &["x"]);
    let plain = |producer: Producer, sequence| Batch::of(&["plain"]).by(producer.id, producer.epoch, sequence).encode();
    for transactional_id in [Some("a".to_owned()), None] {
        let request = kafka_rs::wire::messages::produce::Request {
            transactional_id,
            ..produce_request(-1, &[(&topic, 0, plain(producer, 1))])
        };
        let connection = driver.connect();
        let response = driver.ask(connection, 13, &request).responses.remove(0).partition_responses.remove(0);
        assert_eq!(response.error_code, ErrorCode::INVALID_TXN_STATE);
    }
    producer.commit(driver);
    assert_eq!(produce_bytes(driver, 13, &topic, 0, plain(producer, 0)).error_code, ErrorCode::NONE);
}

#[test]
fn a_repeated_batch_is_recognised_inside_of_a_transaction() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut producer = Producer::init(driver, "a");
    assert_eq!(producer.write(driver, (&topic, 0), 0, &["a", "b"]), 0);
    assert_eq!(producer.write(driver, (&topic, 0), 2, &["c"]), 2);
    assert_eq!(producer.write(driver, (&topic, 0), 0, &["a", "b"]), 0);
    let skip = producer.try_write(driver, PRODUCE, (&topic, 0), 4, &["e"]);
    assert_eq!(skip, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    producer.commit(driver);
    assert_eq!(committed(driver, (&topic, 0)), ["a", "b", "c"]);
}

/// KIP-890: the next transaction begins anew, and what is late from the last one does not get in.
#[test]
fn every_transaction_counts_from_zero() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut producer = Producer::init(driver, "a");
    producer.write(driver, (&topic, 0), 0, &["a"]);
    let straggler = producer;
    producer.commit(driver);
    let late = straggler.try_write(driver, PRODUCE, (&topic, 0), 1, &["late"]);
    assert_eq!(late, Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    let skip = producer.try_write(driver, PRODUCE, (&topic, 0), 1, &["b"]);
    assert_eq!(skip, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    producer.write(driver, (&topic, 0), 0, &["b"]);
    producer.commit(driver);
    assert_eq!(committed(driver, (&topic, 0)), ["a", "b"]);
}

#[test]
fn the_second_batch_does_not_get_in_without_the_first() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let producer = Producer::init(driver, "a");
    assert_eq!(producer.try_write(driver, 11, (&topic, 0), 0, &["a"]), Err(ErrorCode::TRANSACTION_ABORTABLE));
    assert_eq!(producer.add(driver, (&topic, 0)), ErrorCode::NONE);
    let second = producer.try_write(driver, 11, (&topic, 0), 1, &["b"]);
    assert_eq!(second, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(producer.try_write(driver, 11, (&topic, 0), 0, &["a"]), Ok(0));
    assert_eq!(producer.try_write(driver, 11, (&topic, 0), 1, &["b"]), Ok(1));
}

#[test]
fn a_bad_batch_leaves_the_transaction_as_it_was() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut producer = Producer::init(driver, "a");
    let mut damaged = producer.batch(0, &["x"]).encode().to_vec();
    damaged[40] ^= 1;
    let response = producer.produce_bytes(driver, PRODUCE, &topic, 0, damaged.into());
    assert_eq!(response.error_code, ErrorCode::CORRUPT_MESSAGE);
    assert_eq!(fetch_committed(driver, (&topic, 0), 0, i32::MAX).last_stable_offset, 0);
    producer.write(driver, (&topic, 0), 0, &["y"]);
    producer.commit(driver);
    assert_eq!(committed(driver, (&topic, 0)), ["y"]);
}

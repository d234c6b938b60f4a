//! Fetches that wait: for bytes, for their deadline, for a topic's end.

use kafka_rs::wire::messages::fetch::{Request, Response};

use super::*;
use crate::driver::Connection;
use crate::requests::{delete_topic, produce_bytes, produce_request};

/// Sends a fetch that has to wait.
fn park(driver: &mut Driver, fetch: &Fetch) -> Connection {
    let connection = driver.connect();
    driver.send(connection, 12, &fetch.request());
    assert!(driver.is_waiting(connection), "answered at once: {:?}", driver.answer::<Request>(connection));
    connection
}

/// The answer that must have come by now.
fn take(driver: &mut Driver, connection: Connection) -> Response {
    driver.answer::<Request>(connection).expect("an answer to the fetch that waits")
}

/// What a waiting fetch has been answered with, partition by partition.
fn taken(driver: &mut Driver, connection: Connection) -> Vec<(i32, ErrorCode, Bytes)> {
    partitions(&take(driver, connection))
}

#[test]
fn a_fetch_waits_for_its_time_and_not_longer() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let before = driver.broker.next_deadline();
    for max_wait_ms in [1, 500, 10_000] {
        let connection = park(driver, &Fetch::of(vec![want(&topic, 0, 0)]).waiting(max_wait_ms, 1));
        driver.advance_ms(max_wait_ms as u64 - 1);
        assert!(driver.is_waiting(connection));
        driver.advance_ms(1);
        assert_eq!(taken(driver, connection), [(0, ErrorCode::NONE, Bytes::new())]);
    }
    assert_eq!(driver.broker.next_deadline(), before, "nothing more is due");
}

#[test]
fn who_does_not_want_to_wait_does_not() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let connection = driver.connect();
    for (max_wait_ms, min_bytes) in [(0, 1), (-1, 1), (i32::MIN, i32::MAX), (10_000, 0), (10_000, -1)] {
        let fetch = Fetch::of(vec![want(&topic, 0, 0)]).waiting(max_wait_ms, min_bytes);
        assert_eq!(partitions(&fetch.ask(driver, connection, 12)), [(0, ErrorCode::NONE, Bytes::new())]);
    }
}

#[test]
fn bytes_that_are_there_are_not_waited_for() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let stored = fill(driver, &topic, 0, &[1]).remove(0);
    let size = stored.len() as i32;
    let fetch = |min_bytes| Fetch::of(vec![want(&topic, 1, 0), want(&topic, 0, 0)]).waiting(1_000, min_bytes);
    let connection = driver.connect();
    let response = fetch(size).ask(driver, connection, 12);
    assert_eq!(partitions(&response)[1].2, stored);
    park(driver, &fetch(size + 1));
}

#[test]
fn an_append_wakes_whoever_waits_for_its_partition() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    let before = driver.broker.next_deadline();
    let wait = |partition| Fetch::of(vec![want(&topic, partition, 0)]).waiting(1_000, 1);
    let (first, second, other) = (park(driver, &wait(0)), park(driver, &wait(0)), park(driver, &wait(1)));
    let stored = fill(driver, &topic, 0, &[1]).remove(0);
    for connection in [first, second] {
        assert_eq!(taken(driver, connection), [(0, ErrorCode::NONE, stored.clone())]);
    }
    assert!(driver.is_waiting(other));
    driver.advance_ms(1_000);
    assert_eq!(taken(driver, other), [(1, ErrorCode::NONE, Bytes::new())]);
    // Nothing comes a second time, and no deadline is left behind.
    fill(driver, &topic, 0, &[1]);
    assert!([first, second, other].iter().all(|connection| driver.answer::<Request>(*connection).is_none()));
    assert_eq!(driver.broker.next_deadline(), before);
}

#[test]
fn one_turn_that_appends_to_several_partitions_wakes_once_and_brings_all() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    let before = driver.broker.next_deadline();
    let wanted = (0..3).map(|partition| want(&topic, partition, 0)).collect();
    let connection = park(driver, &Fetch::of(wanted).waiting(1_000, 1));
    let batch = Batch::of(&["a"]);
    let pieces: Vec<_> = (0..3).map(|partition| (&topic, partition, batch.encode())).collect();
    let producer = driver.connect();
    driver.ask(producer, 12, &produce_request(1, &pieces));
    let expect: Vec<_> = (0..3).map(|partition| (partition, ErrorCode::NONE, batch.stored_at(0))).collect();
    assert_eq!(taken(driver, connection), expect);
    assert_eq!(driver.broker.next_deadline(), before, "nothing more is due");
}

#[test]
fn several_appends_in_one_turn_are_one_answer() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let connection = park(driver, &Fetch::of(vec![want(&topic, 0, 0)]).waiting(1_000, 1));
    let batch = Batch::of(&["a"]);
    for _ in 0..3 {
        let producer = driver.connect();
        driver.submit(producer, 12, &produce_request(1, &[(&topic, 0, batch.encode())]));
    }
    assert!(driver.is_waiting(connection), "nobody is woken in the middle of a turn");
    driver.end_turn();
    let stored: Vec<_> = (0..3).map(|offset| batch.stored_at(offset)).collect();
    assert_eq!(taken(driver, connection), [(0, ErrorCode::NONE, stored.concat().into())]);
}

#[test]
fn bytes_of_all_partitions_count_together() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    let size = Batch::of(&["value"]).encode().len() as i32;
    let wanted = (0..3).map(|partition| want(&topic, partition, 0)).collect();
    let connection = park(driver, &Fetch::of(wanted).waiting(1_000, 3 * size));
    fill(driver, &topic, 2, &[1]);
    fill(driver, &topic, 0, &[1]);
    assert!(driver.is_waiting(connection));
    fill(driver, &topic, 2, &[1]);
    let lengths: Vec<_> = taken(driver, connection).iter().map(|(_, _, bytes)| bytes.len() as i32).collect();
    assert_eq!(lengths, [size, 0, 2 * size]);
}

#[test]
fn too_few_bytes_come_at_the_deadline() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let connection = park(driver, &Fetch::of(vec![want(&topic, 0, 0)]).waiting(1_000, 10_000));
    driver.advance_ms(600);
    let stored = fill(driver, &topic, 0, &[1]).remove(0);
    driver.advance_ms(399);
    assert!(driver.is_waiting(connection));
    driver.advance_ms(1);
    assert_eq!(taken(driver, connection), [(0, ErrorCode::NONE, stored)]);
}

#[test]
fn more_than_the_limits_allow_is_not_waited_for() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    // What may come at most is enough, or nothing ever were.
    let fetch = Fetch { max_bytes: 50, ..Fetch::of(vec![want(&topic, 0, 0)]).waiting(1_000, 1_000_000) };
    let connection = park(driver, &fetch);
    let stored = fill(driver, &topic, 0, &[1]).remove(0);
    assert_eq!(taken(driver, connection), [(0, ErrorCode::NONE, stored)]);
}

#[test]
fn records_that_are_not_appended_wake_nobody() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let batch = Batch::of(&["a"]).by(1, 0, 0);
    produce(driver, &topic, 0, &batch);
    let connection = park(driver, &Fetch::of(vec![want(&topic, 0, 1)]).waiting(1_000, 1));
    assert_eq!(produce(driver, &topic, 0, &batch), 0, "the repetition of a batch");
    assert!(produce_bytes(driver, 12, &topic, 0, Bytes::new()).error_code.is_error());
    assert!(driver.is_waiting(connection));
}

#[test]
fn the_end_of_a_topic_is_told_at_once() {
    let driver = &mut Driver::default();
    let (doomed, other) = (create_topic(driver, "doomed", 2), create_topic(driver, "other", 1));
    for version in [12, 13] {
        let topic = if version == 12 { doomed.clone() } else { create_topic(driver, "doomed", 2) };
        let wanted = vec![want(&other, 0, 0), want(&topic, 1, 0)];
        let (connection, bystander) = (driver.connect(), driver.connect());
        driver.send(connection, version, &Fetch::of(wanted).waiting(1_000, 1).request());
        driver.send(bystander, version, &Fetch::of(vec![want(&other, 0, 0)]).waiting(1_000, 1).request());
        assert!(driver.is_waiting(connection));
        delete_topic(driver, "doomed");
        let gone = (1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Bytes::new());
        let expect = [(0, ErrorCode::NONE, Bytes::new()), gone];
        assert_eq!(taken(driver, connection), expect, "v{version}");
        assert!(driver.is_waiting(bystander));
    }
}

#[test]
fn a_topic_that_was_created_again_is_not_the_one_that_was_waited_for() {
    let driver = &mut Driver::default();
    let old = create_topic(driver, "orders", 1);
    delete_topic(driver, "orders");
    let new = create_topic(driver, "orders", 1);
    assert_ne!(old.id, new.id);
    let stored = fill(driver, &new, 0, &[1]).remove(0);
    let connection = driver.connect();
    let error = partitions(&Fetch::of(vec![want(&old, 0, 0)]).ask(driver, connection, 13)).remove(0).1;
    assert_eq!(error, ErrorCode::UNKNOWN_TOPIC_ID);
    assert_eq!(partitions(&Fetch::of(vec![want(&old, 0, 0)]).ask(driver, connection, 12)).remove(0).2, stored);
}

#[test]
fn a_connection_that_closes_takes_its_fetch_with_it() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let before = driver.broker.next_deadline();
    let fetch = Fetch::of(vec![want(&topic, 0, 0)]).waiting(1_000, 1);
    let (gone, stays) = (park(driver, &fetch), park(driver, &fetch));
    driver.disconnect(gone);
    let stored = fill(driver, &topic, 0, &[1]).remove(0);
    assert_eq!(taken(driver, stays), [(0, ErrorCode::NONE, stored)]);
    assert_eq!(driver.broker.next_deadline(), before, "its deadline is gone too");
    driver.advance_ms(2_000);
    assert_eq!(driver.answer::<Request>(gone), None);
}

#[test]
fn a_connection_goes_on_after_its_wait() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let connection = driver.connect();
    for offset in 0..10 {
        driver.send(connection, 12, &Fetch::of(vec![want(&topic, 0, offset)]).waiting(1_000, 1).request());
        assert!(driver.is_waiting(connection));
        driver.advance_ms(10);
        let stored = fill(driver, &topic, 0, &[1]).remove(0);
        assert_eq!(taken(driver, connection), [(0, ErrorCode::NONE, stored)]);
    }
}

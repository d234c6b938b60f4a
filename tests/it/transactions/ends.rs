//! How transactions end, and what becomes visible.

use kafka_rs::wire::messages::describe_transactions::TopicData;
use kafka_rs::wire::messages::list_offsets::{self, ListOffsetsPartition, ListOffsetsTopic};

use super::*;
use crate::requests::{create_topic, create_topic_with, delete_topic, fetched, list_offset, produce};

#[test]
fn records_count_when_their_transaction_is_committed() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let mut producer = Producer::init(driver, "a");
    producer.write(driver, (&topic, 0), 0, &["a", "b"]);
    producer.write(driver, (&topic, 1), 0, &["c"]);
    produce(driver, &topic, 0, &Batch::of(&["plain"]));
    let data = fetch_committed(driver, (&topic, 0), 0, i32::MAX);
    assert_eq!((data.high_watermark, data.last_stable_offset, records(&data).len()), (3, 0, 0));
    assert!(!fetched(driver, &topic, 0, 0).is_empty(), "who reads everything does not wait");
    producer.commit(driver);
    assert_eq!((committed(driver, (&topic, 0)), committed(driver, (&topic, 1))), (words("a b plain"), words("c")));
    producer.write(driver, (&topic, 0), 0, &["d"]);
    producer.abort(driver);
    assert_eq!(committed(driver, (&topic, 0)), words("a b plain"));
    assert_eq!((producer.epoch, state(driver, "a").as_str()), (2, "CompleteAbort"));
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn a_fetch_waits_for_the_end_of_the_transaction() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut producer = Producer::init(driver, "a");
    producer.write(driver, (&topic, 0), 0, &["a"]);
    let mut request = Fetch::of(vec![want_bytes(&topic, 0, 0, i32::MAX)]).waiting(60_000, 1).request();
    request.isolation_level = 1;
    let connection = driver.connect();
    driver.send(connection, 12, &request);
    produce(driver, &topic, 0, &Batch::of(&["plain"]));
    producer.write(driver, (&topic, 0), 1, &["b"]);
    assert!(driver.is_waiting(connection), "nothing of that is stable");
    producer.commit(driver);
    assert!(!driver.is_waiting(connection));
}

#[test]
fn aborted_transactions_are_listed_where_they_are() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let [mut first, mut second] = ["a", "b"].map(|id| Producer::init(driver, id));
    let ids = (first.id, second.id);
    first.write(driver, (&topic, 0), 0, &["a0"]);
    second.write(driver, (&topic, 0), 0, &["b0"]);
    first.write(driver, (&topic, 0), 1, &["a1"]);
    second.abort(driver);
    assert_eq!(fetch_committed(driver, (&topic, 0), 0, i32::MAX).last_stable_offset, 0);
    first.abort(driver);
    produce(driver, &topic, 0, &Batch::of(&["plain"]));
    let mut check = |offset, limit, expect: &[(i64, i64)]| {
        let data = fetch_committed(driver, (&topic, 0), offset, limit);
        assert_eq!(aborted(&data), expect, "from {offset}, {limit} bytes");
    };
    check(0, i32::MAX, &[(ids.1, 1), (ids.0, 0)]);
    check(0, 1, &[(ids.0, 0)]);
    check(1, 1, &[(ids.1, 1), (ids.0, 0)]);
    check(3, 1, &[(ids.1, 1), (ids.0, 0)]);
    check(4, 1, &[(ids.0, 0)]);
    check(5, i32::MAX, &[]);
    assert_eq!(committed(driver, (&topic, 0)), words("plain"));
}

#[test]
fn older_clients_keep_their_epoch() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let producer = Producer::init(driver, "a");
    for (version, committed) in [(0, true), (1, false), (2, true), (3, false), (4, true)] {
        let sequence = i32::from(version);
        assert_eq!(producer.add(driver, (&topic, 0)), ErrorCode::NONE);
        producer.try_write(driver, OLD_PRODUCE, (&topic, 0), sequence, &[&version.to_string()]).expect("added before");
        assert_eq!(producer.try_end(driver, version, committed), Ok(producer));
        assert_eq!(producer.try_end(driver, version, committed), Ok(producer), "once more is no harm");
        assert_eq!(producer.try_end(driver, version, !committed), Err(ErrorCode::INVALID_TXN_STATE));
    }
    assert_eq!(committed(driver, (&topic, 0)), words("0 2 4"));
}

/// The table of Kafka's coordinator for transactions of version 2, with the epoch that the producer goes on with.
#[test]
fn the_end_of_a_transaction_that_is_not_open() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let producer = Producer::init(driver, "a");
    let check = |driver: &mut Driver, epoch, committed, expect: Result<i16, ErrorCode>| {
        let outcome = Producer { epoch, ..producer }.try_end(driver, END, committed);
        assert_eq!(outcome.map(|producer| producer.epoch), expect, "{epoch} {committed} {}", state(driver, "a"));
    };
    let (fenced, invalid) = (Err(ErrorCode::PRODUCER_FENCED), Err(ErrorCode::INVALID_TXN_STATE));
    // Empty.
    check(driver, 0, true, invalid);
    check(driver, -1, true, fenced);
    check(driver, -1, false, fenced);
    check(driver, 1, false, fenced);
    check(driver, 0, false, Ok(1));
    // CompleteAbort.
    check(driver, 0, false, Ok(1));
    check(driver, 0, true, invalid);
    check(driver, 1, true, invalid);
    check(driver, 2, false, fenced);
    check(driver, -1, false, fenced);
    check(driver, 1, false, Ok(2));
    // CompleteCommit.
    Producer { epoch: 2, ..producer }.write(driver, (&topic, 0), 0, &["x"]);
    check(driver, 2, true, Ok(3));
    check(driver, 2, true, Ok(3));
    check(driver, 2, false, invalid);
    check(driver, 3, true, invalid);
    check(driver, 1, true, fenced);
    check(driver, 3, false, Ok(4));
    assert_eq!(describe(driver, "a").transaction_start_time_ms, driver.now.unix_ms);
    assert_eq!(producer.try_end(driver, OLD_END, false), Err(ErrorCode::PRODUCER_FENCED));
    let producer = Producer { epoch: 4, ..producer };
    assert_eq!(producer.try_end(driver, OLD_END, true), Err(ErrorCode::INVALID_TXN_STATE));
    assert_eq!(producer.try_end(driver, OLD_END, false), Ok(producer));
    let new = Producer::init(driver, "b");
    assert_eq!(new.try_end(driver, OLD_END, false), Err(ErrorCode::INVALID_TXN_STATE));
}

#[test]
fn who_is_not_the_producer_cannot_end() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let producer = Producer::init(driver, "a");
    producer.write(driver, (&topic, 0), 0, &["x"]);
    for version in [OLD_END, END] {
        let mut check = |producer: Producer, expect| assert_eq!(producer.try_end(driver, version, true), Err(expect));
        check(Producer { transactional_id: "", ..producer }, ErrorCode::INVALID_REQUEST);
        check(Producer { transactional_id: "b", ..producer }, ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        check(Producer { id: producer.id + 1, ..producer }, ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        check(Producer { epoch: 1, ..producer }, ErrorCode::PRODUCER_FENCED);
        check(Producer { epoch: i16::MAX, ..producer }, ErrorCode::PRODUCER_FENCED);
        check(Producer { epoch: i16::MIN, ..producer }, ErrorCode::PRODUCER_FENCED);
    }
    assert_eq!(state(driver, "a"), "Ongoing");
}

#[test]
fn a_partition_without_records_gets_a_marker_too() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let producer = Producer::init(driver, "a");
    assert_eq!(producer.add(driver, (&topic, 1)), ErrorCode::NONE);
    producer.try_end(driver, OLD_END, true).expect("a transaction");
    let data = fetch_committed(driver, (&topic, 1), 0, i32::MAX);
    assert_eq!((data.high_watermark, data.last_stable_offset), (1, 1));
    assert_eq!(fetch_committed(driver, (&topic, 0), 0, i32::MAX).high_watermark, 0);
}

#[test]
fn a_topic_can_be_deleted_under_a_transaction() {
    let driver = &mut Driver::default();
    let [gone, kept] = ["gone", "kept"].map(|name| create_topic(driver, name, 1));
    let mut producer = Producer::init(driver, "a");
    producer.write(driver, (&gone, 0), 0, &["x"]);
    producer.write(driver, (&kept, 0), 0, &["y"]);
    delete_topic(driver, "gone");
    let topics = describe(driver, "a").topics;
    let expect = ["gone", "kept"].map(|topic| TopicData { topic: topic.to_owned(), partitions: vec![0] });
    assert_eq!(topics, expect);
    producer.commit(driver);
    assert_eq!(committed(driver, (&kept, 0)), ["y"]);
}

#[test]
fn lookups_end_where_stable_records_end() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    produce(driver, &topic, 0, &Batch::at(&[(1000, "plain")]));
    let mut producer = Producer::init(driver, "a");
    let batch = Batch { attributes: TRANSACTIONAL, ..Batch::at(&[(5000, "x")]) }.by(producer.id, producer.epoch, 0);
    let written = producer.produce_bytes(driver, PRODUCE, &topic, 0, batch.encode());
    assert_eq!(written.error_code, ErrorCode::NONE);
    let check = |driver: &mut Driver, places: [(i64, i64); 6]| {
        for (timestamp, expect) in places {
            let partition = ListOffsetsPartition { timestamp, ..Default::default() };
            let wanted = ListOffsetsTopic { name: topic.name.clone(), partitions: vec![partition] };
            let request = list_offsets::Request {
                replica_id: -1,
                isolation_level: 1,
                topics: vec![wanted],
                ..Default::default()
            };
            let connection = driver.connect();
            let found = driver.ask(connection, 8, &request).topics.remove(0).partitions.remove(0);
            assert_eq!(found.offset, expect, "{timestamp}");
        }
    };
    check(driver, [(-1, 1), (-2, 0), (-3, -1), (900, 0), (2000, -1), (6000, -1)]);
    assert_eq!(list_offset(driver, 8, &topic, 0, -1).offset, 2);
    producer.commit(driver);
    check(driver, [(-1, 3), (-2, 0), (-3, 2), (900, 0), (2000, 1), (6000, 2)]);
}

#[test]
fn markers_have_the_topics_time() {
    let driver = &mut Driver::default();
    let topic = create_topic_with(driver, "orders", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let mut producer = Producer::init(driver, "a");
    producer.write(driver, (&topic, 0), 0, &["x"]);
    producer.commit(driver);
    let mut bytes = fetched(driver, &topic, 0, 1);
    let marker = RecordBatchDecoder::decode(&mut bytes).expect("a batch with a good CRC").records.remove(0);
    assert!(marker.control && marker.transactional);
    assert_eq!((marker.timestamp, marker.producer_epoch), (driver.now.unix_ms, 1));
    assert_eq!(marker.timestamp_type, kafka_protocol::records::TimestampType::LogAppend);
    assert_eq!(marker.key.as_deref(), Some(&[0, 0, 0, 1][..]));
    assert_eq!(marker.value.as_deref(), Some(&[0; 6][..]));
}

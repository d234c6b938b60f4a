//! Produce: what is appended, what is refused with which error, and what an idempotent producer may rely on.

use bytes::Bytes;
use kafka_rs::wire::messages::{init_producer_id, produce::PartitionProduceResponse};
use kafka_rs::wire::{ErrorCode, Uuid};

use crate::driver::Driver;
use crate::records::{Batch, CONTROL, HEADER_BYTES, Record, TRANSACTIONAL, ZSTD};
use crate::requests::{
    Topic, create_topic, create_topic_with, end_offset, fetched, produce, produce_bytes, produce_request,
};

/// The versions that bring batches of format v2.
const VERSIONS: std::ops::RangeInclusive<i16> = 3..=13;

/// Bytes with one of them changed.
fn with_byte(bytes: &Bytes, position: usize, byte: u8) -> Bytes {
    let mut changed = bytes.to_vec();
    changed[position] = byte;
    changed.into()
}

fn with_length(bytes: &Bytes, length: i32) -> Bytes {
    let mut changed = bytes.to_vec();
    changed[8..12].copy_from_slice(&length.to_be_bytes());
    changed.into()
}

#[test]
fn every_version_appends_and_tells_the_offset() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let batch = Batch::of(&["a", "b", "c"]);
    for (version, count) in VERSIONS.zip(0i64..) {
        let response = produce_bytes(driver, version, &topic, 1, batch.encode());
        let expect = PartitionProduceResponse {
            index: 1,
            base_offset: 3 * count,
            log_append_time_ms: -1,
            log_start_offset: if version >= 5 { 0 } else { -1 },
            ..Default::default()
        };
        assert_eq!(response, expect, "v{version}");
        assert_eq!(fetched(driver, &topic, 1, 3 * count), batch.stored_at(3 * count), "v{version}");
    }
    assert_eq!(end_offset(driver, &topic, 0), 0);
}

#[test]
fn a_topic_is_named_by_its_name_or_by_its_id() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let nameless = Topic { name: String::new(), ..topic.clone() };
    let connection = driver.connect();
    let request = |topic: &Topic| produce_request(-1, &[(topic, 0, Batch::of(&["a"]).encode())]);
    let response = driver.ask(connection, 13, &request(&nameless)).responses.remove(0);
    assert_eq!((response.name.as_str(), response.topic_id), ("", topic.id));
    assert_eq!(response.partition_responses[0].error_code, ErrorCode::NONE);
    let response = driver.ask(connection, 12, &request(&topic)).responses.remove(0);
    assert_eq!((response.name.as_str(), response.topic_id), ("orders", Uuid::ZERO));
    assert_eq!(response.partition_responses[0].base_offset, 1);

    let mut check = |version, topic: &Topic, partition, expect| {
        let response = produce_bytes(driver, version, topic, partition, Batch::of(&["a"]).encode());
        assert_eq!((response.error_code, response.base_offset), (expect, -1), "v{version} {topic:?} {partition}");
    };
    let unknown = Topic { name: "nothing".to_owned(), id: Uuid([9; 16]) };
    check(12, &unknown, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    check(12, &nameless, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    check(13, &unknown, 0, ErrorCode::UNKNOWN_TOPIC_ID);
    check(13, &Topic { id: Uuid::ZERO, ..topic.clone() }, 0, ErrorCode::UNKNOWN_TOPIC_ID);
    for partition in [1, -1, i32::MAX, i32::MIN] {
        check(12, &topic, partition, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        check(13, &topic, partition, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
}

#[test]
fn versions_without_batches_are_refused_in_words() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    for version in 0..3 {
        let response = produce_bytes(driver, version, &topic, 0, Batch::of(&["a"]).encode());
        assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION, "v{version}");
    }
    assert_eq!(end_offset(driver, &topic, 0), 0);
}

#[test]
fn malformed_records_are_refused_and_leave_no_trace() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut check = |what: &str, records: Bytes, expect: ErrorCode| {
        for version in [3, 9, 13] {
            let response = produce_bytes(driver, version, &topic, 0, records.clone());
            assert_eq!((response.error_code, response.base_offset), (expect, -1), "{what}, v{version}");
        }
        assert_eq!(end_offset(driver, &topic, 0), 0, "{what}");
    };
    let (invalid, corrupt) = (ErrorCode::INVALID_RECORD, ErrorCode::CORRUPT_MESSAGE);
    let batch = Batch::of(&["some", "values"]);
    let good = batch.encode();

    check("nothing", Bytes::new(), invalid);
    check("less than a length", good.slice(..11), invalid);
    check("no magic", good.slice(..16), invalid);
    for end in [17, 30, HEADER_BYTES - 1] {
        check("cut inside the header", good.slice(..end), invalid);
    }
    check("cut at the last byte", good.slice(..good.len() - 1), invalid);
    check("cut behind the header", good.slice(..HEADER_BYTES), invalid);
    check("two batches", [&good[..], &good].concat().into(), invalid);
    check("a negative length", with_length(&good, -1), corrupt);
    check("a length of zero", with_length(&good, 0), corrupt);
    check("a length shorter than the header", with_length(&good.slice(..60), 48), corrupt);

    for (magic, expect) in [(0, invalid), (1, invalid), (3, corrupt), (127, corrupt), (-1, corrupt), (-128, corrupt)] {
        check(&format!("magic {magic}"), Batch { magic, ..batch.clone() }.encode(), expect);
    }
    for position in [17, 20, 21, 40, good.len() - 1] {
        let what = format!("another byte {position} under the old CRC");
        check(&what, with_byte(&good, position, good[position] ^ 0x40), corrupt);
    }

    let mut check = |what: &str, batch: Batch, expect| check(what, batch.encode(), expect);
    check("a base offset", Batch { base_offset: 1, ..batch.clone() }, invalid);
    check("no records", Batch::of(&[]), invalid);
    check("a count of zero", Batch { count: 0, ..batch.clone() }, invalid);
    check("a negative count", Batch { count: -1, ..batch.clone() }, invalid);
    check("a count below the offsets", Batch { count: 1, ..batch.clone() }, invalid);
    check("a count above the offsets", Batch { count: 3, ..batch.clone() }, invalid);
    check("offsets that go back", Batch { last_offset_delta: -2, count: -1, ..batch.clone() }, invalid);
    check("fewer records than counted", Batch { last_offset_delta: 2, count: 3, ..batch.clone() }, invalid);
    check("more records than counted", Batch { last_offset_delta: 0, count: 1, ..batch.clone() }, invalid);
    check("the largest count", Batch { last_offset_delta: i32::MAX - 1, count: i32::MAX, ..batch.clone() }, invalid);
    check("control records", Batch { attributes: CONTROL, ..batch.clone() }, invalid);
    check(
        "a transaction's records",
        Batch { attributes: TRANSACTIONAL, ..batch.clone() }.by(1, 0, 0),
        ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    );
    check("a producer without a sequence", batch.clone().by(1, 0, -1), invalid);
    check("a producer without an epoch", batch.clone().by(1, -1, 0), ErrorCode::INVALID_PRODUCER_EPOCH);

    let of_bytes = |records: Vec<u8>| Batch { records, ..Batch::of(&["one"]) };
    let record = Record { key: Some(b"k".to_vec()), headers: vec![("h".to_owned(), None)], ..Record::default() };
    let bytes = record.encode();
    check("a record cut off", of_bytes(bytes[..bytes.len() - 1].to_vec()), invalid);
    check("a record that is longer than it says", of_bytes([&bytes[..], &[0]].concat()), invalid);
    for position in 0..bytes.len() {
        // Two bytes of a record may be anything: its attributes and the letter of the key and of the header's name.
        if ![1, 5, 9].contains(&position) && position != 2 {
            let what = format!("an endless varint at {position}");
            check(
                &what,
                of_bytes(
                    bytes.iter().enumerate().map(|(at, byte)| if at == position { 0xff } else { *byte }).collect(),
                ),
                invalid,
            );
        }
    }
}

#[test]
fn offsets_inside_a_batch_are_its_producers_business() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let batch = Batch::of_records(&[Record::default(), Record::default()]);
    assert_eq!(produce(driver, &topic, 0, &batch), 0);
    assert_eq!(fetched(driver, &topic, 0, 0), batch.stored_at(0));
    assert_eq!(end_offset(driver, &topic, 0), 2);
}

#[test]
fn bytes_behind_a_batch_that_are_no_batch_are_ignored() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let batch = Batch::of(&["some", "values"]);
    let with_rest = [&batch.encode()[..], &[1, 2, 3]].concat().into();
    assert_eq!(produce_bytes(driver, 9, &topic, 0, with_rest).error_code, ErrorCode::NONE);
    assert_eq!(fetched(driver, &topic, 0, 0), batch.stored_at(0));
}

#[test]
fn a_codec_that_does_not_exist_is_refused() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    for codec in 5..=7 {
        let batch = Batch { attributes: codec, ..Batch::of(&["a"]) };
        let response = produce_bytes(driver, 9, &topic, 0, batch.encode());
        assert_eq!(response.error_code, ErrorCode::UNKNOWN_SERVER_ERROR, "codec {codec}");
    }
}

#[test]
fn zstandard_came_with_version_7() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    // Compressed records are never looked into while they pass.
    let batch = Batch { attributes: ZSTD, ..Batch::of(&["a"]) };
    for version in VERSIONS {
        let response = produce_bytes(driver, version, &topic, 0, batch.encode());
        let expect = if version < 7 { ErrorCode::UNSUPPORTED_COMPRESSION_TYPE } else { ErrorCode::NONE };
        assert_eq!(response.error_code, expect, "v{version}");
    }
}

/// The time of the driver's broker when it begins.
const NOW: i64 = 1_700_000_000_000;

#[test]
fn records_of_a_wrong_time_are_named() {
    let driver = &mut Driver::default();
    let limits = [("message.timestamp.before.max.ms", "5000"), ("message.timestamp.after.max.ms", "2000")];
    let topic = create_topic_with(driver, "orders", 1, &limits);
    for version in VERSIONS {
        let mut check = |deltas: &[i64], expect: &[i32]| {
            let values: Vec<_> = deltas.iter().map(|delta| (NOW + delta, "value")).collect();
            let response = produce_bytes(driver, version, &topic, 0, Batch::at(&values).encode());
            let code = if expect.is_empty() { ErrorCode::NONE } else { ErrorCode::INVALID_TIMESTAMP };
            assert_eq!(response.error_code, code, "v{version} {deltas:?}");
            let told: Vec<_> = response.record_errors.iter().map(|error| error.batch_index).collect();
            assert_eq!(told, if version < 8 { &[] } else { expect }, "v{version} {deltas:?}");
            assert_eq!(response.error_message.is_some(), version >= 8 && !expect.is_empty(), "v{version} {deltas:?}");
        };
        check(&[-5000, 0, 2000], &[]);
        check(&[-5001, 0, 2000], &[0]);
        check(&[0, 2001, 0, -5001], &[1, 3]);
        check(&[-1 - NOW], &[]);
    }
}

#[test]
fn by_default_a_record_may_be_old_but_not_from_the_future() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut check = |timestamp, expect| {
        let response = produce_bytes(driver, 9, &topic, 0, Batch::at(&[(timestamp, "value")]).encode());
        assert_eq!(response.error_code, expect, "{timestamp}");
    };
    check(0, ErrorCode::NONE);
    check(NOW + 3_600_000, ErrorCode::NONE);
    check(NOW + 3_600_001, ErrorCode::INVALID_TIMESTAMP);
}

#[test]
fn the_clock_of_the_broker_counts_where_the_topic_says_so() {
    let driver = &mut Driver::default();
    let topic = create_topic_with(driver, "orders", 1, &[("message.timestamp.type", "LogAppendTime")]);
    driver.advance_ms(1_234);
    let batch = Batch::at(&[(5, "a"), (NOW * 2, "b")]).by(1, 0, 0);
    let first = produce_bytes(driver, 9, &topic, 0, batch.encode());
    assert_eq!((first.error_code, first.base_offset, first.log_append_time_ms), (ErrorCode::NONE, 0, NOW + 1_234));
    driver.advance_ms(1_000);
    let again = produce_bytes(driver, 9, &topic, 0, batch.encode());
    assert_eq!(again, first, "the repetition has the time of the first");

    let stored = Batch { attributes: 0x08, max_timestamp: NOW + 1_234, ..batch };
    assert_eq!(fetched(driver, &topic, 0, 0), stored.stored_at(0));
}

#[test]
fn a_compacted_topic_wants_keys() {
    let driver = &mut Driver::default();
    let topic = create_topic_with(driver, "orders", 1, &[("cleanup.policy", "compact")]);
    let record = |offset_delta, key: Option<&str>| Record {
        offset_delta,
        key: key.map(|key| key.as_bytes().to_vec()),
        ..Record::default()
    };
    let mut check = |keys: &[Option<&str>], expect: &[i32]| {
        let records: Vec<_> = keys.iter().zip(0..).map(|(key, delta)| record(delta, *key)).collect();
        let response = produce_bytes(driver, 9, &topic, 0, Batch::of_records(&records).encode());
        let code = if expect.is_empty() { ErrorCode::NONE } else { ErrorCode::INVALID_RECORD };
        let told: Vec<_> = response.record_errors.iter().map(|error| error.batch_index).collect();
        assert_eq!((response.error_code, told.as_slice()), (code, expect), "{keys:?}");
    };
    check(&[Some("a"), Some("")], &[]);
    check(&[None], &[0]);
    check(&[Some("a"), None, Some("b"), None], &[1, 3]);
}

#[test]
fn a_refusal_tells_the_first_offset_once_there_is_a_batch() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut check = |partition, records: Bytes, expect| {
        let response = produce_bytes(driver, 9, &topic, partition, records);
        assert!(response.error_code.is_error());
        assert_eq!(response.log_start_offset, expect, "{}", response.error_code);
    };
    check(0, Bytes::new(), -1);
    check(1, Batch::of(&["a"]).encode(), -1);
    check(0, Batch { base_offset: 1, ..Batch::of(&["a"]) }.encode(), 0);
}

#[test]
fn a_batch_may_be_as_large_as_the_topic_says() {
    let driver = &mut Driver::with(&[("message.max.bytes", "2000")]);
    let of_bytes = |size: usize| {
        let batch = Batch::of_size(2 * size - Batch::of_size(size).encode().len());
        assert_eq!(batch.encode().len(), size);
        batch.encode()
    };
    let broker_limit = create_topic(driver, "a", 1);
    let own_limit = create_topic_with(driver, "b", 1, &[("max.message.bytes", "500")]);
    let mut check = |topic: &Topic, size, expect| {
        let response = produce_bytes(driver, 9, topic, 0, of_bytes(size));
        assert_eq!(response.error_code, expect, "{size} bytes to {}", topic.name);
    };
    check(&broker_limit, 2000, ErrorCode::NONE);
    check(&broker_limit, 2001, ErrorCode::MESSAGE_TOO_LARGE);
    check(&own_limit, 500, ErrorCode::NONE);
    check(&own_limit, 501, ErrorCode::MESSAGE_TOO_LARGE);
}

#[test]
fn acks_are_0_1_or_all() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let connection = driver.connect();
    let records = Batch::of(&["a"]).encode();
    for version in VERSIONS {
        for (acks, expect) in [
            (-1, ErrorCode::NONE),
            (1, ErrorCode::NONE),
            (2, ErrorCode::INVALID_REQUIRED_ACKS),
            (-2, ErrorCode::INVALID_REQUIRED_ACKS),
            (i16::MAX, ErrorCode::INVALID_REQUIRED_ACKS),
        ] {
            let request = produce_request(acks, &[(&topic, 0, records.clone())]);
            let response = driver.ask(connection, version, &request).responses.remove(0).partition_responses.remove(0);
            assert_eq!(response.error_code, expect, "v{version}, acks {acks}");
        }
    }
    assert_eq!(end_offset(driver, &topic, 0), 2 * VERSIONS.count() as i64);
}

#[test]
fn acks_0_is_never_answered() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let connection = driver.connect();
    for (version, count) in VERSIONS.zip(1..) {
        driver.send(connection, version, &produce_request(0, &[(&topic, 0, Batch::of(&["a"]).encode())]));
        assert!(!driver.is_waiting(connection) && driver.closed(connection).is_none());
        assert_eq!(driver.answer::<kafka_rs::wire::messages::produce::Request>(connection), None);
        assert_eq!(end_offset(driver, &topic, 0), count);
    }
}

#[test]
fn an_error_under_acks_0_closes_the_connection() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let nothing = Topic { name: "nothing".to_owned(), id: Uuid([9; 16]) };
    let good = Batch::of(&["a"]).encode();
    let mut check = |pieces: &[(&Topic, i32, Bytes)], expect: &str| {
        let connection = driver.connect();
        driver.send(connection, 9, &produce_request(0, pieces));
        assert!(
            driver.closed(connection).is_some_and(|reason| reason.contains(expect)),
            "{:?}",
            driver.closed(connection)
        );
        assert_eq!(driver.answer::<kafka_rs::wire::messages::produce::Request>(connection), None);
    };
    check(&[(&nothing, 0, good.clone())], "UNKNOWN_TOPIC_OR_PARTITION");
    check(&[(&topic, 1, good.clone())], "UNKNOWN_TOPIC_OR_PARTITION");
    check(&[(&topic, 0, with_byte(&good, 20, good[20] ^ 1))], "CORRUPT_MESSAGE");
    // What went well before the error is stored all the same.
    check(&[(&topic, 0, good.clone()), (&topic, 1, good)], "UNKNOWN_TOPIC_OR_PARTITION");
    assert_eq!(end_offset(driver, &topic, 0), 1);
}

#[test]
fn all_replicas_cannot_be_more_than_one() {
    let driver = &mut Driver::default();
    let topic = create_topic_with(driver, "orders", 1, &[("min.insync.replicas", "2")]);
    let connection = driver.connect();
    for (acks, expect) in [(-1, ErrorCode::NOT_ENOUGH_REPLICAS), (1, ErrorCode::NONE)] {
        let request = produce_request(acks, &[(&topic, 0, Batch::of(&["a"]).encode())]);
        let response = driver.ask(connection, 9, &request).responses.remove(0).partition_responses.remove(0);
        assert_eq!(response.error_code, expect, "acks {acks}");
    }
}

#[test]
fn each_partition_of_a_request_has_its_own_fate() {
    let driver = &mut Driver::default();
    let (first, second) = (create_topic(driver, "first", 3), create_topic(driver, "second", 1));
    let (good, bad) = (Batch::of(&["a", "b"]).encode(), Bytes::new());
    let pieces = [
        (&first, 2, good.clone()),
        (&first, 0, bad.clone()),
        (&first, 1, good.clone()),
        (&second, 0, good.clone()),
        (&first, 2, good.clone()),
        (&first, 7, good),
    ];
    let connection = driver.connect();
    let response = driver.ask(connection, 9, &produce_request(-1, &pieces));
    let seen: Vec<_> = response
        .responses
        .iter()
        .flat_map(|topic| {
            topic
                .partition_responses
                .iter()
                .map(|one| (topic.name.as_str(), one.index, one.error_code, one.base_offset))
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("first", 2, ErrorCode::NONE, 0),
            ("first", 0, ErrorCode::INVALID_RECORD, -1),
            ("first", 1, ErrorCode::NONE, 0),
            ("second", 0, ErrorCode::NONE, 0),
            ("first", 2, ErrorCode::NONE, 2),
            ("first", 7, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1),
        ]
    );
}

#[test]
fn an_empty_request_has_an_empty_answer() {
    let driver = &mut Driver::default();
    let connection = driver.connect();
    for version in VERSIONS {
        assert!(driver.ask(connection, version, &produce_request(-1, &[])).responses.is_empty());
    }
    driver.send(connection, 9, &produce_request(0, &[]));
    assert!(!driver.is_waiting(connection) && driver.closed(connection).is_none());
}

fn init_producer(driver: &mut Driver, version: i16, transactional_id: Option<&str>) -> init_producer_id::Response {
    let request = init_producer_id::Request {
        transactional_id: transactional_id.map(str::to_owned),
        transaction_timeout_ms: 60_000,
        ..Default::default()
    };
    let connection = driver.connect();
    driver.ask(connection, version, &request)
}

#[test]
fn every_producer_gets_an_id_of_its_own() {
    let driver = &mut Driver::default();
    let mut seen = std::collections::HashSet::new();
    for version in 0..=5 {
        let response = init_producer(driver, version, None);
        assert_eq!((response.error_code, response.producer_epoch), (ErrorCode::NONE, 0), "v{version}");
        assert!(response.producer_id >= 0 && seen.insert(response.producer_id), "v{version}");
        assert_eq!(init_producer(driver, version, Some("")).error_code, ErrorCode::INVALID_REQUEST);
        let transactional = init_producer(driver, version, Some("tx"));
        assert_eq!(transactional.error_code, ErrorCode::NONE, "v{version}");
        assert!(version > 0 || seen.insert(transactional.producer_id), "the first time it is a new one");
    }
}

/// Sends batches of one producer, each given by epoch, first sequence and number of records, and compares the outcome: the
/// offset, or the error.
fn check_sequence(steps: &[(i16, i32, usize, Result<i64, ErrorCode>)]) {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    for (step, (epoch, sequence, count, expect)) in steps.iter().enumerate() {
        let end = end_offset(driver, &topic, 0);
        let batch = Batch::of(&vec!["value"; *count]).by(7, *epoch, *sequence);
        let response = produce_bytes(driver, 13, &topic, 0, batch.encode());
        let outcome = if response.error_code.is_error() { Err(response.error_code) } else { Ok(response.base_offset) };
        assert_eq!(outcome, *expect, "step {step}: {:?}", steps[step]);
        let appended = if *expect == Ok(end) { *count as i64 } else { 0 };
        assert_eq!(end_offset(driver, &topic, 0), end + appended, "step {step}: {:?}", steps[step]);
    }
}

const GAP: Result<i64, ErrorCode> = Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
const OLD: Result<i64, ErrorCode> = Err(ErrorCode::INVALID_PRODUCER_EPOCH);

#[test]
fn a_repeated_batch_is_answered_with_its_first_offset() {
    check_sequence(&[
        (0, 0, 3, Ok(0)),
        (0, 0, 3, Ok(0)),
        (0, 3, 1, Ok(3)),
        (0, 0, 3, Ok(0)),
        (0, 3, 1, Ok(3)),
        (0, 4, 1, Ok(4)),
    ]);
}

#[test]
fn the_last_five_batches_are_remembered() {
    let batches = (0..6).map(|index| (0, index, 1, Ok(i64::from(index))));
    let repeats = (1..6).map(|index| (0, index, 1, Ok(i64::from(index))));
    let steps: Vec<_> = batches.chain([(0, 0, 1, GAP)]).chain(repeats).chain([(0, 6, 1, Ok(6))]).collect();
    check_sequence(&steps);
}

#[test]
fn gaps_and_other_cuts_are_refused() {
    check_sequence(&[
        (0, 0, 2, Ok(0)),
        (0, 3, 1, GAP),
        (0, 1, 1, GAP),
        (0, 0, 1, GAP),
        (0, 0, 3, GAP),
        (0, 2, 1, Ok(2)),
    ]);
}

#[test]
fn a_new_epoch_begins_at_zero() {
    check_sequence(&[
        (0, 0, 1, Ok(0)),
        (1, 1, 1, GAP),
        (0, 1, 1, Ok(1)),
        (1, 0, 1, Ok(2)),
        (0, 2, 1, OLD),
        (0, 0, 1, OLD),
        (1, 0, 1, Ok(2)),
        (1, 1, 1, Ok(3)),
        (5, 0, 1, Ok(4)),
        (4, 0, 1, OLD),
    ]);
}

#[test]
fn after_the_largest_sequence_comes_zero() {
    check_sequence(&[
        (0, i32::MAX - 1, 2, Ok(0)),
        (0, 1, 1, GAP),
        (0, 0, 1, Ok(2)),
        (0, i32::MAX - 1, 2, Ok(0)),
        (0, 1, 1, Ok(3)),
    ]);
    // One batch that goes over the end of the numbers.
    check_sequence(&[(0, i32::MAX - 1, 5, Ok(0)), (0, i32::MAX - 1, 5, Ok(0)), (0, 2, 1, GAP), (0, 3, 1, Ok(5))]);
}

#[test]
fn a_producer_that_nobody_knows_may_begin_anywhere() {
    check_sequence(&[(3, 41, 1, Ok(0)), (3, 42, 1, Ok(1)), (3, 41, 1, Ok(0)), (2, 43, 1, OLD)]);
}

#[test]
fn sequences_belong_to_a_producer_and_a_partition() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let batch = |producer| Batch::of(&["a"]).by(producer, 0, 0);
    assert_eq!(produce(driver, &topic, 0, &batch(1)), 0);
    assert_eq!(produce(driver, &topic, 0, &batch(2)), 1);
    assert_eq!(produce(driver, &topic, 1, &batch(1)), 0);
    assert_eq!(produce(driver, &topic, 0, &batch(1)), 0);
    assert_eq!(produce(driver, &topic, 0, &Batch::of(&["plain"])), 2);
    assert_eq!((end_offset(driver, &topic, 0), end_offset(driver, &topic, 1)), (3, 1));
}

#[test]
fn a_silent_producer_is_forgotten() {
    let driver = &mut Driver::with(&[
        ("producer.id.expiration.ms", "5000"),
        ("producer.id.expiration.check.interval.ms", "1000"),
    ]);
    let topic = create_topic(driver, "orders", 1);
    let batch = |sequence| Batch::of(&["a"]).by(1, 0, sequence).encode();
    let error = |driver: &mut Driver, sequence| produce_bytes(driver, 9, &topic, 0, batch(sequence)).error_code;
    assert_eq!(error(driver, 0), ErrorCode::NONE);
    driver.advance_ms(4_000);
    assert_eq!(error(driver, 5), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    driver.advance_ms(3_000);
    assert_eq!(error(driver, 5), ErrorCode::NONE);
}

#[test]
fn a_topic_that_was_created_again_knows_no_producers() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    assert_eq!(produce(driver, &topic, 0, &Batch::of(&["a"]).by(1, 4, 0)), 0);
    crate::requests::delete_topic(driver, "orders");
    let again = create_topic(driver, "orders", 1);
    assert_eq!(
        produce_bytes(driver, 13, &topic, 0, Batch::of(&["b"]).encode()).error_code,
        ErrorCode::UNKNOWN_TOPIC_ID
    );
    assert_eq!(produce(driver, &again, 0, &Batch::of(&["b"]).by(1, 0, 9)), 0);
}

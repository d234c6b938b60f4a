//! Compacted topics keep the last record of each key, where it is and as it is, and nothing that is not the last.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::records::{Compression, RecordBatchDecoder};
use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::compression::decompress;
use kafka_rs::wire::messages::{end_txn, incremental_alter_configs, init_producer_id, produce as produce_api};
use kafka_rs::wire::record_batch::{BatchHeader, Codec, crc_is_valid};
use proptest::prelude::*;

use crate::admin::delete_records;
use crate::driver::Driver;
use crate::records::{Batch, FIRST_TIMESTAMP, Record, TRANSACTIONAL};
use crate::requests::{
    Fetch, Topic, create_topic_with, end_offset, fetched, list_offset, produce, produce_bytes, produce_request, want,
};

/// A record as a consumer sees it: offset, time, key and value.
type Seen = (i64, i64, String, Option<String>);

/// A broker that looks for what to compact every second.
fn driver() -> Driver {
    Driver::with(&[("log.cleaner.backoff.ms", "1000")])
}

/// A topic with one partition, small segments, and no patience with what could be compacted.
fn topic(driver: &mut Driver, configs: &[(&str, &str)]) -> Topic {
    let eager = [("cleanup.policy", "compact"), ("internal.segment.bytes", "500"), ("min.cleanable.dirty.ratio", "0")];
    create_topic_with(driver, "table", 1, &[&eager[..], configs].concat())
}

fn record(index: usize, key: &str, value: Option<&str>) -> Record {
    Record {
        timestamp_delta: index as i64,
        offset_delta: index as i64,
        key: Some(key.as_bytes().to_vec()),
        value: value.map(|value| value.as_bytes().to_vec()),
        ..Record::default()
    }
}

fn batch_of(records: &[(&str, Option<&str>)], timestamp: i64) -> Batch {
    let records: Vec<_> = records.iter().enumerate().map(|(index, (key, value))| record(index, key, *value)).collect();
    let max_timestamp = timestamp + records.len() as i64 - 1;
    Batch { base_timestamp: timestamp, max_timestamp, ..Batch::of_records(&records) }
}

fn put(driver: &mut Driver, topic: &Topic, key: &str, value: Option<&str>) -> i64 {
    produce(driver, topic, 0, &batch_of(&[(key, value)], FIRST_TIMESTAMP))
}

/// Fills the active segment, so that what was written before can be compacted.
fn fill(driver: &mut Driver, topic: &Topic) {
    let large = "x".repeat(380);
    for key in ["fill-1", "fill-2"] {
        put(driver, topic, key, Some(&large));
    }
}

fn settle(driver: &mut Driver) {
    driver.advance_ms(3_000);
}

/// All records, those of transactions whatever became of them, read by a decoder that others have written.
fn contents(driver: &mut Driver, topic: &Topic) -> Vec<Seen> {
    decode(fetched(driver, topic, 0, 0))
}

fn decode(mut bytes: Bytes) -> Vec<Seen> {
    let decompressor = |bytes: &mut Bytes, compression| {
        let codec = match compression {
            Compression::None => Codec::None,
            Compression::Gzip => Codec::Gzip,
            Compression::Snappy => Codec::Snappy,
            Compression::Lz4 => Codec::Lz4,
            Compression::Zstd => Codec::Zstd,
        };
        Ok(Bytes::from(decompress(codec, bytes).expect("compressed records").into_owned()))
    };
    let mut seen = Vec::new();
    let mut next_offset = 0;
    while let Some(header) = BatchHeader::parse(&bytes) {
        let mut batch = bytes.split_to(header.total_bytes().expect("a length"));
        assert!(crc_is_valid(&batch, &header), "{header:?}");
        assert!(header.base_offset >= next_offset, "batches do not overlap");
        next_offset = header.last_offset() + 1;
        let decoded = RecordBatchDecoder::decode_with_custom_compression(&mut batch, Some(decompressor));
        let records = decoded.expect("a batch").records;
        assert_eq!(records.len() as i32, header.count);
        for record in records.into_iter().filter(|record| !record.control) {
            assert!((header.base_offset..=header.last_offset()).contains(&record.offset));
            let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).expect("a text");
            seen.push((
                record.offset,
                record.timestamp,
                record.key.map(text).unwrap_or_default(),
                record.value.map(text),
            ));
        }
    }
    assert!(bytes.is_empty(), "whole batches");
    seen
}

fn offsets(driver: &mut Driver, topic: &Topic) -> Vec<i64> {
    contents(driver, topic).iter().map(|(offset, ..)| *offset).collect()
}

fn set(driver: &mut Driver, name: &str, value: &str) {
    let config = incremental_alter_configs::AlterableConfig {
        name: name.to_owned(),
        config_operation: 0,
        value: Some(value.to_owned()),
    };
    let resource = incremental_alter_configs::AlterConfigsResource {
        resource_type: 2,
        resource_name: "table".to_owned(),
        configs: vec![config],
    };
    let connection = driver.connect();
    let request = incremental_alter_configs::Request { resources: vec![resource], validate_only: false };
    assert_eq!(driver.ask(connection, 1, &request).responses[0].error_code, ErrorCode::NONE);
}

#[test]
fn the_last_record_of_each_key_stays_where_it_is() {
    let driver = &mut driver();
    let topic = topic(driver, &[]);
    for (key, value) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4"), ("b", "5")] {
        put(driver, &topic, key, Some(value));
    }
    fill(driver, &topic);
    assert_eq!(offsets(driver, &topic), [0, 1, 2, 3, 4, 5, 6], "nobody has looked yet");
    settle(driver);
    let kept = contents(driver, &topic);
    let expect = |offset, key: &str, value: &str| (offset, FIRST_TIMESTAMP, key.to_owned(), Some(value.to_owned()));
    assert_eq!(kept[..3], [expect(2, "a", "3"), expect(3, "c", "4"), expect(4, "b", "5")]);
    assert_eq!(end_offset(driver, &topic, 0), 7);
    assert_eq!(list_offset(driver, 8, &topic, 0, -2).offset, 0, "the log begins where it began");
    // Who reads on from a record that is gone gets the next one.
    assert_eq!(decode(fetched(driver, &topic, 0, 1))[0].0, 2);
}

#[test]
fn the_active_segment_is_left_alone() {
    let driver = &mut driver();
    let topic = topic(driver, &[]);
    for _ in 0..4 {
        put(driver, &topic, "a", Some("1"));
    }
    settle(driver);
    assert_eq!(offsets(driver, &topic), [0, 1, 2, 3]);
}

#[test]
fn a_batch_keeps_what_is_left_of_it() {
    let driver = &mut driver();
    let topic = topic(driver, &[]);
    let batch = batch_of(&[("a", Some("1")), ("b", Some("2")), ("a", Some("3")), ("c", Some("4"))], FIRST_TIMESTAMP);
    produce(driver, &topic, 0, &batch.clone().by(7, 0, 0));
    produce(driver, &topic, 0, &batch_of(&[("c", Some("5"))], FIRST_TIMESTAMP + 10));
    fill(driver, &topic);
    settle(driver);
    let kept = contents(driver, &topic);
    let at = |after: i64, offset, key: &str, value: &str| {
        (offset, FIRST_TIMESTAMP + after, key.to_owned(), Some(value.to_owned()))
    };
    assert_eq!(kept[..3], [at(1, 1, "b", "2"), at(2, 2, "a", "3"), at(10, 4, "c", "5")]);
    let bytes = fetched(driver, &topic, 0, 0);
    let header = BatchHeader::parse(&bytes).expect("a batch");
    assert_eq!((header.base_offset, header.last_offset(), header.count), (0, 3, 2));
    assert_eq!((header.producer_id, header.base_sequence, header.last_sequence()), (7, 0, 3));
    assert_eq!(header.max_timestamp, FIRST_TIMESTAMP + 2);
    // The producer goes on as if nothing had happened, and is recognised when it repeats itself.
    let again = produce_bytes(driver, 13, &topic, 0, batch.by(7, 0, 0).encode());
    assert_eq!((again.error_code, again.base_offset), (ErrorCode::NONE, 0));
    let next = batch_of(&[("d", Some("6"))], FIRST_TIMESTAMP).by(7, 0, 4);
    assert_eq!(produce_bytes(driver, 13, &topic, 0, next.encode()).error_code, ErrorCode::NONE);
}

#[test]
fn records_keep_the_time_of_their_appending() {
    let driver = &mut driver();
    let topic = topic(driver, &[("message.timestamp.type", "LogAppendTime")]);
    let appended = produce_bytes(driver, 13, &topic, 0, {
        let records = [("a", Some("1")), ("b", Some("2")), ("a", Some("3"))];
        batch_of(&records, FIRST_TIMESTAMP).encode()
    });
    let time = appended.log_append_time_ms;
    assert!(time > FIRST_TIMESTAMP + 2, "it is the broker's");
    driver.advance_ms(10);
    fill(driver, &topic);
    settle(driver);
    assert_eq!(offsets(driver, &topic)[..2], [1, 2]);
    let header = BatchHeader::parse(&fetched(driver, &topic, 0, 0)).expect("a batch");
    assert_eq!((header.base_offset, header.count, header.max_timestamp), (0, 2, time));
    // The record that a time finds has that time too, whatever its producer's clock said.
    for (wanted, expect) in [(FIRST_TIMESTAMP, (time, 1)), (time, (time, 1)), (time + 1, (time + 10, 3))] {
        let found = list_offset(driver, 8, &topic, 0, wanted);
        assert_eq!((found.timestamp, found.offset), expect, "{wanted}");
    }
}

#[test]
fn a_deletion_is_told_for_a_while() {
    let driver = &mut driver();
    let topic = topic(driver, &[("delete.retention.ms", "60000")]);
    put(driver, &topic, "a", Some("1"));
    put(driver, &topic, "b", Some("2"));
    put(driver, &topic, "a", None);
    fill(driver, &topic);
    settle(driver);
    let deletion = (2, FIRST_TIMESTAMP, "a".to_owned(), None);
    assert_eq!(contents(driver, &topic)[1], deletion);
    // Only who has to compact anyway looks again.
    driver.advance_ms(60_000);
    assert_eq!(contents(driver, &topic)[1], deletion);
    fill(driver, &topic);
    settle(driver);
    assert_eq!(offsets(driver, &topic)[..1], [1]);
    assert!(!offsets(driver, &topic).contains(&2));
}

#[test]
fn a_deletion_with_others_in_its_batch() {
    let driver = &mut driver();
    let topic = topic(driver, &[("delete.retention.ms", "60000")]);
    let batch = batch_of(&[("a", None), ("b", Some("2")), ("c", None)], FIRST_TIMESTAMP);
    produce(driver, &topic, 0, &batch);
    fill(driver, &topic);
    settle(driver);
    // The batch is made again, to note until when; the records' times do not change by that.
    let kept = contents(driver, &topic);
    let expect = [(0, "a", None), (1, "b", Some("2")), (2, "c", None)];
    let expect =
        expect.map(|(offset, key, value)| (offset, FIRST_TIMESTAMP + offset, key.to_owned(), value.map(str::to_owned)));
    assert_eq!(kept[..3], expect);
    assert_eq!(list_offset(driver, 8, &topic, 0, FIRST_TIMESTAMP + 1).offset, 1);
    driver.advance_ms(60_000);
    fill(driver, &topic);
    settle(driver);
    assert_eq!(contents(driver, &topic)[0], expect[1]);
    assert_eq!(offsets(driver, &topic)[1], 4, "both deletions are gone");
}

#[test]
fn records_without_keys_go() {
    let driver = &mut driver();
    let topic = topic(driver, &[("cleanup.policy", "delete"), ("retention.ms", "-1")]);
    produce(driver, &topic, 0, &Batch::of(&["no key"]));
    put(driver, &topic, "a", Some("1"));
    fill(driver, &topic);
    settle(driver);
    assert_eq!(offsets(driver, &topic)[..2], [0, 1]);
    set(driver, "cleanup.policy", "compact");
    settle(driver);
    assert_eq!(offsets(driver, &topic)[..1], [1]);
    let refused = produce_bytes(driver, 13, &topic, 0, Batch::of(&["no key"]).encode());
    assert_eq!(refused.error_code, ErrorCode::INVALID_RECORD);
}

/// Its keys are not known, so it cannot be said whether they come again.
#[test]
fn a_batch_that_cannot_be_looked_into_stays_as_it_is() {
    let driver = &mut driver();
    let topic = topic(driver, &[("cleanup.policy", "delete"), ("retention.ms", "-1")]);
    let closed =
        Batch { attributes: 1, records: b"no gzip".to_vec(), ..batch_of(&[("a", Some("1"))], FIRST_TIMESTAMP) };
    put(driver, &topic, "a", Some("0"));
    produce(driver, &topic, 0, &closed);
    put(driver, &topic, "b", Some("2"));
    put(driver, &topic, "b", Some("3"));
    fill(driver, &topic);
    set(driver, "cleanup.policy", "compact");
    settle(driver);
    let bytes = fetched(driver, &topic, 0, 0);
    let first = batch_of(&[("a", Some("0"))], FIRST_TIMESTAMP).stored_at(0);
    assert_eq!(bytes[..first.len()], first);
    let rest = &bytes[first.len()..];
    assert_eq!(rest[..closed.encode().len()], closed.stored_at(1));
    assert_eq!(decode(bytes.slice(first.len() + closed.encode().len()..))[0].0, 3);
}

#[test]
fn what_is_young_waits_and_what_is_old_does_not() {
    let driver = &mut driver();
    let young = [("min.compaction.lag.ms", "3600000")];
    let topic = topic(driver, &[("message.timestamp.before.max.ms", "9223372036854775807"), young[0]]);
    let now = driver.now.unix_ms;
    for timestamp in [now - 7_200_000, now] {
        for _ in 0..3 {
            let large = "x".repeat(100);
            let records = [("a", Some(large.as_str())), ("a", Some(large.as_str()))];
            produce(driver, &topic, 0, &batch_of(&records, timestamp));
        }
    }
    // Each batch of two is 300 bytes and so a segment of its own.
    settle(driver);
    assert_eq!(offsets(driver, &topic), [5, 6, 7, 8, 9, 10, 11]);
    driver.advance_ms(3_600_000);
    assert_eq!(offsets(driver, &topic), [9, 10, 11]);
}

#[test]
fn the_ratio_says_when_and_the_lag_at_the_latest() {
    let driver = &mut driver();
    let topic = topic(driver, &[("min.cleanable.dirty.ratio", "0.5")]);
    let now = driver.now.unix_ms;
    let write = |driver: &mut Driver, keys: std::ops::Range<usize>| {
        for key in keys {
            produce(driver, &topic, 0, &batch_of(&[(&key.to_string(), Some(&"x".repeat(400)))], now));
        }
    };
    write(driver, 0..10);
    settle(driver);
    write(driver, 0..9);
    // Each record is a segment, the last one is active. Nine are clean, and nine are not: that is not more than half.
    settle(driver);
    assert_eq!(offsets(driver, &topic).len(), 19);
    write(driver, 9..10);
    settle(driver);
    assert_eq!(offsets(driver, &topic), (9..20).collect::<Vec<_>>());

    set(driver, "min.cleanable.dirty.ratio", "1");
    write(driver, 0..5);
    settle(driver);
    assert_eq!(offsets(driver, &topic).len(), 16);
    set(driver, "max.compaction.lag.ms", "60000");
    driver.advance_ms(60_000);
    // The keys 0 to 3 are replaced, and so is the earlier of the two records of key 9.
    assert_eq!(offsets(driver, &topic).len(), 11);
}

#[test]
fn both_policies_together() {
    let driver = &mut driver();
    let topic = topic(driver, &[("cleanup.policy", "compact,delete"), ("retention.ms", "60000")]);
    let now = driver.now.unix_ms;
    for key in ["a", "b", "a", "b", "c"] {
        produce(driver, &topic, 0, &batch_of(&[(key, Some(&"x".repeat(400)))], now));
    }
    settle(driver);
    assert_eq!(offsets(driver, &topic), [2, 3, 4]);
    driver.advance_ms(60_000);
    assert_eq!(list_offset(driver, 8, &topic, 0, -2).offset, 5);
}

#[test]
fn a_broker_can_be_told_not_to_compact() {
    let driver = &mut Driver::with(&[("log.cleaner.backoff.ms", "1000"), ("log.cleaner.enable", "false")]);
    let topic = topic(driver, &[]);
    put(driver, &topic, "a", Some("1"));
    put(driver, &topic, "a", Some("2"));
    fill(driver, &topic);
    settle(driver);
    assert_eq!(offsets(driver, &topic), [0, 1, 2, 3]);
}

#[test]
fn a_topic_that_is_deleted_in_the_middle() {
    let driver = &mut driver();
    let topic = topic(driver, &[("internal.segment.bytes", "10000000")]);
    for key in 0..6_000 {
        put(driver, &topic, &(key % 10).to_string(), Some(&"x".repeat(2_000)));
    }
    // One step of some chunks, and many are left.
    driver.advance_ms(1_001);
    crate::requests::delete_topic(driver, "table");
    settle(driver);
    let topic = self::topic(driver, &[]);
    put(driver, &topic, "a", Some("1"));
    assert_eq!(offsets(driver, &topic), [0]);
}

/// A transaction with one record of each key, which ends as it should.
fn transaction(driver: &mut Driver, topic: &Topic, id: &str, keys: &[&str], value: &str, committed: bool) {
    let connection = driver.connect();
    let init = init_producer_id::Request {
        transactional_id: Some(id.to_owned()),
        transaction_timeout_ms: 60_000,
        producer_id: -1,
        producer_epoch: -1,
    };
    let producer = driver.ask(connection, 5, &init);
    let records: Vec<_> = keys.iter().map(|key| (*key, Some(value))).collect();
    let batch = Batch { attributes: TRANSACTIONAL, ..batch_of(&records, FIRST_TIMESTAMP) };
    let batch = batch.by(producer.producer_id, producer.producer_epoch, 0).encode();
    let request = produce_request(-1, &[(topic, 0, batch)]);
    let request = produce_api::Request { transactional_id: Some(id.to_owned()), ..request };
    let response = driver.ask(connection, 13, &request);
    assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
    let end = end_txn::Request {
        transactional_id: id.to_owned(),
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        committed,
    };
    assert_eq!(driver.ask(connection, 5, &end).error_code, ErrorCode::NONE);
}

fn aborted(driver: &mut Driver, topic: &Topic) -> usize {
    let connection = driver.connect();
    let request = Fetch::of(vec![want(topic, 0, 0)]).request();
    let request = kafka_rs::wire::messages::fetch::Request { isolation_level: 1, ..request };
    let data = driver.ask(connection, 12, &request).responses.remove(0).partitions.remove(0);
    data.aborted_transactions.map_or(0, |aborted| aborted.len())
}

/// How many batches are markers.
fn markers(driver: &mut Driver, topic: &Topic) -> usize {
    let mut bytes = fetched(driver, topic, 0, 0);
    let mut count = 0;
    while let Some(header) = BatchHeader::parse(&bytes) {
        count += usize::from(header.is_control());
        drop(bytes.split_to(header.total_bytes().expect("a length")));
    }
    count
}

#[test]
fn aborted_records_count_for_nothing_and_go() {
    let driver = &mut driver();
    let topic = topic(driver, &[("delete.retention.ms", "60000")]);
    put(driver, &topic, "a", Some("1"));
    transaction(driver, &topic, "t", &["a", "b"], "aborted", false);
    transaction(driver, &topic, "t", &["b", "c"], "committed", true);
    fill(driver, &topic);
    settle(driver);
    // The record of key a was not replaced, whatever the aborted one says.
    assert_eq!(offsets(driver, &topic)[..3], [0, 4, 5]);
    assert_eq!((aborted(driver, &topic), markers(driver, &topic)), (1, 2));
    // One round finds that nothing is left of the aborted transaction, another one lets its marker go.
    fill(driver, &topic);
    settle(driver);
    assert_eq!((aborted(driver, &topic), markers(driver, &topic)), (1, 2));
    driver.advance_ms(60_000);
    fill(driver, &topic);
    settle(driver);
    assert_eq!((aborted(driver, &topic), markers(driver, &topic)), (0, 1));
    assert_eq!(offsets(driver, &topic)[..3], [0, 4, 5]);
}

#[test]
fn nothing_behind_an_open_transaction_is_compacted() {
    let driver = &mut driver();
    let topic = topic(driver, &[("internal.segment.bytes", "150")]);
    let connection = driver.connect();
    let init = init_producer_id::Request {
        transactional_id: Some("t".to_owned()),
        transaction_timeout_ms: 600_000,
        producer_id: -1,
        producer_epoch: -1,
    };
    let producer = driver.ask(connection, 5, &init);
    put(driver, &topic, "a", Some(&"x".repeat(50)));
    put(driver, &topic, "a", Some(&"x".repeat(50)));
    let batch = Batch { attributes: TRANSACTIONAL, ..batch_of(&[("a", Some("open"))], FIRST_TIMESTAMP) };
    let batch = batch.by(producer.producer_id, producer.producer_epoch, 0).encode();
    let request = produce_request(-1, &[(&topic, 0, batch)]);
    let request = produce_api::Request { transactional_id: Some("t".to_owned()), ..request };
    assert_eq!(driver.ask(connection, 13, &request).responses[0].partition_responses[0].error_code, ErrorCode::NONE);
    for _ in 0..3 {
        put(driver, &topic, "a", Some(&"x".repeat(50)));
    }
    settle(driver);
    assert_eq!(offsets(driver, &topic), [1, 2, 3, 4, 5]);
    let end = end_txn::Request {
        transactional_id: "t".to_owned(),
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        committed: true,
    };
    assert_eq!(driver.ask(connection, 5, &end).error_code, ErrorCode::NONE);
    put(driver, &topic, "b", Some(&"x".repeat(50)));
    settle(driver);
    assert_eq!(offsets(driver, &topic), [5, 7]);
}

/// A batch as a test makes it up: key and whether there is a value, for each record, and a codec.
type Made = (Vec<(u8, bool)>, i16);

fn made() -> impl Strategy<Value = Made> {
    let codecs = if cfg!(feature = "compression") { 0..5i16 } else { 0..1 };
    (prop::collection::vec((0..12u8, prop::bool::weighted(0.8)), 1..6), codecs)
}

fn in_codec(batch: Batch, codec: i16) -> Batch {
    if codec == 0 { batch } else { batch.compressed(codec) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever is written, and whenever compaction comes in between: what is left in front of the active segment is the
    /// last record of each key there, and behind that, everything.
    #[test]
    fn what_is_left_is_what_the_model_says(rounds in prop::collection::vec(prop::collection::vec(made(), 1..20), 1..6)) {
        let driver = &mut driver();
        let segment_bytes = 1_500;
        let topic = topic(driver, &[("internal.segment.bytes", "1500")]);
        let mut written: Vec<Seen> = Vec::new();
        // The segment to which is appended: where it begins, and its bytes.
        let (mut active_from, mut active_bytes) = (0, 0);
        for round in &rounds {
            for (records, codec) in round {
                let base = written.len() as i64;
                let values: Vec<_> = (0..).take(records.len()).map(|index| format!("value {}", base + index)).collect();
                let keys: Vec<_> = records.iter().map(|(key, _)| format!("key {key}")).collect();
                let pairs: Vec<_> = records.iter().zip(&values).zip(&keys)
                    .map(|(((_, has_value), value), key)| (key.as_str(), has_value.then_some(value.as_str())))
                    .collect();
                let batch = in_codec(batch_of(&pairs, FIRST_TIMESTAMP + base), *codec);
                let bytes = batch.encode().len();
                if active_bytes + bytes > segment_bytes {
                    (active_from, active_bytes) = (base, 0);
                }
                active_bytes += bytes;
                assert_eq!(produce(driver, &topic, 0, &batch), base);
                written.extend(pairs.iter().zip(base..).map(|((key, value), offset)| {
                    (offset, FIRST_TIMESTAMP + offset, (*key).to_owned(), value.map(str::to_owned))
                }));
            }
            settle(driver);
            let last = |key: &str| {
                let before = written.iter().filter(|(offset, ..)| *offset < active_from);
                before.filter(|(_, _, other, _)| other == key).map(|(offset, ..)| *offset).max()
            };
            let expect: Vec<_> = written.iter()
                .filter(|(offset, _, key, _)| *offset >= active_from || last(key) == Some(*offset))
                .cloned()
                .collect();
            prop_assert_eq!(contents(driver, &topic), expect);
        }
    }
}

/// A log of many chunks, which is compacted in many steps while it is written to and read from.
#[test]
fn a_large_log_is_compacted_step_by_step() {
    let driver = &mut driver();
    let topic = topic(driver, &[("internal.segment.bytes", "3000000"), ("min.cleanable.dirty.ratio", "0.1")]);
    let value = "x".repeat(1_500);
    let keys = 400;
    let mut newest = vec![-1; keys];
    for number in 0..12_000usize {
        let key = number * 7919 % keys;
        newest[key] = put(driver, &topic, &key.to_string(), Some(&value));
        if number % 100 == 0 {
            driver.advance_ms(37);
        }
        if number % 1_500 == 1_499 {
            let kept = offsets(driver, &topic);
            assert!(newest.iter().all(|offset| kept.binary_search(offset).is_ok()), "no key is lost");
        }
    }
    fill(driver, &topic);
    settle(driver);
    let kept = contents(driver, &topic);
    assert!(newest.iter().all(|offset| kept.binary_search_by_key(offset, |(offset, ..)| *offset).is_ok()));
    assert!(kept.len() < 3_000, "the active segment holds less than 2000 records, but {} are kept", kept.len());
}

/// A log whose chunks take several steps each. Every tenth key comes once, all others again and again. Gives the offsets of each
/// key's last record.
fn long_chunks(driver: &mut Driver, topic: &Topic) -> Vec<i64> {
    let value = "x".repeat(1_000);
    let mut newest = BTreeMap::new();
    for number in 0..3_000 {
        let key = if number % 10 == 0 { format!("once {number}") } else { (number % 97).to_string() };
        let offset = put(driver, topic, &key, Some(&value));
        newest.insert(key, offset);
    }
    newest.into_values().collect()
}

/// Lets a compaction do one step, and looks at what must hold in between.
fn step(driver: &mut Driver) {
    driver.advance_ms(1);
    driver.broker.invariants();
    let buffers = driver.broker.buffers().map(|buffer| buffer.borrow().capacity());
    assert_eq!(driver.budget.held(), buffers.sum::<usize>() + driver.broker.held_bytes());
}

#[test]
fn readers_see_a_chunk_as_it_was_until_all_of_it_is_cleaned() {
    let driver = &mut driver();
    let topic = topic(driver, &[("internal.segment.bytes", "2500000")]);
    let newest = long_chunks(driver, &topic);
    driver.advance_ms(999);
    let mut counts = vec![offsets(driver, &topic).len()];
    for _ in 0..40 {
        step(driver);
        let kept = offsets(driver, &topic);
        assert!(newest.iter().all(|offset| kept.binary_search(offset).is_ok()), "no key is lost");
        counts.push(kept.len());
    }
    assert!(counts.is_sorted_by(|before, after| before >= after), "{counts:?}");
    counts.dedup();
    assert!(counts.len() > 3, "chunk by chunk: {counts:?}");
    assert!(counts[counts.len() - 1] <= 1_000, "{counts:?}");
}

#[test]
fn chunks_that_are_deleted_in_the_middle_of_their_compaction() {
    for steps in 0..30 {
        let driver = &mut driver();
        let configs =
            [("internal.segment.bytes", "2500000"), ("cleanup.policy", "compact,delete"), ("retention.ms", "-1")];
        let topic = topic(driver, &configs);
        let newest = long_chunks(driver, &topic);
        driver.advance_ms(999);
        (0..steps).for_each(|_| step(driver));
        // Somewhere in the last chunk of the first segment.
        assert_eq!(delete_records(driver, "table", 0, 2_100), (2_100, ErrorCode::NONE));
        (0..40).for_each(|_| step(driver));
        settle(driver);
        let kept: Vec<_> = decode(fetched(driver, &topic, 0, 2_100)).iter().map(|(offset, ..)| *offset).collect();
        let missing = newest.iter().filter(|offset| **offset >= 2_100 && kept.binary_search(offset).is_err());
        assert_eq!(missing.count(), 0, "after {steps} steps");
        assert!(kept.len() < 800, "{} are left after {steps} steps", kept.len());
    }
}

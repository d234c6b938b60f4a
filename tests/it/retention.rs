//! Old records go: whole segments, by their age or by what lies behind them, and nothing that a topic has to keep.

use kafka_rs::budget::Budget;
use kafka_rs::wire::ErrorCode;

use crate::driver::Driver;
use crate::records::Batch;
use crate::requests::{
    Fetch, Topic, create_topic_with, end_offset, fetched, list_offset, partitions, produce, produce_bytes, records,
    want,
};

const EARLIEST: i64 = -2;
const HOUR: i64 = 3_600_000;

/// A broker that looks for old records every second.
fn driver() -> Driver {
    Driver::with(&[
        ("log.initial.task.delay.ms", "1000"),
        ("log.retention.check.interval.ms", "1000"),
        ("log.cleaner.backoff.ms", "1000"),
    ])
}

/// A topic with one partition whose segments hold three batches of [`batch_at`].
fn topic(driver: &mut Driver, configs: &[(&str, &str)]) -> Topic {
    let small = [("internal.segment.bytes", "500")];
    create_topic_with(driver, "orders", 1, &[&small[..], configs].concat())
}

/// A batch of 150 bytes with one record of that time.
fn batch_at(timestamp: i64) -> Batch {
    let batch = Batch::at(&[(timestamp, &"x".repeat(80))]);
    assert_eq!(batch.encode().len(), 150);
    batch
}

fn produce_at(driver: &mut Driver, topic: &Topic, timestamps: impl IntoIterator<Item = i64>) {
    for timestamp in timestamps {
        produce(driver, topic, 0, &batch_at(timestamp));
    }
}

fn earliest(driver: &mut Driver, topic: &Topic) -> i64 {
    list_offset(driver, 8, topic, 0, EARLIEST).offset
}

fn set(driver: &mut Driver, topic: &Topic, name: &str, value: &str) {
    use kafka_rs::wire::messages::incremental_alter_configs as alter;
    let config = alter::AlterableConfig { name: name.to_owned(), config_operation: 0, value: Some(value.to_owned()) };
    let resource =
        alter::AlterConfigsResource { resource_type: 2, resource_name: topic.name.clone(), configs: vec![config] };
    let connection = driver.connect();
    let request = alter::Request { resources: vec![resource], validate_only: false };
    assert_eq!(driver.ask(connection, 1, &request).responses[0].error_code, ErrorCode::NONE);
}

#[test]
fn segments_go_when_all_their_records_are_old() {
    let driver = &mut driver();
    let topic = topic(driver, &[("retention.ms", "1800000")]);
    let now = driver.now.unix_ms;
    produce_at(driver, &topic, (0..10).map(|second| now - HOUR + second));
    produce_at(driver, &topic, (0..10).map(|second| now + second));
    assert_eq!(earliest(driver, &topic), 0, "nobody has looked yet");
    driver.advance_ms(1_000);
    // The record with offset 9 is old, but the two behind it in its segment are not.
    assert_eq!(earliest(driver, &topic), 9);
    driver.advance_ms(HOUR as u64);
    assert_eq!((earliest(driver, &topic), end_offset(driver, &topic, 0)), (20, 20), "the active segment goes, too");
    produce_at(driver, &topic, [driver.now.unix_ms]);
    driver.advance_ms(1_000);
    assert_eq!((earliest(driver, &topic), end_offset(driver, &topic, 0)), (20, 21));
}

#[test]
fn records_of_the_future_keep_their_segment() {
    let driver = &mut driver();
    let topic = topic(driver, &[("retention.ms", "1000"), ("message.timestamp.after.max.ms", "9000000000")]);
    let now = driver.now.unix_ms;
    produce_at(driver, &topic, [now, now + HOUR, now, now, now, now, now]);
    driver.advance_ms(10_000);
    assert_eq!(earliest(driver, &topic), 0);
    driver.advance_ms(HOUR as u64);
    assert_eq!(earliest(driver, &topic), 7);
}

#[test]
fn who_reads_below_the_start_is_told_so() {
    let driver = &mut driver();
    let topic = topic(driver, &[("retention.ms", "1000")]);
    let old = driver.now.unix_ms - HOUR;
    produce_at(driver, &topic, (0..6).map(|second| old + second));
    driver.advance_ms(1_000);
    let connection = driver.connect();
    let response = Fetch::of(vec![want(&topic, 0, 3)]).ask(driver, connection, 12);
    assert_eq!(partitions(&response)[0].1, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert!(fetched(driver, &topic, 0, 6).is_empty());
}

#[test]
fn a_fetch_that_waits_is_told_as_well() {
    let driver = &mut driver();
    let topic = topic(driver, &[("retention.ms", "1000")]);
    produce_at(driver, &topic, [driver.now.unix_ms]);
    let connection = driver.connect();
    driver.send(connection, 12, &Fetch::of(vec![want(&topic, 0, 0)]).waiting(100_000, 1_000).request());
    assert!(driver.is_waiting(connection));
    driver.advance_ms(2_000);
    let response = driver.answer::<kafka_rs::wire::messages::fetch::Request>(connection).expect("an answer");
    assert_eq!(partitions(&response)[0].1, ErrorCode::OFFSET_OUT_OF_RANGE);
}

#[test]
fn what_was_read_stays_readable_for_who_has_it() {
    let driver = &mut driver();
    let topic = topic(driver, &[("retention.ms", "1000")]);
    let batch = batch_at(driver.now.unix_ms);
    produce(driver, &topic, 0, &batch);
    let mut log = kafka_rs::broker::log::Log::new(&Budget::default());
    let header = kafka_rs::wire::record_batch::BatchHeader::parse(&batch.encode()).expect("a batch");
    let settings = kafka_rs::config::topic::TopicSettings::new(&Default::default(), &Default::default());
    let rolling = kafka_rs::broker::log::Rolling::new(&settings, 0);
    log.append(&batch.encode(), &header, 0, kafka_rs::broker::log::BatchTime::of(&header), &rolling);
    let (payload, _) = log.read(0, i64::MAX, usize::MAX, true);
    log.delete_before(1);
    assert_eq!((log.bytes(), log.start_offset()), (0, 1));
    assert_eq!(payload.to_bytes(), batch.stored_at(0));
}

#[test]
fn what_lies_behind_enough_bytes_goes() {
    let driver = &mut driver();
    let topic = topic(driver, &[("retention.bytes", "2000"), ("retention.ms", "-1")]);
    let now = driver.now.unix_ms;
    produce_at(driver, &topic, (0..50).map(|second| now + second));
    driver.advance_ms(1_000);
    // 16 segments of 450 bytes and one of 300: four and the last one are 2100 bytes, one less would be too little.
    assert_eq!(earliest(driver, &topic), 36);
    set(driver, &topic, "retention.bytes", "1000");
    driver.advance_ms(1_000);
    assert_eq!(earliest(driver, &topic), 42);
    set(driver, &topic, "retention.bytes", "1");
    driver.advance_ms(1_000);
    assert_eq!(earliest(driver, &topic), 48);
    set(driver, &topic, "retention.bytes", "0");
    driver.advance_ms(1_000);
    assert_eq!((earliest(driver, &topic), end_offset(driver, &topic, 0)), (50, 50));
}

#[test]
fn without_a_limit_everything_stays() {
    let driver = &mut driver();
    let topic = topic(driver, &[("retention.ms", "-1")]);
    produce_at(driver, &topic, [0, 1, 2, 3]);
    driver.advance_ms(100 * HOUR as u64);
    assert_eq!(earliest(driver, &topic), 0);
}

/// Where segments begin, made visible by keeping as little as can be kept: the active segment.
#[test]
fn segments_end_by_the_time_of_their_records() {
    let driver = &mut driver();
    let configs = [("retention.bytes", "1"), ("retention.ms", "-1"), ("segment.ms", "1000")];
    let topic = topic(driver, &[&configs[..], &[("internal.segment.bytes", "100000")]].concat());
    let start = driver.now.unix_ms;
    for (after, expect) in [(0, 0), (500, 0), (1_000, 0), (1_001, 3), (1_500, 3), (2_002, 5), (100, 5), (3_003, 7)] {
        produce_at(driver, &topic, [start + after]);
        driver.advance_ms(1_000);
        assert_eq!(earliest(driver, &topic), expect, "{after}");
    }
}

#[test]
fn a_batch_that_no_segment_can_hold_is_refused() {
    let driver = &mut driver();
    let topic = topic(driver, &[]);
    let batch = Batch::of_size(430).encode();
    assert_eq!(batch.len(), 500);
    assert_eq!(produce_bytes(driver, 13, &topic, 0, batch).error_code, ErrorCode::NONE);
    let too_large = Batch::of_size(431).encode();
    assert_eq!(produce_bytes(driver, 13, &topic, 0, too_large).error_code, ErrorCode::RECORD_LIST_TOO_LARGE);
}

/// Batches of all sizes, so that chunks, segments and what is read of them begin and end everywhere; what is kept must be
/// what a simple model of Kafka's segments keeps, byte for byte.
#[test]
fn large_logs_keep_what_the_model_keeps() {
    let driver = &mut driver();
    let bytes_max = 300_000;
    let configs = [("retention.bytes", "1000000"), ("retention.ms", "-1")];
    let segment = [("internal.segment.bytes", "300000")];
    let topic = create_topic_with(driver, "large", 1, &[&configs[..], &segment[..]].concat());
    // Base offset and bytes of each segment.
    let mut model: Vec<(i64, usize)> = Vec::new();
    let mut batches = Vec::new();
    let mut size = 1;
    for offset in 0..600 {
        size = size * 7919 % 30_011;
        let batch = Batch::of_size(size);
        let bytes = batch.encode().len();
        match model.last_mut().filter(|(_, held)| held + bytes <= bytes_max) {
            Some((_, held)) => *held += bytes,
            None => model.push((offset, bytes)),
        }
        produce(driver, &topic, 0, &batch);
        batches.push(batch.stored_at(offset));
        if offset % 50 == 49 {
            driver.advance_ms(1_000);
            while model.iter().map(|(_, held)| held).sum::<usize>() - model[0].1 >= 1_000_000 {
                model.remove(0);
            }
            let start = model[0].0;
            assert_eq!(earliest(driver, &topic), start);
            assert_eq!(fetched(driver, &topic, 0, start), batches[start as usize..].concat());
        }
    }
    assert!(earliest(driver, &topic) > 0);
    let connection = driver.connect();
    let response = Fetch::of(vec![want(&topic, 0, 599)]).ask(driver, connection, 12);
    assert_eq!(records(&response.responses[0].partitions[0]), batches[599]);
}

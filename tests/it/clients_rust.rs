//! A real client, librdkafka by way of the crate `rdkafka`, against the real server over TCP.

mod admin;
#[cfg(unix)]
mod faults;
mod groups;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use kafka_rs::{Broker, Config, RunningBroker};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;

/// Nothing that these tests wait for takes as long as this.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one look for a message takes at most.
const LOOK: Duration = Duration::from_millis(20);

fn start(properties: &[(&str, &str)]) -> RunningBroker {
    let mut config = Config::default();
    config.set("listeners", "PLAINTEXT://localhost:0").expect("a good value");
    for (name, value) in properties {
        config.set(name, value).expect("a property of the table");
    }
    Broker::start(config).expect("a free port")
}

fn settings(broker: &RunningBroker, settings: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap_servers());
    for (name, value) in settings {
        config.set(*name, *value);
    }
    config
}

fn producer(broker: &RunningBroker, extra: &[(&str, &str)]) -> BaseProducer {
    settings(broker, extra).create().expect("a producer")
}

/// A consumer that takes partitions as it is told, from the beginning, and says when it is at their end.
fn consumer(broker: &RunningBroker, extra: &[(&str, &str)]) -> BaseConsumer {
    let mut config = settings(broker, &[("group.id", "nobody"), ("auto.offset.reset", "earliest")]);
    config.set("enable.auto.commit", "false");
    for (name, value) in extra {
        config.set(*name, *value);
    }
    config.create().expect("a consumer")
}

/// A message with all that a producer says and a consumer hears.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Sent {
    partition: i32,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    timestamp: i64,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Sent {
    fn of(partition: i32, value: &str) -> Self {
        let (key, value) = (None, Some(value.as_bytes().to_vec()));
        Self { partition, key, value, timestamp: 1_600_000_000_000, headers: Vec::new() }
    }

    fn received(message: &BorrowedMessage) -> Self {
        let header = |header: Header<&[u8]>| (header.key.to_owned(), header.value.map(<[u8]>::to_vec));
        Self {
            partition: message.partition(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            timestamp: message.timestamp().to_millis().expect("a timestamp"),
            headers: message.headers().map(|headers| headers.iter().map(header).collect()).unwrap_or_default(),
        }
    }
}

fn send(producer: &BaseProducer, topic: &str, message: &Sent) {
    let headers = message
        .headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: value.as_ref() }));
    let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(message.partition).timestamp(message.timestamp);
    if !message.headers.is_empty() {
        record = record.headers(headers);
    }
    record.key = message.key.as_deref();
    record.payload = message.value.as_deref();
    assert!(producer.send(record).is_ok(), "the queue has room");
}

fn send_all(producer: &BaseProducer, topic: &str, messages: &[Sent]) {
    messages.iter().for_each(|message| send(producer, topic, message));
    producer.flush(PATIENCE).expect("every message is acknowledged");
    assert_eq!(producer.in_flight_count(), 0);
}

/// Gives the consumer all these partitions from an offset on.
fn assign(consumer: &BaseConsumer, topic: &str, partitions: i32, offset: Offset) {
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, offset).expect("an offset that can be");
    }
    consumer.assign(&list).expect("partitions that exist");
}

/// Calls `step` until it has come to something.
fn wait_for<T>(what: &str, mut step: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(result) = step() {
            return result;
        }
        assert!(Instant::now() < deadline, "never: {what}");
    }
}

/// The next so many messages, each with its offset.
fn receive<C: ConsumerContext>(consumer: &BaseConsumer<C>, count: usize) -> Vec<(i64, Sent)> {
    let mut received = Vec::new();
    wait_for(&format!("{count} messages"), || {
        if let Some(message) = consumer.poll(LOOK) {
            let message = message.expect("a message and no error");
            received.push((message.offset(), Sent::received(&message)));
        }
        (received.len() == count).then_some(())
    });
    received
}

/// Messages by partition; their offsets must count from 0.
fn by_partition(received: Vec<(i64, Sent)>) -> BTreeMap<i32, Vec<Sent>> {
    let mut partitions: BTreeMap<i32, Vec<Sent>> = BTreeMap::new();
    for (offset, message) in received {
        let partition = partitions.entry(message.partition).or_default();
        assert_eq!(offset, partition.len() as i64, "offsets without gaps, in order");
        partition.push(message);
    }
    partitions
}

/// Messages of all kinds over three partitions.
fn all_kinds() -> Vec<Sent> {
    let bytes = |text: &str| Some(text.as_bytes().to_vec());
    let mut messages = Vec::new();
    for (index, partition) in (0..60i64).zip([0, 1, 2].into_iter().cycle()) {
        let key = [None, bytes(""), bytes("key"), Some(vec![0, 0xff, 0xfe])][index as usize % 4].clone();
        let value = [bytes("value"), None, bytes(""), Some(vec![index as u8; 5000])][index as usize / 4 % 4].clone();
        let headers = match index % 3 {
            0 => vec![],
            1 => vec![("one".to_owned(), bytes("1"))],
            _ => vec![("twice".to_owned(), bytes("a")), ("twice".to_owned(), None), ("empty".to_owned(), bytes(""))],
        };
        messages.push(Sent { partition, key, value, timestamp: 1_600_000_000_000 + index * 77, headers });
    }
    messages
}

fn check_round_trip(producer_settings: &[(&str, &str)]) {
    let broker = start(&[("num.partitions", "3")]);
    let messages = all_kinds();
    send_all(&producer(&broker, producer_settings), "orders", &messages);
    let consumer = consumer(&broker, &[("check.crcs", "true")]);
    assign(&consumer, "orders", 3, Offset::Beginning);
    let received = by_partition(receive(&consumer, messages.len()));
    for (partition, received) in received {
        let expect: Vec<_> = messages.iter().filter(|message| message.partition == partition).cloned().collect();
        assert_eq!(received, expect, "{producer_settings:?}, partition {partition}");
    }
}

#[test]
fn what_is_sent_comes_back() {
    for acks in ["0", "1", "all"] {
        check_round_trip(&[("acks", acks)]);
    }
}

#[test]
fn what_is_sent_compressed_comes_back() {
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        check_round_trip(&[("compression.type", codec), ("linger.ms", "50")]);
    }
}

#[test]
fn an_idempotent_producer_keeps_the_order() {
    let broker = start(&[("num.partitions", "3")]);
    // Many small requests, five of them under way at once.
    let extra = [("enable.idempotence", "true"), ("batch.num.messages", "7"), ("linger.ms", "0")];
    let producer = producer(&broker, &extra);
    let messages: Vec<_> = (0..3000).map(|index| Sent::of(index % 3, &index.to_string())).collect();
    send_all(&producer, "orders", &messages);
    let consumer = consumer(&broker, &[]);
    assign(&consumer, "orders", 3, Offset::Beginning);
    for (partition, received) in by_partition(receive(&consumer, messages.len())) {
        let expect: Vec<_> = messages.iter().filter(|message| message.partition == partition).cloned().collect();
        assert!(received == expect, "partition {partition}");
    }
}

/// Hears what became of each message: its offset, or the error.
#[derive(Default)]
struct Outcomes(Mutex<Vec<Result<i64, Option<RDKafkaErrorCode>>>>);

impl ClientContext for Outcomes {}

impl ProducerContext for Outcomes {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _opaque: ()) {
        let outcome = result.as_ref().map(|message| message.offset()).map_err(|(error, _)| error.rdkafka_error_code());
        self.0.lock().expect("nobody panics with it").push(outcome);
    }
}

#[test]
fn a_message_too_large_is_refused() {
    let broker = start(&[("message.max.bytes", "2000")]);
    let config = settings(&broker, &[("batch.num.messages", "1"), ("max.in.flight", "1")]);
    let producer: BaseProducer<Outcomes> = config.create_with_context(Outcomes::default()).expect("a producer");
    for size in [10, 3000, 20] {
        let value = "x".repeat(size);
        let record = BaseRecord::<str, str>::to("orders").partition(0).payload(&value);
        assert!(producer.send(record).is_ok(), "the queue has room");
    }
    producer.flush(PATIENCE).expect("each has its outcome");
    let outcomes = producer.context().0.lock().expect("nobody panics with it").clone();
    assert_eq!(outcomes, [Ok(0), Err(Some(RDKafkaErrorCode::MessageSizeTooLarge)), Ok(1)]);
}

#[test]
fn a_consumer_begins_where_it_likes() {
    let broker = start(&[]);
    let messages: Vec<_> = (0..50i64)
        .map(|index| Sent { timestamp: 1_600_000_000_000 + index * 10, ..Sent::of(0, &index.to_string()) })
        .collect();
    send_all(&producer(&broker, &[("compression.type", "lz4")]), "orders", &messages);
    let consumer = consumer(&broker, &[]);
    assert_eq!(consumer.fetch_watermarks("orders", 0, PATIENCE).expect("both ends"), (0, 50));
    for offset in [49, 0, 17] {
        assign(&consumer, "orders", 1, Offset::Offset(offset));
        let received = receive(&consumer, 50 - offset as usize);
        assert!(received.iter().map(|(offset, _)| *offset).eq(offset..50), "from {offset}");
        assert_eq!(received[0].1, messages[offset as usize]);
    }
    assign(&consumer, "orders", 1, Offset::OffsetTail(3));
    assert_eq!(receive(&consumer, 3)[0].0, 47);

    let check = |timestamp, expect| {
        let mut times = TopicPartitionList::new();
        times.add_partition_offset("orders", 0, Offset::Offset(timestamp)).expect("a time");
        let found = consumer.offsets_for_times(times, PATIENCE).expect("an answer");
        assert_eq!(found.elements()[0].offset(), expect, "{timestamp}");
    };
    check(1_600_000_000_000, Offset::Offset(0));
    check(1_600_000_000_001, Offset::Offset(1));
    check(1_600_000_000_170, Offset::Offset(17));
    check(1_600_000_000_490, Offset::Offset(49));
    check(1_600_000_000_491, Offset::End);
}

#[test]
fn a_consumer_that_waits_hears_at_once() {
    let broker = start(&[]);
    let producer = producer(&broker, &[]);
    send_all(&producer, "orders", &[Sent::of(0, "first")]);
    let consumer = consumer(&broker, &[("fetch.wait.max.ms", "20000"), ("fetch.min.bytes", "1")]);
    assign(&consumer, "orders", 1, Offset::Beginning);
    receive(&consumer, 1);
    for round in 0..5 {
        // Nothing comes, so the fetch waits at the broker.
        assert!(consumer.poll(Duration::from_millis(100)).is_none());
        let begin = Instant::now();
        send_all(&producer, "orders", &[Sent::of(0, "next")]);
        assert_eq!(receive(&consumer, 1)[0].0, round + 1);
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    }
}

#[test]
fn small_fetches_bring_everything_too() {
    let broker = start(&[("num.partitions", "3")]);
    let messages: Vec<_> = (0..300).map(|index| Sent::of(index % 3, &"x".repeat(index as usize * 10))).collect();
    send_all(&producer(&broker, &[("batch.num.messages", "5")]), "orders", &messages);
    let limits = [("fetch.message.max.bytes", "1000"), ("fetch.max.bytes", "2000"), ("message.max.bytes", "1000")];
    let consumer = consumer(&broker, &limits);
    assign(&consumer, "orders", 3, Offset::Beginning);
    for (partition, received) in by_partition(receive(&consumer, messages.len())) {
        let expect: Vec<_> = messages.iter().filter(|message| message.partition == partition).cloned().collect();
        assert!(received == expect, "partition {partition}");
    }
}

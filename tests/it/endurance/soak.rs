//! Full load for long: what the broker holds does not grow once retention has set in.
//!
//! Everybody does what he can as fast as he can. Over plain sockets come the bytes: writers with requests one behind the other,
//! and readers that check each batch. Over librdkafka comes the variety: idempotent producers, groups whose members come and go.
//! Topics are created, written to and deleted all the while.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::{create_topics, delete_topics, list_offsets, produce};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::server::Server;
use super::{number, save};
use crate::clients::alone;
use crate::records::Batch;
use crate::requests::{Fetch, Topic, produce_request, want_bytes};
use crate::socket::{PATIENCE, Received, Socket, decode};

/// How long the load lasts.
const SECONDS: u64 = 20;
/// The topics that the load goes over, and their partitions.
const TOPICS: usize = 4;
const PARTITIONS: i32 = 2;
/// What each partition keeps, and in what pieces it goes.
const RETENTION_BYTES: &str = "16777216";
const SEGMENT_BYTES: &str = "1048576";
const PROPERTIES: [(&str, &str); 3] = [
    ("log.initial.task.delay.ms", "0"),
    ("log.retention.check.interval.ms", "10"),
    ("group.min.session.timeout.ms", "100"),
];
/// A writer's batch: so many records of so many bytes.
const RECORDS: i64 = 16;
const RECORD_BYTES: usize = 1000;
/// How many requests of a writer are under way at once.
const UNDER_WAY: usize = 8;
/// How much a reader takes of a partition at once.
const READ_BYTES: i32 = 1 << 20;
/// How long a member of a group, or an idempotent producer, lives.
const LIFE: Duration = Duration::from_secs(3);
/// How much more memory the second half of the time may take than the first, in percent.
const GROWTH_MAX: u64 = 5;
/// How often the memory is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What was done.
#[derive(Default)]
struct Counts {
    bytes_written: AtomicU64,
    bytes_read: AtomicU64,
    requests: AtomicU64,
    consumed: AtomicU64,
    topics: AtomicU64,
}

struct Load<'a> {
    server: &'a Server,
    counts: Counts,
    is_over: AtomicBool,
}

fn create(socket: &mut Socket, name: &str) -> Topic {
    let config = |name: &str, value: &str| create_topics::CreatableTopicConfig {
        name: name.to_owned(),
        value: Some(value.to_owned()),
    };
    let topic = create_topics::CreatableTopic {
        name: name.to_owned(),
        num_partitions: PARTITIONS,
        replication_factor: 1,
        configs: vec![config("retention.bytes", RETENTION_BYTES), config("segment.bytes", SEGMENT_BYTES)],
        ..Default::default()
    };
    let response = socket.ask(7, &create_topics::Request { topics: vec![topic], ..Default::default() });
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
    Topic { name: name.to_owned(), id: response.topics[0].topic_id }
}

impl Load<'_> {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Relaxed)
    }

    fn socket(&self) -> Socket {
        Socket::connect(self.server.address)
    }

    fn client(&self, extra: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.server.address.to_string());
        for (name, value) in extra {
            config.set(*name, *value);
        }
        config
    }

    /// Writes the same batch to the partitions in turn, with several requests under way.
    fn write(&self, topics: &[Topic]) {
        let value = "x".repeat(RECORD_BYTES);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock that is right");
        let values: Vec<_> = (0..RECORDS).map(|index| (now.as_millis() as i64 + index, value.as_str())).collect();
        let batch = Batch::at(&values).encode();
        let partitions = topics.iter().flat_map(|topic| (0..PARTITIONS).map(move |partition| (topic, partition)));
        let frames: Vec<_> = partitions
            .map(|(topic, partition)| Socket::frame(12, 0, &produce_request(1, &[(topic, partition, batch.clone())])))
            .collect();
        let mut socket = self.socket();
        let mut under_way = 0;
        for frame in frames.iter().cycle().take_while(|_| self.goes_on()) {
            socket.write(frame);
            under_way += 1;
            if under_way == UNDER_WAY {
                self.acknowledged(&mut socket);
                under_way -= 1;
            }
            self.counts.bytes_written.fetch_add(batch.len() as u64, Relaxed);
        }
        (0..under_way).for_each(|_| self.acknowledged(&mut socket));
    }

    fn acknowledged(&self, socket: &mut Socket) {
        let Received::Frame(frame) = socket.next() else { panic!("no answer to a Produce") };
        let (_, response) = decode::<produce::Request>(12, frame);
        assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
        self.counts.requests.fetch_add(1, Relaxed);
    }

    /// Reads a topic from its start on, as fast as it can. Who is overtaken by retention begins anew.
    fn read(&self, topic: &Topic) {
        let mut socket = self.socket();
        let mut offsets = vec![0; PARTITIONS as usize];
        while self.goes_on() {
            let wanted = offsets.iter().zip(0..);
            let wanted = wanted.map(|(offset, partition)| want_bytes(topic, partition, *offset, READ_BYTES)).collect();
            let response = socket.ask(12, &Fetch::of(wanted).waiting(100, 1).request());
            self.counts.requests.fetch_add(1, Relaxed);
            for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
                let offset = &mut offsets[partition.partition_index as usize];
                match partition.error_code {
                    ErrorCode::NONE => {
                        let records = partition.records.as_ref().map(|records| records.to_bytes()).unwrap_or_default();
                        self.counts.bytes_read.fetch_add(records.len() as u64, Relaxed);
                        *offset = check_batches(records, *offset);
                    }
                    ErrorCode::OFFSET_OUT_OF_RANGE => *offset = start_of(&mut socket, topic, partition.partition_index),
                    error => panic!("a Fetch is answered with {error:?}"),
                }
            }
        }
    }

    /// A member of a group lives for a while, then another takes its place.
    fn consume(&self, names: &[&str]) {
        while self.goes_on() {
            let config = self.client(&[
                ("group.id", "shop"),
                ("auto.offset.reset", "earliest"),
                ("partition.assignment.strategy", "cooperative-sticky"),
                ("auto.commit.interval.ms", "100"),
                ("heartbeat.interval.ms", "100"),
                ("session.timeout.ms", "3000"),
                ("queued.max.messages.kbytes", "2048"),
            ]);
            let consumer: BaseConsumer = config.create().expect("a consumer");
            consumer.subscribe(names).expect("names that topics can have");
            let until = Instant::now() + LIFE;
            while self.goes_on() && Instant::now() < until {
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
                    assert!(message.payload().is_some());
                    self.counts.consumed.fetch_add(1, Relaxed);
                }
            }
        }
    }

    /// One idempotent producer after the other.
    fn produce(&self, name: &str) {
        let value = "y".repeat(RECORD_BYTES);
        while self.goes_on() {
            let config = self.client(&[("enable.idempotence", "true"), ("compression.type", "lz4")]);
            let producer: BaseProducer = config.create().expect("a producer");
            let until = Instant::now() + LIFE;
            while self.goes_on() && Instant::now() < until {
                if producer.in_flight_count() < 1000 {
                    let _ = producer.send(BaseRecord::<str, str>::to(name).payload(&value));
                    producer.poll(Duration::ZERO);
                } else {
                    producer.poll(Duration::from_millis(1));
                }
            }
            producer.flush(PATIENCE).expect("every message has its outcome");
        }
    }

    /// Topics come, are written to and go.
    fn create_and_delete(&self) {
        let mut socket = self.socket();
        let batch = Batch::of_size(100_000).encode();
        for number in (0..).take_while(|_| self.goes_on()) {
            let name = format!("passing-{}", number % 10);
            let topic = create(&mut socket, &name);
            for partition in (0..PARTITIONS).cycle().take(20) {
                let response = socket.ask(12, &produce_request(1, &[(&topic, partition, batch.clone())]));
                assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
            }
            let request = delete_topics::Request { topic_names: vec![name], ..Default::default() };
            assert_eq!(socket.ask(5, &request).responses[0].error_code, ErrorCode::NONE);
            self.counts.topics.fetch_add(1, Relaxed);
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Goes over batches that begin at or before an offset, and gives the one behind them.
fn check_batches(mut records: Bytes, mut offset: i64) -> i64 {
    while records.len() >= 61 {
        let length = i32::from_be_bytes(records[8..12].try_into().expect("four bytes")) as usize + 12;
        if length > records.len() {
            break;
        }
        let base = i64::from_be_bytes(records[..8].try_into().expect("eight bytes"));
        let last = base + i64::from(i32::from_be_bytes(records[23..27].try_into().expect("four bytes")));
        assert!(base <= offset && offset <= last, "after {offset} comes a batch of {base} to {last}");
        offset = last + 1;
        records.advance(length);
    }
    offset
}

fn start_of(socket: &mut Socket, topic: &Topic, partition_index: i32) -> i64 {
    let partition = list_offsets::ListOffsetsPartition { partition_index, timestamp: -2, ..Default::default() };
    let topics = vec![list_offsets::ListOffsetsTopic { name: topic.name.clone(), partitions: vec![partition] }];
    socket.ask(7, &list_offsets::Request { replica_id: -1, topics, ..Default::default() }).topics[0].partitions[0]
        .offset
}

fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

#[test]
#[ignore = "takes the machine for itself"]
fn memory_stays_flat_under_full_load() {
    let _alone = alone();
    // A moment's figures do not take the place of those of a long run.
    let (seconds, name) = number("ENDURANCE_SECONDS").map_or((SECONDS, "soak-short"), |seconds| (seconds, "soak"));
    let time = Duration::from_secs(seconds);
    let server = Server::start(&PROPERTIES);
    let names: Vec<_> = (0..TOPICS).map(|number| format!("orders-{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut socket = Socket::connect(server.address);
    let topics: Vec<_> = names.iter().map(|name| create(&mut socket, name)).collect();
    let load = Load { server: &server, counts: Counts::default(), is_over: AtomicBool::new(false) };
    let cpu = server.cpu();
    let memory = thread::scope(|scope| {
        let (load, topics, names) = (&load, &topics, &names);
        // Whatever happens to one of them, the others end.
        let run = move |work: &dyn Fn()| {
            let _end = EndsOnPanic(load);
            work();
        };
        for _ in 0..2 {
            scope.spawn(move || run(&|| load.write(topics)));
            scope.spawn(move || run(&|| load.consume(names)));
        }
        for topic in &topics[..2] {
            scope.spawn(move || run(&|| load.read(topic)));
        }
        scope.spawn(move || run(&|| load.produce(names[TOPICS - 1])));
        scope.spawn(move || run(&|| load.create_and_delete()));
        let deadline = Instant::now() + time;
        let mut memory = Vec::new();
        while load.goes_on() && Instant::now() < deadline {
            thread::sleep(LOOK);
            memory.push(server.memory());
        }
        load.is_over.store(true, Relaxed);
        memory
    });
    let cpu = server.cpu() - cpu;
    let (first, last) = memory.split_at(memory.len() / 2);
    let [first, last] = [first, last].map(|half| *half.iter().max().expect("a look at the memory"));
    let count = |count: &AtomicU64| count.load(Relaxed);
    save(
        name,
        &[
            ("seconds", &seconds),
            ("memory.first.half.mib", &mib(first)),
            ("memory.last.half.mib", &mib(last)),
            ("written.mib", &mib(count(&load.counts.bytes_written))),
            ("read.mib", &mib(count(&load.counts.bytes_read))),
            ("requests", &count(&load.counts.requests)),
            ("consumed.records", &count(&load.counts.consumed)),
            ("topics.created.and.deleted", &count(&load.counts.topics)),
            ("cpu.percent", &format!("{:.0}", 100.0 * cpu.as_secs_f64() / time.as_secs_f64())),
        ],
    );
    assert!(last <= first * (100 + GROWTH_MAX) / 100, "memory grows: {memory:?}");
    assert!(count(&load.counts.consumed) > 0 && count(&load.counts.topics) > 0);
    server.stop();
}

/// Ends the load when a part of it fails.
struct EndsOnPanic<'a, 'b>(&'a Load<'b>);

impl Drop for EndsOnPanic<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.is_over.store(true, Relaxed);
        }
    }
}

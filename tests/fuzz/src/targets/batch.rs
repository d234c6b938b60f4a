//! Record batches, from Produce to whoever reads them: each is refused, or stored as it came.
//!
//! An input is a script: batches that are right, wrong in any way, or no batches at all, to topics with different settings,
//! and between them lookups, fetches and time. A batch is made of a few bytes, so that most are nearly right; then any of its
//! bytes can be replaced, and its checksum is made right again, or not. After each step the broker's invariants hold, what was
//! accepted is what Kafka's rules allow, and what is read is what was accepted.

use bytes::Bytes;
use kafka_rs::Config;
use kafka_rs::wire::compression::decompress;
use kafka_rs::wire::messages::{create_topics, fetch, list_offsets, produce};
use kafka_rs::wire::record_batch::BatchHeader;
use kafka_rs::wire::{ErrorCode, Uuid};

use super::input::Input;
use super::memory;
use crate::driver::{Connection, Driver};
use crate::records::{Batch, FIRST_TIMESTAMP, HEADER_BYTES, Record, SNAPPY};

/// What one request may take at most, however little it is: batches are looked into up to 64 MiB, in memory that grows by being
/// copied, and may have to be compressed again.
const PEAK_BYTES_MAX: usize = 256 << 20;
/// Inputs of more steps find nothing that others do not.
const STEPS_MAX: usize = 24;

/// The settings of the topics, all of which keep what they are given but for the last two.
const TOPICS: [&[(&str, &str)]; 8] = [
    &[("internal.segment.bytes", "3000")],
    &[("message.timestamp.type", "LogAppendTime")],
    &[("compression.type", "uncompressed")],
    &[("compression.type", "gzip"), ("max.message.bytes", "2000")],
    &[("compression.type", "snappy")],
    &[("compression.type", "lz4")],
    &[("compression.type", "zstd"), ("cleanup.policy", "compact"), ("internal.segment.bytes", "2000")],
    &[("cleanup.policy", "compact"), ("internal.segment.bytes", "300"), ("min.cleanable.dirty.ratio", "0")],
];
/// The first of the topics that are compacted.
const COMPACTED_FROM: usize = 6;

const LATEST: i64 = -1;
const LIST_OFFSETS_VERSION: i16 = 11;
const FETCH_VERSION: i16 = 12;
const LOG_APPEND_TIME: i16 = 0x08;
const CONTROL: i16 = 0x20;
const CODECS: i16 = 0x07;

/// A topic and what it must hold.
struct Topic {
    index: usize,
    name: String,
    id: Uuid,
    end: i64,
    /// What was accepted, in the order of its offsets, each with the first of them.
    stored: Vec<(i64, Vec<u8>)>,
}

struct Script<'a> {
    input: Input<'a>,
    driver: Driver,
    connection: Connection,
    topics: [Option<Topic>; TOPICS.len()],
}

pub fn run(bytes: &[u8]) {
    let mut config = Config::default();
    for (name, value) in [("log.cleaner.backoff.ms", "1000"), ("log.retention.ms", "-1")] {
        config.set(name, value).expect("a property of the table");
    }
    let mut driver = Driver::new(config, 1);
    let connection = driver.connect();
    let mut script = Script { input: Input::new(bytes), driver, connection, topics: Default::default() };
    for _ in 0..STEPS_MAX {
        if script.input.is_empty() {
            break;
        }
        let ((), peak) = memory::peak(|| script.step());
        assert!(peak <= PEAK_BYTES_MAX, "{peak} bytes for one request");
        script.driver.broker.invariants();
    }
    (0..TOPICS.len()).for_each(|topic| script.read(topic, 0, i32::MAX));
}

impl Script<'_> {
    fn step(&mut self) {
        let step = self.input.byte();
        let topic = usize::from(step >> 4) % TOPICS.len();
        match step & 0x0f {
            0..=10 => self.produce(topic),
            11 => {
                let end = self.topics[topic].as_ref().map_or(0, |topic| topic.end);
                let (offset, max_bytes) = (i64::from(self.input.byte()), self.input.pick(&[0, 1, 100, 1000]));
                self.read(topic, offset.min(end), max_bytes);
            }
            12 | 13 => self.look_up_time(topic),
            _ => {
                let ms = self.input.pick(&[1, 100, 1_000, 30_000]);
                self.driver.advance_ms(ms);
            }
        }
    }

    /// A topic, which is created when it is first used.
    fn topic(&mut self, index: usize) -> &mut Topic {
        if self.topics[index].is_none() {
            let name = format!("topic-{index}");
            let configs = TOPICS[index].iter().map(|(name, value)| create_topics::CreatableTopicConfig {
                name: (*name).to_owned(),
                value: Some((*value).to_owned()),
            });
            let (num_partitions, replication_factor) = (1, 1);
            let topic = create_topics::CreatableTopic {
                name: name.clone(),
                num_partitions,
                replication_factor,
                configs: configs.collect(),
                ..Default::default()
            };
            let request = create_topics::Request { topics: vec![topic], ..Default::default() };
            let response = self.driver.ask(self.connection, 7, &request);
            assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
            let id = response.topics[0].topic_id;
            self.topics[index] = Some(Topic { index, name, id, end: 0, stored: Vec::new() });
        }
        self.topics[index].as_mut().expect("it was just created")
    }

    fn produce(&mut self, topic: usize) {
        let version = i16::from(self.input.byte() % 14);
        let acks = self.input.pick(&[-1, 1, 0, 2]);
        let records = make(&mut self.input);
        let Topic { name, id, end, .. } = self.topic(topic);
        let (name, topic_id, end) = (name.clone(), *id, *end);
        let partition = produce::PartitionProduceData { index: 0, records: Some(records.clone()) };
        let data = produce::TopicProduceData { name, topic_id, partition_data: vec![partition] };
        let request = produce::Request { acks, timeout_ms: 1000, topic_data: vec![data], ..Default::default() };
        self.driver.send(self.connection, version, &request);
        let answer = self.driver.answer::<produce::Request>(self.connection);
        let end_now = {
            if self.driver.closed(self.connection).is_some() {
                self.connection = self.driver.connect();
            }
            self.offset_of(topic, LATEST)
        };
        if let Some(answer) = answer {
            let partition = &answer.responses[0].partition_responses[0];
            let known =
                |offset| self.topics[topic].iter().any(|topic| topic.stored.iter().any(|(base, _)| *base == offset));
            match partition.error_code {
                ErrorCode::NONE if end_now == end => assert!(known(partition.base_offset), "a batch that came before"),
                ErrorCode::NONE => assert_eq!(partition.base_offset, end),
                _ => assert_eq!((partition.base_offset, end_now), (-1, end), "nothing of what is refused is stored"),
            }
        }
        if end_now > end {
            assert!(version >= 3 && (-1..=1).contains(&acks));
            let batch = accepted(&records).expect("only a batch that keeps Kafka's rules is accepted");
            assert_eq!(end_now, end + i64::from(number(&batch[23..])) + 1);
            let topic = self.topic(topic);
            topic.stored.push((end, batch.to_vec()));
            topic.end = end_now;
        }
        assert!(end_now >= end);
    }

    fn offset_of(&mut self, topic: usize, timestamp: i64) -> i64 {
        let name = self.topic(topic).name.clone();
        let partition = list_offsets::ListOffsetsPartition { partition_index: 0, timestamp, ..Default::default() };
        let wanted = list_offsets::ListOffsetsTopic { name, partitions: vec![partition] };
        let request = list_offsets::Request { topics: vec![wanted], replica_id: -1, ..Default::default() };
        let response = self.driver.ask(self.connection, LIST_OFFSETS_VERSION, &request);
        let found = &response.topics[0].partitions[0];
        if timestamp >= 0 && found.offset >= 0 {
            assert!(found.timestamp >= timestamp, "{found:?} for {timestamp}");
        }
        found.offset
    }

    fn look_up_time(&mut self, topic: usize) {
        let timestamp = timestamp(&mut self.input);
        let offset = self.offset_of(topic, timestamp);
        let topic = self.topic(topic);
        assert!((-1..=topic.end).contains(&offset), "{offset} of {}", topic.end);
    }

    /// Reads a topic to its end, and compares what is read with what was accepted.
    fn read(&mut self, index: usize, from: i64, max_bytes: i32) {
        let Some(Topic { name, end, .. }) = &self.topics[index] else { return };
        let (name, end) = (name.clone(), *end);
        let mut offset = from;
        while offset < end {
            let partition =
                fetch::FetchPartition { fetch_offset: offset, partition_max_bytes: max_bytes, ..Default::default() };
            let wanted = fetch::FetchTopic { topic: name.clone(), partitions: vec![partition], ..Default::default() };
            let request = fetch::Request { topics: vec![wanted], ..Default::default() };
            let response = self.driver.ask(self.connection, FETCH_VERSION, &request);
            let partition = &response.responses[0].partitions[0];
            assert_eq!((partition.error_code, partition.high_watermark), (ErrorCode::NONE, end));
            let read = partition.records.as_ref().expect("records without an error").to_bytes();
            let next = self.topic(index).compare(offset, &read);
            if next == offset {
                // Compaction may have left nothing of what comes last.
                assert!(index >= COMPACTED_FROM, "there are records up to {end}, but none at {offset}");
                return;
            }
            offset = next;
        }
    }
}

impl Topic {
    /// Compares the batches that were read from an offset on with those that were accepted. Gives the offset behind them.
    fn compare(&self, offset: i64, mut read: &[u8]) -> i64 {
        let mut next = offset;
        while !read.is_empty() {
            let length = usize::try_from(number(&read[8..])).expect("a length") + 12;
            let (batch, rest) = read.split_at(length);
            read = rest;
            assert!(checksum_is_right(batch));
            let header = BatchHeader::parse(batch).expect("a whole header");
            let last = header.last_offset();
            assert!((next..self.end).contains(&last));
            if self.index < COMPACTED_FROM {
                let first = header.base_offset;
                assert!(if next == offset { first <= next } else { first == next }, "{first} comes behind {next}");
                let stored = self.stored.iter().find(|(base, _)| *base == first).expect("a batch that was accepted");
                assert_eq!(self.comparable(batch), self.comparable(&stored.1));
            }
            next = last + 1;
        }
        next
    }

    /// A batch without what the broker decides: offset, epoch, whose clock counts, and how the records are compressed.
    fn comparable(&self, batch: &[u8]) -> Vec<u8> {
        let mut batch = batch.to_vec();
        [0..8, 12..21, 35..43].into_iter().for_each(|range| batch[range].fill(0));
        let attributes = i16::from_be_bytes([batch[21], batch[22]]);
        batch[21..23].copy_from_slice(&(attributes & !LOG_APPEND_TIME).to_be_bytes());
        let recodes = TOPICS[self.index].iter().any(|(name, _)| *name == "compression.type");
        if let Some(header) = BatchHeader::parse(&batch).filter(|_| recodes) {
            // What came in the topic's codec is kept as it is, also if it cannot be looked into.
            let records = header.codec().and_then(|codec| decompress(codec, &batch[HEADER_BYTES..]));
            if let Some(records) = records.map(|records| records.into_owned()) {
                batch[8..12].fill(0);
                batch[22] &= !(CODECS as u8);
                batch.truncate(HEADER_BYTES);
                batch.extend(records);
            }
        }
        batch
    }
}

fn number(bytes: &[u8]) -> i32 {
    i32::from_be_bytes(*bytes.first_chunk().expect("four bytes"))
}

fn checksum_is_right(batch: &[u8]) -> bool {
    crc32c::crc32c(&batch[21..]) == number(&batch[17..]) as u32
}

/// The batch that the records begin with, if it keeps the rules for what is stored.
fn accepted(records: &[u8]) -> Option<&[u8]> {
    let length = usize::try_from(number(records.get(8..12)?)).ok()?;
    let batch = records.get(..length.checked_add(12)?).filter(|batch| batch.len() >= HEADER_BYTES)?;
    let attributes = i16::from_be_bytes([batch[21], batch[22]]);
    let (last_offset_delta, count) = (number(&batch[23..]), number(&batch[57..]));
    let rules = [
        batch[16] == 2,
        checksum_is_right(batch),
        batch[..8] == [0; 8],
        last_offset_delta >= 0 && last_offset_delta.checked_add(1) == Some(count),
        attributes & CONTROL == 0,
        attributes & CODECS <= 4,
        attributes & CODECS != 0 || holds_records(&batch[HEADER_BYTES..], count),
    ];
    rules.iter().all(|kept| *kept).then_some(batch)
}

/// Whether there are so many records, as far as their lengths say it.
fn holds_records(mut bytes: &[u8], count: i32) -> bool {
    let mut found = 0;
    while !bytes.is_empty() {
        let Some(end) = bytes.iter().position(|byte| *byte < 0x80).filter(|end| *end < 10) else { return false };
        let zigzag = bytes[..=end].iter().rev().fold(0u128, |value, byte| value << 7 | u128::from(byte & 0x7f)) as u64;
        let length = (zigzag >> 1) as usize;
        if zigzag & 1 == 1 || bytes.len() - end - 1 < length {
            return false;
        }
        bytes = &bytes[end + 1 + length..];
        found += 1;
    }
    found == count
}

fn timestamp(input: &mut Input) -> i64 {
    match input.byte() {
        choice @ 0..=99 => FIRST_TIMESTAMP + i64::from(choice),
        100..=149 => 1_700_000_000_000,
        150..=159 => -1,
        160..=169 => 1_700_000_000_000 + 3_600_001,
        170..=179 => i64::MAX,
        _ => input.long(),
    }
}

/// What a producer sends as the records of a partition.
///
/// ```text
/// options: 1 byte    bits 0 to 2: codec, bit 3: the records are any bytes, bit 4: from an idempotent producer,
///                    bit 5: bytes are replaced, bit 6: there is more behind it, bit 7: the checksum stays as it is
/// ```
fn make(input: &mut Input) -> Bytes {
    let options = input.byte();
    let has = |bit: u8| options & 1 << bit != 0;
    let base_timestamp = timestamp(input);
    let mut batch = Batch { base_timestamp, max_timestamp: base_timestamp, ..Batch::of_records(&make_records(input)) };
    let codec = i16::from(options) & CODECS;
    if has(3) {
        // The header says what it says, whatever the records are.
        let mut records = if codec == SNAPPY { claim(input) } else { Vec::new() };
        records.extend(input.piece());
        batch = Batch { records, attributes: codec, ..batch };
        batch.count = i32::from(input.byte());
        batch.last_offset_delta = batch.count - 1;
    } else {
        batch = compress(batch, codec);
    }
    if has(4) {
        let producer_id = input.pick(&[0, 1, -2, i64::MAX]);
        batch = batch.by(producer_id, i16::from(input.byte() as i8), i32::from(input.byte() as i8));
    }
    let mut bytes = batch.encode().to_vec();
    if has(5) {
        for _ in 0..=input.byte() % 4 {
            let (at, value) = (usize::from(input.word()) % bytes.len(), input.byte());
            bytes[at] = value;
        }
        if !has(7) {
            let checksum = crc32c::crc32c(&bytes[21..]);
            bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
        }
    }
    if has(6) {
        bytes.extend(input.piece());
    }
    bytes.into()
}

/// The beginning of a block of snappy: how much it claims to become, in steps of 64 KiB; nothing if that is nothing.
fn claim(input: &mut Input) -> Vec<u8> {
    let mut left = u32::from(input.word()) << 16;
    let mut bytes = Vec::new();
    while left > 0 {
        bytes.push(left as u8 & 0x7f | if left > 0x7f { 0x80 } else { 0 });
        left >>= 7;
    }
    bytes
}

#[cfg(feature = "compression")]
fn compress(batch: Batch, codec: i16) -> Batch {
    match codec {
        1..=4 => batch.compressed(codec),
        other => Batch { attributes: other, ..batch },
    }
}

#[cfg(not(feature = "compression"))]
fn compress(batch: Batch, codec: i16) -> Batch {
    Batch { attributes: codec, ..batch }
}

/// A few records, each of a byte that says what it has, and of what that is.
fn make_records(input: &mut Input) -> Vec<Record> {
    let count = 1 + input.byte() % 4;
    let make = |offset_delta| {
        let parts = input.byte();
        let mut part = |bit: u8| (parts & 1 << bit != 0).then(|| input.piece().to_vec());
        let (key, mut value, header) = (part(0), part(1), part(2));
        let timestamp_delta = if parts & 8 != 0 { i64::from(input.byte() as i8) } else { 0 };
        if parts & 16 != 0 {
            // Much of the same, that compression makes nothing of.
            value = Some(vec![input.byte(); usize::from(input.word())]);
        }
        let headers = header.map(|value| ("header".to_owned(), Some(value))).into_iter().collect();
        Record { timestamp_delta, offset_delta, key, value, headers }
    };
    (0..i64::from(count)).map(make).collect()
}

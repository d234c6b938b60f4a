//! Requests that are built before the clock runs, and what their answers must say.
//!
//! A request is encoded once. For each sending, only the few bytes are written anew that differ: the correlation id, an offset, a
//! partition. Answers are not decoded but looked at in the places that matter. All these places are found by encoding a message
//! with a number in it that occurs nowhere else.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use kafka_rs::broker::api;
use kafka_rs::wire::messages::{fetch, offset_commit, produce};
use kafka_rs::wire::record_batch::{self, BatchHeader};
use kafka_rs::wire::{Field, Payload, Reader, Uuid, Writer, header};

use crate::driver::Exchange;
use crate::limit;
use crate::load::Requests;
use crate::requests::{self, Fetch, Topic, want_bytes};
use crate::shape::Shape;
use crate::socket::Socket;

/// The newest versions that name topics by their names, which all peers have.
const PRODUCE_VERSION: i16 = 9;
const FETCH_VERSION: i16 = 12;
const COMMIT_VERSION: i16 = 8;

/// Where the correlation id stands: behind the length, and in a request behind key and version too.
const REQUEST_CORRELATION_AT: usize = 8;
const ANSWER_CORRELATION_AT: usize = 0;

/// Numbers that occur nowhere else in a message.
const MARK_64: i64 = 0x7172_7374_7576_7778;
const MARK_32: i32 = 0x7172_7374;

/// Small requests lie one behind the other in memory, so that several go out in one write.
const RUN_BYTES: usize = 64 << 10;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    Kafka,
    /// The limit, whose answers say nothing.
    Limit,
}

/// A topic by its name.
pub fn topic(name: &str) -> Topic {
    Topic { name: name.to_owned(), id: Uuid::default() }
}

/// An answer as it looks on the wire, without its length.
fn answer<Q: Exchange>(version: i16, response: &Q::Response) -> Vec<u8> {
    let api = api::find(Q::KEY).expect("an API of the table");
    let mut writer = Writer::new(version, api.is_flexible(version));
    header::write_response(&mut writer, 0, api.response_header_is_flexible(version));
    response.write(&mut writer);
    writer.finish().to_bytes()[limit::LENGTH_BYTES..].to_vec()
}

/// Where a number stands that occurs once.
fn place_of(bytes: &[u8], number: &[u8]) -> usize {
    let mut places = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(number));
    let place = places.next().expect("the number is in the message");
    assert_eq!(places.next(), None, "the number is in the message once");
    place
}

fn put(bytes: &mut [u8], at: usize, number: &[u8]) {
    bytes[at..at + number.len()].copy_from_slice(number);
}

fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    Some(i64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn i16_at(bytes: &[u8], at: usize) -> Option<i16> {
    Some(i16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn wrong(what: &str) -> io::Error {
    io::Error::other(format!("a wrong answer: {what}"))
}

/// The same request many times over, as often as it goes out in one write.
#[derive(Debug)]
struct Run {
    bytes: Vec<u8>,
    length: usize,
}

impl Run {
    fn new(frame: &[u8]) -> Self {
        let copies = (RUN_BYTES / frame.len()).max(1);
        Self { bytes: frame.repeat(copies), length: frame.len() }
    }

    /// The first of the copies, at most so many, once `change` has made each of them its own request.
    fn take(&mut self, most: usize, mut change: impl FnMut(usize, &mut [u8])) -> (&[u8], usize) {
        let copies = (self.bytes.len() / self.length).min(most);
        let bytes = &mut self.bytes[..copies * self.length];
        bytes.chunks_exact_mut(self.length).enumerate().for_each(|(nth, frame)| change(nth, frame));
        (bytes, copies)
    }
}

/// Produce requests: one batch each, to the partitions of a topic in turn.
#[derive(Debug)]
pub struct Produce {
    run: Run,
    answerer: Answerer,
    partition_at: usize,
    partitions: Range<usize>,
    /// The records of each batch.
    records: i64,
    /// How many have been answered.
    answered: usize,
    offset_at: usize,
    batch_bytes: usize,
}

impl Produce {
    /// Requests to partition 0.
    pub fn new(answerer: Answerer, name: &str, shape: Shape) -> Self {
        Self::spread(answerer, name, 0..1, shape)
    }

    /// Requests to these partitions in turn.
    pub fn spread(answerer: Answerer, name: &str, partitions: Range<usize>, shape: Shape) -> Self {
        let (topic, batch) = (topic(name), shape.batch());
        let batch_bytes = batch.len();
        let marked = requests::produce_request(-1, &[(&topic, MARK_32, Bytes::new())]);
        let partition_at = place_of(&Socket::frame(PRODUCE_VERSION, 0, &marked), &MARK_32.to_be_bytes());
        let frame = Socket::frame(PRODUCE_VERSION, 0, &requests::produce_request(-1, &[(&topic, 0, batch)]));
        let partition = produce::PartitionProduceResponse { base_offset: MARK_64, ..Default::default() };
        let response = produce::TopicProduceResponse {
            name: topic.name,
            topic_id: topic.id,
            partition_responses: vec![partition],
        };
        let response = produce::Response { responses: vec![response], ..Default::default() };
        let answer = answer::<produce::Request>(PRODUCE_VERSION, &response);
        Self {
            run: Run::new(&frame),
            answerer,
            partition_at,
            partitions,
            records: shape.records(),
            answered: 0,
            offset_at: place_of(&answer, &MARK_64.to_be_bytes()),
            batch_bytes,
        }
    }

    /// The bytes of one request, and of the batch in it.
    pub fn frame_bytes(&self) -> usize {
        self.run.length
    }

    pub fn batch_bytes(&self) -> usize {
        self.batch_bytes
    }

    /// How many have been answered.
    pub fn answered(&self) -> usize {
        self.answered
    }

    /// The first offset that has not been written in any partition.
    pub fn end_offset(&self) -> i64 {
        self.answered.div_ceil(self.partitions.len()) as i64 * self.records
    }
}

impl Requests for Produce {
    fn next(&mut self, ahead: usize, most: usize) -> (&[u8], usize) {
        let first = self.answered + ahead;
        let (partition_at, partitions) = (self.partition_at, &self.partitions);
        self.run.take(most, |nth, frame| {
            let number = first + nth;
            let partition = partitions.start + number % partitions.len();
            put(frame, REQUEST_CORRELATION_AT, &(number as u32).to_be_bytes());
            put(frame, partition_at, &(partition as u32).to_be_bytes());
        })
    }

    fn check(&mut self, answer: &[u8]) -> io::Result<()> {
        let number = self.answered;
        self.answered += 1;
        if self.answerer == Answerer::Limit {
            return Ok(());
        }
        let expect = (number / self.partitions.len()) as i64 * self.records;
        // The error stands in front of the offset.
        let error = i16_at(answer, self.offset_at - 2);
        match (i32_at(answer, ANSWER_CORRELATION_AT), error, i64_at(answer, self.offset_at)) {
            (Some(correlation), Some(0), Some(offset)) if correlation == number as i32 && offset == expect => Ok(()),
            seen => Err(wrong(&format!("{seen:?} instead of {:?}", (number, 0, expect)))),
        }
    }
}

/// Fetch requests to one partition: each for what comes behind what the one before has brought.
#[derive(Debug)]
pub struct Fetching {
    frame: Vec<u8>,
    answerer: Answerer,
    offset_at: usize,
    /// Where the length of the records stands in an answer.
    records_at: usize,
    error_at: usize,
    offset: i64,
    /// Behind the last record that is there: from here it goes on at 0.
    end: i64,
    sent: u32,
    /// How many bytes of records have come.
    pub fetched_bytes: usize,
}

impl Fetching {
    /// Answers of at most a MiB, until `end`, again and again.
    pub fn new(answerer: Answerer, name: &str, end: i64) -> Self {
        Self::of_at_most(answerer, name, end, 1 << 20)
    }

    /// Answers of at most so many bytes, until `end`.
    pub fn of_at_most(answerer: Answerer, name: &str, end: i64, max_bytes: i32) -> Self {
        Self::of(answerer, name, 0, end, Fetch { max_bytes, ..Fetch::default() })
    }

    /// What waits for what comes behind `offset` in a partition.
    pub fn waiting(name: &str, partition: i32, offset: i64) -> Self {
        let fetch = Fetch { max_wait_ms: 30_000, max_bytes: 1 << 20, ..Fetch::default() };
        Self { offset, ..Self::of(Answerer::Kafka, name, partition, i64::MAX, fetch) }
    }

    fn of(answerer: Answerer, name: &str, partition: i32, end: i64, fetch: Fetch) -> Self {
        let wanted = vec![want_bytes(&topic(name), partition, MARK_64, fetch.max_bytes)];
        let frame = Socket::frame(FETCH_VERSION, 0, &Fetch { wanted, ..fetch }.request());
        let offset_at = place_of(&frame, &MARK_64.to_be_bytes());
        let (error_at, records_at) = places_in_answer(name);
        Self {
            frame: frame.to_vec(),
            answerer,
            offset_at,
            records_at,
            error_at,
            offset: 0,
            end,
            sent: 0,
            fetched_bytes: 0,
        }
    }

    /// The records in an answer.
    fn records<'a>(&self, answer: &'a [u8]) -> Option<&'a [u8]> {
        if self.answerer == Answerer::Limit {
            return answer.get(limit::ANSWER_HEAD_BYTES - limit::LENGTH_BYTES..);
        }
        let is_right =
            i32_at(answer, ANSWER_CORRELATION_AT)? == self.sent as i32 && i16_at(answer, self.error_at)? == 0;
        let mut head = Reader::new(Bytes::copy_from_slice(answer.get(self.records_at..)?.get(..5)?), 0, true);
        let length = head.uvarint().ok().filter(|_| is_right)? as usize;
        let start = self.records_at + 5 - head.left();
        answer.get(start..)?.get(..length.checked_sub(1)?)
    }
}

/// Where an answer to a fetch of one partition says whether there was an error, and where it says how long the records are.
fn places_in_answer(name: &str) -> (usize, usize) {
    let records = Some(Payload::from(Bytes::copy_from_slice(&MARK_64.to_be_bytes())));
    let partition = fetch::PartitionData { high_watermark: MARK_64 + 1, records, ..Default::default() };
    let response = fetch::FetchableTopicResponse {
        topic: name.to_owned(),
        topic_id: Uuid::default(),
        partitions: vec![partition],
    };
    let response = fetch::Response { responses: vec![response], ..Default::default() };
    let answer = answer::<fetch::Request>(FETCH_VERSION, &response);
    // The error stands in front of the high watermark; the length of so few records is one byte.
    (place_of(&answer, &(MARK_64 + 1).to_be_bytes()) - 2, place_of(&answer, &MARK_64.to_be_bytes()) - 1)
}

impl Requests for Fetching {
    fn next(&mut self, _ahead: usize, _most: usize) -> (&[u8], usize) {
        self.sent += 1;
        put(&mut self.frame, REQUEST_CORRELATION_AT, &self.sent.to_be_bytes());
        put(&mut self.frame, self.offset_at, &self.offset.to_be_bytes());
        (&self.frame, 1)
    }

    fn check(&mut self, answer: &[u8]) -> io::Result<()> {
        let no_records = || wrong(&format!("no records, and error {:?}", i16_at(answer, self.error_at)));
        let records = self.records(answer).ok_or_else(no_records)?;
        let offset = match self.answerer {
            Answerer::Kafka => self.offset,
            // The limit goes on where it likes.
            Answerer::Limit => BatchHeader::parse(records).map_or(0, |first| first.base_offset),
        };
        let read = check_batches(records, offset)?;
        self.fetched_bytes += records.len();
        self.offset = read;
        if read >= self.end {
            self.offset = 0;
        }
        Ok(())
    }
}

/// OffsetCommit requests: one partition's offset each, of a number of groups in turn.
#[derive(Debug)]
pub struct Commits {
    run: Run,
    /// Where the number of a request's group stands in it.
    group_at: usize,
    groups: usize,
    error_at: usize,
    answered: usize,
}

impl Commits {
    pub fn new(name: &str, groups: usize) -> Self {
        let partition = offset_commit::OffsetCommitResponsePartition { partition_index: MARK_32, ..Default::default() };
        let topic = offset_commit::OffsetCommitResponseTopic {
            name: name.to_owned(),
            topic_id: Uuid::default(),
            partitions: vec![partition],
        };
        let response = offset_commit::Response { topics: vec![topic], ..Default::default() };
        let answer = answer::<offset_commit::Request>(COMMIT_VERSION, &response);
        let mark = MARK_32.to_be_bytes();
        let error_at = place_of(&answer, &mark) + mark.len();
        let (frame, number) = (commit(name), group_number(0));
        Self { group_at: place_of(&frame, number.as_bytes()), run: Run::new(&frame), groups, error_at, answered: 0 }
    }
}

/// The names of all groups are of one length, and so are the requests.
fn group_number(group: usize) -> String {
    format!("{group:06}")
}

/// A commit of the first group.
fn commit(name: &str) -> Bytes {
    let partition = offset_commit::OffsetCommitRequestPartition { committed_offset: 1, ..Default::default() };
    let topic = offset_commit::OffsetCommitRequestTopic {
        name: name.to_owned(),
        topic_id: Uuid::default(),
        partitions: vec![partition],
    };
    let group_id = format!("group-{}", group_number(0));
    Socket::frame(COMMIT_VERSION, 0, &offset_commit::Request { group_id, topics: vec![topic], ..Default::default() })
}

impl Requests for Commits {
    fn next(&mut self, ahead: usize, most: usize) -> (&[u8], usize) {
        let first = self.answered + ahead;
        let (group_at, groups) = (self.group_at, self.groups);
        self.run.take(most, |nth, frame| {
            let number = first + nth;
            put(frame, REQUEST_CORRELATION_AT, &(number as u32).to_be_bytes());
            put(frame, group_at, group_number(number % groups).as_bytes());
        })
    }

    fn check(&mut self, answer: &[u8]) -> io::Result<()> {
        let number = self.answered;
        self.answered += 1;
        match (i32_at(answer, ANSWER_CORRELATION_AT), i16_at(answer, self.error_at)) {
            (Some(correlation), Some(0)) if correlation == number as i32 => Ok(()),
            seen => Err(wrong(&format!("{seen:?} instead of {:?}", (number, 0)))),
        }
    }
}

/// Checks that these are whole batches, one behind the other from an offset on, each with the CRC that it says. Only the last one
/// may be cut off, as Kafka does. Gives the offset behind them.
pub fn check_batches(mut records: &[u8], mut offset: i64) -> io::Result<i64> {
    let first = offset;
    while let Some(header) = BatchHeader::parse(records) {
        let Some(batch) = header.total_bytes().and_then(|length| records.get(..length)) else { break };
        if header.base_offset != offset || !record_batch::crc_is_valid(batch, &header) {
            return Err(wrong(&format!("{header:?} instead of a batch from {offset} on")));
        }
        offset = header.last_offset() + 1;
        records = &records[batch.len()..];
    }
    if offset == first { Err(wrong("no whole batch")) } else { Ok(offset) }
}

//! Producers, consumers and time, at random: whatever happens, each consumer reads every acknowledged record once, in order
//! and byte for byte, and no fetch waits for longer than it wants or although there is enough.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kafka_rs::broker::random::Random;
use kafka_rs::wire::messages::fetch::{Request, Response};

use super::*;
use crate::driver::Connection;
use crate::requests::{produce_bytes, produce_request};

const SEEDS: u64 = 60;
const STEPS: usize = 300;

/// A topic's position among the topics, and a partition.
type Place = (usize, i32);

/// A stored batch with its first and last offset.
struct Stored {
    first: i64,
    last: i64,
    bytes: Bytes,
}

/// A producer that numbers its records, partition by partition.
struct Producer {
    id: i64,
    /// The batches that it may send again, each with its offset; the next sequence number.
    sent: BTreeMap<Place, (Vec<(Batch, i64)>, i32)>,
}

/// A consumer with its positions, which is all that it knows.
struct Consumer {
    connection: Connection,
    version: i16,
    uses_sessions: bool,
    session: (i32, i32),
    positions: BTreeMap<Place, i64>,
    /// What the session believes of each partition: offset and limit.
    known: BTreeMap<Place, (i64, i32)>,
    waiting: Option<Waiting>,
}

/// A fetch that is not answered yet.
struct Waiting {
    deadline: Instant,
    min_bytes: usize,
    max_bytes: usize,
    /// Offset and limit of each partition that it covers.
    wanted: BTreeMap<Place, (i64, i32)>,
}

struct World {
    driver: Driver,
    random: Random,
    topics: Vec<Topic>,
    logs: BTreeMap<Place, Vec<Stored>>,
    producers: Vec<Producer>,
    consumers: Vec<Consumer>,
}

#[test]
fn every_record_is_read_once() {
    for seed in 0..SEEDS {
        let result = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            (0..STEPS).for_each(|_| world.step());
            world.read_to_the_end();
        });
        assert!(result.is_ok(), "seed {seed}");
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut driver = Driver::default();
        let topics: Vec<_> = (1..=3).map(|count| create_topic(&mut driver, &format!("topic-{count}"), count)).collect();
        let places = (0..3).flat_map(|topic| (0..=topic as i32).map(move |partition| (topic, partition)));
        let logs = places.map(|place| (place, Vec::new())).collect();
        let producers = (0..3).map(|id| Producer { id, sent: BTreeMap::new() }).collect();
        let random = Random::new(seed);
        let mut world = Self { driver, random, topics, logs, producers, consumers: Vec::new() };
        world.consumers = (0..4).map(|_| world.new_consumer()).collect();
        world
    }

    fn new_consumer(&mut self) -> Consumer {
        let version = [4, 7, 11, 12, 13, 18][self.below(6)];
        Consumer {
            connection: self.driver.connect(),
            version,
            uses_sessions: version >= 7 && self.below(4) > 0,
            session: (0, 0),
            positions: self.logs.keys().map(|place| (*place, 0)).collect(),
            known: BTreeMap::new(),
            waiting: None,
        }
    }

    fn below(&mut self, count: usize) -> usize {
        (self.random.next_u64() % count as u64) as usize
    }

    fn any_place(&mut self) -> Place {
        let index = self.below(self.logs.len());
        *self.logs.keys().nth(index).expect("there are partitions")
    }

    fn step(&mut self) {
        match self.below(10) {
            0..=2 => self.produce(),
            3 => self.produce_again(),
            4..=7 => {
                let index = self.below(self.consumers.len());
                if self.consumers[index].waiting.is_none() {
                    self.fetch(index);
                }
            }
            8 => {
                let ms = self.below(80) as u64;
                self.driver.advance_ms(ms);
            }
            _ => self.disturb(),
        }
        self.take_answers();
        self.check_waiting();
    }

    /// One request with batches for one to four partitions, from nobody in particular or from an idempotent producer.
    fn produce(&mut self) {
        let producer = self.below(2 * self.producers.len());
        let mut batches = BTreeMap::new();
        for _ in 0..1 + self.below(4) {
            let place = self.any_place();
            let count = 1 + self.below(3);
            let value = "v".repeat(self.below(400));
            let mut batch = Batch::of(&vec![value.as_str(); count]);
            if let Some(producer) = self.producers.get_mut(producer) {
                let (_, next) = producer.sent.entry(place).or_default();
                batch = batch.by(producer.id, 0, *next);
            }
            batches.insert(place, batch);
        }
        let pieces: Vec<_> = batches
            .iter()
            .map(|((topic, partition), batch)| (&self.topics[*topic], *partition, batch.encode()))
            .collect();
        let connection = self.driver.connect();
        let response = self.driver.ask(connection, 12, &produce_request(-1, &pieces));
        let answers = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        for ((place, batch), answer) in batches.into_iter().zip(answers) {
            assert_eq!(answer.error_code, ErrorCode::NONE);
            let log = self.logs.get_mut(&place).expect("a partition");
            let first = log.last().map_or(0, |stored| stored.last + 1);
            assert_eq!(answer.base_offset, first);
            log.push(Stored { first, last: first + i64::from(batch.last_offset_delta), bytes: batch.stored_at(first) });
            if let Some(producer) = self.producers.get_mut(producer) {
                let (sent, next) = producer.sent.get_mut(&place).expect("it has just sent something");
                *next += batch.count;
                sent.push((batch, first));
            }
        }
    }

    /// A producer whose answer was lost sends one of its last five batches again.
    fn produce_again(&mut self) {
        let producer = self.below(self.producers.len());
        let (place, back) = (self.any_place(), self.below(5));
        let Some((sent, _)) = self.producers[producer].sent.get(&place) else { return };
        let Some((batch, offset)) = sent.iter().rev().nth(back).cloned() else { return };
        let answer = produce_bytes(&mut self.driver, 12, &self.topics[place.0], place.1, batch.encode());
        assert_eq!((answer.error_code, answer.base_offset), (ErrorCode::NONE, offset));
    }

    /// Something that consumers must survive.
    fn disturb(&mut self) {
        let index = self.below(self.consumers.len());
        match self.below(3) {
            0 => {
                self.driver.disconnect(self.consumers[index].connection);
                self.consumers[index] = self.new_consumer();
            }
            1 => {
                // The next request of its session will not be the one that the broker expects.
                let consumer = &mut self.consumers[index];
                if consumer.waiting.is_none() && consumer.session.0 != 0 {
                    consumer.session.1 += 1;
                }
            }
            _ => {
                let (place, consumer) = (self.any_place(), &mut self.consumers[index]);
                if consumer.waiting.is_none() {
                    consumer.positions.insert(place, 0);
                }
            }
        }
    }

    /// Sends a fetch with limits out of the blue; in a session, only with what has changed.
    fn fetch(&mut self, index: usize) {
        let limit = [1, 300, 2_000, i32::MAX][self.below(4)];
        let max_bytes = [1, 500, 5_000, i32::MAX][self.below(4)];
        let (max_wait_ms, min_bytes) = ([0, 20, 100][self.below(3)], [1, 1, 600, 3_000][self.below(4)]);
        let consumer = &mut self.consumers[index];
        let wanted: BTreeMap<_, _> =
            consumer.positions.iter().map(|(place, position)| (*place, (*position, limit))).collect();
        let in_session = consumer.session.0 != 0;
        let named = wanted.iter().filter(|(place, known)| !in_session || consumer.known.get(place) != Some(known));
        let topics = &self.topics;
        let named = named
            .map(|((topic, partition), (offset, limit))| want_bytes(&topics[*topic], *partition, *offset, *limit))
            .collect();
        let session_epoch = if consumer.uses_sessions { consumer.session.1 } else { -1 };
        let fetch = Fetch { max_bytes, session_id: consumer.session.0, session_epoch, ..Fetch::of(named) };
        consumer.waiting = Some(Waiting {
            deadline: self.driver.now.instant + Duration::from_millis(max_wait_ms as u64),
            min_bytes: min_bytes.min(max_bytes) as usize,
            max_bytes: max_bytes as usize,
            wanted: wanted.clone(),
        });
        consumer.known = wanted;
        self.driver.send(consumer.connection, consumer.version, &fetch.waiting(max_wait_ms, min_bytes).request());
    }

    fn take_answers(&mut self) {
        for index in 0..self.consumers.len() {
            let connection = self.consumers[index].connection;
            if let Some(response) = self.driver.answer::<Request>(connection) {
                self.take(index, &response);
            }
        }
    }

    fn take(&mut self, index: usize, response: &Response) {
        let consumer = &mut self.consumers[index];
        let waiting = consumer.waiting.take().expect("a fetch that was not answered before");
        match response.error_code {
            ErrorCode::NONE => {}
            ErrorCode::INVALID_FETCH_SESSION_EPOCH => {
                consumer.session = (0, 0);
                return consumer.known.clear();
            }
            other => panic!("{other}"),
        }
        if consumer.uses_sessions {
            consumer.session = (response.session_id, if response.session_id == 0 { 0 } else { consumer.session.1 + 1 });
        }
        let (mut bytes, mut batches) = (0, 0);
        for answered in &response.responses {
            let is_meant = |topic: &Topic| topic.name == answered.topic || topic.id == answered.topic_id;
            let topic = self.topics.iter().position(is_meant).expect("a topic that was asked for");
            for data in &answered.partitions {
                let place = (topic, data.partition_index);
                let position = consumer.positions.get_mut(&place).expect("a partition that was asked for");
                let read = read_on(&self.logs[&place], position, &crate::requests::records(data));
                let limit = waiting.wanted[&place].1 as usize;
                let is_first_batch = batches == 0 && read.batches == 1;
                assert!(read.bytes <= limit || is_first_batch, "{} bytes of a partition, limit {limit}", read.bytes);
                bytes += read.bytes;
                batches += read.batches;
            }
        }
        assert!(bytes <= waiting.max_bytes || batches == 1, "{bytes} bytes, limit {}", waiting.max_bytes);
        let is_early = self.driver.now.instant < waiting.deadline;
        assert!(!is_early || bytes > 0, "answered before its time, with nothing");
    }

    /// Nobody waits beyond his deadline, nor although there is enough.
    fn check_waiting(&self) {
        for waiting in self.consumers.iter().filter_map(|consumer| consumer.waiting.as_ref()) {
            assert!(self.driver.now.instant < waiting.deadline, "a fetch waits for too long");
            let available = waiting.wanted.iter().map(|(place, (offset, limit))| {
                let behind = self.logs[place].iter().filter(|stored| stored.last >= *offset);
                behind.map(|stored| stored.bytes.len()).sum::<usize>().min(*limit as usize)
            });
            assert!(available.sum::<usize>() < waiting.min_bytes, "a fetch waits although there is enough");
        }
    }

    /// Lets every consumer read until it has all.
    fn read_to_the_end(&mut self) {
        self.driver.advance_ms(1_000);
        self.take_answers();
        for index in 0..self.consumers.len() {
            for _ in 0..10_000 {
                self.fetch(index);
                self.driver.advance_ms(100);
                self.take_answers();
                let end = |log: &Vec<Stored>| log.last().map_or(0, |stored| stored.last + 1);
                if self.logs.iter().all(|(place, log)| self.consumers[index].positions[place] == end(log)) {
                    break;
                }
            }
            for (place, log) in &self.logs {
                let end = log.last().map_or(0, |stored| stored.last + 1);
                assert_eq!(self.consumers[index].positions[place], end, "consumer {index} never came to the end");
            }
        }
    }
}

/// What was read of one partition.
struct Read {
    bytes: usize,
    batches: usize,
}

/// Compares what came with what was stored from the consumer's position on, and moves the position behind it.
fn read_on(log: &[Stored], position: &mut i64, bytes: &Bytes) -> Read {
    let mut left = &bytes[..];
    let mut batches = 0;
    while !left.is_empty() {
        let is_next = |stored: &&Stored| (stored.first..=stored.last).contains(position);
        let stored = log.iter().find(is_next).expect("nothing comes that was not stored");
        left = left.strip_prefix(&stored.bytes[..]).expect("the very bytes that were stored, whole batches of them");
        *position = stored.last + 1;
        batches += 1;
    }
    Read { bytes: bytes.len(), batches }
}

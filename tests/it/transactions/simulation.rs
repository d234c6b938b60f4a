//! Transactions at random: whatever producers do, a reader of committed records sees exactly the records of committed
//! transactions and those without one, in order and once, however small the pieces are in which it reads; and a group's
//! stable offset is that of the last committed transaction.

use std::collections::BTreeMap;

use kafka_rs::broker::random::Random;
use kafka_rs::wire::messages::txn_offset_commit::{self, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic};

use super::*;
use crate::requests::{create_topic_with, produce};

const SEEDS: u64 = 40;
const STEPS: usize = 250;
const PARTITIONS: i32 = 3;
const IDS: [&str; 4] = ["a", "b", "c", "d"];

/// A producer, and what it has in its transaction.
struct Actor {
    producer: Producer,
    sequences: BTreeMap<i32, i32>,
    /// The offsets of the records that it has written since the last end.
    written: Vec<(i32, i64)>,
    offset: Option<i64>,
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Undecided,
    Counts,
    Nothing,
}

struct World {
    driver: Driver,
    random: Random,
    topic: Topic,
    actors: Vec<Actor>,
    /// By partition and offset: each record's value and fate.
    records: Vec<BTreeMap<i64, (String, Fate)>>,
    /// The offset that is committed for the group.
    stable: i64,
    next_value: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut driver = Driver::default();
        // The records are old, and none must go.
        let topic = create_topic_with(&mut driver, "orders", PARTITIONS, &[("retention.ms", "-1")]);
        let actor = |driver: &mut Driver, id| Actor {
            producer: Producer::init(driver, id),
            sequences: BTreeMap::new(),
            written: Vec::new(),
            offset: None,
        };
        let actors = IDS.into_iter().map(|id| actor(&mut driver, id)).collect();
        let records = (0..PARTITIONS).map(|_| BTreeMap::new()).collect();
        Self { driver, random: Random::new(seed), topic, actors, records, stable: -1, next_value: 0 }
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.random.next_u64() % limit as u64) as usize
    }

    fn values(&mut self) -> Vec<String> {
        let count = self.below(3) + 1;
        let first = self.next_value;
        self.next_value += count;
        (first..first + count).map(|value| format!("value {value}")).collect()
    }

    fn note(&mut self, partition: i32, offset: i64, values: &[String], fate: Fate) {
        for (value, offset) in values.iter().zip(offset..) {
            self.records[partition as usize].insert(offset, (value.clone(), fate));
        }
    }

    fn write(&mut self, actor: usize, partition: i32) {
        let values = self.values();
        let texts: Vec<&str> = values.iter().map(String::as_str).collect();
        let Actor { producer, sequences, .. } = &mut self.actors[actor];
        let sequence = sequences.entry(partition).or_default();
        let offset = producer.write(&mut self.driver, (&self.topic, partition), *sequence, &texts);
        *sequence += values.len() as i32;
        let offsets = (offset..).take(values.len()).map(|offset| (partition, offset));
        self.actors[actor].written.extend(offsets);
        self.note(partition, offset, &values, Fate::Undecided);
    }

    fn write_plainly(&mut self, partition: i32) {
        let values = self.values();
        let texts: Vec<&str> = values.iter().map(String::as_str).collect();
        let offset = produce(&mut self.driver, &self.topic, partition, &Batch::of(&texts));
        self.note(partition, offset, &values, Fate::Counts);
    }

    fn commit_offset(&mut self, actor: usize) {
        let offset = self.next_value as i64;
        let producer = self.actors[actor].producer;
        let partition = TxnOffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
        let topic = TxnOffsetCommitRequestTopic { name: self.topic.name.clone(), partitions: vec![partition] };
        let request = txn_offset_commit::Request {
            transactional_id: producer.transactional_id.to_owned(),
            group_id: "g".to_owned(),
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            topics: vec![topic],
            ..Default::default()
        };
        let connection = self.driver.connect();
        let error = self.driver.ask(connection, 5, &request).topics[0].partitions[0].error_code;
        assert_eq!(error, ErrorCode::NONE);
        self.actors[actor].offset = Some(offset);
    }

    /// The actor's transaction is over, and it goes on as this producer.
    fn ended(&mut self, actor: usize, committed: bool, producer: Producer) {
        let fate = if committed { Fate::Counts } else { Fate::Nothing };
        let actor = &mut self.actors[actor];
        actor.producer = producer;
        actor.sequences.clear();
        for (partition, offset) in actor.written.drain(..) {
            let record = self.records[partition as usize].get_mut(&offset).expect("a record that was written");
            record.1 = fate;
        }
        if let Some(offset) = actor.offset.take().filter(|_| committed) {
            // The later of two commits counts, and numbers rise.
            self.stable = self.stable.max(offset);
        }
    }

    fn end(&mut self, actor: usize, committed: bool) {
        let Actor { producer, written, offset, .. } = &self.actors[actor];
        let (producer, is_open) = (*producer, !written.is_empty() || offset.is_some());
        let outcome = producer.try_end(&mut self.driver, END, committed);
        match outcome {
            Ok(next) => {
                assert!(is_open || !committed);
                assert_eq!(producer.try_end(&mut self.driver, END, committed), Ok(next), "the request comes again");
                self.ended(actor, committed, next);
            }
            Err(error) => {
                assert!(!is_open && committed);
                assert_eq!(error, ErrorCode::INVALID_TXN_STATE);
            }
        }
    }

    /// A new instance of the producer takes over; the old one tries to go on.
    fn restart(&mut self, actor: usize) {
        let old = self.actors[actor].producer;
        let init = |driver: &mut Driver| Producer::init_with(driver, old.transactional_id, 60_000, None);
        let new = init(&mut self.driver).or_else(|error| {
            assert_eq!(error, ErrorCode::CONCURRENT_TRANSACTIONS);
            init(&mut self.driver)
        });
        self.ended(actor, false, new.expect("the transaction is over"));
        let zombie = old.try_write(&mut self.driver, PRODUCE, (&self.topic, 0), 0, &["zombie"]);
        assert_eq!(zombie, Err(ErrorCode::INVALID_PRODUCER_EPOCH));
        assert_eq!(old.try_end(&mut self.driver, END, true), Err(ErrorCode::PRODUCER_FENCED));
    }

    /// Time passes until every open transaction has taken too long.
    fn time_out(&mut self) {
        self.driver.advance_ms(80_000);
        for actor in 0..self.actors.len() {
            let Actor { producer, written, offset, .. } = &self.actors[actor];
            if !written.is_empty() || offset.is_some() {
                let producer = *producer;
                assert_eq!(state(&mut self.driver, producer.transactional_id), "CompleteAbort");
                let next = producer.try_end(&mut self.driver, END, false).expect("it was aborted");
                self.ended(actor, false, next);
            }
        }
    }

    fn step(&mut self) {
        let actor = self.below(self.actors.len());
        let partition = self.below(PARTITIONS as usize) as i32;
        match self.below(20) {
            0..10 => self.write(actor, partition),
            10..12 => self.write_plainly(partition),
            12..14 => self.commit_offset(actor),
            14..17 => self.end(actor, true),
            17 => self.end(actor, false),
            18 => self.restart(actor),
            _ if self.below(5) == 0 => self.time_out(),
            _ => {}
        }
    }

    /// What readers see must follow from what producers did.
    fn check(&mut self, partition: i32) {
        let records = &self.records[partition as usize];
        let undecided = records.iter().find(|(_, (_, fate))| *fate == Fate::Undecided).map(|(offset, _)| *offset);
        let data = fetch_committed(&mut self.driver, (&self.topic, partition), 0, 0);
        assert_eq!(data.last_stable_offset, undecided.unwrap_or(data.high_watermark));
        let stable = data.last_stable_offset;
        let records = &self.records[partition as usize];
        let counts = records.range(..stable).filter(|(_, (_, fate))| *fate == Fate::Counts);
        let expect: Vec<_> = counts.map(|(_, (value, _))| value.clone()).collect();
        let limit = [1, 200, 700, i32::MAX][self.below(4)];
        assert_eq!(committed_in_pieces(&mut self.driver, (&self.topic, partition), limit), expect, "{limit} bytes");
    }
}

#[test]
fn readers_of_committed_records_see_what_counts_and_nothing_else() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for step in 0..STEPS {
            world.step();
            if step % 10 == 0 {
                let partition = world.below(PARTITIONS as usize) as i32;
                world.check(partition);
            }
        }
        for actor in 0..world.actors.len() {
            world.end(actor, false);
        }
        for partition in 0..PARTITIONS {
            world.check(partition);
        }
        assert_eq!(stable_offset(&mut world.driver), world.stable, "seed {seed}");
    }
}

/// The group's offset, of which no transaction is undecided.
fn stable_offset(driver: &mut Driver) -> i64 {
    use kafka_rs::wire::messages::offset_fetch;
    let topic = offset_fetch::OffsetFetchRequestTopic { name: "orders".to_owned(), partition_indexes: vec![0] };
    let request = offset_fetch::Request {
        group_id: "g".to_owned(),
        topics: Some(vec![topic]),
        require_stable: true,
        ..Default::default()
    };
    let connection = driver.connect();
    let response = driver.ask(connection, 7, &request);
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::NONE);
    response.topics[0].partitions[0].committed_offset
}

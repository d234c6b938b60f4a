//! Transactions: who may write, what becomes visible and when, and what fenced producers are told.

mod coordinator;
mod ends;
mod markers;
mod offsets;
mod simulation;
mod writes;

use bytes::Bytes;
use kafka_protocol::records::RecordBatchDecoder;
use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::add_partitions_to_txn::{self, AddPartitionsToTxnTopic};
use kafka_rs::wire::messages::describe_transactions::TransactionState;
use kafka_rs::wire::messages::fetch::{AbortedTransaction, PartitionData};
use kafka_rs::wire::messages::produce::PartitionProduceResponse;
use kafka_rs::wire::messages::{describe_producers, describe_transactions, end_txn, init_producer_id};

use crate::driver::Driver;
use crate::records::{Batch, TRANSACTIONAL};
use crate::requests::{Fetch, Topic, produce_request, records, want_bytes};

/// The newest version of Produce for clients that add partitions themselves, and the newest of all.
const OLD_PRODUCE: i16 = 11;
const PRODUCE: i16 = 13;
/// The newest version of EndTxn that leaves the epoch as it is, and the newest of all.
const OLD_END: i16 = 4;
const END: i16 = 5;

/// A transactional producer: what a client remembers of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Producer {
    transactional_id: &'static str,
    id: i64,
    epoch: i16,
}

fn init_request(transactional_id: &str, timeout_ms: i32, expected: Option<Producer>) -> init_producer_id::Request {
    init_producer_id::Request {
        transactional_id: Some(transactional_id.to_owned()),
        transaction_timeout_ms: timeout_ms,
        producer_id: expected.map_or(-1, |producer| producer.id),
        producer_epoch: expected.map_or(-1, |producer| producer.epoch),
    }
}

impl Producer {
    /// A new instance of the producer.
    fn init(driver: &mut Driver, transactional_id: &'static str) -> Self {
        Self::init_with(driver, transactional_id, 60_000, None).expect("a transactional id that can be had")
    }

    fn init_with(
        driver: &mut Driver,
        transactional_id: &'static str,
        timeout_ms: i32,
        expected: Option<Producer>,
    ) -> Result<Self, ErrorCode> {
        let connection = driver.connect();
        let response = driver.ask(connection, 5, &init_request(transactional_id, timeout_ms, expected));
        if response.error_code.is_error() {
            assert_eq!((response.producer_id, response.producer_epoch), (-1, -1));
            return Err(response.error_code);
        }
        Ok(Self { transactional_id, id: response.producer_id, epoch: response.producer_epoch })
    }

    fn batch(&self, sequence: i32, values: &[&str]) -> Batch {
        Batch { attributes: TRANSACTIONAL, ..Batch::of(values) }.by(self.id, self.epoch, sequence)
    }

    fn produce_bytes(
        &self,
        driver: &mut Driver,
        version: i16,
        topic: &Topic,
        partition: i32,
        batch: Bytes,
    ) -> PartitionProduceResponse {
        let request = produce_request(-1, &[(topic, partition, batch)]);
        let transactional_id = Some(self.transactional_id.to_owned());
        let connection = driver.connect();
        let request = kafka_rs::wire::messages::produce::Request { transactional_id, ..request };
        driver.ask(connection, version, &request).responses.remove(0).partition_responses.remove(0)
    }

    /// What becomes of a batch: the offset of its first record.
    fn try_write(
        &self,
        driver: &mut Driver,
        version: i16,
        place: (&Topic, i32),
        sequence: i32,
        values: &[&str],
    ) -> Result<i64, ErrorCode> {
        let batch = self.batch(sequence, values).encode();
        let response = self.produce_bytes(driver, version, place.0, place.1, batch);
        if response.error_code.is_error() { Err(response.error_code) } else { Ok(response.base_offset) }
    }

    fn write(&self, driver: &mut Driver, place: (&Topic, i32), sequence: i32, values: &[&str]) -> i64 {
        self.try_write(driver, PRODUCE, place, sequence, values).expect("a batch that fits in")
    }

    /// Adds one partition, as older clients do.
    fn add(&self, driver: &mut Driver, place: (&Topic, i32)) -> ErrorCode {
        self.add_in(driver, 3, place)
    }

    fn add_in(&self, driver: &mut Driver, version: i16, place: (&Topic, i32)) -> ErrorCode {
        let topic = AddPartitionsToTxnTopic { name: place.0.name.clone(), partitions: vec![place.1] };
        let request = add_partitions_to_txn::Request {
            v3_and_below_transactional_id: self.transactional_id.to_owned(),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: vec![topic],
            ..Default::default()
        };
        let connection = driver.connect();
        let mut response = driver.ask(connection, version, &request);
        response.results_by_topic_v3_and_below.remove(0).results_by_partition.remove(0).partition_error_code
    }

    /// Ends the transaction; gives the producer as it may go on.
    fn try_end(&self, driver: &mut Driver, version: i16, committed: bool) -> Result<Self, ErrorCode> {
        let request = end_txn::Request {
            transactional_id: self.transactional_id.to_owned(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed,
        };
        let connection = driver.connect();
        let response = driver.ask(connection, version, &request);
        if response.error_code.is_error() {
            assert_eq!((response.producer_id, response.producer_epoch), (-1, -1));
            return Err(response.error_code);
        }
        let (id, epoch) =
            if version >= END { (response.producer_id, response.producer_epoch) } else { (self.id, self.epoch) };
        Ok(Self { id, epoch, ..*self })
    }

    fn commit(&mut self, driver: &mut Driver) {
        *self = self.try_end(driver, END, true).expect("a transaction that can be committed");
    }

    fn abort(&mut self, driver: &mut Driver) {
        *self = self.try_end(driver, END, false).expect("a transaction that can be aborted");
    }
}

/// What a fetch of committed records brings.
fn fetch_committed(driver: &mut Driver, place: (&Topic, i32), offset: i64, limit: i32) -> PartitionData {
    let mut request = Fetch::of(vec![want_bytes(place.0, place.1, offset, limit)]).request();
    request.isolation_level = 1;
    let connection = driver.connect();
    let mut response = driver.ask(connection, 12, &request);
    response.responses.remove(0).partitions.remove(0)
}

fn aborted(data: &PartitionData) -> Vec<(i64, i64)> {
    let pair = |aborted: &AbortedTransaction| (aborted.producer_id, aborted.first_offset);
    data.aborted_transactions.iter().flatten().map(pair).collect()
}

/// The records that a client shows, which leaves out those of aborted transactions by their list, and the next offset.
fn shown(data: &PartitionData, from: i64) -> (Vec<String>, i64) {
    let mut bytes = records(data);
    let mut pending = aborted(data);
    pending.sort_by_key(|(_, first_offset)| *first_offset);
    let mut skipped = Vec::new();
    let (mut values, mut next) = (Vec::new(), from);
    while !bytes.is_empty() {
        let batch = RecordBatchDecoder::decode(&mut bytes).expect("a batch with a good CRC");
        for record in batch.records {
            next = record.offset + 1;
            let ends_here = |(_, first_offset): &(i64, i64)| *first_offset <= record.offset;
            while pending.first().is_some_and(ends_here) {
                skipped.push(pending.remove(0).0);
            }
            if record.control {
                skipped.retain(|producer_id| *producer_id != record.producer_id);
            } else if record.offset >= from && !(record.transactional && skipped.contains(&record.producer_id)) {
                let value = record.value.expect("a value");
                values.push(String::from_utf8(value.to_vec()).expect("text"));
            }
        }
    }
    (values, next)
}

/// All committed records of a partition, fetched in pieces of so many bytes.
fn committed_in_pieces(driver: &mut Driver, place: (&Topic, i32), limit: i32) -> Vec<String> {
    let (mut values, mut offset) = (Vec::new(), 0);
    loop {
        let data = fetch_committed(driver, place, offset, limit);
        assert_eq!(data.error_code, ErrorCode::NONE);
        let (more, next) = shown(&data, offset);
        values.extend(more);
        if next == offset {
            assert_eq!(offset, data.last_stable_offset, "what is stable can be read");
            return values;
        }
        offset = next;
    }
}

fn committed(driver: &mut Driver, place: (&Topic, i32)) -> Vec<String> {
    committed_in_pieces(driver, place, i32::MAX)
}

fn describe(driver: &mut Driver, transactional_id: &str) -> TransactionState {
    let request = describe_transactions::Request { transactional_ids: vec![transactional_id.to_owned()] };
    let connection = driver.connect();
    driver.ask(connection, 0, &request).transaction_states.remove(0)
}

fn state(driver: &mut Driver, transactional_id: &str) -> String {
    describe(driver, transactional_id).transaction_state
}

fn describe_producers(driver: &mut Driver, place: (&Topic, i32)) -> Vec<describe_producers::ProducerState> {
    let topic = describe_producers::TopicRequest { name: place.0.name.clone(), partition_indexes: vec![place.1] };
    let connection = driver.connect();
    let request = describe_producers::Request { topics: vec![topic] };
    let mut response = driver.ask(connection, 0, &request).topics.remove(0).partitions.remove(0);
    assert_eq!(response.error_code, ErrorCode::NONE);
    std::mem::take(&mut response.active_producers)
}

//! What one partition knows of its idempotent producers: enough to recognise a batch that comes twice (KIP-98).
//!
//! A producer numbers its records, partition by partition. The broker remembers the last five batches of each producer,
//! because that is how many a producer may have in flight. A batch that repeats one of them is answered with the offset of
//! the first time; one that continues the last is appended; anything else is refused, and nothing can be lost or doubled
//! unnoticed.
//!
//! Transactional producers are remembered in the same way. A marker that ends a transaction can bring a producer's next epoch
//! before its first batch of that epoch comes (KIP-890).

use std::collections::{HashMap, VecDeque};

use crate::broker::log::transactions::Transactions;
use crate::config;
use crate::wire::ErrorCode;
use crate::wire::control_batch::EndTransaction;
use crate::wire::messages::describe_producers::ProducerState;
use crate::wire::record_batch::{BatchHeader, NO_TIMESTAMP, advance_sequence};

/// `max.in.flight.requests.per.connection` of an idempotent producer is at most this.
const REMEMBERED_BATCHES: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RememberedBatch {
    base_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
    /// The latest timestamp in it, which may be the broker's.
    timestamp: i64,
}

#[derive(Debug)]
struct Producer {
    epoch: i16,
    batches: VecDeque<RememberedBatch>,
    /// When the producer wrote last, in milliseconds since 1970.
    last_write_ms: i64,
    /// The latest timestamp of its last batch, or that of its last marker.
    last_timestamp: i64,
    /// The epoch of the coordinator that wrote its last marker; -1 if there is none.
    coordinator_epoch: i32,
}

impl Producer {
    fn new(epoch: i16) -> Self {
        Self { epoch, batches: VecDeque::new(), last_write_ms: 0, last_timestamp: NO_TIMESTAMP, coordinator_epoch: -1 }
    }

    /// A new epoch counts its records anew.
    fn enter(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.batches.clear();
        }
    }
}

/// A producer that is not known yet, although batches of it came: the coordinator had to be asked. It must not begin in the
/// middle: if the first of several batches was refused, the others must not get in.
#[derive(Debug)]
struct Attempt {
    epoch: i16,
    lowest_sequence: i32,
    last_attempt_ms: i64,
}

/// What is to be done with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It continues its producer's sequence, or has no producer.
    Append,
    /// It has been appended before, at this offset and with this latest timestamp.
    Duplicate {
        base_offset: i64,
        timestamp: i64,
    },
    Refuse(ErrorCode),
}

/// The idempotent producers of one partition.
#[derive(Debug, Default)]
pub struct Producers {
    by_id: HashMap<i64, Producer>,
    attempts: HashMap<i64, Attempt>,
}

impl Producers {
    /// The last epoch that is known of a producer.
    pub fn epoch(&self, producer_id: i64) -> Option<i16> {
        self.by_id.get(&producer_id).map(|producer| producer.epoch)
    }

    /// The epoch of the coordinator that wrote the producer's last marker; -1 if there is none.
    pub fn coordinator_epoch(&self, producer_id: i64) -> i32 {
        self.by_id.get(&producer_id).map_or(-1, |producer| producer.coordinator_epoch)
    }

    /// Compares a batch with what its producer wrote before, and with the transaction that it may have open.
    pub fn judge(&self, batch: &BatchHeader, transaction_is_open: bool) -> Verdict {
        let verdict = self.judge_sequence(batch);
        if verdict == Verdict::Append && transaction_is_open && !batch.is_transactional() {
            return Verdict::Refuse(ErrorCode::INVALID_TXN_STATE);
        }
        verdict
    }

    fn judge_sequence(&self, batch: &BatchHeader) -> Verdict {
        if !batch.is_idempotent() {
            return Verdict::Append;
        }
        let out_of_order = Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        // A producer that is not known may go on at any sequence: it may have been silent until it was forgotten.
        let Some(producer) = self.by_id.get(&batch.producer_id) else {
            let attempt = self.attempts.get(&batch.producer_id);
            let skips = attempt.is_some_and(|attempt| batch.base_sequence > attempt.lowest_sequence);
            return if skips { out_of_order } else { Verdict::Append };
        };
        if batch.producer_epoch < producer.epoch {
            return Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        if batch.producer_epoch > producer.epoch {
            return if batch.base_sequence == 0 { Verdict::Append } else { out_of_order };
        }
        let repeats = |known: &&RememberedBatch| {
            known.base_sequence == batch.base_sequence && known.last_sequence == batch.last_sequence()
        };
        if let Some(known) = producer.batches.iter().find(repeats) {
            return Verdict::Duplicate { base_offset: known.base_offset, timestamp: known.timestamp };
        }
        let expected = producer.batches.back().map_or(0, |last| advance_sequence(last.last_sequence, 1));
        if batch.base_sequence == expected { Verdict::Append } else { out_of_order }
    }

    /// Compares a marker with what is known of its producer. One that `must_raise_epoch` must not have the same epoch either.
    pub fn judge_marker(&self, marker: &EndTransaction, must_raise_epoch: bool) -> Verdict {
        let known = self.epoch(marker.producer_id).unwrap_or(-1);
        if marker.producer_epoch < known || must_raise_epoch && marker.producer_epoch == known {
            return Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        if marker.coordinator_epoch < self.coordinator_epoch(marker.producer_id) {
            return Verdict::Refuse(ErrorCode::TRANSACTION_COORDINATOR_FENCED);
        }
        Verdict::Append
    }

    /// Remembers a marker that has been appended.
    pub fn remember_marker(&mut self, marker: &EndTransaction) {
        self.attempts.remove(&marker.producer_id);
        let new = || Producer::new(marker.producer_epoch);
        let producer = self.by_id.entry(marker.producer_id).or_insert_with(new);
        producer.enter(marker.producer_epoch);
        producer.coordinator_epoch = marker.coordinator_epoch;
        producer.last_timestamp = marker.timestamp;
        producer.last_write_ms = marker.timestamp;
    }

    /// A batch is about to be compared with the coordinator's state.
    pub fn attempted(&mut self, batch: &BatchHeader, now_ms: i64) {
        let (epoch, lowest_sequence) = (batch.producer_epoch, batch.base_sequence);
        let new = || Attempt { epoch, lowest_sequence, last_attempt_ms: now_ms };
        let attempt = self.attempts.entry(batch.producer_id).or_insert_with(new);
        attempt.last_attempt_ms = now_ms;
        if epoch > attempt.epoch || epoch == attempt.epoch && lowest_sequence < attempt.lowest_sequence {
            *attempt = new();
        }
    }

    /// Remembers a batch that has been appended, with the latest timestamp that it has in the log.
    pub fn remember(&mut self, batch: &BatchHeader, base_offset: i64, timestamp: i64, now_ms: i64) {
        if !batch.is_idempotent() {
            return;
        }
        self.attempts.remove(&batch.producer_id);
        let new = || Producer::new(batch.producer_epoch);
        let producer = self.by_id.entry(batch.producer_id).or_insert_with(new);
        producer.enter(batch.producer_epoch);
        producer.last_write_ms = now_ms;
        producer.last_timestamp = timestamp;
        if producer.batches.len() == REMEMBERED_BATCHES {
            producer.batches.pop_front();
        }
        producer.batches.push_back(RememberedBatch {
            base_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            base_offset,
            timestamp,
        });
    }

    /// Makes room for a producer that is not known, where there are `limit` already: those go that have been silent for longest
    /// and have no transaction open. The same holds for those that have only tried to write.
    pub fn make_room_for(&mut self, producer_id: i64, limit: i32, transactions: &Transactions) {
        let is_open = |id| transactions.first_offset(id).is_some();
        if !self.by_id.contains_key(&producer_id) && !config::allows(limit, self.by_id.len() + 1) {
            let silent = self.by_id.iter().filter(|(id, _)| !is_open(**id));
            let silent = silent.map(|(id, producer)| (producer.last_write_ms, *id)).collect();
            for id in oldest(silent) {
                self.by_id.remove(&id);
            }
        }
        if !self.attempts.contains_key(&producer_id) && !config::allows(limit, self.attempts.len() + 1) {
            let silent = self.attempts.iter().map(|(id, attempt)| (attempt.last_attempt_ms, *id)).collect();
            for id in oldest(silent) {
                self.attempts.remove(&id);
            }
        }
    }

    /// Forgets the producers that have not written since, but for those that have a transaction open.
    pub fn expire(&mut self, before_ms: i64, transactions: &Transactions) {
        let is_open = |id| transactions.first_offset(id).is_some();
        self.by_id.retain(|id, producer| producer.last_write_ms >= before_ms || is_open(*id));
        self.attempts.retain(|_, attempt| attempt.last_attempt_ms >= before_ms);
    }

    /// What is known of every producer, in the order of their ids.
    pub fn describe(&self, transactions: &Transactions) -> Vec<ProducerState> {
        let describe = |(id, producer): (&i64, &Producer)| ProducerState {
            producer_id: *id,
            producer_epoch: i32::from(producer.epoch),
            last_sequence: producer.batches.back().map_or(-1, |batch| batch.last_sequence),
            last_timestamp: producer.last_timestamp,
            coordinator_epoch: producer.coordinator_epoch,
            current_txn_start_offset: transactions.first_offset(*id).unwrap_or(-1),
        };
        let mut states: Vec<_> = self.by_id.iter().map(describe).collect();
        states.sort_unstable_by_key(|state| state.producer_id);
        states
    }
}

/// One of so many producers is forgotten at once when there are too many.
const FORGOTTEN_PART: usize = 16;

/// The producers that were silent for longest, given when each was heard of last: one of sixteen, so that not all have to be
/// looked at for each one that comes.
fn oldest(mut silent: Vec<(i64, i64)>) -> impl Iterator<Item = i64> {
    let count = (silent.len() / FORGOTTEN_PART).max(1).min(silent.len());
    if count < silent.len() {
        silent.select_nth_unstable(count);
    }
    silent.into_iter().take(count).map(|(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(epoch: i16, base_sequence: i32, count: i32) -> BatchHeader {
        BatchHeader {
            base_offset: 0,
            length: 100,
            partition_leader_epoch: 0,
            magic: 2,
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id: 7,
            producer_epoch: epoch,
            base_sequence,
            count,
        }
    }

    /// A producer that wrote seven batches of ten records: sequences 0 to 69 at offsets 100 to 169.
    fn seven_batches() -> Producers {
        let mut producers = Producers::default();
        for index in 0..7 {
            producers.remember(&batch(1, index * 10, 10), 100 + i64::from(index) * 10, 5, 0);
        }
        producers
    }

    #[test]
    fn the_last_five_batches_are_recognised() {
        let producers = seven_batches();
        let check = |batch: BatchHeader, expect| assert_eq!(producers.judge(&batch, false), expect, "{batch:?}");
        let out_of_order = Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        check(batch(1, 70, 1), Verdict::Append);
        check(batch(1, 60, 10), Verdict::Duplicate { base_offset: 160, timestamp: 5 });
        check(batch(1, 20, 10), Verdict::Duplicate { base_offset: 120, timestamp: 5 });
        check(batch(1, 10, 10), out_of_order);
        check(batch(1, 60, 9), out_of_order);
        check(batch(1, 71, 1), out_of_order);
        check(batch(0, 70, 1), Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH));
        check(batch(2, 70, 1), out_of_order);
        check(batch(2, 0, 1), Verdict::Append);
    }

    #[test]
    fn a_sequence_wraps_to_zero() {
        let mut producers = Producers::default();
        producers.remember(&batch(0, i32::MAX - 1, 4), 0, 5, 0);
        assert_eq!(producers.judge(&batch(0, 2, 1), false), Verdict::Append);
        assert_eq!(
            producers.judge(&batch(0, i32::MAX - 1, 4), false),
            Verdict::Duplicate { base_offset: 0, timestamp: 5 }
        );
    }

    #[test]
    fn of_too_many_producers_the_one_goes_that_was_silent_for_longest() {
        let mut producers = Producers::default();
        for (id, now_ms) in [(1, 30), (2, 10), (3, 20)] {
            producers.make_room_for(id, 3, &Transactions::default());
            producers.remember(&BatchHeader { producer_id: id, ..batch(0, 0, 1) }, id, 5, now_ms);
        }
        let mut left_after = |id, open: &[i64]| {
            let mut transactions = Transactions::default();
            open.iter().for_each(|id| transactions.wrote(*id, 0));
            producers.make_room_for(id, 3, &transactions);
            let mut left: Vec<_> = producers.by_id.keys().copied().collect();
            left.sort_unstable();
            left
        };
        assert_eq!(left_after(1, &[]), [1, 2, 3], "a known one needs no room");
        assert_eq!(left_after(4, &[2]), [1, 2], "2 has a transaction open");
        assert_eq!(left_after(4, &[]), [1, 2], "there is room");
    }

    #[test]
    fn a_silent_producer_is_forgotten() {
        let mut producers = seven_batches();
        producers.remember(&batch(1, 70, 1), 170, 5, 5000);
        producers.expire(5000, &Transactions::default());
        assert!(matches!(producers.judge(&batch(1, 70, 1), false), Verdict::Duplicate { .. }));
        producers.expire(5001, &Transactions::default());
        assert_eq!(producers.judge(&batch(1, 999, 1), false), Verdict::Append);
    }
}

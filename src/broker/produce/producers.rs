//! What one partition knows of its idempotent producers: enough to recognise a batch that comes twice (KIP-98).
//!
//! A producer numbers its records, partition by partition. The broker remembers the last five batches of each producer,
//! because that is how many a producer may have in flight. A batch that repeats one of them is answered with the offset of
//! the first time; one that continues the last is appended; anything else is refused, and nothing can be lost or doubled
//! unnoticed.

use std::collections::{HashMap, VecDeque};

use crate::wire::ErrorCode;
use crate::wire::record_batch::{BatchHeader, advance_sequence};

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
}

impl Producers {
    /// Compares a batch with what its producer wrote before.
    pub fn judge(&self, batch: &BatchHeader) -> Verdict {
        if !batch.is_idempotent() {
            return Verdict::Append;
        }
        // A producer that is not known may go on at any sequence: it may have been silent until it was forgotten.
        let Some(producer) = self.by_id.get(&batch.producer_id) else { return Verdict::Append };
        if batch.producer_epoch < producer.epoch {
            return Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        if batch.producer_epoch > producer.epoch {
            return match batch.base_sequence {
                0 => Verdict::Append,
                _ => Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
            };
        }
        let repeats = |known: &&RememberedBatch| {
            known.base_sequence == batch.base_sequence && known.last_sequence == batch.last_sequence()
        };
        if let Some(known) = producer.batches.iter().find(repeats) {
            return Verdict::Duplicate { base_offset: known.base_offset, timestamp: known.timestamp };
        }
        match producer.batches.back() {
            Some(last) if advance_sequence(last.last_sequence, 1) != batch.base_sequence => {
                Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
            }
            _ => Verdict::Append,
        }
    }

    /// Remembers a batch that has been appended, with the latest timestamp that it has in the log.
    pub fn remember(&mut self, batch: &BatchHeader, base_offset: i64, timestamp: i64, now_ms: i64) {
        if !batch.is_idempotent() {
            return;
        }
        let new = || Producer { epoch: batch.producer_epoch, batches: VecDeque::new(), last_write_ms: now_ms };
        let producer = self.by_id.entry(batch.producer_id).or_insert_with(new);
        if producer.epoch != batch.producer_epoch {
            *producer = new();
        }
        producer.last_write_ms = now_ms;
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

    /// Forgets the producers that have not written since.
    pub fn expire(&mut self, before_ms: i64) {
        self.by_id.retain(|_, producer| producer.last_write_ms >= before_ms);
    }
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
        let check = |batch: BatchHeader, expect| assert_eq!(producers.judge(&batch), expect, "{batch:?}");
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
        assert_eq!(producers.judge(&batch(0, 2, 1)), Verdict::Append);
        assert_eq!(producers.judge(&batch(0, i32::MAX - 1, 4)), Verdict::Duplicate { base_offset: 0, timestamp: 5 });
    }

    #[test]
    fn a_silent_producer_is_forgotten() {
        let mut producers = seven_batches();
        producers.remember(&batch(1, 70, 1), 170, 5, 5000);
        producers.expire(5000);
        assert!(matches!(producers.judge(&batch(1, 70, 1)), Verdict::Duplicate { .. }));
        producers.expire(5001);
        assert_eq!(producers.judge(&batch(1, 999, 1)), Verdict::Append);
    }
}

//! Control batches: what the broker writes into a partition to say how a transaction has ended (KIP-98).
//!
//! A control batch is a record batch with one record and two of its attributes set, 'transactional' and 'control'. The key
//! says what it means, the value who wrote it:
//!
//! ```text
//! key:    version i16 = 0 | type i16: 0 aborts, 1 commits
//! value:  version i16 = 0 | epoch of the transaction coordinator i32
//! ```

use byteorder::{BigEndian, ByteOrder};

use super::record_batch::{CONTROL, CRC_START, HEADER_BYTES, LENGTH_END, MAGIC, TRANSACTIONAL, checksum};

/// How long a record is that has such a key and value: its length, attributes, time and offset as differences, key and value
/// each with its length, and no headers. All of its numbers are small enough for one byte.
const RECORD_BYTES: usize = 17;
/// A length is a signed number: a variable-length number that is its own double.
const fn length(bytes: usize) -> u8 {
    (bytes * 2) as u8
}

/// The end of a producer's transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndTransaction {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub committed: bool,
    /// Counts the coordinators of the transactional id, which in a cluster move from broker to broker.
    pub coordinator_epoch: i32,
    /// In milliseconds since 1970.
    pub timestamp: i64,
}

impl EndTransaction {
    /// The batch, which has its offset still to get.
    pub fn to_batch(&self) -> Vec<u8> {
        let mut batch = vec![0; HEADER_BYTES];
        BigEndian::write_i32(&mut batch[8..12], (HEADER_BYTES + RECORD_BYTES - LENGTH_END) as i32);
        batch[16] = MAGIC;
        BigEndian::write_i16(&mut batch[21..23], TRANSACTIONAL | CONTROL);
        BigEndian::write_i64(&mut batch[27..35], self.timestamp);
        BigEndian::write_i64(&mut batch[35..43], self.timestamp);
        BigEndian::write_i64(&mut batch[43..51], self.producer_id);
        BigEndian::write_i16(&mut batch[51..53], self.producer_epoch);
        BigEndian::write_i32(&mut batch[53..57], -1);
        BigEndian::write_i32(&mut batch[57..61], 1);
        batch.extend([length(RECORD_BYTES - 1), 0, 0, 0]);
        batch.extend([length(4), 0, 0, 0, u8::from(self.committed)]);
        batch.extend([length(6), 0, 0]);
        batch.extend(self.coordinator_epoch.to_be_bytes());
        batch.push(0);
        let crc = checksum(&batch[CRC_START..]);
        BigEndian::write_u32(&mut batch[17..21], crc);
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::record_batch::{BatchHeader, Records, crc_is_valid};

    /// The bytes behind offset, leader epoch and checksum, as Apache Kafka 4.2 writes them.
    #[test]
    fn a_marker_is_kafkas_marker() {
        let marker = EndTransaction {
            producer_id: 0x0102,
            producer_epoch: 3,
            committed: true,
            coordinator_epoch: 7,
            timestamp: 0x0a0b,
        };
        let batch = marker.to_batch();
        let header = BatchHeader::parse(&batch).expect("a whole header");
        assert!(header.is_control() && header.is_transactional() && crc_is_valid(&batch, &header));
        assert_eq!((header.total_bytes(), header.count, header.last_offset_delta), (Some(78), 1, 0));
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (0x0102, 3, -1));
        assert_eq!((header.base_timestamp, header.max_timestamp), (0x0a0b, 0x0a0b));
        let record = [32, 0, 0, 0, 8, 0, 0, 0, 1, 12, 0, 0, 0, 0, 0, 7, 0];
        assert_eq!(batch[HEADER_BYTES..], record);
        assert_eq!(Records::new(&record).count(), 1);
        let aborted = EndTransaction { committed: false, ..marker }.to_batch();
        assert_eq!(aborted[HEADER_BYTES + 8], 0);
    }
}

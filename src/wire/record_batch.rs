//! The record batch, magic 2 (KIP-98): what Produce brings, the log keeps and Fetch returns.
//!
//! ```text
//!  0        8            12                      16      17      21           23
//!  | base   | batch      | partition             | magic | crc   | attributes | last offset
//!  | offset | length     | leader epoch          | = 2   |       |            | delta
//!  | i64    | i32        | i32                   | i8    | u32   | i16        | i32
//!
//!  27               35              43            51               53              57        61
//!  | base timestamp | max timestamp | producer id | producer epoch | base sequence | count   | records …
//!  | i64            | i64           | i64         | i16            | i32           | i32     |
//! ```
//!
//! The length counts what follows it. The CRC-32C covers everything from the attributes to the end, so the broker can set
//! base offset and leader epoch in place without touching it. Offsets and timestamps of the records are differences to
//! those in the header; the records may be compressed as a whole.

use std::fmt;

use byteorder::{BigEndian, ByteOrder};

use super::compression::{self, Decompressor, Unreadable};

/// Up to where a batch's length does not count: base offset and the length itself.
pub const LENGTH_END: usize = 12;
/// Where the records begin.
pub const HEADER_BYTES: usize = 61;
/// Where the part begins that the CRC covers.
pub(super) const CRC_START: usize = 21;
/// The only format that is produced and stored since Kafka 4.0.
pub const MAGIC: u8 = 2;
/// In place of a producer's id, epoch or sequence: the producer is not idempotent.
pub const NO_PRODUCER: i64 = -1;
/// In place of a timestamp: there is none.
pub const NO_TIMESTAMP: i64 = -1;

const CODEC_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
/// The base timestamp is no record's, but the time from which on compaction drops the batch's deletions (KIP-534).
const DELETE_HORIZON: i16 = 0x40;
pub(super) const TRANSACTIONAL: i16 = 0x10;
pub(super) const CONTROL: i16 = 0x20;

/// How the records of a batch are compressed, numbered as in its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    None = 0,
    Gzip = 1,
    Snappy = 2,
    Lz4 = 3,
    Zstd = 4,
}

/// A batch's header, decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    pub base_offset: i64,
    /// What follows the length field, in bytes.
    pub length: i32,
    pub partition_leader_epoch: i32,
    pub magic: u8,
    pub crc: u32,
    pub attributes: i16,
    pub last_offset_delta: i32,
    /// The first record's timestamp, in milliseconds since 1970.
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub count: i32,
}

/// What the length field of a batch says, if it is there.
pub fn announced_length(bytes: &[u8]) -> Option<i32> {
    let start = bytes.first_chunk::<LENGTH_END>()?;
    Some(BigEndian::read_i32(&start[8..12]))
}

impl BatchHeader {
    /// Decodes the header at the beginning of `bytes`, if all of it is there.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_BYTES>()?;
        Some(Self {
            base_offset: BigEndian::read_i64(&header[0..8]),
            length: BigEndian::read_i32(&header[8..12]),
            partition_leader_epoch: BigEndian::read_i32(&header[12..16]),
            magic: header[16],
            crc: BigEndian::read_u32(&header[17..21]),
            attributes: BigEndian::read_i16(&header[21..23]),
            last_offset_delta: BigEndian::read_i32(&header[23..27]),
            base_timestamp: BigEndian::read_i64(&header[27..35]),
            max_timestamp: BigEndian::read_i64(&header[35..43]),
            producer_id: BigEndian::read_i64(&header[43..51]),
            producer_epoch: BigEndian::read_i16(&header[51..53]),
            base_sequence: BigEndian::read_i32(&header[53..57]),
            count: BigEndian::read_i32(&header[57..61]),
        })
    }

    /// The bytes of the whole batch, or `None` when the length is negative.
    pub fn total_bytes(&self) -> Option<usize> {
        usize::try_from(self.length).ok()?.checked_add(LENGTH_END)
    }

    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// The codec, or `None` for a number that stands for no codec.
    pub fn codec(&self) -> Option<Codec> {
        match self.attributes & CODEC_MASK {
            0 => Some(Codec::None),
            1 => Some(Codec::Gzip),
            2 => Some(Codec::Snappy),
            3 => Some(Codec::Lz4),
            4 => Some(Codec::Zstd),
            _ => None,
        }
    }

    /// Whether the broker's clock gave the timestamp: then every record has the batch's `max_timestamp`.
    pub fn is_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME != 0
    }

    /// Whether it has all the records that it came with: compaction takes some away, and offsets stay as they are.
    pub fn is_whole(&self) -> bool {
        i64::from(self.last_offset_delta) + 1 == i64::from(self.count)
    }

    /// When a record of this batch was made, or appended if the broker's clock counts.
    pub fn timestamp_of(&self, record: &Record) -> i64 {
        match self.is_log_append_time() {
            true => self.max_timestamp,
            false => self.base_timestamp.saturating_add(record.timestamp_delta),
        }
    }

    /// From when on compaction drops what says that something was deleted, if that has been settled.
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        (self.attributes & DELETE_HORIZON != 0).then_some(self.base_timestamp)
    }

    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    pub fn is_idempotent(&self) -> bool {
        self.producer_id != NO_PRODUCER
    }

    /// The sequence number of the last record; after 2147483647 comes 0.
    pub fn last_sequence(&self) -> i32 {
        advance_sequence(self.base_sequence, self.last_offset_delta)
    }
}

/// The sequence number that comes `by` after another; after 2147483647 comes 0.
pub fn advance_sequence(sequence: i32, by: i32) -> i32 {
    ((i64::from(sequence) + i64::from(by)) % (i64::from(i32::MAX) + 1)) as i32
}

/// CRC-32C, the polynomial of Castagnoli. It is that of iSCSI too.
pub fn checksum(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// Whether the CRC in a batch's header is that of its bytes. `batch` is the whole batch.
pub fn crc_is_valid(batch: &[u8], header: &BatchHeader) -> bool {
    batch.get(CRC_START..).is_some_and(|covered| checksum(covered) == header.crc)
}

/// Sets what the broker decides, in place: neither field is covered by the CRC.
pub fn assign(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    BigEndian::write_i64(&mut batch[0..8], base_offset);
    BigEndian::write_i32(&mut batch[12..16], leader_epoch);
}

/// Whose clock a batch's timestamps are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    CreateTime,
    LogAppendTime,
}

/// Sets the latest timestamp of a batch and whose clock it is from, which changes what the CRC covers.
pub fn stamp(batch: &mut [u8], timestamp_type: TimestampType, max_timestamp: i64) {
    let attributes = BigEndian::read_i16(&batch[21..23]);
    let attributes = match timestamp_type {
        TimestampType::CreateTime => attributes & !LOG_APPEND_TIME,
        TimestampType::LogAppendTime => attributes | LOG_APPEND_TIME,
    };
    BigEndian::write_i16(&mut batch[21..23], attributes);
    BigEndian::write_i64(&mut batch[35..43], max_timestamp);
    let crc = checksum(&batch[CRC_START..]);
    BigEndian::write_u32(&mut batch[17..21], crc);
}

/// A batch made again of some of its records, in the place of the old one: it has the same first and last offset and the
/// same sequence numbers, whatever is missing in between. `records` are uncompressed; the batch gets the codec it had.
pub struct Remade {
    header: BatchHeader,
    records: Vec<u8>,
}

impl Remade {
    /// Without any records. With a delete horizon the records count their time from that.
    pub fn new(old: &BatchHeader, delete_horizon_ms: Option<i64>) -> Self {
        let mut header = BatchHeader { count: 0, max_timestamp: NO_TIMESTAMP, ..*old };
        if let Some(horizon) = delete_horizon_ms {
            header.attributes |= DELETE_HORIZON;
            header.base_timestamp = horizon;
        }
        if old.is_log_append_time() {
            header.max_timestamp = old.max_timestamp;
        }
        Self { header, records: Vec::new() }
    }

    /// Adds a record of the old batch.
    pub fn push(&mut self, old: &BatchHeader, record: &Record) {
        let timestamp = old.timestamp_of(record);
        self.header.count += 1;
        self.header.max_timestamp = self.header.max_timestamp.max(timestamp);
        if self.header.base_timestamp == old.base_timestamp {
            return self.records.extend_from_slice(record.bytes);
        }
        let mut body = vec![0];
        put_varint(&mut body, timestamp.wrapping_sub(self.header.base_timestamp));
        put_varint(&mut body, record.offset_delta.into());
        put_varint(&mut self.records, (body.len() + record.content.len()) as i64);
        self.records.extend_from_slice(&body);
        self.records.extend_from_slice(record.content);
    }

    /// The whole batch. `None` if its codec cannot be written or it has become too large for a batch.
    pub fn finish(mut self) -> Option<(BatchHeader, Vec<u8>)> {
        let records = compression::compress(self.header.codec()?, &self.records)?;
        let batch = encode(&mut self.header, &records)?;
        Some((self.header, batch))
    }
}

/// The same records in another codec.
pub fn recompress(
    batch: &[u8],
    header: &BatchHeader,
    codec: Codec,
    decompressor: &mut Decompressor,
) -> Result<(BatchHeader, Vec<u8>), Unreadable> {
    let (old_codec, records) = header.codec().zip(batch.get(HEADER_BYTES..)).ok_or(Unreadable::Malformed)?;
    let records = decompressor.decompress(old_codec, records)?;
    // They are written once by the codec, and once more into the batch; neither is larger than what they are made of, but for
    // a little.
    let _copies = decompressor.reserve(2 * records.len())?;
    let mut header = BatchHeader { attributes: header.attributes & !CODEC_MASK | codec as i16, ..*header };
    let records = compression::compress(codec, &records).ok_or(Unreadable::Malformed)?;
    let batch = encode(&mut header, &records).ok_or(Unreadable::TooLarge)?;
    Ok((header, batch))
}

/// A batch of a header, which gets its length and checksum, and of records. `None` if it is too large for a batch.
fn encode(header: &mut BatchHeader, records: &[u8]) -> Option<Vec<u8>> {
    header.length = i32::try_from(HEADER_BYTES - LENGTH_END + records.len()).ok()?;
    let mut batch = vec![0; HEADER_BYTES];
    BigEndian::write_i64(&mut batch[0..8], header.base_offset);
    BigEndian::write_i32(&mut batch[8..12], header.length);
    BigEndian::write_i32(&mut batch[12..16], header.partition_leader_epoch);
    batch[16] = header.magic;
    BigEndian::write_i16(&mut batch[21..23], header.attributes);
    BigEndian::write_i32(&mut batch[23..27], header.last_offset_delta);
    BigEndian::write_i64(&mut batch[27..35], header.base_timestamp);
    BigEndian::write_i64(&mut batch[35..43], header.max_timestamp);
    BigEndian::write_i64(&mut batch[43..51], header.producer_id);
    BigEndian::write_i16(&mut batch[51..53], header.producer_epoch);
    BigEndian::write_i32(&mut batch[53..57], header.base_sequence);
    BigEndian::write_i32(&mut batch[57..61], header.count);
    batch.extend_from_slice(records);
    header.crc = checksum(&batch[CRC_START..]);
    BigEndian::write_u32(&mut batch[17..21], header.crc);
    Some(batch)
}

/// One record of a batch, as far as the broker looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The difference to the batch's base timestamp, in milliseconds.
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub key: Option<&'a [u8]>,
    /// A record without a value says that its key is deleted.
    pub has_value: bool,
    /// The whole record as it stands in the batch.
    pub bytes: &'a [u8],
    /// What comes behind the differences: key, value and headers, with their lengths.
    content: &'a [u8],
}

/// A record's bytes do not say what they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedRecord;

impl fmt::Display for MalformedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a length inside a record does not agree with the record's own")
    }
}

/// Walks over uncompressed records, checking every length in them:
///
/// ```text
/// length | attributes i8 | timestamp delta | offset delta | key length, key | value length, value
///        | header count | { name length, name | value length, value } …
/// ```
///
/// Lengths and deltas are signed varints; -1 is the length of a null.
#[derive(Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
}

impl<'a> Records<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, MalformedRecord>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let record = read_record(&mut self.bytes).ok_or(MalformedRecord);
        if record.is_err() {
            self.bytes = &[];
        }
        Some(record)
    }
}

#[inline]
fn read_record<'a>(bytes: &mut &'a [u8]) -> Option<Record<'a>> {
    let whole = *bytes;
    let length = usize::try_from(varint(bytes)?).ok()?;
    let mut record = bytes.split_off(..length)?;
    let _attributes = record.split_off_first()?;
    let timestamp_delta = varint(&mut record)?;
    let offset_delta = i32::try_from(varint(&mut record)?).ok()?;
    let content = record;
    let key = nullable(&mut record)?;
    let has_value = nullable(&mut record)?.is_some();
    for _ in 0..u32::try_from(varint(&mut record)?).ok()? {
        skip(&mut record)?;
        nullable(&mut record)?;
    }
    let bytes = whole.get(..whole.len() - bytes.len())?;
    record.is_empty().then_some(Record { timestamp_delta, offset_delta, key, has_value, bytes, content })
}

/// Skips bytes with their length in front.
fn skip(bytes: &mut &[u8]) -> Option<()> {
    let length = usize::try_from(varint(bytes)?).ok()?;
    bytes.split_off(..length).map(|_| ())
}

/// Takes bytes with their length in front, where -1 stands for null.
#[inline(always)]
fn nullable<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    match varint(bytes)? {
        -1 => Some(None),
        length => bytes.split_off(..usize::try_from(length).ok()?).map(Some),
    }
}

/// A signed varint of at most ten bytes: zigzag, so that small negative numbers are short too.
///
/// A record has seven of them, and nearly all have one byte or two. With these told apart first, and all of it inlined, a walk
/// takes 6 ns a record instead of 11.
#[inline(always)]
fn varint(bytes: &mut &[u8]) -> Option<i64> {
    let value = match **bytes {
        [low @ 0..0x80, ref rest @ ..] => {
            *bytes = rest;
            u64::from(low)
        }
        [low, high @ 0..0x80, ref rest @ ..] => {
            *bytes = rest;
            u64::from(low & 0x7f) | u64::from(high) << 7
        }
        _ => long_varint(bytes)?,
    };
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

fn long_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_varint(bytes: &mut Vec<u8>, value: i64) {
    let mut value = (value << 1 ^ value >> 63) as u64;
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(advance_sequence(5, 2), 7);
        assert_eq!(advance_sequence(i32::MAX, 1), 0);
        assert_eq!(advance_sequence(i32::MAX - 1, 4), 2);
    }

    #[test]
    fn varints_are_zigzag() {
        let check = |mut bytes: &[u8], expect| assert_eq!(varint(&mut bytes), expect);
        check(&[0], Some(0));
        check(&[1], Some(-1));
        check(&[2], Some(1));
        check(&[0x80, 0x01], Some(64));
        check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Some(i64::MIN));
        check(&[0xff; 11], None);
        check(&[0x80], None);
        for value in [0, 1, -1, 63, 64, -64, -65, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            check(&bytes, Some(value));
        }
    }

    #[test]
    fn a_record_must_fill_its_length() {
        // Attributes 0, timestamp delta 3, offset delta 0, key "k", null value, one header "h" with a null value.
        let record = [0, 6, 0, 2, b'k', 1, 2, 2, b'h', 1];
        let check = |length: u8, record: &[u8], expect: bool| {
            let bytes = [&[length * 2], record].concat();
            let read: Vec<_> = Records::new(&bytes).collect();
            let content = &record[3..];
            let (key, has_value) = (Some(&b"k"[..]), false);
            let whole = Record { timestamp_delta: 3, offset_delta: 0, key, has_value, bytes: &bytes, content };
            assert_eq!(read, [if expect { Ok(whole) } else { Err(MalformedRecord) }], "{bytes:?}");
        };
        check(10, &record, true);
        check(9, &record, false);
        check(11, &record, false);
        let mut lying_key = record;
        lying_key[3] = 40;
        check(10, &lying_key, false);
    }
}

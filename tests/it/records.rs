//! Record batches as a producer makes them, with every field open to be made wrong.

use bytes::{BufMut, Bytes};

/// How many bytes a batch has in front of its records.
pub const HEADER_BYTES: usize = 61;
/// Where the part begins that the CRC covers.
const CRC_START: usize = 21;
/// The timestamp of the first record of [`Batch::of`]; the others follow a millisecond apart.
pub const FIRST_TIMESTAMP: i64 = 1_600_000_000_000;

pub const GZIP: i16 = 1;
pub const SNAPPY: i16 = 2;
pub const LZ4: i16 = 3;
pub const ZSTD: i16 = 4;
pub const TRANSACTIONAL: i16 = 0x10;
pub const CONTROL: i16 = 0x20;

/// One record before it is encoded.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub timestamp_delta: i64,
    pub offset_delta: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A batch before it is encoded. Length and CRC are made when it is.
#[derive(Debug, Clone)]
pub struct Batch {
    pub base_offset: i64,
    pub leader_epoch: i32,
    pub magic: i8,
    pub attributes: i16,
    pub last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub count: i32,
    /// The encoded records, perhaps compressed.
    pub records: Vec<u8>,
}

impl Record {
    pub fn encode(&self) -> Vec<u8> {
        let mut body = vec![0];
        put_varint(&mut body, self.timestamp_delta);
        put_varint(&mut body, self.offset_delta);
        put_nullable(&mut body, self.key.as_deref());
        put_nullable(&mut body, self.value.as_deref());
        put_varint(&mut body, self.headers.len() as i64);
        for (name, value) in &self.headers {
            put_nullable(&mut body, Some(name.as_bytes()));
            put_nullable(&mut body, value.as_deref());
        }
        let mut bytes = Vec::new();
        put_varint(&mut bytes, body.len() as i64);
        bytes.extend(body);
        bytes
    }
}

impl Batch {
    /// A batch of values without keys.
    pub fn of(values: &[&str]) -> Self {
        let timed: Vec<_> = values.iter().zip(FIRST_TIMESTAMP..).map(|(value, time)| (time, *value)).collect();
        Self::at(&timed)
    }

    /// A batch of values, each with its timestamp.
    pub fn at(values: &[(i64, &str)]) -> Self {
        let base_timestamp = values.first().map_or(-1, |(time, _)| *time);
        let record = |((time, value), offset_delta): (&(i64, &str), i64)| Record {
            timestamp_delta: time - base_timestamp,
            offset_delta,
            value: Some(value.as_bytes().to_vec()),
            ..Record::default()
        };
        let records: Vec<_> = values.iter().zip(0..).map(record).collect();
        let max_timestamp = values.iter().map(|(time, _)| *time).max().unwrap_or(-1);
        Self { base_timestamp, max_timestamp, ..Self::of_records(&records) }
    }

    /// A batch of any records, whose timestamps count from 0.
    pub fn of_records(records: &[Record]) -> Self {
        let count = records.len() as i32;
        Self {
            base_offset: 0,
            leader_epoch: -1,
            magic: 2,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 0,
            max_timestamp: records.iter().map(|record| record.timestamp_delta).max().unwrap_or(-1),
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            count,
            records: records.iter().flat_map(Record::encode).collect(),
        }
    }

    /// One record with a value of that many bytes.
    pub fn of_size(bytes: usize) -> Self {
        Self::of(&[&"x".repeat(bytes)])
    }

    /// The same batch from an idempotent producer.
    pub fn by(self, producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Self {
        Self { producer_id, producer_epoch, base_sequence, ..self }
    }

    /// The same batch with its records compressed.
    pub fn compressed(self, codec: i16) -> Self {
        let records = compress(codec, &self.records);
        Self { attributes: self.attributes | codec, records, ..self }
    }

    /// The batch as it is sent.
    pub fn encode(&self) -> Bytes {
        let mut bytes = Vec::new();
        bytes.put_i64(self.base_offset);
        bytes.put_i32((HEADER_BYTES - 12 + self.records.len()) as i32);
        bytes.put_i32(self.leader_epoch);
        bytes.put_i8(self.magic);
        bytes.put_u32(0);
        bytes.put_i16(self.attributes);
        bytes.put_i32(self.last_offset_delta);
        bytes.put_i64(self.base_timestamp);
        bytes.put_i64(self.max_timestamp);
        bytes.put_i64(self.producer_id);
        bytes.put_i16(self.producer_epoch);
        bytes.put_i32(self.base_sequence);
        bytes.put_i32(self.count);
        assert_eq!(bytes.len(), HEADER_BYTES);
        bytes.extend(&self.records);
        let crc = crc32c::crc32c(&bytes[CRC_START..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        bytes.into()
    }

    /// The batch as it must come back when its first record has this offset.
    pub fn stored_at(&self, offset: i64) -> Bytes {
        Self { base_offset: offset, leader_epoch: 0, ..self.clone() }.encode()
    }
}

fn compress(codec: i16, bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    match codec {
        GZIP => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes everything")
        }
        SNAPPY => snap::raw::Encoder::new().compress_vec(bytes).expect("not too large"),
        LZ4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(bytes).expect("memory takes everything");
            encoder.finish().expect("memory takes everything")
        }
        ZSTD => ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest),
        other => panic!("there is no codec {other}"),
    }
}

fn put_varint(bytes: &mut Vec<u8>, value: i64) {
    let mut zigzag = (value << 1 ^ value >> 63) as u64;
    while zigzag >= 0x80 {
        bytes.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    bytes.push(zigzag as u8);
}

fn put_nullable(bytes: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None => put_varint(bytes, -1),
        Some(value) => {
            put_varint(bytes, value.len() as i64);
            bytes.extend(value);
        }
    }
}

/// Every test here leans on these batches, so a decoder that others have written must read them.
#[test]
fn an_independent_decoder_reads_these_batches() {
    use kafka_protocol::records::RecordBatchDecoder;
    let records = [
        Record { key: Some(b"k".to_vec()), value: None, ..Record::default() },
        Record {
            timestamp_delta: -7,
            offset_delta: 1,
            value: Some(vec![b'v'; 300]),
            headers: vec![("h".to_owned(), Some(b"1".to_vec())), ("n".to_owned(), None)],
            ..Record::default()
        },
    ];
    let batch = Batch { base_timestamp: 1000, max_timestamp: 1000, ..Batch::of_records(&records) }.by(5, 1, 2);
    let decoded = RecordBatchDecoder::decode(&mut batch.stored_at(40)).expect("a batch with a good CRC");
    let seen: Vec<_> = decoded
        .records
        .iter()
        .map(|record| {
            let headers: Vec<_> =
                record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
            (record.offset, record.timestamp, record.sequence, record.key.as_deref(), record.value.as_deref(), headers)
        })
        .collect();
    let long = "v".repeat(300);
    assert_eq!(seen[0], (40, 1000, 2, Some(&b"k"[..]), None, vec![]));
    let headers = vec![("h", Some(&b"1"[..])), ("n", None)];
    assert_eq!(seen[1], (41, 993, 3, None, Some(long.as_bytes()), headers));
}

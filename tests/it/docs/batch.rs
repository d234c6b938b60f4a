//! The record batch of the examples, and what its bytes mean.

use kafka_rs::wire::Writer;
use kafka_rs::wire::annotate::Note;
use kafka_rs::wire::record_batch::{BatchHeader, HEADER_BYTES, Records, crc_is_valid};

/// Where the part begins that the CRC covers.
const CRC_START: usize = 21;

/// Bytes of a varint whose sign is in its lowest bit.
pub fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// The bytes of an unsigned varint.
pub fn uvarint(value: u32) -> Vec<u8> {
    let mut writer = Writer::new(0, true);
    writer.uvarint(value);
    writer.finish().to_bytes()[4..].to_vec()
}

fn varint(value: i64) -> Vec<u8> {
    uvarint(u32::try_from(zigzag(value)).expect("a small number"))
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len() as i64), bytes.to_vec()].concat()
}

/// Whose a batch is.
#[derive(Clone, Copy)]
pub struct Author {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    /// The attributes of the batch: bit 4 says that it belongs to a transaction.
    pub attributes: i16,
}

/// A producer that is not idempotent.
pub const ANYBODY: Author = Author { producer_id: -1, producer_epoch: -1, base_sequence: -1, attributes: 0 };

/// A batch with one record.
pub fn one_record(author: Author, key: &str, value: &str, header: (&str, &str), timestamp: i64) -> Vec<u8> {
    let body = [
        vec![0],
        varint(0),
        varint(0),
        with_length(key.as_bytes()),
        with_length(value.as_bytes()),
        varint(1),
        with_length(header.0.as_bytes()),
        with_length(header.1.as_bytes()),
    ];
    let record = with_length(&body.concat());
    let covered = [
        author.attributes.to_be_bytes().to_vec(),
        0i32.to_be_bytes().to_vec(),
        timestamp.to_be_bytes().to_vec(),
        timestamp.to_be_bytes().to_vec(),
        author.producer_id.to_be_bytes().to_vec(),
        author.producer_epoch.to_be_bytes().to_vec(),
        author.base_sequence.to_be_bytes().to_vec(),
        1i32.to_be_bytes().to_vec(),
        record,
    ];
    let covered = covered.concat();
    let length = i32::try_from(9 + covered.len()).expect("a small batch");
    let start = [
        0i64.to_be_bytes().to_vec(),
        length.to_be_bytes().to_vec(),
        (-1i32).to_be_bytes().to_vec(),
        vec![2],
        crc32c::crc32c(&covered).to_be_bytes().to_vec(),
    ];
    [start.concat(), covered].concat()
}

/// What the bytes of a batch mean, which begins at `at` in its frame.
pub fn notes(frame: &[u8], at: usize, depth: usize) -> Vec<Note> {
    let header = BatchHeader::parse(&frame[at..]).expect("a whole header");
    let end = at + header.total_bytes().expect("a length");
    assert!(crc_is_valid(&frame[at..end], &header), "the example's CRC is right");
    let mut walk = Walk { frame, at, depth, is_control: header.is_control(), notes: Vec::new() };
    walk.fixed("base_offset", "i64", 8, header.base_offset);
    walk.fixed("batch_length", "i32", 4, header.length);
    walk.fixed("partition_leader_epoch", "i32", 4, header.partition_leader_epoch);
    walk.fixed("magic", "i8", 1, header.magic);
    assert_eq!(walk.at + 4, at + CRC_START);
    walk.fixed("crc", "u32", 4, format!("{:#010x}, of everything that follows", header.crc));
    walk.fixed("attributes", "i16", 2, header.attributes);
    walk.fixed("last_offset_delta", "i32", 4, header.last_offset_delta);
    walk.fixed("base_timestamp", "i64", 8, header.base_timestamp);
    walk.fixed("max_timestamp", "i64", 8, header.max_timestamp);
    walk.fixed("producer_id", "i64", 8, header.producer_id);
    walk.fixed("producer_epoch", "i16", 2, header.producer_epoch);
    walk.fixed("base_sequence", "i32", 4, header.base_sequence);
    walk.fixed("records_count", "i32", 4, header.count);
    assert_eq!(walk.at, at + HEADER_BYTES);
    (0..header.count).for_each(|index| walk.record(index));
    assert_eq!(walk.at, end);
    assert!(Records::new(&frame[at + HEADER_BYTES..end]).all(|record| record.is_ok()));
    walk.notes
}

/// A walk through a batch that is known to be whole.
struct Walk<'a> {
    frame: &'a [u8],
    at: usize,
    depth: usize,
    is_control: bool,
    notes: Vec<Note>,
}

impl Walk<'_> {
    fn note(&mut self, name: &str, type_text: &str, bytes: usize, value: Option<String>) {
        let (start, end) = (self.at, self.at + bytes);
        self.at = end;
        let (name, type_text) = (name.to_owned(), type_text.to_owned());
        self.notes.push(Note { name, depth: self.depth, start, end, type_text, value });
    }

    fn fixed(&mut self, name: &str, type_text: &str, bytes: usize, value: impl ToString) {
        self.note(name, type_text, bytes, Some(value.to_string()));
    }

    fn varint(&mut self, name: &str) -> i64 {
        let bytes = self.frame[self.at..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
        let parts = self.frame[self.at..self.at + bytes].iter().rev();
        let number = parts.fold(0u64, |number, byte| number << 7 | u64::from(byte & 0x7f));
        let value = (number >> 1) as i64 ^ -((number & 1) as i64);
        self.note(name, "varint", bytes, Some(value.to_string()));
        value
    }

    fn text(&mut self, name: &str) {
        let length = self.varint(&format!("{name} length"));
        let length = usize::try_from(length).expect("the examples have no null");
        let text = String::from_utf8_lossy(&self.frame[self.at..self.at + length]).into_owned();
        self.note(name, "bytes", length, Some(format!("{text:?}")));
    }

    fn i16(&mut self, name: &str, show: impl Fn(i16) -> String) {
        let bytes = self.frame[self.at..self.at + 2].try_into().expect("two bytes");
        self.fixed(name, "i16", 2, show(i16::from_be_bytes(bytes)));
    }

    /// Key and value of the record that ends a transaction.
    fn marker(&mut self) {
        let ending = |kind| if kind == 0 { "0, the transaction is aborted" } else { "1, the transaction is committed" };
        self.varint("key length");
        self.i16("version of the key", |version| version.to_string());
        self.i16("type", |kind| ending(kind).to_owned());
        self.varint("value length");
        self.i16("version of the value", |version| version.to_string());
        let bytes = self.frame[self.at..self.at + 4].try_into().expect("four bytes");
        self.fixed("coordinator_epoch", "i32", 4, i32::from_be_bytes(bytes));
    }

    fn record(&mut self, index: i32) {
        self.note(&format!("[{index}]"), "Record", 0, None);
        self.depth += 1;
        self.varint("length");
        self.fixed("attributes", "i8", 1, 0);
        self.varint("timestamp_delta");
        self.varint("offset_delta");
        if self.is_control {
            self.marker();
        } else {
            self.text("key");
            self.text("value");
        }
        for _ in 0..self.varint("headers count") {
            self.text("header name");
            self.text("header value");
        }
        self.depth -= 1;
    }
}

//! The record batches that all work is done with.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::records::{Batch, Record};

/// A batch of a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As many records of 1 KiB as a batch of 1 MB holds.
    Megabyte,
    /// As many records of 1 KiB as a batch of 64 KiB holds.
    SixtyFourKib,
    /// As many records of 1 KiB as a batch of 16 KiB holds.
    SixteenKib,
    /// One record of 100 bytes.
    One,
    /// As many records of 100 bytes as a batch of 1 MB holds.
    MegabyteOfSmall,
}

impl Shape {
    const ALL: [Self; 5] = [Self::Megabyte, Self::SixtyFourKib, Self::SixteenKib, Self::One, Self::MegabyteOfSmall];

    pub fn name(self) -> &'static str {
        match self {
            Self::Megabyte => "1mb",
            Self::SixtyFourKib => "64k",
            Self::SixteenKib => "16k",
            Self::One => "one",
            Self::MegabyteOfSmall => "1mb-of-100b",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.name() == name)
    }

    /// The value of each record, in bytes, and how much of them a batch may hold.
    fn sizes(self) -> (usize, usize) {
        match self {
            Self::Megabyte => (1 << 10, 1_000_000),
            Self::SixtyFourKib => (1 << 10, 64 << 10),
            Self::SixteenKib => (1 << 10, 16 << 10),
            Self::One => (100, 0),
            Self::MegabyteOfSmall => (100, 1_000_000),
        }
    }

    /// How many records the batch has.
    pub fn records(self) -> i64 {
        self.encoded().len() as i64
    }

    fn encoded(self) -> Vec<Record> {
        let (value_bytes, batch_bytes) = self.sizes();
        let value: Vec<u8> = (0..value_bytes).map(|at| (at * 31 % 251) as u8).collect();
        let record = |offset_delta| Record { offset_delta, value: Some(value.clone()), ..Record::default() };
        let mut bytes = record(0).encode().len();
        let fits = |record: &Record| {
            bytes += record.encode().len();
            bytes <= batch_bytes
        };
        [record(0)].into_iter().chain((1..).map(record).take_while(fits)).collect()
    }

    /// The batch, made now.
    pub fn batch(self) -> Bytes {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = now.as_millis() as i64;
        Batch { base_timestamp: now, max_timestamp: now, ..Batch::of_records(&self.encoded()) }.encode()
    }
}

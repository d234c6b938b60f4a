//! What is left of a compacted log: a part of what came, each record where it was, and the last one of each key at least.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bytes::Bytes;
use kafka_rs::wire::compression;
use kafka_rs::wire::record_batch::{BatchHeader, HEADER_BYTES, Record, Records};

use crate::model::{Broken, Entry, Fate, Partition, ensure};

/// What a read of a compacted log has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remains {
    pub batches: usize,
    pub records: usize,
}

/// Every key begins so, which nothing in front of a key does.
pub const KEY_START: &[u8] = b"key-";

fn open<'a>(header: &BatchHeader, batch: &'a [u8]) -> Result<Cow<'a, [u8]>, Broken> {
    let codec = header.codec().ok_or("a codec that nobody has")?;
    compression::decompress(codec, &batch[HEADER_BYTES..]).ok_or("records that cannot be decompressed".to_owned())
}

fn records(bytes: &[u8]) -> Result<Vec<Record<'_>>, Broken> {
    Records::new(bytes).collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// Key, value and headers as they stand in a record. What is in front of them may be written anew.
fn content<'a>(record: &Record<'a>) -> &'a [u8] {
    let start = record.bytes.windows(KEY_START.len()).position(|bytes| bytes == KEY_START);
    &record.bytes[start.unwrap_or(0)..]
}

impl Partition {
    /// Compares what a fetch has brought with what came. If it has read `everything`, all that must be left must be in it;
    /// otherwise what lies between its beginning and its end.
    pub fn judge_compacted(&self, offset: i64, bytes: &Bytes, everything: bool) -> Result<Remains, Broken> {
        let (mut rest, mut next) = (bytes.clone(), offset);
        let (mut batches, mut seen) = (0, BTreeSet::new());
        while !rest.is_empty() {
            let header = BatchHeader::parse(&rest).ok_or("a piece of a batch")?;
            let length = header.total_bytes().filter(|length| *length <= rest.len()).ok_or("a piece of a batch")?;
            let batch = rest.split_to(length);
            let base = header.base_offset;
            let entry = self.entry_at(base).ok_or(format!("nothing has ever begun at {base}"))?;
            let in_order = if batches == 0 { header.last_offset() >= next } else { base >= next };
            ensure!(in_order, "{base} comes where {next} should be");
            seen.extend(judge_batch(entry, &header, &batch)?);
            next = header.last_offset() + 1;
            batches += 1;
        }
        let (start, end) = (offset.max(self.start), if everything { self.end } else { next });
        for offset in self.kept()?.range(start..end.max(start)) {
            ensure!(seen.contains(offset), "{offset} is gone, but it is the last one of its key");
        }
        Ok(Remains { batches, records: seen.len() })
    }

    /// The offsets of the records that must be left: those that nothing behind them replaces.
    pub fn kept(&self) -> Result<BTreeSet<i64>, Broken> {
        let (mut kept, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for entry in self.entries.iter().rev().filter(|entry| entry.fate != Fate::Aborted) {
            let header = BatchHeader::parse(&entry.bytes).ok_or("a piece of a batch")?;
            if header.is_control() {
                continue;
            }
            let opened = open(&header, &entry.bytes)?;
            for record in records(&opened)?.iter().rev() {
                let is_last = keys.insert(record.key.map(<[u8]>::to_vec));
                if is_last && record.has_value && entry.fate == Fate::Committed {
                    kept.insert(entry.base + i64::from(record.offset_delta));
                }
            }
        }
        Ok(kept)
    }

    /// How many records have come, markers apart.
    pub fn records(&self) -> usize {
        let headers = self.entries.iter().filter_map(|entry| BatchHeader::parse(&entry.bytes));
        headers.filter(|header| !header.is_control()).map(|header| usize::try_from(header.count).unwrap_or(0)).sum()
    }
}

/// Compares a batch with what it was; gives the offsets of its records.
fn judge_batch(entry: &Entry, header: &BatchHeader, batch: &[u8]) -> Result<Vec<i64>, Broken> {
    let was = BatchHeader::parse(&entry.bytes).ok_or("a piece of a batch")?;
    let base = entry.base;
    let frame = |header: &BatchHeader| {
        let writer = (header.producer_id, header.producer_epoch, header.base_sequence);
        (header.last_offset(), writer, header.is_control(), header.is_transactional(), header.codec())
    };
    ensure!(frame(header) == frame(&was), "the batch at {base} was {was:?}, and is {header:?}");
    ensure!(crc32c::crc32c(&batch[21..]) == header.crc, "the batch at {base} has a wrong checksum");
    if header.is_control() {
        return Ok(Vec::new());
    }
    let (old, new) = (open(&was, &entry.bytes)?, open(header, batch)?);
    let (old, new) = (records(&old)?, records(&new)?);
    ensure!(usize::try_from(header.count) == Ok(new.len()), "the batch at {base} has {} records", new.len());
    let offset = |record: &Record| base + i64::from(record.offset_delta);
    let mut left = old.iter();
    for record in &new {
        let known = left.find(|known| known.offset_delta == record.offset_delta);
        let known = known.ok_or(format!("there was no record at {}", offset(record)))?;
        let same = was.timestamp_of(known) == header.timestamp_of(record) && content(known) == content(record);
        ensure!(same, "the record at {} is another one", offset(record));
    }
    Ok(new.iter().map(offset).collect())
}

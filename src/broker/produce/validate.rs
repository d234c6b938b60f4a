//! Checks a batch from the outside in: that it is one batch, that its bytes are the producer's, that they mean something.

use std::ops::RangeInclusive;

use super::Refusal;
use crate::config::topic::TopicSettings;
use crate::wire::ErrorCode;
use crate::wire::compression::{self, Decompressor};
use crate::wire::record_batch::{
    self, BatchHeader, Codec, HEADER_BYTES, LENGTH_END, MAGIC, NO_TIMESTAMP, Record, Records, TimestampType,
    crc_is_valid,
};

/// The first version of Produce that may bring Zstandard (KIP-110).
const ZSTD_FROM: i16 = 7;
/// Where the magic byte stands, in this format and the older ones.
const MAGIC_AT: usize = 16;
/// What the length of a message of the oldest format counts at least.
const OLD_HEADER_BYTES: usize = 14;

/// Where a batch is to go, and when.
pub(super) struct Place<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub settings: &'a TopicSettings,
    /// How many idempotent producers the partition may remember.
    pub producers_max: i32,
    pub now_ms: i64,
}

impl Place<'_> {
    /// The times that records may have here, beside none.
    fn allowed_times(&self) -> RangeInclusive<i64> {
        match self.settings.message_timestamp_type {
            // The broker's clock counts, whatever they say.
            TimestampType::LogAppendTime => i64::MIN..=i64::MAX,
            TimestampType::CreateTime => {
                let earliest = self.now_ms.saturating_sub(self.settings.message_timestamp_before_max_ms);
                let latest = self.now_ms.saturating_add(self.settings.message_timestamp_after_max_ms);
                earliest..=latest
            }
        }
    }
}

/// The one whole batch of format v2 that the bytes must begin with. Some bytes behind it that do not make another one are no
/// part of it, and are ignored as in Kafka.
pub(super) fn one_batch(bytes: &[u8], version: i16) -> Result<(&[u8], BatchHeader), Refusal> {
    let invalid = |reason: &str| Refusal::new(ErrorCode::INVALID_RECORD, reason);
    let (batch, rest) = split_batch(bytes)?.ok_or_else(|| invalid("there is no whole record batch"))?;
    if batch.get(MAGIC_AT) != Some(&MAGIC) {
        return Err(invalid("its format is older than version 2"));
    }
    match split_batch(rest) {
        Ok(None) => {}
        Ok(Some(_)) => return Err(invalid("there is more than one record batch")),
        // Only about the first batch Kafka says more than the code.
        Err(refusal) => return Err(Refusal { told: false, ..refusal }),
    }
    let header = BatchHeader::parse(batch).ok_or(ErrorCode::CORRUPT_MESSAGE)?;
    if header.codec() == Some(Codec::Zstd) && version < ZSTD_FROM {
        return Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE.into());
    }
    Ok((batch, header))
}

type BatchAndRest<'a> = (&'a [u8], &'a [u8]);

/// Cuts the first batch off, of whatever format; there may be none that is whole.
fn split_batch(bytes: &[u8]) -> Result<Option<BatchAndRest<'_>>, Refusal> {
    let Some(announced) = record_batch::announced_length(bytes) else { return Ok(None) };
    let corrupt = |reason: String| Err(Refusal::told(ErrorCode::CORRUPT_MESSAGE, reason));
    let Some(length) = usize::try_from(announced).ok().filter(|length| *length >= OLD_HEADER_BYTES) else {
        return corrupt(format!(
            "Record size {announced} is less than the minimum record overhead ({OLD_HEADER_BYTES})"
        ));
    };
    match bytes.get(MAGIC_AT) {
        None => Ok(None),
        Some(0..=2) => Ok(bytes.split_at_checked(LENGTH_END.saturating_add(length))),
        Some(magic) => corrupt(format!("Invalid magic found in record: {}", magic.cast_signed())),
    }
}

/// Whether a batch has its size and its checksum.
pub(super) fn check_whole(batch: &[u8], header: &BatchHeader, settings: &TopicSettings) -> Result<(), Refusal> {
    check_size(batch, settings)?;
    if !crc_is_valid(batch, header) {
        return Err(ErrorCode::CORRUPT_MESSAGE.into());
    }
    Ok(())
}

/// Whether the topic takes batches of this size.
pub(super) fn check_size(batch: &[u8], settings: &TopicSettings) -> Result<(), Refusal> {
    match i32::try_from(batch.len()) {
        Ok(length) if length <= settings.max_message_bytes => Ok(()),
        _ => Err(ErrorCode::MESSAGE_TOO_LARGE.into()),
    }
}

/// Whether the topic takes what is in a batch; gives the latest timestamp of its records.
pub(super) fn check_contents(
    batch: &[u8],
    header: &BatchHeader,
    place: &Place,
    decompressor: &mut Decompressor,
) -> Result<i64, Refusal> {
    check_header(header)?;
    check_records(batch, header, place, decompressor)
}

fn check_header(header: &BatchHeader) -> Result<(), Refusal> {
    let reason = if header.base_offset != 0 {
        format!("its base offset is {}, not 0", header.base_offset)
    } else if header.count <= 0 || i64::from(header.last_offset_delta) + 1 != i64::from(header.count) {
        format!("it counts {} records, but its offsets go from 0 to {}", header.count, header.last_offset_delta)
    } else if header.is_control() {
        "only the broker writes control records".to_owned()
    } else if header.codec().is_none() {
        return Err(ErrorCode::UNKNOWN_SERVER_ERROR.into());
    } else if header.is_idempotent() && header.base_sequence < 0 {
        format!("producer {} sends the sequence {}", header.producer_id, header.base_sequence)
    } else if header.is_idempotent() && header.producer_epoch < 0 {
        return Err(ErrorCode::INVALID_PRODUCER_EPOCH.into());
    } else {
        return Ok(());
    };
    Err(Refusal::new(ErrorCode::INVALID_RECORD, reason))
}

/// The records must be as many as the header says, each as long as it says, each with a time and a key that the topic takes.
/// Compressed records are looked into only where their keys matter: otherwise they pass through untouched, and their times
/// are those of the header. Gives the latest timestamp.
fn check_records(
    batch: &[u8],
    header: &BatchHeader,
    place: &Place,
    decompressor: &mut Decompressor,
) -> Result<i64, Refusal> {
    let codec = header.codec().unwrap_or(Codec::None);
    let records = batch.get(HEADER_BYTES..).unwrap_or_default();
    let mut faults = Faults::default();
    let allowed = place.allowed_times();
    let mut max_timestamp = header.max_timestamp;
    if codec != Codec::None {
        faults.check_time(0, header.base_timestamp, &allowed);
        faults.check_time(header.last_offset_delta, header.max_timestamp, &allowed);
    } else {
        max_timestamp = NO_TIMESTAMP;
    }
    if codec == Codec::None || place.settings.compact && compression::IS_AVAILABLE {
        let records = decompressor.decompress(codec, records)?;
        walk(&records, header, |index, record| {
            if codec == Codec::None {
                let timestamp = header.base_timestamp.saturating_add(record.timestamp_delta);
                max_timestamp = max_timestamp.max(timestamp);
                faults.check_time(index, timestamp, &allowed);
            }
            if place.settings.compact && record.key.is_none() {
                faults.add_missing_key(index, place);
            }
        })?;
    }
    faults.into_result().map(|()| max_timestamp)
}

/// Goes through uncompressed records.
fn walk(records: &[u8], header: &BatchHeader, mut look: impl FnMut(i32, Record)) -> Result<(), Refusal> {
    let invalid = |reason: String| Refusal::new(ErrorCode::INVALID_RECORD, reason);
    let mut count = 0;
    for record in Records::new(records) {
        look(count, record.map_err(|error| invalid(error.to_string()))?);
        count += 1;
    }
    if count != header.count {
        return Err(invalid(format!("it counts {} records, but has {count}", header.count)));
    }
    Ok(())
}

/// Of so many records at most a client is told what is wrong with each. Kafka tells it of all, and there can be millions.
const RECORDS_TOLD_MAX: usize = 1_000;

/// What is wrong with single records.
#[derive(Default)]
struct Faults {
    times: Vec<(i32, String)>,
    keys: Vec<(i32, String)>,
    /// How many records have no key.
    missing_keys: usize,
}

impl Faults {
    fn check_time(&mut self, index: i32, timestamp: i64, allowed: &RangeInclusive<i64>) {
        if !allowed.contains(&timestamp) && timestamp != NO_TIMESTAMP && self.times.len() < RECORDS_TOLD_MAX {
            let message = format!(
                "Timestamp {timestamp} of message with offset {index} is out of range. \
                 The timestamp should be within [{}, {}]",
                allowed.start(),
                allowed.end()
            );
            self.times.push((index, message));
        }
    }

    fn add_missing_key(&mut self, index: i32, place: &Place) {
        self.missing_keys += 1;
        if self.keys.len() >= RECORDS_TOLD_MAX {
            return;
        }
        let (topic, partition) = (place.topic, place.partition);
        let message =
            format!("Compacted topic cannot accept message without key in topic partition {topic}-{partition}");
        self.keys.push((index, message));
    }

    fn into_result(self) -> Result<(), Refusal> {
        if !self.times.is_empty() {
            let reason = "One or more records have been rejected due to invalid timestamp";
            return Err(Refusal { records: self.times, ..Refusal::told(ErrorCode::INVALID_TIMESTAMP, reason) });
        }
        if !self.keys.is_empty() {
            let reason = rejected(&self.keys, self.missing_keys);
            return Err(Refusal { records: self.keys, ..Refusal::told(ErrorCode::INVALID_RECORD, reason) });
        }
        Ok(())
    }
}

/// Kafka's sentence about records that are refused, which shows the first of them as Java does.
fn rejected(records: &[(i32, String)], total: usize) -> String {
    let shown = records.iter().take(3);
    let shown: Vec<_> =
        shown.map(|(index, message)| format!("RecordError(batchIndex={index}, message='{message}')")).collect();
    format!(
        "One or more records have been rejected due to {total} record errors in total, and only showing the first three \
         errors at most: [{}]",
        shown.join(", ")
    )
}

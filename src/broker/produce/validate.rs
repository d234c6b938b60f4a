//! Checks a batch from the outside in: that it is one batch, that its bytes are the producer's, that they mean something.

use super::Refusal;
use crate::wire::ErrorCode;
use crate::wire::record_batch::{BatchHeader, Codec, HEADER_BYTES, LENGTH_END, MAGIC, Records, crc_is_valid};

/// The first version of Produce that may bring Zstandard (KIP-110).
const ZSTD_FROM: i16 = 7;
/// Where the magic byte stands, in this format and the older ones.
const MAGIC_AT: usize = 16;

/// The header of the one batch in `bytes`, or why it cannot be stored.
pub(super) fn validate(bytes: &[u8], version: i16, max_bytes: i32) -> Result<BatchHeader, Refusal> {
    let header = one_batch(bytes)?;
    if header.codec() == Some(Codec::Zstd) && version < ZSTD_FROM {
        let message = "Produce requests below version 7 are not allowed to use ZStandard compression";
        return Err(Refusal::new(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, message));
    }
    if i32::try_from(bytes.len()).is_ok_and(|length| length > max_bytes) {
        let message = format!(
            "The record batch size in the append to this partition is {} bytes, which exceeds the maximum configured \
             value of {max_bytes}.",
            bytes.len()
        );
        return Err(Refusal::new(ErrorCode::MESSAGE_TOO_LARGE, message));
    }
    if !crc_is_valid(bytes, &header) {
        return Err(Refusal::new(ErrorCode::CORRUPT_MESSAGE, "The record batch does not have the CRC that it says."));
    }
    check_header(&header)?;
    check_records(bytes, &header)?;
    Ok(header)
}

/// The bytes must be one whole batch of format v2 and nothing else.
fn one_batch(bytes: &[u8]) -> Result<BatchHeader, Refusal> {
    let invalid = |message: &str| Refusal::new(ErrorCode::INVALID_RECORD, message);
    if bytes.len() <= MAGIC_AT {
        return Err(invalid("A produce request must bring exactly one record batch."));
    }
    match bytes.get(MAGIC_AT).map(|magic| i8::from_be_bytes([*magic])) {
        Some(MAGIC) => {}
        Some(0 | 1) => return Err(invalid("Only record batches with magic version 2 are allowed.")),
        _ => return Err(Refusal::new(ErrorCode::CORRUPT_MESSAGE, "The record batch has an unknown magic.")),
    }
    let header = BatchHeader::parse(bytes)
        .filter(|header| header.total_bytes().is_some_and(|total| total >= HEADER_BYTES))
        .ok_or_else(|| Refusal::new(ErrorCode::CORRUPT_MESSAGE, "The record batch is shorter than its header."))?;
    match header.total_bytes() {
        Some(total) if total == bytes.len() => Ok(header),
        Some(total) if total < bytes.len() => Err(invalid("A produce request must bring exactly one record batch.")),
        _ => Err(invalid(&format!(
            "The record batch says that it has {} bytes after its length, but {} are there.",
            header.length,
            bytes.len() - LENGTH_END
        ))),
    }
}

fn check_header(header: &BatchHeader) -> Result<(), Refusal> {
    let problem = if header.base_offset != 0 {
        format!("The baseOffset of the record batch should be 0, but it is {}", header.base_offset)
    } else if header.count <= 0 || i64::from(header.last_offset_delta) + 1 != i64::from(header.count) {
        format!(
            "The record batch counts {} records, but its offsets go from 0 to {}",
            header.count, header.last_offset_delta
        )
    } else if header.is_control() {
        "Clients are not allowed to write control records".to_owned()
    } else if header.codec().is_none() {
        format!("There is no compression type for the attributes {:#06x}", header.attributes)
    } else if header.is_idempotent() && (header.producer_epoch < 0 || header.base_sequence < 0) {
        format!(
            "Invalid sequence number {} or epoch {} in the record batch of producer {}",
            header.base_sequence, header.producer_epoch, header.producer_id
        )
    } else if header.is_transactional() {
        return Err(ErrorCode::INVALID_TXN_STATE.into());
    } else {
        return Ok(());
    };
    Err(Refusal::new(ErrorCode::INVALID_RECORD, problem))
}

/// The records must be as many as the header says, one offset after the other, each as long as it says. Compressed records
/// are not looked into: they pass through untouched.
fn check_records(bytes: &[u8], header: &BatchHeader) -> Result<(), Refusal> {
    if header.codec() != Some(Codec::None) {
        return Ok(());
    }
    let invalid = |message: String| Refusal::new(ErrorCode::INVALID_RECORD, message);
    let mut expected = 0;
    for record in Records::new(bytes.get(HEADER_BYTES..).unwrap_or_default()) {
        let record = record.map_err(|error| invalid(error.to_string()))?;
        if record.offset_delta != expected {
            return Err(invalid(format!("A record has the offset {}, not {expected}", record.offset_delta)));
        }
        expected += 1;
    }
    if expected != header.count {
        return Err(invalid(format!("The record batch counts {} records, but has {expected}", header.count)));
    }
    Ok(())
}

//! Looks inside the records of a compressed batch.
//!
//! Batches are stored and sent as they came; nothing is ever compressed here. Only a lookup by time needs the records of one
//! batch, and only it decompresses, once, the batch that holds what it looks for.

use std::borrow::Cow;

use super::record_batch::Codec;

/// A batch that becomes larger than this is not looked into: a few bytes of an attacker may claim to be terabytes.
#[cfg(feature = "compression")]
const DECOMPRESSED_BYTES_MAX: u64 = 128 << 20;

/// In front of snappy's blocks when a Java client wrote them: eight bytes of magic and two version numbers.
#[cfg(feature = "compression")]
const SNAPPY_JAVA_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";

/// The records of a batch without compression, or `None` when the bytes are not what the codec has written.
#[cfg(feature = "compression")]
pub fn decompress(codec: Codec, bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    match codec {
        Codec::None => Some(Cow::Borrowed(bytes)),
        Codec::Gzip => read_all(flate2::read::GzDecoder::new(bytes)),
        Codec::Snappy => snappy(bytes).map(Cow::Owned),
        Codec::Lz4 => read_all(lz4_flex::frame::FrameDecoder::new(bytes)),
        Codec::Zstd => read_all(ruzstd::decoding::StreamingDecoder::new(bytes).ok()?),
    }
}

/// Without the feature `compression`, only what is not compressed can be looked into.
#[cfg(not(feature = "compression"))]
pub fn decompress(codec: Codec, bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    (codec == Codec::None).then_some(Cow::Borrowed(bytes))
}

#[cfg(feature = "compression")]
fn read_all(reader: impl std::io::Read) -> Option<Cow<'static, [u8]>> {
    use std::io::Read;

    let mut bytes = Vec::new();
    let length = reader.take(DECOMPRESSED_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
    (length as u64 <= DECOMPRESSED_BYTES_MAX).then_some(Cow::Owned(bytes))
}

/// One block, as librdkafka writes it, or Java's sequence of blocks with their lengths in front.
#[cfg(feature = "compression")]
fn snappy(bytes: &[u8]) -> Option<Vec<u8>> {
    let Some(mut blocks) = bytes.strip_prefix(SNAPPY_JAVA_MAGIC).and_then(|rest| rest.get(8..)) else {
        return snappy_block(bytes, 0);
    };
    let mut records = Vec::new();
    while !blocks.is_empty() {
        let length = u32::from_be_bytes(*blocks.first_chunk()?);
        blocks.split_off(..4)?;
        let block = blocks.split_off(..usize::try_from(length).ok()?)?;
        records.extend(snappy_block(block, records.len())?);
    }
    Some(records)
}

#[cfg(feature = "compression")]
fn snappy_block(block: &[u8], before: usize) -> Option<Vec<u8>> {
    let length = snap::raw::decompress_len(block).ok()?;
    if (length + before) as u64 > DECOMPRESSED_BYTES_MAX {
        return None;
    }
    snap::raw::Decoder::new().decompress_vec(block).ok()
}

#[cfg(all(test, feature = "compression"))]
mod tests {
    use super::*;

    #[test]
    fn snappy_of_both_kinds() {
        let block = snap::raw::Encoder::new().compress_vec(b"abcabcabc").unwrap();
        assert_eq!(decompress(Codec::Snappy, &block).as_deref(), Some(&b"abcabcabc"[..]));
        let length = (block.len() as u32).to_be_bytes();
        let java = [SNAPPY_JAVA_MAGIC, &[0, 0, 0, 1, 0, 0, 0, 1][..], &length, &block, &length, &block].concat();
        assert_eq!(decompress(Codec::Snappy, &java).as_deref(), Some(&b"abcabcabcabcabcabc"[..]));
        assert_eq!(decompress(Codec::Snappy, &java[..30]), None);
    }

    #[test]
    fn garbage_is_refused() {
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            assert_eq!(decompress(codec, b"not compressed at all"), None, "{codec:?}");
        }
    }
}

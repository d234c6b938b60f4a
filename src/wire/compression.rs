//! The codecs of record batches.
//!
//! Batches are stored and sent as they came. Three things look inside: a lookup by time decompresses the one batch that
//! holds what it looks for, a topic that is compacted needs the keys, and compaction writes anew what it leaves of a batch.
//! All of it is part of the feature `compression`. Without it, only what is not compressed can be looked into: a lookup by
//! time gives the first record of a compressed batch, and compaction keeps compressed batches as they are.

use std::borrow::Cow;

use super::record_batch::Codec;

/// Whether compressed batches can be looked into.
pub const IS_AVAILABLE: bool = cfg!(feature = "compression");

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

/// Records as the codec writes them, with the codec's usual effort.
#[cfg(feature = "compression")]
pub fn compress(codec: Codec, records: &[u8]) -> Option<Cow<'_, [u8]>> {
    use std::io::Write;

    let compressed = match codec {
        Codec::None => return Some(Cow::Borrowed(records)),
        Codec::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            writer.write_all(records).and_then(|()| writer.finish()).ok()?
        }
        Codec::Snappy => snap::raw::Encoder::new().compress_vec(records).ok()?,
        Codec::Lz4 => {
            let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
            writer.write_all(records).ok()?;
            writer.finish().ok()?
        }
        Codec::Zstd => ruzstd::encoding::compress_to_vec(records, ruzstd::encoding::CompressionLevel::Fastest),
    };
    Some(Cow::Owned(compressed))
}

/// Without the feature `compression`, nothing is compressed.
#[cfg(not(feature = "compression"))]
pub fn compress(codec: Codec, records: &[u8]) -> Option<Cow<'_, [u8]>> {
    (codec == Codec::None).then_some(Cow::Borrowed(records))
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
    fn what_is_compressed_can_be_read() {
        let records: Vec<u8> = (0..200_000u32).flat_map(|number| (number % 977).to_be_bytes()).collect();
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let compressed = compress(codec, &records).unwrap();
            assert!(codec == Codec::None || compressed.len() < records.len(), "{codec:?}");
            assert_eq!(decompress(codec, &compressed).as_deref(), Some(&records[..]), "{codec:?}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            assert_eq!(decompress(codec, b"not compressed at all"), None, "{codec:?}");
        }
    }
}

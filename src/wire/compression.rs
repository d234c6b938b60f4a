//! The codecs of record batches.
//!
//! Batches are stored and sent as they came. Some things look inside: a lookup by time decompresses the one batch that holds
//! what it looks for, a topic that is compacted needs the keys, compaction writes anew what it leaves of a batch, and a topic
//! can keep its batches in another codec than they come in. All of it is part of the feature `compression`. Without it, only
//! what is not compressed can be looked into: a lookup by time gives the first record of a compressed batch, and compaction
//! keeps compressed batches as they are.
//!
//! A few bytes may claim to be terabytes. So whoever looks into batches has a [`Decompressor`], which lets as much be
//! decompressed as a request may ask for, and no more than there is memory for; what is decompressed counts in the budget as
//! long as it is there.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use super::record_batch::Codec;
use crate::budget::{Budget, Share};

/// Whether compressed batches can be looked into.
pub const IS_AVAILABLE: bool = cfg!(feature = "compression");

/// How much is decompressed for one request, or for one step of a compaction: it takes a part of a second. A batch that becomes
/// larger is never looked into.
pub const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// In front of snappy's blocks when a Java client wrote them: eight bytes of magic and two version numbers.
#[cfg(feature = "compression")]
const SNAPPY_JAVA_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
/// No byte of a block stands for more.
#[cfg(feature = "compression")]
const SNAPPY_RATIO_MAX: usize = 64;
/// How much is taken out of a decoder at once.
#[cfg(feature = "compression")]
const PIECE_BYTES: usize = 32 << 10;

/// Why a batch cannot be looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// The bytes are not what the codec has written, or the codec is not known here.
    Malformed,
    /// It becomes larger than any batch that is looked into.
    TooLarge,
    /// There is no memory for it now, or too much was decompressed for the same request before.
    NotNow,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is not what its codec writes",
            Self::TooLarge => "it becomes too large when it is decompressed",
            Self::NotNow => "there is no memory to decompress it, or the request has had too much decompressed",
        })
    }
}

/// Records without compression. What was made for them counts in the budget until this is dropped.
#[derive(Debug)]
pub struct Decompressed<'a> {
    records: Cow<'a, [u8]>,
    _share: Option<Share>,
}

impl Deref for Decompressed<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.records
    }
}

/// What decompresses batches for one request, or for one step of a compaction.
#[derive(Debug)]
pub struct Decompressor {
    budget: Budget,
    /// How many bytes may come of it in all, and how many still.
    limit: usize,
    left: usize,
}

impl Decompressor {
    pub fn new(budget: &Budget) -> Self {
        Self::with_limit(budget, DECOMPRESSED_BYTES_MAX)
    }

    fn with_limit(budget: &Budget, limit: usize) -> Self {
        Self { budget: budget.clone(), limit, left: limit }
    }

    /// How many bytes have been decompressed.
    pub fn spent(&self) -> usize {
        self.limit - self.left
    }

    /// Memory for so many bytes that are made of what was decompressed.
    pub fn reserve(&self, bytes: usize) -> Result<Share, Unreadable> {
        if bytes > self.budget.room() {
            return Err(Unreadable::NotNow);
        }
        let mut share = self.budget.share();
        share.set(bytes);
        Ok(share)
    }

    /// The records of a batch without compression.
    #[cfg(feature = "compression")]
    pub fn decompress<'a>(&mut self, codec: Codec, bytes: &'a [u8]) -> Result<Decompressed<'a>, Unreadable> {
        if codec == Codec::None {
            return Ok(Decompressed { records: Cow::Borrowed(bytes), _share: None });
        }
        let mut output = Output::new(self.left, self.budget.clone(), codec);
        let outcome = output.fill(codec, bytes);
        self.left -= output.bytes.len().min(self.left);
        match outcome {
            Ok(()) => Ok(Decompressed { records: Cow::Owned(output.bytes), _share: Some(output.share) }),
            // Another request could have it.
            Err(Unreadable::TooLarge) if output.limit < self.limit => Err(Unreadable::NotNow),
            Err(reason) => Err(reason),
        }
    }

    /// Without the feature `compression`, only what is not compressed can be looked into.
    #[cfg(not(feature = "compression"))]
    pub fn decompress<'a>(&mut self, codec: Codec, bytes: &'a [u8]) -> Result<Decompressed<'a>, Unreadable> {
        match codec {
            Codec::None => Ok(Decompressed { records: Cow::Borrowed(bytes), _share: None }),
            _ => Err(Unreadable::Malformed),
        }
    }
}

/// The records of a batch without compression, or `None` when the bytes are not what the codec has written.
pub fn decompress(codec: Codec, bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    Some(Decompressor::new(&Budget::default()).decompress(codec, bytes).ok()?.records)
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

/// What comes out of a batch, as far as it may.
#[cfg(feature = "compression")]
struct Output {
    bytes: Vec<u8>,
    limit: usize,
    budget: Budget,
    share: Share,
    /// How often the bytes are in memory: Zstandard's decoder keeps what it has written last.
    copies: usize,
}

#[cfg(feature = "compression")]
impl Output {
    fn new(limit: usize, budget: Budget, codec: Codec) -> Self {
        let share = budget.share();
        Self { bytes: Vec::new(), limit, budget, share, copies: if codec == Codec::Zstd { 2 } else { 1 } }
    }

    fn fill(&mut self, codec: Codec, bytes: &[u8]) -> Result<(), Unreadable> {
        match codec {
            Codec::None => self.read_all(bytes),
            Codec::Gzip => self.read_all(flate2::read::GzDecoder::new(bytes)),
            Codec::Snappy => self.read_snappy(bytes),
            Codec::Lz4 => self.read_all(lz4_flex::frame::FrameDecoder::new(bytes)),
            Codec::Zstd => {
                let decoder = ruzstd::decoding::StreamingDecoder::new(bytes);
                self.read_all(decoder.map_err(|_| Unreadable::Malformed)?)
            }
        }
    }

    /// Makes room for more bytes, of which there may be none. The memory doubles each time, up to the limit.
    fn grow(&mut self, bytes: usize) -> Result<(), Unreadable> {
        let needed = self.bytes.len().saturating_add(bytes);
        if needed > self.limit {
            return Err(Unreadable::TooLarge);
        }
        if needed <= self.bytes.capacity() {
            return Ok(());
        }
        let capacity = needed.max(2 * self.bytes.capacity()).min(self.limit);
        if capacity * self.copies - self.share.bytes() > self.budget.room() {
            return Err(Unreadable::NotNow);
        }
        self.bytes.reserve_exact(capacity - self.bytes.len());
        self.share.set(capacity * self.copies);
        Ok(())
    }

    fn read_all(&mut self, mut reader: impl std::io::Read) -> Result<(), Unreadable> {
        let mut piece = [0; PIECE_BYTES];
        loop {
            match reader.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    self.grow(count)?;
                    self.bytes.extend_from_slice(&piece[..count]);
                }
                Err(_) => return Err(Unreadable::Malformed),
            }
        }
    }

    /// One block, as librdkafka writes it, or Java's sequence of blocks with their lengths in front.
    fn read_snappy(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        let Some(mut blocks) = bytes.strip_prefix(SNAPPY_JAVA_MAGIC).and_then(|rest| rest.get(8..)) else {
            return self.read_block(bytes);
        };
        while !blocks.is_empty() {
            let block = next_block(&mut blocks).ok_or(Unreadable::Malformed)?;
            self.read_block(block)?;
        }
        Ok(())
    }

    fn read_block(&mut self, block: &[u8]) -> Result<(), Unreadable> {
        let length = snap::raw::decompress_len(block).map_err(|_| Unreadable::Malformed)?;
        // Three bytes can stand for 64 at most.
        if length / SNAPPY_RATIO_MAX > block.len() {
            return Err(Unreadable::Malformed);
        }
        self.grow(length)?;
        let start = self.bytes.len();
        self.bytes.resize(start + length, 0);
        match snap::raw::Decoder::new().decompress(block, &mut self.bytes[start..]) {
            Ok(_) => Ok(()),
            Err(_) => Err(Unreadable::Malformed),
        }
    }
}

/// Cuts off the next of Java's blocks.
#[cfg(feature = "compression")]
fn next_block<'a>(blocks: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(*blocks.first_chunk()?);
    blocks.split_off(..4)?;
    blocks.split_off(..usize::try_from(length).ok()?)
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

    /// What compresses to next to nothing, in each codec.
    fn bombs(length: usize) -> Vec<(Codec, Vec<u8>)> {
        let zeros = vec![0; length];
        [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd]
            .into_iter()
            .map(|codec| (codec, compress(codec, &zeros).unwrap().into_owned()))
            .collect()
    }

    #[test]
    fn what_is_decompressed_counts_and_ends_with_the_memory() {
        for (codec, bomb) in bombs(1 << 20) {
            let budget = Budget::new(3 << 20);
            let mut decompressor = Decompressor::new(&budget);
            let records = decompressor.decompress(codec, &bomb).unwrap();
            assert_eq!((records.len(), decompressor.spent()), (1 << 20, 1 << 20), "{codec:?}");
            assert!((1 << 20..=4 << 20).contains(&budget.held()), "{codec:?}: {}", budget.held());
            drop(records);
            assert_eq!(budget.held(), 0, "{codec:?}");
            let mut others = budget.share();
            others.set((3 << 20) - (1 << 19));
            assert_eq!(decompressor.decompress(codec, &bomb).err(), Some(Unreadable::NotNow), "{codec:?}");
            assert_eq!(budget.held(), others.bytes(), "{codec:?}");
        }
    }

    #[test]
    fn a_request_has_so_much_decompressed() {
        const LIMIT: usize = 1 << 20;
        for (codec, bomb) in bombs(LIMIT / 2 + 1) {
            let mut decompressor = Decompressor::with_limit(&Budget::default(), LIMIT);
            assert!(decompressor.decompress(codec, &bomb).is_ok(), "{codec:?}");
            assert_eq!(decompressor.decompress(codec, &bomb).err(), Some(Unreadable::NotNow), "{codec:?}");
        }
        for (codec, bomb) in bombs(LIMIT + 1) {
            let mut decompressor = Decompressor::with_limit(&Budget::default(), LIMIT);
            assert_eq!(decompressor.decompress(codec, &bomb).err(), Some(Unreadable::TooLarge), "{codec:?}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            assert_eq!(decompress(codec, b"not compressed at all"), None, "{codec:?}");
        }
    }
}

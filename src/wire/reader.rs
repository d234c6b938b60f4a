//! Reads the protocol's primitives out of one frame.
//!
//! A [`Reader`] owns a frame and walks through it once. It carries the version of the API and whether that version is
//! flexible, so that a `String` or a `Vec` finds its own encoding and no schema has to ask. Nothing that the frame claims
//! is believed: a length is compared with the bytes that are left before anything is done with it, and a count allocates
//! nothing. What a byte of the frame becomes can be a hundred times as large, so the elements of all arrays are counted too.

use std::fmt;

use bytes::{Buf, Bytes};

/// Kafka's own limit for every string, in bytes.
const STRING_LENGTH_MAX: usize = i16::MAX as usize;

/// How many elements all arrays of a frame have together at most. The element of an array may take one byte in the frame, and
/// some hundred bytes while its request is served.
const ELEMENTS_MAX: usize = 1 << 18;

/// Why a frame cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// A field needs more bytes than are left.
    UnexpectedEnd { needed: usize, left: usize },
    /// An array announces more elements than there are bytes left, while each element takes at least one.
    CountTooLarge { count: usize, left: usize },
    /// All arrays together have more elements than a frame may have.
    TooManyElements,
    /// A string is longer than 32767 bytes.
    StringTooLong(usize),
    /// A null in a field that is never null in this version.
    NullNotAllowed,
    /// A varint that goes on after as many bytes as its type can have.
    VarintTooLong,
    /// The message ended before its frame did.
    BytesLeftOver(usize),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEnd { needed, left } => write!(f, "a field needs {needed} bytes, but {left} are left"),
            Self::CountTooLarge { count, left } => write!(f, "an array of {count} elements cannot be in {left} bytes"),
            Self::TooManyElements => write!(f, "its arrays have more than {ELEMENTS_MAX} elements"),
            Self::StringTooLong(length) => write!(f, "a string of {length} bytes is longer than {STRING_LENGTH_MAX}"),
            Self::NullNotAllowed => write!(f, "a field is null that must not be"),
            Self::VarintTooLong => write!(f, "a varint does not end"),
            Self::BytesLeftOver(count) => write!(f, "{count} bytes are left over after the message"),
        }
    }
}

impl std::error::Error for ReadError {}

/// A cursor over one frame, or over the part of it that one message fills.
#[derive(Debug)]
pub struct Reader {
    bytes: Bytes,
    version: i16,
    flexible: bool,
    /// How many elements further arrays may have.
    elements_left: usize,
}

impl Reader {
    pub fn new(bytes: Bytes, version: i16, flexible: bool) -> Self {
        Self { bytes, version, flexible, elements_left: ELEMENTS_MAX }
    }

    /// The same bytes from here on, as another version of another message: a body after its header.
    pub fn becomes(&mut self, version: i16, flexible: bool) {
        self.version = version;
        self.flexible = flexible;
    }

    pub fn version(&self) -> i16 {
        self.version
    }

    pub fn flexible(&self) -> bool {
        self.flexible
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    /// Succeeds when the message took the whole frame.
    pub fn finish(&self) -> Result<(), ReadError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(ReadError::BytesLeftOver(self.left())) }
    }

    /// The next `count` bytes, sharing the frame's memory.
    pub fn take(&mut self, count: usize) -> Result<Bytes, ReadError> {
        if count > self.left() {
            return Err(self.too_short(count));
        }
        Ok(self.bytes.split_to(count))
    }

    fn too_short(&self, needed: usize) -> ReadError {
        ReadError::UnexpectedEnd { needed, left: self.left() }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let Some(array) = self.bytes.first_chunk::<N>().copied() else {
            return Err(self.too_short(N));
        };
        self.bytes.advance(N);
        Ok(array)
    }

    pub fn i8(&mut self) -> Result<i8, ReadError> {
        self.array().map(i8::from_be_bytes)
    }

    pub fn i16(&mut self) -> Result<i16, ReadError> {
        self.array().map(i16::from_be_bytes)
    }

    pub fn u16(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn i32(&mut self) -> Result<i32, ReadError> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn i64(&mut self) -> Result<i64, ReadError> {
        self.array().map(i64::from_be_bytes)
    }

    pub fn f64(&mut self) -> Result<f64, ReadError> {
        self.array().map(f64::from_be_bytes)
    }

    pub fn uuid(&mut self) -> Result<[u8; 16], ReadError> {
        self.array()
    }

    /// An unsigned varint: seven bits a byte, the lowest first, the top bit set while more follow; at most five bytes.
    pub fn uvarint(&mut self) -> Result<u32, ReadError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ReadError::VarintTooLong)
    }

    /// The size in front of a tagged field. One that this machine cannot address is certainly more than is left.
    pub fn size(&mut self) -> Result<usize, ReadError> {
        Ok(usize::try_from(self.uvarint()?).unwrap_or(usize::MAX))
    }

    /// A nullable length, in bytes or elements: flexible versions send it plus one as an unsigned varint, with 0 for null;
    /// classic ones as an integer (`classic` reads it), with -1 for null. As in Kafka, any other negative one is null too, and
    /// so are varints that overflow to one.
    fn length<T: Into<i64>>(
        &mut self,
        classic: impl FnOnce(&mut Self) -> Result<T, ReadError>,
    ) -> Result<Option<usize>, ReadError> {
        let length =
            if self.flexible { self.uvarint()?.wrapping_sub(1).cast_signed().into() } else { classic(self)?.into() };
        Ok(usize::try_from(length).ok())
    }

    /// A nullable string. Bytes that are not UTF-8 are replaced by U+FFFD, as Kafka does.
    pub fn string(&mut self) -> Result<Option<String>, ReadError> {
        let Some(length) = self.length(Self::i16)? else { return Ok(None) };
        if length > STRING_LENGTH_MAX {
            return Err(ReadError::StringTooLong(length));
        }
        let bytes = self.bytes.get(..length).ok_or(self.too_short(length))?;
        let string = String::from_utf8_lossy(bytes).into_owned();
        self.bytes.advance(length);
        Ok(Some(string))
    }

    /// Nullable bytes, sharing the frame's memory: who keeps them for longer than the request makes a copy.
    pub fn bytes(&mut self) -> Result<Option<Bytes>, ReadError> {
        match self.length(Self::i32)? {
            Some(length) => self.take(length).map(Some),
            None => Ok(None),
        }
    }

    /// The count of a nullable array. Each element takes at least a byte, so a count above what is left is a lie.
    pub fn count(&mut self) -> Result<Option<usize>, ReadError> {
        let Some(count) = self.length(Self::i32)? else { return Ok(None) };
        if count > self.left() {
            return Err(ReadError::CountTooLarge { count, left: self.left() });
        }
        self.elements_left = self.elements_left.checked_sub(count).ok_or(ReadError::TooManyElements)?;
        Ok(Some(count))
    }

    /// The tagged fields at the end of a struct. `read` is given each tag with a reader that ends where the field ends, and
    /// says whether it knows the tag; the bytes of others are skipped.
    pub fn tagged_fields(
        &mut self,
        mut read: impl FnMut(&mut Self, u32) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        for _ in 0..self.uvarint()? {
            let tag = self.uvarint()?;
            let size = self.size()?;
            let inside = self.take(size)?;
            let after = std::mem::replace(&mut self.bytes, inside);
            if read(self, tag)? {
                self.finish()?;
            }
            self.bytes = after;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &'static [u8], flexible: bool) -> Reader {
        Reader::new(Bytes::from_static(bytes), 0, flexible)
    }

    #[test]
    fn uvarints() {
        let check = |bytes: &'static [u8], expect| assert_eq!(reader(bytes, true).uvarint(), expect, "{bytes:x?}");
        check(&[0x00], Ok(0));
        check(&[0x7f], Ok(127));
        check(&[0x80, 0x01], Ok(128));
        check(&[0xff, 0xff, 0xff, 0xff, 0x0f], Ok(u32::MAX));
        check(&[0x80, 0x80, 0x80, 0x80, 0x80], Err(ReadError::VarintTooLong));
        check(&[0x80], Err(ReadError::UnexpectedEnd { needed: 1, left: 0 }));
    }

    #[test]
    fn strings_in_both_encodings() {
        let check = |bytes: &'static [u8], flexible, expect: Result<Option<&str>, ReadError>| {
            let found = reader(bytes, flexible).string();
            assert_eq!(found, expect.map(|string| string.map(str::to_owned)), "{bytes:x?}");
        };
        check(&[0, 2, b'h', b'i'], false, Ok(Some("hi")));
        check(&[3, b'h', b'i'], true, Ok(Some("hi")));
        check(&[0xff, 0xff], false, Ok(None));
        check(&[0], true, Ok(None));
        check(&[0xff, 0xfe], false, Ok(None));
        check(&[0xff, 0xff, 0xff, 0xff, 0x0f], true, Ok(None));
        check(&[0x80, 0x80, 0x80, 0x80, 0x08], true, Err(ReadError::StringTooLong(0x7fff_ffff)));
        check(&[0, 3, b'h', b'i'], false, Err(ReadError::UnexpectedEnd { needed: 3, left: 2 }));
        check(&[2, 0xff], true, Ok(Some("\u{fffd}")));
        check(&[0x81, 0x80, 0x02], true, Err(ReadError::StringTooLong(32768)));
    }

    #[test]
    fn a_count_is_compared_with_the_bytes_that_are_left() {
        let error = reader(&[0x7f, 0xff, 0xff, 0xff, 1, 2], false).count();
        assert_eq!(error, Err(ReadError::CountTooLarge { count: 0x7fff_ffff, left: 2 }));
    }

    #[test]
    fn the_elements_of_all_arrays_are_counted() {
        let half = i32::try_from(ELEMENTS_MAX / 2).unwrap().to_be_bytes();
        let mut reader = Reader::new([&half[..], &half, &[0, 0, 0, 1], &[0; ELEMENTS_MAX]].concat().into(), 0, false);
        assert_eq!(reader.count(), Ok(Some(ELEMENTS_MAX / 2)));
        assert_eq!(reader.count(), Ok(Some(ELEMENTS_MAX / 2)));
        assert_eq!(reader.count(), Err(ReadError::TooManyElements));
    }

    #[test]
    fn a_known_tag_ends_where_its_size_says() {
        let read = |bytes: &'static [u8]| {
            let mut seen = None;
            let result = reader(bytes, true).tagged_fields(|reader, tag| {
                if tag == 0 {
                    seen = Some(reader.i16()?);
                }
                Ok(tag == 0)
            });
            result.map(|()| seen)
        };
        assert_eq!(read(&[2, 0, 2, 0, 7, 9, 1, 0xff]), Ok(Some(7)));
        assert_eq!(read(&[1, 0, 1, 0, 7]), Err(ReadError::UnexpectedEnd { needed: 2, left: 1 }));
        assert_eq!(read(&[1, 0, 3, 0, 7, 9]), Err(ReadError::BytesLeftOver(1)));
        assert_eq!(read(&[1, 5, 9, 0]), Err(ReadError::UnexpectedEnd { needed: 9, left: 1 }));
    }
}

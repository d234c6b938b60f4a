//! Writes the protocol's primitives into one frame.
//!
//! A [`Writer`] is the twin of the reader: it carries version and flexibility, and what a schema gives it goes into one
//! buffer. Only a [`Payload`] is not copied: it is put between two pieces of the buffer as it lies, so that a [`Frame`] is a
//! sequence of [`Slice`]s which the connection writes with one system call.

use bytes::{Bytes, BytesMut};

use super::payload::{Payload, Slice};

/// How many bytes the length in front of a frame takes.
const LENGTH_BYTES: usize = 4;

/// One frame, ready to be sent, with its length in front.
#[derive(Debug)]
pub struct Frame {
    slices: Vec<Slice>,
    length: usize,
}

impl Frame {
    /// All bytes, including the four of the length.
    pub fn length(&self) -> usize {
        self.length
    }

    pub fn into_slices(self) -> Vec<Slice> {
        self.slices
    }

    /// The whole frame in one piece, for those who want to look at it.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.length);
        self.slices.iter().for_each(|slice| bytes.extend_from_slice(&slice.view()));
        bytes.freeze()
    }
}

/// Tagged fields that were written aside, each with its tag, because their size stands in front of them.
pub type TaggedFields = Vec<(u32, Bytes)>;

#[derive(Debug)]
pub struct Writer {
    version: i16,
    flexible: bool,
    done: Vec<Slice>,
    buffer: BytesMut,
}

impl Writer {
    pub fn new(version: i16, flexible: bool) -> Self {
        let mut buffer = BytesMut::with_capacity(128);
        buffer.extend_from_slice(&[0; LENGTH_BYTES]);
        Self { version, flexible, done: Vec::new(), buffer }
    }

    /// From here on another version of another message: a body after its header.
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

    /// Puts the length in front and ends the frame.
    pub fn finish(mut self) -> Frame {
        let length = self.buffer.len() + self.done.iter().map(Slice::length).sum::<usize>();
        let prefix = u32::try_from(length - LENGTH_BYTES).expect("a frame is bounded by fetch.max.bytes");
        if self.done.is_empty() {
            self.buffer[..LENGTH_BYTES].copy_from_slice(&prefix.to_be_bytes());
            return Frame { slices: vec![Slice::from(self.buffer.freeze())], length };
        }
        // The first slice is the head of the buffer, cut off in front of the first payload.
        let mut head = BytesMut::from(std::mem::take(&mut self.done[0]).into_owned());
        head[..LENGTH_BYTES].copy_from_slice(&prefix.to_be_bytes());
        self.done[0] = Slice::from(head.freeze());
        self.cut();
        Frame { slices: self.done, length }
    }

    /// Ends the piece of the buffer that is being written.
    fn cut(&mut self) {
        if !self.buffer.is_empty() {
            self.done.push(Slice::from(self.buffer.split().freeze()));
        }
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    pub fn i8(&mut self, value: i8) {
        self.raw(&value.to_be_bytes());
    }

    pub fn i16(&mut self, value: i16) {
        self.raw(&value.to_be_bytes());
    }

    pub fn u16(&mut self, value: u16) {
        self.raw(&value.to_be_bytes());
    }

    pub fn i32(&mut self, value: i32) {
        self.raw(&value.to_be_bytes());
    }

    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    pub fn i64(&mut self, value: i64) {
        self.raw(&value.to_be_bytes());
    }

    pub fn f64(&mut self, value: f64) {
        self.raw(&value.to_be_bytes());
    }

    pub fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.raw(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.raw(&[value as u8]);
    }

    /// A nullable length: see the reader's.
    fn length(&mut self, length: Option<usize>, classic: impl FnOnce(&mut Self, i32)) {
        let length = length.map(|length| i32::try_from(length).expect("what is answered fits into a frame"));
        match (length, self.flexible) {
            (Some(length), true) => self.uvarint(length as u32 + 1),
            (None, true) => self.uvarint(0),
            (length, false) => classic(self, length.unwrap_or(-1)),
        }
    }

    pub fn string(&mut self, string: Option<&str>) {
        // No string may be longer in Kafka. One that was replaced by U+FFFDs on its way in can be, and is cut on its way out.
        let string = string.map(|string| &string[..string.floor_char_boundary(i16::MAX as usize)]);
        self.length(string.map(str::len), |writer, length| writer.i16(length as i16));
        self.raw(string.unwrap_or_default().as_bytes());
    }

    pub fn bytes(&mut self, bytes: Option<&[u8]>) {
        self.length(bytes.map(<[u8]>::len), Self::i32);
        self.raw(bytes.unwrap_or_default());
    }

    pub fn count(&mut self, count: Option<usize>) {
        self.length(count, Self::i32);
    }

    /// Bytes that are not copied but sent from where they lie.
    pub fn payload(&mut self, payload: Option<&Payload>) {
        self.length(payload.map(Payload::length), Self::i32);
        let Some(payload) = payload.filter(|payload| payload.length() > 0) else { return };
        self.cut();
        self.done.extend(payload.slices().iter().cloned());
    }

    /// Writes one tagged field aside.
    pub fn tagged_field(&self, fields: &mut TaggedFields, tag: u32, write: impl FnOnce(&mut Self)) {
        let mut aside =
            Self { version: self.version, flexible: self.flexible, done: Vec::new(), buffer: BytesMut::new() };
        write(&mut aside);
        assert!(aside.done.is_empty(), "a tagged field holds no payload");
        fields.push((tag, aside.buffer.freeze()));
    }

    /// The tagged fields at the end of a struct.
    pub fn tagged_fields(&mut self, fields: TaggedFields) {
        self.uvarint(fields.len() as u32);
        for (tag, bytes) in fields {
            self.uvarint(tag);
            self.uvarint(bytes.len() as u32);
            self.raw(&bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_stands_between_two_pieces() {
        let mut writer = Writer::new(0, false);
        writer.i16(1);
        writer.payload(Some(&Payload::from(Bytes::from_static(b"abc"))));
        writer.i8(2);
        let frame = writer.finish();
        assert_eq!(frame.to_bytes(), &b"\0\0\0\x0a\0\x01\0\0\0\x03abc\x02"[..]);
        assert_eq!(frame.length(), 14);
        assert_eq!(frame.into_slices().len(), 3);
    }

    #[test]
    fn a_string_is_cut_at_a_character() {
        let mut writer = Writer::new(0, false);
        writer.string(Some(&"\u{fffd}".repeat(20_000)));
        let bytes = writer.finish().to_bytes();
        assert_eq!(&bytes[4..6], 32766u16.to_be_bytes());
        assert_eq!(bytes.len(), 4 + 2 + 32766);
    }
}

//! Frames out of a stream of bytes: a length of four bytes, then so many bytes, however the stream cuts them.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use crate::budget::Share;

/// How many bytes the length in front of a frame takes.
const LENGTH_BYTES: usize = 4;

/// What is left behind a frame that was taken out is moved into memory of its own when it is this short, so that the few bytes
/// of the next frame do not keep the memory of a long one.
const MOVED_BYTES: usize = 16 << 10;

/// A length that cannot be that of a request. The stream is of no use after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    Negative(i32),
    Empty,
    TooLarge { length: usize, limit: usize },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Negative(length) => write!(f, "it announced a request of {length} bytes"),
            Self::Empty => write!(f, "it announced a request of 0 bytes"),
            Self::TooLarge { length, limit } => {
                write!(f, "it announced a request of {length} bytes, but socket.request.max.bytes is {limit}")
            }
        }
    }
}

/// The bytes of one connection that have not become a request yet.
///
/// The buffer grows with the bytes that arrive, never with what a length announces, and an idle connection has none.
#[derive(Debug)]
pub struct FrameBuffer {
    bytes: BytesMut,
    limit: usize,
    share: Share,
}

impl FrameBuffer {
    /// `limit` is the longest frame, without its length, that is taken.
    pub fn new(limit: usize, share: Share) -> Self {
        Self { bytes: BytesMut::new(), limit, share }
    }

    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.share.set(self.bytes.len());
    }

    /// Forgets what is here.
    pub fn clear(&mut self) {
        self.bytes = BytesMut::new();
        self.share.set(0);
    }

    /// How many bytes wait here.
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Takes out the next frame, without its length, or gives `None` when it is not complete yet.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(prefix) = self.bytes.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let announced = i32::from_be_bytes(*prefix);
        let length = match usize::try_from(announced) {
            Err(_) => return Err(FrameError::Negative(announced)),
            Ok(0) => return Err(FrameError::Empty),
            Ok(length) if length > self.limit => return Err(FrameError::TooLarge { length, limit: self.limit }),
            Ok(length) => length,
        };
        if self.bytes.len() - LENGTH_BYTES < length {
            return Ok(None);
        }
        self.bytes.advance(LENGTH_BYTES);
        let frame = self.bytes.split_to(length).freeze();
        if self.bytes.len() <= MOVED_BYTES.min(frame.len()) {
            // The frame keeps the memory as long as it is looked at; after that, an idle connection holds none.
            self.bytes = BytesMut::from(&self.bytes[..]);
        }
        self.share.set(self.bytes.len());
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    /// Feeds pieces one after the other and gives the frames that came out, up to the first error.
    fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Bytes>, FrameError> {
        let mut buffer = FrameBuffer::new(1000, Budget::default().share());
        let mut frames = Vec::new();
        for piece in pieces {
            buffer.extend(piece);
            while let Some(frame) = buffer.next_frame()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    #[test]
    fn every_possible_split_gives_the_same_frames() {
        let stream = b"\0\0\0\x03abc\0\0\0\x01d\0\0\0\x02ef";
        let expect: Vec<&[u8]> = vec![b"abc", b"d", b"ef"];
        // Each bit of the mask says whether the stream is cut behind one of its bytes.
        for mask in 0..1u32 << (stream.len() - 1) {
            let mut pieces = Vec::new();
            let mut start = 0;
            for end in 1..=stream.len() {
                if end == stream.len() || mask & 1 << (end - 1) != 0 {
                    pieces.push(&stream[start..end]);
                    start = end;
                }
            }
            assert_eq!(frames(pieces).unwrap(), expect, "cut by {mask:b}");
        }
    }

    #[test]
    fn lengths_that_are_refused() {
        let check = |prefix: &[u8], expect| assert_eq!(frames([prefix]), expect, "{prefix:?}");
        check(&[0, 0, 0], Ok(vec![]));
        check(&[0, 0, 0, 0], Err(FrameError::Empty));
        check(&[0xff, 0xff, 0xff, 0xff], Err(FrameError::Negative(-1)));
        check(&[0x80, 0, 0, 0], Err(FrameError::Negative(i32::MIN)));
        check(&[0, 0, 3, 0xe8], Ok(vec![]));
        check(&[0, 0, 3, 0xe9], Err(FrameError::TooLarge { length: 1001, limit: 1000 }));
    }

    #[test]
    fn the_rest_of_a_long_frame_does_not_keep_its_memory() {
        let budget = Budget::default();
        let mut buffer = FrameBuffer::new(usize::MAX, budget.share());
        buffer.extend(&[&[0, 16, 0, 0][..], &vec![0; 16 << 16], &[0, 0]].concat());
        assert_eq!(budget.held(), 4 + (16 << 16) + 2);
        assert_eq!(buffer.next_frame().map(|frame| frame.map(|frame| frame.len())), Ok(Some(16 << 16)));
        assert_eq!((&buffer.bytes[..], budget.held()), (&[0, 0][..], 2));
        assert!(buffer.bytes.capacity() < 1024);
    }

    #[test]
    fn a_large_length_allocates_nothing() {
        let mut buffer = FrameBuffer::new(usize::MAX, Budget::default().share());
        buffer.extend(&[0x7f, 0xff, 0xff, 0xff, 1]);
        assert_eq!(buffer.next_frame(), Ok(None));
        assert!(buffer.bytes.capacity() < 1024);
    }
}

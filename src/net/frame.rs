//! Frames out of a stream of bytes: a length of four bytes, then so many bytes, however the stream cuts them.
//!
//! What a socket has is read straight into the memory from which its frames are taken: nothing is copied in between. That
//! memory is lent: a [`FrameBuffer`] takes it from the [`Spares`] that all connections share when there is something to read,
//! and gives it back when nothing is left in it, so an idle connection has none.
//!
//! ```text
//! memory:  [ frame | frame | half a fra……………free…………… ]
//!            └ taken ┘       └─ held ──┘ └─ space() ──┘
//! ```
//!
//! A frame that is taken out is a part of that memory too, which is used again once nobody looks at the frame any more.

use std::fmt;
use std::mem;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::budget::Share;

/// How many bytes the length in front of a frame takes.
const LENGTH_BYTES: usize = 4;
/// The least that there is room for when a socket is read: fewer calls for many bytes, measured against a quarter of it.
pub const READ_BYTES: usize = 256 << 10;
/// A frame of which so much is missing is read to its end and no further, so that the next one begins in front of the memory
/// and need not be moved there.
const LONG_BYTES: usize = 64 << 10;
/// As much as may stay behind in a piece of memory that others could use.
const SHORT_BYTES: usize = 16 << 10;
/// What the spares hold in all.
const SPARE_BYTES: usize = 8 << 20;

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

/// Memory that no connection needs at the moment. Every byte of it has been written to before, so it can be read into without
/// being cleared each time.
#[derive(Debug, Default)]
pub struct Spares {
    buffers: Vec<BytesMut>,
    bytes: usize,
}

impl Spares {
    /// Memory of at least so many bytes: the piece that was used last, if it is large enough, since it is in the processor's
    /// cache.
    fn take(&mut self, bytes: usize) -> BytesMut {
        let bytes = bytes.max(READ_BYTES);
        match self.buffers.iter().rposition(|buffer| buffer.len() >= bytes) {
            Some(index) => {
                let buffer = self.buffers.remove(index);
                self.bytes -= buffer.len();
                buffer
            }
            None => BytesMut::zeroed(bytes.next_power_of_two()),
        }
    }

    /// Takes memory back; what is too much is given to the system.
    fn give(&mut self, buffer: BytesMut) {
        if buffer.len() < READ_BYTES {
            return;
        }
        self.bytes += buffer.len();
        self.buffers.push(buffer);
        while self.bytes > SPARE_BYTES {
            self.bytes -= self.buffers.remove(0).len();
        }
    }
}

/// Where the bytes lie.
#[derive(Debug, Default)]
enum Memory {
    /// There are none.
    #[default]
    None,
    /// Only the connection looks at them: there can be more.
    Own(BytesMut),
    /// A frame that was taken out may still be looked at.
    Shared(Bytes),
}

/// The bytes of one connection that have not become a request yet.
///
/// The memory grows with the bytes that arrive, never with what a length announces.
#[derive(Debug)]
pub struct FrameBuffer {
    memory: Memory,
    /// Where in the memory the bytes are.
    held: Range<usize>,
    limit: usize,
    share: Share,
}

impl FrameBuffer {
    /// `limit` is the longest frame, without its length, that is taken.
    pub fn new(limit: usize, share: Share) -> Self {
        Self { memory: Memory::None, held: 0..0, limit, share }
    }

    /// How many bytes wait here.
    pub fn length(&self) -> usize {
        self.held.len()
    }

    /// Where the bytes go that are read next, behind those that are here: at least one, at most `most` bytes.
    /// [`FrameBuffer::extend`] then says how many have come.
    pub fn space(&mut self, spares: &mut Spares, most: usize) -> &mut [u8] {
        let missing = self.missing();
        // What is here may at most double, whatever a length announces.
        let room = missing.unwrap_or(READ_BYTES).min(self.length().max(READ_BYTES));
        let wanted = missing.filter(|missing| *missing >= LONG_BYTES).unwrap_or(usize::MAX).min(most);
        let (memory, end) = self.own(spares, room);
        let space = &mut memory[end..];
        let wanted = wanted.min(space.len());
        &mut space[..wanted]
    }

    /// So many bytes were read into the space.
    pub fn extend(&mut self, count: usize) {
        self.held.end += count;
        self.share.set(self.held.len());
    }

    /// Takes out the next frame, without its length, or gives `None` when it is not complete yet.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = self.announced()? else { return Ok(None) };
        if self.held.len() - LENGTH_BYTES < length {
            return Ok(None);
        }
        let memory = match mem::take(&mut self.memory) {
            Memory::None => Bytes::new(),
            Memory::Own(memory) => memory.freeze(),
            Memory::Shared(memory) => memory,
        };
        let start = self.held.start + LENGTH_BYTES;
        self.held.start = start + length;
        self.share.set(self.held.len());
        let frame = memory.slice(start..self.held.start);
        self.memory = Memory::Shared(memory);
        Ok(Some(frame))
    }

    /// Nobody looks at a frame for now. Memory with nothing in it is given back, and so is much memory with little in it: the
    /// few bytes of a frame that has only begun to arrive wait in as much as they need.
    pub fn rest(&mut self, spares: &mut Spares) {
        let held = self.bytes();
        if held.len() > SHORT_BYTES || matches!(self.memory, Memory::None) {
            return;
        }
        let moved = if held.is_empty() { Memory::None } else { Memory::Own(BytesMut::from(held)) };
        self.held = 0..held.len();
        match mem::replace(&mut self.memory, moved) {
            Memory::None => {}
            Memory::Own(memory) => spares.give(memory),
            Memory::Shared(memory) => memory.try_into_mut().into_iter().for_each(|memory| spares.give(memory)),
        }
    }

    /// Forgets what is here.
    pub fn clear(&mut self) {
        self.memory = Memory::None;
        self.held = 0..0;
        self.share.set(0);
    }

    fn bytes(&self) -> &[u8] {
        match &self.memory {
            Memory::None => &[],
            Memory::Own(memory) => &memory[self.held.clone()],
            Memory::Shared(memory) => &memory[self.held.clone()],
        }
    }

    /// The length that stands in front of the next frame, once it is here.
    fn announced(&self) -> Result<Option<usize>, FrameError> {
        let Some(prefix) = self.bytes().first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let announced = i32::from_be_bytes(*prefix);
        match usize::try_from(announced) {
            Err(_) => Err(FrameError::Negative(announced)),
            Ok(0) => Err(FrameError::Empty),
            Ok(length) if length > self.limit => Err(FrameError::TooLarge { length, limit: self.limit }),
            Ok(length) => Ok(Some(length)),
        }
    }

    /// How much of the next frame is still to come, if that is known and not nothing.
    fn missing(&self) -> Option<usize> {
        let length = self.announced().ok()??;
        (LENGTH_BYTES + length).checked_sub(self.held.len()).filter(|missing| *missing > 0)
    }

    /// Makes the memory one's own, with room for so many bytes behind those that are here. Gives it, and where that room begins.
    fn own(&mut self, spares: &mut Spares, room: usize) -> (&mut BytesMut, usize) {
        let needed = self.held.len() + room;
        let own = match mem::take(&mut self.memory) {
            Memory::None => spares.take(needed),
            Memory::Own(memory) => memory,
            Memory::Shared(memory) => memory.try_into_mut().unwrap_or_else(|shared| {
                let mut copy = spares.take(needed.max(self.held.end));
                copy[self.held.clone()].copy_from_slice(&shared[self.held.clone()]);
                copy
            }),
        };
        let own = if own.len() - self.held.end >= room { own } else { self.make_room(spares, own, needed) };
        self.memory = Memory::Own(own);
        match &mut self.memory {
            Memory::Own(memory) => (memory, self.held.end),
            Memory::None | Memory::Shared(_) => unreachable!("it was just set"),
        }
    }

    /// Moves what is here to the beginning, of more memory if need be.
    fn make_room(&mut self, spares: &mut Spares, mut memory: BytesMut, needed: usize) -> BytesMut {
        let moved = 0..self.length();
        let held = mem::replace(&mut self.held, moved);
        if memory.len() >= needed {
            memory.copy_within(held, 0);
            return memory;
        }
        let mut more = spares.take(needed);
        more[..held.len()].copy_from_slice(&memory[held]);
        spares.give(memory);
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    fn buffer(limit: usize) -> FrameBuffer {
        FrameBuffer::new(limit, Budget::default().share())
    }

    impl FrameBuffer {
        /// Takes bytes as if a socket had them: as many as go at once, until all are here.
        pub(crate) fn feed(&mut self, spares: &mut Spares, mut bytes: &[u8]) {
            while !bytes.is_empty() {
                let space = self.space(spares, bytes.len());
                let (now, later) = bytes.split_at(space.len());
                space.copy_from_slice(now);
                self.extend(now.len());
                bytes = later;
            }
        }
    }

    /// Feeds pieces one after the other and gives the frames that came out, up to the first error. Memory is given back after
    /// each piece or never.
    fn frames<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
        spares: &mut Spares,
        rests: bool,
    ) -> Result<Vec<Bytes>, FrameError> {
        let mut buffer = buffer(1000);
        let mut frames = Vec::new();
        for piece in pieces {
            buffer.feed(spares, piece);
            while let Some(frame) = buffer.next_frame()? {
                frames.push(Bytes::copy_from_slice(&frame));
            }
            if rests {
                buffer.rest(spares);
            }
        }
        Ok(frames)
    }

    #[test]
    fn every_possible_split_gives_the_same_frames() {
        let stream = b"\0\0\0\x03abc\0\0\0\x01d\0\0\0\x02ef";
        let expect: Vec<&[u8]> = vec![b"abc", b"d", b"ef"];
        let mut spares = Spares::default();
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
            for rests in [false, true] {
                assert_eq!(frames(pieces.iter().copied(), &mut spares, rests).unwrap(), expect, "cut by {mask:b}");
            }
        }
    }

    #[test]
    fn long_frames_keep_their_bytes_however_they_come() {
        let mut stream = Vec::new();
        let mut expect = Vec::new();
        for (number, length) in
            [3 * READ_BYTES, 1, LONG_BYTES, READ_BYTES - 4, 2 * READ_BYTES + 1].into_iter().enumerate()
        {
            let frame: Vec<u8> = (0..length).map(|at| (at / 7 + number) as u8).collect();
            stream.extend((length as u32).to_be_bytes());
            stream.extend(&frame);
            expect.push(frame);
        }
        for step in [1000, LONG_BYTES + 1, READ_BYTES, stream.len()] {
            let (mut buffer, mut spares) = (buffer(usize::MAX), Spares::default());
            let mut taken = Vec::new();
            for piece in stream.chunks(step) {
                buffer.feed(&mut spares, piece);
                while let Some(frame) = buffer.next_frame().unwrap() {
                    // Every second one is still looked at while the next bytes come.
                    taken.push(frame.to_vec());
                }
                buffer.rest(&mut spares);
            }
            assert!(taken == expect, "in pieces of {step}");
            assert_eq!((buffer.length(), matches!(buffer.memory, Memory::None)), (0, true));
        }
    }

    #[test]
    fn a_frame_that_is_still_looked_at_stays_what_it_is() {
        let (mut buffer, mut spares) = (buffer(1000), Spares::default());
        buffer.feed(&mut spares, b"\0\0\0\x03abc\0\0");
        let first = buffer.next_frame().unwrap().unwrap();
        buffer.feed(&mut spares, b"\0\x02de");
        let second = buffer.next_frame().unwrap().unwrap();
        buffer.rest(&mut spares);
        buffer.feed(&mut spares, b"\0\0\0\x01f");
        assert_eq!((&first[..], &second[..]), (&b"abc"[..], &b"de"[..]));
        assert_eq!(buffer.next_frame().unwrap().as_deref(), Some(&b"f"[..]));
    }

    #[test]
    fn lengths_that_are_refused() {
        let check =
            |prefix: &[u8], expect| assert_eq!(frames([prefix], &mut Spares::default(), true), expect, "{prefix:?}");
        check(&[0, 0, 0], Ok(vec![]));
        check(&[0, 0, 0, 0], Err(FrameError::Empty));
        check(&[0xff, 0xff, 0xff, 0xff], Err(FrameError::Negative(-1)));
        check(&[0x80, 0, 0, 0], Err(FrameError::Negative(i32::MIN)));
        check(&[0, 0, 3, 0xe8], Ok(vec![]));
        check(&[0, 0, 3, 0xe9], Err(FrameError::TooLarge { length: 1001, limit: 1000 }));
    }

    #[test]
    fn memory_is_used_again_and_never_kept_for_a_few_bytes() {
        let budget = Budget::default();
        let (mut buffer, mut spares) = (FrameBuffer::new(usize::MAX, budget.share()), Spares::default());
        for _ in 0..3 {
            let long = [&(3u32 << 20).to_be_bytes()[..], &vec![0; 3 << 20], &[0, 0]].concat();
            buffer.feed(&mut spares, &long[..long.len() - 3]);
            assert_eq!(budget.held(), long.len() - 3);
            buffer.feed(&mut spares, &long[long.len() - 3..]);
            assert_eq!(buffer.next_frame().map(|frame| frame.map(|frame| frame.len())), Ok(Some(3 << 20)));
            buffer.rest(&mut spares);
            assert_eq!((buffer.bytes(), budget.held()), (&[0, 0][..], 2));
            assert!(matches!(&buffer.memory, Memory::Own(memory) if memory.capacity() < 1024));
            buffer.clear();
            assert_eq!(budget.held(), 0);
        }
        assert!(spares.bytes <= SPARE_BYTES && spares.buffers.iter().any(|buffer| buffer.len() >= 3 << 20));
    }

    #[test]
    fn a_large_length_allocates_nothing() {
        let (mut buffer, mut spares) = (buffer(usize::MAX), Spares::default());
        buffer.feed(&mut spares, &[0x7f, 0xff, 0xff, 0xff, 1]);
        assert_eq!(buffer.next_frame(), Ok(None));
        assert!(buffer.space(&mut spares, usize::MAX).len() <= 2 * READ_BYTES);
    }
}

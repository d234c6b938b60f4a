//! Splitting a stream into frames: a [`FrameBuffer`] gives the same frames and the same error however the stream is cut, and
//! never holds more than what has arrived. A frame that is still looked at stays as it is while more is read.
//!
//! ```text
//! limit of a frame: 2 bytes, in steps of 64 | how the stream is cut: a length, so many bytes | the stream, part by part …
//! ```

use std::collections::VecDeque;

use bytes::Bytes;
use kafka_rs::budget::Budget;
use kafka_rs::net::frame::{FrameBuffer, FrameError, READ_BYTES, Spares};

use super::input::Input;
use super::memory;

/// What a buffer may allocate for each byte that it has: there is room for as many again, in memory whose size is a power of two,
/// and what it has grown out of meanwhile is spare. Beside that, it begins with room for a read.
const GROWTH: usize = 8;
const AT_LEAST: usize = 2 * READ_BYTES + 4096;

/// The bits of a cut that say how long a piece is, the one that makes it long, and the one behind which nobody looks any more
/// at the frames so far.
const CUT: u8 = 0x3f;
const LONG: u8 = 0x40;
const RELEASE: u8 = 0x80;
const LONG_CUT_BYTES: usize = 5_000;
/// What is left behind so many pieces comes in one.
const PIECES_MAX: usize = 1_000;
/// A longer stream gets no further long frames.
const STREAM_BYTES_MAX: usize = 1 << 19;
/// So many frames are looked at while more is read.
const LOOKED_AT_MAX: usize = 4;

/// Frames as they came out of the buffer, each with what it must stay.
#[derive(Default)]
struct LookedAt<'a>(VecDeque<(Bytes, &'a [u8])>);

impl<'a> LookedAt<'a> {
    fn push(&mut self, frame: Bytes, expect: &'a [u8]) {
        self.0.push_back((frame, expect));
        if self.0.len() > LOOKED_AT_MAX {
            self.release(1);
        }
    }

    fn release(&mut self, count: usize) {
        let unchanged = self.0.drain(..count).all(|(frame, expect)| frame == expect);
        assert!(unchanged, "a frame stays as it came out");
    }

    fn release_all(&mut self) {
        self.release(self.0.len());
    }
}

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let limit = usize::from(input.word()) << 6;
    let cuts = input.piece();
    let stream = &make(input);
    let (frames, error) = split(stream, limit);

    let budget = Budget::default();
    let (mut buffer, mut spares) = (FrameBuffer::new(limit, budget.share()), Spares::default());
    let (mut arrived, mut frames, mut taken) = (0, frames.into_iter(), 0);
    let mut looked_at = LookedAt::default();
    for (piece, releases) in pieces(stream, cuts) {
        arrived += piece.len();
        let ((), allocated) = memory::peak(|| feed(&mut buffer, &mut spares, piece));
        assert!(allocated <= GROWTH * arrived + AT_LEAST, "{allocated} bytes for {arrived}");
        loop {
            match buffer.next_frame() {
                Ok(Some(frame)) => {
                    let expect = frames.next().expect("a frame that has arrived");
                    assert_eq!(frame, expect, "the frame that was sent");
                    taken += 4 + frame.len();
                    looked_at.push(frame, expect);
                }
                Ok(None) => break,
                Err(refused) => {
                    assert_eq!((Some(refused), frames.next()), (error, None), "what is refused");
                    return looked_at.release_all();
                }
            }
            assert_eq!((buffer.length(), budget.held()), (arrived - taken, arrived - taken), "what is here");
        }
        assert_eq!((buffer.length(), budget.held()), (arrived - taken, arrived - taken), "what is here");
        if releases {
            looked_at.release_all();
        }
        if piece.len() % 2 == 0 {
            buffer.rest(&mut spares);
        }
    }
    looked_at.release_all();
    assert_eq!((frames.next(), error), (None, None), "all that is there comes out");
    buffer.clear();
    assert_eq!((buffer.length(), budget.held()), (0, 0));
}

/// Puts a piece where a socket's bytes would be read to: as much as there is room for, until all is there.
fn feed(buffer: &mut FrameBuffer, spares: &mut Spares, mut piece: &[u8]) {
    while !piece.is_empty() {
        let space = buffer.space(spares, piece.len());
        let (now, later) = piece.split_at(space.len());
        space.copy_from_slice(now);
        buffer.extend(now.len());
        piece = later;
    }
}

/// A stream of some bytes as they are, and of some long frames, each of a few bytes of the input.
fn make(mut input: Input) -> Vec<u8> {
    let mut stream = Vec::new();
    while !input.is_empty() {
        match input.byte() & 3 {
            0 if stream.len() < STREAM_BYTES_MAX => {
                let length = usize::from(input.word()) << 3 | usize::from(input.byte() & 7);
                stream.extend((length as u32).to_be_bytes());
                // No two places near each other look the same.
                let pattern: Vec<u8> = (0..=250).cycle().skip(usize::from(input.byte())).take(251).collect();
                let end = stream.len() + length;
                while stream.len() < end {
                    stream.extend_from_slice(&pattern[..pattern.len().min(end - stream.len())]);
                }
            }
            _ => stream.extend(input.piece()),
        }
    }
    stream
}

/// The stream in pieces as long as the cuts say, over and over, each with whether nobody looks at the frames so far any more
/// behind it; without any cuts, in one piece.
fn pieces<'a>(stream: &'a [u8], cuts: &'a [u8]) -> impl Iterator<Item = (&'a [u8], bool)> {
    let mut left = Input::new(stream);
    let mut cuts = cuts.iter().filter(|cut| **cut & CUT > 0).cycle().take(PIECES_MAX);
    std::iter::from_fn(move || {
        let (length, releases) = cuts.next().map_or((usize::MAX, false), |cut| {
            let length = usize::from(cut & CUT);
            (if cut & LONG != 0 { length * LONG_CUT_BYTES } else { length }, cut & RELEASE != 0)
        });
        (!left.is_empty()).then(|| (left.bytes(length), releases))
    })
}

/// The frames of a stream that has arrived whole, and what is wrong with the one behind them.
fn split(mut stream: &[u8], limit: usize) -> (Vec<&[u8]>, Option<FrameError>) {
    let mut frames = Vec::new();
    while stream.len() >= 4 {
        let length = i32::from_be_bytes([stream[0], stream[1], stream[2], stream[3]]);
        let error = match length {
            ..0 => FrameError::Negative(length),
            0 => FrameError::Empty,
            _ if length as usize > limit => FrameError::TooLarge { length: length as usize, limit },
            _ if stream.len() < 4 + length as usize => break,
            _ => {
                frames.push(&stream[4..4 + length as usize]);
                stream = &stream[4 + length as usize..];
                continue;
            }
        };
        return (frames, Some(error));
    }
    (frames, None)
}

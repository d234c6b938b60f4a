//! Takes what comes, and says so.

use std::hint::black_box;
use std::io;

use mio::net::TcpStream;

use super::store::{Kind, Store};
use super::{Handler, LENGTH_BYTES, write_left};

/// The bytes of an answer: about as many as a Produce has.
pub const ANSWER_BYTES: usize = 64;
/// How many answers one write takes at most.
const ANSWERS_PER_WRITE: usize = 64;

#[derive(Debug)]
pub struct Sink {
    store: Store,
    /// Where each frame is copied to, if it does not stay where it came.
    copies: Option<Store>,
    /// The bytes of answers that are not written yet.
    unwritten: usize,
    /// The same answer many times over.
    answers: Vec<u8>,
}

impl Sink {
    pub fn new(kind: Kind) -> Self {
        Self::of(Store::new(kind), None)
    }

    /// A sink that copies each frame once more, to such memory.
    pub fn copying(kind: Kind) -> Self {
        Self::of(Store::for_reading(), Some(Store::new(kind)))
    }

    fn of(store: Store, copies: Option<Store>) -> Self {
        let mut answer = [0; ANSWER_BYTES];
        answer[..LENGTH_BYTES].copy_from_slice(&((ANSWER_BYTES - LENGTH_BYTES) as u32).to_be_bytes());
        Self { store, copies, unwritten: 0, answers: answer.repeat(ANSWERS_PER_WRITE) }
    }
}

impl Handler for Sink {
    fn room(&mut self) -> &mut [u8] {
        self.store.room()
    }

    fn arrived(&mut self, count: usize) {
        self.store.arrived(count, |frame| {
            black_box(crc_fast::crc32_iscsi(frame));
            if let Some(copies) = &mut self.copies {
                copies.append(frame);
            }
            self.unwritten += ANSWER_BYTES;
        });
    }

    fn write(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        write_left(socket, &mut self.unwritten, &self.answers)
    }
}

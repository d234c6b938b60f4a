//! What waits to be written to one socket, in pieces that lie anywhere.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};

use bytes::{Buf, Bytes};
use mio::net::TcpStream;

use super::unless_it_blocks;

/// How many pieces one write takes at most.
const PIECES_PER_WRITE: usize = 16;

#[derive(Debug, Default)]
pub struct Outbox {
    pieces: VecDeque<Bytes>,
}

impl Outbox {
    pub fn push(&mut self, piece: Bytes) {
        self.pieces.push_back(piece);
    }

    /// Writes as much as the socket takes.
    pub fn write(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        while !self.pieces.is_empty() {
            let mut slices = [IoSlice::new(&[]); PIECES_PER_WRITE];
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                *slice = IoSlice::new(piece);
            }
            let count = self.pieces.len().min(PIECES_PER_WRITE);
            let Some(written) = unless_it_blocks(socket.write_vectored(&slices[..count]))? else { break };
            self.advance(written);
        }
        Ok(())
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.pieces.front_mut() {
            if written < first.len() {
                first.advance(written);
                break;
            }
            written -= first.len();
            self.pieces.pop_front();
        }
    }
}

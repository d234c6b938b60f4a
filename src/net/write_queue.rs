//! What waits to be written to one socket: slices of memory, written many at a time, each from where it lies.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};

use crate::budget::Share;
use crate::wire::payload::SharedBuffer;
use crate::wire::{Frame, Slice};

/// How many slices one system call takes at most; Linux allows 1024, and beyond some dozens nothing is gained.
const SLICES_PER_WRITE: usize = 64;

/// What came of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing is left to write.
    All,
    /// The socket takes no more for now; there will be an event when it does.
    Blocked,
    /// The turn's share is used up; the socket may take more, and no event will say so.
    More,
}

#[derive(Debug)]
pub struct WriteQueue {
    slices: VecDeque<Slice>,
    /// How much of the first slice has been written.
    written: usize,
    length: usize,
    /// The slices that are not the log's, which counts its own.
    share: Share,
}

impl WriteQueue {
    pub fn new(share: Share) -> Self {
        Self { slices: VecDeque::new(), written: 0, length: 0, share }
    }

    pub fn push(&mut self, frame: Frame) {
        self.length += frame.length();
        let slices = frame.into_slices();
        self.share.set(self.share.bytes() + slices.iter().map(Slice::owned_bytes).sum::<usize>());
        self.slices.extend(slices);
    }

    /// The bytes of the slices here that are not the log's.
    pub fn owned_bytes(&self) -> usize {
        self.slices.iter().map(Slice::owned_bytes).sum()
    }

    /// The parts of logs among the slices.
    pub fn buffers(&self) -> impl Iterator<Item = &SharedBuffer> {
        self.slices.iter().filter_map(|slice| match slice {
            Slice::Owned(_) => None,
            Slice::Shared { buffer, .. } => Some(buffer),
        })
    }

    /// How many bytes wait.
    pub fn length(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Writes until nothing is left, the socket takes no more, or `share` bytes have been written.
    pub fn flush(&mut self, socket: &mut impl Write, share: usize) -> io::Result<Flushed> {
        let mut left = share;
        while !self.is_empty() {
            if left == 0 {
                return Ok(Flushed::More);
            }
            match self.write_once(socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    left = left.saturating_sub(written);
                    self.advance(written);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Flushed::Blocked),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Flushed::All)
    }

    fn write_once(&self, socket: &mut impl Write) -> io::Result<usize> {
        if let (Some(Slice::Owned(bytes)), 1) = (self.slices.front(), self.slices.len()) {
            return socket.write(&bytes[self.written..]);
        }
        let views: Vec<_> = self.slices.iter().take(SLICES_PER_WRITE).map(Slice::view).collect();
        let mut buffers: Vec<_> = views.iter().map(|view| IoSlice::new(view)).collect();
        if let Some(first) = buffers.first_mut() {
            first.advance(self.written);
        }
        socket.write_vectored(&buffers)
    }

    fn advance(&mut self, count: usize) {
        self.length -= count;
        self.written += count;
        while let Some(first) = self.slices.front().filter(|first| self.written >= first.length()) {
            self.written -= first.length();
            self.share.set(self.share.bytes() - first.owned_bytes());
            self.slices.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use bytes::Bytes;

    use super::*;
    use crate::budget::Budget;
    use crate::wire::payload::Buffer;
    use crate::wire::{Payload, Writer};

    /// A socket that takes a few bytes, then says that it would block.
    struct Narrow {
        taken: Vec<u8>,
        per_call: usize,
        calls_until_block: usize,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.calls_until_block == 0 {
                self.calls_until_block = 3;
                return Err(ErrorKind::WouldBlock.into());
            }
            self.calls_until_block -= 1;
            let count = bytes.len().min(self.per_call);
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_is_lost_however_little_the_socket_takes() {
        let mut buffer = Buffer::with_capacity(1 << 20, &Budget::default());
        buffer.push(b"0123456789");
        let log = Rc::new(RefCell::new(buffer));
        let mut payload = Payload::default();
        payload.push(Slice::Shared { buffer: Rc::clone(&log), range: 2..8 });
        for per_call in 1..20 {
            let budget = Budget::default();
            let mut queue = WriteQueue::new(budget.share());
            let mut expect = Vec::new();
            for number in 0..3 {
                let mut writer = Writer::new(0, false);
                writer.i32(number);
                writer.payload(Some(&payload));
                writer.payload(Some(&Payload::from(Bytes::from_static(b"tail"))));
                let frame = writer.finish();
                expect.extend_from_slice(&frame.to_bytes());
                queue.push(frame);
            }
            let mut socket = Narrow { taken: Vec::new(), per_call, calls_until_block: 2 };
            while !queue.is_empty() {
                queue.flush(&mut socket, 10).unwrap();
                assert_eq!(budget.held(), queue.owned_bytes());
                log.borrow_mut().push(b"x");
            }
            assert_eq!(socket.taken, expect, "{per_call} bytes a call");
            assert_eq!(budget.held(), 0);
        }
    }
}

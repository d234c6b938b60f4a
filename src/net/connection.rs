//! One connection as a state machine.
//!
//! ```text
//!               a frame is complete
//!         ┌────────────────────────────┐
//!         │                            ▼
//!   ┌───► Open                       Waiting ────┐ the broker has answered
//!   │     │  ▲                                   │
//!   │     │  └───────────────────────────────────┘
//!   │     │ the peer has ended its side, or the broker gives the connection up
//!   │     ▼
//!   │   Flushing ──► Draining ──► Closed
//!   │              │            ▲
//! accept           │            │ the peer ends its side too, or its time is over
//!                  │ all that was queued is written, our side is shut down
//! ```
//!
//! In every state but `Closed` the connection can write what is queued. It takes frames out of what it has read only in
//! `Open`, and only while little waits to be written: so a request is never started before the one in front of it has its
//! answer, answers leave in order, and a peer that does not read its answers cannot make the broker produce more of them.
//! What it sends meanwhile stays in the socket once [`KEPT_BYTES`] are here.
//!
//! The connection works over any stream that reads and writes without blocking, so that a test can be the socket.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use bytes::Bytes;

use super::frame::{FrameBuffer, FrameError};
use super::write_queue::WriteQueue;
use crate::broker::{Client, ConnectionId};
use crate::wire::Frame;

/// How much is read from one connection in a turn before the others get theirs.
const READ_BUDGET: usize = 1 << 20;
/// How much is kept of what arrives while a request waits for its answer.
const KEPT_BYTES: usize = 1 << 20;
/// How much may wait to be written before the next request has to wait.
const QUEUED_BYTES: usize = 1 << 20;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No request is being served: the next frame can be taken.
    Open,
    /// A request is with the broker. What arrives is kept, but not looked at.
    Waiting,
    /// No request will be taken any more; what is queued is still written.
    Flushing,
    /// Everything is written and our side is shut down. What the peer has sent before it noticed is read and thrown away:
    /// closing over unread bytes would make the system reset the connection and destroy the last answer on its way.
    Draining,
    /// Nothing is left to do.
    Closed,
}

/// What came of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// The socket has no more for now; there will be an event when it has.
    Empty,
    /// The budget or the room is used up; there may be more, and no event will say so.
    More,
}

/// A stream whose sending side can be ended on its own.
pub trait Stream: Read + Write {
    fn shutdown_write(&mut self) -> io::Result<()>;
}

#[derive(Debug)]
pub struct Connection<S> {
    pub stream: S,
    pub id: ConnectionId,
    pub client: Client,
    state: State,
    frames: FrameBuffer,
    queue: WriteQueue,
    /// The peer has ended its side.
    ended: bool,
    /// Whether the socket may have bytes that no event will announce again.
    pub maybe_readable: bool,
    /// Whether the loop asked to be told when the socket takes bytes again.
    pub wants_writable: bool,
    /// When the last byte came or went.
    pub last_active: Instant,
}

impl<S: Stream> Connection<S> {
    pub fn new(stream: S, id: ConnectionId, client: Client, frame_limit: usize, now: Instant) -> Self {
        Self {
            stream,
            id,
            client,
            state: State::Open,
            frames: FrameBuffer::new(frame_limit),
            queue: WriteQueue::default(),
            ended: false,
            maybe_readable: true,
            wants_writable: false,
            last_active: now,
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    pub fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether reading would be of use: in `Open` and `Waiting` while there is room, in `Draining` always.
    pub fn wants_bytes(&self) -> bool {
        match self.state {
            State::Open => !self.ended && !self.is_congested(),
            State::Waiting => self.frames.length() < KEPT_BYTES,
            State::Draining => true,
            State::Flushing | State::Closed => false,
        }
    }

    /// So much waits to be written that no further request may be started.
    fn is_congested(&self) -> bool {
        self.queue.length() >= QUEUED_BYTES
    }

    /// Reads what has arrived, through a scratch buffer that all connections share: so an idle one needs no memory.
    pub fn fill(&mut self, scratch: &mut [u8], now: Instant) -> io::Result<Filled> {
        let mut budget = READ_BUDGET;
        while self.wants_bytes() && budget > 0 {
            match self.stream.read(scratch) {
                Ok(0) => {
                    self.end_of_stream();
                    return Ok(Filled::Empty);
                }
                Ok(count) => {
                    self.last_active = now;
                    budget = budget.saturating_sub(count);
                    if self.state != State::Draining {
                        self.frames.extend(&scratch[..count]);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Filled::Empty),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Filled::More)
    }

    /// The peer sends no more. Requests that are here complete are still served, unless one waits: who has gone away does
    /// not want to know how it ends.
    fn end_of_stream(&mut self) {
        self.ended = true;
        if matches!(self.state, State::Waiting | State::Draining) {
            self.state = State::Closed;
        }
    }

    /// Takes the next complete frame, which the caller must give to the broker: the connection now waits for its answer.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        if self.state != State::Open || self.is_congested() {
            return Ok(None);
        }
        let frame = self.frames.next()?;
        if frame.is_some() {
            self.state = State::Waiting;
        } else if self.ended {
            self.state = State::Flushing;
        }
        Ok(frame)
    }

    /// The broker has answered the request that this connection waits for. If it was given up meanwhile, nobody wants it.
    pub fn answer(&mut self, frame: Frame) {
        if self.state == State::Waiting {
            self.queue.push(frame);
        }
        self.done();
    }

    /// The broker is done with the request that this connection waits for.
    pub fn done(&mut self) {
        assert_ne!(self.state, State::Open, "a request is answered once");
        if self.state == State::Waiting {
            self.state = State::Open;
        }
    }

    /// Whether there may be a frame to take, or bytes to read.
    pub fn can_go_on(&self) -> bool {
        self.state == State::Open && (self.frames.length() > 0 || self.maybe_readable || self.ended)
    }

    /// No further request is taken; what is queued is still written.
    pub fn give_up(&mut self) {
        if matches!(self.state, State::Open | State::Waiting) {
            self.state = State::Flushing;
        }
    }

    /// Nothing more can be done with this connection.
    pub fn close(&mut self) {
        self.state = State::Closed;
    }

    /// Writes what is queued, as far as the socket takes it, and goes on from `Flushing` when all is written.
    pub fn flush(&mut self, now: Instant) -> io::Result<()> {
        let before = self.queue.length();
        self.queue.flush(&mut self.stream)?;
        if self.queue.length() != before {
            self.last_active = now;
        }
        if self.state == State::Flushing && self.queue.is_empty() {
            self.stream.shutdown_write()?;
            self.state = if self.ended { State::Closed } else { State::Draining };
            self.maybe_readable = true;
        }
        Ok(())
    }
}

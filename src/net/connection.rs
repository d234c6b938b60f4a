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
//! What it sends meanwhile stays in the socket once [`KEPT_BYTES`] are here, and sooner when the memory of the broker is used up.
//!
//! A connection whose client has used up a quota is *muted* for a while: it neither reads nor takes a frame, though it goes on
//! writing (KIP-219).
//!
//! The connection works over any stream that reads and writes without blocking, so that a test can be the socket.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use bytes::Bytes;

use super::frame::{FrameBuffer, FrameError, Spares};
use super::write_queue::{Flushed, WriteQueue};
use crate::broker::{Client, ConnectionId};
use crate::budget::Budget;
use crate::wire::Frame;
use crate::wire::payload::SharedBuffer;

/// Whether a read that brings less than there is room for has emptied the socket, so that whatever comes later is an event of
/// its own: true of epoll and of kqueue. It saves every request the call that would say so. On Windows there are events only
/// once a read would block.
const SHORT_READ_EMPTIES: bool = cfg!(unix);
/// How much is kept of what arrives while a request waits for its answer.
const KEPT_BYTES: usize = 1 << 20;
/// How much a connection may always have here, also when no memory is left for it: enough for a request that asks for
/// something, or that makes room.
const SMALL_REQUEST_BYTES: usize = 64 << 10;

/// What one connection may take of the broker.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest request: `socket.request.max.bytes`.
    pub request_bytes: usize,
    /// How much may wait to be written before the next request has to wait: `socket.response.queued.max.bytes`.
    pub queued_bytes: usize,
    /// How much is read and how much is written in a turn before the others get theirs: `turn.max.bytes`.
    pub turn_bytes: usize,
}

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
    /// The turn's share or the room is used up; there may be more, and no event will say so.
    More,
    /// The broker's memory is used up, and this connection has its part of it: the rest stays in the socket for now.
    Starved,
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
    limits: Limits,
    budget: Budget,
    frames: FrameBuffer,
    queue: WriteQueue,
    /// Since when a request has been arriving that is not complete yet.
    pub arriving_since: Option<Instant>,
    /// Whether the loop will look whether the request that arrives takes too long.
    pub watches_arrival: bool,
    /// The peer has ended its side.
    ended: bool,
    /// Whether the socket may have bytes that no event will announce again.
    pub maybe_readable: bool,
    /// Whether the end of what the peer sends has been announced: it must be read up to there, since no further event comes.
    pub end_is_near: bool,
    /// Whether the loop asked to be told when the socket takes bytes again.
    pub wants_writable: bool,
    /// The client has used up a quota: before this moment nothing is read and no frame is taken.
    muted_until: Option<Instant>,
    /// When the last byte came or went.
    pub last_active: Instant,
}

impl<S: Stream> Connection<S> {
    pub fn new(stream: S, id: ConnectionId, client: Client, limits: Limits, budget: &Budget, now: Instant) -> Self {
        Self {
            stream,
            id,
            client,
            state: State::Open,
            limits,
            budget: budget.clone(),
            frames: FrameBuffer::new(limits.request_bytes, budget.share()),
            queue: WriteQueue::new(budget.share()),
            arriving_since: None,
            watches_arrival: false,
            ended: false,
            maybe_readable: true,
            end_is_near: false,
            wants_writable: false,
            muted_until: None,
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
            State::Open | State::Waiting if self.is_muted() => false,
            State::Open => !self.ended && !self.is_congested(),
            State::Waiting => self.frames.length() < KEPT_BYTES,
            State::Draining => true,
            State::Flushing | State::Closed => false,
        }
    }

    /// So much waits to be written that no further request may be started.
    pub fn is_congested(&self) -> bool {
        self.queue.length() >= self.limits.queued_bytes
    }

    /// Reads what has arrived, into memory that is lent for it: so an idle connection needs none.
    pub fn fill(&mut self, spares: &mut Spares, now: Instant) -> io::Result<Filled> {
        let mut left = self.limits.turn_bytes;
        while self.wants_bytes() && left > 0 {
            let room = self.room();
            if room == 0 {
                return Ok(Filled::Starved);
            }
            let space = self.frames.space(spares, room.min(left));
            let asked = space.len();
            match self.stream.read(space) {
                Ok(0) => {
                    self.end_of_stream();
                    return Ok(Filled::Empty);
                }
                Ok(count) => {
                    self.last_active = now;
                    left = left.saturating_sub(count);
                    if self.state != State::Draining {
                        self.frames.extend(count);
                    }
                    if SHORT_READ_EMPTIES && count < asked && !self.end_is_near {
                        return Ok(Filled::Empty);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Filled::Empty),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Filled::More)
    }

    /// How much may be read now: what is read to be thrown away costs nothing.
    fn room(&self) -> usize {
        match self.state {
            State::Draining => usize::MAX,
            _ => self.budget.room().max(SMALL_REQUEST_BYTES.saturating_sub(self.frames.length())),
        }
    }

    /// Whether something more may be read.
    pub fn has_room(&self) -> bool {
        self.room() > 0
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
    pub fn next_frame(&mut self, now: Instant) -> Result<Option<Bytes>, FrameError> {
        if self.state != State::Open || self.is_muted() || self.is_congested() {
            return Ok(None);
        }
        let frame = self.frames.next_frame()?;
        if frame.is_some() {
            self.state = State::Waiting;
            self.arriving_since = None;
        } else if self.ended {
            self.state = State::Flushing;
            self.arriving_since = None;
            self.frames.clear();
        } else if self.frames.length() > 0 {
            self.arriving_since.get_or_insert(now);
        }
        Ok(frame)
    }

    /// The frames that were taken are done with: memory that is not needed is given back.
    pub fn rest(&mut self, spares: &mut Spares) {
        self.frames.rest(spares);
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

    /// Whether a request waits whose sender has gone away.
    pub fn waits_in_vain(&self) -> bool {
        self.state == State::Waiting && self.ended
    }

    /// Whether there may be a frame to take, or bytes to read.
    pub fn can_go_on(&self) -> bool {
        self.state == State::Open && !self.is_muted() && (self.frames.length() > 0 || self.maybe_readable || self.ended)
    }

    /// The client has to be quiet until then.
    pub fn mute(&mut self, until: Instant) {
        self.muted_until = self.muted_until.max(Some(until));
    }

    /// Ends the time for which the client had to be quiet, if it is over.
    pub fn unmute(&mut self, now: Instant) {
        self.muted_until = self.muted_until.filter(|until| *until > now);
    }

    pub fn is_muted(&self) -> bool {
        self.muted_until.is_some()
    }

    /// No further request is taken; what is queued is still written.
    pub fn give_up(&mut self) {
        if matches!(self.state, State::Open | State::Waiting) {
            self.state = State::Flushing;
            self.arriving_since = None;
            self.frames.clear();
        }
    }

    /// Nothing more can be done with this connection.
    pub fn close(&mut self) {
        self.state = State::Closed;
    }

    /// Writes what is queued, as far as the socket and the turn's share go, and goes on from `Flushing` when all is written.
    pub fn flush(&mut self, now: Instant) -> io::Result<Flushed> {
        let before = self.queue.length();
        let flushed = self.queue.flush(&mut self.stream, self.limits.turn_bytes)?;
        if self.queue.length() != before {
            self.last_active = now;
        }
        if self.state == State::Flushing && self.queue.is_empty() {
            self.stream.shutdown_write()?;
            self.state = if self.ended { State::Closed } else { State::Draining };
            self.maybe_readable = true;
        }
        Ok(flushed)
    }

    /// What must hold whenever nobody is at work on the connection.
    pub fn invariants(&self) {
        assert!(!matches!(self.state, State::Flushing | State::Draining) || self.frames.length() == 0);
        assert!(self.state != State::Draining || self.queue.is_empty(), "all is written before our side ends");
        assert!(self.arriving_since.is_none() || self.state == State::Open, "only who is listened to can be slow");
    }

    /// The bytes that have arrived and wait, and those of answers, as the budget counts them.
    pub fn held_bytes(&self) -> usize {
        self.frames.length() + self.queue.owned_bytes()
    }

    /// The parts of logs that wait to be written.
    pub fn buffers(&self) -> impl Iterator<Item = &SharedBuffer> {
        self.queue.buffers()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Duration;

    use super::*;
    use crate::wire::Writer;

    const FRAME_LIMIT: usize = 4 << 20;
    const QUEUED_BYTES: usize = 1 << 20;
    const TURN_BYTES: usize = 1 << 20;
    const LIMITS: Limits = Limits { request_bytes: FRAME_LIMIT, queued_bytes: QUEUED_BYTES, turn_bytes: TURN_BYTES };

    /// What a read of the fake socket meets.
    enum Arrival {
        Bytes(Vec<u8>),
        End,
    }

    /// A socket whose other side is the test. Without an arrival a read would block, as does a write without room.
    #[derive(Default)]
    struct Fake {
        arrivals: VecDeque<Arrival>,
        room: usize,
        written: Vec<u8>,
        shut: bool,
    }

    impl Read for Fake {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.arrivals.front_mut() {
                None => Err(ErrorKind::WouldBlock.into()),
                Some(Arrival::End) => Ok(0),
                Some(Arrival::Bytes(bytes)) => {
                    let count = bytes.len().min(buffer.len());
                    buffer[..count].copy_from_slice(&bytes[..count]);
                    bytes.drain(..count);
                    if bytes.is_empty() {
                        self.arrivals.pop_front();
                    }
                    Ok(count)
                }
            }
        }
    }

    impl Write for Fake {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            assert!(!self.shut, "a write after the end");
            let count = bytes.len().min(self.room);
            if count == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= count;
            self.written.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Stream for Fake {
        fn shutdown_write(&mut self) -> io::Result<()> {
            assert!(!self.shut, "the end comes once");
            self.shut = true;
            Ok(())
        }
    }

    fn connect() -> Connection<Fake> {
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let client = Client { peer: address(50_000), local: address(9092), listener: 0 };
        let fake = Fake { room: usize::MAX, ..Fake::default() };
        Connection::new(
            fake,
            ConnectionId { slot: 0, generation: 0 },
            client,
            LIMITS,
            &Budget::default(),
            Instant::now(),
        )
    }

    /// A request on the wire: its length and its bytes.
    fn request(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
    }

    fn response(bytes: &[u8]) -> Frame {
        let mut writer = Writer::new(0, false);
        writer.raw(bytes);
        writer.finish()
    }

    impl Connection<Fake> {
        fn arrive(&mut self, bytes: &[u8]) {
            self.stream.arrivals.push_back(Arrival::Bytes(bytes.to_vec()));
        }

        fn end(&mut self) {
            self.stream.arrivals.push_back(Arrival::End);
            self.end_is_near = true;
        }

        fn read(&mut self) -> Filled {
            // One for all: making the memory takes longer than the tests do.
            thread_local!(static SPARES: RefCell<Spares> = RefCell::default());
            let filled = SPARES.with_borrow_mut(|spares| self.fill(spares, Instant::now()));
            SPARES.with_borrow_mut(|spares| self.rest(spares));
            filled.expect("the fake does not fail")
        }

        fn take(&mut self) -> Option<Bytes> {
            self.next_frame(Instant::now()).expect("a length that is allowed")
        }

        fn write(&mut self) {
            self.flush(Instant::now()).expect("the fake does not fail");
        }
    }

    /// Brings a connection into a state.
    fn in_state(state: State) -> Connection<Fake> {
        let mut connection = connect();
        connection.arrive(&request(b"one"));
        connection.read();
        match state {
            State::Open => connection.frames.clear(),
            State::Waiting => assert!(connection.take().is_some()),
            State::Flushing => connection.give_up(),
            State::Draining => {
                connection.give_up();
                connection.write();
            }
            State::Closed => connection.close(),
        }
        assert_eq!(connection.state(), state);
        connection
    }

    const STATES: [State; 5] = [State::Open, State::Waiting, State::Flushing, State::Draining, State::Closed];

    /// All ways to cut bytes into pieces.
    fn splits(bytes: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
        (0..1u32 << (bytes.len() - 1)).map(move |mask| {
            let cuts = (1..bytes.len()).filter(move |at| mask & 1 << (at - 1) != 0).chain([bytes.len()]);
            cuts.scan(0, |start, end| Some(&bytes[std::mem::replace(start, end)..end])).collect()
        })
    }

    #[test]
    fn two_requests_arrive_in_every_possible_split_and_are_answered_at_once() {
        let stream = [request(b"one"), request(b"two!")].concat();
        for pieces in splits(&stream) {
            let mut connection = connect();
            let mut taken = Vec::new();
            for piece in &pieces {
                connection.arrive(piece);
                assert_eq!(connection.read(), Filled::Empty);
                while let Some(frame) = connection.take() {
                    assert_eq!((connection.state(), connection.take()), (State::Waiting, None), "{pieces:?}");
                    connection.answer(response(&frame));
                    taken.push(Bytes::copy_from_slice(&frame));
                }
                connection.write();
            }
            assert_eq!(taken, [&b"one"[..], b"two!"], "{pieces:?}");
            assert_eq!(connection.stream.written, stream, "the answers echo the requests");
            assert_eq!(connection.state(), State::Open);
        }
    }

    #[test]
    fn two_requests_arrive_in_every_possible_split_and_the_first_waits() {
        let stream = [request(b"one"), request(b"two!")].concat();
        for pieces in splits(&stream) {
            let mut connection = connect();
            let mut taken = Vec::new();
            for piece in &pieces {
                connection.arrive(piece);
                connection.read();
                taken.extend(connection.take().map(|frame| Bytes::copy_from_slice(&frame)));
            }
            assert_eq!(taken, [&b"one"[..]], "{pieces:?}: the second is not taken before the first is answered");
            assert!(!connection.can_go_on());
            connection.answer(response(b"1"));
            assert!(connection.can_go_on());
            assert_eq!(connection.take().as_deref(), Some(&b"two!"[..]));
            connection.answer(response(b"2"));
            assert_eq!(connection.take(), None);
            connection.write();
            assert_eq!(connection.stream.written, [request(b"1"), request(b"2")].concat());
        }
    }

    #[test]
    fn a_request_without_an_answer_lets_the_next_one_through() {
        let mut connection = connect();
        connection.arrive(&[request(b"one"), request(b"two")].concat());
        connection.read();
        assert_eq!(connection.take().as_deref(), Some(&b"one"[..]));
        connection.done();
        assert_eq!(connection.take().as_deref(), Some(&b"two"[..]));
        assert!(!connection.has_queued());
    }

    #[test]
    fn the_peer_ends_its_side_in_each_state() {
        let check = |state, after_read, after_take, after_write| {
            let mut connection = in_state(state);
            connection.end();
            connection.read();
            assert_eq!(connection.state(), after_read, "{state:?}, read");
            assert_eq!(connection.take(), None);
            assert_eq!(connection.state(), after_take, "{state:?}, looked for a frame");
            connection.write();
            assert_eq!(connection.state(), after_write, "{state:?}, written");
        };
        check(State::Open, State::Open, State::Flushing, State::Closed);
        check(State::Waiting, State::Closed, State::Closed, State::Closed);
        check(State::Flushing, State::Flushing, State::Flushing, State::Draining);
        check(State::Draining, State::Closed, State::Closed, State::Closed);
        check(State::Closed, State::Closed, State::Closed, State::Closed);
    }

    #[test]
    fn requests_in_front_of_the_end_are_still_answered() {
        let mut connection = connect();
        connection.arrive(&[request(b"one"), request(b"two"), b"\0\0".to_vec()].concat());
        connection.end();
        connection.read();
        for expect in [&b"one"[..], b"two"] {
            let frame = connection.take().expect("a whole request");
            assert_eq!(frame, expect);
            connection.answer(response(&frame));
            assert!(connection.can_go_on());
        }
        assert_eq!(connection.take(), None, "half a length is no request");
        assert_eq!(connection.state(), State::Flushing);
        connection.write();
        assert_eq!(connection.stream.written, [request(b"one"), request(b"two")].concat());
        assert!(connection.stream.shut);
        assert_eq!(connection.state(), State::Closed);
    }

    #[test]
    fn a_socket_that_takes_little_gets_all_in_the_end() {
        let answers = [vec![b'a'; 100], vec![b'b'; 7], vec![b'c'; 300]];
        for room in [1, 3, 99, 104, 105, 1000] {
            let mut connection = connect();
            connection.stream.room = 0;
            let mut expect = Vec::new();
            for answer in &answers {
                connection.arrive(&request(b"x"));
                connection.read();
                assert!(connection.take().is_some());
                connection.answer(response(answer));
                expect.extend(request(answer));
                connection.write();
                assert!(connection.has_queued(), "there is no room yet");
            }
            connection.give_up();
            while connection.has_queued() {
                assert!(!connection.stream.shut, "the end comes behind the last answer");
                connection.stream.room = room;
                connection.write();
            }
            assert_eq!(connection.stream.written, expect, "{room} bytes at a time");
            assert_eq!((connection.state(), connection.stream.shut), (State::Draining, true));
        }
    }

    #[test]
    fn a_peer_that_does_not_read_is_not_served() {
        let mut connection = connect();
        connection.stream.room = 0;
        connection.arrive(&[request(b"one"), request(b"two")].concat());
        connection.read();
        assert!(connection.take().is_some());
        connection.answer(response(&vec![0; QUEUED_BYTES]));
        connection.write();
        connection.arrive(&request(b"three"));
        let kept = connection.frames.length();
        assert_eq!((connection.take(), connection.wants_bytes()), (None, false));
        assert_eq!(connection.read(), Filled::More);
        assert_eq!(connection.frames.length(), kept, "what it sends stays in the socket");

        // With its length the answer is four bytes too long; now one byte less than the limit waits.
        connection.stream.room = 5;
        connection.write();
        assert!(connection.has_queued());
        assert_eq!(connection.take().as_deref(), Some(&b"two"[..]));
        connection.done();
        assert_eq!(connection.read(), Filled::Empty);
        assert_eq!(connection.take().as_deref(), Some(&b"three"[..]));
    }

    #[test]
    fn what_arrives_while_a_request_waits_is_kept_up_to_a_limit() {
        let mut connection = in_state(State::Waiting);
        let rest = vec![0; 3 * KEPT_BYTES];
        connection.arrive(&rest);
        assert_eq!(connection.read(), Filled::More);
        assert!(
            (KEPT_BYTES..KEPT_BYTES + 4096).contains(&connection.frames.length()),
            "{}",
            connection.frames.length()
        );
        assert!(!connection.wants_bytes());
        connection.done();
        assert!(connection.wants_bytes());
    }

    #[test]
    fn a_muted_connection_writes_but_does_not_read() {
        let mut connection = in_state(State::Waiting);
        let now = Instant::now();
        let (soon, later) = (now + Duration::from_millis(1), now + Duration::from_millis(2));
        connection.answer(response(b"1"));
        connection.mute(later);
        connection.mute(soon);
        connection.arrive(&request(b"two"));
        assert_eq!(connection.read(), Filled::More, "nothing was read, so there may be something");
        assert_eq!((connection.take(), connection.can_go_on(), connection.wants_bytes()), (None, false, false));
        connection.write();
        assert_eq!(connection.stream.written, request(b"1"));
        connection.unmute(soon);
        assert!(connection.is_muted(), "of two times the longer one counts");
        connection.unmute(later);
        assert!(connection.can_go_on());
        assert_eq!(connection.read(), Filled::Empty);
        assert_eq!(connection.take().as_deref(), Some(&b"two"[..]));
    }

    #[test]
    fn one_turn_reads_no_more_than_its_budget() {
        let mut connection = connect();
        connection.arrive(&request(&vec![0; 3 * TURN_BYTES]));
        for turn in 1..=3 {
            assert_eq!(connection.read(), Filled::More, "turn {turn}");
            assert_eq!(connection.take(), None);
        }
        assert_eq!(connection.read(), Filled::Empty);
        assert_eq!(connection.take().map(|frame| frame.len()), Some(3 * TURN_BYTES));
    }

    #[test]
    fn giving_up_writes_what_is_queued_then_ends_then_drains() {
        for state in [State::Open, State::Waiting] {
            let mut connection = connect();
            connection.stream.room = 0;
            connection.arrive(&[request(b"one"), request(b"two"), request(b"three")].concat());
            connection.read();
            assert!(connection.take().is_some());
            connection.answer(response(b"answer"));
            if state == State::Waiting {
                assert!(connection.take().is_some());
            }
            connection.give_up();
            assert_eq!(
                (connection.state(), connection.take(), connection.wants_bytes()),
                (State::Flushing, None, false)
            );
            connection.write();
            assert_eq!((connection.state(), connection.stream.shut), (State::Flushing, false), "there is no room");
            connection.stream.room = usize::MAX;
            connection.write();
            assert_eq!((connection.state(), connection.stream.shut), (State::Draining, true));
            assert_eq!(connection.stream.written, request(b"answer"));

            connection.arrive(&vec![0; 100_000]);
            connection.read();
            assert_eq!((connection.state(), connection.take()), (State::Draining, None), "what comes is thrown away");
            connection.end();
            connection.read();
            assert_eq!(connection.state(), State::Closed);
        }
    }

    #[test]
    fn an_answer_that_comes_after_the_end_goes_nowhere() {
        for state in [State::Flushing, State::Draining, State::Closed] {
            let mut connection = in_state(State::Waiting);
            connection.give_up();
            if state != State::Flushing {
                connection.write();
            }
            if state == State::Closed {
                connection.close();
            }
            assert_eq!(connection.state(), state);
            connection.answer(response(b"late"));
            assert_eq!((connection.state(), connection.has_queued()), (state, false));
        }
    }

    #[test]
    #[should_panic(expected = "answered once")]
    fn an_answer_without_a_request_is_a_fault_of_the_broker() {
        connect().answer(response(b"answer"));
    }

    #[test]
    fn giving_up_and_closing_change_nothing_twice() {
        for state in STATES {
            let mut connection = in_state(state);
            connection.give_up();
            let after = connection.state();
            assert_eq!(after, if matches!(state, State::Open | State::Waiting) { State::Flushing } else { state });
            connection.give_up();
            assert_eq!(connection.state(), after);
        }
    }

    #[test]
    fn lengths_that_no_request_has() {
        let check = |length: i32, expect| {
            let mut connection = connect();
            connection.arrive(&[request(b"good"), length.to_be_bytes().to_vec()].concat());
            connection.read();
            assert!(connection.take().is_some(), "what stands in front is served");
            connection.done();
            assert_eq!(connection.next_frame(Instant::now()), Err(expect), "{length}");
        };
        check(0, FrameError::Empty);
        check(-1, FrameError::Negative(-1));
        check(i32::MIN, FrameError::Negative(i32::MIN));
        let limit = FRAME_LIMIT;
        check(limit as i32 + 1, FrameError::TooLarge { length: limit + 1, limit });
        check(i32::MAX, FrameError::TooLarge { length: i32::MAX as usize, limit });
    }

    #[test]
    fn a_connection_is_active_when_bytes_move() {
        let mut connection = connect();
        let begin = connection.last_active;
        let later = |seconds| begin + std::time::Duration::from_secs(seconds);
        connection.fill(&mut Spares::default(), later(1)).expect("nothing is there");
        connection.flush(later(1)).expect("nothing to write");
        assert_eq!(connection.last_active, begin);
        connection.arrive(&request(b"one"));
        connection.fill(&mut Spares::default(), later(2)).expect("a request");
        assert_eq!(connection.last_active, later(2));
        assert!(connection.take().is_some());
        connection.answer(response(b"1"));
        connection.flush(later(3)).expect("there is room");
        assert_eq!(connection.last_active, later(3));
    }
}

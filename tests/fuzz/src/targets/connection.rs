//! Whole connections: bytes in arbitrary pieces, with time passing in between, to a broker with small limits.
//!
//! The network is played by an input, which is a script: connections come, send requests and anything else, are slow to read
//! and to be read, end, break; accepting fails, time passes, the broker is told to stop. After each step the invariants of
//! the reactor and the broker hold. In the end all connections go, each at once unless it is muted: then their memory is given
//! back, each had got the answers to its requests in their order and no others, and each answer can be decoded to its end.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use kafka_rs::Config;
use kafka_rs::broker::Now;
use kafka_rs::broker::api;
use kafka_rs::budget::Budget;
use kafka_rs::net::connection::Stream;
use kafka_rs::net::reactor::{Incoming, Reactor, System};
use kafka_rs::wire::header::{self, RequestStart};
use kafka_rs::wire::messages::produce;
use kafka_rs::wire::{Field, Reader, Writer};

use super::input::Input;
use super::member::{Member, Request};
use super::{decode, memory};

/// Inputs of more steps find nothing that others do not.
const STEPS_MAX: usize = 100;
/// After so many turns without an event the loop goes in circles.
const TURNS_MAX: usize = 50_000;
/// A quota of next to nothing mutes a connection for as long as an answer can say, and nobody looks whether it is still there.
const MUTED_MS_MAX: u64 = 1 << 31;
/// Much longer than a connection needs to go whose peer has gone, much shorter than what would end it anyway.
const GOING_MS_MAX: u64 = 1_000;
/// How many deadlines are met one by one while time passes; what comes behind them comes late.
const DEADLINES_MAX: usize = 20;

const API_VERSIONS: i16 = 18;

const MEMORY_BYTES: usize = 256 << 10;
/// What may be held beside what is counted: the tables of topics, groups and sessions, what a request becomes while it is
/// served, and what all connections are read through.
const UNCOUNTED_BYTES: usize = 64 << 20;
/// What stays behind is no leak as long as it does not become more.
const LEFT_BYTES_MAX: isize = 4 << 10;

/// How much can be read or written before it would block.
const ROOMS: [usize; 6] = [0, 1, 7, 100, 5_000, usize::MAX];

const LIMITS: [(&str, &str); 27] = [
    ("connections.max.idle.ms", "600000"),
    ("controller.quota.window.num", "3"),
    ("fetch.max.bytes", "1024"),
    ("group.max.session.timeout.ms", "60000"),
    ("group.max.size", "2"),
    ("group.min.session.timeout.ms", "10"),
    ("log.cleaner.backoff.ms", "1000"),
    ("log.initial.task.delay.ms", "1000"),
    ("log.retention.check.interval.ms", "5000"),
    ("max.connections", "5"),
    ("max.connections.per.ip", "3"),
    ("max.incremental.fetch.session.cache.slots", "2"),
    ("max.request.partition.size.limit", "5"),
    ("num.partitions", "2"),
    ("offset.metadata.max.bytes", "10"),
    ("offsets.retention.check.interval.ms", "60000"),
    ("offsets.retention.minutes", "10"),
    ("producer.id.expiration.check.interval.ms", "5000"),
    ("producer.id.expiration.ms", "60000"),
    ("shutdown.max.ms", "1000"),
    ("socket.request.max.bytes", "20000"),
    ("socket.request.max.ms", "5000"),
    ("socket.response.queued.max.bytes", "1000"),
    ("transaction.max.timeout.ms", "60000"),
    ("turn.max.accepts", "2"),
    ("turn.max.bytes", "700"),
    ("turn.max.requests", "3"),
];

/// What the script and the broker's side of a connection have in common.
#[derive(Debug, Default)]
struct Wire {
    peer: usize,
    /// What has been sent and not been read.
    sent: VecDeque<u8>,
    readable: usize,
    writable: usize,
    /// The peer sends no more.
    ended: bool,
    broken: bool,
    /// The next read or write is interrupted.
    interrupted: bool,
    /// All that the broker's side has read and written.
    read: Vec<u8>,
    written: Vec<u8>,
    shut: bool,
    /// Where the reactor keeps the connection, as long as it does.
    slot: Option<usize>,
    closed: bool,
}

impl Wire {
    fn can_go_on(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.interrupted) {
            return Err(ErrorKind::Interrupted.into());
        }
        if self.broken { Err(ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    fn take(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.writable);
        self.writable -= if self.writable == usize::MAX { 0 } else { count };
        self.written.extend_from_slice(&bytes[..count]);
        count
    }
}

type SharedWire = Rc<RefCell<Wire>>;

/// The broker's side of a connection.
#[derive(Debug)]
struct Socket(SharedWire);

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wire = &mut *self.0.borrow_mut();
        wire.can_go_on()?;
        let count = buffer.len().min(wire.sent.len()).min(wire.readable);
        if count == 0 {
            return if wire.ended && wire.sent.is_empty() { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        wire.readable -= if wire.readable == usize::MAX { 0 } else { count };
        for (to, byte) in buffer.iter_mut().zip(wire.sent.drain(..count)) {
            *to = byte;
        }
        wire.read.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice]) -> io::Result<usize> {
        let wire = &mut *self.0.borrow_mut();
        assert!(!wire.shut, "nothing is written behind the end");
        wire.can_go_on()?;
        let count = pieces.iter().map(|piece| wire.take(piece)).sum();
        if count == 0 && pieces.iter().any(|piece| !piece.is_empty()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Socket {
    fn shutdown_write(&mut self) -> io::Result<()> {
        let wire = &mut *self.0.borrow_mut();
        assert!(!std::mem::replace(&mut wire.shut, true), "the end comes once");
        if wire.broken { Err(ErrorKind::NotConnected.into()) } else { Ok(()) }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.borrow_mut().closed = true;
    }
}

/// The operating system, as the script has it.
#[derive(Debug)]
struct Network {
    waiting: VecDeque<SharedWire>,
    failing: VecDeque<ErrorKind>,
    /// Those that the reactor watches since a moment ago: the system tells at once what there is.
    watched: Vec<SharedWire>,
    clock: Rc<Cell<Instant>>,
}

impl System for Network {
    type Stream = Socket;

    fn acceptors(&self) -> usize {
        1
    }

    fn accept(&mut self, _: usize) -> io::Result<Incoming<Socket>> {
        if let Some(error) = self.failing.pop_front() {
            return Err(error.into());
        }
        let wire = self.waiting.pop_front().ok_or(ErrorKind::WouldBlock)?;
        let number = wire.borrow().peer;
        let address = |last, port| SocketAddr::from(([127, 0, 0, last], port));
        let peer = address(2 + (number % 2) as u8, 50_000 + number as u16);
        Ok(Incoming { stream: Socket(wire), peer, local: address(1, 9092), listener: 0 })
    }

    fn stop_accepting(&mut self) {
        self.waiting.drain(..).for_each(|wire| wire.borrow_mut().closed = true);
    }

    fn watch(&mut self, stream: &mut Socket, slot: usize) -> io::Result<()> {
        stream.0.borrow_mut().slot = Some(slot);
        self.watched.push(Rc::clone(&stream.0));
        Ok(())
    }

    fn watch_writable(&mut self, _: &mut Socket, _: usize, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn unwatch(&mut self, stream: &mut Socket) -> io::Result<()> {
        stream.0.borrow_mut().slot = None;
        Ok(())
    }

    fn clock(&self) -> Instant {
        // Whatever is measured has taken a moment.
        self.clock.set(self.clock.get() + Duration::from_micros(50));
        self.clock.get()
    }
}

struct Script<'a> {
    input: Input<'a>,
    reactor: Reactor<Network>,
    budget: Budget,
    now: Now,
    wires: Vec<SharedWire>,
    next_correlation_id: i32,
    stopped: bool,
}

pub fn run(bytes: &[u8]) {
    let before = memory::held();
    let ((), peak) = memory::peak(|| Script::new(bytes).run());
    assert!(peak <= MEMORY_BYTES + UNCOUNTED_BYTES, "{peak} bytes are held");
    let left = memory::held() - before;
    assert!(left <= LEFT_BYTES_MAX, "{left} bytes are never freed");
}

impl<'a> Script<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut config = Config::default();
        for (name, value) in LIMITS {
            config.set(name, value).expect("a property of the table");
        }
        let now = Now { instant: Instant::now(), unix_ms: 1_700_000_000_000 };
        let clock = Rc::new(Cell::new(now.instant));
        let network = Network { waiting: VecDeque::new(), failing: VecDeque::new(), watched: Vec::new(), clock };
        let budget = Budget::new(MEMORY_BYTES);
        let reactor = Reactor::new(network, config, budget.clone(), 1, now);
        let input = Input::new(bytes);
        let mut script =
            Self { input, reactor, budget, now, wires: Vec::new(), next_correlation_id: 0, stopped: false };
        script.connect();
        script.settle();
        script
    }

    fn run(mut self) {
        for _ in 0..STEPS_MAX {
            if self.input.is_empty() {
                break;
            }
            self.step();
            self.settle();
        }
        self.end();
    }

    /// ```text
    /// step: 1 byte    bits 0 to 3: what is done, bits 4 to 6: to which connection
    /// ```
    fn step(&mut self) {
        let step = self.input.byte();
        let wire = Rc::clone(&self.wires[usize::from(step >> 4 & 7) % self.wires.len()]);
        match step & 0x0f {
            0..=4 => self.request(&wire),
            5 => self.request_of_member(&wire),
            6 => {
                let bytes = self.input.piece();
                wire.borrow_mut().sent.extend(bytes);
            }
            7 => {
                let ms = self.input.pick(&[1, 10, 100, 1_000, 5_000, 30_000, 600_000]);
                self.pass(ms);
            }
            8 => wire.borrow_mut().writable = self.input.pick(&ROOMS),
            9 => wire.borrow_mut().readable = self.input.pick(&ROOMS),
            10 => self.connect(),
            11 => wire.borrow_mut().ended = true,
            12 => wire.borrow_mut().broken = true,
            13 => self.spurious(),
            14 => {
                wire.borrow_mut().interrupted = true;
                let kinds = [ErrorKind::Interrupted, ErrorKind::ConnectionAborted, ErrorKind::Other];
                let kind = self.input.pick(&kinds);
                self.reactor.system_mut().failing.push_back(kind);
            }
            // A stop ends everything, so it is not to come by chance.
            _ if self.input.word() == u16::from_be_bytes(*b"st") => self.stop(),
            _ => {}
        }
        self.announce(&wire);
    }

    /// Sends a request whose body the input has. Its header and its length are right.
    fn request(&mut self, wire: &SharedWire) {
        let (key, version) = (i16::from(self.input.byte()), i16::from(self.input.byte()));
        let body = self.input.piece();
        self.send(wire, key, version, body);
    }

    /// Sends a request of the group's member that this connection is, or will be with it.
    fn request_of_member(&mut self, wire: &SharedWire) {
        let last = {
            let wire = wire.borrow();
            answers(&wire.read, &wire.written)
                .filter_map(|(api, version, body)| Member::from_answer(api, version, body))
                .last()
        };
        let Request { key, version, body } = last.unwrap_or_default().request(&mut self.input);
        self.send(wire, key, version, &body);
    }

    fn send(&mut self, wire: &SharedWire, key: i16, version: i16, body: &[u8]) {
        let flexible = api::find(key).is_some_and(|api| api.is_flexible(version));
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id += 1;
        let mut writer = Writer::new(version, flexible);
        let start = RequestStart { api_key: key, api_version: version, correlation_id };
        header::write_request(&mut writer, start, Some("fuzz"));
        writer.raw(body);
        wire.borrow_mut().sent.extend(writer.finish().to_bytes());
    }

    fn connect(&mut self) {
        if self.stopped {
            return;
        }
        let peer = self.wires.len();
        let wire = Wire { peer, readable: usize::MAX, writable: usize::MAX, ..Wire::default() };
        let wire = Rc::new(RefCell::new(wire));
        self.wires.push(Rc::clone(&wire));
        self.reactor.system_mut().waiting.push_back(wire);
        self.reactor.on_acceptable(0);
    }

    fn stop(&mut self) {
        self.reactor.begin_stop(self.now);
        self.stopped = true;
    }

    /// Tells the reactor that a connection can be read and written.
    fn announce(&mut self, wire: &SharedWire) {
        let (slot, end_is_near) = {
            let wire = wire.borrow();
            (wire.slot, wire.ended || wire.broken)
        };
        if let Some(slot) = slot {
            self.reactor.on_readable(slot, end_is_near);
            self.reactor.on_writable(slot);
        }
    }

    /// Events that mean nothing, some for connections that there are not.
    fn spurious(&mut self) {
        let event = self.input.byte();
        let (slot, end_is_near) = (usize::from(event % 8), event & 8 != 0);
        self.reactor.on_writable(slot);
        self.reactor.on_readable(slot, end_is_near);
        self.reactor.on_acceptable(0);
    }

    /// Lets the loop turn until it would sleep.
    fn settle(&mut self) {
        for turn in 0.. {
            self.reactor.turn(self.now);
            for wire in std::mem::take(&mut self.reactor.system_mut().watched) {
                self.announce(&wire);
            }
            if self.reactor.timeout(self.now.instant) != Some(Duration::ZERO) {
                break;
            }
            assert!(turn < TURNS_MAX, "the loop goes in circles");
        }
        self.reactor.invariants();
        assert!(!self.reactor.is_done() || self.stopped);
    }

    fn pass(&mut self, ms: u64) {
        let end = self.now.instant + Duration::from_millis(ms);
        for _ in 0..DEADLINES_MAX {
            let Some(timeout) = self.reactor.timeout(self.now.instant) else { break };
            if self.now.instant + timeout > end {
                break;
            }
            // As the system does it: not before the moment, if perhaps a little later.
            self.sleep(timeout.max(Duration::from_millis(1)));
        }
        self.sleep(end.saturating_duration_since(self.now.instant));
    }

    fn sleep(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.unix_ms += time.as_millis() as i64;
        self.reactor.system().clock.set(self.now.instant);
        self.settle();
    }

    /// All connections go, one way or the other, and the time of all that waits is over.
    fn end(mut self) {
        for wire in self.wires.clone() {
            {
                let wire = &mut *wire.borrow_mut();
                (wire.ended, wire.readable, wire.writable) = (true, usize::MAX, usize::MAX);
            }
            self.announce(&wire);
            self.settle();
        }
        self.reactor.system_mut().failing.clear();
        self.pass(GOING_MS_MAX);
        let is_muted = self.wires.iter().any(|wire| frames(&wire.borrow().read).any(sets_quotas));
        for wire in &self.wires {
            let wire = wire.borrow();
            assert!(wire.closed || is_muted, "connection {} goes when its peer has gone", wire.peer);
        }
        // Those who are muted or were never accepted get their turn, and those who waited have gone in vain.
        for _ in 0..3 {
            self.pass(MUTED_MS_MAX);
        }
        for wire in self.wires.clone() {
            wire.borrow_mut().broken = true;
            self.announce(&wire);
        }
        self.settle();
        self.pass(3_600_000);

        assert_eq!(self.reactor.broker().waiting_bytes(), 0, "nobody waits and no group has members");
        let logs: BTreeMap<_, _> =
            self.reactor.broker().buffers().map(|buffer| (Rc::as_ptr(buffer), buffer.borrow().capacity())).collect();
        let left = logs.values().sum::<usize>() + self.reactor.broker().held_bytes();
        assert_eq!(self.budget.held(), left, "only what clients have stored is left");
        for wire in &self.wires {
            let wire = wire.borrow();
            assert!(wire.closed, "connection {} is closed", wire.peer);
            for (api, version, body) in answers(&wire.read, &wire.written) {
                let decoded = decode::read_response(api, version, body);
                assert_eq!(decoded, Ok(()), "{} v{version}", api.name);
            }
        }
        self.stop();
        self.settle();
        assert!(self.reactor.is_done());
        drop(self.reactor);
        assert_eq!(self.budget.held(), 0);
    }
}

/// The bodies of all answers that were written. Each is that to the next request that wants one; the last one may be cut off.
fn answers(read: &[u8], written: &[u8]) -> impl Iterator<Item = (&'static api::Api, i16, Bytes)> {
    let mut requests = frames(read);
    frames(written).map(move |answer| {
        let (api, version, correlation_id) = requests.find_map(wanted).expect("an answer has a request");
        let mut reader = Reader::new(answer.clone(), version, false);
        // The answer to ApiVersions has the classic header, whatever the version.
        let flexible = api.is_flexible(version) && api.key != API_VERSIONS;
        let answered = header::read_response(&mut reader, flexible);
        assert_eq!(answered, Ok(correlation_id), "{} v{version}", api.name);
        (api, version, answer.slice(answer.len() - reader.left()..))
    })
}

/// What an answer to a request looks like, if it gets one.
fn wanted(request: Bytes) -> Option<(&'static api::Api, i16, i32)> {
    const PRODUCE: i16 = 0;
    let mut reader = Reader::new(request, 0, false);
    let start = RequestStart::read(&mut reader).ok()?;
    let RequestStart { api_key, api_version: version, correlation_id } = start;
    let api = api::find(api_key)?;
    match api.supports(version) {
        false if api_key == API_VERSIONS => return Some((api, 0, correlation_id)),
        false => return None,
        true => {}
    }
    header::read_request_rest(&mut reader, version, api.is_flexible(version)).ok()?;
    if api_key == PRODUCE && produce::Request::read(&mut reader).is_ok_and(|request| request.acks == 0) {
        return None;
    }
    Some((api, version, correlation_id))
}

/// Whether a request may have been one for quotas, which mute whom they concern.
fn sets_quotas(request: Bytes) -> bool {
    const ALTER_CLIENT_QUOTAS: [u8; 2] = [0, 49];
    request.starts_with(&ALTER_CLIENT_QUOTAS)
}

/// The whole frames of a stream, without their lengths.
fn frames(stream: &[u8]) -> impl Iterator<Item = Bytes> {
    let mut stream = Bytes::copy_from_slice(stream);
    std::iter::from_fn(move || {
        let length = usize::try_from(i32::from_be_bytes(*stream.first_chunk()?)).ok().filter(|length| *length > 0)?;
        if stream.len() - 4 < length {
            return None;
        }
        stream.advance(4);
        Some(stream.split_to(length))
    })
}

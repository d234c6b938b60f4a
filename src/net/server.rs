//! The poll loop.
//!
//! One turn of [`Server::run`] is the whole program:
//!
//! ```text
//!         ┌────────────────────────────────────────────────────────────────────────────────┐
//!         ▼                                                                                │
//!   poll: sleep until a socket has something, or the first deadline                        │
//!     │                                                                                    │
//!   accept ──► read what arrived ──► take frames out, each through the broker ──► end_turn │
//!     │                                             ▲                                │     │
//!     │                                             └── freed connections go on ◄────┤     │
//!     │                                                                              ▼     │
//!   expire idle connections ◄────────────── write what is queued, close what is done ──────┘
//! ```
//!
//! mio tells each change of a socket once ('edge-triggered'): after an event one has to read until the socket says that it
//! would block. A connection that stops before that, because it has used up its share of the turn, because its answers pile
//! up, or because its request waits, remembers so in `maybe_readable` and stands in the list `ready` as soon as it can go on.
//! While anyone stands there, `poll` does not sleep.
//!
//! Nothing here blocks but `poll` itself. The clock is read once a turn, when `poll` comes back, and once more to find out
//! how long it may sleep.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use log::{debug, error, info, warn};
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use super::connection::{Connection, Filled, State, Stream};
use super::listen::{self, StartError};
use crate::broker::deadlines::Deadlines;
use crate::broker::{Broker, Client, ConnectionId, Now, Output};
use crate::config::{Config, StartTopic};

const WAKER: Token = Token(usize::MAX);
#[cfg(unix)]
const SIGNALS: Token = Token(usize::MAX - 1);
/// Listeners have the tokens from 0 on, connections those from here on.
const FIRST_CONNECTION: usize = 1 << 16;

/// How many events one `poll` brings at most.
const EVENTS_PER_TURN: usize = 1024;
/// What all connections read through: see [`Connection::fill`].
const SCRATCH_BYTES: usize = 256 << 10;
/// How many frames of one connection are served in a turn before the others get theirs.
const FRAMES_PER_TURN: usize = 64;
/// How long accepting pauses when the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a peer has to read its last answer and to close.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// How long a stop waits for answers that are being written.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// What can become due in the network layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    /// A connection may have been idle for too long.
    Idle(ConnectionId),
    /// A connection has had its time to drain.
    Drained(ConnectionId),
    /// A connection's client need not be quiet any longer.
    Unmute(ConnectionId),
    /// Accepting can be tried again.
    Accept,
    /// The stop has waited long enough.
    Stop,
}

/// A socket that accepts, and the position of its listener in the configuration.
#[derive(Debug)]
struct Acceptor {
    socket: TcpListener,
    listener: usize,
}

impl Stream for TcpStream {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// A broker with its sockets.
pub struct Server {
    poll: Poll,
    #[cfg(unix)]
    signals: Option<signal_hook_mio::v1_0::Signals>,
    waker: Arc<Waker>,
    stop_requested: Arc<AtomicBool>,
    acceptors: Vec<Acceptor>,
    connections: Slab<Connection<TcpStream>>,
    next_generation: u64,
    /// Connections that can go on without an event.
    ready: Vec<ConnectionId>,
    /// Connections that have something to write, or something to close.
    dirty: Vec<ConnectionId>,
    deadlines: Deadlines<Deadline>,
    stopping: bool,
    /// Accepting goes on when one of the `max.connections` ends.
    accept_waits: bool,
    broker: Broker,
    frame_limit: usize,
    idle_limit: Option<Duration>,
    scratch: Vec<u8>,
}

/// Ends a running server from another thread.
#[derive(Debug, Clone)]
pub struct Stopper {
    waker: Arc<Waker>,
    stop_requested: Arc<AtomicBool>,
}

impl Stopper {
    pub fn stop(&self) {
        self.stop_requested.store(true, Ordering::Release);
        if let Err(error) = self.waker.wake() {
            error!("Cannot wake the poll loop to stop it: {error}");
        }
    }
}

fn read_clock() -> Now {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { instant: Instant::now(), unix_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX) }
}

/// Random bits from the operating system, by the way of the seed that every `HashMap` gets.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

/// A property that cannot be negative.
fn limit(property: i32) -> usize {
    usize::try_from(property).unwrap_or(0)
}

impl Server {
    /// Opens the sockets. Clients can connect from here on, and are served by [`Server::run`].
    pub fn bind(config: Config) -> Result<Self, StartError> {
        config.check()?;
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let mut acceptors = Vec::new();
        for (listener, settings) in config.listeners.iter().enumerate() {
            for mut socket in listen::open(settings)? {
                poll.registry().register(&mut socket, Token(acceptors.len()), Interest::READABLE)?;
                acceptors.push(Acceptor { socket, listener });
            }
        }
        Ok(Self {
            poll,
            #[cfg(unix)]
            signals: None,
            waker,
            stop_requested: Arc::default(),
            acceptors,
            connections: Slab::new(),
            next_generation: 0,
            ready: Vec::new(),
            dirty: Vec::new(),
            deadlines: Deadlines::default(),
            stopping: false,
            accept_waits: false,
            frame_limit: limit(config.socket_request_max_bytes),
            idle_limit: u64::try_from(config.connections_max_idle_ms).ok().map(Duration::from_millis),
            broker: Broker::new(config, random_seed(), read_clock()),
            scratch: vec![0; SCRATCH_BYTES],
        })
    }

    /// Creates topics before the first client comes.
    pub fn create_topics(&mut self, topics: &[StartTopic]) {
        topics.iter().for_each(|topic| self.broker.create_start_topic(topic));
    }

    /// Lets SIGTERM and SIGINT stop the server, as a program wants it that is nothing but a server.
    #[cfg(unix)]
    pub fn stop_on_signals(&mut self) -> io::Result<()> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let mut signals = signal_hook_mio::v1_0::Signals::new([SIGTERM, SIGINT])?;
        self.poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        self.signals = Some(signals);
        Ok(())
    }

    /// Elsewhere the system ends the process by itself on Ctrl-C.
    #[cfg(not(unix))]
    pub fn stop_on_signals(&mut self) -> io::Result<()> {
        Ok(())
    }

    pub fn stopper(&self) -> Stopper {
        Stopper { waker: Arc::clone(&self.waker), stop_requested: Arc::clone(&self.stop_requested) }
    }

    /// One address of each listener, in the order of the configuration: the first that it listens on.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let mut addresses = Vec::new();
        let mut last = None;
        for acceptor in &self.acceptors {
            if last != Some(acceptor.listener) {
                addresses.push(acceptor.socket.local_addr()?);
            }
            last = Some(acceptor.listener);
        }
        Ok(addresses)
    }

    /// Serves clients until it is told to stop.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        while !(self.stopping && self.connections.is_empty()) {
            match self.poll.poll(&mut events, self.timeout()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            let now = read_clock();
            for event in &events {
                self.on_event(event, now);
            }
            self.serve_ready(now);
            self.broker.end_turn(now);
            self.take_outputs(None, now);
            self.write_dirty(now);
            self.expire(now);
        }
        info!("Stopped");
        Ok(())
    }

    /// How long `poll` may sleep: until the first deadline, and not at all while a connection can go on.
    fn timeout(&self) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let first = [self.broker.next_deadline(), self.deadlines.next()].into_iter().flatten().min()?;
        Some(first.saturating_duration_since(Instant::now()))
    }

    fn on_event(&mut self, event: &Event, now: Now) {
        match event.token() {
            WAKER => {
                if self.stop_requested.load(Ordering::Acquire) {
                    self.begin_stop(now);
                }
            }
            #[cfg(unix)]
            SIGNALS => self.on_signals(now),
            Token(index) if index < FIRST_CONNECTION => self.accept(index, now),
            Token(token) => self.on_connection_event(token - FIRST_CONNECTION, event),
        }
    }

    #[cfg(unix)]
    fn on_signals(&mut self, now: Now) {
        let caught = self.signals.as_mut().and_then(|signals| signals.pending().last());
        if let Some(signal) = caught {
            info!("Stopping on signal {signal}");
            self.begin_stop(now);
        }
    }

    fn on_connection_event(&mut self, slot: usize, event: &Event) {
        // A connection that was closed in this very turn may still have an event.
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let id = connection.id;
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            connection.maybe_readable = true;
            self.ready.push(id);
        }
        if event.is_writable() {
            self.dirty.push(id);
        }
    }

    /// How many connections there may be, which clients can change.
    fn max_connections(&self) -> usize {
        limit(self.broker.config().max_connections)
    }

    /// Accepts whoever has connected. Beyond `max.connections` the others wait in the socket.
    fn accept(&mut self, index: usize, now: Now) {
        while let Some(acceptor) = self.acceptors.get(index) {
            if self.connections.len() >= self.max_connections() {
                self.accept_waits = true;
                return;
            }
            match acceptor.socket.accept() {
                Ok((stream, peer)) => {
                    let listener = acceptor.listener;
                    if let Err(error) = self.admit(stream, peer, listener, now) {
                        debug!("Lost a connection from {peer} while accepting it: {error}");
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {
                    debug!("A connection was aborted: {error}")
                }
                Err(error) => {
                    // No file descriptor is left, most likely. The event will not come again, so look again later.
                    warn!("Cannot accept connections: {error}");
                    self.deadlines.schedule(now.instant + ACCEPT_PAUSE, Deadline::Accept);
                    return;
                }
            }
        }
    }

    fn admit(&mut self, mut stream: TcpStream, peer: SocketAddr, listener: usize, now: Now) -> io::Result<()> {
        let from_peer = |connection: &Connection<_>| connection.client.peer.ip() == peer.ip();
        let max_per_ip = limit(self.broker.config().max_connections_per_ip);
        if max_per_ip < self.max_connections()
            && self.connections.iter().filter(|(_, connection)| from_peer(connection)).count() >= max_per_ip
        {
            warn!("Refusing a connection from {peer}: max.connections.per.ip is {max_per_ip}");
            return Ok(());
        }
        if !self.broker.admits(peer.ip(), now) {
            debug!("Refusing a connection from {peer}: too many came from there lately");
            return Ok(());
        }
        // Without this, a small answer waits in the system until the peer has acknowledged the one before.
        stream.set_nodelay(true)?;
        let client = Client { peer, local: stream.local_addr()?, listener };
        let entry = self.connections.vacant_entry();
        let id = ConnectionId { slot: entry.key(), generation: self.next_generation };
        self.next_generation += 1;
        self.poll.registry().register(&mut stream, Token(FIRST_CONNECTION + id.slot), Interest::READABLE)?;
        entry.insert(Connection::new(stream, id, client, self.frame_limit, now.instant));
        if let Some(limit) = self.idle_limit {
            self.deadlines.schedule(now.instant + limit, Deadline::Idle(id));
        }
        debug!("Accepted a connection from {peer}");
        self.ready.push(id);
        Ok(())
    }

    /// The connection that an id means, if it still exists.
    fn connection(&mut self, id: ConnectionId) -> Option<&mut Connection<TcpStream>> {
        self.connections.get_mut(id.slot).filter(|connection| connection.id == id)
    }

    /// Lets every connection that can go on read and serve its share.
    fn serve_ready(&mut self, now: Now) {
        let mut ready = mem::take(&mut self.ready);
        ready.sort_unstable();
        ready.dedup();
        for id in ready {
            self.serve(id, now);
        }
    }

    fn serve(&mut self, id: ConnectionId, now: Now) {
        self.read(id, now);
        for _ in 0..FRAMES_PER_TURN {
            let Some(connection) = self.connection(id) else { return };
            let client = connection.client;
            match connection.next_frame() {
                Ok(Some(frame)) => self.handle(id, client, frame, now),
                Ok(None) => return self.dirty.push(id),
                Err(refused) => {
                    error!("Closing the connection of {}: {refused}", client.peer);
                    connection.give_up();
                    return self.dirty.push(id);
                }
            }
            self.take_outputs(Some(id), now);
            if let Some(connection) = self.connection(id).filter(|connection| connection.waits_in_vain()) {
                connection.close();
                return self.dirty.push(id);
            }
        }
        self.ready.push(id);
    }

    /// Lets the broker serve one request. Only while there are quotas for it, the time that this takes is measured.
    fn handle(&mut self, id: ConnectionId, client: Client, frame: Bytes, now: Now) {
        let started = self.broker.measures_requests().then(Instant::now);
        self.broker.handle(id, client, frame, now);
        if let Some(started) = started {
            self.broker.charge(started.elapsed(), now);
        }
    }

    fn read(&mut self, id: ConnectionId, now: Now) {
        // The scratch buffer is lent to the connection, which lies in the server too.
        let mut scratch = mem::take(&mut self.scratch);
        if let Some(connection) = self.connection(id).filter(|connection| connection.maybe_readable) {
            match connection.fill(&mut scratch, now.instant) {
                Ok(Filled::Empty) => connection.maybe_readable = false,
                Ok(Filled::More) => {
                    if connection.wants_bytes() {
                        self.ready.push(id);
                    }
                }
                Err(error) => {
                    debug!("Lost the connection of {}: {error}", connection.client.peer);
                    connection.close();
                    self.dirty.push(id);
                }
            }
        }
        self.scratch = scratch;
    }

    /// Does what the broker wants done with connections. `serving` is the one that goes on by itself.
    fn take_outputs(&mut self, serving: Option<ConnectionId>, now: Now) {
        while let Some(output) = self.broker.poll_output() {
            let (Output::Answer { connection: id, .. }
            | Output::Done { connection: id }
            | Output::Mute { connection: id, .. }
            | Output::Close { connection: id, .. }) = &output;
            let id = *id;
            let Some(connection) = self.connection(id) else { continue };
            match output {
                Output::Answer { frame, .. } => {
                    debug!("Sent response ({} bytes)", frame.length());
                    connection.answer(frame);
                }
                Output::Done { .. } => connection.done(),
                Output::Mute { ms, .. } => {
                    debug!("Reading nothing from {} for {ms} ms: it has used up a quota", connection.client.peer);
                    let until = now.after_ms(ms);
                    connection.mute(until);
                    self.deadlines.schedule(until, Deadline::Unmute(id));
                    continue;
                }
                Output::Close { reason, .. } => {
                    error!("Closing the connection of {}: {reason}", connection.client.peer);
                    connection.give_up();
                }
            }
            if connection.can_go_on() && serving != Some(id) {
                self.ready.push(id);
            }
            self.dirty.push(id);
        }
    }

    /// Writes what is queued, one vectored write for each connection as far as its socket goes, and closes what is done.
    fn write_dirty(&mut self, now: Now) {
        let mut dirty = mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        for id in dirty {
            self.write(id, now);
        }
    }

    fn write(&mut self, id: ConnectionId, now: Now) {
        let Some(connection) = self.connections.get_mut(id.slot).filter(|connection| connection.id == id) else {
            return;
        };
        let (before, was_congested) = (connection.state(), connection.is_congested());
        if let Err(error) = connection.flush(now.instant) {
            debug!("Lost the connection of {}: {error}", connection.client.peer);
            connection.close();
        }
        if connection.state() == State::Closed {
            return self.remove(id);
        }
        if matches!(connection.state(), State::Flushing | State::Draining) {
            // Scheduling it more than once does no harm: the first one to come ends the connection.
            self.deadlines.schedule(now.instant + DRAIN_LIMIT, Deadline::Drained(id));
            if connection.state() != before {
                self.ready.push(id);
            }
        }
        if was_congested && !connection.is_congested() {
            // Frames that are here already can be taken again, and no event will say so.
            self.ready.push(id);
        }
        let wants_writable = connection.has_queued();
        if wants_writable != connection.wants_writable {
            connection.wants_writable = wants_writable;
            let interest = if wants_writable { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let token = Token(FIRST_CONNECTION + id.slot);
            if let Err(error) = self.poll.registry().reregister(&mut connection.stream, token, interest) {
                error!("Cannot watch the connection of {}: {error}", connection.client.peer);
                return self.remove(id);
            }
            if !wants_writable {
                self.ready.push(id);
            }
        }
    }

    fn remove(&mut self, id: ConnectionId) {
        let mut connection = self.connections.remove(id.slot);
        if let Err(error) = self.poll.registry().deregister(&mut connection.stream) {
            debug!("Cannot stop watching the connection of {}: {error}", connection.client.peer);
        }
        self.broker.forget(id);
        debug!("Closed the connection of {}", connection.client.peer);
    }

    fn accept_all(&mut self, now: Now) {
        (0..self.acceptors.len()).for_each(|index| self.accept(index, now));
    }

    /// Does what is due in the network layer.
    fn expire(&mut self, now: Now) {
        if self.connections.len() < self.max_connections() && mem::take(&mut self.accept_waits) {
            self.accept_all(now);
        }
        while let Some(deadline) = self.deadlines.pop_due(now.instant) {
            match deadline {
                Deadline::Idle(id) => self.on_idle(id, now),
                Deadline::Drained(id) => {
                    if self.connection(id).is_some() {
                        self.remove(id);
                    }
                }
                Deadline::Unmute(id) => {
                    if let Some(connection) = self.connection(id) {
                        connection.unmute(now.instant);
                        self.ready.push(id);
                    }
                }
                Deadline::Accept => self.accept_all(now),
                Deadline::Stop => {
                    let left: Vec<_> = self.connections.iter().map(|(_, connection)| connection.id).collect();
                    left.into_iter().for_each(|id| self.remove(id));
                }
            }
        }
    }

    /// A connection's idle limit is looked at when it may be over, not each time that a byte moves.
    fn on_idle(&mut self, id: ConnectionId, now: Now) {
        let Some(limit) = self.idle_limit else { return };
        let Some(connection) = self.connection(id) else { return };
        let waits_for_us = connection.state() == State::Waiting || connection.is_muted();
        let since = if waits_for_us { now.instant } else { connection.last_active };
        if since + limit > now.instant {
            self.deadlines.schedule(since + limit, Deadline::Idle(id));
        } else {
            debug!("Closing the idle connection of {}", connection.client.peer);
            self.remove(id);
        }
    }

    /// Accepts no more. What is being answered is still written, for a moment.
    fn begin_stop(&mut self, now: Now) {
        if mem::replace(&mut self.stopping, true) {
            return;
        }
        self.acceptors.clear();
        self.deadlines.schedule(now.instant + STOP_LIMIT, Deadline::Stop);
        let open: Vec<_> = self.connections.iter().map(|(_, connection)| connection.id).collect();
        for id in open {
            self.serve(id, now);
            if let Some(connection) = self.connection(id) {
                connection.give_up();
                self.dirty.push(id);
            }
        }
    }
}

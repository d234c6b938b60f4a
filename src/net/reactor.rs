//! What happens in one turn of the loop: the slab of connections, who can go on, who has something to write, what is due.
//!
//! The reactor works over whatever gives it connections ([`System`]): mio's sockets in `server.rs`, where the loop itself is, or
//! a test that plays the network and the clock. A turn is
//!
//! ```text
//!   on_acceptable, on_readable, on_writable …     what the system has told, any number of times
//!         │
//!         ▼
//!   turn: accept ──► read what arrived ──► take frames out, each through the broker
//!                                                    │
//!         write what is queued, close what is done ◄─┘ ──► do what is due
//! ```
//!
//! The system tells each change of a socket once ('edge-triggered'): after that one has to read until the socket says that it
//! would block. A connection that stops before that, because it has used up its share of the turn, because its answers pile
//! up, or because its request waits, remembers so in `maybe_readable` and stands in the list `ready` as soon as it can go on.
//! Who stopped writing before the socket would block stands in `dirty`. While anyone stands in a list, the loop does not
//! sleep.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use log::{debug, error, warn};
use slab::Slab;

use super::connection::{Connection, Filled, Limits, State, Stream};
use super::frame::Spares;
use super::write_queue::Flushed;
use crate::broker::deadlines::Deadlines;
use crate::broker::{Broker, Client, ConnectionId, Now, Output};
use crate::budget::Budget;
use crate::config::Config;

/// How long accepting pauses when the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a peer has to read its last answer and to close.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// What can become due in the network layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    /// A connection may have been idle for too long.
    Idle(ConnectionId),
    /// A request may have been arriving for too long.
    Arrival(ConnectionId),
    /// A connection has had its time to drain.
    Drained(ConnectionId),
    /// A connection's client need not be quiet any longer.
    Unmute(ConnectionId),
    /// Accepting can be tried again.
    Accept,
    /// The stop has waited long enough.
    Stop,
}

/// A connection that has just been accepted.
#[derive(Debug)]
pub struct Incoming<S> {
    pub stream: S,
    pub peer: SocketAddr,
    /// Our own address, as the peer dialled it.
    pub local: SocketAddr,
    /// The position of the listener in the configuration.
    pub listener: usize,
}

/// What the reactor asks of the operating system.
pub trait System {
    type Stream: Stream;

    /// How many sockets accept connections.
    fn acceptors(&self) -> usize;

    /// Takes the next connection that waits at a socket, or says that it would block.
    fn accept(&mut self, acceptor: usize) -> io::Result<Incoming<Self::Stream>>;

    /// Accepts nothing more: who connects from now on is refused.
    fn stop_accepting(&mut self);

    /// From now on, the reactor is told when the stream can be read.
    fn watch(&mut self, stream: &mut Self::Stream, slot: usize) -> io::Result<()>;

    /// Whether the reactor is to be told too when the stream can be written.
    fn watch_writable(&mut self, stream: &mut Self::Stream, slot: usize, wanted: bool) -> io::Result<()>;

    /// The stream is about to be closed.
    fn unwatch(&mut self, stream: &mut Self::Stream) -> io::Result<()>;

    /// The time now, to measure what a request has cost.
    fn clock(&self) -> Instant;
}

/// How many of a turn's goods there are, and how long things may take.
#[derive(Debug, Clone, Copy)]
struct Turn {
    accepts_max: usize,
    requests_max: usize,
    arrival_limit: Duration,
    idle_limit: Option<Duration>,
    stop_limit: Duration,
}

/// A broker with its connections.
#[derive(Debug)]
pub struct Reactor<S: System> {
    system: S,
    connections: Slab<Connection<S::Stream>>,
    /// How many connections each address has.
    per_address: HashMap<IpAddr, usize>,
    next_generation: u64,
    /// The sockets at which connections may wait that no event will announce again.
    acceptable: Vec<usize>,
    /// Connections that can go on without an event.
    ready: Vec<ConnectionId>,
    /// Connections that have something to write, or something to close.
    dirty: Vec<ConnectionId>,
    /// Connections that are not read any further until there is memory.
    starved: Vec<ConnectionId>,
    deadlines: Deadlines<Deadline>,
    stopping: bool,
    /// Accepting goes on when one of the `max.connections` ends.
    accept_waits: bool,
    broker: Broker,
    budget: Budget,
    limits: Limits,
    turn: Turn,
    /// What connections read into.
    spares: Spares,
}

/// A property that cannot be negative.
fn limit(property: i32) -> usize {
    usize::try_from(property).unwrap_or(0)
}

/// A property in milliseconds; a negative one is no limit.
fn duration(property: i64) -> Option<Duration> {
    u64::try_from(property).ok().map(Duration::from_millis)
}

impl<S: System> Reactor<S> {
    /// `seed` is what the broker's identifiers follow from; `budget` is all the memory that clients may make it hold.
    pub fn new(system: S, config: Config, budget: Budget, seed: u64, now: Now) -> Self {
        Self {
            limits: Limits {
                request_bytes: limit(config.socket_request_max_bytes),
                queued_bytes: limit(config.socket_response_queued_max_bytes),
                turn_bytes: limit(config.turn_max_bytes),
            },
            turn: Turn {
                accepts_max: limit(config.turn_max_accepts),
                requests_max: limit(config.turn_max_requests),
                arrival_limit: duration(config.socket_request_max_ms).unwrap_or_default(),
                idle_limit: duration(config.connections_max_idle_ms),
                stop_limit: duration(config.shutdown_max_ms).unwrap_or_default(),
            },
            broker: Broker::new(config, budget.clone(), seed, now),
            budget,
            acceptable: (0..system.acceptors()).collect(),
            system,
            connections: Slab::new(),
            per_address: HashMap::new(),
            next_generation: 0,
            ready: Vec::new(),
            dirty: Vec::new(),
            starved: Vec::new(),
            deadlines: Deadlines::default(),
            stopping: false,
            accept_waits: false,
            spares: Spares::default(),
        }
    }

    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    pub fn broker_mut(&mut self) -> &mut Broker {
        &mut self.broker
    }

    pub fn system(&self) -> &S {
        &self.system
    }

    pub fn system_mut(&mut self) -> &mut S {
        &mut self.system
    }

    /// Whether the reactor has stopped, and nothing is left to be done.
    pub fn is_done(&self) -> bool {
        self.stopping && self.connections.is_empty()
    }

    /// How long the loop may sleep: until the first deadline, and not at all while somebody can go on.
    pub fn timeout(&self, now: Instant) -> Option<Duration> {
        if !(self.ready.is_empty() && self.dirty.is_empty() && self.acceptable.is_empty()) {
            return Some(Duration::ZERO);
        }
        let first = [self.broker.next_deadline(), self.deadlines.next()].into_iter().flatten().min()?;
        Some(first.saturating_duration_since(now))
    }

    /// Somebody may have connected.
    pub fn on_acceptable(&mut self, acceptor: usize) {
        if !self.stopping {
            self.acceptable.push(acceptor);
        }
    }

    /// A connection has bytes, or it has an end or an error, behind which nothing more comes.
    pub fn on_readable(&mut self, slot: usize, end_is_near: bool) {
        // A connection that was closed in this very turn may still have an event.
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.maybe_readable = true;
            connection.end_is_near |= end_is_near;
            self.ready.push(connection.id);
        }
    }

    /// A connection takes bytes again.
    pub fn on_writable(&mut self, slot: usize) {
        self.dirty.extend(self.connections.get(slot).map(|connection| connection.id));
    }

    /// Does all that can be done now without waiting.
    pub fn turn(&mut self, now: Now) {
        self.accept_all(now);
        self.serve_ready(now);
        self.broker.end_turn(now);
        self.take_outputs(None, now);
        self.write_dirty(now);
        self.expire(now);
        self.feed_starved();
    }

    /// Accepts no more. What is being answered is still written, for a moment.
    pub fn begin_stop(&mut self, now: Now) {
        if mem::replace(&mut self.stopping, true) {
            return;
        }
        self.system.stop_accepting();
        self.acceptable.clear();
        self.deadlines.schedule(now.instant + self.turn.stop_limit, Deadline::Stop);
        let open: Vec<_> = self.connections.iter().map(|(_, connection)| connection.id).collect();
        for id in open {
            self.serve(id, now);
            if let Some(connection) = self.connection(id) {
                connection.give_up();
                self.dirty.push(id);
            }
        }
    }

    /// How many connections there may be, which clients can change.
    fn max_connections(&self) -> usize {
        limit(self.broker.config().max_connections)
    }

    /// Accepts the turn's share of those who have connected. Beyond `max.connections` the others wait in the socket.
    fn accept_all(&mut self, now: Now) {
        let mut acceptable = mem::take(&mut self.acceptable);
        acceptable.sort_unstable();
        acceptable.dedup();
        for acceptor in acceptable {
            self.accept(acceptor, now);
        }
    }

    fn accept(&mut self, acceptor: usize, now: Now) {
        for _ in 0..self.turn.accepts_max {
            if self.connections.len() >= self.max_connections() {
                self.accept_waits = true;
                return;
            }
            match self.system.accept(acceptor) {
                Ok(incoming) => {
                    let peer = incoming.peer;
                    if let Err(error) = self.admit(incoming, now) {
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
        self.acceptable.push(acceptor);
    }

    fn admit(&mut self, incoming: Incoming<S::Stream>, now: Now) -> io::Result<()> {
        let Incoming { mut stream, peer, local, listener } = incoming;
        let max_per_ip = limit(self.broker.config().max_connections_per_ip);
        if self.per_address.get(&peer.ip()).is_some_and(|open| *open >= max_per_ip) {
            warn!("Refusing a connection from {peer}: max.connections.per.ip is {max_per_ip}");
            return Ok(());
        }
        if !self.broker.admits(peer.ip(), now) {
            debug!("Refusing a connection from {peer}: too many came from there lately");
            return Ok(());
        }
        let client = Client { peer, local, listener };
        let entry = self.connections.vacant_entry();
        let id = ConnectionId { slot: entry.key(), generation: self.next_generation };
        self.next_generation += 1;
        self.system.watch(&mut stream, id.slot)?;
        entry.insert(Connection::new(stream, id, client, self.limits, &self.budget, now.instant));
        *self.per_address.entry(peer.ip()).or_default() += 1;
        if let Some(limit) = self.turn.idle_limit {
            self.deadlines.schedule(now.instant + limit, Deadline::Idle(id));
        }
        debug!("Accepted a connection from {peer}");
        self.ready.push(id);
        Ok(())
    }

    /// The connection that an id means, if it still exists.
    fn connection(&mut self, id: ConnectionId) -> Option<&mut Connection<S::Stream>> {
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
        self.take_frames(id, now);
        if let Some(connection) = self.connections.get_mut(id.slot).filter(|connection| connection.id == id) {
            connection.rest(&mut self.spares);
        }
    }

    fn take_frames(&mut self, id: ConnectionId, now: Now) {
        for _ in 0..self.turn.requests_max {
            let Some(connection) = self.connection(id) else { return };
            let client = connection.client;
            match connection.next_frame(now.instant) {
                Ok(Some(frame)) => self.handle(id, client, frame, now),
                Ok(None) => {
                    self.watch_arrival(id);
                    return self.dirty.push(id);
                }
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
        let started = self.broker.measures_requests().then(|| self.system.clock());
        self.broker.handle(id, client, frame, now);
        if let Some(started) = started {
            self.broker.charge(self.system.clock().saturating_duration_since(started), now);
        }
    }

    fn read(&mut self, id: ConnectionId, now: Now) {
        let connection = self.connections.get_mut(id.slot).filter(|connection| connection.id == id);
        let Some(connection) = connection.filter(|connection| connection.maybe_readable) else { return };
        match connection.fill(&mut self.spares, now.instant) {
            Ok(Filled::Empty) => connection.maybe_readable = false,
            Ok(Filled::More) => {
                if connection.wants_bytes() {
                    self.ready.push(id);
                }
            }
            Ok(Filled::Starved) => self.starved.push(id),
            Err(error) => {
                debug!("Lost the connection of {}: {error}", connection.client.peer);
                connection.close();
                self.dirty.push(id);
            }
        }
    }

    /// Sees to it that a request does not go on arriving for ever.
    fn watch_arrival(&mut self, id: ConnectionId) {
        let limit = self.turn.arrival_limit;
        let Some(connection) = self.connection(id) else { return };
        let Some(since) = connection.arriving_since else { return };
        if !mem::replace(&mut connection.watches_arrival, true) {
            self.deadlines.schedule(since + limit, Deadline::Arrival(id));
        }
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
        match connection.flush(now.instant) {
            Ok(Flushed::More) => self.dirty.push(id),
            Ok(Flushed::All | Flushed::Blocked) => {}
            Err(error) => {
                debug!("Lost the connection of {}: {error}", connection.client.peer);
                connection.close();
            }
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
            if let Err(error) = self.system.watch_writable(&mut connection.stream, id.slot, wants_writable) {
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
        let peer = connection.client.peer;
        if let Err(error) = self.system.unwatch(&mut connection.stream) {
            debug!("Cannot stop watching the connection of {peer}: {error}");
        }
        let left = self.per_address.get_mut(&peer.ip()).expect("it was counted when it came");
        *left -= 1;
        if *left == 0 {
            self.per_address.remove(&peer.ip());
        }
        self.broker.forget(id);
        debug!("Closed the connection of {peer}");
    }

    /// Does what is due in the network layer.
    fn expire(&mut self, now: Now) {
        while let Some(deadline) = self.deadlines.pop_due(now.instant) {
            match deadline {
                Deadline::Idle(id) => self.on_idle(id, now),
                Deadline::Arrival(id) => self.on_slow_arrival(id, now),
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
                Deadline::Accept => self.acceptable.extend(0..self.system.acceptors()),
                Deadline::Stop => {
                    let left: Vec<_> = self.connections.iter().map(|(_, connection)| connection.id).collect();
                    left.into_iter().for_each(|id| self.remove(id));
                }
            }
        }
        // Only now: what was due may have made room too.
        if self.connections.len() < self.max_connections() && mem::take(&mut self.accept_waits) {
            self.acceptable.extend(0..self.system.acceptors());
        }
    }

    /// A connection's idle limit is looked at when it may be over, not each time that a byte moves.
    fn on_idle(&mut self, id: ConnectionId, now: Now) {
        let Some(limit) = self.turn.idle_limit else { return };
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

    /// Whether the request that arrives now takes too long is looked at when it may, not for each that is in two pieces.
    fn on_slow_arrival(&mut self, id: ConnectionId, now: Now) {
        let limit = self.turn.arrival_limit;
        let Some(connection) = self.connection(id) else { return };
        connection.watches_arrival = false;
        if connection.arriving_since.is_some_and(|since| since + limit <= now.instant) {
            let ms = limit.as_millis();
            error!("Closing the connection of {}: a request has not arrived whole in {ms} ms", connection.client.peer);
            connection.give_up();
            self.dirty.push(id);
        } else {
            self.watch_arrival(id);
        }
    }

    /// Lets those go on reading who had to stop because memory was used up, if there is some, or if what they have a right to in
    /// any case has become free meanwhile.
    fn feed_starved(&mut self) {
        let (connections, ready) = (&self.connections, &mut self.ready);
        self.starved.retain(|id| {
            let open = connections.get(id.slot).filter(|connection| connection.id == *id);
            let has_room = open.is_some_and(Connection::has_room);
            ready.extend(has_room.then_some(*id));
            open.is_some() && !has_room
        });
    }

    /// What must hold between two turns.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn invariants(&self) {
        let connections = || self.connections.iter().map(|(_, connection)| connection);
        connections().for_each(Connection::invariants);
        let held: usize = connections().map(Connection::held_bytes).sum();
        // An answer that waits to be written may be the last one to hold a part of a log.
        let buffers = self.broker.buffers().chain(connections().flat_map(Connection::buffers));
        let logs: HashMap<_, _> = buffers.map(|buffer| (Rc::as_ptr(buffer), buffer.borrow().capacity())).collect();
        let logs: usize = logs.values().sum();
        assert_eq!(self.budget.held(), held + logs + self.broker.held_bytes(), "what is held is what is counted");
        assert_eq!(self.per_address.values().sum::<usize>(), self.connections.len());
        let waits = |id: ConnectionId| {
            self.connections.get(id.slot).is_some_and(|open| open.id == id && open.state() != State::Open)
        };
        assert!(self.broker.parked().all(waits), "a request that waits goes with its connection");
        self.broker.invariants();
    }
}

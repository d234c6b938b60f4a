//! A network without sockets: byte pipes that split, delay, block and break as the seed wants it.
//!
//! Towards the broker it behaves as edge-triggered sockets do: a change is told once, perhaps late and together with others,
//! but at last; and a socket that was not read until it would block tells nothing more.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Instant;

use kafka_rs::net::connection::Stream;
use kafka_rs::net::reactor::{Incoming, System};

use crate::dice::Dice;

/// How long a change can go untold, in steps.
const LATE_STEPS_MAX: u32 = 12;
/// What a system says that has no file descriptor left.
const NO_DESCRIPTOR: i32 = 24;

/// How often things go wrong, of a thousand times that they could.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// A read or a write that takes less than it could.
    pub split: usize,
    /// Bytes that stay on their way for this step.
    pub delay: usize,
    /// A change that is not told in this step.
    pub late: usize,
    /// Something that is told although nothing has changed.
    pub spurious: usize,
    pub interrupted: usize,
    pub accept_aborted: usize,
    pub no_descriptor: usize,
    pub watch_fails: usize,
    /// A connection that breaks, of all of them in each step.
    pub broken: usize,
    /// How many bytes a connection's way to the client holds.
    pub room: usize,
}

/// What the broker is told.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    Acceptable,
    /// The connection of a slot, and whether its end has come.
    Readable(usize, bool),
    Writable(usize),
}

pub type LinkId = usize;

/// One connection. Positions count the bytes from its beginning.
#[derive(Debug)]
pub struct Link {
    peer: SocketAddr,
    /// All that the client has sent, how much of it has arrived at the broker's socket, and how much the broker has read.
    sent: Vec<u8>,
    arrived: usize,
    read: usize,
    /// The client has ended its side, and that has arrived.
    ended: bool,
    end_arrived: bool,
    /// Broken: the broker's next call fails.
    reset: bool,
    /// The client neither reads nor sends any more, and nobody is told.
    silent: bool,
    /// For so many steps the client reads nothing.
    stalled: u32,
    /// All that the broker has written, and how much of it has come to the client.
    pub written: Vec<u8>,
    delivered: usize,
    /// What has not come to the client by now never will.
    lost: bool,
    /// The broker has ended its side; it has closed the connection.
    shut: bool,
    gone: bool,
    slot: Option<usize>,
    wants_writable: bool,
    /// The broker knows that reading or writing would block, and waits to be told.
    drained: bool,
    blocked: bool,
    /// What is to be told, and for how many steps already.
    readable: Option<u32>,
    writable: Option<u32>,
}

#[derive(Debug)]
pub struct Network {
    pub faults: Faults,
    pub clock: Instant,
    dice: Dice,
    links: Vec<Link>,
    /// Those on which something may still happen.
    live: Vec<LinkId>,
    backlog: VecDeque<LinkId>,
    accepting: bool,
    accept_drained: bool,
    acceptable: Option<u32>,
}

pub type Shared = Rc<RefCell<Network>>;

impl Network {
    pub fn new(faults: Faults, dice: Dice, clock: Instant) -> Self {
        Self {
            faults,
            clock,
            dice,
            links: Vec::new(),
            live: Vec::new(),
            backlog: VecDeque::new(),
            accepting: true,
            accept_drained: false,
            acceptable: None,
        }
    }

    /// A client dials. Nobody answers once the broker has stopped accepting.
    pub fn connect(&mut self, address: u8) -> LinkId {
        let id = self.links.len();
        let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 0, address));
        let port = 10_000 + u16::try_from(id % 50_000).expect("a remainder");
        self.links.push(Link {
            peer: SocketAddr::new(ip, port),
            sent: Vec::new(),
            arrived: 0,
            read: 0,
            ended: false,
            end_arrived: false,
            reset: !self.accepting,
            silent: false,
            stalled: 0,
            written: Vec::new(),
            delivered: 0,
            lost: !self.accepting,
            shut: false,
            gone: !self.accepting,
            slot: None,
            wants_writable: false,
            drained: false,
            blocked: false,
            readable: None,
            writable: None,
        });
        if self.accepting {
            self.live.push(id);
            self.backlog.push_back(id);
            if self.accept_drained {
                self.accept_drained = false;
                self.acceptable = Some(0);
            }
        }
        id
    }

    /// Gives bytes to the network; where they end on this connection.
    pub fn send(&mut self, id: LinkId, bytes: &[u8]) -> usize {
        let link = &mut self.links[id];
        link.sent.extend_from_slice(bytes);
        link.sent.len()
    }

    /// The client ends its side behind what it has sent.
    pub fn end(&mut self, id: LinkId) {
        self.links[id].ended = true;
    }

    /// The connection breaks, after perhaps some more bytes.
    pub fn reset(&mut self, id: LinkId) {
        if self.dice.chance(500) {
            self.arrive(id);
        }
        let link = &mut self.links[id];
        link.reset = true;
        link.lost = true;
        link.readable.get_or_insert(0);
        if link.wants_writable {
            link.writable.get_or_insert(0);
        }
    }

    /// The client goes without a word.
    pub fn fall_silent(&mut self, id: LinkId) {
        self.links[id].silent = true;
    }

    pub fn stall(&mut self, id: LinkId, steps: u32) {
        self.links[id].stalled = steps;
    }

    /// How many bytes the broker has read.
    pub fn read(&self, id: LinkId) -> usize {
        self.links[id].read
    }

    pub fn written(&self, id: LinkId) -> &[u8] {
        &self.links[id].written
    }

    /// How many of the broker's bytes have come.
    pub fn delivered(&self, id: LinkId) -> usize {
        self.links[id].delivered
    }

    /// Whether the client knows that nothing more will come.
    pub fn is_over(&self, id: LinkId) -> bool {
        let link = &self.links[id];
        let ended = link.gone || link.shut;
        link.lost || ended && link.delivered == link.written.len()
    }

    /// Whether the broker has closed the connection.
    pub fn is_gone(&self, id: LinkId) -> bool {
        self.links[id].gone
    }

    /// Whether the broker has ended its side.
    pub fn is_shut(&self, id: LinkId) -> bool {
        self.links[id].shut
    }

    pub fn live(&self) -> Vec<LinkId> {
        self.live.clone()
    }

    /// From now on there is room for everything, and other things go wrong. Who has not been accepted yet has gone.
    pub fn calm_down(&mut self, faults: Faults) {
        self.faults = faults;
        for id in &self.backlog {
            (self.links[*id].reset, self.links[*id].lost) = (true, true);
        }
        for link in &mut self.links {
            link.stalled = 0;
            link.blocked = false;
            if link.wants_writable {
                link.writable.get_or_insert(0);
            }
        }
    }

    /// How many wait to be accepted.
    pub fn knocking(&self) -> usize {
        self.backlog.len()
    }

    pub fn is_accepted(&self, id: LinkId) -> bool {
        self.links[id].slot.is_some()
    }

    /// Whether no byte is on its way, and nothing waits to be told.
    pub fn is_still(&self) -> bool {
        let still = |link: &Link| {
            let sent = link.silent || link.reset || link.gone;
            let came = link.silent || link.lost || link.delivered == link.written.len();
            (sent || link.arrived == link.sent.len() && link.ended == link.end_arrived)
                && came
                && (link.slot.is_none() || link.readable.is_none() && link.writable.is_none())
        };
        self.acceptable.is_none() && self.live.iter().all(|id| still(&self.links[*id]))
    }

    /// How many connections the broker has.
    pub fn open(&self) -> usize {
        self.live.iter().filter(|id| self.links[**id].slot.is_some()).count()
    }

    /// Whether something lies in the socket, or has happened to it, of which the broker neither knows nor will be told.
    pub fn is_forgotten(&self, id: LinkId) -> bool {
        let link = &self.links[id];
        let unread = link.arrived > link.read || link.end_arrived || link.reset;
        link.slot.is_some() && unread && link.readable.is_none()
    }

    /// Whether the broker waits to be told that it can write, and will not be.
    pub fn is_write_forgotten(&self, id: LinkId) -> bool {
        let link = &self.links[id];
        let room = self.faults.room > link.written.len() - link.delivered;
        link.slot.is_some() && link.wants_writable && room && link.writable.is_none() && !link.reset
    }

    /// Whether answers wait to be written.
    pub fn has_queued(&self, id: LinkId) -> bool {
        self.links[id].wants_writable
    }

    /// Whether the broker waits to be told that it can write, or will learn that the connection is broken.
    pub fn is_blocked(&self, id: LinkId) -> bool {
        let link = &self.links[id];
        link.wants_writable || link.reset && link.readable.is_some()
    }

    /// Lets the bytes of one step travel, and breaks what breaks.
    pub fn step(&mut self) {
        for index in 0..self.live.len() {
            let id = self.live[index];
            if !self.dice.chance(self.faults.delay) {
                self.arrive(id);
            }
            if !self.dice.chance(self.faults.delay) {
                self.deliver(id);
            }
            if self.dice.chance(self.faults.broken) {
                self.reset(id);
            }
        }
        let links = &self.links;
        self.live.retain(|id| {
            let link = &links[*id];
            !(link.gone && (link.lost || link.delivered == link.written.len()))
        });
    }

    fn piece(&mut self, length: usize) -> usize {
        if length > 1 && self.dice.chance(self.faults.split) { self.dice.between(1, length) } else { length }
    }

    fn arrive(&mut self, id: LinkId) {
        let link = &self.links[id];
        if link.gone || link.silent || link.reset {
            return;
        }
        let waiting = link.sent.len() - link.arrived;
        let count = self.piece(waiting);
        let link = &mut self.links[id];
        link.arrived += count;
        let ends = link.ended && !link.end_arrived && link.arrived == link.sent.len();
        link.end_arrived |= ends;
        if (count > 0 || ends) && link.drained {
            link.drained = false;
            link.readable.get_or_insert(0);
        }
    }

    fn deliver(&mut self, id: LinkId) {
        let link = &mut self.links[id];
        if link.stalled > 0 {
            link.stalled -= 1;
            return;
        }
        if link.silent || link.lost {
            return;
        }
        let waiting = link.written.len() - link.delivered;
        let count = self.piece(waiting);
        let link = &mut self.links[id];
        link.delivered += count;
        if count > 0 && link.blocked {
            link.blocked = false;
            if link.wants_writable {
                link.writable.get_or_insert(0);
            }
        }
    }

    /// What the broker is told in this step.
    pub fn take_events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(age) = self.acceptable.take() {
            if age < LATE_STEPS_MAX && self.dice.chance(self.faults.late) {
                self.acceptable = Some(age + 1);
            } else {
                events.push(Event::Acceptable);
            }
        }
        for index in 0..self.live.len() {
            let id = self.live[index];
            let Some(slot) = self.links[id].slot else { continue };
            for writable in [false, true] {
                let late = self.dice.chance(self.faults.late);
                let link = &mut self.links[id];
                let end_is_near = link.end_arrived || link.reset;
                let told = if writable { &mut link.writable } else { &mut link.readable };
                match told.take() {
                    None => {}
                    Some(age) if late && age < LATE_STEPS_MAX => *told = Some(age + 1),
                    Some(_) if writable => events.push(Event::Writable(slot)),
                    Some(_) => events.push(Event::Readable(slot, end_is_near)),
                }
            }
        }
        if self.dice.chance(self.faults.spurious) {
            let slot = self.dice.below(12);
            events.push(self.dice.pick(&[Event::Acceptable, Event::Readable(slot, false), Event::Writable(slot)]));
        }
        events
    }
}

/// The network as the broker's operating system.
#[derive(Debug)]
pub struct Wire(pub Shared);

impl System for Wire {
    type Stream = Socket;

    fn acceptors(&self) -> usize {
        1
    }

    fn accept(&mut self, _acceptor: usize) -> io::Result<Incoming<Socket>> {
        let network = &mut *self.0.borrow_mut();
        if network.dice.chance(network.faults.interrupted) {
            return Err(ErrorKind::Interrupted.into());
        }
        let Some(id) = network.backlog.front().copied() else {
            network.accept_drained = true;
            return Err(ErrorKind::WouldBlock.into());
        };
        if network.dice.chance(network.faults.no_descriptor) {
            return Err(io::Error::from_raw_os_error(NO_DESCRIPTOR));
        }
        network.backlog.pop_front();
        let link = &mut network.links[id];
        if network.dice.chance(network.faults.accept_aborted) {
            (link.reset, link.lost, link.gone) = (true, true, true);
            return Err(ErrorKind::ConnectionAborted.into());
        }
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9092);
        let stream = Socket { network: Rc::clone(&self.0), link: id };
        Ok(Incoming { stream, peer: link.peer, local, listener: 0 })
    }

    fn stop_accepting(&mut self) {
        let network = &mut *self.0.borrow_mut();
        network.accepting = false;
        for id in network.backlog.drain(..) {
            let link = &mut network.links[id];
            (link.reset, link.lost, link.gone) = (true, true, true);
        }
    }

    fn watch(&mut self, stream: &mut Socket, slot: usize) -> io::Result<()> {
        let network = &mut *self.0.borrow_mut();
        if network.dice.chance(network.faults.watch_fails) {
            return Err(ErrorKind::Other.into());
        }
        network.links[stream.link].slot = Some(slot);
        Ok(())
    }

    /// Asking anew tells at once whether the stream can be written, as the system does.
    fn watch_writable(&mut self, stream: &mut Socket, _slot: usize, wanted: bool) -> io::Result<()> {
        let network = &mut *self.0.borrow_mut();
        if network.dice.chance(network.faults.watch_fails) {
            return Err(ErrorKind::Other.into());
        }
        if network.dice.chance(network.faults.late) {
            // The client has read just now, between the write that would block and this.
            network.deliver(stream.link);
        }
        let room = network.faults.room;
        let link = &mut network.links[stream.link];
        link.wants_writable = wanted;
        if wanted && (link.written.len() - link.delivered < room || link.reset) {
            link.blocked = false;
            link.writable.get_or_insert(0);
        }
        Ok(())
    }

    fn unwatch(&mut self, stream: &mut Socket) -> io::Result<()> {
        let network = &mut *self.0.borrow_mut();
        network.links[stream.link].slot = None;
        if network.dice.chance(network.faults.watch_fails) { Err(ErrorKind::Other.into()) } else { Ok(()) }
    }

    fn clock(&self) -> Instant {
        self.0.borrow().clock
    }
}

/// The broker's end of a connection.
#[derive(Debug)]
pub struct Socket {
    network: Shared,
    link: LinkId,
}

impl Socket {
    /// A call on the connection, unless it is interrupted or broken.
    fn call(&mut self, work: impl FnOnce(&mut Network, LinkId) -> io::Result<usize>) -> io::Result<usize> {
        let network = &mut *self.network.borrow_mut();
        if network.dice.chance(network.faults.interrupted) {
            return Err(ErrorKind::Interrupted.into());
        }
        if network.links[self.link].reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        work(network, self.link)
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!buffer.is_empty(), "reading nothing looks like the end");
        self.call(|network, id| {
            let available = network.links[id].arrived - network.links[id].read;
            let count = network.piece(available.min(buffer.len()));
            let link = &mut network.links[id];
            if count == 0 && !link.end_arrived {
                link.drained = true;
                return Err(ErrorKind::WouldBlock.into());
            }
            buffer[..count].copy_from_slice(&link.sent[link.read..link.read + count]);
            link.read += count;
            if count < buffer.len() {
                // The socket was empty then. What there is beyond came in the next moment, and that is an event.
                link.drained = true;
                if link.arrived > link.read || link.end_arrived {
                    link.drained = false;
                    link.readable.get_or_insert(0);
                }
            }
            Ok(count)
        })
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.call(|network, id| {
            let link = &network.links[id];
            assert!(!link.shut, "a write behind the end");
            let total: usize = slices.iter().map(|slice| slice.len()).sum();
            assert!(total > 0, "a write of nothing");
            let room = network.faults.room.saturating_sub(link.written.len() - link.delivered);
            let mut left = network.piece(total.min(room));
            let count = left;
            let link = &mut network.links[id];
            if count == 0 {
                link.blocked = true;
                return Err(ErrorKind::WouldBlock.into());
            }
            for slice in slices {
                let part = left.min(slice.len());
                link.written.extend_from_slice(&slice[..part]);
                left -= part;
            }
            Ok(count)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Socket {
    fn shutdown_write(&mut self) -> io::Result<()> {
        let network = &mut *self.network.borrow_mut();
        let link = &mut network.links[self.link];
        assert!(!link.shut, "the end comes once");
        link.shut = true;
        if link.reset { Err(ErrorKind::NotConnected.into()) } else { Ok(()) }
    }
}

impl Drop for Socket {
    /// Closing over bytes that nobody has read destroys what is still on its way to the client.
    fn drop(&mut self) {
        let network = &mut *self.network.borrow_mut();
        let link = &mut network.links[self.link];
        link.gone = true;
        link.slot = None;
        link.lost |= link.arrived > link.read;
    }
}

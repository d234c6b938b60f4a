//! The poll loop.
//!
//! One turn of [`Server::run`] is the whole program:
//!
//! ```text
//!         ┌──────────────────────────────────────────────────────────────────────────────────┐
//!         ▼                                                                                  │
//!   poll: sleep until a socket has something, or the first deadline                          │
//!         │                                                                                  │
//!   events: who can be accepted, read, written?                                              │
//!         │                                                                                  │
//!   turn: accept ──► read ──► frames through the broker ──► write ──► what is due ───────────┘
//! ```
//!
//! What a turn does is in [`Reactor::turn`]; here is what it does it with: mio's sockets, the waker that another thread ends the
//! loop by, the signals, and the clock.
//!
//! Nothing here blocks but `poll` itself. The clock is read once a turn, when `poll` comes back, and once more to find out
//! how long it may sleep.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use log::{error, info};
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use super::connection::Stream;
use super::listen::{self, StartError};
use super::memory;
use super::reactor::{Incoming, Reactor, System};
use crate::broker::Now;
use crate::budget::Budget;
use crate::config::{Config, StartTopic};

const WAKER: Token = Token(usize::MAX);
#[cfg(unix)]
const SIGNALS: Token = Token(usize::MAX - 1);
/// Acceptors have the tokens from 0 on, connections those from here on.
const FIRST_CONNECTION: usize = 1 << 16;

/// How many events one `poll` brings at most.
const EVENTS_PER_TURN: usize = 1024;

/// A broker with its sockets.
pub struct Server {
    poll: Poll,
    #[cfg(unix)]
    signals: Option<signal_hook_mio::v1_0::Signals>,
    waker: Arc<Waker>,
    stop_requested: Arc<AtomicBool>,
    reactor: Reactor<Sockets>,
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
        let sockets = Sockets { registry: poll.registry().try_clone()?, acceptors };
        let budget = Budget::new(memory::limit(config.memory_max_bytes));
        Ok(Self {
            poll,
            #[cfg(unix)]
            signals: None,
            waker,
            stop_requested: Arc::default(),
            reactor: Reactor::new(sockets, config, budget, random_seed(), read_clock()),
        })
    }

    /// Creates topics before the first client comes.
    pub fn create_topics(&mut self, topics: &[StartTopic]) {
        topics.iter().for_each(|topic| self.reactor.broker_mut().create_start_topic(topic));
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
        for acceptor in &self.reactor.system().acceptors {
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
        while !self.reactor.is_done() {
            match self.poll.poll(&mut events, self.reactor.timeout(Instant::now())) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            let now = read_clock();
            for event in &events {
                self.on_event(event, now);
            }
            self.reactor.turn(now);
        }
        info!("Stopped");
        Ok(())
    }

    fn on_event(&mut self, event: &Event, now: Now) {
        match event.token() {
            WAKER => {
                if self.stop_requested.load(Ordering::Acquire) {
                    self.reactor.begin_stop(now);
                }
            }
            #[cfg(unix)]
            SIGNALS => self.on_signals(now),
            Token(acceptor) if acceptor < FIRST_CONNECTION => self.reactor.on_acceptable(acceptor),
            Token(token) => {
                let slot = token - FIRST_CONNECTION;
                let end_is_near = event.is_read_closed() || event.is_error();
                if event.is_readable() || end_is_near {
                    self.reactor.on_readable(slot, end_is_near);
                }
                if event.is_writable() {
                    self.reactor.on_writable(slot);
                }
            }
        }
    }

    #[cfg(unix)]
    fn on_signals(&mut self, now: Now) {
        let caught = self.signals.as_mut().and_then(|signals| signals.pending().last());
        if let Some(signal) = caught {
            info!("Stopping on signal {signal}");
            self.reactor.begin_stop(now);
        }
    }
}

/// A socket that accepts, and the position of its listener in the configuration.
#[derive(Debug)]
struct Acceptor {
    socket: TcpListener,
    listener: usize,
}

/// The operating system's side of the reactor.
#[derive(Debug)]
struct Sockets {
    registry: Registry,
    acceptors: Vec<Acceptor>,
}

impl System for Sockets {
    type Stream = TcpStream;

    fn acceptors(&self) -> usize {
        self.acceptors.len()
    }

    fn accept(&mut self, acceptor: usize) -> io::Result<Incoming<TcpStream>> {
        let Some(Acceptor { socket, listener }) = self.acceptors.get(acceptor) else {
            return Err(ErrorKind::WouldBlock.into());
        };
        let (stream, peer) = socket.accept()?;
        // Without this, a small answer waits in the system until the peer has acknowledged the one before. A peer that has gone
        // already has no address any more: it is lost like one that goes in the next moment.
        let local = stream.set_nodelay(true).and_then(|()| stream.local_addr());
        let local = local.map_err(|error| io::Error::new(ErrorKind::ConnectionAborted, error))?;
        Ok(Incoming { stream, peer, local, listener: *listener })
    }

    fn stop_accepting(&mut self) {
        self.acceptors.clear();
    }

    fn watch(&mut self, stream: &mut TcpStream, slot: usize) -> io::Result<()> {
        self.registry.register(stream, Token(FIRST_CONNECTION + slot), Interest::READABLE)
    }

    fn watch_writable(&mut self, stream: &mut TcpStream, slot: usize, wanted: bool) -> io::Result<()> {
        let interest = if wanted { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        self.registry.reregister(stream, Token(FIRST_CONNECTION + slot), interest)
    }

    fn unwatch(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        self.registry.deregister(stream)
    }

    fn clock(&self) -> Instant {
        Instant::now()
    }
}

impl Stream for TcpStream {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

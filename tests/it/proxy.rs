//! A proxy between clients and a broker that hurts the connections which go through it.
//!
//! ```text
//! client ──► │ Proxy │ ──► broker        a connection is two sockets and two threads, one for each way
//!        ◄── │       │ ◄──
//! ```
//!
//! Each way takes what comes in pieces of random sizes and holds it back now and then, for a moment or long enough that a
//! client loses patience. After a random number of bytes in one of the ways the connection ends, in the middle of a frame as
//! a rule: both sockets are cut, or reset, by turns. Where a connection ends and what holds it up follow from the proxy's seed
//! and from how many came before it, so that a seed gives the same faults again, though clients with threads of their own do not
//! meet them with the same bytes.
//!
//! `advertised.listeners` has to name the proxy, or clients find their way around it. So the proxy is there first, and is told
//! of the broker by [`Proxy::lead_to`].

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kafka_rs::broker::random::Random;
use rustix::net::sockopt::set_socket_linger;

/// How long a thread waits for bytes, or sleeps, before it looks whether its connection is over.
const LOOK: Duration = Duration::from_millis(10);
/// How much is passed on in one piece at most.
const PIECE_BYTES: u64 = 16 << 10;
/// A connection ends after 2^(this range) bytes, so that some end in their first request.
const LIFE_BITS: std::ops::Range<u64> = 5..16;
/// One of so many pieces is held back for a moment...
const DELAYED: u64 = 8;
/// ...of so many milliseconds at most.
const DELAY_MS: u64 = 20;
/// One of so many pieces is held back for as long as [`Stalls`] says.
const STALLED: u64 = 400;

/// How pieces are held back for longer.
#[derive(Debug, Clone, Copy)]
pub struct Stalls {
    pub ms: u64,
    /// Whether requests are, too. They reach the broker in the end, when their client has long given them up.
    pub late_requests: bool,
}

/// What the proxy has done.
#[derive(Debug, Default)]
pub struct Counts {
    pub connections: AtomicUsize,
    pub cuts: AtomicUsize,
    pub resets: AtomicUsize,
    pub stalls: AtomicUsize,
}

#[derive(Debug)]
struct Shared {
    stalls: Stalls,
    broker: OnceLock<SocketAddr>,
    /// No harm is done, also to connections that were meant to suffer.
    calm: AtomicBool,
    stopped: AtomicBool,
    /// Whether the connection that ends next is reset; if not, it is cut.
    resets_next: AtomicBool,
    counts: Counts,
}

#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy that is calm at first.
    pub fn start(seed: u64, stalls: Stalls) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            stalls,
            broker: OnceLock::new(),
            calm: AtomicBool::new(true),
            stopped: AtomicBool::new(false),
            resets_next: AtomicBool::new(false),
            counts: Counts::default(),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, seed, &shared)
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `advertised.listeners` has to be.
    pub fn listener(&self) -> String {
        format!("PLAINTEXT://{}", self.address)
    }

    /// Connections that came before this are closed.
    pub fn lead_to(&self, broker: SocketAddr) {
        self.shared.broker.set(broker).expect("a proxy leads to one broker");
    }

    /// Begins or ends the harm.
    pub fn set_calm(&self, calm: bool) {
        self.shared.calm.store(calm, Relaxed);
    }

    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Relaxed);
        // It waits for a connection and looks at nothing else.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, seed: u64, shared: &Arc<Shared>) {
    for number in 0u64.. {
        let Ok((client, _)) = listener.accept() else { continue };
        if shared.stopped.load(Relaxed) {
            return;
        }
        // Without a broker there is nowhere to go, and the client's connection ends.
        let Some(broker) = shared.broker.get().and_then(|address| TcpStream::connect(address).ok()) else { continue };
        let mut random = Random::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let end = End::draw(&mut random);
        let link = Link { client, broker, over: AtomicBool::new(false), shared: Arc::clone(shared) };
        if link.prepare().is_err() {
            continue;
        }
        shared.counts.connections.fetch_add(1, Relaxed);
        let link = Arc::new(link);
        for way in [Way::ToBroker, Way::ToClient] {
            let random = Random::new(random.next_u64());
            let end = Some(end).filter(|end| end.way == way);
            let link = Arc::clone(&link);
            thread::spawn(move || Pump { link: &link, way, random, end, passed: 0 }.run());
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToBroker,
    ToClient,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Both peers see the end of the stream.
    Cut,
    /// Both peers see an error, and may lose what they have not read yet.
    Reset,
}

/// Where a connection will end.
#[derive(Debug, Clone, Copy)]
struct End {
    way: Way,
    after_bytes: u64,
}

impl End {
    fn draw(random: &mut Random) -> Self {
        let bits = LIFE_BITS.start + draw(random, LIFE_BITS.end - LIFE_BITS.start);
        let after_bytes = (1 << bits) + draw(random, 1 << bits);
        let way = if draw(random, 2) == 0 { Way::ToBroker } else { Way::ToClient };
        Self { way, after_bytes }
    }
}

/// One of the numbers below `count`.
fn draw(random: &mut Random, count: u64) -> u64 {
    random.next_u64() % count
}

/// One connection: the client's and the broker's sockets. They close when both threads have let go of it.
#[derive(Debug)]
struct Link {
    client: TcpStream,
    broker: TcpStream,
    over: AtomicBool,
    shared: Arc<Shared>,
}

impl Link {
    fn sockets(&self) -> [&TcpStream; 2] {
        [&self.client, &self.broker]
    }

    fn prepare(&self) -> io::Result<()> {
        for socket in self.sockets() {
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(LOOK))?;
            socket.set_write_timeout(Some(LOOK))?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over.load(Relaxed) || self.shared.stopped.load(Relaxed)
    }

    fn end(&self, how: How) {
        for socket in self.sockets() {
            // A socket whose peer has gone already refuses either, and needs neither.
            let _ = match how {
                How::Cut => socket.shutdown(Shutdown::Both),
                How::Reset => set_socket_linger(socket, Some(Duration::ZERO)).map_err(io::Error::from),
            };
        }
        self.over.store(true, Relaxed);
    }

    /// Sleeps, unless the connection ends before.
    fn hold_back(&self, time: Duration) {
        let deadline = Instant::now() + time;
        while !self.is_over() && !self.shared.calm.load(Relaxed) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(LOOK));
        }
    }
}

/// Carries bytes in one way.
struct Pump<'a> {
    link: &'a Link,
    way: Way,
    random: Random,
    end: Option<End>,
    passed: u64,
}

impl Pump<'_> {
    fn run(mut self) {
        let (mut from, to) = match self.way {
            Way::ToBroker => (&self.link.client, &self.link.broker),
            Way::ToClient => (&self.link.broker, &self.link.client),
        };
        let mut buffer = [0; PIECE_BYTES as usize];
        while !self.link.is_over() {
            let most = 1 + draw(&mut self.random, PIECE_BYTES) as usize;
            match from.read(&mut buffer[..most]) {
                Ok(0) => {
                    // The other way goes on: who has said all may still listen.
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                Ok(count) => self.pass_on(&buffer[..count], to),
                Err(error) if is_timeout(&error) => {}
                Err(_) => self.link.end(How::Reset),
            }
        }
    }

    fn pass_on(&mut self, bytes: &[u8], to: &TcpStream) {
        let counts = &self.link.shared.counts;
        if self.link.shared.calm.load(Relaxed) {
            return self.write(bytes, to);
        }
        if draw(&mut self.random, DELAYED) == 0 {
            self.link.hold_back(Duration::from_millis(draw(&mut self.random, DELAY_MS)));
        }
        let Stalls { ms, late_requests } = self.link.shared.stalls;
        if (late_requests || self.way == Way::ToClient) && draw(&mut self.random, STALLED) == 0 {
            counts.stalls.fetch_add(1, Relaxed);
            self.link.hold_back(Duration::from_millis(ms));
        }
        self.passed += bytes.len() as u64;
        let Some(end) = self.end.filter(|end| end.after_bytes <= self.passed) else { return self.write(bytes, to) };
        let excess = (self.passed - end.after_bytes).min(bytes.len() as u64) as usize;
        self.write(&bytes[..bytes.len() - excess], to);
        // By turns and not by chance: however few connections end in a short run, there are some of both.
        let is_reset = self.link.shared.resets_next.fetch_xor(true, Relaxed);
        let (how, count) = if is_reset { (How::Reset, &counts.resets) } else { (How::Cut, &counts.cuts) };
        self.link.end(how);
        count.fetch_add(1, Relaxed);
    }

    fn write(&self, mut bytes: &[u8], mut to: &TcpStream) {
        while !bytes.is_empty() && !self.link.is_over() {
            match to.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if is_timeout(&error) => {}
                Err(_) => self.link.end(How::Reset),
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

//! Ten thousand connections on which nothing happens.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use kafka_rs::wire::messages::api_versions;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::server::Server;
use super::{progress, save};
use crate::clients::alone;
use crate::socket::{Received, Socket};

const CONNECTIONS: usize = 10_000;
/// Files that a process has open besides: far fewer than this.
const OTHER_FILES: u64 = 200;
/// An address has so many ports for connections to one place, with some to spare.
const PER_ADDRESS: usize = 4000;
/// How long nothing happens, and how much of a processor that may take.
const QUIET: Duration = Duration::from_secs(5);
const QUIET_CPU: Duration = Duration::from_millis(25);
/// The memory that a connection may take, in bytes.
const MEMORY_MAX: u64 = 1024;
/// How many requests tell what one costs.
const REQUESTS: u32 = 20_000;
/// How much dearer a request may be among idle connections, in percent: a look at each of them would cost thousands.
const DEARER_MAX: u32 = 150;
/// The idle limit of the second test, and how late it may come.
const IDLE_MS: u64 = 6000;
const LATE: Duration = Duration::from_millis(1500);

/// Lets this process and those that it starts have enough files open.
fn allow_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = CONNECTIONS as u64 + OTHER_FILES;
    if current.is_some_and(|current| current < wanted) {
        assert!(maximum.is_none_or(|maximum| maximum >= wanted), "a process may not have {wanted} files open");
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).expect("a limit below the maximum");
    }
}

/// Connects from one of several addresses.
fn connect_from(number: usize, server: SocketAddr) -> TcpStream {
    let source = Ipv4Addr::new(127, 0, 0, 2 + (number / PER_ADDRESS) as u8);
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddrV4::new(source, 0)).expect("an address of the loopback interface");
    connect(&socket, &server).expect("a broker that accepts");
    TcpStream::from(socket)
}

/// A connection that has been used once, and when that was.
struct Idle {
    socket: Socket,
    since: Instant,
}

fn connect_all(server: &Server) -> Vec<Idle> {
    let begin = Instant::now();
    let connect = |number| {
        let mut socket = Socket::over(connect_from(number, server.address));
        assert!(socket.is_served(), "connection {number}");
        Idle { socket, since: Instant::now() }
    };
    let idle = (0..CONNECTIONS).map(connect).collect();
    progress(&format!("{CONNECTIONS} connections in {:.1?}", begin.elapsed()));
    idle
}

/// What a request costs the broker.
fn cost(server: &Server, socket: &mut Socket) -> Duration {
    let before = server.cpu();
    for _ in 0..REQUESTS {
        socket.ask(4, &request());
    }
    (server.cpu() - before) / REQUESTS
}

fn request() -> api_versions::Request {
    api_versions::Request { client_software_name: "test".to_owned(), client_software_version: "1".to_owned() }
}

#[test]
#[ignore = "takes ten thousand connections"]
fn ten_thousand_idle_connections_cost_next_to_nothing() {
    let _alone = alone();
    allow_files();
    let server = Server::start(&[]);
    let mut busy = Socket::connect(server.address);
    let cost_alone = cost(&server, &mut busy);

    let before = server.memory();
    let idle = connect_all(&server);
    let each = (server.memory() - before) / CONNECTIONS as u64;
    let cost_among_idle = cost(&server, &mut busy);

    let (cpu, sleeps) = (server.cpu(), server.sleeps());
    thread::sleep(QUIET);
    let (cpu, sleeps) = (server.cpu() - cpu, server.sleeps() - sleeps);
    save(
        "idle",
        &[
            ("connections", &CONNECTIONS),
            ("bytes.each", &each),
            ("cpu.percent", &format!("{:.3}", 100.0 * cpu.as_secs_f64() / QUIET.as_secs_f64())),
            ("wakeups.per.second", &format!("{:.1}", sleeps as f64 / QUIET.as_secs_f64())),
            ("request.us.alone", &format!("{:.1}", cost_alone.as_secs_f64() * 1e6)),
            ("request.us.among", &format!("{:.1}", cost_among_idle.as_secs_f64() * 1e6)),
        ],
    );
    assert!(each <= MEMORY_MAX, "a connection takes {each} bytes");
    assert!(cpu <= QUIET_CPU, "doing nothing takes {cpu:?} of {QUIET:?}");
    assert!(cost_among_idle <= cost_alone * DEARER_MAX / 100, "{cost_alone:?} alone, {cost_among_idle:?} among others");
    assert_eq!(idle.len(), CONNECTIONS);
    drop(idle);
    server.stop();
}

/// A connection that does something now and then stays.
fn keep_busy(server: &Server, is_over: &AtomicBool) {
    let mut busy = Socket::connect(server.address);
    while !is_over.load(Relaxed) {
        assert!(busy.is_served(), "a connection that is not idle is closed");
        thread::sleep(Duration::from_millis(IDLE_MS / 10));
    }
}

struct EndsWith<'a>(&'a AtomicBool);

impl Drop for EndsWith<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// How late idle connections are closed at most, and what it costs to close one.
fn watch_closing(server: &Server) -> (Duration, Duration) {
    let limit = Duration::from_millis(IDLE_MS);
    let begin = Instant::now();
    let idle = connect_all(server);
    assert!(begin.elapsed() < limit, "the first is not over before the last is there");
    let cpu = server.cpu();
    let mut latest = Duration::ZERO;
    for (number, Idle { mut socket, since }) in idle.into_iter().enumerate() {
        assert_eq!(socket.next(), Received::End, "connection {number}");
        let age = since.elapsed();
        // The broker's time began a moment before, when the request came.
        assert!(age + LATE > limit && age < limit + LATE, "connection {number} was closed after {age:?}");
        latest = latest.max(age.saturating_sub(limit));
    }
    (latest, (server.cpu() - cpu) / CONNECTIONS as u32)
}

#[test]
#[ignore = "takes ten thousand connections"]
fn idle_connections_are_closed_in_time_and_busy_ones_are_not() {
    let _alone = alone();
    allow_files();
    let server = Server::start(&[("connections.max.idle.ms", &IDLE_MS.to_string())]);
    let is_over = AtomicBool::new(false);
    let (latest, each) = thread::scope(|scope| {
        scope.spawn(|| keep_busy(&server, &is_over));
        let _end = EndsWith(&is_over);
        watch_closing(&server)
    });
    save("closed", &[("late.ms", &latest.as_millis()), ("cpu.us.each", &format!("{:.1}", each.as_secs_f64() * 1e6))]);
    server.stop();
}

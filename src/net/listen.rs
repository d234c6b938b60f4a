//! Opens the sockets that accept connections.
//!
//! A listener's host may stand for several addresses: `localhost` is the loopback of IPv4 and of IPv6, and an empty host is
//! every interface. All addresses of a listener get the same port, also when the port is 0 and the system chooses.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use log::debug;
use mio::net::TcpListener;

use crate::config::{ConfigError, Listener};

/// How often another free port is tried when one is free for IPv4 but not for IPv6.
const FREE_PORT_ATTEMPTS: usize = 20;

/// Why the broker does not run.
#[derive(Debug)]
pub enum StartError {
    Config(ConfigError),
    /// A host name of `listeners` means no address.
    UnknownHost {
        host: String,
        error: io::Error,
    },
    /// An address of `listeners` cannot be used.
    Bind {
        address: SocketAddr,
        error: io::Error,
    },
    /// The system refused something that the loop needs.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => write!(f, "{error}"),
            Self::UnknownHost { host, error } => {
                write!(f, "Cannot listen on '{host}': {error}. Use an address of this machine, such as localhost.")
            }
            Self::Bind { address, error } if error.kind() == ErrorKind::AddrInUse => write!(
                f,
                "Cannot listen on {address}: another program has this port. Stop it, or choose another port with \
                 --listen {}:PORT (0 takes a free one).",
                address.ip()
            ),
            Self::Bind { address, error } => {
                write!(f, "Cannot listen on {address}: {error}. Choose an address of this machine with --listen.")
            }
            Self::System(error) => write!(f, "The operating system does not let the broker run: {error}."),
        }
    }
}

impl std::error::Error for StartError {}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

/// Opens one listener; gives a socket for each of its addresses.
pub fn open(listener: &Listener) -> Result<Vec<TcpListener>, StartError> {
    let hosts = hosts(listener)?;
    let mut attempts = if listener.port == 0 { FREE_PORT_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        match open_all(&hosts, listener.port) {
            Err(StartError::Bind { error, .. }) if error.kind() == ErrorKind::AddrInUse && attempts > 0 => {}
            outcome => return outcome,
        }
    }
}

/// The addresses that a listener's host stands for. The first one must work; those of IPv6 after it are left out on a
/// machine that has no IPv6.
fn hosts(listener: &Listener) -> Result<Vec<IpAddr>, StartError> {
    let host = listener.host.as_str();
    match host {
        "localhost" => Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
        // On Windows a socket of IPv6 takes connections of IPv6 alone.
        "" if cfg!(windows) => Ok(vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]),
        // Elsewhere, one that is bound to all addresses takes connections of IPv4 too where the system has both.
        "" if has_ipv6() => Ok(vec![Ipv6Addr::UNSPECIFIED.into()]),
        "" => Ok(vec![Ipv4Addr::UNSPECIFIED.into()]),
        _ => {
            let unknown = |error| StartError::UnknownHost { host: host.to_owned(), error };
            let mut found = (host, listener.port).to_socket_addrs().map_err(unknown)?;
            let first = found.next().ok_or_else(|| unknown(ErrorKind::NotFound.into()))?;
            Ok(vec![first.ip()])
        }
    }
}

fn has_ipv6() -> bool {
    std::net::TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok()
}

fn open_all(hosts: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, StartError> {
    let mut sockets: Vec<TcpListener> = Vec::new();
    for host in hosts {
        let port = match sockets.first() {
            Some(first) => first.local_addr()?.port(),
            None => port,
        };
        let address = SocketAddr::new(*host, port);
        match TcpListener::bind(address) {
            Ok(socket) => sockets.push(socket),
            Err(error) if host.is_ipv6() && !sockets.is_empty() && error.kind() != ErrorKind::AddrInUse => {
                debug!("Not listening on {address}: {error}");
            }
            Err(error) => return Err(StartError::Bind { address, error }),
        }
    }
    Ok(sockets)
}

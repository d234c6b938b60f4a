//! The limit: the least that a server on one thread has to do, with nothing of Kafka in it. It is what 1.0 means.
//!
//! This program starts itself again with [`ROLE`] as its first argument to play one of these:
//!
//! - `sink MEMORY` reads frames, takes the CRC-32C of each with the crate that the broker has for it, keeps the bytes as
//!   [`store::Kind`] says, and answers each frame with the same bytes.
//! - `copying-sink MEMORY` does the same, but each frame is copied once more: into the log, as it were.
//! - `source SHAPE BYTES` holds so many bytes of record batches and answers each frame with the next MiB of them, by vectored
//!   writes.
//! - `kafka SHAPE BYTES` speaks just enough of Kafka's protocol for librdkafka to produce into it and to consume from it.
//!
//! All of them run over the loop in this file, the smallest one that mio allows: a socket is read straight into the memory that
//! its bytes stay in, until a read brings less than there was room for; what is to be answered then goes out in one write.

mod kafka;
mod outbox;
mod sink;
mod source;
mod store;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

pub use source::ANSWER_HEAD_BYTES;

use crate::Outcome;
use crate::shape::Shape;

/// The first argument of a process that is the limit.
pub const ROLE: &str = "--role";
/// How many bytes the length in front of a frame takes.
pub const LENGTH_BYTES: usize = 4;
/// The most that one read brings.
const READ_BYTES: usize = 256 << 10;

const ACCEPTOR: Token = Token(usize::MAX);

/// What is done with the bytes of one connection.
trait Handler {
    /// Where the next bytes go, at most [`READ_BYTES`] of them.
    fn room(&mut self) -> &mut [u8];

    /// So many bytes have come into that room.
    fn arrived(&mut self, count: usize);

    /// Writes what is to be answered, as far as the socket takes it.
    fn write(&mut self, socket: &mut TcpStream) -> io::Result<()>;
}

/// Plays a role until the process is ended.
pub fn play(arguments: &[String]) -> Outcome<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let stored = |text: &str| text.parse::<usize>();
    match arguments[..] {
        ["sink", memory] => {
            let kind = store::Kind::named(memory).ok_or("no such memory")?;
            serve(|_| sink::Sink::new(kind))
        }
        ["copying-sink", memory] => {
            let kind = store::Kind::named(memory).ok_or("no such memory")?;
            serve(|_| sink::Sink::copying(kind))
        }
        ["source", shape, bytes] => {
            let stock = source::Stock::new(Shape::named(shape).ok_or("no such shape")?, stored(bytes)?);
            serve(|_| source::Source::new(&stock))
        }
        ["kafka", shape, bytes] => {
            let stock = source::Stock::new(Shape::named(shape).ok_or("no such shape")?, stored(bytes)?);
            serve(|address| kafka::Kafka::new(&stock, address))
        }
        _ => Err(format!("no such role: {arguments:?}").into()),
    }
}

/// One socket and what is done with it.
struct Connection<H> {
    socket: TcpStream,
    handler: H,
}

/// `handler` makes what a new connection needs, and may want to know where this server listens.
fn serve<H: Handler>(handler: impl Fn(SocketAddr) -> H) -> Outcome<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut connections = Slab::new();
    let mut acceptor = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    poll.registry().register(&mut acceptor, ACCEPTOR, Interest::READABLE)?;
    let address = acceptor.local_addr()?;
    println!("listening on {address}");
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() != ACCEPTOR {
                let Token(slot) = event.token();
                if connections.get_mut(slot).is_some_and(|connection| go_on(connection).is_err()) {
                    connections.remove(slot);
                }
                continue;
            }
            while let Some((mut socket, _)) = unless_it_blocks(acceptor.accept())? {
                socket.set_nodelay(true)?;
                let entry = connections.vacant_entry();
                // Both at once and for good, so that no further system call is needed when a socket does not take all.
                let interest = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut socket, Token(entry.key()), interest)?;
                entry.insert(Connection { socket, handler: handler(address) });
            }
        }
    }
}

/// Reads all that has come, and answers. An error is the end of the connection.
fn go_on<H: Handler>(connection: &mut Connection<H>) -> io::Result<()> {
    let Connection { socket, handler } = connection;
    loop {
        let room = handler.room();
        let asked = room.len();
        let count = match unless_it_blocks(socket.read(room))? {
            Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Some(count) => count,
            None => break,
        };
        handler.arrived(count);
        // What is less than there was room for was all: the system would say that the next read blocks.
        if count < asked {
            break;
        }
    }
    handler.write(socket)
}

fn unless_it_blocks<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes bytes that are the same whenever they are written, as many as are left of them.
fn write_left(socket: &mut TcpStream, left: &mut usize, bytes: &[u8]) -> io::Result<()> {
    while *left > 0 {
        // The end of the bytes is what is left of them, as long as it is not more than all.
        let next = (*left - 1) % bytes.len() + 1;
        let Some(written) = unless_it_blocks(socket.write(&bytes[bytes.len() - next..]))? else { break };
        *left -= written;
    }
    Ok(())
}

/// Takes the complete frames off the front of what has arrived, without their lengths. Gives how many bytes they took.
fn for_each_frame(arrived: &[u8], mut look: impl FnMut(&[u8])) -> usize {
    let mut position = 0;
    while let Some(length) = announced(&arrived[position..]) {
        let start = position + LENGTH_BYTES;
        let Some(frame) = arrived.get(start..start + length) else { break };
        look(frame);
        position = start + length;
    }
    position
}

/// The length of the frame at the front.
fn announced(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk::<LENGTH_BYTES>().map(|prefix| u32::from_be_bytes(*prefix) as usize)
}

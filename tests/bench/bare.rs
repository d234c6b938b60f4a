//! The least program over mio that answers: what the start of the broker is compared with. See rows/start.rs.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const ACCEPTOR: Token = Token(0);
const CONNECTION: Token = Token(1);
/// Four bytes that say how many follow, and so many.
const ANSWER: [u8; 64] = {
    let mut answer = [0; 64];
    answer[3] = 60;
    answer
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut acceptor = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    poll.registry().register(&mut acceptor, ACCEPTOR, Interest::READABLE)?;
    println!("bare listening on {}", acceptor.local_addr()?);
    let mut connection = None;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == ACCEPTOR {
                let (mut accepted, _) = acceptor.accept()?;
                poll.registry().register(&mut accepted, CONNECTION, Interest::READABLE)?;
                connection = Some(accepted);
            } else if let Some(socket) = &mut connection {
                answer(socket)?;
            }
        }
    }
}

/// Answers whatever has come.
fn answer(socket: &mut TcpStream) -> Result<(), Box<dyn Error>> {
    match socket.read(&mut [0; 4096]) {
        Ok(0) => Ok(()),
        Ok(_) => Ok(socket.write_all(&ANSWER)?),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error.into()),
    }
}

//! A client of the barest kind: frames over a blocking socket, one after the other or many at once.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use kafka_rs::broker::api;
use kafka_rs::wire::header::{self, RequestStart};
use kafka_rs::wire::messages::api_versions;
use kafka_rs::wire::{Field, Reader, Writer};

use crate::driver::Exchange;

/// Nothing that these tests wait for takes as long as this.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Socket {
    pub stream: TcpStream,
    correlation_id: i32,
}

/// What a read of the socket met.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Frame(Bytes),
    /// The broker has closed the connection.
    End,
    /// Nothing has come in this time.
    Nothing,
}

impl Socket {
    pub fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect_timeout(&address, PATIENCE).expect("a broker that accepts"))
    }

    /// A client that has its connection already.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("an option that every socket has");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time that is not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time that is not zero");
        Self { stream, correlation_id: 0 }
    }

    /// A request as it goes over the wire.
    pub fn frame<Q: Exchange>(version: i16, correlation_id: i32, request: &Q) -> Bytes {
        let flexible = api::find(Q::KEY).expect("an API of the table").is_flexible(version);
        let mut writer = Writer::new(version, flexible);
        let start = RequestStart { api_key: Q::KEY, api_version: version, correlation_id };
        header::write_request(&mut writer, start, Some("test"));
        request.write(&mut writer);
        writer.finish().to_bytes()
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("a broker that reads");
    }

    pub fn send<Q: Exchange>(&mut self, version: i16, request: &Q) {
        self.correlation_id += 1;
        self.write(&Self::frame(version, self.correlation_id, request));
    }

    /// The answer to the last request.
    pub fn receive<Q: Exchange>(&mut self, version: i16) -> Q::Response {
        match self.next() {
            Received::Frame(frame) => {
                let (correlation_id, response) = decode::<Q>(version, frame);
                assert_eq!(correlation_id, self.correlation_id, "the answer to another request");
                response
            }
            other => panic!("no answer: {other:?}"),
        }
    }

    pub fn ask<Q: Exchange>(&mut self, version: i16, request: &Q) -> Q::Response {
        self.send(version, request);
        self.receive::<Q>(version)
    }

    /// Whether the broker serves this connection.
    pub fn is_served(&mut self) -> bool {
        let request = api_versions::Request::default();
        self.correlation_id += 1;
        let frame = Self::frame(0, self.correlation_id, &request);
        self.stream.write_all(&frame).is_ok() && matches!(self.next(), Received::Frame(_))
    }

    /// What comes next, for as long as patience lasts.
    pub fn next(&mut self) -> Received {
        self.next_within(PATIENCE)
    }

    pub fn next_within(&mut self, time: Duration) -> Received {
        let deadline = Instant::now() + time;
        let mut length = [0; 4];
        match self.read_exact(&mut length, deadline) {
            Received::Frame(_) => {}
            other => return other,
        }
        let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
        match self.read_exact(&mut bytes, Instant::now() + PATIENCE) {
            Received::Frame(_) => Received::Frame(bytes.into()),
            other => panic!("{other:?} in the middle of an answer"),
        }
    }

    fn read_exact(&mut self, buffer: &mut [u8], deadline: Instant) -> Received {
        let mut filled = 0;
        while filled < buffer.len() {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left)).expect("a time that is not zero");
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) => return Received::End,
                Ok(count) => filled += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if Instant::now() >= deadline {
                        return Received::Nothing;
                    }
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Received::End,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{error}"),
            }
        }
        Received::Frame(Bytes::new())
    }

    /// Ends this side: the broker can still answer.
    pub fn end(&self) {
        self.stream.shutdown(Shutdown::Write).expect("a connection");
    }
}

/// Takes an answer apart: correlation id and body.
pub fn decode<Q: Exchange>(version: i16, mut frame: Bytes) -> (i32, Q::Response) {
    let api = api::find(Q::KEY).expect("an API of the table");
    let mut reader = Reader::new(frame.clone(), version, false);
    let read = header::read_response(&mut reader, api.response_header_is_flexible(version));
    let correlation_id = read.expect("a header");
    frame.advance(frame.len() - reader.left());
    let mut reader = Reader::new(frame, version, api.is_flexible(version));
    let response = Q::Response::read(&mut reader).expect("a response that can be decoded");
    reader.finish().expect("a response without bytes left over");
    (correlation_id, response)
}

//! The load: requests over a blocking socket, a number of them in flight, whose answers are checked.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::limit::LENGTH_BYTES;

/// An answer that takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(60);
/// Room for the longest answer, and more.
const BUFFER_BYTES: usize = 4 << 20;

/// What a [`Client`] sends, and what it expects in return.
pub trait Requests {
    /// The next requests in one piece, at most `most`, and how many they are; `ahead` are not answered yet.
    fn next(&mut self, ahead: usize, most: usize) -> (&[u8], usize);

    /// Looks at the next answer.
    fn check(&mut self, answer: &[u8]) -> io::Result<()>;
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What has come and nobody has looked at yet.
    start: usize,
    end: usize,
}

impl Client {
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES], start: 0, end: 0 })
    }

    /// Sends so many requests, so many of them in flight, and waits for all answers.
    pub fn send(&mut self, requests: &mut impl Requests, count: usize, in_flight: usize) -> io::Result<()> {
        let (mut sent, mut answered) = (0, 0);
        while answered < count {
            while sent < count && sent - answered < in_flight {
                let most = (in_flight - (sent - answered)).min(count - sent);
                let (bytes, number) = requests.next(sent - answered, most);
                self.stream.write_all(bytes)?;
                sent += number;
            }
            requests.check(self.answer()?)?;
            answered += 1;
            while answered < sent && self.has_answer() {
                requests.check(self.answer()?)?;
                answered += 1;
            }
        }
        Ok(())
    }

    /// How long each of so many requests takes, one after the other, in microseconds.
    pub fn round_trips(&mut self, requests: &mut impl Requests, count: usize) -> io::Result<Vec<f64>> {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let started = Instant::now();
            self.stream.write_all(requests.next(0, 1).0)?;
            let answer = self.answer()?;
            times.push(started.elapsed().as_secs_f64() * 1e6);
            requests.check(answer)?;
        }
        Ok(times)
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends one request without waiting for its answer.
    pub fn start(&mut self, requests: &mut impl Requests) -> io::Result<()> {
        self.stream.write_all(requests.next(0, 1).0)
    }

    /// Waits for the answer to a request that was started.
    pub fn finish(&mut self, requests: &mut impl Requests) -> io::Result<()> {
        requests.check(self.answer()?)
    }

    /// Waits for the next answer; gives it without its length.
    pub fn answer(&mut self) -> io::Result<&[u8]> {
        while !self.has_answer() {
            self.read()?;
        }
        let start = self.start + LENGTH_BYTES;
        let end = start + self.announced().unwrap_or(0);
        self.start = end;
        Ok(&self.buffer[start..end])
    }

    fn announced(&self) -> Option<usize> {
        let prefix = self.buffer[self.start..self.end].first_chunk::<LENGTH_BYTES>()?;
        Some(u32::from_be_bytes(*prefix) as usize)
    }

    fn has_answer(&self) -> bool {
        self.announced().is_some_and(|length| self.end - self.start >= LENGTH_BYTES + length)
    }

    fn read(&mut self) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.start + LENGTH_BYTES + self.announced().unwrap_or(0) > self.buffer.len()
            || self.end == self.buffer.len()
        {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match self.stream.read(&mut self.buffer[self.end..]) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.end += count;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

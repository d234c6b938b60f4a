//! Gives what it has, a MiB at a time.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use kafka_rs::wire::record_batch;
use mio::net::TcpStream;

use super::outbox::Outbox;
use super::{Handler, LENGTH_BYTES, for_each_frame};
use crate::shape::Shape;

/// What stands in front of the stored bytes in an answer, its length included: about as much as in a Fetch.
pub const ANSWER_HEAD_BYTES: usize = 80;
/// How much an answer holds at most.
const ANSWER_BYTES: usize = 1 << 20;
/// Requests are small.
const ROOM_BYTES: usize = 4 << 10;

/// Record batches in one piece of memory, and where the answers begin and end that they are cut into.
#[derive(Debug)]
pub struct Stock {
    bytes: Bytes,
    answers: Vec<Range<usize>>,
    pub records: i64,
}

impl Stock {
    /// As many whole answers as so many bytes hold, and one at least.
    pub fn new(shape: Shape, bytes: usize) -> Self {
        let (batch, records_per_batch) = (shape.batch(), shape.records());
        let batches_per_answer = (ANSWER_BYTES / batch.len()).max(1);
        let count = (bytes / (batches_per_answer * batch.len())).max(1);
        let mut bytes = batch.repeat(count * batches_per_answer);
        let mut records = 0;
        for batch in bytes.chunks_exact_mut(batch.len()) {
            record_batch::assign(batch, records, 0);
            records += records_per_batch;
        }
        let length = bytes.len() / count;
        let answers = (0..count).map(|nth| nth * length..(nth + 1) * length).collect();
        Self { bytes: bytes.into(), answers, records }
    }

    /// The answer that has the record with this offset.
    pub fn answer_from(&self, offset: i64) -> Option<Bytes> {
        let records_per_answer = self.records / self.answers.len() as i64;
        let range = self.answers.get(usize::try_from(offset / records_per_answer).ok()?)?;
        Some(self.bytes.slice(range.clone()))
    }
}

#[derive(Debug)]
pub struct Source<'a> {
    stock: &'a Stock,
    next: usize,
    arrived: Vec<u8>,
    filled: usize,
    outbox: Outbox,
}

impl<'a> Source<'a> {
    pub fn new(stock: &'a Stock) -> Self {
        Self { stock, next: 0, arrived: vec![0; ROOM_BYTES], filled: 0, outbox: Outbox::default() }
    }
}

impl Handler for Source<'_> {
    fn room(&mut self) -> &mut [u8] {
        &mut self.arrived[self.filled..]
    }

    fn arrived(&mut self, count: usize) {
        self.filled += count;
        let taken = for_each_frame(&self.arrived[..self.filled], |_| {
            let range = self.stock.answers[self.next].clone();
            self.next = (self.next + 1) % self.stock.answers.len();
            let mut head = [0; ANSWER_HEAD_BYTES];
            let length = ANSWER_HEAD_BYTES - LENGTH_BYTES + range.len();
            head[..LENGTH_BYTES].copy_from_slice(&(length as u32).to_be_bytes());
            self.outbox.push(Bytes::copy_from_slice(&head));
            self.outbox.push(self.stock.bytes.slice(range));
        });
        self.arrived.copy_within(taken..self.filled, 0);
        self.filled -= taken;
    }

    fn write(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        self.outbox.write(socket)
    }
}

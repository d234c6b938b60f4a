//! A run of batches in one piece of memory.
//!
//! A chunk never moves while it is appended to. Every few kilobytes it leaves a [`Mark`]: offset, position and the highest
//! timestamp before it. Finding an offset, a time or the end of a size limit is a binary search among the marks and a short
//! walk from header to header.
//!
//! ```text
//! chunk: [ batch batch batch batch batch ……free…… ]
//! marks:   ^           ^           ^
//! ```

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use super::{BatchTime, TimestampAndOffset};
use crate::budget::Budget;
use crate::wire::compression::{Decompressor, Unreadable};
use crate::wire::payload::{Buffer, SharedBuffer, Slice};
use crate::wire::record_batch::{self, BatchHeader, HEADER_BYTES, NO_TIMESTAMP, Records};

/// The distance between two marks.
const MARK_BYTES: usize = 4 << 10;

/// A batch that begins at a known place.
#[derive(Debug, Clone, Copy)]
struct Mark {
    base_offset: i64,
    position: usize,
    /// The highest timestamp in this chunk in front of the mark.
    max_timestamp_before: i64,
}

/// A contiguous run of batches.
#[derive(Debug)]
pub(super) struct Chunk {
    buffer: SharedBuffer,
    marks: Vec<Mark>,
    /// A batch from here on gets the next mark. The last mark says so too, but lies elsewhere: with ten thousand partitions, memory
    /// that is not looked at is what makes an append cheap.
    next_mark: usize,
    base_offset: i64,
    max_timestamp: i64,
}

impl Chunk {
    pub fn new(base_offset: i64, capacity: usize, budget: &Budget) -> Self {
        let buffer = Rc::new(RefCell::new(Buffer::with_capacity(capacity, budget)));
        Self { buffer, marks: Vec::new(), next_mark: 0, base_offset, max_timestamp: NO_TIMESTAMP }
    }

    pub fn buffer(&self) -> &SharedBuffer {
        &self.buffer
    }

    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    pub fn length(&self) -> usize {
        self.buffer.borrow().len()
    }

    pub fn capacity(&self) -> usize {
        self.buffer.borrow().capacity()
    }

    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.length() + bytes <= self.capacity()
    }

    /// Gives back the memory behind the last batch: nothing more is appended.
    pub fn close(&mut self) {
        self.buffer.borrow_mut().close();
    }

    /// Copies a batch behind the others and gives it its place in the log, and its time if the broker's clock counts.
    pub fn append(&mut self, batch: &[u8], header: &BatchHeader, base_offset: i64, leader_epoch: i32, time: BatchTime) {
        let position = self.copy(batch, base_offset);
        let mut buffer = self.buffer.borrow_mut();
        record_batch::assign(&mut buffer[position..], base_offset, leader_epoch);
        if time != BatchTime::of(header) {
            record_batch::stamp(&mut buffer[position..], time.timestamp_type, time.max_timestamp);
        }
        self.max_timestamp = self.max_timestamp.max(time.max_timestamp);
    }

    /// Copies a batch of the log that keeps its place and its time.
    pub fn keep(&mut self, batch: &[u8], header: &BatchHeader) {
        self.copy(batch, header.base_offset);
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
    }

    fn copy(&mut self, batch: &[u8], base_offset: i64) -> usize {
        let mut buffer = self.buffer.borrow_mut();
        let position = buffer.len();
        if position >= self.next_mark {
            self.next_mark = position + MARK_BYTES;
            self.marks.push(Mark { base_offset, position, max_timestamp_before: self.max_timestamp });
        }
        buffer.push(batch);
        position
    }

    /// The last mark for which `before` holds, or the first of all: where a walk to the first batch behind it begins.
    fn mark(&self, before: impl Fn(&Mark) -> bool) -> usize {
        let index = self.marks.partition_point(before).saturating_sub(1);
        self.marks.get(index).map_or(0, |mark| mark.position)
    }

    /// Walks from batch to batch, beginning at the position of one, until `stop` says so; gives that batch and its position.
    fn walk(&self, from: usize, mut stop: impl FnMut(usize, &BatchHeader) -> bool) -> Option<(usize, BatchHeader)> {
        let buffer = self.buffer.borrow();
        let mut position = from;
        while position < buffer.len() {
            let header = BatchHeader::parse(&buffer[position..]).expect("only whole batches are appended");
            if stop(position, &header) {
                return Some((position, header));
            }
            position += header.total_bytes().expect("a batch was checked before it was appended");
        }
        None
    }

    /// Looks at every batch, at its header and at all its bytes, in order.
    pub fn for_each(&self, mut look: impl FnMut(&BatchHeader, &[u8])) {
        self.look_from(self.base_offset, |header, batch| {
            look(header, batch);
            ControlFlow::Continue(())
        });
    }

    /// Looks at the batches from the one on that holds `offset`, until `look` says that it is enough. Gives the offset of the
    /// batch that would be next, if there is one.
    pub fn look_from(&self, offset: i64, mut look: impl FnMut(&BatchHeader, &[u8]) -> ControlFlow<()>) -> Option<i64> {
        let buffer = self.buffer.borrow();
        let mut flow = ControlFlow::Continue(());
        let next = self.walk(self.position_of(offset), |position, header| {
            if flow.is_continue() {
                let end = header.total_bytes().map_or(buffer.len(), |bytes| position + bytes);
                flow = look(header, &buffer[position..end]);
                return false;
            }
            true
        });
        next.map(|(_, header)| header.base_offset)
    }

    /// Where the batch begins that holds `offset`, or the first one behind it.
    pub fn position_of(&self, offset: i64) -> usize {
        let from = self.mark(|mark| mark.base_offset <= offset);
        self.walk(from, |_, header| header.last_offset() >= offset).map_or(self.length(), |(position, _)| position)
    }

    /// The last end of a batch that is at most `limit` away from `from`, where a batch begins.
    pub fn end_within(&self, from: usize, limit: usize) -> usize {
        let target = from.saturating_add(limit);
        if target >= self.length() {
            return self.length();
        }
        let near = self.mark(|mark| mark.position <= target).max(from);
        let beyond =
            self.walk(near, |position, header| header.total_bytes().is_none_or(|bytes| position + bytes > target));
        beyond.map_or(self.length(), |(position, _)| position)
    }

    /// The first offset of the batch that begins at `position`, if one does.
    pub fn offset_at(&self, position: usize) -> Option<i64> {
        BatchHeader::parse(&self.buffer.borrow()[position..]).map(|header| header.base_offset)
    }

    /// Where the batch ends that begins at `position`.
    pub fn end_of(&self, position: usize) -> usize {
        self.walk(position, |at, _| at > position).map_or(self.length(), |(next, _)| next)
    }

    /// The first record from `offset` on with at least this timestamp. A batch whose header promises one that its records
    /// do not have is passed over. Fails when a batch cannot be looked into now.
    pub fn find_timestamp(
        &self,
        timestamp: i64,
        offset: i64,
        decompressor: &mut Decompressor,
    ) -> Result<Option<TimestampAndOffset>, Unreadable> {
        if self.max_timestamp < timestamp {
            return Ok(None);
        }
        let mut found = Ok(None);
        self.walk(self.mark(|mark| mark.max_timestamp_before < timestamp), |position, header| {
            if header.max_timestamp >= timestamp && header.last_offset() >= offset {
                let buffer = self.buffer.borrow();
                let end = header.total_bytes().map_or(position, |bytes| position + bytes);
                let records = &buffer[position + HEADER_BYTES..end];
                found = first_record_at(timestamp, offset, header, records, decompressor);
            }
            found != Ok(None)
        });
        found
    }

    /// The highest timestamp of the batches that reach to `offset` or beyond.
    pub fn max_timestamp_from(&self, offset: i64) -> i64 {
        let mut highest = NO_TIMESTAMP;
        self.walk(self.position_of(offset), |_, header| {
            highest = highest.max(header.max_timestamp);
            false
        });
        highest
    }

    pub fn slice(&self, start: usize, end: usize) -> Slice {
        Slice::Shared { buffer: Rc::clone(&self.buffer), range: start..end }
    }
}

/// The first record of a batch from `offset` on with at least this timestamp.
fn first_record_at(
    timestamp: i64,
    offset: i64,
    header: &BatchHeader,
    records: &[u8],
    decompressor: &mut Decompressor,
) -> Result<Option<TimestampAndOffset>, Unreadable> {
    let place = |timestamp, delta| TimestampAndOffset { timestamp, offset: header.base_offset + i64::from(delta) };
    if header.is_log_append_time() && header.is_whole() && header.base_offset >= offset {
        return Ok(Some(place(header.max_timestamp, 0)));
    }
    let Some(codec) = header.codec() else { return Ok(None) };
    let records = match decompressor.decompress(codec, records) {
        Ok(records) => records,
        Err(Unreadable::NotNow) => return Err(Unreadable::NotNow),
        // Of what can never be looked into, nothing may be passed over: its first record is not too late, if perhaps too early.
        Err(Unreadable::Malformed | Unreadable::TooLarge) => {
            let offset = header.base_offset.max(offset);
            return Ok(Some(TimestampAndOffset { timestamp: header.max_timestamp, offset }));
        }
    };
    let found = Records::new(&records)
        .map_while(Result::ok)
        .map(|record| place(header.timestamp_of(&record), record.offset_delta))
        .find(|place| place.timestamp >= timestamp && place.offset >= offset);
    Ok(found)
}

//! One partition's log: the record batches as they came, one after the other.
//!
//! The log is a sequence of segments, each a contiguous buffer that never moves once it is allocated. A batch is copied into
//! the last segment, gets its base offset and leader epoch in place, and is never encoded again. Reading gives ranges of
//! segments, not copies: see [`crate::wire::payload`].
//!
//! ```text
//! segments:   [ batch batch batch ] [ batch batch ] [ batch ……free…… ]
//!               ^ start offset                              ^ end offset
//! marks:        ^           ^         ^               ^
//! ```
//!
//! Every few kilobytes a segment leaves a [`Mark`]: offset, position and the highest timestamp before it. Finding an
//! offset, a time or the end of a size limit is a binary search among the marks and a short walk from header to header.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::wire::compression;
use crate::wire::payload::{Payload, SharedBuffer, Slice};
use crate::wire::record_batch::{self, BatchHeader, HEADER_BYTES, NO_TIMESTAMP, Records, TimestampType};

/// The first segment of a log is small, so that ten thousand idle partitions cost little.
const SEGMENT_BYTES_MIN: usize = 16 << 10;
/// Each further segment is twice as large as the one before, up to this.
const SEGMENT_BYTES_MAX: usize = 1 << 20;
/// The distance between two marks of a segment.
const MARK_BYTES: usize = 4 << 10;

/// A batch that begins at a known place.
#[derive(Debug, Clone, Copy)]
struct Mark {
    base_offset: i64,
    position: usize,
    /// The highest timestamp in this segment in front of the mark.
    max_timestamp_before: i64,
}

/// A contiguous run of batches.
#[derive(Debug)]
struct Segment {
    buffer: SharedBuffer,
    capacity: usize,
    marks: Vec<Mark>,
    base_offset: i64,
    max_timestamp: i64,
}

/// A record's place in the log and in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampAndOffset {
    pub timestamp: i64,
    pub offset: i64,
}

/// Whose clock a batch's timestamps are from, and the latest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchTime {
    pub timestamp_type: TimestampType,
    pub max_timestamp: i64,
}

impl BatchTime {
    /// What a batch says of itself.
    pub fn of(header: &BatchHeader) -> Self {
        let timestamp_type = match header.is_log_append_time() {
            true => TimestampType::LogAppendTime,
            false => TimestampType::CreateTime,
        };
        Self { timestamp_type, max_timestamp: header.max_timestamp }
    }
}

/// One partition's batches.
#[derive(Debug, Default)]
pub struct Log {
    segments: VecDeque<Segment>,
    start_offset: i64,
    end_offset: i64,
}

impl Segment {
    fn new(base_offset: i64, capacity: usize) -> Self {
        let buffer = Rc::new(RefCell::new(Vec::with_capacity(capacity)));
        Self { buffer, capacity, marks: Vec::new(), base_offset, max_timestamp: NO_TIMESTAMP }
    }

    fn length(&self) -> usize {
        self.buffer.borrow().len()
    }

    /// Copies a batch behind the others and gives it its place in the log, and its time if the broker's clock counts.
    fn append(&mut self, batch: &[u8], header: &BatchHeader, base_offset: i64, leader_epoch: i32, time: BatchTime) {
        let mut buffer = self.buffer.borrow_mut();
        let position = buffer.len();
        assert!(position + batch.len() <= self.capacity, "a segment never moves");
        if self.marks.last().is_none_or(|mark| position - mark.position >= MARK_BYTES) {
            self.marks.push(Mark { base_offset, position, max_timestamp_before: self.max_timestamp });
        }
        buffer.extend_from_slice(batch);
        record_batch::assign(&mut buffer[position..], base_offset, leader_epoch);
        if time != BatchTime::of(header) {
            record_batch::stamp(&mut buffer[position..], time.timestamp_type, time.max_timestamp);
        }
        self.max_timestamp = self.max_timestamp.max(time.max_timestamp);
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

    /// Where the batch begins that holds `offset`, or the first one behind it.
    fn position_of(&self, offset: i64) -> usize {
        let from = self.mark(|mark| mark.base_offset <= offset);
        self.walk(from, |_, header| header.last_offset() >= offset).map_or(self.length(), |(position, _)| position)
    }

    /// The last end of a batch that is at most `limit` away from `from`, where a batch begins.
    fn end_within(&self, from: usize, limit: usize) -> usize {
        let target = from.saturating_add(limit);
        if target >= self.length() {
            return self.length();
        }
        let near = self.mark(|mark| mark.position <= target).max(from);
        let beyond =
            self.walk(near, |position, header| header.total_bytes().is_none_or(|bytes| position + bytes > target));
        beyond.map_or(self.length(), |(position, _)| position)
    }

    /// The first record with at least this timestamp. A batch whose header promises one that its records do not have is
    /// passed over, as is one that cannot be decompressed.
    fn find_timestamp(&self, timestamp: i64) -> Option<TimestampAndOffset> {
        if self.max_timestamp < timestamp {
            return None;
        }
        let mut found = None;
        self.walk(self.mark(|mark| mark.max_timestamp_before < timestamp), |position, header| {
            if header.max_timestamp >= timestamp {
                let buffer = self.buffer.borrow();
                let end = header.total_bytes().map_or(position, |bytes| position + bytes);
                found = first_record_at(timestamp, header, &buffer[position + HEADER_BYTES..end]);
            }
            found.is_some()
        });
        found
    }

    fn slice(&self, start: usize, end: usize) -> Slice {
        Slice::Shared { buffer: Rc::clone(&self.buffer), range: start..end }
    }
}

/// The first record of a batch with at least this timestamp.
fn first_record_at(timestamp: i64, header: &BatchHeader, records: &[u8]) -> Option<TimestampAndOffset> {
    let place = |timestamp, delta| TimestampAndOffset { timestamp, offset: header.base_offset + i64::from(delta) };
    if header.is_log_append_time() {
        return Some(place(header.max_timestamp, 0));
    }
    let records = compression::decompress(header.codec()?, records)?;
    Records::new(&records)
        .map_while(Result::ok)
        .map(|record| place(header.base_timestamp.saturating_add(record.timestamp_delta), record.offset_delta))
        .find(|place| place.timestamp >= timestamp)
}

impl Log {
    /// The first offset that can be read.
    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// The offset that the next record will get.
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// Up to where consumers may read. With one replica, every record is committed when it is appended.
    pub fn high_watermark(&self) -> i64 {
        self.end_offset
    }

    /// Up to where consumers of committed transactions may read.
    pub fn last_stable_offset(&self) -> i64 {
        self.high_watermark()
    }

    /// Appends one batch that has been checked, and gives the offset of its first record. A time that is not the batch's own
    /// is written into it.
    pub fn append(&mut self, batch: &[u8], header: &BatchHeader, leader_epoch: i32, time: BatchTime) -> i64 {
        let base_offset = self.end_offset;
        let last = self.segments.back();
        if last.is_none_or(|segment| segment.length() + batch.len() > segment.capacity) {
            let next = last.map_or(SEGMENT_BYTES_MIN, |segment| (segment.capacity * 2).min(SEGMENT_BYTES_MAX));
            self.segments.push_back(Segment::new(base_offset, next.max(batch.len())));
        }
        let segment = self.segments.back_mut().expect("there is one now");
        segment.append(batch, header, base_offset, leader_epoch, time);
        self.end_offset += i64::from(header.last_offset_delta) + 1;
        base_offset
    }

    /// The batches from `offset` on, as many as `max_bytes` holds. The first one comes with all its bytes even if it is
    /// larger, when `at_least_one` says so: otherwise a consumer with a small limit would never get past it.
    pub fn read(&self, offset: i64, max_bytes: usize, at_least_one: bool) -> Payload {
        let mut payload = Payload::default();
        let first = self.segment_of(offset);
        for segment in self.segments.iter().skip(first) {
            let start = segment.position_of(offset);
            let mut end = segment.end_within(start, max_bytes - payload.length().min(max_bytes));
            if end == start && payload.length() == 0 && at_least_one {
                end = segment.walk(start, |position, _| position > start).map_or(segment.length(), |(next, _)| next);
            }
            if end > start {
                payload.push(segment.slice(start, end));
            }
            if end < segment.length() || payload.length() >= max_bytes {
                break;
            }
        }
        payload
    }

    /// How many bytes there are to read from `offset` on, counted no further than `enough`.
    pub fn available_bytes(&self, offset: i64, enough: usize) -> usize {
        let mut bytes = 0;
        for segment in self.segments.iter().skip(self.segment_of(offset)) {
            bytes += segment.length() - segment.position_of(offset);
            if bytes >= enough {
                break;
            }
        }
        bytes
    }

    /// The first record with at least this timestamp.
    pub fn find_timestamp(&self, timestamp: i64) -> Option<TimestampAndOffset> {
        self.segments.iter().find_map(|segment| segment.find_timestamp(timestamp))
    }

    /// The first of the records with the highest timestamp.
    pub fn find_max_timestamp(&self) -> Option<TimestampAndOffset> {
        let highest = self.segments.iter().map(|segment| segment.max_timestamp).max()?;
        self.find_timestamp(highest)
    }

    /// The position among the segments of the one that holds `offset`.
    fn segment_of(&self, offset: i64) -> usize {
        self.segments.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
    }
}

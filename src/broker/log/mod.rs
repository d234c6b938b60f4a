//! One partition's log: the record batches as they came, one after the other.
//!
//! The log is a sequence of segments, as in Kafka, and each of them a sequence of chunks of memory. A batch is copied into
//! the last chunk, gets its base offset and leader epoch in place, and is never encoded again unless it is compacted.
//! Reading gives ranges of chunks, not copies: see [`crate::wire::payload`]. A chunk that the log has let go of lives on
//! until the last answer that shows it has been written.
//!
//! ```text
//! segments:   [                            ] [                        ] [                active ]
//! chunks:     [ batch batch ] [ batch batch ] [ batch batch ] [ batch ] [ batch batch ……free…… ]
//!                       ^ start offset                                              ^ end offset
//! ```
//!
//! [`segment`] says when the next segment begins, [`retention`] which ones are deleted, [`compaction`] what is left of keys
//! that come again, [`upkeep`] when that is done. [`chunk`] says how batches are found.

mod chunk;
mod compaction;
mod retention;
mod segment;
pub mod transactions;
pub mod upkeep;

use std::collections::VecDeque;

use self::chunk::Chunk;
use self::segment::Segment;
use self::transactions::Transactions;
use crate::budget::Budget;
use crate::config::topic::TopicSettings;
use crate::pieces;
use crate::wire::compression::{Decompressor, Unreadable};
use crate::wire::payload::{Payload, SharedBuffer};
use crate::wire::record_batch::{BatchHeader, TimestampType};

/// The first chunk of a log is small, so that ten thousand idle partitions cost little.
const CHUNK_BYTES_MIN: usize = 16 << 10;
/// Each further chunk is about as large as all of the log, up to this: a few times the longest batch that topics take by
/// default, so that what is left at the end of a chunk, too short for the next batch, is a small part of it.
const CHUNK_BYTES_MAX: usize = 8 << 20;

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

/// When a new segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rolling {
    now_ms: i64,
    segment_bytes: usize,
    segment_ms: i64,
}

impl Rolling {
    pub fn new(settings: &TopicSettings, now_ms: i64) -> Self {
        // What must be compacted after a while must not stay in the active segment for longer.
        let segment_ms = match settings.compact {
            true => settings.segment_ms.min(settings.max_compaction_lag_ms),
            false => settings.segment_ms,
        };
        Self { now_ms, segment_bytes: usize::try_from(settings.segment_bytes).unwrap_or(0), segment_ms }
    }
}

/// One partition's batches.
#[derive(Debug)]
pub struct Log {
    budget: Budget,
    segments: VecDeque<Segment>,
    start_offset: i64,
    end_offset: i64,
    /// Up to here, each key stands once.
    clean_until: i64,
    pub transactions: Transactions,
}

impl Log {
    /// An empty log, whose memory counts in this budget.
    pub fn new(budget: &Budget) -> Self {
        Self {
            budget: budget.clone(),
            segments: VecDeque::new(),
            start_offset: 0,
            end_offset: 0,
            clean_until: 0,
            transactions: Transactions::default(),
        }
    }

    /// The first offset that can be read.
    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// The offset that the next record will get.
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// What must hold between two requests.
    pub fn invariants(&self) {
        assert!(0 <= self.start_offset && self.start_offset <= self.last_stable_offset());
        assert!(self.last_stable_offset() <= self.high_watermark() && self.high_watermark() <= self.end_offset);
        let mut next_offset = None;
        for chunk in self.segments.iter().flat_map(|segment| &segment.chunks) {
            chunk.for_each(|header, _| {
                assert!(next_offset.is_none_or(|next| header.base_offset >= next), "offsets go up");
                next_offset = Some(header.last_offset() + 1);
            });
        }
        assert!(next_offset.is_none_or(|next| next <= self.end_offset));
        self.transactions.invariants();
    }

    /// Up to where consumers may read. With one replica, every record is committed when it is appended.
    pub fn high_watermark(&self) -> i64 {
        self.end_offset
    }

    /// Up to where consumers of committed transactions may read.
    pub fn last_stable_offset(&self) -> i64 {
        // Records may have been deleted in the middle of a transaction.
        self.transactions.first_open_offset().map_or(self.high_watermark(), |offset| offset.max(self.start_offset))
    }

    /// The bytes of all batches that are held.
    pub fn bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    /// Whether there is memory for so many bytes more.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.segments.back().is_some_and(|active| active.has_room_for(bytes)) || bytes <= self.budget.room_for_logs()
    }

    /// The memory that its batches lie in.
    pub fn buffers(&self) -> impl Iterator<Item = &SharedBuffer> {
        self.segments.iter().flat_map(|segment| &segment.chunks).map(Chunk::buffer)
    }

    /// Appends one batch that has been checked, and gives the offset of its first record.
    pub fn append(
        &mut self,
        batch: &[u8],
        header: &BatchHeader,
        leader_epoch: i32,
        time: BatchTime,
        rolling: &Rolling,
    ) -> i64 {
        let base_offset = self.end_offset;
        let next_offset = base_offset + i64::from(header.last_offset_delta) + 1;
        let timestamp = time.max_timestamp;
        let active = self.segments.back_mut();
        if active.as_ref().is_none_or(|active| active.must_roll(batch.len(), timestamp, next_offset - 1, rolling)) {
            active.into_iter().for_each(Segment::close);
            self.segments.push_back(Segment::new(base_offset, timestamp, rolling.now_ms));
        }
        let chunk_bytes = self.chunk_bytes(batch.len(), rolling.segment_bytes);
        let active = self.segments.back_mut().expect("there is one now");
        active.chunks.extend(chunk_bytes.map(|bytes| Chunk::new(base_offset, bytes, &self.budget)));
        active.append(batch, header, base_offset, leader_epoch, time);
        active.last_append_ms = rolling.now_ms;
        self.end_offset = next_offset;
        base_offset
    }

    /// How large a chunk the active segment needs for a batch, if there is no room for it: no larger than what the segment may
    /// still take, and than there is memory for. It is of a size that others need too, if that can be.
    fn chunk_bytes(&self, batch_bytes: usize, segment_bytes: usize) -> Option<usize> {
        let active = self.segments.back().filter(|active| !active.has_room_for(batch_bytes))?;
        let room = self.budget.room_for_logs();
        let wanted = self.bytes().next_power_of_two().clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX);
        let useful = segment_bytes.saturating_sub(active.length).min(room);
        let useful = useful.checked_ilog2().map_or(0, |exponent| 1 << exponent);
        let bytes = wanted.min(useful).max(pieces::size_for(batch_bytes));
        Some(if bytes <= room { bytes } else { batch_bytes })
    }

    /// The batches from `offset` on and in front of `up_to`, as many as `max_bytes` holds. The first one comes with all its
    /// bytes even if it is larger, when `at_least_one` says so: otherwise a consumer with a small limit would never get past
    /// it. Gives the offset too at which the batches begin that were not read.
    pub fn read(&self, offset: i64, up_to: i64, max_bytes: usize, at_least_one: bool) -> (Payload, i64) {
        let mut payload = Payload::default();
        let mut next_offset = offset;
        let mut chunks = self.chunks_from(offset).peekable();
        while let Some(chunk) = chunks.next() {
            let start = chunk.position_of(offset);
            let stop = self.stop_in(chunk, up_to);
            let mut end = chunk.end_within(start, max_bytes - payload.length().min(max_bytes)).min(stop);
            if end == start && start < stop && payload.length() == 0 && at_least_one {
                end = chunk.end_of(start);
            }
            if end > start {
                payload.push(chunk.slice(start, end));
                let following = chunks.peek().map_or(self.end_offset, |next| next.base_offset());
                next_offset = chunk.offset_at(end).unwrap_or(following);
            }
            if end < chunk.length() || payload.length() >= max_bytes {
                break;
            }
        }
        (payload, next_offset)
    }

    /// How many bytes there are to read from `offset` on and in front of `up_to`, counted no further than `enough`.
    pub fn available_bytes(&self, offset: i64, up_to: i64, enough: usize) -> usize {
        let mut bytes = 0;
        for chunk in self.chunks_from(offset) {
            let stop = self.stop_in(chunk, up_to);
            bytes += stop.saturating_sub(chunk.position_of(offset));
            if stop < chunk.length() {
                break;
            }
            if bytes >= enough {
                break;
            }
        }
        bytes
    }

    /// Where reading ends in a chunk that wants nothing of `up_to` and behind it.
    fn stop_in(&self, chunk: &Chunk, up_to: i64) -> usize {
        if up_to < self.end_offset { chunk.position_of(up_to) } else { chunk.length() }
    }

    /// The first record with at least this timestamp.
    pub fn find_timestamp(
        &self,
        timestamp: i64,
        decompressor: &mut Decompressor,
    ) -> Result<Option<TimestampAndOffset>, Unreadable> {
        let mut chunks = self.chunks_from(self.start_offset);
        let found =
            chunks.find_map(|chunk| chunk.find_timestamp(timestamp, self.start_offset, decompressor).transpose());
        found.transpose()
    }

    /// The first of the records with the highest timestamp.
    pub fn find_max_timestamp(
        &self,
        decompressor: &mut Decompressor,
    ) -> Result<Option<TimestampAndOffset>, Unreadable> {
        let highest = |chunk: &Chunk| match chunk.base_offset() < self.start_offset {
            true => chunk.max_timestamp_from(self.start_offset),
            false => chunk.max_timestamp(),
        };
        match self.chunks_from(self.start_offset).map(highest).max() {
            Some(timestamp) => self.find_timestamp(timestamp, decompressor),
            None => Ok(None),
        }
    }

    /// The chunks from the one on that holds `offset`.
    fn chunks_from(&self, offset: i64) -> impl Iterator<Item = &Chunk> {
        let first = self.segments.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1);
        let skipped = self.segments.get(first).map_or(0, |segment| segment.chunk_of(offset));
        self.segments.iter().skip(first).flat_map(|segment| &segment.chunks).skip(skipped)
    }
}

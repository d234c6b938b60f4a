//! A run of a log that is kept or deleted as one, as a file of Kafka's is.
//!
//! A segment is as large as its topic says (`segment.bytes`), which may be very much: it does not lie in one piece of memory
//! but in [`Chunk`]s. The last segment of a log is the active one, to which batches are appended until it is large or old
//! enough; then another one begins. Retention deletes segments, and compaction works on those that are not active.

use super::chunk::Chunk;
use super::{BatchTime, Rolling};
use crate::wire::record_batch::{BatchHeader, NO_TIMESTAMP};

#[derive(Debug)]
pub(super) struct Segment {
    pub base_offset: i64,
    pub chunks: Vec<Chunk>,
    /// The bytes of all its batches.
    pub length: usize,
    /// The latest timestamp of the first batch: from there on the segment's age counts. -1 if the batch has none.
    pub first_timestamp: i64,
    created_ms: i64,
    /// When something was appended last, by the broker's clock.
    pub last_append_ms: i64,
}

impl Segment {
    pub fn new(base_offset: i64, first_timestamp: i64, now_ms: i64) -> Self {
        Self { base_offset, chunks: Vec::new(), length: 0, first_timestamp, created_ms: now_ms, last_append_ms: now_ms }
    }

    /// The latest timestamp in it, or when it was appended to last if its records have none.
    pub fn largest_timestamp(&self) -> i64 {
        match self.chunks.iter().map(Chunk::max_timestamp).max() {
            None | Some(NO_TIMESTAMP) => self.last_append_ms,
            Some(timestamp) => timestamp,
        }
    }

    /// Whether a batch has to go into a new segment, by its size, its latest timestamp and its last offset.
    ///
    /// The age of a segment is told by the records, as long as they tell it: who reads old records into a topic gets the
    /// segments that the records would have got in their time.
    pub fn must_roll(&self, bytes: usize, max_timestamp: i64, last_offset: i64, rolling: &Rolling) -> bool {
        let age_ms = match self.first_timestamp {
            NO_TIMESTAMP => rolling.now_ms.saturating_sub(self.created_ms),
            first => max_timestamp.saturating_sub(first),
        };
        self.length + bytes > rolling.segment_bytes
            || age_ms > rolling.segment_ms
            || last_offset - self.base_offset > i64::from(i32::MAX)
    }

    /// Whether the last chunk has room for so many bytes.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.chunks.last().is_some_and(|chunk| chunk.has_room_for(bytes))
    }

    /// Appends a batch for which there is room.
    pub fn append(&mut self, batch: &[u8], header: &BatchHeader, base_offset: i64, leader_epoch: i32, time: BatchTime) {
        self.length += batch.len();
        let last = self.chunks.last_mut().expect("room was made");
        last.append(batch, header, base_offset, leader_epoch, time);
    }

    /// The bytes from a chunk on to the end.
    pub fn bytes_from(&self, index: usize) -> usize {
        self.chunks[index..].iter().map(Chunk::length).sum()
    }

    /// Puts what compaction has left of a chunk in its place, or into the chunk before it where there is room.
    pub fn replace_chunk(&mut self, index: usize, left: Vec<Chunk>) {
        self.length -= self.chunks.remove(index).length();
        let mut position = index;
        for chunk in left {
            self.length += chunk.length();
            match position.checked_sub(1).and_then(|before| self.chunks.get_mut(before)) {
                Some(before) if before.has_room_for(chunk.length()) => {
                    chunk.for_each(|header, batch| before.keep(batch, header));
                }
                before => {
                    before.into_iter().for_each(Chunk::close);
                    self.chunks.insert(position, chunk);
                    position += 1;
                }
            }
        }
        if position == self.chunks.len() {
            self.close();
        }
    }

    /// Takes over what lies in the segment behind it.
    pub fn absorb(&mut self, mut next: Segment) {
        self.close();
        self.chunks.append(&mut next.chunks);
        self.length += next.length;
        self.last_append_ms = next.last_append_ms;
    }

    /// Nothing more is appended.
    pub fn close(&mut self) {
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.close();
        }
    }

    /// Lets go of the chunks that lie wholly in front of `offset`.
    pub fn delete_before(&mut self, offset: i64) {
        let gone = self.chunk_of(offset);
        self.length -= self.chunks.drain(..gone).map(|chunk| chunk.length()).sum::<usize>();
    }

    /// The position among the chunks of the one that holds `offset`.
    pub fn chunk_of(&self, offset: i64) -> usize {
        self.chunks.partition_point(|chunk| chunk.base_offset() <= offset).saturating_sub(1)
    }
}

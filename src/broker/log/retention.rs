//! What of a log is deleted: whole segments, the oldest first.
//!
//! A segment goes when all its records are older than `retention.ms`, when what comes behind it is `retention.bytes`
//! already, or when it lies below the start of the log, which DeleteRecords can move. The active segment goes like the
//! others: the next batch begins a new one.

use super::Log;
use super::segment::Segment;
use crate::config::topic::TopicSettings;

impl Log {
    /// Moves the start of the log up to `offset`: records in front of it cannot be read any more. The start never goes
    /// back, nor beyond the end. Memory that nothing can be read from is given back, in chunks and not only in segments.
    pub fn delete_before(&mut self, offset: i64) {
        self.start_offset = self.start_offset.max(offset.min(self.high_watermark()));
        while self.end_of_first_segment().is_some_and(|end| end <= self.start_offset) {
            self.segments.pop_front();
        }
        if let Some(first) = self.segments.front_mut() {
            first.delete_before(self.start_offset);
        }
        self.transactions.forget_before(self.start_offset);
    }

    /// Deletes the segments that the topic need not keep. Says whether there were any.
    pub fn delete_old_segments(&mut self, settings: &TopicSettings, now_ms: i64) -> bool {
        let before = self.start_offset;
        let mut bytes = self.bytes();
        while let Some((segment, end)) = self.segments.front().zip(self.end_of_first_segment()) {
            let length = segment.length;
            let is_too_much = usize::try_from(settings.retention_bytes).is_ok_and(|kept| bytes - length >= kept);
            if !is_too_much && !is_too_old(segment, settings.retention_ms, now_ms) {
                break;
            }
            bytes -= length;
            self.delete_before(end);
        }
        self.start_offset > before
    }

    /// The first offset behind the first segment.
    fn end_of_first_segment(&self) -> Option<i64> {
        match (self.segments.front(), self.segments.get(1)) {
            (_, Some(next)) => Some(next.base_offset),
            (Some(_), None) => Some(self.end_offset),
            (None, _) => None,
        }
    }
}

fn is_too_old(segment: &Segment, retention_ms: i64, now_ms: i64) -> bool {
    retention_ms >= 0 && now_ms.saturating_sub(segment.largest_timestamp()) > retention_ms
}

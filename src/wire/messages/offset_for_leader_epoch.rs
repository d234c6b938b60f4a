//! OffsetForLeaderEpoch (23): asks where a leader's epoch ends, to find out whether the log was truncated (KIP-101).
//!
//! - v2: `current_leader_epoch` fences clients with outdated metadata (KIP-320).
//! - v3: `replica_id`.
//! - v4: flexible.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// A follower's id; -1 for a consumer, -2 for who may look beyond the high watermark.
        replica_id: i32 [3..] = -2,
        topics: Vec<OffsetForLeaderTopic>,
    }

    pub struct OffsetForLeaderTopic {
        topic: String,
        partitions: Vec<OffsetForLeaderPartition>,
    }

    pub struct OffsetForLeaderPartition {
        partition: i32,
        /// The leader epoch that the client knows; -1 skips the check.
        current_leader_epoch: i32 = -1,
        /// The epoch whose end is asked for.
        leader_epoch: i32,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        topics: Vec<OffsetForLeaderTopicResult>,
    }

    pub struct OffsetForLeaderTopicResult {
        topic: String,
        partitions: Vec<EpochEndOffset>,
    }

    pub struct EpochEndOffset {
        error_code: ErrorCode,
        partition: i32,
        /// The largest epoch that is not above the one asked for; -1 if unknown.
        leader_epoch: i32 = -1,
        /// The offset behind the last record of that epoch; -1 if unknown.
        end_offset: i64 = -1,
    }
}

//! ListOffsets (2): finds a partition's first or last offset, or the one that belongs to a timestamp.
//!
//! - v1: one offset for each partition, together with its timestamp (KIP-79).
//! - v2: `isolation_level`, with which 'latest' means the last stable offset (KIP-98).
//! - v4: leader epochs (KIP-320).
//! - v6: flexible.
//! - v7: the special timestamp -3 (KIP-734), v8: -4 (KIP-405), v9: -5 (KIP-1005), v11: -6 (KIP-1023).
//! - v10: `timeout_ms`, for offsets that lie in remote storage (KIP-1075).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// -1 for a consumer, otherwise the id of the following broker.
        replica_id: i32,
        /// 0 for read uncommitted, 1 for read committed.
        isolation_level: i8 [2..],
        topics: Vec<ListOffsetsTopic>,
        /// How long the broker may wait for remote storage.
        timeout_ms: i32 [10..],
    }

    pub struct ListOffsetsTopic {
        name: String,
        partitions: Vec<ListOffsetsPartition>,
    }

    pub struct ListOffsetsPartition {
        partition_index: i32,
        /// The leader epoch that the client knows; -1 skips the check.
        current_leader_epoch: i32 [4..] = -1,
        /// In milliseconds: the offset of the first record that is not older. Or: -1 for the end of the log, -2 for its
        /// start, -3 for the record with the largest timestamp, -4 for the start of what is stored locally, -5 for the
        /// end of what is in remote storage, -6 for the first record that is not there yet.
        timestamp: i64,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32 [2..],
        topics: Vec<ListOffsetsTopicResponse>,
    }

    pub struct ListOffsetsTopicResponse {
        name: String,
        partitions: Vec<ListOffsetsPartitionResponse>,
    }

    pub struct ListOffsetsPartitionResponse {
        partition_index: i32,
        error_code: ErrorCode,
        /// The timestamp of the record found; -1 if there is none, and for the log's two ends.
        timestamp: i64 = -1,
        /// -1 if there is none.
        offset: i64 = -1,
        /// -1 if unknown.
        leader_epoch: i32 [4..] = -1,
    }
}

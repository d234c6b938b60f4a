//! OffsetFetch (9): asks how far a group has read.
//!
//! - v2: a null `topics` asks for everything that the group has committed (KIP-88); an error code for the whole group.
//! - v5: `committed_leader_epoch` (KIP-320).
//! - v6: flexible.
//! - v7: `require_stable` makes the broker say when a transaction's offsets are still undecided (KIP-447).
//! - v8: several groups at once, each in `groups`; the fields of the single group are gone (KIP-709).
//! - v9: member id and epoch, which the consumer protocol of KIP-848 checks.
//! - v10: topics are given by id instead of name (KIP-848).

use crate::wire::schema::message;
use crate::wire::{ErrorCode, Uuid};

message! {
    pub struct Request {
        group_id: String [..=7],
        /// Null asks for everything that the group has committed.
        topics: Option<Vec<OffsetFetchRequestTopic>> [..=7; null 2..=7] = Some(Vec::new()),
        groups: Vec<OffsetFetchRequestGroup> [8..],
        /// Answers UNSTABLE_OFFSET_COMMIT where a transaction with offsets is open, instead of the last decided offset.
        require_stable: bool [7..],
    }

    pub struct OffsetFetchRequestTopic {
        name: String [..=7],
        partition_indexes: Vec<i32> [..=7],
    }

    pub struct OffsetFetchRequestGroup {
        group_id: String [8..],
        /// Null in the classic protocol.
        member_id: Option<String> [9..],
        /// -1 if unknown, and in the classic protocol.
        member_epoch: i32 [9..] = -1,
        /// Null asks for everything that the group has committed.
        topics: Option<Vec<OffsetFetchRequestTopics>> [8..] = Some(Vec::new()),
    }

    pub struct OffsetFetchRequestTopics {
        name: String [8..=9],
        topic_id: Uuid [10..],
        partition_indexes: Vec<i32> [8..],
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32 [3..],
        topics: Vec<OffsetFetchResponseTopic> [..=7],
        error_code: ErrorCode [2..=7],
        groups: Vec<OffsetFetchResponseGroup> [8..],
    }

    pub struct OffsetFetchResponseTopic {
        name: String [..=7],
        partitions: Vec<OffsetFetchResponsePartition> [..=7],
    }

    pub struct OffsetFetchResponsePartition {
        partition_index: i32 [..=7],
        /// The next offset to read; -1 if the group has committed nothing.
        committed_offset: i64 [..=7],
        /// -1 if unknown.
        committed_leader_epoch: i32 [5..=7] = -1,
        /// The client's own note from its commit.
        metadata: Option<String> [..=7] = Some(String::new()),
        error_code: ErrorCode [..=7],
    }

    pub struct OffsetFetchResponseGroup {
        group_id: String [8..],
        topics: Vec<OffsetFetchResponseTopics> [8..],
        error_code: ErrorCode [8..],
    }

    pub struct OffsetFetchResponseTopics {
        name: String [8..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetFetchResponsePartitions> [8..],
    }

    pub struct OffsetFetchResponsePartitions {
        partition_index: i32 [8..],
        /// The next offset to read; -1 if the group has committed nothing.
        committed_offset: i64 [8..],
        /// -1 if unknown.
        committed_leader_epoch: i32 [8..] = -1,
        /// The client's own note from its commit.
        metadata: Option<String> [8..] = Some(String::new()),
        error_code: ErrorCode [8..],
    }
}

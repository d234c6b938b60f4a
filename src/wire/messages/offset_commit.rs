//! OffsetCommit (8): stores how far a group has read.
//!
//! - v2 to v4: `retention_time_ms`. Later versions leave that to the broker's configuration (KIP-211).
//! - v6: `committed_leader_epoch` (KIP-320).
//! - v7: `group_instance_id`, for static members (KIP-345).
//! - v8: flexible.
//! - v9: can be used with the consumer protocol of KIP-848; a group that does not exist is GROUP_ID_NOT_FOUND.
//! - v10: topics are given by id instead of name (KIP-848).

use crate::wire::schema::message;
use crate::wire::{ErrorCode, Uuid};

message! {
    pub struct Request {
        group_id: String,
        /// -1 if the group is not made of members, but only a place for offsets.
        generation_id_or_member_epoch: i32 = -1,
        member_id: String,
        /// The name of a static member; null for a dynamic one.
        group_instance_id: Option<String> [7..],
        /// -1 for the broker's setting.
        retention_time_ms: i64 [..=4] = -1,
        topics: Vec<OffsetCommitRequestTopic>,
    }

    pub struct OffsetCommitRequestTopic {
        name: String [..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetCommitRequestPartition>,
    }

    pub struct OffsetCommitRequestPartition {
        partition_index: i32,
        /// The next offset to read.
        committed_offset: i64,
        /// The epoch of the last record read; -1 if unknown.
        committed_leader_epoch: i32 [6..] = -1,
        /// The client's own note; its length is limited.
        committed_metadata: Option<String> = Some(String::new()),
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32 [3..],
        topics: Vec<OffsetCommitResponseTopic>,
    }

    pub struct OffsetCommitResponseTopic {
        name: String [..=9],
        topic_id: Uuid [10..],
        partitions: Vec<OffsetCommitResponsePartition>,
    }

    pub struct OffsetCommitResponsePartition {
        partition_index: i32,
        error_code: ErrorCode,
    }
}

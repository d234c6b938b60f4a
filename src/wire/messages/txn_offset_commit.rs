//! TxnOffsetCommit (28): stores how far a group has read, to count if the transaction is committed (KIP-98).
//!
//! - v2: `committed_leader_epoch` (KIP-320).
//! - v3: flexible; generation, member id and `group_instance_id` fence members that lost their partitions (KIP-447).
//! - v4: TRANSACTION_ABORTABLE may be answered (KIP-890).
//! - v5: the client need not send AddOffsetsToTxn first (KIP-890).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        transactional_id: String,
        group_id: String,
        producer_id: i64,
        producer_epoch: i16,
        /// -1 for who does not act as a member of the group.
        generation_id: i32 [3..] = -1,
        /// Empty for who does not act as a member of the group.
        member_id: String [3..],
        /// The name of a static member; null for a dynamic one.
        group_instance_id: Option<String> [3..],
        topics: Vec<TxnOffsetCommitRequestTopic>,
    }

    pub struct TxnOffsetCommitRequestTopic {
        name: String,
        partitions: Vec<TxnOffsetCommitRequestPartition>,
    }

    pub struct TxnOffsetCommitRequestPartition {
        partition_index: i32,
        /// The next offset to read.
        committed_offset: i64,
        /// The epoch of the last record read; -1 if unknown.
        committed_leader_epoch: i32 [2..] = -1,
        /// The client's own note; its length is limited.
        committed_metadata: Option<String> = Some(String::new()),
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        topics: Vec<TxnOffsetCommitResponseTopic>,
    }

    pub struct TxnOffsetCommitResponseTopic {
        name: String,
        partitions: Vec<TxnOffsetCommitResponsePartition>,
    }

    pub struct TxnOffsetCommitResponsePartition {
        partition_index: i32,
        error_code: ErrorCode,
    }
}

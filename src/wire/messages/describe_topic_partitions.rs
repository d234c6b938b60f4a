//! DescribeTopicPartitions (75): topics with their partitions and leaders, some partitions at a time (KIP-966).
//!
//! - v0: flexible from the start.

use crate::wire::schema::message;
use crate::wire::{ErrorCode, Uuid};

message! {
    pub struct Request {
        /// Empty for all topics.
        topics: Vec<TopicRequest>,
        /// How many partitions the response may have at most.
        response_partition_limit: i32 = 2000,
        /// Null to begin at the beginning.
        cursor: Option<Cursor>,
    }

    pub struct TopicRequest {
        name: String,
    }

    /// The first partition that the response shall have, or the first one for which it had no room.
    pub struct Cursor {
        topic_name: String,
        partition_index: i32,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        topics: Vec<DescribeTopicPartitionsResponseTopic>,
        /// Where the next request shall begin; null if nothing is left.
        next_cursor: Option<Cursor>,
    }

    pub struct DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode,
        name: Option<String> = Some(String::new()),
        topic_id: Uuid,
        is_internal: bool,
        partitions: Vec<DescribeTopicPartitionsResponsePartition>,
        /// One bit for each operation that the client may do; `i32::MIN` if that is unknown.
        topic_authorized_operations: i32 = i32::MIN,
    }

    pub struct DescribeTopicPartitionsResponsePartition {
        error_code: ErrorCode,
        partition_index: i32,
        /// -1 if there is none.
        leader_id: i32,
        /// -1 if unknown.
        leader_epoch: i32 = -1,
        replica_nodes: Vec<i32>,
        /// The replicas that are in sync with the leader.
        isr_nodes: Vec<i32>,
        /// The replicas that are not in sync, but have all that was acknowledged.
        eligible_leader_replicas: Option<Vec<i32>>,
        /// Those that were eligible last, before they went down uncleanly.
        last_known_elr: Option<Vec<i32>>,
        offline_replicas: Vec<i32>,
    }
}

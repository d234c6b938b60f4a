//! ElectLeaders (43): makes the preferred replica of partitions their leader, or any that lives if none is in sync
//! (KIP-183).
//!
//! - v1: `election_type`, and an error code for the whole response (KIP-460).
//! - v2: flexible.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// 0 for the preferred replica, 1 for the first that lives if none is in sync.
        election_type: i8 [1..],
        /// Null for all partitions.
        topic_partitions: Option<Vec<TopicPartitions>> = Some(Vec::new()),
        /// How long the broker may wait for the elections.
        timeout_ms: i32 = 60000,
    }

    pub struct TopicPartitions {
        topic: String,
        partitions: Vec<i32>,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode [1..],
        replica_election_results: Vec<ReplicaElectionResult>,
    }

    pub struct ReplicaElectionResult {
        topic: String,
        partition_result: Vec<PartitionResult>,
    }

    pub struct PartitionResult {
        partition_id: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
    }
}

//! AlterPartitionReassignments (45): moves the replicas of partitions to other brokers, or stops doing so (KIP-455).
//!
//! - v0: flexible from the start.
//! - v1: `allow_replication_factor_change` (KIP-860).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// How long the broker may wait until the request is done.
        timeout_ms: i32 = 60000,
        /// Whether a partition may get more or fewer replicas than it has.
        allow_replication_factor_change: bool [1..] = true,
        topics: Vec<ReassignableTopic>,
    }

    pub struct ReassignableTopic {
        name: String,
        partitions: Vec<ReassignablePartition>,
    }

    pub struct ReassignablePartition {
        partition_index: i32,
        /// The brokers that shall have the partition; null to stop a reassignment.
        replicas: Option<Vec<i32>>,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        /// As in the request.
        allow_replication_factor_change: bool [1..] = true,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
        responses: Vec<ReassignableTopicResponse>,
    }

    pub struct ReassignableTopicResponse {
        name: String,
        partitions: Vec<ReassignablePartitionResponse>,
    }

    pub struct ReassignablePartitionResponse {
        partition_index: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
    }
}

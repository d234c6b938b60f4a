//! ListPartitionReassignments (46): the partitions whose replicas are moving (KIP-455).
//!
//! - v0: flexible from the start.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// How long the broker may wait until the request is done.
        timeout_ms: i32 = 60000,
        /// Null for all partitions.
        topics: Option<Vec<ListPartitionReassignmentsTopics>>,
    }

    pub struct ListPartitionReassignmentsTopics {
        name: String,
        partition_indexes: Vec<i32>,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
        topics: Vec<OngoingTopicReassignment>,
    }

    pub struct OngoingTopicReassignment {
        name: String,
        partitions: Vec<OngoingPartitionReassignment>,
    }

    pub struct OngoingPartitionReassignment {
        partition_index: i32,
        /// All brokers that have the partition, with those that will no longer have it.
        replicas: Vec<i32>,
        adding_replicas: Vec<i32>,
        removing_replicas: Vec<i32>,
    }
}

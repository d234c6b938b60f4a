//! DescribeProducers (61): the idempotent and transactional producers that partitions remember (KIP-664).
//!
//! - v0: flexible from the start.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        topics: Vec<TopicRequest>,
    }

    pub struct TopicRequest {
        name: String,
        partition_indexes: Vec<i32>,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        topics: Vec<TopicResponse>,
    }

    pub struct TopicResponse {
        name: String,
        partitions: Vec<PartitionResponse>,
    }

    pub struct PartitionResponse {
        partition_index: i32,
        error_code: ErrorCode,
        error_message: Option<String>,
        active_producers: Vec<ProducerState>,
    }

    pub struct ProducerState {
        producer_id: i64,
        producer_epoch: i32,
        /// The sequence number of the last record; -1 if there is none.
        last_sequence: i32 = -1,
        /// The time of the last record or marker, in milliseconds since 1970; -1 if there is none.
        last_timestamp: i64 = -1,
        /// The epoch of the coordinator that wrote the last marker; -1 if there is none.
        coordinator_epoch: i32,
        /// The first offset of the open transaction; -1 if none is open.
        current_txn_start_offset: i64 = -1,
    }
}

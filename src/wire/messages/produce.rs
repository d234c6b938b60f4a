//! Produce (0): appends record batches to partitions.
//!
//! Each partition's `records` hold exactly one batch of format v2. With `acks` = 0 there is no response at all.
//!
//! - v0 to v2: older formats of records. They are advertised for the sake of some librdkafkas (KAFKA-18659), and can be
//!   read so that they can be refused.
//! - v3: record batches of format v2, and `transactional_id` (KIP-98).
//! - v5: `log_start_offset`, so that a producer can tell lost records from deleted ones.
//! - v7: batches may be compressed with Zstandard (KIP-110).
//! - v8: `record_errors` and `error_message` name the records at fault (KIP-467).
//! - v9: flexible.
//! - v10: the response can name the partition's current leader (KIP-951).
//! - v12: a transactional producer need not send AddPartitionsToTxn first (KIP-890).
//! - v13: topics are given by id instead of name (KIP-516).

use bytes::Bytes;

use crate::wire::schema::message;
use crate::wire::{ErrorCode, Uuid};

message! {
    pub struct Request {
        /// Null for a producer without transactions.
        transactional_id: Option<String> [3..],
        /// How many replicas must have the records: 0 (and no response is wanted), 1, or -1 for all that are in sync.
        acks: i16,
        /// How long the broker may wait for the other replicas.
        timeout_ms: i32,
        topic_data: Vec<TopicProduceData>,
    }

    pub struct TopicProduceData {
        name: String [..=12],
        topic_id: Uuid [13..],
        partition_data: Vec<PartitionProduceData>,
    }

    pub struct PartitionProduceData {
        index: i32,
        /// Exactly one record batch.
        records: Option<Bytes>,
    }

    pub struct Response {
        responses: Vec<TopicProduceResponse>,
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32 [1..];
        tagged {
            /// The addresses of the leaders in `current_leader`.
            0 => node_endpoints: Vec<NodeEndpoint> [10..],
        }
    }

    pub struct TopicProduceResponse {
        name: String [..=12],
        topic_id: Uuid [13..],
        partition_responses: Vec<PartitionProduceResponse>,
    }

    pub struct PartitionProduceResponse {
        index: i32,
        error_code: ErrorCode,
        /// The offset of the first record appended; -1 with an error.
        base_offset: i64,
        /// The broker's time if the topic is set to LogAppendTime, otherwise -1.
        log_append_time_ms: i64 [2..] = -1,
        /// -1 if unknown.
        log_start_offset: i64 [5..] = -1,
        record_errors: Vec<BatchIndexAndErrorMessage> [8..],
        error_message: Option<String> [8..];
        tagged {
            /// With NOT_LEADER_OR_FOLLOWER: whom to ask instead.
            0 => current_leader: LeaderIdAndEpoch [10..],
        }
    }

    pub struct BatchIndexAndErrorMessage {
        /// The position of the record in its batch.
        batch_index: i32 [8..],
        batch_index_error_message: Option<String> [8..],
    }

    pub struct LeaderIdAndEpoch {
        /// -1 if unknown.
        leader_id: i32 [10..] = -1,
        /// -1 if unknown.
        leader_epoch: i32 [10..] = -1,
    }

    pub struct NodeEndpoint {
        node_id: i32 [10..],
        host: String [10..],
        port: i32 [10..],
        rack: Option<String> [10..],
    }
}

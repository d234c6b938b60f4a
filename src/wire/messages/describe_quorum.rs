//! DescribeQuorum (55): the controllers that keep the cluster's metadata, and how far each one is (KIP-595).
//!
//! - v0: flexible from the start.
//! - v1: `last_fetch_timestamp` and `last_caught_up_timestamp` (KIP-836).
//! - v2: messages beside the error codes, `replica_directory_id`, and the addresses of the controllers (KIP-853).

use crate::wire::schema::message;
use crate::wire::{ErrorCode, Uuid};

message! {
    pub struct Request {
        topics: Vec<TopicData>,
    }

    pub struct TopicData {
        topic_name: String,
        partitions: Vec<PartitionData>,
    }

    pub struct PartitionData {
        partition_index: i32,
    }

    pub struct Response {
        error_code: ErrorCode,
        error_message: Option<String> [2..] = Some(String::new()),
        topics: Vec<TopicDataResponse>,
        nodes: Vec<Node> [2..],
    }

    pub struct TopicDataResponse {
        topic_name: String,
        partitions: Vec<PartitionDataResponse>,
    }

    pub struct PartitionDataResponse {
        partition_index: i32,
        error_code: ErrorCode,
        error_message: Option<String> [2..] = Some(String::new()),
        /// -1 if unknown.
        leader_id: i32,
        leader_epoch: i32,
        high_watermark: i64,
        current_voters: Vec<ReplicaState>,
        /// The brokers, which follow but have no vote.
        observers: Vec<ReplicaState>,
    }

    pub struct ReplicaState {
        replica_id: i32,
        /// The directory in which the replica keeps the metadata; zero if unknown.
        replica_directory_id: Uuid [2..],
        /// -1 if unknown.
        log_end_offset: i64,
        /// When the replica fetched last, in milliseconds since 1970; -1 for the leader, and if unknown.
        last_fetch_timestamp: i64 [1..] = -1,
        /// When the leader had appended what the replica fetched last, which is now for the leader itself, in
        /// milliseconds since 1970; -1 if unknown.
        last_caught_up_timestamp: i64 [1..] = -1,
    }

    pub struct Node {
        node_id: i32 [2..],
        listeners: Vec<Listener> [2..],
    }

    pub struct Listener {
        name: String [2..],
        host: String [2..],
        port: u16 [2..],
    }
}

//! Metadata (3): the brokers, and the topics with their partitions and leaders.
//!
//! - v0: an empty `topics` asks for all topics. From v1 on that is what null does, and an empty one asks for none.
//! - v4: `allow_auto_topic_creation`; before, asking for an unknown topic always creates it if the broker allows
//!   (KIP-204).
//! - v5: `offline_replicas` (KIP-112).
//! - v7: `leader_epoch` (KIP-320).
//! - v8: authorized operations on request (KIP-430); those of the cluster moved to DescribeCluster with v11 (KIP-700).
//! - v9: flexible.
//! - v10: the response has topic ids; v12: a request can ask by topic id with a null name (KIP-516).
//! - v13: an error code for the whole response, with which a client is told to bootstrap again (KIP-1102).

use crate::wire::schema::message;
use crate::wire::{ErrorCode, Uuid};

message! {
    pub struct Request {
        /// Null asks for all topics. In version 0, an empty list does.
        topics: Option<Vec<MetadataRequestTopic>> [..; null 1..] = Some(Vec::new()),
        allow_auto_topic_creation: bool [4..] = true,
        include_cluster_authorized_operations: bool [8..=10],
        include_topic_authorized_operations: bool [8..],
    }

    pub struct MetadataRequestTopic {
        /// Zero if the topic is given by name.
        topic_id: Uuid [10..],
        /// Null if the topic is given by id.
        name: Option<String> [..; null 10..] = Some(String::new()),
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32 [3..],
        brokers: Vec<MetadataResponseBroker>,
        cluster_id: Option<String> [2..],
        /// -1 if unknown.
        controller_id: i32 [1..] = -1,
        topics: Vec<MetadataResponseTopic>,
        /// One bit for each operation that the client may do; `i32::MIN` if it did not ask.
        cluster_authorized_operations: i32 [8..=10] = i32::MIN,
        error_code: ErrorCode [13..],
    }

    pub struct MetadataResponseBroker {
        node_id: i32,
        host: String,
        port: i32,
        /// Null if the broker has none.
        rack: Option<String> [1..],
    }

    pub struct MetadataResponseTopic {
        error_code: ErrorCode,
        /// Null if it was asked for by an id that does not exist.
        name: Option<String> [..; null 12..] = Some(String::new()),
        topic_id: Uuid [10..],
        is_internal: bool [1..],
        partitions: Vec<MetadataResponsePartition>,
        /// One bit for each operation that the client may do; `i32::MIN` if it did not ask.
        topic_authorized_operations: i32 [8..] = i32::MIN,
    }

    pub struct MetadataResponsePartition {
        error_code: ErrorCode,
        partition_index: i32,
        /// -1 if there is none.
        leader_id: i32,
        /// -1 if unknown.
        leader_epoch: i32 [7..] = -1,
        replica_nodes: Vec<i32>,
        /// The replicas that are in sync with the leader.
        isr_nodes: Vec<i32>,
        offline_replicas: Vec<i32> [5..],
    }
}

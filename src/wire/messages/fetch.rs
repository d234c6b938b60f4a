//! Fetch (1): reads record batches from given offsets on, and waits for them if there are too few.
//!
//! - v4: record batches of format v2, and isolation levels (KIP-98).
//! - v5: `log_start_offset`, so that replicas and clients learn of deleted records (KIP-107).
//! - v7: fetch sessions: a client names only the partitions that changed, and so does the broker (KIP-227).
//! - v9: `current_leader_epoch` fences clients with outdated metadata (KIP-320).
//! - v10: batches may be compressed with Zstandard (KIP-110).
//! - v11: `rack_id`, and with it reads from the closest replica (KIP-392).
//! - v12: flexible; `last_fetched_epoch` and `diverging_epoch` detect a truncated log (KIP-595).
//! - v13: topics are given by id instead of name (KIP-516).
//! - v15: `replica_id` moves into the tagged `replica_state` (KIP-903).
//! - v16: `node_endpoints` says where new leaders are (KIP-951).
//! - v17 and v18 add tagged fields for followers (KIP-853, KIP-1166).

use crate::wire::schema::message;
use crate::wire::{ErrorCode, Payload, Uuid};

message! {
    pub struct Request {
        /// -1 for a consumer, otherwise the id of the following broker.
        replica_id: i32 [..=14] = -1,
        /// How long the broker may wait until `min_bytes` are there.
        max_wait_ms: i32,
        min_bytes: i32,
        /// The first batch of the response is sent even if it is larger, so that a client gets on (KIP-74).
        max_bytes: i32 = i32::MAX,
        /// 0 for read uncommitted, 1 for read committed.
        isolation_level: i8,
        /// 0 for no session yet.
        session_id: i32 [7..],
        /// 0 asks for a new session, -1 for none; anything else counts the requests of the session.
        session_epoch: i32 [7..] = -1,
        /// In a session, only those that are new in it or that changed.
        topics: Vec<FetchTopic>,
        /// What the session shall no longer contain.
        forgotten_topics_data: Vec<ForgottenTopic> [7..],
        /// The client's rack; empty if it has none.
        rack_id: String [11..];
        tagged {
            /// Only followers send it.
            0 => cluster_id: Option<String> [12..],
            1 => replica_state: ReplicaState [15..],
        }
    }

    pub struct ReplicaState {
        /// -1 for a consumer, otherwise the id of the following broker.
        replica_id: i32 [15..] = -1,
        /// -1 if unknown.
        replica_epoch: i64 [15..] = -1,
    }

    pub struct FetchTopic {
        topic: String [..=12],
        topic_id: Uuid [13..],
        partitions: Vec<FetchPartition>,
    }

    pub struct FetchPartition {
        partition: i32,
        /// The leader epoch that the client knows; -1 skips the check.
        current_leader_epoch: i32 [9..] = -1,
        /// The offset to read from.
        fetch_offset: i64,
        /// The epoch of the record before `fetch_offset`; -1 if unknown.
        last_fetched_epoch: i32 [12..] = -1,
        /// The first offset of a follower; -1 for a consumer.
        log_start_offset: i64 [5..] = -1,
        /// See `max_bytes` for the exception.
        partition_max_bytes: i32;
        tagged {
            /// The directory in which a follower keeps the partition.
            0 => replica_directory_id: Uuid [17..],
            /// What a follower takes for it; -1 if it does not know, the largest number if it does not say.
            1 => high_watermark: i64 [18..] = i64::MAX,
        }
    }

    pub struct ForgottenTopic {
        topic: String [7..=12],
        topic_id: Uuid [13..],
        partitions: Vec<i32> [7..],
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode [7..],
        /// 0 for no session.
        session_id: i32 [7..],
        responses: Vec<FetchableTopicResponse>;
        tagged {
            /// The addresses of the leaders in `current_leader`.
            0 => node_endpoints: Vec<NodeEndpoint> [16..],
        }
    }

    pub struct FetchableTopicResponse {
        topic: String [..=12],
        topic_id: Uuid [13..],
        partitions: Vec<PartitionData>,
    }

    pub struct PartitionData {
        partition_index: i32,
        error_code: ErrorCode,
        /// The end of what consumers may read, which is behind the last record that all replicas have.
        high_watermark: i64,
        /// The first offset of the oldest open transaction, or the high watermark; -1 if unknown.
        last_stable_offset: i64 = -1,
        /// The first offset that there is; -1 if unknown.
        log_start_offset: i64 [5..] = -1,
        /// The transactions whose records the client must skip; null for an uncommitted read.
        aborted_transactions: Option<Vec<AbortedTransaction>> = Some(Vec::new()),
        /// The broker to read from instead; -1 for this one.
        preferred_read_replica: i32 [11..] = -1,
        /// Record batches as they are stored. The last one may be cut off, and the first may begin before
        /// `fetch_offset`. Empty rather than null by default, as Kafka sends it.
        records: Option<Payload> = Some(Payload::default());
        tagged {
            /// Where the client's log and this one part, found by `last_fetched_epoch`.
            0 => diverging_epoch: EpochEndOffset [12..],
            /// With an error about the leader: whom to ask instead.
            1 => current_leader: LeaderIdAndEpoch [12..],
            /// For a follower that asks for offsets which only a snapshot has.
            2 => snapshot_id: SnapshotId [12..],
        }
    }

    pub struct EpochEndOffset {
        epoch: i32 [12..] = -1,
        end_offset: i64 [12..] = -1,
    }

    pub struct LeaderIdAndEpoch {
        /// -1 if unknown.
        leader_id: i32 [12..] = -1,
        /// -1 if unknown.
        leader_epoch: i32 [12..] = -1,
    }

    pub struct SnapshotId {
        end_offset: i64 = -1,
        epoch: i32 = -1,
    }

    pub struct AbortedTransaction {
        producer_id: i64,
        first_offset: i64,
    }

    pub struct NodeEndpoint {
        node_id: i32 [16..],
        host: String [16..],
        port: i32 [16..],
        rack: Option<String> [16..],
    }
}

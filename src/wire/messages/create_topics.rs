//! CreateTopics (19): creates topics, or checks whether they could be created.
//!
//! - v4: -1 for partitions and replication factor means the broker's defaults (KIP-464).
//! - v5: flexible; the response describes the topic and its configuration (KIP-525).
//! - v6: THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599).
//! - v7: the response has the topic's id (KIP-516).

use crate::wire::schema::message;
use crate::wire::{ErrorCode, Uuid};

message! {
    pub struct Request {
        topics: Vec<CreatableTopic>,
        /// How long the broker may wait until the topics are there.
        timeout_ms: i32 = 60000,
        /// Checks everything and creates nothing.
        validate_only: bool,
    }

    pub struct CreatableTopic {
        name: String,
        /// -1 for the broker's default, or if there are assignments.
        num_partitions: i32,
        /// -1 for the broker's default, or if there are assignments.
        replication_factor: i16,
        /// The brokers of each partition, for who does not want the broker to choose.
        assignments: Vec<CreatableReplicaAssignment>,
        configs: Vec<CreatableTopicConfig>,
    }

    pub struct CreatableReplicaAssignment {
        partition_index: i32,
        broker_ids: Vec<i32>,
    }

    pub struct CreatableTopicConfig {
        name: String,
        /// Null for the default.
        value: Option<String> = Some(String::new()),
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        topics: Vec<CreatableTopicResult>,
    }

    pub struct CreatableTopicResult {
        name: String,
        topic_id: Uuid [7..],
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
        /// -1 with an error.
        num_partitions: i32 [5..] = -1,
        /// -1 with an error.
        replication_factor: i16 [5..] = -1,
        /// Null if the client may not see it.
        configs: Option<Vec<CreatableTopicConfigs>> [5..] = Some(Vec::new());
        tagged {
            /// Why `configs` is null although the topic was created.
            0 => topic_config_error_code: ErrorCode [5..],
        }
    }

    pub struct CreatableTopicConfigs {
        name: String [5..],
        /// Null if it is a secret.
        value: Option<String> [5..] = Some(String::new()),
        read_only: bool [5..],
        /// Where the value comes from: see DescribeConfigs.
        config_source: i8 [5..] = -1,
        is_sensitive: bool [5..],
    }
}

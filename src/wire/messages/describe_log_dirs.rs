//! DescribeLogDirs (35): a broker's directories, and the size of the partitions in them (KIP-113).
//!
//! - v2: flexible.
//! - v3: an error code for the whole response.
//! - v4: the size of the volume, and what is free of it (KIP-827).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// Null for all topics.
        topics: Option<Vec<DescribableLogDirTopic>> = Some(Vec::new()),
    }

    pub struct DescribableLogDirTopic {
        topic: String,
        partitions: Vec<i32>,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode [3..],
        results: Vec<DescribeLogDirsResult>,
    }

    pub struct DescribeLogDirsResult {
        error_code: ErrorCode,
        /// The absolute path of the directory.
        log_dir: String,
        topics: Vec<DescribeLogDirsTopic>,
        /// The size of the volume that holds the directory; -1 if unknown.
        total_bytes: i64 [4..] = -1,
        /// What is free of `total_bytes`; -1 if unknown.
        usable_bytes: i64 [4..] = -1,
    }

    pub struct DescribeLogDirsTopic {
        name: String,
        partitions: Vec<DescribeLogDirsPartition>,
    }

    pub struct DescribeLogDirsPartition {
        partition_index: i32,
        /// The size of the log's segments, in bytes.
        partition_size: i64,
        /// By how much the end of the log is ahead of the high watermark. For a copy that is being made: how much it
        /// lacks.
        offset_lag: i64,
        /// Whether this is a copy that AlterReplicaLogDirs makes, and that will replace the replica.
        is_future_key: bool,
    }
}

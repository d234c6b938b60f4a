//! AlterReplicaLogDirs (34): moves a broker's replicas from one of its directories to another (KIP-113).
//!
//! - v2: flexible.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        dirs: Vec<AlterReplicaLogDir>,
    }

    pub struct AlterReplicaLogDir {
        /// The absolute path of the directory to move to.
        path: String,
        topics: Vec<AlterReplicaLogDirTopic>,
    }

    pub struct AlterReplicaLogDirTopic {
        name: String,
        partitions: Vec<i32>,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        results: Vec<AlterReplicaLogDirTopicResult>,
    }

    pub struct AlterReplicaLogDirTopicResult {
        topic_name: String,
        partitions: Vec<AlterReplicaLogDirPartitionResult>,
    }

    pub struct AlterReplicaLogDirPartitionResult {
        partition_index: i32,
        error_code: ErrorCode,
    }
}

//! DeleteRecords (21): deletes all records before given offsets (KIP-107).
//!
//! - v2: flexible.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        topics: Vec<DeleteRecordsTopic>,
        /// How long the broker may wait until all replicas have deleted the records.
        timeout_ms: i32,
    }

    pub struct DeleteRecordsTopic {
        name: String,
        partitions: Vec<DeleteRecordsPartition>,
    }

    pub struct DeleteRecordsPartition {
        partition_index: i32,
        /// The first offset to keep; -1 for the high watermark.
        offset: i64,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        topics: Vec<DeleteRecordsTopicResult>,
    }

    pub struct DeleteRecordsTopicResult {
        name: String,
        partitions: Vec<DeleteRecordsPartitionResult>,
    }

    pub struct DeleteRecordsPartitionResult {
        partition_index: i32,
        /// The first offset that is left; -1 with an error.
        low_watermark: i64,
        error_code: ErrorCode,
    }
}

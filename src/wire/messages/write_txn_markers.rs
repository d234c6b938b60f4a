//! WriteTxnMarkers (27): writes the end of transactions into partitions. Transaction coordinators send it to their
//! leaders (KIP-98), and administrators to end a transaction that hangs (KIP-664).
//!
//! - v1: flexible.
//! - v2: `transaction_version` (KIP-1228).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        markers: Vec<WritableTxnMarker>,
    }

    pub struct WritableTxnMarker {
        producer_id: i64,
        producer_epoch: i16,
        /// True for a commit, false for an abort.
        transaction_result: bool,
        topics: Vec<WritableTxnMarkerTopic>,
        /// The epoch of the coordinator, which fences markers of former ones.
        coordinator_epoch: i32,
        /// 2 for transactions in which every end raises the epoch (KIP-890), 0 and 1 for those before.
        transaction_version: i8 [2..],
    }

    pub struct WritableTxnMarkerTopic {
        name: String,
        partition_indexes: Vec<i32>,
    }

    pub struct Response {
        markers: Vec<WritableTxnMarkerResult>,
    }

    pub struct WritableTxnMarkerResult {
        producer_id: i64,
        topics: Vec<WritableTxnMarkerTopicResult>,
    }

    pub struct WritableTxnMarkerTopicResult {
        name: String,
        partitions: Vec<WritableTxnMarkerPartitionResult>,
    }

    pub struct WritableTxnMarkerPartitionResult {
        partition_index: i32,
        error_code: ErrorCode,
    }
}

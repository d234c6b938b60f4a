//! AddPartitionsToTxn (24): makes partitions part of a transaction before a producer writes to them (KIP-98).
//!
//! - v2: PRODUCER_FENCED may be answered (KIP-588).
//! - v3: flexible.
//! - v4: for brokers only: several transactions at once, and `verify_only`. The fields of the single transaction, which
//!   clients go on using with v3, are gone (KIP-890).
//! - v5: TRANSACTION_ABORTABLE may be answered (KIP-890).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        transactions: Vec<AddPartitionsToTxnTransaction> [4..],
        v3_and_below_transactional_id: String [..=3],
        v3_and_below_producer_id: i64 [..=3],
        v3_and_below_producer_epoch: i16 [..=3],
        v3_and_below_topics: Vec<AddPartitionsToTxnTopic> [..=3],
    }

    pub struct AddPartitionsToTxnTransaction {
        transactional_id: String [4..],
        producer_id: i64 [4..],
        producer_epoch: i16 [4..],
        /// Only asks whether the partitions are part of the transaction, and adds nothing.
        verify_only: bool [4..],
        topics: Vec<AddPartitionsToTxnTopic> [4..],
    }

    pub struct AddPartitionsToTxnTopic {
        name: String,
        partitions: Vec<i32>,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode [4..],
        results_by_transaction: Vec<AddPartitionsToTxnResult> [4..],
        results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult> [..=3],
    }

    pub struct AddPartitionsToTxnResult {
        transactional_id: String [4..],
        topic_results: Vec<AddPartitionsToTxnTopicResult> [4..],
    }

    pub struct AddPartitionsToTxnTopicResult {
        name: String,
        results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
    }

    pub struct AddPartitionsToTxnPartitionResult {
        partition_index: i32,
        /// OPERATION_NOT_ATTEMPTED if only another partition of the request is at fault.
        partition_error_code: ErrorCode,
    }
}

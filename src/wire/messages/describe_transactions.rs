//! DescribeTransactions (65): the state of transactional ids, each with the partitions of its transaction (KIP-664).
//!
//! - v0: flexible from the start.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        transactional_ids: Vec<String>,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        transaction_states: Vec<TransactionState>,
    }

    pub struct TransactionState {
        error_code: ErrorCode,
        transactional_id: String,
        /// The name of the state, such as `Ongoing`.
        transaction_state: String,
        /// After so long the broker aborts the transaction by itself.
        transaction_timeout_ms: i32,
        /// In milliseconds since 1970; -1 if no transaction is open.
        transaction_start_time_ms: i64,
        producer_id: i64,
        producer_epoch: i16,
        /// While the transaction ends, only those in which that is not yet written down.
        topics: Vec<TopicData>,
    }

    pub struct TopicData {
        topic: String,
        partitions: Vec<i32>,
    }
}

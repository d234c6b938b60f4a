//! ListTransactions (66): all transactional ids that this broker coordinates (KIP-664).
//!
//! - v0: flexible from the start.
//! - v1: `duration_filter` (KIP-994).
//! - v2: `transactional_id_pattern` (KIP-1152).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// Empty for any state.
        state_filters: Vec<String>,
        /// Empty for any producer.
        producer_id_filters: Vec<i64>,
        /// Only transactions that have been open for longer, in milliseconds; negative for all.
        duration_filter: i64 [1..] = -1,
        /// A regular expression that the whole id must match; null or empty for any.
        transactional_id_pattern: Option<String> [2..],
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        /// Those of `state_filters` that name no state.
        unknown_state_filters: Vec<String>,
        transaction_states: Vec<TransactionState>,
    }

    pub struct TransactionState {
        transactional_id: String,
        producer_id: i64,
        /// The name of the state, such as `Ongoing`.
        transaction_state: String,
    }
}

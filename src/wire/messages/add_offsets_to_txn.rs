//! AddOffsetsToTxn (25): makes a group's offsets part of a transaction before TxnOffsetCommit commits them (KIP-98).
//!
//! - v2: PRODUCER_FENCED may be answered (KIP-588).
//! - v3: flexible.
//! - v4: TRANSACTION_ABORTABLE may be answered (KIP-890).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        transactional_id: String,
        producer_id: i64,
        producer_epoch: i16,
        group_id: String,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
    }
}

//! InitProducerId (22): gives an idempotent or transactional producer its id and epoch (KIP-98).
//!
//! - v2: flexible.
//! - v3: a producer that names its id and epoch gets the next epoch (KIP-360).
//! - v4: PRODUCER_FENCED may be answered (KIP-588).
//! - v5: TRANSACTION_ABORTABLE may be answered (KIP-890).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// Null for a producer that is idempotent and nothing more.
        transactional_id: Option<String> = Some(String::new()),
        /// After so long the broker aborts a transaction by itself.
        transaction_timeout_ms: i32,
        /// The id that the producer has; -1 if it has none.
        producer_id: i64 [3..] = -1,
        /// The epoch that the producer has; -1 if it has none.
        producer_epoch: i16 [3..] = -1,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        /// -1 with an error.
        producer_id: i64 = -1,
        producer_epoch: i16,
    }
}

//! EndTxn (26): commits or aborts a transaction (KIP-98).
//!
//! - v2: PRODUCER_FENCED may be answered (KIP-588).
//! - v3: flexible.
//! - v4: TRANSACTION_ABORTABLE may be answered (KIP-890).
//! - v5: every end raises the producer's epoch, and the response has the id and the epoch to go on with (KIP-890).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        transactional_id: String,
        producer_id: i64,
        producer_epoch: i16,
        /// True to commit, false to abort.
        committed: bool,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        /// Another one than before if the old one has no epochs left; -1 with an error.
        producer_id: i64 [5..] = -1,
        /// -1 with an error.
        producer_epoch: i16 [5..] = -1,
    }
}

//! ExpireDelegationToken (40): ends a delegation token (KIP-48).
//!
//! - v2: flexible.

use bytes::Bytes;

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// Which token it is.
        hmac: Bytes,
        /// In how many milliseconds; a negative number for at once.
        expiry_time_period_ms: i64,
    }

    pub struct Response {
        error_code: ErrorCode,
        /// When the token expires, in milliseconds since 1970.
        expiry_timestamp_ms: i64,
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
    }
}

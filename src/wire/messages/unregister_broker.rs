//! UnregisterBroker (64): the cluster forgets a broker that will not come back (KIP-500).
//!
//! - v0: flexible from the start.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        broker_id: i32,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
    }
}

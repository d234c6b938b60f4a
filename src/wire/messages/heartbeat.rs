//! Heartbeat (12): a member says that it is alive, and learns of a rebalance by the error code.
//!
//! - v3: `group_instance_id`, for static members (KIP-345).
//! - v4: flexible.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        group_id: String,
        generation_id: i32,
        member_id: String,
        /// The name of a static member; null for a dynamic one.
        group_instance_id: Option<String> [3..],
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32 [1..],
        error_code: ErrorCode,
    }
}

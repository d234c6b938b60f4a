//! SyncGroup (14): the leader hands in the assignment, and every member gets its part of it.
//!
//! - v3: `group_instance_id`, for static members (KIP-345).
//! - v4: flexible.
//! - v5: `protocol_type` and `protocol_name`, which the broker compares with the group's (KIP-559).

use bytes::Bytes;

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        group_id: String,
        generation_id: i32,
        member_id: String,
        /// The name of a static member; null for a dynamic one.
        group_instance_id: Option<String> [3..],
        protocol_type: Option<String> [5..],
        protocol_name: Option<String> [5..],
        /// Empty from all but the leader.
        assignments: Vec<SyncGroupRequestAssignment>,
    }

    pub struct SyncGroupRequestAssignment {
        member_id: String,
        /// In a form that only clients understand.
        assignment: Bytes,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32 [1..],
        error_code: ErrorCode,
        protocol_type: Option<String> [5..],
        protocol_name: Option<String> [5..],
        /// The member's own part; empty with an error.
        assignment: Bytes,
    }
}

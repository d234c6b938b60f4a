//! LeaveGroup (13): removes members from a group.
//!
//! - v3: several members at once, each by id or by `group_instance_id`, with a result for each (KIP-345).
//! - v4: flexible.
//! - v5: `reason` (KIP-800).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        group_id: String,
        member_id: String [..=2],
        members: Vec<MemberIdentity> [3..],
    }

    pub struct MemberIdentity {
        /// Empty if only `group_instance_id` is given.
        member_id: String [3..],
        /// The name of a static member; null for a dynamic one.
        group_instance_id: Option<String> [3..],
        /// Why the member leaves, for the log.
        reason: Option<String> [5..],
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32 [1..],
        error_code: ErrorCode,
        members: Vec<MemberResponse> [3..],
    }

    pub struct MemberResponse {
        member_id: String [3..],
        /// The name of a static member; null for a dynamic one.
        group_instance_id: Option<String> [3..] = Some(String::new()),
        error_code: ErrorCode [3..],
    }
}

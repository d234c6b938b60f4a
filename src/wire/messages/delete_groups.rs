//! DeleteGroups (42): deletes groups that have no members, with their offsets (KIP-229).
//!
//! - v2: flexible.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        groups_names: Vec<String>,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        results: Vec<DeletableGroupResult>,
    }

    pub struct DeletableGroupResult {
        group_id: String,
        error_code: ErrorCode,
    }
}

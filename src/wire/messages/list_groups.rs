//! ListGroups (16): all groups that this broker coordinates.
//!
//! - v3: flexible.
//! - v4: groups have a state, and can be filtered by it (KIP-518).
//! - v5: groups have a type, and can be filtered by it (KIP-848).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// Empty for groups in any state.
        states_filter: Vec<String> [4..],
        /// Empty for groups of any type.
        types_filter: Vec<String> [5..],
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32 [1..],
        error_code: ErrorCode,
        groups: Vec<ListedGroup>,
    }

    pub struct ListedGroup {
        group_id: String,
        /// Empty for a group that only holds offsets.
        protocol_type: String,
        group_state: String [4..],
        /// `classic`, `consumer`, `share` or `streams`.
        group_type: String [5..],
    }
}

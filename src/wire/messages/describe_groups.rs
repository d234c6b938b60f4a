//! DescribeGroups (15): the state and the members of groups that use the classic protocol.
//!
//! - v3: authorized operations on request (KIP-430).
//! - v4: `group_instance_id`, for static members (KIP-345).
//! - v5: flexible.
//! - v6: a group that does not exist is GROUP_ID_NOT_FOUND with a message; before, it is in the state `Dead` without an
//!   error (KIP-1043).

use bytes::Bytes;

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        groups: Vec<String>,
        include_authorized_operations: bool [3..],
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32 [1..],
        groups: Vec<DescribedGroup>,
    }

    pub struct DescribedGroup {
        error_code: ErrorCode,
        error_message: Option<String> [6..],
        group_id: String,
        /// The name of the state, such as `Stable`.
        group_state: String,
        protocol_type: String,
        /// The chosen assignment strategy. Empty unless the group is stable.
        protocol_data: String,
        members: Vec<DescribedGroupMember>,
        /// One bit for each operation that the client may do; `i32::MIN` if it did not ask.
        authorized_operations: i32 [3..] = i32::MIN,
    }

    pub struct DescribedGroupMember {
        member_id: String,
        /// The name of a static member; null for a dynamic one.
        group_instance_id: Option<String> [4..],
        client_id: String,
        client_host: String,
        /// The member's metadata for the chosen strategy. Empty unless the group is stable.
        member_metadata: Bytes,
        /// Empty unless the group is stable.
        member_assignment: Bytes,
    }
}

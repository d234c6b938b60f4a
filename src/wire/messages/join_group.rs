//! JoinGroup (11): enters a group, or stays in it through a rebalance.
//!
//! The answer waits until all members are there. The leader's answer lists the members, so that it can compute the
//! assignment that it hands in with SyncGroup; everybody else's list is empty.
//!
//! - v1: `rebalance_timeout_ms` apart from the session timeout (KIP-62).
//! - v4: a new member is first answered MEMBER_ID_REQUIRED with its id, and joins again with it (KIP-394).
//! - v5: `group_instance_id`, for static members (KIP-345).
//! - v6: flexible.
//! - v7: the response has `protocol_type`, and both protocol fields can be null in it (KIP-559).
//! - v8: `reason` (KIP-800).
//! - v9: `skip_assignment`, for a static leader that comes back (KIP-814).

use bytes::Bytes;

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        group_id: String,
        /// The member is removed after so long without a heartbeat.
        session_timeout_ms: i32,
        /// How long the member may take to join again. Where it is absent, the session timeout counts.
        rebalance_timeout_ms: i32 [1..] = -1,
        /// Empty for a member that is new.
        member_id: String,
        /// The name of a static member; null for a dynamic one.
        group_instance_id: Option<String> [5..],
        /// What the group is for: `consumer` for consumers.
        protocol_type: String,
        /// The member's assignment strategies, the preferred one first.
        protocols: Vec<JoinGroupRequestProtocol>,
        /// Why the member joins, for the log.
        reason: Option<String> [8..],
    }

    pub struct JoinGroupRequestProtocol {
        name: String,
        /// What the leader shall know about the member, in a form that only clients understand.
        metadata: Bytes,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32 [2..],
        error_code: ErrorCode,
        /// -1 with an error.
        generation_id: i32 = -1,
        protocol_type: Option<String> [7..],
        /// The strategy that was chosen. Null, or empty in older versions, with an error.
        protocol_name: Option<String> [..; null 7..] = Some(String::new()),
        /// The leader's member id.
        leader: String,
        /// Tells a leader that it need not assign anything, since the assignment of before still holds.
        skip_assignment: bool [9..],
        member_id: String,
        /// Empty for all but the leader.
        members: Vec<JoinGroupResponseMember>,
    }

    pub struct JoinGroupResponseMember {
        member_id: String,
        /// The name of a static member; null for a dynamic one.
        group_instance_id: Option<String> [5..],
        /// The member's own metadata for the chosen protocol.
        metadata: Bytes,
    }
}

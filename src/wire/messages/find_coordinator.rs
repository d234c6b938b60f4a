//! FindCoordinator (10): asks which broker coordinates a group or a transaction.
//!
//! - v1: `key_type`; before, every key is a group (KIP-98).
//! - v3: flexible.
//! - v4: several keys at once, each with its own answer; the fields of the single key are gone (KIP-699).
//! - v5: TRANSACTION_ABORTABLE may be answered (KIP-890).
//! - v6: share groups (KIP-932).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// The group's id, the transactional id, or `groupId:topicId:partition` of a share group.
        key: String [..=3],
        /// 0 for a group, 1 for a transaction, 2 for a share group.
        key_type: i8 [1..],
        coordinator_keys: Vec<String> [4..],
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32 [1..],
        error_code: ErrorCode [..=3],
        error_message: Option<String> [1..=3] = Some(String::new()),
        /// -1 with an error.
        node_id: i32 [..=3],
        host: String [..=3],
        port: i32 [..=3],
        coordinators: Vec<Coordinator> [4..],
    }

    pub struct Coordinator {
        key: String [4..],
        /// -1 with an error.
        node_id: i32 [4..],
        host: String [4..],
        port: i32 [4..],
        error_code: ErrorCode [4..],
        error_message: Option<String> [4..] = Some(String::new()),
    }
}

//! AlterClientQuotas (49): sets and removes the quotas of users, client ids and addresses (KIP-546).
//!
//! - v1: flexible.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        entries: Vec<EntryData>,
        /// Checks everything and changes nothing.
        validate_only: bool,
    }

    pub struct EntryData {
        /// What the quotas are for: all parts together, such as a client id of a user.
        entity: Vec<EntityData>,
        ops: Vec<OpData>,
    }

    /// The same in the request and in the response.
    pub struct EntityData {
        /// `user`, `client-id` or `ip`.
        entity_type: String,
        /// Null for the default.
        entity_name: Option<String> = Some(String::new()),
    }

    pub struct OpData {
        /// Such as `producer_byte_rate`.
        key: String,
        /// Without a meaning if `remove` is set.
        value: f64,
        remove: bool,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        entries: Vec<EntryDataResponse>,
    }

    pub struct EntryDataResponse {
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
        entity: Vec<EntityData>,
    }
}

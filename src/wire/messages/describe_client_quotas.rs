//! DescribeClientQuotas (48): the quotas of users, client ids and addresses (KIP-546).
//!
//! - v1: flexible.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// An entity must satisfy all of them.
        components: Vec<ComponentData>,
        /// Leaves out entities with a part of which no component speaks.
        strict: bool,
    }

    pub struct ComponentData {
        /// `user`, `client-id` or `ip`.
        entity_type: String,
        /// 0 for the name in `match_`, 1 for the default, 2 for any of both.
        match_type: i8,
        /// Kafka's `match`, which is a keyword of Rust. Null for all match types but 0.
        match_: Option<String> = Some(String::new()),
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
        /// Null with an error.
        entries: Option<Vec<EntryData>> = Some(Vec::new()),
    }

    pub struct EntryData {
        /// What the quotas are for: all parts together, such as a client id of a user.
        entity: Vec<EntityData>,
        values: Vec<ValueData>,
    }

    pub struct EntityData {
        /// `user`, `client-id` or `ip`.
        entity_type: String,
        /// Null for the default.
        entity_name: Option<String> = Some(String::new()),
    }

    pub struct ValueData {
        /// Such as `producer_byte_rate`.
        key: String,
        value: f64,
    }
}

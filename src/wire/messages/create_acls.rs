//! CreateAcls (30): adds rules about who may do what (KIP-140).
//!
//! - v1: `resource_pattern_type` (KIP-290).
//! - v2: flexible.
//! - v3: users as resources, for delegation tokens (KIP-373).
//!
//! Resource types, pattern types, operations and permissions are numbered as in Kafka's Java client.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        creations: Vec<AclCreation>,
    }

    pub struct AclCreation {
        resource_type: i8,
        resource_name: String,
        /// 3 if `resource_name` is a whole name, 4 if it is a prefix.
        resource_pattern_type: i8 = 3,
        /// Such as `User:alice`.
        principal: String,
        /// An address, or `*` for any.
        host: String,
        operation: i8,
        /// 2 forbids, 3 allows.
        permission_type: i8,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        /// In the order of `creations`.
        results: Vec<AclCreationResult>,
    }

    pub struct AclCreationResult {
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
    }
}

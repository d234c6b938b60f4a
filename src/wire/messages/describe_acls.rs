//! DescribeAcls (29): the rules about who may do what (KIP-140).
//!
//! - v1: `pattern_type` (KIP-290).
//! - v2: flexible.
//! - v3: users as resources, for delegation tokens (KIP-373).
//!
//! Resource types, pattern types, operations and permissions are numbered as in Kafka's Java client, where 1 means any.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        resource_type_filter: i8,
        /// Null for any.
        resource_name_filter: Option<String> = Some(String::new()),
        /// 1 for any, 2 for all that apply to the name, 3 for whole names, 4 for prefixes.
        pattern_type_filter: i8 = 3,
        /// Null for any.
        principal_filter: Option<String> = Some(String::new()),
        /// Null for any.
        host_filter: Option<String> = Some(String::new()),
        operation: i8,
        permission_type: i8,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
        resources: Vec<DescribeAclsResource>,
    }

    pub struct DescribeAclsResource {
        resource_type: i8,
        resource_name: String,
        /// 3 if `resource_name` is a whole name, 4 if it is a prefix.
        pattern_type: i8 = 3,
        acls: Vec<AclDescription>,
    }

    pub struct AclDescription {
        /// Such as `User:alice`.
        principal: String,
        /// An address, or `*` for any.
        host: String,
        operation: i8,
        /// 2 forbids, 3 allows.
        permission_type: i8,
    }
}

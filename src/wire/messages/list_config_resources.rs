//! ListConfigResources (74): the names of everything that has settings.
//!
//! - v0: ListClientMetricsResources, which lists nothing but client metrics; flexible (KIP-714).
//! - v1: all types of resources, or the `resource_types` that are asked for (KIP-1142).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// As `resource_type` in the response; empty for all types.
        resource_types: Vec<i8> [1..],
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        config_resources: Vec<ConfigResource>,
    }

    pub struct ConfigResource {
        resource_name: String,
        /// 2 for a topic, 4 for a broker, 8 for the loggers of a broker, 16 for client metrics, 32 for a group.
        resource_type: i8 [1..] = 16,
    }
}

//! AlterConfigs (33): replaces all settings of topics, brokers and groups: what is not named falls back to its default
//! (KIP-133). IncrementalAlterConfigs changes single ones.
//!
//! - v2: flexible.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        resources: Vec<AlterConfigsResource>,
        /// Checks everything and changes nothing.
        validate_only: bool,
    }

    pub struct AlterConfigsResource {
        /// 2 for a topic, 4 for a broker, 8 for the loggers of a broker, 16 for client metrics, 32 for a group.
        resource_type: i8,
        /// A topic's name, a broker's id (or empty for all brokers), a group's id.
        resource_name: String,
        configs: Vec<AlterableConfig>,
    }

    pub struct AlterableConfig {
        name: String,
        value: Option<String> = Some(String::new()),
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        responses: Vec<AlterConfigsResourceResponse>,
    }

    pub struct AlterConfigsResourceResponse {
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
        /// As in the request.
        resource_type: i8,
        resource_name: String,
    }
}

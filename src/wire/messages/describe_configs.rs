//! DescribeConfigs (32): the configuration of topics, brokers and groups (KIP-133).
//!
//! - v1: where each value comes from, and its synonyms (KIP-226).
//! - v3: the type and the documentation of each value (KIP-569).
//! - v4: flexible.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        resources: Vec<DescribeConfigsResource>,
        include_synonyms: bool,
        include_documentation: bool [3..],
    }

    pub struct DescribeConfigsResource {
        /// 2 for a topic, 4 for a broker, 8 for the loggers of a broker, 16 for client metrics, 32 for a group.
        resource_type: i8,
        /// A topic's name, a broker's id, a group's id.
        resource_name: String,
        /// Null asks for all.
        configuration_keys: Option<Vec<String>> = Some(Vec::new()),
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        results: Vec<DescribeConfigsResult>,
    }

    pub struct DescribeConfigsResult {
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
        /// 2 for a topic, 4 for a broker, 8 for the loggers of a broker, 16 for client metrics, 32 for a group.
        resource_type: i8,
        /// A topic's name, a broker's id, a group's id.
        resource_name: String,
        configs: Vec<DescribeConfigsResourceResult>,
    }

    pub struct DescribeConfigsResourceResult {
        name: String,
        /// Null if it is a secret, or not set.
        value: Option<String> = Some(String::new()),
        read_only: bool,
        /// Where the value comes from: 1 the topic, 2 the broker while it runs, 3 all brokers while they run, 4 the
        /// properties with which the broker started, 5 the default, 6 the loggers, 7 client metrics, 8 the group; -1 if
        /// unknown.
        config_source: i8 = -1,
        is_sensitive: bool,
        /// The settings that the value could come from, the winner first.
        synonyms: Vec<DescribeConfigsSynonym>,
        /// 1 bool, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password; 0 if unknown.
        config_type: i8 [3..],
        documentation: Option<String> [3..] = Some(String::new()),
    }

    pub struct DescribeConfigsSynonym {
        name: String,
        /// Null if it is a secret.
        value: Option<String> = Some(String::new()),
        /// As `config_source`.
        source: i8,
    }
}

//! DeleteTopics (20): deletes topics with all that they hold.
//!
//! - v3: TOPIC_DELETION_DISABLED may be answered (KIP-322).
//! - v4: flexible.
//! - v5: `error_message`, and THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599).
//! - v6: a topic is given by name or by id (KIP-516).

use crate::wire::schema::message;
use crate::wire::{ErrorCode, Uuid};

message! {
    pub struct Request {
        topics: Vec<DeleteTopicState> [6..],
        topic_names: Vec<String> [..=5],
        /// How long the broker may wait until the topics are gone.
        timeout_ms: i32,
    }

    pub struct DeleteTopicState {
        /// Null if the topic is given by id.
        name: Option<String> [6..],
        /// Zero if the topic is given by name.
        topic_id: Uuid [6..],
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        responses: Vec<DeletableTopicResult>,
    }

    pub struct DeletableTopicResult {
        /// Null if the topic was given by an id that does not exist.
        name: Option<String> [..; null 6..] = Some(String::new()),
        topic_id: Uuid [6..],
        error_code: ErrorCode,
        error_message: Option<String> [5..],
    }
}

//! RemoveRaftVoter (81): one controller less votes in the metadata quorum (KIP-853).
//!
//! - v0: flexible from the start.

use crate::wire::schema::message;
use crate::wire::{ErrorCode, Uuid};

message! {
    pub struct Request {
        /// Null if the client does not know it.
        cluster_id: Option<String> = Some(String::new()),
        voter_id: i32,
        /// The directory in which the voter keeps the metadata.
        voter_directory_id: Uuid,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
    }
}

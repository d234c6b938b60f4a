//! AddRaftVoter (80): one more controller votes in the metadata quorum (KIP-853).
//!
//! - v0: flexible from the start.
//! - v1: `ack_when_committed` (KIP-1186).

use crate::wire::schema::message;
use crate::wire::{ErrorCode, Uuid};

message! {
    pub struct Request {
        /// Null if the client does not know it.
        cluster_id: Option<String> = Some(String::new()),
        /// How long the broker may wait until the request is done.
        timeout_ms: i32,
        voter_id: i32,
        /// The directory in which the voter keeps the metadata.
        voter_directory_id: Uuid,
        /// Where the voter can be reached.
        listeners: Vec<Listener>,
        /// Whether the answer waits until the new set of voters is committed.
        ack_when_committed: bool [1..] = true,
    }

    pub struct Listener {
        name: String,
        host: String,
        port: u16,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
    }
}

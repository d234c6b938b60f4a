//! SaslAuthenticate (36): a step of the proof that SaslHandshake began (KIP-152).
//!
//! - v1: `session_lifetime_ms` (KIP-368).
//! - v2: flexible.

use bytes::Bytes;

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// What the mechanism says here.
        auth_bytes: Bytes,
    }

    pub struct Response {
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
        /// What the mechanism says here.
        auth_bytes: Bytes,
        /// After how many milliseconds the client has to prove again who it is; 0 for never.
        session_lifetime_ms: i64 [1..],
    }
}

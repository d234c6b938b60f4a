//! SaslHandshake (17): the client names the mechanism by which it wants to prove who it is (KIP-43).
//!
//! - v1: what follows travels inside of SaslAuthenticate (KIP-152).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// Such as `SCRAM-SHA-256`.
        mechanism: String,
    }

    pub struct Response {
        error_code: ErrorCode,
        /// Those that can be used.
        mechanisms: Vec<String>,
    }
}

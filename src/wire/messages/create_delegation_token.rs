//! CreateDelegationToken (38): a token with which others can act for a user for a while (KIP-48).
//!
//! - v2: flexible.
//! - v3: tokens for somebody else (KIP-373).

use bytes::Bytes;

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// Such as `User`. Null for whoever asks.
        owner_principal_type: Option<String> [3..] = Some(String::new()),
        /// Null for whoever asks.
        owner_principal_name: Option<String> [3..] = Some(String::new()),
        renewers: Vec<CreatableRenewers>,
        /// In milliseconds; -1 for what the broker is set to.
        max_lifetime_ms: i64,
    }

    /// Who may prolong the token.
    pub struct CreatableRenewers {
        principal_type: String,
        principal_name: String,
    }

    pub struct Response {
        error_code: ErrorCode,
        /// The token's owner.
        principal_type: String,
        principal_name: String,
        token_requester_principal_type: String [3..],
        token_requester_principal_name: String [3..],
        /// Milliseconds since 1970, like the next two.
        issue_timestamp_ms: i64,
        expiry_timestamp_ms: i64,
        /// Until when the token can be prolonged.
        max_timestamp_ms: i64,
        token_id: String,
        hmac: Bytes,
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
    }
}

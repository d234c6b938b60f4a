//! DescribeDelegationToken (41): the delegation tokens of some owners (KIP-48).
//!
//! - v2: flexible.
//! - v3: who asked for each token (KIP-373).

use bytes::Bytes;

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// Null for all.
        owners: Option<Vec<DescribeDelegationTokenOwner>> = Some(Vec::new()),
    }

    pub struct DescribeDelegationTokenOwner {
        /// Such as `User`.
        principal_type: String,
        principal_name: String,
    }

    pub struct Response {
        error_code: ErrorCode,
        tokens: Vec<DescribedDelegationToken>,
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
    }

    pub struct DescribedDelegationToken {
        /// The token's owner.
        principal_type: String,
        principal_name: String,
        token_requester_principal_type: String [3..],
        token_requester_principal_name: String [3..],
        /// Milliseconds since 1970, like the next two.
        issue_timestamp: i64,
        expiry_timestamp: i64,
        /// Until when the token can be prolonged.
        max_timestamp: i64,
        token_id: String,
        hmac: Bytes,
        renewers: Vec<DescribedDelegationTokenRenewer>,
    }

    pub struct DescribedDelegationTokenRenewer {
        principal_type: String,
        principal_name: String,
    }
}

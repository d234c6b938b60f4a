//! AlterUserScramCredentials (51): sets and removes the passwords of users for SCRAM (KIP-554).
//!
//! - v0: flexible from the start.

use bytes::Bytes;

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        deletions: Vec<ScramCredentialDeletion>,
        upsertions: Vec<ScramCredentialUpsertion>,
    }

    pub struct ScramCredentialDeletion {
        name: String,
        /// 1 for SCRAM-SHA-256, 2 for SCRAM-SHA-512.
        mechanism: i8,
    }

    pub struct ScramCredentialUpsertion {
        name: String,
        /// 1 for SCRAM-SHA-256, 2 for SCRAM-SHA-512.
        mechanism: i8,
        iterations: i32,
        salt: Bytes,
        salted_password: Bytes,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        /// One for each user.
        results: Vec<AlterUserScramCredentialsResult>,
    }

    pub struct AlterUserScramCredentialsResult {
        user: String,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
    }
}

//! DescribeUserScramCredentials (50): which users have passwords for SCRAM, but not the passwords (KIP-554).
//!
//! - v0: flexible from the start.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// Null or empty for all.
        users: Option<Vec<UserName>> = Some(Vec::new()),
    }

    pub struct UserName {
        name: String,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
        results: Vec<DescribeUserScramCredentialsResult>,
    }

    pub struct DescribeUserScramCredentialsResult {
        user: String,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
        credential_infos: Vec<CredentialInfo>,
    }

    pub struct CredentialInfo {
        /// 1 for SCRAM-SHA-256, 2 for SCRAM-SHA-512.
        mechanism: i8,
        iterations: i32,
    }
}

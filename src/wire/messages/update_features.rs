//! UpdateFeatures (57): raises or lowers the versions of what the cluster as a whole can do (KIP-584).
//!
//! - v0: flexible from the start.
//! - v1: `upgrade_type` instead of `allow_downgrade`; `validate_only` (KIP-778).
//! - v2: no results for single features: all are updated, or none (KIP-1022).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// How long the broker may wait until the request is done.
        timeout_ms: i32 = 60000,
        feature_updates: Vec<FeatureUpdateKey>,
        /// Checks everything and changes nothing.
        validate_only: bool [1..],
    }

    pub struct FeatureUpdateKey {
        feature: String,
        /// Less than 1 asks for the feature's removal.
        max_version_level: i16,
        allow_downgrade: bool [..=0],
        /// 1 only upwards, 2 downwards where nothing is lost, 3 downwards in any case.
        upgrade_type: i8 [1..] = 1,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
        results: Vec<UpdatableFeatureResult> [..=1],
    }

    pub struct UpdatableFeatureResult {
        feature: String,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()),
    }
}

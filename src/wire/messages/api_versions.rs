//! ApiVersions (18): what the broker understands. The first request of nearly every client.

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        /// The name of the client's library (KIP-511).
        client_software_name: String [3..],
        client_software_version: String [3..],
    }

    pub struct Response {
        error_code: ErrorCode,
        api_keys: Vec<ApiVersion>,
        throttle_time_ms: i32 [1..];
        tagged {
            0 => supported_features: Vec<SupportedFeatureKey> [3..],
            1 => finalized_features_epoch: i64 [3..] = -1,
            2 => finalized_features: Vec<FinalizedFeatureKey> [3..],
            3 => zk_migration_ready: bool [3..],
        }
    }

    pub struct ApiVersion {
        api_key: i16,
        min_version: i16,
        max_version: i16,
    }

    pub struct SupportedFeatureKey {
        name: String [3..],
        min_version: i16 [3..],
        max_version: i16 [3..],
    }

    pub struct FinalizedFeatureKey {
        name: String [3..],
        max_version_level: i16 [3..],
        min_version_level: i16 [3..],
    }
}

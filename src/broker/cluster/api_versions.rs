//! ApiVersions (18), versions 0 to 4: the table of APIs, as the client's first question.
//!
//! A client that speaks a newer version than we do gets UNSUPPORTED_VERSION in the form of version 0, with the versions of
//! this API alone, and asks again (KIP-511); dispatch sees to that. Version 3 added the features of the cluster, but some
//! clients of that time cannot read one whose lowest version is 0; since version 4 they are told of those too (KIP-1022).

use super::features::SUPPORTED;
use crate::broker::api::{APIS, Api};
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::api_versions::{ApiVersion, FinalizedFeatureKey, Request, Response, SupportedFeatureKey};

pub const KEY: i16 = 18;
/// The first version in which a feature may begin with version 0.
const ZERO_FROM: i16 = 4;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let names = [&request.client_software_name, &request.client_software_version];
    if call.version >= 3 && !names.into_iter().all(|name| is_valid_software_name(name)) {
        return Response { error_code: ErrorCode::INVALID_REQUEST, ..Response::default() };
    }
    broker.telemetry.introduce(call.connection, &request.client_software_name, &request.client_software_version);
    let supported = SUPPORTED.iter().filter(|feature| call.version >= ZERO_FROM || feature.min_version > 0);
    let supported = supported.map(|feature| SupportedFeatureKey {
        name: feature.name.to_owned(),
        min_version: feature.min_version,
        max_version: feature.max_version,
    });
    let finalized = broker.features.finalized().map(|(feature, level)| FinalizedFeatureKey {
        name: feature.name.to_owned(),
        max_version_level: level,
        min_version_level: level,
    });
    Response {
        api_keys: APIS.iter().filter(|api| api.is_listed()).map(row).collect(),
        supported_features: supported.collect(),
        finalized_features_epoch: broker.features.epoch(),
        finalized_features: finalized.collect(),
        ..Response::default()
    }
}

/// The answer to a version that we do not know.
pub fn unsupported_version() -> Response {
    Response {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        api_keys: APIS.iter().filter(|api| api.key == KEY).map(row).collect(),
        ..Response::default()
    }
}

fn row(api: &Api) -> ApiVersion {
    ApiVersion { api_key: api.key, min_version: api.min_version, max_version: api.max_version }
}

/// KIP-511: letters and digits at both ends, with `.` and `-` between them.
fn is_valid_software_name(name: &str) -> bool {
    let inside = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.';
    name.chars().all(inside)
        && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && name.ends_with(|letter: char| letter.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::is_valid_software_name;

    #[test]
    fn software_names() {
        let check = |name: &str, expect: bool| assert_eq!(is_valid_software_name(name), expect, "{name:?}");
        check("apache-kafka-java", true);
        check("4.2.0", true);
        check("x", true);
        check("", false);
        check("-x", false);
        check("x.", false);
        check("a b", false);
    }
}

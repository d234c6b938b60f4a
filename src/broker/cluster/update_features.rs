//! UpdateFeatures (57), versions 0 to 2: changes which version of a feature is in force (KIP-584).
//!
//! All updates are made or none is. To go to a lower version the request must say that it means to, and then it cannot go to
//! a higher one. Version 0 of a feature switches it off. v1 brought the kind of update and `validate_only`; what v0 has in
//! their place, `allow_downgrade`, is not looked at by Kafka, and neither is it here. Up to v1 a success is told of each
//! feature, with the text `NONE`, from v2 of all together.

use std::collections::BTreeMap;

use super::features::{Features, SUPPORTED};
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::update_features::{Request, Response, UpdatableFeatureResult};

const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

/// The last version whose response has a result for each feature.
const RESULTS_UP_TO: i16 = 1;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let updates: BTreeMap<_, _> = request
        .feature_updates
        .into_iter()
        .map(|update| (update.feature, (update.max_version_level, update.upgrade_type)))
        .collect();
    let node_id = broker.config.node_id;
    for (name, (level, upgrade_type)) in &updates {
        if let Err(reason) = check(&broker.features, name, *level, *upgrade_type, node_id) {
            let message = format!(
                "The update failed for all features since the following feature had an error: Invalid update version \
                 {level} for feature {name}. {reason}"
            );
            let error_code = ErrorCode::INVALID_UPDATE_VERSION;
            return Response { error_code, error_message: Some(message), ..Response::default() };
        }
    }
    if !request.validate_only {
        updates.iter().for_each(|(name, (level, _))| broker.features.set_level(name, *level));
    }
    let result = |feature| UpdatableFeatureResult {
        feature,
        error_message: Some(ErrorCode::NONE.to_string()),
        ..UpdatableFeatureResult::default()
    };
    let results = if call.version <= RESULTS_UP_TO { updates.into_keys().map(result).collect() } else { Vec::new() };
    Response { error_message: None, results, ..Response::default() }
}

/// Whether a feature may get this version; if not, why.
fn check(features: &Features, name: &str, level: i16, upgrade_type: i8, node_id: i32) -> Result<(), String> {
    if ![UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE].contains(&upgrade_type) {
        return Err("The controller does not support the given upgrade type.".to_owned());
    }
    if level < 0 {
        return Err("A feature version cannot be less than 0.".to_owned());
    }
    let Some(feature) = SUPPORTED.iter().find(|feature| feature.name == name) else {
        return Err(format!("Local controller {node_id} does not support this feature."));
    };
    if !(feature.min_version..=feature.max_version).contains(&level) {
        let (min, max) = (feature.min_version, feature.max_version);
        return Err(format!("Local controller {node_id} only supports versions {min}-{max}"));
    }
    let current = features.level(name);
    if level < current && upgrade_type == UPGRADE {
        let message = "Can't downgrade the version of this feature without setting the upgrade type to either safe or \
                       unsafe downgrade.";
        return Err(message.to_owned());
    }
    if level > current && upgrade_type != UPGRADE {
        return Err("Can't downgrade to a newer version.".to_owned());
    }
    Ok(())
}

//! UpdateFeatures (57), versions 0 to 2: changes which version of a feature is in force (KIP-584).
//!
//! All updates are made or none is. To go to a lower version the request must say that it means to, and then it cannot go to
//! a higher one. Version 0 of a feature switches it off. v1 brought the kind of update and `validate_only`; what v0 has in
//! their place, `allow_downgrade`, is not looked at by Kafka, and neither is it here. Up to v1 a success is told of each
//! feature, with the text `NONE`, from v2 of all together.
//!
//! Two features have rules of their own. `kraft.version` never goes down: the voters would have to be forgotten. And
//! `metadata.version` only goes down to where the metadata need not be rewritten.

use std::collections::BTreeMap;

use super::features::{ELIGIBLE_LEADER_REPLICAS_VERSION, Features, KRAFT_VERSION, METADATA_VERSION, SUPPORTED};
use crate::broker::{Broker, Call};
use crate::wire::messages::update_features::{Request, Response, UpdatableFeatureResult};
use crate::wire::{ErrorCode, Uuid};

const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

/// The `metadata.version` down to which Kafka's metadata stays as it is.
const METADATA_VERSION_SAFE: i16 = 23;

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
            let message =
                format!("The update failed for all features since the following feature had an error: {reason}");
            let error_code = ErrorCode::INVALID_UPDATE_VERSION;
            return Response { error_code, error_message: Some(message), ..Response::default() };
        }
    }
    if !request.validate_only {
        updates.iter().for_each(|(name, (level, _))| set_level(broker, name, *level));
    }
    let result = |feature| UpdatableFeatureResult {
        feature,
        error_message: Some(ErrorCode::NONE.to_string()),
        ..UpdatableFeatureResult::default()
    };
    let results = if call.version <= RESULTS_UP_TO { updates.into_keys().map(result).collect() } else { Vec::new() };
    Response { error_message: None, results, ..Response::default() }
}

/// Changes a feature's version, and what follows from it.
fn set_level(broker: &mut Broker, name: &str, level: i16) {
    broker.features.set_level(name, level);
    if name == KRAFT_VERSION && level > 0 && broker.voter_directory == Uuid::ZERO {
        broker.voter_directory = broker.random.uuid();
    }
    if name == ELIGIBLE_LEADER_REPLICAS_VERSION && level > 0 {
        broker.config.keep_for_all_brokers();
        broker.topics.reconfigure(&broker.config);
    }
}

/// Whether a feature may get this version; if not, why.
fn check(features: &Features, name: &str, level: i16, upgrade_type: i8, node_id: i32) -> Result<(), String> {
    let current = features.level(name);
    check_range(name, level, upgrade_type, node_id)
        .and_then(|()| check_direction(name, level, current, upgrade_type))
        .map_err(|reason| format!("Invalid update version {level} for feature {name}. {reason}"))?;
    if name == METADATA_VERSION && level < current && level < METADATA_VERSION_SAFE {
        let reason = match upgrade_type {
            SAFE_DOWNGRADE => {
                "Refusing to perform the requested downgrade because it might delete metadata information."
            }
            _ => "Unsafe metadata downgrade is not supported in this version.",
        };
        return Err(format!("Unsupported {METADATA_VERSION} downgrade from {current} to {level}. {reason}"));
    }
    Ok(())
}

fn check_range(name: &str, level: i16, upgrade_type: i8, node_id: i32) -> Result<(), String> {
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
    Ok(())
}

fn check_direction(name: &str, level: i16, current: i16, upgrade_type: i8) -> Result<(), String> {
    let reason = if level < current && upgrade_type == UPGRADE {
        "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade."
    } else if level > current && upgrade_type != UPGRADE {
        "Can't downgrade to a newer version."
    } else if level < current && name == KRAFT_VERSION {
        "Can't downgrade the version of this feature."
    } else {
        return Ok(());
    };
    Err(reason.to_owned())
}

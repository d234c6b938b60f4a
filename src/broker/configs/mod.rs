//! What is set for topics, brokers, groups and the metrics of clients, and the APIs that describe and change it.
//!
//! A topic's settings lie with the topic, the broker's in [`crate::config`]; those of groups and client metrics are
//! kept here. [`resource`] makes all of them alike: a set of names and texts that is looked at, checked and replaced as a
//! whole. AlterConfigs brings a whole new set, IncrementalAlterConfigs makes one of the old set and some operations.
//! Changes act in the same turn: what follows from them for the topics is computed again at once.

pub mod alter_configs;
pub mod client_metrics;
pub mod describe_configs;
pub mod groups;
pub mod incremental_alter_configs;
pub mod list_config_resources;
pub mod loggers;
mod property;
mod resource;

use std::collections::{BTreeMap, HashMap};

use super::kept::{ENTRY_BYTES, settings_bytes};
use super::{CHANGES_MAX, TOO_MANY_CHANGES};
use crate::config::topic::Overrides;
use crate::wire::ErrorCode;

/// Why a resource is not described or changed.
type Refusal = (ErrorCode, String);

/// What became of a resource that was to be altered: its kind, its name, the error and Kafka's sentence about it.
type Altered = (i8, String, ErrorCode, Option<String>);

/// Whether a request may change so many settings.
fn check_number(settings: usize) -> Result<(), Refusal> {
    match settings {
        ..=CHANGES_MAX => Ok(()),
        _ => Err((ErrorCode::POLICY_VIOLATION, TOO_MANY_CHANGES.to_owned())),
    }
}

/// Alters resources, each on its own, which may stand in a request only once.
fn alter_each<C>(
    resources: Vec<(i8, String, C)>,
    mut alter: impl FnMut(i8, &str, C) -> Result<(), Refusal>,
) -> Vec<Altered> {
    let mut times = HashMap::new();
    for (kind, name, _) in &resources {
        *times.entry((*kind, name.clone())).or_insert(0) += 1;
    }
    let alter = |(kind, name, configs): (i8, String, C)| {
        let outcome = match times.get(&(kind, name.clone())) {
            Some(2..) => Err((ErrorCode::INVALID_REQUEST, "Each resource must appear at most once.".to_owned())),
            _ => alter(kind, &name, configs),
        };
        let (code, message) =
            outcome.map_or_else(|(code, message)| (code, Some(message)), |()| (ErrorCode::NONE, None));
        (kind, name, code, message)
    };
    resources.into_iter().map(alter).collect()
}

/// What is set for groups and for the metrics of clients.
#[derive(Debug, Default)]
pub struct Configs {
    /// By the group's id. A group stays here once something was set for it, also when all of that was taken back.
    pub groups: BTreeMap<String, Overrides>,
    pub client_metrics: client_metrics::Subscriptions,
}

impl Configs {
    /// The memory of what is set, as [`kept`](super::kept) counts it.
    pub fn held_bytes(&self) -> usize {
        let entry = |(name, set): (&String, &Overrides)| ENTRY_BYTES + name.len() + settings_bytes(set);
        self.groups.iter().chain(self.client_metrics.settings()).map(entry).sum()
    }
}

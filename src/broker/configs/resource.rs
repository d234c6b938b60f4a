//! Everything that has settings, looked at in one way: as a set of names and texts.

use std::collections::HashSet;

use super::{Refusal, client_metrics, groups};
use crate::broker::Broker;
use crate::broker::cluster::features::ELIGIBLE_LEADER_REPLICAS_VERSION;
use crate::broker::kept::{ENTRY_BYTES, broker_settings_bytes, settings_bytes};
use crate::broker::topics::validate_name;
use crate::config::dynamic::{self, MIN_INSYNC_REPLICAS, Scope};
use crate::config::topic::{self, Overrides};
use crate::wire::ErrorCode;

pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
pub(super) const BROKER_LOGGER: i8 = 8;
pub(super) const CLIENT_METRICS: i8 = 16;
pub(super) const GROUP: i8 = 32;

/// What is set for a broker is looked through with every change of it, and it may have settings that nobody knows.
const BROKER_SETTINGS_BYTES_MAX: usize = 1 << 20;

/// A thing whose settings can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    Topic(String),
    Broker(Scope),
    ClientMetrics(String),
    Group(String),
}

/// What is done to one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Set,
    Delete,
    Append,
    Subtract,
}

fn invalid_request<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err((ErrorCode::INVALID_REQUEST, message.into()))
}

fn invalid_config<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err((ErrorCode::INVALID_CONFIG, message.into()))
}

/// Checks what both ways to change settings share: nothing is named twice, and nothing that needs a value lacks one.
pub(super) fn check_names<'a>(configs: impl Iterator<Item = (&'a str, bool)> + Clone) -> Result<(), Refusal> {
    let nulls: Vec<&str> = configs.clone().filter(|(_, complete)| !complete).map(|(name, _)| name).collect();
    if !nulls.is_empty() {
        return invalid_request(format!("Null value not supported for : {}", nulls.join(", ")));
    }
    let mut seen = HashSet::new();
    match configs.map(|(name, _)| name).all(|name| seen.insert(name)) {
        true => Ok(()),
        false => invalid_request("Error due to duplicate config keys"),
    }
}

/// Says which of a broker's two sets is meant by a name: the id of this broker, or nothing for all.
fn scope(name: &str, node_id: i32) -> Result<Scope, Refusal> {
    match name {
        "" => Ok(Scope::AllBrokers),
        _ => check_node_id(name, node_id, "Unexpected broker id, expected").map(|()| Scope::ThisBroker),
    }
}

/// Whether a name is the id of this broker; `complaint` begins the message if it is that of another.
pub(super) fn check_node_id(name: &str, node_id: i32, complaint: &str) -> Result<(), Refusal> {
    match name.parse::<i32>() {
        Ok(id) if id == node_id => Ok(()),
        Ok(id) => invalid_request(format!("{complaint} {node_id}, but received {id}")),
        Err(_) => invalid_request(format!("Node id must be an integer, but it is: {name}")),
    }
}

impl Resource {
    pub fn new(kind: i8, name: String, node_id: i32) -> Result<Self, Refusal> {
        match kind {
            TOPIC if name.is_empty() => invalid_request("Default topic resources are not allowed."),
            TOPIC => match validate_name(&name) {
                Ok(()) => Ok(Self::Topic(name)),
                Err(message) => Err((ErrorCode::INVALID_TOPIC_EXCEPTION, message)),
            },
            BROKER => scope(&name, node_id).map(Self::Broker),
            CLIENT_METRICS if name.is_empty() => invalid_request("Subscription name can't be empty"),
            CLIENT_METRICS => Ok(Self::ClientMetrics(name)),
            GROUP if name.is_empty() => invalid_request("Default group resources are not allowed."),
            GROUP => Ok(Self::Group(name)),
            _ => invalid_request(format!("Unknown resource type {kind}")),
        }
    }

    /// What is set now.
    pub fn current(&self, broker: &Broker) -> Overrides {
        match self {
            Self::Topic(name) => broker.topics.get(name).map(|topic| topic.configs.clone()).unwrap_or_default(),
            Self::Broker(scope) => broker.config.changes(*scope).clone(),
            Self::ClientMetrics(name) => broker.configs.client_metrics.get(name),
            Self::Group(name) => broker.configs.groups.get(name).cloned().unwrap_or_default(),
        }
    }

    /// Does one operation to a set.
    pub fn operate(
        &self,
        broker: &Broker,
        set: &mut Overrides,
        operation: Operation,
        name: String,
        text: String,
    ) -> Result<(), Refusal> {
        match operation {
            Operation::Set => drop(set.insert(name, text)),
            Operation::Delete => drop(set.remove(&name)),
            Operation::Append | Operation::Subtract => {
                let mut elements = self.list_elements(broker, set, operation, &name)?;
                let named = text.split(',').map(str::trim);
                if operation == Operation::Append {
                    let mut known: HashSet<String> = elements.iter().cloned().collect();
                    elements.extend(named.filter(|element| known.insert((*element).to_owned())).map(str::to_owned));
                } else {
                    let named: HashSet<&str> = named.collect();
                    elements.retain(|known| !named.contains(known.as_str()));
                }
                set.insert(name, elements.join(","));
            }
        }
        Ok(())
    }

    /// The elements of a list as they are now.
    fn list_elements(
        &self,
        broker: &Broker,
        set: &Overrides,
        operation: Operation,
        name: &str,
    ) -> Result<Vec<String>, Refusal> {
        let fallback = match self {
            Self::Topic(_) => topic::list_elements(&broker.config, name),
            Self::Broker(_) => dynamic::list_elements(&broker.config, name),
            Self::ClientMetrics(_) | Self::Group(_) => None,
        };
        let Some(fallback) = fallback else {
            return invalid_config(match (self, operation) {
                (Self::Broker(_), Operation::Append) => {
                    format!("Config value append is not allowed for config key: {name}")
                }
                (Self::Broker(_), _) => format!("Config value subtract is not allowed for config key: {name}"),
                (_, Operation::Append) => format!("Can't APPEND to key {name} because its type is not LIST."),
                _ => format!("Can't SUBTRACT to key {name} because its type is not LIST."),
            });
        };
        Ok(match set.get(name).map(String::as_str) {
            Some("") => Vec::new(),
            Some(text) => text.split(',').map(|element| element.trim().to_owned()).collect(),
            None => fallback,
        })
    }

    /// Whether the resource may have these settings instead of what it has now, `named` being those that a client named.
    pub fn check(&self, broker: &Broker, set: &Overrides, named: &[String]) -> Result<(), Refusal> {
        self.check_values(broker, set, named)?;
        let room = broker.kept.check(self.held_bytes(broker), self.bytes_with(set));
        room.map_err(|no_room| (ErrorCode::POLICY_VIOLATION, no_room.sentence()))
    }

    /// What the memory of its settings is now.
    fn held_bytes(&self, broker: &Broker) -> usize {
        let is_kept = match self {
            Self::Topic(_) | Self::Broker(_) => true,
            Self::ClientMetrics(name) => broker.configs.client_metrics.contains(name),
            Self::Group(name) => broker.configs.groups.contains_key(name),
        };
        if is_kept { self.bytes_with(&self.current(broker)) } else { 0 }
    }

    /// What it would be with other settings. Topics and the broker are there without any.
    fn bytes_with(&self, set: &Overrides) -> usize {
        match self {
            Self::Topic(_) => settings_bytes(set),
            Self::Broker(_) => broker_settings_bytes(set),
            Self::ClientMetrics(_) if set.is_empty() => 0,
            Self::ClientMetrics(name) | Self::Group(name) => ENTRY_BYTES + name.len() + settings_bytes(set),
        }
    }

    fn check_values(&self, broker: &Broker, set: &Overrides, named: &[String]) -> Result<(), Refusal> {
        match self {
            Self::Topic(name) => {
                let asked = set.iter().map(|(name, text)| (name.as_str(), Some(text.as_str())));
                topic::overrides(&broker.config, asked).or_else(invalid_config)?;
                match broker.topics.get(name) {
                    Some(_) => Ok(()),
                    None => {
                        let message = format!("The topic '{name}' does not exist.");
                        Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message))
                    }
                }
            }
            Self::Broker(_) if broker_settings_bytes(set) > BROKER_SETTINGS_BYTES_MAX => {
                let message = "What is set for a broker may take no more than a MiB.".to_owned();
                Err((ErrorCode::POLICY_VIOLATION, message))
            }
            Self::Broker(scope) => {
                dynamic::check(set).or_else(invalid_request)?;
                match broker.features.level(ELIGIBLE_LEADER_REPLICAS_VERSION) {
                    0 => Ok(()),
                    _ => check_min_insync_replicas(*scope, set, named),
                }
            }
            Self::ClientMetrics(name) => client_metrics::check(&broker.configs.client_metrics, name, set),
            Self::Group(_) => groups::check(set),
        }
    }

    /// Replaces the settings, which have been checked, and lets them act.
    pub fn set(&self, broker: &mut Broker, set: Overrides) {
        broker.kept.replace(self.held_bytes(broker), self.bytes_with(&set));
        match self {
            Self::Topic(name) => broker.topics.configure(name, set, &broker.config),
            Self::Broker(scope) => {
                broker.config.set_changes(*scope, set);
                broker.topics.reconfigure(&broker.config);
            }
            Self::ClientMetrics(name) => broker.configs.client_metrics.set(name, set),
            Self::Group(name) => drop(broker.configs.groups.insert(name.clone(), set)),
        }
    }
}

/// The controller's own setting is there for all brokers, always, and not for a single one, as long as eligible leaders are
/// remembered.
fn check_min_insync_replicas(scope: Scope, set: &Overrides, named: &[String]) -> Result<(), Refusal> {
    let is_named = named.iter().any(|name| name == MIN_INSYNC_REPLICAS);
    match scope {
        Scope::ThisBroker if is_named => {
            invalid_config("Broker-level min.insync.replicas cannot be altered while ELR is enabled.")
        }
        Scope::AllBrokers if !set.contains_key(MIN_INSYNC_REPLICAS) => {
            invalid_config("Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")
        }
        _ => Ok(()),
    }
}

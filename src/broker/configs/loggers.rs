//! How much the broker logs, as a resource that clients can describe and change (KIP-412).
//!
//! Kafka has a level for each of its classes. Here there is one for the whole program, under the name that Kafka has for
//! the root of all loggers. It lies above the filter with which the program started: what that keeps out stays out.

use log::LevelFilter;

use super::Refusal;
use super::incremental_alter_configs::operation;
use super::resource::{Operation, check_node_id};
use crate::wire::ErrorCode;
use crate::wire::messages::incremental_alter_configs::AlterableConfig;

/// The name of the one logger.
pub(super) const ROOT: &str = "root";

/// Kafka's names of the levels. What is fatal elsewhere is an error here.
const LEVELS: [(&str, LevelFilter); 6] = [
    ("DEBUG", LevelFilter::Debug),
    ("ERROR", LevelFilter::Error),
    ("FATAL", LevelFilter::Error),
    ("INFO", LevelFilter::Info),
    ("TRACE", LevelFilter::Trace),
    ("WARN", LevelFilter::Warn),
];

/// The level at which the broker logs now.
pub(super) fn level() -> String {
    log::max_level().to_string()
}

pub(super) fn alter(name: &str, node_id: i32, configs: &[AlterableConfig], validate_only: bool) -> Result<(), Refusal> {
    check_node_id(name, node_id, "Unexpected node id. Expected")?;
    let mut wanted = None;
    for config in configs {
        wanted = Some(check(config)?);
    }
    if let Some(level) = wanted.filter(|_| !validate_only) {
        log::set_max_level(level);
    }
    Ok(())
}

/// The level that a change asks for; codes and messages are Kafka's.
fn check(config: &AlterableConfig) -> Result<LevelFilter, Refusal> {
    let AlterableConfig { name, value, .. } = config;
    let text = value.as_deref().unwrap_or_default();
    let (code, message) = match operation(config.config_operation)? {
        _ if name != ROOT => (ErrorCode::INVALID_CONFIG, format!("Logger {name} does not exist!")),
        Operation::Set => match LEVELS.iter().find(|(known, _)| *known == text) {
            Some((_, level)) => return Ok(*level),
            None => {
                let known: Vec<_> = LEVELS.iter().map(|(name, _)| *name).collect();
                let message = format!(
                    "Cannot set the log level of {name} to {text} as it is not a supported log level. \
                     Valid log levels are {}",
                    known.join(", ")
                );
                (ErrorCode::INVALID_CONFIG, message)
            }
        },
        Operation::Delete => {
            let message = "Removing the log level of the root logger is not allowed";
            (ErrorCode::INVALID_REQUEST, message.to_owned())
        }
        Operation::Append => (ErrorCode::INVALID_REQUEST, not_allowed("APPEND")),
        Operation::Subtract => (ErrorCode::INVALID_REQUEST, not_allowed("SUBTRACT")),
    };
    Err((code, message))
}

fn not_allowed(operation: &str) -> String {
    format!("{operation} operation is not allowed for the BROKER_LOGGER resource")
}

//! IncrementalAlterConfigs (44), versions 0 and 1: changes single settings and leaves the others alone (KIP-339).
//!
//! A setting is set, given back to its default, or, if it is a list, added to or taken away from. Each resource is changed
//! or refused on its own; with `validate_only` everything is checked and nothing is changed. The level of the broker's
//! log is changed here, too (KIP-412): see [`loggers`]. An operation that Kafka does not know is refused with INVALID_REQUEST;
//! Kafka itself answers UNKNOWN_SERVER_ERROR for most resources.

use super::resource::{BROKER_LOGGER, Operation, Resource, check_names};
use super::{Refusal, alter_each, check_number, loggers};
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::incremental_alter_configs::{
    AlterConfigsResourceResponse, AlterableConfig, Request, Response,
};

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let resources = request.resources.into_iter();
    let resources: Vec<_> =
        resources.map(|resource| (resource.resource_type, resource.resource_name, resource.configs)).collect();
    let excess = check_number(resources.iter().map(|(_, _, configs)| configs.len()).sum());
    let altered = alter_each(resources, |kind, name, configs| {
        excess.clone()?;
        alter(broker, kind, name, configs, request.validate_only)
    });
    let respond = |(resource_type, resource_name, error_code, error_message)| AlterConfigsResourceResponse {
        error_code,
        error_message,
        resource_type,
        resource_name,
    };
    Response { responses: altered.into_iter().map(respond).collect(), ..Response::default() }
}

fn alter(
    broker: &mut Broker,
    kind: i8,
    name: &str,
    configs: Vec<AlterableConfig>,
    validate_only: bool,
) -> Result<(), Refusal> {
    let is_complete = |config: &AlterableConfig| {
        config.value.is_some() || operation(config.config_operation) == Ok(Operation::Delete)
    };
    check_names(configs.iter().map(|config| (config.name.as_str(), is_complete(config))))?;
    if kind == BROKER_LOGGER {
        return loggers::alter(name, broker.config.node_id, &configs, validate_only);
    }
    let resource = Resource::new(kind, name.to_owned(), broker.config.node_id)?;
    let named: Vec<String> = configs.iter().map(|config| config.name.clone()).collect();
    let mut set = resource.current(broker);
    for config in configs {
        let operation = operation(config.config_operation)?;
        resource.operate(broker, &mut set, operation, config.name, config.value.unwrap_or_default())?;
    }
    resource.check(broker, &set, &named)?;
    if !validate_only {
        resource.set(broker, set);
    }
    Ok(())
}

pub(super) fn operation(number: i8) -> Result<Operation, Refusal> {
    match number {
        0 => Ok(Operation::Set),
        1 => Ok(Operation::Delete),
        2 => Ok(Operation::Append),
        3 => Ok(Operation::Subtract),
        _ => Err((ErrorCode::INVALID_REQUEST, format!("Unknown operations type {number}"))),
    }
}

//! AlterConfigs (33), versions 0 to 2: replaces all that is set for topics, brokers, groups and client metrics.
//!
//! What the request does not name falls back to its default. Each resource is changed or refused on its own; with
//! `validate_only` everything is checked and nothing is changed. The levels of loggers are not changed in this way.

use super::resource::{Resource, check_names};
use super::{Refusal, alter_each, check_number};
use crate::broker::{Broker, Call};
use crate::wire::messages::alter_configs::{AlterConfigsResourceResponse, AlterableConfig, Request, Response};

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
    check_names(configs.iter().map(|config| (config.name.as_str(), config.value.is_some())))?;
    // Kafka has the loggers changed by IncrementalAlterConfigs alone.
    let resource = Resource::new(kind, name.to_owned(), broker.config.node_id)?;
    let named: Vec<String> = configs.iter().map(|config| config.name.clone()).collect();
    let set = configs.into_iter().filter_map(|config| Some((config.name, config.value?))).collect();
    resource.check(broker, &set, &named)?;
    if !validate_only {
        resource.set(broker, set);
    }
    Ok(())
}

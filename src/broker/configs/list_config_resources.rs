//! ListConfigResources (74), versions 0 and 1: the names of everything for which something is or can be set.
//!
//! v0 lists client metrics and nothing else (KIP-714); v1 all types or those that are asked for (KIP-1142). Topics and the
//! broker are always there; groups and client metrics are once something was set for them.

use super::resource::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::list_config_resources::{ConfigResource, Request, Response};

/// The first version that lists more than client metrics.
const ALL_TYPES_FROM: i16 = 1;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let all = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];
    if request.resource_types.iter().any(|wanted| !all.contains(wanted)) {
        return Response { error_code: ErrorCode::UNSUPPORTED_VERSION, ..Response::default() };
    }
    let is_wanted = |kind: &i8| match call.version {
        ..ALL_TYPES_FROM => *kind == CLIENT_METRICS,
        _ => request.resource_types.is_empty() || request.resource_types.contains(kind),
    };
    let named = |kind: i8| {
        let name = move |resource_name| ConfigResource { resource_name, resource_type: kind };
        names(broker, kind).into_iter().map(name)
    };
    Response { config_resources: all.into_iter().filter(is_wanted).flat_map(named).collect(), ..Response::default() }
}

fn names(broker: &Broker, kind: i8) -> Vec<String> {
    match kind {
        TOPIC => broker.topics.sorted().into_iter().map(|topic| topic.name.clone()).collect(),
        BROKER | BROKER_LOGGER => vec![broker.config.node_id.to_string()],
        CLIENT_METRICS => broker.configs.client_metrics.names().map(str::to_owned).collect(),
        GROUP => broker.configs.groups.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

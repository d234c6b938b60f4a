//! DescribeConfigs (32), versions 1 to 4: every property of a topic or of the broker, with its value and where that is from.
//!
//! A request can ask for some properties or for all, for the synonyms that a value could have come from, and from v3 for
//! the documentation. Broker properties that mean nothing here are not listed: what is listed acts.

use crate::broker::topics::validate_name;
use crate::broker::{Broker, Call};
use crate::config::{Entry, topic};
use crate::wire::ErrorCode;
use crate::wire::messages::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym, Request,
    Response,
};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

type Refusal = (ErrorCode, String);

/// What of each property the request wants to know.
#[derive(Clone, Copy)]
struct Detail {
    synonyms: bool,
    documentation: bool,
}

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let detail = Detail { synonyms: request.include_synonyms, documentation: request.include_documentation };
    let describe = |resource: DescribeConfigsResource| {
        let (entries, (error_code, message)) = match entries(broker, &resource) {
            Ok(entries) => (entries, Refusal::default()),
            Err(refusal) => (Vec::new(), refusal),
        };
        let keys = resource.configuration_keys.filter(|keys| !keys.is_empty());
        let wanted = |entry: &Entry| keys.as_ref().is_none_or(|keys| keys.iter().any(|key| key == entry.name));
        DescribeConfigsResult {
            error_code,
            // Kafka sends an empty message where there is no error, too.
            error_message: Some(message),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            configs: entries.into_iter().filter(wanted).map(|entry| row(entry, detail)).collect(),
        }
    };
    Response { results: request.resources.into_iter().map(describe).collect(), ..Response::default() }
}

fn entries(broker: &Broker, resource: &DescribeConfigsResource) -> Result<Vec<Entry>, Refusal> {
    let name = resource.resource_name.as_str();
    match resource.resource_type {
        TOPIC => {
            validate_name(name).map_err(|message| (ErrorCode::INVALID_TOPIC_EXCEPTION, message))?;
            let topic = broker.topics.get(name).ok_or((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, String::new()))?;
            Ok(topic::describe(&broker.config, &topic.configs).collect())
        }
        // What is set for all brokers at run time: nothing.
        BROKER if name.is_empty() => Ok(Vec::new()),
        BROKER if name == broker.config.node_id.to_string() => Ok(broker.config.entries().collect()),
        BROKER => {
            let expected = broker.config.node_id;
            let message = format!("Unexpected broker id, expected {expected} or empty string, but received {name}");
            Err((ErrorCode::INVALID_REQUEST, message))
        }
        other => Err((ErrorCode::INVALID_REQUEST, format!("Unsupported resource type: {other}"))),
    }
}

fn row(entry: Entry, detail: Detail) -> DescribeConfigsResourceResult {
    let synonym = |synonym: crate::config::Synonym| DescribeConfigsSynonym {
        name: synonym.name.to_owned(),
        value: Some(synonym.value),
        source: synonym.source as i8,
    };
    DescribeConfigsResourceResult {
        name: entry.name.to_owned(),
        value: entry.value,
        read_only: entry.read_only,
        config_source: entry.source as i8,
        is_sensitive: false,
        synonyms: entry.synonyms.into_iter().filter(|_| detail.synonyms).map(synonym).collect(),
        config_type: entry.kind as i8,
        documentation: detail.documentation.then(|| entry.documentation.to_owned()),
    }
}

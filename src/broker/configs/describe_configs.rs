//! DescribeConfigs (32), versions 1 to 4: every setting of a topic, the broker, a group or a subscription to client metrics,
//! with its value and where that is from.
//!
//! A request can ask for some settings or for all, for the synonyms that a value could have come from, and from v3 for
//! the documentation. A broker without a name stands for all brokers: then what was set for all is told. Kafka's broker
//! properties that mean nothing here are not listed, unless somebody changed them.
//!
//! A resource that is asked for twice is described once, where Kafka does it twice, and beyond 64 MiB nothing more is described:
//! a few bytes of a request can ask for some tens of thousands.

use std::collections::HashSet;

use super::resource::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use super::{Refusal, client_metrics, groups, loggers};
use crate::broker::topics::validate_name;
use crate::broker::{Broker, Call};
use crate::config::{Entry, Source, Synonym, topic};
use crate::wire::ErrorCode;
use crate::wire::messages::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym, Request,
    Response,
};

/// The kind of a setting that nobody knows.
const UNKNOWN_KIND: i8 = 0;

/// How much is described in one answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// What Kafka says of every request in which a value means nothing.
const MALFORMED: &str = "This most likely occurs because of a request being malformed by the client library or the \
                         message was sent to an incompatible broker. See the broker logs for more details.";

/// What of each setting the request wants to know.
#[derive(Clone, Copy)]
struct Detail {
    synonyms: bool,
    documentation: bool,
}

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let detail = Detail { synonyms: request.include_synonyms, documentation: request.include_documentation };
    let mut left = ANSWER_BYTES_MAX;
    let describe = |resource: DescribeConfigsResource| {
        let (rows, (error_code, message)) = match if left > 0 { rows(broker, &resource, detail) } else { too_large() } {
            Ok(rows) => (rows, Refusal::default()),
            Err(refusal) => (Vec::new(), refusal),
        };
        let keys = resource.configuration_keys.filter(|keys| !keys.is_empty());
        let keys: Option<HashSet<String>> = keys.map(|keys| keys.into_iter().collect());
        let wanted = |row: &DescribeConfigsResourceResult| keys.as_ref().is_none_or(|keys| keys.contains(&row.name));
        DescribeConfigsResult {
            error_code,
            // Kafka sends an empty message where there is no error, too.
            error_message: Some(message),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            configs: rows.into_iter().filter(wanted).inspect(|row| left = left.saturating_sub(bytes_of(row))).collect(),
        }
    };
    let mut seen = HashSet::new();
    let resources = request.resources.into_iter();
    let resources = resources.filter(|resource| seen.insert((resource.resource_type, resource.resource_name.clone())));
    Response { results: resources.map(describe).collect(), ..Response::default() }
}

fn too_large() -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let message = "There are too many resources for one answer: ask for some of them.";
    Err((ErrorCode::POLICY_VIOLATION, message.to_owned()))
}

/// What a setting takes in the answer, about.
fn bytes_of(row: &DescribeConfigsResourceResult) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let synonyms = row.synonyms.iter().map(|synonym| 8 + synonym.name.len() + text(&synonym.value)).sum::<usize>();
    16 + row.name.len() + text(&row.value) + synonyms + text(&row.documentation)
}

fn rows(
    broker: &Broker,
    resource: &DescribeConfigsResource,
    detail: Detail,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let name = resource.resource_name.as_str();
    let invalid = |message: String| Err((ErrorCode::INVALID_REQUEST, message));
    let entries = match resource.resource_type {
        TOPIC => {
            validate_name(name).map_err(|message| (ErrorCode::INVALID_TOPIC_EXCEPTION, message))?;
            let topic = broker.topics.get(name).ok_or((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, String::new()))?;
            topic::describe(&broker.config, &topic.configs).collect()
        }
        BROKER => return brokers(broker, name, detail),
        BROKER_LOGGER if name.is_empty() => return invalid("Broker id must not be empty".to_owned()),
        BROKER_LOGGER => {
            check_broker_id(broker, name, "but received")?;
            return Ok(vec![logger()]);
        }
        CLIENT_METRICS if name.is_empty() => {
            return invalid("Client metrics subscription name must not be empty".to_owned());
        }
        CLIENT_METRICS => client_metrics::describe(&broker.configs.client_metrics.get(name)),
        GROUP if name.is_empty() => return invalid("Group name must not be empty".to_owned()),
        GROUP => groups::describe(&broker.configs.groups.get(name).cloned().unwrap_or_default()),
        _ => return invalid(MALFORMED.to_owned()),
    };
    Ok(entries.into_iter().map(|entry| row(entry, detail)).collect())
}

/// The settings of this broker, or those that were set for all.
fn brokers(broker: &Broker, name: &str, detail: Detail) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let all = name.is_empty();
    if !all {
        check_broker_id(broker, name, "or empty string, but received")?;
    }
    let known = broker.config.entries().chain(broker.config.idle_entries()).filter_map(|entry| match all {
        true => for_all_brokers(entry),
        false => Some(entry),
    });
    let unknown = broker.config.unknown_changes().filter_map(|(name, sources)| {
        let sources: Vec<_> = sources.into_iter().filter(|source| !all || *source == Source::AllBrokers).collect();
        (!sources.is_empty()).then(|| unknown(name, &sources, detail))
    });
    Ok(known.map(|entry| row(entry, detail)).chain(unknown).collect())
}

/// Of a setting, what was set for all brokers.
fn for_all_brokers(entry: Entry) -> Option<Entry> {
    let synonyms: Vec<_> = entry.synonyms.into_iter().filter(|synonym| synonym.source == Source::AllBrokers).collect();
    let value = synonyms.first()?.value.clone();
    Some(Entry { value: Some(value), source: Source::AllBrokers, synonyms, ..entry })
}

fn check_broker_id(broker: &Broker, name: &str, complaint: &str) -> Result<(), Refusal> {
    let expected = broker.config.node_id;
    let message = match name.parse::<i32>() {
        Ok(id) if id == expected => return Ok(()),
        Ok(id) => format!("Unexpected broker id, expected {expected} {complaint} {id}"),
        Err(_) => format!("Broker id must be an integer, but it is: {name}"),
    };
    Err((ErrorCode::INVALID_REQUEST, message))
}

fn row(entry: Entry, detail: Detail) -> DescribeConfigsResourceResult {
    let synonym = |synonym: Synonym| DescribeConfigsSynonym {
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

/// A setting that nobody knows may be a secret.
fn unknown(name: &str, sources: &[Source], detail: Detail) -> DescribeConfigsResourceResult {
    let synonym =
        |source: &Source| DescribeConfigsSynonym { name: name.to_owned(), value: None, source: *source as i8 };
    DescribeConfigsResourceResult {
        name: name.to_owned(),
        value: None,
        read_only: true,
        config_source: sources.first().map_or(Source::Default as i8, |source| *source as i8),
        is_sensitive: true,
        synonyms: sources.iter().filter(|_| detail.synonyms).map(synonym).collect(),
        config_type: UNKNOWN_KIND,
        documentation: None,
    }
}

fn logger() -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult {
        name: loggers::ROOT.to_owned(),
        value: Some(loggers::level()),
        config_source: Source::Logger as i8,
        config_type: UNKNOWN_KIND,
        documentation: None,
        ..DescribeConfigsResourceResult::default()
    }
}

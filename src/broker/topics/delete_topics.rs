//! DeleteTopics (20), versions 1 to 6: a topic and its records are gone when the answer is written.
//!
//! From v6 a topic can be named by its id. Fetches that wait for the topic are woken and see that it is gone, and groups
//! forget the offsets that they had committed for it. The same name can be created again at once. From v5 a topic for which
//! the quota `controller_mutation_rate` has nothing left is refused (KIP-599); before, the client is slowed down.

use std::collections::HashMap;

use super::Topics;
use crate::broker::kept::settings_bytes;
use crate::broker::quotas::Mutations;
use crate::broker::{Broker, Call};
use crate::wire::messages::delete_topics::{DeletableTopicResult, DeleteTopicState, Request, Response};
use crate::wire::{ErrorCode, Uuid};

/// The first version that is told when its quota is used up.
const STRICT_FROM: i16 = 5;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let mut mutations = Mutations::new(call, STRICT_FROM);
    let by_name = |name| DeleteTopicState { name: Some(name), topic_id: Uuid::ZERO };
    let wanted: Vec<_> = request.topic_names.into_iter().map(by_name).chain(request.topics).collect();
    // Whether by name or by id, a topic can be named once.
    let wanted: Vec<_> = wanted.into_iter().map(|topic| (identity(&broker.topics, &topic), topic)).collect();
    let mut times = HashMap::new();
    for (identity, topic) in &wanted {
        let (times, by_id) = times.entry(identity.clone()).or_insert((0, false));
        *times += 1;
        *by_id |= topic.topic_id != Uuid::ZERO;
    }
    let mut responses = Vec::new();
    for (identity, topic) in wanted {
        let Some((times, by_id)) = times.remove(&identity) else { continue };
        let outcome = if times > 1 {
            Err((ErrorCode::INVALID_REQUEST, "Duplicate topic name or id.".to_owned()))
        } else {
            delete(broker, &topic, call.version, &mut mutations)
        };
        // Of a topic that is named twice, Kafka tells the id only if the client has told it.
        let topic_id = if times > 1 && !by_id { Uuid::ZERO } else { identity.1 };
        let (name, (error_code, error_message)) = match outcome {
            Ok(name) => (Some(name), (ErrorCode::NONE, None)),
            Err((error, message)) => (topic.name, (error, Some(message).filter(|message| !message.is_empty()))),
        };
        responses.push(DeletableTopicResult { name, topic_id, error_code, error_message });
    }
    Response { throttle_time_ms: mutations.throttle_time_ms, responses }
}

/// Which topic is meant: by its id alone if it exists, else by what the request says.
fn identity(topics: &Topics, wanted: &DeleteTopicState) -> (Option<String>, Uuid) {
    let known = match &wanted.name {
        Some(_) if wanted.topic_id != Uuid::ZERO => None,
        Some(name) => topics.get(name),
        None => topics.by_id(wanted.topic_id),
    };
    known.map_or_else(|| (wanted.name.clone(), wanted.topic_id), |known| (None, known.id))
}

/// Deletes one topic and gives its name.
fn delete(
    broker: &mut Broker,
    wanted: &DeleteTopicState,
    version: i16,
    mutations: &mut Mutations,
) -> Result<String, (ErrorCode, String)> {
    if !broker.config.delete_topic_enable {
        let disabled = if version < 3 { ErrorCode::INVALID_REQUEST } else { ErrorCode::TOPIC_DELETION_DISABLED };
        return Err((disabled, "Topic deletion is disabled.".to_owned()));
    }
    let id = wanted.topic_id;
    let found = match &wanted.name {
        Some(_) if id != Uuid::ZERO => {
            return Err((ErrorCode::INVALID_REQUEST, "You may not specify both topic name and topic id.".to_owned()));
        }
        Some(name) => broker.topics.get(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        None if id == Uuid::ZERO => {
            return Err((ErrorCode::INVALID_REQUEST, "Neither topic name nor id were specified.".to_owned()));
        }
        None => broker.topics.by_id(id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID),
    };
    let topic = found.map_err(|error| (error, unknown_message(error).to_owned()))?;
    let (name, id) = (topic.name.clone(), topic.id);
    mutations
        .take(&mut broker.quotas, &broker.config, topic.partitions.len())
        .map_err(|error| (error, String::new()))?;
    let deleted = broker.topics.delete(&name);
    broker.kept.replace(deleted.map_or(0, |topic| settings_bytes(&topic.configs)), 0);
    broker.groups.forget_topic(&name);
    broker.parking.touch_topic(id);
    Ok(name)
}

fn unknown_message(error: ErrorCode) -> &'static str {
    match error {
        ErrorCode::UNKNOWN_TOPIC_ID => "This server does not host this topic ID.",
        _ => "This server does not host this topic-partition.",
    }
}

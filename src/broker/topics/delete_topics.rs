//! DeleteTopics (20), versions 1 to 6: a topic and its records are gone when the answer is written.
//!
//! From v6 a topic can be named by its id. Fetches that wait for the topic are woken and see that it is gone, and groups
//! forget the offsets that they had committed for it. The same name can be created again at once.

use std::collections::HashMap;

use crate::broker::{Broker, Call};
use crate::wire::messages::delete_topics::{DeletableTopicResult, DeleteTopicState, Request, Response};
use crate::wire::{ErrorCode, Uuid};

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let by_name = |name| DeleteTopicState { name: Some(name), topic_id: Uuid::ZERO };
    let wanted: Vec<_> = request.topic_names.into_iter().map(by_name).chain(request.topics).collect();
    let mut times = HashMap::new();
    for topic in &wanted {
        *times.entry((topic.name.clone(), topic.topic_id)).or_insert(0) += 1;
    }
    let mut responses = Vec::new();
    for DeleteTopicState { name, topic_id } in wanted {
        let Some(times) = times.remove(&(name.clone(), topic_id)) else { continue };
        let outcome = if times > 1 {
            Err((ErrorCode::INVALID_REQUEST, "Duplicate topic name or id.".to_owned()))
        } else {
            delete(broker, name.as_deref(), topic_id, call.version)
        };
        let deleted = outcome.as_ref().ok().cloned();
        let (error_code, message) = outcome.err().unwrap_or_default();
        let (name, topic_id) = deleted.map_or((name, topic_id), |(name, id)| (Some(name), id));
        let error_message = error_code.is_error().then_some(message);
        responses.push(DeletableTopicResult { name, topic_id, error_code, error_message });
    }
    Response { responses, ..Response::default() }
}

/// Deletes one topic and gives its name and id.
fn delete(
    broker: &mut Broker,
    name: Option<&str>,
    id: Uuid,
    version: i16,
) -> Result<(String, Uuid), (ErrorCode, String)> {
    if !broker.config.delete_topic_enable {
        let disabled = if version < 3 { ErrorCode::INVALID_REQUEST } else { ErrorCode::TOPIC_DELETION_DISABLED };
        return Err((disabled, "Topic deletion is disabled.".to_owned()));
    }
    let found = match name {
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
    broker.topics.delete(&name);
    broker.groups.forget_topic(&name);
    broker.parking.touch_topic(id);
    Ok((name, id))
}

fn unknown_message(error: ErrorCode) -> &'static str {
    match error {
        ErrorCode::UNKNOWN_TOPIC_ID => "This server does not host this topic ID.",
        _ => "This server does not host this topic-partition.",
    }
}

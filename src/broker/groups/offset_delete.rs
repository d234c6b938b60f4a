//! OffsetDelete (47), version 0: a group forgets what it has committed for some partitions.
//!
//! A group of consumers may go on meanwhile, but the topics that it reads keep their offsets: GROUP_SUBSCRIBED_TO_TOPIC. As
//! long as its subscriptions cannot be known, it counts as reading everything. Any other group must be empty (KIP-496). An
//! offset that was never committed is deleted without an error; in the answer the partitions that do not exist come first.

use std::collections::{HashMap, HashSet};

use super::group::{Group, State};
use crate::broker::topics::Topics;
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::offset_delete::{
    OffsetDeleteRequestTopic, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic, Request, Response,
};

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let Broker { groups, topics, .. } = broker;
    let refuse = |error_code| Response { error_code, ..Response::default() };
    if request.group_id.is_empty() {
        return refuse(ErrorCode::INVALID_GROUP_ID);
    }
    let Some(group) = groups.get_mut(&request.group_id) else { return refuse(ErrorCode::GROUP_ID_NOT_FOUND) };
    if group.state() != State::Empty && !group.is_consumer_group() {
        return refuse(ErrorCode::NON_EMPTY_GROUP);
    }
    let named = request.topics.into_iter().filter(|topic| !topic.partitions.is_empty());
    // All at once in the end: looking for one takes as long as looking for all.
    let mut places = HashMap::new();
    let outcomes = named.map(|topic| delete(group, topics, topic, &mut places)).collect();
    group.offsets.delete(&places);
    Response { topics: outcomes, ..Response::default() }
}

/// Adds to the places what may be deleted of a topic's partitions.
fn delete(
    group: &Group,
    topics: &Topics,
    wanted: OffsetDeleteRequestTopic,
    places: &mut HashMap<String, HashSet<i32>>,
) -> OffsetDeleteResponseTopic {
    let OffsetDeleteRequestTopic { name, partitions } = wanted;
    let exists = |index: &i32| topics.get(&name).is_some_and(|topic| topic.partition(*index).is_some());
    let indexes = partitions.iter().map(|partition| partition.partition_index);
    let (known, unknown): (Vec<_>, Vec<_>) = indexes.partition(exists);
    let subscribed = group.is_subscribed_to(&name);
    let result = |error_code| move |partition_index| OffsetDeleteResponsePartition { partition_index, error_code };
    let outcome = if subscribed { ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC } else { ErrorCode::NONE };
    if !subscribed {
        places.entry(name.clone()).or_default().extend(&known);
    }
    let partitions = unknown
        .into_iter()
        .map(result(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))
        .chain(known.into_iter().map(result(outcome)))
        .collect();
    OffsetDeleteResponseTopic { name, partitions }
}

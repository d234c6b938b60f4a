//! OffsetCommit (8), versions 2 to 10: remembers how far a group has read.
//!
//! A member commits with its id and generation, and only while its generation lasts. Who is no member (generation -1)
//! commits to a group without members, which comes to be with the first commit. Up to v4 the request can say how long the
//! offsets are kept; from v10 topics are named by their ids. From v9 a member of a group that does not exist is told so;
//! before, its generation is wrong.

use std::collections::BTreeSet;

use super::group::{Group, State};
use super::offsets::CommittedOffset;
use super::{Context, Groups, NO_ROOM};
use crate::broker::kept::NoRoom;
use crate::broker::topics::Topics;
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::offset_commit::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
    Request, Response,
};

/// The first version that names topics by their ids.
const TOPIC_IDS_FROM: i16 = 10;

/// The first version in which a group that does not exist is GROUP_ID_NOT_FOUND.
const NOT_FOUND_FROM: i16 = 9;

/// The part of a request that concerns one topic, after the topic was looked up.
#[derive(Debug)]
struct TopicCommit {
    topic: OffsetCommitRequestTopic,
    /// The topic's name, or why there is none.
    name: Result<String, ErrorCode>,
    /// The partitions that exist.
    partitions: BTreeSet<i32>,
}

pub fn handle(broker: &mut Broker, call: &Call, mut request: Request) -> Response {
    let topics = std::mem::take(&mut request.topics).into_iter();
    let topics: Vec<_> = topics.map(|topic| look_up(&broker.topics, topic, call.version)).collect();
    let (groups, mut context) = Context::split(broker, call.now);
    let anything = topics.iter().any(|topic| !topic.partitions.is_empty());
    // A request for nothing that exists does not even create a group.
    let group = if anything { admit(groups, &request, call.version, &mut context).map(Some) } else { Ok(None) };
    match group {
        Ok(Some(group)) => commit(topics, |name, partition| store(group, name, partition, &request, &context)),
        Ok(None) => commit(topics, |_, _| Ok(())),
        Err(error) => commit(topics, |_, _| Err(error)),
    }
}

/// Goes through all partitions, and commits with `store` what can be committed.
fn commit(
    topics: Vec<TopicCommit>,
    mut store: impl FnMut(&str, &OffsetCommitRequestPartition) -> Result<(), ErrorCode>,
) -> Response {
    let mut responses = Vec::new();
    for TopicCommit { topic, name, partitions: existing } in topics {
        let mut partitions = Vec::new();
        for partition in &topic.partitions {
            let partition_index = partition.partition_index;
            let outcome = match &name {
                Err(error) => Err(*error),
                Ok(_) if !existing.contains(&partition_index) => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
                Ok(name) => store(name, partition),
            };
            let error_code = outcome.err().unwrap_or_default();
            partitions.push(OffsetCommitResponsePartition { partition_index, error_code });
        }
        responses.push(OffsetCommitResponseTopic { name: topic.name, topic_id: topic.topic_id, partitions });
    }
    Response { topics: responses, ..Response::default() }
}

fn look_up(topics: &Topics, topic: OffsetCommitRequestTopic, version: i16) -> TopicCommit {
    let found = topics.resolve(&topic.name, topic.topic_id, version >= TOPIC_IDS_FROM);
    let exists = |index: &i32| found.is_ok_and(|found| found.partition(*index).is_some());
    let partitions = topic.partitions.iter().map(|partition| partition.partition_index).filter(exists).collect();
    TopicCommit { name: found.map(|found| found.name.clone()), partitions, topic }
}

/// The group, if the request may commit to it. A commit also shows that its member is alive.
fn admit<'a>(
    groups: &'a mut Groups,
    request: &Request,
    version: i16,
    context: &mut Context,
) -> Result<&'a mut Group, ErrorCode> {
    let generation = request.generation_id_or_member_epoch;
    let group = if generation < 0 {
        groups.get_or_create(&request.group_id, context.config, context.budget, context.now)?
    } else {
        let unknown =
            if version >= NOT_FOUND_FROM { ErrorCode::GROUP_ID_NOT_FOUND } else { ErrorCode::ILLEGAL_GENERATION };
        groups.get_mut(&request.group_id).ok_or(unknown)?
    };
    if generation < 0 && group.state() == State::Empty {
        return Ok(group);
    }
    group.validate_generation(&request.member_id, request.group_instance_id.as_deref(), generation)?;
    match group.state() {
        // The member has joined, but does not know its assignment: what it commits belongs to the one before.
        State::CompletingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
        State::Empty | State::PreparingRebalance | State::Stable => {
            group.touch(&request.member_id, context);
            Ok(group)
        }
    }
}

fn store(
    group: &mut Group,
    topic: &str,
    partition: &OffsetCommitRequestPartition,
    request: &Request,
    context: &Context,
) -> Result<(), ErrorCode> {
    let metadata = partition.committed_metadata.clone();
    let offset = checked_offset(partition.committed_offset, partition.committed_leader_epoch, metadata, context)?;
    let retention_ms = request.retention_time_ms;
    let expires_at_ms = (retention_ms != -1).then(|| context.now.unix_ms.saturating_add(retention_ms));
    let committed = group.offsets.commit(topic, partition.partition_index, offset.until(expires_at_ms));
    committed.map_err(|NoRoom| NO_ROOM)
}

/// An offset that is committed now, if its note is not too long.
pub(super) fn checked_offset(
    offset: i64,
    leader_epoch: i32,
    metadata: Option<String>,
    context: &Context,
) -> Result<CommittedOffset, ErrorCode> {
    let metadata = metadata.unwrap_or_default();
    // Kafka counts as Java does: in UTF-16 code units.
    let length = i32::try_from(metadata.encode_utf16().count()).unwrap_or(i32::MAX);
    if length > context.config.offset_metadata_max_bytes {
        return Err(ErrorCode::OFFSET_METADATA_TOO_LARGE);
    }
    Ok(CommittedOffset::new(offset, leader_epoch, metadata, context.now.unix_ms))
}

//! OffsetFetch (9), versions 1 to 10: how far a group has read.
//!
//! A partition without a committed offset, and a group that does not exist, are no error: their offset is -1. Without a
//! list of topics (null, from v2) everything that the group has committed is shown. From v8 one request asks for several
//! groups; from v10 topics are named by their ids. Classic groups have no use for the member id and epoch of v9.
//!
//! Who wants stable offsets (`require_stable`, from v7) gets UNSTABLE_OFFSET_COMMIT for a partition whose offset an open
//! transaction is about to replace, and asks again (KIP-447).
//!
//! What is asked for twice is answered once, where Kafka does it twice: notes are long, and the answer must not outgrow
//! what the groups have committed.

use std::collections::{HashMap, HashSet};

use super::Groups;
use super::offsets::Offsets;
use crate::broker::topics::Topics;
use crate::broker::{Broker, Call};
use crate::wire::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics, OffsetFetchResponseGroup,
    OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
    Request, Response,
};
use crate::wire::{ErrorCode, Uuid};

/// The first version that asks for several groups.
const GROUPS_FROM: i16 = 8;

/// The first version that names topics by their ids.
const TOPIC_IDS_FROM: i16 = 10;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let (groups, topics) = (&broker.groups, &broker.topics);
    let stable = request.require_stable;
    if call.version >= GROUPS_FROM {
        let mut seen = HashSet::new();
        let wanted =
            request.groups.into_iter().filter(|group| seen.insert((group.group_id.clone(), group.topics.is_none())));
        let groups = wanted.map(|wanted| fetch(groups, topics, wanted, call.version, stable)).collect();
        return Response { groups, ..Response::default() };
    }
    let wanted = request.topics.map(|topics| {
        let convert = |topic: OffsetFetchRequestTopic| OffsetFetchRequestTopics {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
            ..OffsetFetchRequestTopics::default()
        };
        topics.into_iter().map(convert).collect()
    });
    let wanted =
        OffsetFetchRequestGroup { group_id: request.group_id, topics: wanted, ..OffsetFetchRequestGroup::default() };
    let fetched = fetch(groups, topics, wanted, call.version, stable);
    Response { topics: fetched.topics.into_iter().map(single_group_topic).collect(), ..Response::default() }
}

/// A topic of the response as it was before several groups could be asked for.
fn single_group_topic(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let convert = |partition: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    };
    OffsetFetchResponseTopic { name: topic.name, partitions: topic.partitions.into_iter().map(convert).collect() }
}

fn fetch(
    groups: &Groups,
    topics: &Topics,
    wanted: OffsetFetchRequestGroup,
    version: i16,
    stable: bool,
) -> OffsetFetchResponseGroup {
    let offsets = groups.get(&wanted.group_id).map(|group| Shown::new(&group.offsets, stable));
    let mut asked = HashMap::<_, HashSet<i32>>::new();
    let mut once = |mut topic: OffsetFetchRequestTopics| {
        let partitions = asked.entry((topic.name.clone(), topic.topic_id)).or_default();
        topic.partition_indexes.retain(|index| partitions.insert(*index));
        topic
    };
    let fetched = match wanted.topics {
        Some(wanted) => {
            wanted.into_iter().map(|topic| fetch_topic(offsets.as_ref(), topics, once(topic), version)).collect()
        }
        None => offsets.map(|offsets| fetch_all(&offsets, topics, version)).unwrap_or_default(),
    };
    OffsetFetchResponseGroup { group_id: wanted.group_id, topics: fetched, ..OffsetFetchResponseGroup::default() }
}

/// The offsets of a group, as far as the client wants to see them.
struct Shown<'a> {
    offsets: &'a Offsets,
    /// What is hidden, because transactions may change it.
    unstable: HashSet<(&'a str, i32)>,
}

impl<'a> Shown<'a> {
    fn new(offsets: &'a Offsets, stable: bool) -> Self {
        Self { offsets, unstable: if stable { offsets.pending_places() } else { HashSet::new() } }
    }
}

fn fetch_all(shown: &Shown, topics: &Topics, version: i16) -> Vec<OffsetFetchResponseTopics> {
    let mut all = Vec::new();
    for (name, partitions) in shown.offsets.topics() {
        let topic_id = match version {
            TOPIC_IDS_FROM.. => topics.get(name).map(|topic| topic.id),
            _ => Some(Uuid::ZERO),
        };
        let Some(topic_id) = topic_id else { continue };
        let show = |index: &i32| show(shown, name, *index);
        let partitions = partitions.keys().map(show).collect();
        all.push(OffsetFetchResponseTopics { name: name.to_owned(), topic_id, partitions });
    }
    all
}

fn fetch_topic(
    shown: Option<&Shown>,
    topics: &Topics,
    wanted: OffsetFetchRequestTopics,
    version: i16,
) -> OffsetFetchResponseTopics {
    let name = match version {
        TOPIC_IDS_FROM.. => topics.by_id(wanted.topic_id).map(|topic| topic.name.as_str()),
        _ => Some(wanted.name.as_str()),
    };
    let fetch_partition = |index: i32| match name {
        Some(name) => shown.map_or_else(|| nothing(index), |shown| show(shown, name, index)),
        None => OffsetFetchResponsePartitions { error_code: ErrorCode::UNKNOWN_TOPIC_ID, ..nothing(index) },
    };
    let partitions = wanted.partition_indexes.iter().copied().map(fetch_partition).collect();
    OffsetFetchResponseTopics { name: wanted.name, topic_id: wanted.topic_id, partitions }
}

fn show(shown: &Shown, topic: &str, partition_index: i32) -> OffsetFetchResponsePartitions {
    let nothing = nothing(partition_index);
    if shown.unstable.contains(&(topic, partition_index)) {
        return OffsetFetchResponsePartitions { error_code: ErrorCode::UNSTABLE_OFFSET_COMMIT, ..nothing };
    }
    match shown.offsets.get(topic, partition_index) {
        None => nothing,
        Some(offset) => OffsetFetchResponsePartitions {
            committed_offset: offset.offset,
            committed_leader_epoch: offset.leader_epoch,
            metadata: Some(offset.metadata.clone()),
            ..nothing
        },
    }
}

fn nothing(partition_index: i32) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        committed_leader_epoch: -1,
        ..OffsetFetchResponsePartitions::default()
    }
}

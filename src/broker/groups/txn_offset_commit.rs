//! TxnOffsetCommit (28), versions 0 to 5: how far a group has read, to count when a transaction is committed (KIP-98).
//!
//! The group must be part of the transaction: up to v4 by AddOffsetsToTxn, with v5 this request sees to it (KIP-890). The
//! offsets are pending then; the group shows the older ones, or none to who wants stable ones (KIP-447).
//!
//! From v3 a member can commit with its id and generation, so that one that has lost its partitions is refused; who gives
//! neither is let through, since it was the same before. Unlike a plain commit, this one is taken while the group waits for
//! an assignment.

use super::group::{Group, State};
use super::offset_commit::checked_offset;
use super::{Context, Groups, NO_ROOM};
use crate::broker::kept::NoRoom;
use crate::broker::transactions::joining::{Joining, join_group};
use crate::broker::transactions::transaction::Producer;
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::txn_offset_commit::{
    Request, Response, TxnOffsetCommitRequestPartition, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};

/// The first version that knows TRANSACTION_ABORTABLE (KIP-890).
const ABORTABLE_FROM: i16 = 4;
/// The first version that adds the group to the transaction by itself (KIP-890).
const ADDS_FROM: i16 = 5;

pub fn handle(broker: &mut Broker, call: &Call, mut request: Request) -> Response {
    let topics = std::mem::take(&mut request.topics);
    let existing: Vec<Vec<bool>> = topics
        .iter()
        .map(|topic| {
            let known = broker.topics.get(&topic.name);
            let exists = |index: i32| known.is_some_and(|known| known.partition(index).is_some());
            topic.partitions.iter().map(|partition| exists(partition.partition_index)).collect()
        })
        .collect();
    let anything = existing.iter().flatten().any(|exists| *exists);
    let producer = Producer { id: request.producer_id, epoch: request.producer_epoch };
    let joined = if anything { join(broker, call, &request, producer) } else { Ok(()) };
    let (groups, context) = Context::split(broker, call.now);
    let mut group = joined.and_then(|()| if anything { admit(groups, &request, &context).map(Some) } else { Ok(None) });
    let mut commit = |topic: &str, partition: &TxnOffsetCommitRequestPartition| match &mut group {
        Ok(Some(group)) => store(group, producer, topic, partition, &context),
        Ok(None) => Ok(()),
        Err(error) => Err(*error),
    };
    let mut responses = Vec::new();
    for (topic, existing) in topics.into_iter().zip(existing) {
        let mut partitions = Vec::new();
        for (partition, exists) in topic.partitions.iter().zip(existing) {
            let unknown = Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            let outcome = if exists { commit(&topic.name, partition) } else { unknown };
            let error_code = outcome.err().unwrap_or_default();
            let partition_index = partition.partition_index;
            partitions.push(TxnOffsetCommitResponsePartition { partition_index, error_code });
        }
        responses.push(TxnOffsetCommitResponseTopic { name: topic.name, partitions });
    }
    Response { topics: responses, ..Response::default() }
}

/// Makes the group part of the transaction, unless the transaction has offsets of the group already.
fn join(broker: &mut Broker, call: &Call, request: &Request, producer: Producer) -> Result<(), ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    if broker.groups.get(&request.group_id).is_some_and(|group| group.offsets.has_pending_of(producer)) {
        return Ok(());
    }
    let joining = Joining::by_version(call.version, ABORTABLE_FROM, ADDS_FROM);
    join_group(broker, joining, &request.transactional_id, producer, &request.group_id, call.now)
}

/// The group, if the request may commit to it.
fn admit<'a>(groups: &'a mut Groups, request: &Request, context: &Context) -> Result<&'a mut Group, ErrorCode> {
    let Request { group_id, generation_id, member_id, group_instance_id, .. } = request;
    if *generation_id >= 0 && groups.get(group_id).is_none() {
        return Err(ErrorCode::ILLEGAL_GENERATION);
    }
    let group = groups.get_or_create(group_id, context.config, context.budget, context.now)?;
    let as_member = *generation_id >= 0 || !member_id.is_empty() || group_instance_id.is_some();
    if as_member && !(*generation_id < 0 && group.state() == State::Empty) {
        group.validate_generation(member_id, group_instance_id.as_deref(), *generation_id)?;
    }
    Ok(group)
}

fn store(
    group: &mut Group,
    producer: Producer,
    topic: &str,
    partition: &TxnOffsetCommitRequestPartition,
    context: &Context,
) -> Result<(), ErrorCode> {
    let metadata = partition.committed_metadata.clone();
    let offset = checked_offset(partition.committed_offset, partition.committed_leader_epoch, metadata, context)?;
    let committed = group.offsets.commit_pending(producer, topic, partition.partition_index, offset);
    committed.map_err(|NoRoom| NO_ROOM)
}

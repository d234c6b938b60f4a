//! OffsetForLeaderEpoch (23), versions 2 to 4: where a leader epoch ended, so that a client can tell whether its log and the
//! leader's have parted (KIP-320). There is one epoch here, and it goes on: its end is the end of the log.

use super::check_leader_epoch;
use crate::broker::topics::Topic;
use crate::broker::{Broker, Call, LEADER_EPOCH};
use crate::wire::ErrorCode;
use crate::wire::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderPartition, OffsetForLeaderTopicResult, Request, Response,
};

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let topics = request
        .topics
        .into_iter()
        .map(|wanted| {
            let topic = broker.topics.get(&wanted.topic);
            let partitions = wanted.partitions.iter().map(|partition| end_of_epoch(topic, partition)).collect();
            OffsetForLeaderTopicResult { topic: wanted.topic, partitions }
        })
        .collect();
    Response { topics, ..Response::default() }
}

fn end_of_epoch(topic: Option<&Topic>, wanted: &OffsetForLeaderPartition) -> EpochEndOffset {
    let unknown = EpochEndOffset { partition: wanted.partition, ..EpochEndOffset::default() };
    let Some(partition) = topic.and_then(|topic| topic.partition(wanted.partition)) else {
        return EpochEndOffset { error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ..unknown };
    };
    if let Err(error_code) = check_leader_epoch(wanted.current_leader_epoch) {
        return EpochEndOffset { error_code, ..unknown };
    }
    match wanted.leader_epoch {
        LEADER_EPOCH => {
            EpochEndOffset { leader_epoch: LEADER_EPOCH, end_offset: partition.log.end_offset(), ..unknown }
        }
        _ => unknown,
    }
}

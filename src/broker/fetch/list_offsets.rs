//! ListOffsets (2), versions 1 to 11: the offset of a time, or of one of the special places in a log.
//!
//! A time is looked up to the record: the first one whose timestamp is not before it, also inside a compressed batch. The
//! negative numbers that mean places came one by one: latest and earliest (v1), the largest timestamp (v7, KIP-734), and
//! those of tiered storage (v8, v9, v11), which is never there: the earliest local offset is the earliest, and nothing is tiered.

use std::collections::HashMap;

use super::{check_leader_epoch, readable_end};
use crate::broker::log::{Log, TimestampAndOffset};
use crate::broker::topics::Topic;
use crate::broker::{Broker, Call, LEADER_EPOCH};
use crate::wire::ErrorCode;
use crate::wire::compression::Decompressor;
use crate::wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopicResponse, Request, Response,
};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// In place of a timestamp or an offset: there is none.
const UNKNOWN: i64 = -1;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let read_committed = request.isolation_level == super::READ_COMMITTED;
    let mut decompressor = Decompressor::new(&broker.budget);
    // A topic can be named more than once, but each of its partitions only once.
    let mut times = HashMap::new();
    // What does not exist is looked for each time, which costs nothing.
    let place = |position: usize, name: &str| broker.topics.get(name).map_or(Err(position), |topic| Ok(topic.id));
    for (position, wanted) in request.topics.iter().enumerate() {
        let place = place(position, &wanted.name);
        for partition in &wanted.partitions {
            *times.entry((place, partition.partition_index)).or_insert(0) += 1;
        }
    }
    let topics = request
        .topics
        .into_iter()
        .enumerate()
        .map(|(position, wanted)| {
            let place = place(position, &wanted.name);
            let topic = broker.topics.get(&wanted.name);
            let mut partitions = Vec::new();
            for partition in wanted.partitions {
                // What is asked for twice is refused, once.
                if let Some(times) = times.remove(&(place, partition.partition_index)) {
                    partitions.push(list_one(
                        topic,
                        partition,
                        times > 1,
                        call.version,
                        read_committed,
                        &mut decompressor,
                    ));
                }
            }
            ListOffsetsTopicResponse { name: wanted.name, partitions }
        })
        .collect();
    Response { topics, ..Response::default() }
}

fn list_one(
    topic: Option<&Topic>,
    wanted: ListOffsetsPartition,
    twice: bool,
    version: i16,
    read_committed: bool,
    decompressor: &mut Decompressor,
) -> ListOffsetsPartitionResponse {
    let partition_index = wanted.partition_index;
    let known = if twice { Err(ErrorCode::INVALID_REQUEST) } else { Ok(topic) };
    let found = known
        .and_then(|topic| {
            let partition = topic.and_then(|topic| topic.partition(partition_index));
            partition.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        })
        .and_then(|partition| check_leader_epoch(wanted.current_leader_epoch).map(|()| partition))
        .and_then(|partition| lookup(&partition.log, wanted.timestamp, version, read_committed, decompressor));
    match found {
        Ok(Some(TimestampAndOffset { timestamp, offset })) => ListOffsetsPartitionResponse {
            partition_index,
            timestamp,
            offset,
            leader_epoch: LEADER_EPOCH,
            ..ListOffsetsPartitionResponse::default()
        },
        Ok(None) => ListOffsetsPartitionResponse { partition_index, ..ListOffsetsPartitionResponse::default() },
        Err(error_code) => {
            ListOffsetsPartitionResponse { partition_index, error_code, ..ListOffsetsPartitionResponse::default() }
        }
    }
}

fn lookup(
    log: &Log,
    timestamp: i64,
    version: i16,
    read_committed: bool,
    decompressor: &mut Decompressor,
) -> Result<Option<TimestampAndOffset>, ErrorCode> {
    let place = |offset| Ok(Some(TimestampAndOffset { timestamp: UNKNOWN, offset }));
    let first_version = match timestamp {
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        EARLIEST_PENDING_UPLOAD => 11,
        ..EARLIEST_PENDING_UPLOAD => return Err(ErrorCode::UNSUPPORTED_VERSION),
        _ => 1,
    };
    if version < first_version {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    let end = readable_end(log, read_committed);
    match timestamp {
        LATEST => place(end),
        EARLIEST | EARLIEST_LOCAL => place(log.start_offset()),
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => Ok(None),
        // Clients ask again for what was not looked into, and for that alone.
        _ => {
            let found = match timestamp {
                MAX_TIMESTAMP => log.find_max_timestamp(decompressor),
                _ => log.find_timestamp(timestamp, decompressor),
            };
            let found = found.map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)?;
            Ok(found.filter(|found| found.offset < end))
        }
    }
}

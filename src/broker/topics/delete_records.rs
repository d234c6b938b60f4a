//! DeleteRecords (21), versions 0 to 2: the records in front of an offset are gone.
//!
//! The partition's start moves to that offset, or to the end for -1. An offset that lies in front of the start changes
//! nothing; one behind the end is OFFSET_OUT_OF_RANGE. Topics that are only compacted keep their records until there are
//! newer ones for the same keys, so there it is POLICY_VIOLATION. Of several offsets for one partition the last one counts.
//! Nobody has to be waited for, so the request's timeout never matters.

use std::collections::BTreeMap;

use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult, Request, Response,
};

/// In place of an offset: all that consumers can read.
const HIGH_WATERMARK: i64 = -1;

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let mut topics = BTreeMap::<String, BTreeMap<i32, i64>>::new();
    for topic in request.topics {
        let partitions = topics.entry(topic.name).or_default();
        partitions.extend(topic.partitions.into_iter().map(|wanted| (wanted.partition_index, wanted.offset)));
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|(partition_index, offset)| {
            let outcome = delete(broker, &name, partition_index, offset);
            DeleteRecordsPartitionResult {
                partition_index,
                low_watermark: outcome.unwrap_or(-1),
                error_code: outcome.err().unwrap_or_default(),
            }
        });
        DeleteRecordsTopicResult { partitions: partitions.collect(), name }
    });
    Response { topics: topics.collect(), ..Response::default() }
}

/// Gives the first offset that is left.
fn delete(broker: &mut Broker, name: &str, partition: i32, offset: i64) -> Result<i64, ErrorCode> {
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let topic = broker.topics.get_mut(name).ok_or(unknown)?;
    let (deletes, id) = (topic.settings.delete, topic.id);
    let log = &mut topic.partition_mut(partition).ok_or(unknown)?.log;
    if !deletes {
        return Err(ErrorCode::POLICY_VIOLATION);
    }
    let end = log.high_watermark();
    let offset = if offset == HIGH_WATERMARK { end } else { offset };
    if !(0..=end).contains(&offset) {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    if offset > log.start_offset() {
        log.delete_before(offset);
        // Whoever waits for data with an offset that is gone now has to be told.
        broker.parking.touch(id, partition);
    }
    Ok(log.start_offset())
}

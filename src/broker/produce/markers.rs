//! The markers that end a transaction in a partition.
//!
//! A marker is a batch of its own, with an offset like any other: see [`crate::wire::control_batch`]. Once it is appended,
//! readers of committed records get past the transaction, and learn whether its records count.

use super::producers::Verdict;
use crate::broker::log::{BatchTime, Rolling};
use crate::broker::topics::{Partition, Topic};
use crate::broker::{Broker, LEADER_EPOCH};
use crate::wire::ErrorCode;
use crate::wire::control_batch::EndTransaction;
use crate::wire::record_batch::BatchHeader;

/// Appends a marker to a partition, if what the partition knows of the producer allows it. A marker that `raises_epoch` comes
/// with a higher epoch than the transaction that it ends.
pub fn append(
    broker: &mut Broker,
    topic: &str,
    index: i32,
    marker: EndTransaction,
    raises_epoch: bool,
) -> Result<(), ErrorCode> {
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let Topic { id, partitions, settings, .. } = broker.topics.get_mut(topic).ok_or(unknown)?;
    let partition = usize::try_from(index).ok().and_then(|index| partitions.get_mut(index)).ok_or(unknown)?;
    if marker.producer_id < 0 || marker.producer_epoch < 0 {
        return Err(ErrorCode::UNKNOWN_SERVER_ERROR);
    }
    let Partition { log, producers } = partition;
    let is_open = log.transactions.first_offset(marker.producer_id).is_some();
    if let Verdict::Refuse(error) = producers.judge_marker(&marker, raises_epoch && is_open) {
        return Err(error);
    }
    let batch = marker.to_batch();
    let header = BatchHeader::parse(&batch).expect("a marker is a whole batch");
    let time = BatchTime { timestamp_type: settings.message_timestamp_type, max_timestamp: marker.timestamp };
    let rolling = Rolling::new(settings, marker.timestamp);
    let offset = log.append(&batch, &header, LEADER_EPOCH, time, &rolling);
    log.transactions.ended(marker.producer_id, marker.committed, offset);
    producers.remember_marker(&marker);
    let id = *id;
    broker.parking.touch(id, index);
    Ok(())
}

//! WriteTxnMarkers (27), versions 1 and 2: writes markers into partitions, without looking at any transactional id.
//!
//! Between Kafka's brokers it is how a coordinator ends transactions elsewhere. Here it is left to administrators, who end
//! with it what no coordinator ends any more (KIP-664). A marker is checked against what the partition knows of its producer:
//! the epoch must not be lower (INVALID_PRODUCER_EPOCH), nor that of the coordinator (TRANSACTION_COORDINATOR_FENCED). From
//! v2 a marker says by which version of the feature `transaction.version` it was made: from 2 on it must bear a higher epoch
//! than the open transaction, because every end raises it (KIP-1228).
//!
//! What the coordinator knows of the transaction does not change. Kafka never answers a request that names a partition
//! twice; here both markers are written.

use crate::broker::produce::markers;
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::control_batch::EndTransaction;
use crate::wire::messages::write_txn_markers::{
    Request, Response, WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult,
};

/// The version of the feature from which on every end of a transaction raises the epoch.
const EPOCH_PER_TRANSACTION_FROM: i8 = 2;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let mut markers = Vec::new();
    for marker in request.markers {
        let WritableTxnMarker { producer_id, producer_epoch, transaction_result, topics, .. } = marker;
        let control = EndTransaction {
            producer_id,
            producer_epoch,
            committed: transaction_result,
            coordinator_epoch: marker.coordinator_epoch,
            timestamp: call.now.unix_ms,
        };
        let raises_epoch = marker.transaction_version >= EPOCH_PER_TRANSACTION_FROM;
        let mut results = Vec::new();
        for topic in topics {
            let mut write = |partition_index| {
                let written = markers::append(broker, &topic.name, partition_index, control, raises_epoch);
                let error_code = written.err().unwrap_or(ErrorCode::NONE);
                WritableTxnMarkerPartitionResult { partition_index, error_code }
            };
            let partitions: Vec<_> = topic.partition_indexes.iter().map(|index| write(*index)).collect();
            results.push(WritableTxnMarkerTopicResult { name: topic.name, partitions });
        }
        // A marker for nothing is not mentioned.
        if !results.is_empty() {
            markers.push(WritableTxnMarkerResult { producer_id, topics: results });
        }
    }
    Response { markers }
}

//! AddOffsetsToTxn (25), versions 0 to 4: makes the offsets of a group part of a transaction (KIP-98).
//!
//! Clients that use TxnOffsetCommit v5 do without it (KIP-890). Up to v1 a producer learns by INVALID_PRODUCER_EPOCH that it
//! is fenced, from v2 by PRODUCER_FENCED (KIP-588). Kafka adds a partition of its topic of committed offsets, which groups
//! share, and shows it among the transaction's partitions; here there is no such topic, and the group itself is added.

use super::add;
use super::transaction::Producer;
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::add_offsets_to_txn::{Request, Response};

/// The first version that knows PRODUCER_FENCED.
const PRODUCER_FENCED_FROM: i16 = 2;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let producer = Producer { id: request.producer_id, epoch: request.producer_epoch };
    let added = add(broker, &request.transactional_id, producer, &[], &[request.group_id], call.now);
    let error_code = match added {
        Ok(()) => ErrorCode::NONE,
        Err(ErrorCode::PRODUCER_FENCED) if call.version < PRODUCER_FENCED_FROM => ErrorCode::INVALID_PRODUCER_EPOCH,
        Err(error) => error,
    };
    Response { error_code, ..Response::default() }
}

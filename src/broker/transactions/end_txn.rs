//! EndTxn (26), versions 0 to 5: commits or aborts a transaction (KIP-98).
//!
//! The markers are written and the offsets committed before the answer. From v5 the producer gets its next epoch with it
//! (KIP-890), so that the epoch tells a repeated request from the next one; before, a repeated request is one that wants what
//! has happened already. From v2 a producer learns by PRODUCER_FENCED that there is another one (KIP-588).

use super::complete;
use super::transaction::{EndOutcome, Ending, Producer};
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::end_txn::{Request, Response};

/// The first version that knows PRODUCER_FENCED.
const PRODUCER_FENCED_FROM: i16 = 2;
/// The first version that tells the next epoch.
const NEXT_EPOCH_FROM: i16 = 5;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    match end(broker, call, &request) {
        Ok(Producer { id, epoch }) => Response { producer_id: id, producer_epoch: epoch, ..Response::default() },
        Err(error) => {
            let fenced = error == ErrorCode::PRODUCER_FENCED && call.version < PRODUCER_FENCED_FROM;
            let error_code = if fenced { ErrorCode::INVALID_PRODUCER_EPOCH } else { error };
            Response { error_code, ..Response::default() }
        }
    }
}

/// Ends the transaction and gives the id and epoch with which the producer goes on.
fn end(broker: &mut Broker, call: &Call, request: &Request) -> Result<Producer, ErrorCode> {
    if request.transactional_id.is_empty() {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let ending = if call.version >= NEXT_EPOCH_FROM { Ending::NextEpoch } else { Ending::KeepEpoch };
    let transactions = &mut broker.transactions;
    let ids = &mut transactions.producer_ids;
    let transaction =
        transactions.by_id.get_mut(&request.transactional_id).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
    let producer = Producer { id: request.producer_id, epoch: request.producer_epoch };
    let outcome = transaction.judge_end(producer, request.committed, ending)?;
    let marked = match (outcome, ending) {
        (EndOutcome::Repeated, _) => return Ok(transaction.producer),
        (EndOutcome::End, Ending::NextEpoch) => transaction.next_epoch(|| ids.fresh()),
        (EndOutcome::End, Ending::KeepEpoch) => producer,
    };
    let goes_on = transaction.producer;
    complete(broker, &request.transactional_id, request.committed, marked, call.now);
    Ok(goes_on)
}

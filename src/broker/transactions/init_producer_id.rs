//! InitProducerId (22), versions 0 to 5: an id and an epoch for a producer (KIP-98).
//!
//! Without a transactional id, the producer is idempotent and nothing more, and gets a new id every time. With one, a new
//! instance of the producer gets the next epoch, and its predecessor is fenced. A transaction that the predecessor has left
//! open is aborted first; the answer is CONCURRENT_TRANSACTIONS then, as in Kafka, and the producer asks again.
//!
//! From v3 a producer may send the id and epoch that it has, to go on after an error without being somebody else (KIP-360).
//! Up to v3 it learns by INVALID_PRODUCER_EPOCH that it is fenced, from v4 by PRODUCER_FENCED (KIP-588).

use super::transaction::{Producer, State, Transaction};
use super::{bytes_of_id, fence_and_abort};
use crate::broker::kept::NoRoom;
use crate::broker::{Broker, Call};
use crate::config;
use crate::wire::ErrorCode;
use crate::wire::messages::init_producer_id::{Request, Response};

/// The first version that knows PRODUCER_FENCED.
const PRODUCER_FENCED_FROM: i16 = 4;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    match init(broker, call, request) {
        Ok(Producer { id, epoch }) => Response { producer_id: id, producer_epoch: epoch, ..Response::default() },
        Err(error) => {
            let fenced = error == ErrorCode::PRODUCER_FENCED && call.version < PRODUCER_FENCED_FROM;
            let error_code = if fenced { ErrorCode::INVALID_PRODUCER_EPOCH } else { error };
            Response { error_code, producer_epoch: -1, ..Response::default() }
        }
    }
}

fn init(broker: &mut Broker, call: &Call, request: Request) -> Result<Producer, ErrorCode> {
    let Request { transactional_id, transaction_timeout_ms: timeout_ms, producer_id, producer_epoch } = request;
    // An id and an epoch come together or not at all.
    if (producer_id == -1) != (producer_epoch == -1) {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let Some(transactional_id) = transactional_id else {
        return Ok(Producer { id: broker.transactions.producer_ids.fresh(), epoch: 0 });
    };
    if transactional_id.is_empty() {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    if !(1..=broker.config.transaction_max_timeout_ms).contains(&timeout_ms) {
        return Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT);
    }
    let expected = (producer_id != -1).then_some(Producer { id: producer_id, epoch: producer_epoch });
    let transactions = &mut broker.transactions;
    let ids = &mut transactions.producer_ids;
    let known = transactions.by_id.len();
    let Some(transaction) = transactions.by_id.get_mut(&transactional_id) else {
        if !config::allows(broker.config.max_transactional_ids, known + 1) {
            return Err(ErrorCode::POLICY_VIOLATION);
        }
        let bytes = bytes_of_id(&transactional_id);
        broker.kept.check(0, bytes).map_err(|NoRoom| ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        broker.kept.replace(0, bytes);
        let transaction = Transaction::new(ids.fresh(), timeout_ms, call.now);
        let producer = transaction.producer;
        transactions.by_id.insert(transactional_id, transaction);
        return Ok(producer);
    };
    if expected.is_some_and(|expected| !transaction.may_init(expected)) {
        return Err(ErrorCode::PRODUCER_FENCED);
    }
    if transaction.state == State::Ongoing {
        fence_and_abort(broker, &transactional_id, call.now);
        return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    transaction.init(expected, timeout_ms, || ids.fresh(), call.now)?;
    Ok(transaction.producer)
}

//! InitProducerId (22), versions 0 to 5: an id for an idempotent producer (KIP-98).
//!
//! From v3 a producer may send the id and epoch that it has, to get the next epoch after an error (KIP-360); without a
//! transactional id Kafka gives it a new id instead, and so does this broker. Transactions are not offered: a request with a
//! transactional id is refused with UNSUPPORTED_VERSION, which clients report as such and do not try again.

use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::init_producer_id::{Request, Response};

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let refuse = |error_code| Response { error_code, producer_epoch: -1, ..Response::default() };
    match request.transactional_id.as_deref() {
        // An id and an epoch come together or not at all.
        _ if (request.producer_id == -1) != (request.producer_epoch == -1) => {
            return refuse(ErrorCode::INVALID_REQUEST);
        }
        None => {}
        Some("") => return refuse(ErrorCode::INVALID_REQUEST),
        Some(_) => return refuse(ErrorCode::UNSUPPORTED_VERSION),
    }
    let producer_id = broker.next_producer_id;
    broker.next_producer_id += 1;
    Response { producer_id, producer_epoch: 0, ..Response::default() }
}

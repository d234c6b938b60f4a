//! UnregisterBroker (64), version 0: the cluster forgets a broker that is gone for good.
//!
//! The only broker there is runs, or nobody would answer. A Kafka that is told to forget itself does so, and from then on its
//! clients find no broker at all; here that is INVALID_REQUEST, and nothing happens. Others are not registered.

use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::unregister_broker::{Request, Response};

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let id = request.broker_id;
    let (error_code, message) = if id == broker.config.node_id {
        (ErrorCode::INVALID_REQUEST, format!("Broker ID {id} is the only one of the cluster, and it runs"))
    } else {
        (ErrorCode::BROKER_ID_NOT_REGISTERED, format!("Broker ID {id} is not currently registered"))
    };
    Response { error_code, error_message: Some(message), ..Response::default() }
}

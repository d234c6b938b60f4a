//! FindCoordinator (10), versions 0 to 6: who coordinates a group or a transactional id. Always this broker.
//!
//! From v1 a request says whether it means groups (0) or transactional ids (1), from v4 it may ask for many keys at once,
//! and from v6 for share groups (2), which this broker does not have.

use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::find_coordinator::{Coordinator, Request, Response};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// The first version that asks for several keys.
const BATCHED_FROM: i16 = 4;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let (host, port) = broker.endpoint(&call.client);
    let node_id = broker.config.node_id;
    let find = |key: String| match request.key_type {
        GROUP | TRANSACTION => Coordinator { key, node_id, host: host.clone(), port, ..Coordinator::default() },
        _ => {
            Coordinator { key, node_id: -1, port: -1, error_code: ErrorCode::INVALID_REQUEST, ..Coordinator::default() }
        }
    };
    if call.version >= BATCHED_FROM {
        let coordinators = request.coordinator_keys.into_iter().map(find).collect();
        return Response { coordinators, ..Response::default() };
    }
    let Coordinator { node_id, host, port, error_code, .. } = find(request.key);
    // Kafka puts the error's name here, also that of no error.
    let error_message = Some(error_code.to_string());
    Response { node_id, host, port, error_code, error_message, ..Response::default() }
}

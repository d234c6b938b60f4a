//! DescribeCluster (60), versions 0 to 2: the one broker and the cluster's id (KIP-700).
//!
//! From v1 the request names the kind of endpoint that it wants to know: brokers (1) are here, controllers (2) have no
//! endpoint of their own. From v2 it may ask for fenced brokers too, of which there are none.

use super::CLUSTER_OPERATIONS;
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::describe_cluster::{DescribeClusterBroker, Request, Response};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let refuse = |error_code, message: String| Response {
        error_code,
        error_message: Some(message),
        endpoint_type: request.endpoint_type,
        ..Response::default()
    };
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => {
            let message = "The request was sent to an endpoint of the wrong type.".to_owned();
            return refuse(ErrorCode::MISMATCHED_ENDPOINT_TYPE, message);
        }
        other => return refuse(ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, format!("Unsupported endpoint type {other}")),
    }
    let (host, port) = broker.endpoint(&call.client);
    let broker_id = broker.config.node_id;
    let rack = broker.config.broker_rack.clone();
    Response {
        cluster_id: broker.cluster_id.clone(),
        controller_id: broker_id,
        brokers: vec![DescribeClusterBroker { broker_id, host, port, rack, is_fenced: false }],
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => CLUSTER_OPERATIONS,
            false => i32::MIN,
        },
        ..Response::default()
    }
}

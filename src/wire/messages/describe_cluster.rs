//! DescribeCluster (60): the brokers, the controller and the cluster's id (KIP-700).
//!
//! - v0: flexible from the start.
//! - v1: `endpoint_type`, for clients that speak to controllers (KIP-919).
//! - v2: fenced brokers on request (KIP-1073).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        include_cluster_authorized_operations: bool,
        /// 1 for brokers, 2 for controllers.
        endpoint_type: i8 [1..] = 1,
        include_fenced_brokers: bool [2..],
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String>,
        /// 1 for brokers, 2 for controllers.
        endpoint_type: i8 [1..] = 1,
        cluster_id: String,
        /// -1 if unknown.
        controller_id: i32 = -1,
        brokers: Vec<DescribeClusterBroker>,
        /// One bit for each operation that the client may do; `i32::MIN` if it did not ask.
        cluster_authorized_operations: i32 = i32::MIN,
    }

    pub struct DescribeClusterBroker {
        broker_id: i32,
        host: String,
        port: i32,
        /// Null if the broker has none.
        rack: Option<String>,
        is_fenced: bool [2..],
    }
}

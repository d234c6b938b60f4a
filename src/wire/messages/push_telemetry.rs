//! PushTelemetry (72): a client's own metrics, as GetTelemetrySubscriptions asked for them (KIP-714).
//!
//! - v0: flexible from the start.

use bytes::Bytes;

use crate::wire::schema::message;
use crate::wire::{ErrorCode, Uuid};

message! {
    pub struct Request {
        client_instance_id: Uuid,
        /// The one that GetTelemetrySubscriptions answered.
        subscription_id: i32,
        /// Set in the last push, before the client closes the connection.
        terminating: bool,
        /// Numbered as the compression of record batches.
        compression_type: i8,
        /// OpenTelemetry's `MetricsData` of version 1, as protobuf.
        metrics: Bytes,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
    }
}

//! GetTelemetrySubscriptions (71): asks which metrics of the client the broker wants to have (KIP-714).
//!
//! - v0: flexible from the start.

use crate::wire::schema::message;
use crate::wire::{ErrorCode, Uuid};

message! {
    pub struct Request {
        /// Zero in a client's first request.
        client_instance_id: Uuid,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        error_code: ErrorCode,
        /// A new id for a client that has none.
        client_instance_id: Uuid,
        /// Changes with what is subscribed to, and comes back with PushTelemetry.
        subscription_id: i32,
        /// Numbered as the compression of record batches, the preferred one first.
        accepted_compression_types: Vec<i8>,
        push_interval_ms: i32,
        /// How long the metrics of one PushTelemetry may be.
        telemetry_max_bytes: i32,
        /// Whether counters shall be pushed as differences to the push before.
        delta_temporality: bool,
        /// Prefixes of names: none for no metrics, an empty one for all.
        requested_metrics: Vec<String>,
    }
}

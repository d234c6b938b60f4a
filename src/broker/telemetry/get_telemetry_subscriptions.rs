//! GetTelemetrySubscriptions (71), version 0: which metrics a client shall push, and how often (KIP-714).
//!
//! A client that has no id gets one. The answer is what all subscriptions together want that match the client, with the
//! shortest of their intervals. To ask again before the interval is over is THROTTLING_QUOTA_EXCEEDED, unless subscriptions
//! have changed meanwhile.

use super::{Broker, Call, ErrorCode, RESERVED_IDS, Uuid};
use crate::wire::messages::get_telemetry_subscriptions::{Request, Response};

pub const KEY: i16 = 71;
/// Of the numbers that record batches have for their compression, the best one first: zstd, lz4, gzip, snappy.
const COMPRESSION_TYPES: [i8; 4] = [4, 3, 1, 2];

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let mut client_instance_id = request.client_instance_id;
    if client_instance_id == Uuid::ZERO {
        while RESERVED_IDS.contains(&client_instance_id) {
            client_instance_id = broker.random.uuid();
        }
    }
    let Broker { telemetry, configs, config, .. } = broker;
    let (requested_metrics, _) = telemetry.wanted(client_instance_id, call, &configs.client_metrics);
    let instance = telemetry.instance(client_instance_id, call, &configs.client_metrics);
    if !instance.may_ask(call.now.instant) {
        return Response { error_code: ErrorCode::THROTTLING_QUOTA_EXCEEDED, ..Response::default() };
    }
    Response {
        client_instance_id,
        subscription_id: instance.subscription_id,
        accepted_compression_types: COMPRESSION_TYPES.to_vec(),
        push_interval_ms: i32::try_from(instance.push_interval.as_millis()).unwrap_or(i32::MAX),
        telemetry_max_bytes: config.telemetry_max_bytes,
        delta_temporality: true,
        requested_metrics: requested_metrics.into_iter().collect(),
        ..Response::default()
    }
}

//! PushTelemetry (72), version 0: a client's own metrics (KIP-714).
//!
//! They are checked and dropped: there is nobody to receive them. The first push after GetTelemetrySubscriptions may come at
//! any time, the others once in the interval, and the last one, which says so, at any time again.

use super::{Broker, Call, ErrorCode, Instance, RESERVED_IDS};
use crate::wire::messages::push_telemetry::{Request, Response};

pub const KEY: i16 = 72;
/// The highest number that record batches have for their compression.
const COMPRESSION_TYPE_MAX: i8 = 4;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    if RESERVED_IDS.contains(&request.client_instance_id) {
        return Response { error_code: ErrorCode::INVALID_REQUEST, ..Response::default() };
    }
    let Broker { telemetry, configs, config, .. } = broker;
    let instance = telemetry.instance(request.client_instance_id, call, &configs.client_metrics);
    instance.last_push = push(instance, call, &request, config.telemetry_max_bytes).err().unwrap_or_default();
    Response { error_code: instance.last_push, ..Response::default() }
}

fn push(instance: &mut Instance, call: &Call, request: &Request, bytes_max: i32) -> Result<(), ErrorCode> {
    let terminated = std::mem::replace(&mut instance.terminating, request.terminating);
    if terminated {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    if !instance.may_push(call.now.instant) && !request.terminating {
        return Err(ErrorCode::THROTTLING_QUOTA_EXCEEDED);
    }
    if request.subscription_id != instance.subscription_id {
        return Err(ErrorCode::UNKNOWN_SUBSCRIPTION_ID);
    }
    if !(0..=COMPRESSION_TYPE_MAX).contains(&request.compression_type) {
        return Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    }
    if i32::try_from(request.metrics.len()).is_ok_and(|bytes| bytes <= bytes_max) {
        Ok(())
    } else {
        Err(ErrorCode::TELEMETRY_TOO_LARGE)
    }
}

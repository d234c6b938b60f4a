//! Heartbeat (12), versions 0 to 4: a member says that it is alive.
//!
//! During a rebalance the answer is REBALANCE_IN_PROGRESS: that is how members learn that they have to join again. Once the
//! generation has begun, a heartbeat is good even before the assignment is there.

use super::group::State;
use super::{Context, Groups};
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::heartbeat::{Request, Response};

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let (groups, mut context) = Context::split(broker, call.now);
    let error_code = beat(groups, &request, &mut context).err().unwrap_or_default();
    Response { error_code, ..Response::default() }
}

fn beat(groups: &mut Groups, request: &Request, context: &mut Context) -> Result<(), ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    let group = groups.get_mut(&request.group_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
    group.validate_generation(&request.member_id, request.group_instance_id.as_deref(), request.generation_id)?;
    group.touch(&request.member_id, context);
    match group.state() {
        State::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
        State::Empty | State::CompletingRebalance | State::Stable => Ok(()),
    }
}

//! SyncGroup (14), versions 0 to 5: brings the leader's assignment to everybody.
//!
//! The answer waits until the leader has handed in the assignment. From v5 on the member says which protocol it takes part
//! in, and is refused if that is not the group's.

use bytes::Bytes;

use super::Context;
use super::group::{Group, State};
use crate::broker::ticket::Ticket;
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::sync_group::{Request, Response};

/// The first version in which protocol type and name have to be there.
const PROTOCOL_REQUIRED_FROM: i16 = 5;

pub fn handle(broker: &mut Broker, call: &Call, request: Request, ticket: Ticket) {
    let (groups, mut context) = Context::split(broker, call.now);
    let group = groups.get_mut(&request.group_id);
    let valid = validate(group.as_deref(), &request, call.version);
    if let Err(error) = valid.and_then(|()| context.check_room(call.bytes)) {
        return ticket.answer(refusal(error), context.outbox);
    }
    let Some(group) = group else { return ticket.answer(refusal(ErrorCode::UNKNOWN_MEMBER_ID), context.outbox) };
    let assignments = request.assignments.into_iter();
    let assignments = assignments.map(|part| (part.member_id, Bytes::copy_from_slice(&part.assignment))).collect();
    group.sync(&request.member_id, assignments, ticket, &mut context);
}

/// The answer to a member that gets no assignment.
pub fn refusal(error_code: ErrorCode) -> Response {
    Response { error_code, ..Response::default() }
}

fn validate(group: Option<&Group>, request: &Request, version: i16) -> Result<(), ErrorCode> {
    if version >= PROTOCOL_REQUIRED_FROM && (request.protocol_type.is_none() || request.protocol_name.is_none()) {
        return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }
    if request.group_id.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    let group = group.filter(|group| group.state() != State::Empty).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
    group.validate_generation(&request.member_id, request.group_instance_id.as_deref(), request.generation_id)?;
    if differ(request.protocol_type.as_deref(), group.protocol_type())
        || differ(request.protocol_name.as_deref(), group.protocol_name())
    {
        return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }
    Ok(())
}

/// Whether both are known and not the same.
fn differ(one: Option<&str>, other: Option<&str>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

//! LeaveGroup (13), versions 0 to 5: members go, and the others share what they had.
//!
//! From v3 on several members leave at once, each with a result of its own. A static member can be named without its id,
//! which is how an administrator removes one; clients that are static members do not leave when they close (KIP-345).
//! Before v3 one member leaves itself, and its result is that of the request.

use super::group::Group;
use super::{Context, Groups};
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::leave_group::{MemberIdentity, MemberResponse, Request, Response};

/// The first version with a list of members.
const MEMBERS_FROM: i16 = 3;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    if request.group_id.is_empty() {
        return Response { error_code: ErrorCode::INVALID_GROUP_ID, ..Response::default() };
    }
    let (groups, mut context) = Context::split(broker, call.now);
    if call.version >= MEMBERS_FROM {
        let members = leave(groups, &request.group_id, request.members, &mut context);
        return Response { members, ..Response::default() };
    }
    let alone = MemberIdentity { member_id: request.member_id, ..MemberIdentity::default() };
    let results = leave(groups, &request.group_id, vec![alone], &mut context);
    let error_code = results.first().map(|member| member.error_code).unwrap_or_default();
    Response { error_code, ..Response::default() }
}

fn leave(
    groups: &mut Groups,
    group_id: &str,
    leaving: Vec<MemberIdentity>,
    context: &mut Context,
) -> Vec<MemberResponse> {
    let mut group = groups.get_mut(group_id);
    let mut results = Vec::new();
    for MemberIdentity { member_id, group_instance_id, .. } in leaving {
        let found = match &mut group {
            Some(group) => find(group, &member_id, group_instance_id.as_deref()).inspect(|id| group.leave(id, context)),
            None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        };
        results.push(MemberResponse { member_id, group_instance_id, error_code: found.err().unwrap_or_default() });
    }
    if results.iter().any(|result| !result.error_code.is_error()) {
        group.into_iter().for_each(|group| group.close_ranks(context));
    }
    results
}

/// The id of the member that is meant.
fn find(group: &Group, member_id: &str, instance_id: Option<&str>) -> Result<String, ErrorCode> {
    if member_id.is_empty() {
        let member = instance_id.and_then(|instance_id| group.members().instance(instance_id));
        return member.map(|member| member.id.clone()).ok_or(ErrorCode::UNKNOWN_MEMBER_ID);
    }
    if !group.is_pending(member_id) {
        group.validate_member(member_id, instance_id)?;
    }
    Ok(member_id.to_owned())
}

//! DescribeGroups (15), versions 0 to 6: the state and the members of groups.
//!
//! A group that is not known is shown as `Dead`; from v6 on it is also an error (KIP-1043). The chosen protocol and the
//! members' metadata for it are shown while the group is stable only. Without an authorizer, everybody may do everything.
//! A group that is asked for twice is described once, where Kafka does it twice: the answer must not outgrow the groups.

use std::collections::HashSet;

use super::group::{Group, State};
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::describe_groups::{DescribedGroup, Request, Response};

/// The first version in which an unknown group is an error.
const NOT_FOUND_FROM: i16 = 6;

/// What can be done with a group, one bit for each operation: read (3), delete (6), describe (8), describe configs (10) and
/// alter configs (11).
const ALL_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let describe_one = |id: String| {
        let mut described = match broker.groups.get(&id) {
            Some(group) => describe(group),
            None => unknown(id, call.version),
        };
        if request.include_authorized_operations && !described.error_code.is_error() {
            described.authorized_operations = ALL_OPERATIONS;
        }
        described
    };
    let mut seen = HashSet::new();
    let ids = request.groups.into_iter().filter(|id| seen.insert(id.clone()));
    Response { groups: ids.map(describe_one).collect(), ..Response::default() }
}

fn describe(group: &Group) -> DescribedGroup {
    let protocol = group.protocol_name().filter(|_| group.state() == State::Stable);
    DescribedGroup {
        group_id: group.id().to_owned(),
        group_state: group.state().to_string(),
        protocol_type: group.protocol_type().unwrap_or_default().to_owned(),
        protocol_data: protocol.unwrap_or_default().to_owned(),
        members: group.members().iter().map(|member| member.describe(protocol)).collect(),
        ..DescribedGroup::default()
    }
}

fn unknown(id: String, version: i16) -> DescribedGroup {
    let mut described = DescribedGroup { group_state: "Dead".to_owned(), ..DescribedGroup::default() };
    if version >= NOT_FOUND_FROM {
        described.error_code = ErrorCode::GROUP_ID_NOT_FOUND;
        described.error_message = Some(format!("Group {id} not found."));
    }
    described.group_id = id;
    described
}

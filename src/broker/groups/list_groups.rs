//! ListGroups (16), versions 0 to 5: all groups, in the order of their ids.
//!
//! They can be filtered by state from v4 on and by type from v5 on, in upper or lower case. All groups here are of the
//! classic type.

use std::collections::HashSet;

use crate::broker::{Broker, Call};
use crate::wire::messages::list_groups::{ListedGroup, Request, Response};

const GROUP_TYPE: &str = "classic";

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let wanted =
        |filter: &HashSet<String>, value: &str| filter.is_empty() || filter.contains(&value.to_ascii_lowercase());
    // Kafka ignores blanks around states, but not around types.
    let states: HashSet<String> = request.states_filter.iter().map(|state| state.trim().to_ascii_lowercase()).collect();
    let types: HashSet<String> = request.types_filter.iter().map(|kind| kind.to_ascii_lowercase()).collect();
    let listed = broker.groups.sorted().into_iter().map(|group| ListedGroup {
        group_id: group.id().to_owned(),
        protocol_type: group.protocol_type().unwrap_or_default().to_owned(),
        group_state: group.state().to_string(),
        group_type: GROUP_TYPE.to_owned(),
    });
    let groups = listed
        .filter(|group| wanted(&states, &group.group_state))
        .filter(|group| wanted(&types, &group.group_type))
        .collect();
    Response { groups, ..Response::default() }
}

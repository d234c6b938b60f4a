//! DeleteGroups (42), versions 0 to 2: groups without members are forgotten, with their offsets.
//!
//! A group that is asked for twice is deleted once.

use std::collections::HashSet;

use super::Groups;
use super::group::State;
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::delete_groups::{DeletableGroupResult, Request, Response};

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let mut seen = HashSet::new();
    let ids = request.groups_names.into_iter().filter(|id| seen.insert(id.clone()));
    let results = ids.map(|group_id| {
        let error_code = delete(&mut broker.groups, &group_id).err().unwrap_or_default();
        DeletableGroupResult { group_id, error_code }
    });
    Response { results: results.collect(), ..Response::default() }
}

fn delete(groups: &mut Groups, id: &str) -> Result<(), ErrorCode> {
    match groups.get(id).map(|group| group.state()) {
        None => Err(ErrorCode::GROUP_ID_NOT_FOUND),
        Some(State::Empty) => {
            groups.remove(id);
            Ok(())
        }
        Some(State::PreparingRebalance | State::CompletingRebalance | State::Stable) => Err(ErrorCode::NON_EMPTY_GROUP),
    }
}

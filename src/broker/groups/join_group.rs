//! JoinGroup (11), versions 0 to 9: becomes or stays a member of a group.
//!
//! Who knows its id joins under it. Who does not is given one: from v4 on, a client is first told the id
//! (MEMBER_ID_REQUIRED) and has to come back with it, so that a client which gives up waiting leaves no member behind
//! (KIP-394). Static members are known by the name that they bring (KIP-345), and need no such round.
//!
//! The answer waits until the generation begins, unless the member is in a generation already and has nothing new to say.
//! In v0 the session timeout is the time to come back in a rebalance as well.

use std::net::IpAddr;

use bytes::Bytes;

use super::Context;
use super::group::{Group, State};
use super::member::{Joining, Member};
use crate::broker::ticket::Ticket;
use crate::broker::{Broker, Call};
use crate::config::Config;
use crate::wire::ErrorCode;
use crate::wire::messages::join_group::{JoinGroupRequestProtocol, Request, Response};

/// The first version in which a new client has to come back with the id that it was given.
const MEMBER_ID_REQUIRED_FROM: i16 = 4;

/// A member id is a name, a hyphen and a UUID, and no longer than a string may be.
const MEMBER_ID_NAME_BYTES_MAX: usize = i16::MAX as usize - "-01234567-89ab-cdef-0123-456789abcdef".len();

/// What is to be done with a request.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Refuse(ErrorCode),
    /// Refuse a static member under an id that was given to a dynamic one.
    GiveUp,
    /// Give the client an id to come back with.
    RequireId,
    /// Take a new member in.
    Admit,
    /// Begin a rebalance for a member, or take it into the one that goes on.
    Rejoin,
    /// Let the client go on as the static member that has this id so far.
    Replace(String),
    /// Answer at once with the generation that the member is in.
    Stay,
}

pub fn handle(broker: &mut Broker, call: &Call, request: Request, ticket: Ticket) {
    if let Err(error) = validate(&broker.config, &request) {
        return ticket.answer(refusal(error, &request.member_id), &mut broker.outbox);
    }
    let is_unknown = request.member_id.is_empty();
    let member_id = if is_unknown { new_member_id(broker, call, &request) } else { request.member_id.clone() };
    let (groups, mut context) = Context::split(broker, call.now);
    let found = context.check_room(call.bytes).and_then(|()| match is_unknown {
        true => groups.get_or_create(&request.group_id, context.config, context.budget, call.now),
        false => groups.get_mut(&request.group_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID),
    });
    let group = match found {
        Ok(group) => group,
        Err(error) => return ticket.answer(refusal(error, &request.member_id), context.outbox),
    };
    if !group.has_room(&request.member_id, context.config.group_max_size) {
        group.turn_away(&request.member_id, &mut context);
        return ticket.answer(refusal(ErrorCode::GROUP_MAX_SIZE_REACHED, ""), context.outbox);
    }
    match decide(group, &request, call.version) {
        Decision::Refuse(error) => ticket.answer(refusal(error, &request.member_id), context.outbox),
        // A static member is never asked to come back with an id, so this one makes no sense.
        Decision::GiveUp => ticket.answer(refusal(ErrorCode::UNKNOWN_SERVER_ERROR, ""), context.outbox),
        Decision::RequireId => {
            ticket.answer(refusal(ErrorCode::MEMBER_ID_REQUIRED, &member_id), context.outbox);
            group.expect(member_id, request.session_timeout_ms, &mut context);
        }
        Decision::Stay => {
            let member = group.members().get(&member_id).map(|member| group.join_response(member));
            let unknown = || refusal(ErrorCode::UNKNOWN_MEMBER_ID, &member_id);
            ticket.answer(member.unwrap_or_else(unknown), context.outbox);
        }
        Decision::Admit => {
            let client = (call.client_id.clone().unwrap_or_default(), host(call.client.peer.ip()));
            let joining = joining(&request, call.version, ticket);
            let member = Member::new(member_id, request.group_instance_id, client, joining, &context);
            group.admit(member, request.protocol_type, &mut context);
        }
        Decision::Rejoin => group.rejoin(&member_id, joining(&request, call.version, ticket), &mut context),
        Decision::Replace(old_id) => {
            group.replace(&old_id, &member_id, joining(&request, call.version, ticket), &mut context);
        }
    }
}

/// The answer to a member that cannot join.
pub fn refusal(error_code: ErrorCode, member_id: &str) -> Response {
    Response { error_code, protocol_name: None, member_id: member_id.to_owned(), ..Response::default() }
}

fn validate(config: &Config, request: &Request) -> Result<(), ErrorCode> {
    let session_timeouts_ms = config.group_min_session_timeout_ms..=config.group_max_session_timeout_ms;
    if request.group_id.is_empty() {
        Err(ErrorCode::INVALID_GROUP_ID)
    } else if !session_timeouts_ms.contains(&request.session_timeout_ms) {
        Err(ErrorCode::INVALID_SESSION_TIMEOUT)
    } else {
        Ok(())
    }
}

fn decide(group: &Group, request: &Request, version: i16) -> Decision {
    let instance_id = request.group_instance_id.as_deref();
    if !group.fits(&request.protocol_type, &request.protocols) {
        return Decision::Refuse(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }
    if request.member_id.is_empty() {
        return match instance_id.map(|instance_id| group.members().instance(instance_id)) {
            Some(Some(member)) => Decision::Replace(member.id.clone()),
            Some(None) => Decision::Admit,
            None if version >= MEMBER_ID_REQUIRED_FROM => Decision::RequireId,
            None => Decision::Admit,
        };
    }
    if group.is_pending(&request.member_id) {
        return if instance_id.is_none() { Decision::Admit } else { Decision::GiveUp };
    }
    if let Err(error) = group.validate_member(&request.member_id, instance_id) {
        return Decision::Refuse(error);
    }
    let unchanged = group.members().get(&request.member_id).is_some_and(|m| m.protocols() == request.protocols);
    match group.state() {
        State::Empty => Decision::Refuse(ErrorCode::UNKNOWN_MEMBER_ID),
        // The member has not seen its answer.
        State::CompletingRebalance if unchanged => Decision::Stay,
        // Only the leader may want another generation without saying why: the topics may have changed.
        State::Stable if unchanged && !group.is_leader(&request.member_id) => Decision::Stay,
        State::PreparingRebalance | State::CompletingRebalance | State::Stable => Decision::Rejoin,
    }
}

fn new_member_id(broker: &mut Broker, call: &Call, request: &Request) -> String {
    let name = request.group_instance_id.as_deref().or(call.client_id.as_deref()).unwrap_or_default();
    let name = name.get(..name.floor_char_boundary(MEMBER_ID_NAME_BYTES_MAX)).unwrap_or_default();
    format!("{name}-{}", broker.random.hyphenated_uuid())
}

/// The part of a request that the member keeps, in memory of its own.
fn joining(request: &Request, version: i16, ticket: Ticket) -> Joining {
    let copy = |protocol: &JoinGroupRequestProtocol| JoinGroupRequestProtocol {
        name: protocol.name.clone(),
        metadata: Bytes::copy_from_slice(&protocol.metadata),
    };
    Joining {
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: if version == 0 { request.session_timeout_ms } else { request.rebalance_timeout_ms },
        protocols: request.protocols.iter().map(copy).collect(),
        ticket,
    }
}

/// An address as Java's `InetAddress` shows it, which is what administrators' tools expect: `/127.0.0.1`, and IPv6
/// without its short form.
fn host(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("/{address}"),
        IpAddr::V6(address) => {
            let groups: Vec<String> = address.segments().iter().map(|segment| format!("{segment:x}")).collect();
            format!("/{}", groups.join(":"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_as_java_shows_them() {
        let check = |address: &str, expect| assert_eq!(host(address.parse().unwrap()), expect);
        check("127.0.0.1", "/127.0.0.1");
        check("::1", "/0:0:0:0:0:0:0:1");
        check("::ffff:10.0.0.7", "/10.0.0.7");
        check("fe80::a0b:c", "/fe80:0:0:0:0:0:a0b:c");
    }
}

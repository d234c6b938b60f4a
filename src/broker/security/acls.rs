//! Access control: DescribeAcls (29), CreateAcls (30) and DeleteAcls (31), versions 1 to 3 each.
//!
//! Everybody may do everything here. Kafka without an authorizer answers each of these requests with SECURITY_DISABLED, for
//! every rule and every filter that it names; it closes the connection over one that leaves open which kind of resource,
//! pattern, operation or permission it means (0, 'unknown').

use crate::broker::ticket::Ticket;
use crate::broker::{Broker, Call};
use crate::wire::{ErrorCode, Message};

const UNKNOWN: i8 = 0;

/// What Kafka says of rules that it cannot keep.
const NO_AUTHORIZER: &str = "No Authorizer is configured.";

fn answer<R: Message>(broker: &mut Broker, ticket: Ticket, kinds: impl IntoIterator<Item = i8>, response: R) {
    if kinds.into_iter().any(|kind| kind == UNKNOWN) {
        return ticket.close("a request about ACLs leaves open what it means", &mut broker.outbox);
    }
    ticket.answer(response, &mut broker.outbox);
}

pub mod describe_acls {
    use super::*;
    use crate::wire::messages::describe_acls::{Request, Response};

    pub fn handle(broker: &mut Broker, _call: &Call, request: Request, ticket: Ticket) {
        let kinds =
            [request.resource_type_filter, request.pattern_type_filter, request.operation, request.permission_type];
        let response = Response {
            error_code: ErrorCode::SECURITY_DISABLED,
            error_message: Some("No Authorizer is configured on the broker".to_owned()),
            ..Response::default()
        };
        answer(broker, ticket, kinds, response);
    }
}

pub mod create_acls {
    use super::*;
    use crate::wire::messages::create_acls::{AclCreation, AclCreationResult, Request, Response};

    pub fn handle(broker: &mut Broker, _call: &Call, request: Request, ticket: Ticket) {
        let kinds =
            |rule: &AclCreation| [rule.resource_type, rule.resource_pattern_type, rule.operation, rule.permission_type];
        let refused = |_: &AclCreation| AclCreationResult {
            error_code: ErrorCode::SECURITY_DISABLED,
            error_message: Some(NO_AUTHORIZER.to_owned()),
        };
        let results = request.creations.iter().map(refused).collect();
        let response = Response { results, ..Response::default() };
        answer(broker, ticket, request.creations.iter().flat_map(kinds), response);
    }
}

pub mod delete_acls {
    use super::*;
    use crate::wire::messages::delete_acls::{DeleteAclsFilter, DeleteAclsFilterResult, Request, Response};

    pub fn handle(broker: &mut Broker, _call: &Call, request: Request, ticket: Ticket) {
        let kinds = |filter: &DeleteAclsFilter| {
            [filter.resource_type_filter, filter.pattern_type_filter, filter.operation, filter.permission_type]
        };
        let refused = |_: &DeleteAclsFilter| DeleteAclsFilterResult {
            error_code: ErrorCode::SECURITY_DISABLED,
            error_message: Some(NO_AUTHORIZER.to_owned()),
            ..DeleteAclsFilterResult::default()
        };
        let filter_results = request.filters.iter().map(refused).collect();
        let response = Response { filter_results, ..Response::default() };
        answer(broker, ticket, request.filters.iter().flat_map(kinds), response);
    }
}

//! Delegation tokens: CreateDelegationToken (38) and DescribeDelegationToken (41), versions 1 to 3, RenewDelegationToken (39)
//! and ExpireDelegationToken (40), versions 1 to 2.
//!
//! A token lets somebody act for a user who has proved who it is. Over a PLAINTEXT listener nobody has, and all of these
//! requests are DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, whatever they ask for.

use crate::wire::ErrorCode;

const REFUSAL: ErrorCode = ErrorCode::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;
/// A time that never comes.
const NEVER: i64 = -1;

pub mod create_delegation_token {
    use super::*;
    use crate::broker::security::USER;
    use crate::broker::{Broker, Call};
    use crate::wire::messages::create_delegation_token::{Request, Response};

    /// The answer names the owner as the request did, if it did.
    pub fn handle(_broker: &mut Broker, _call: &Call, request: Request) -> Response {
        let asker = (USER.0.to_owned(), USER.1.to_owned());
        let named = request.owner_principal_name.filter(|name| !name.is_empty());
        let (error_code, owner) = match (request.owner_principal_type, named) {
            (_, None) => (REFUSAL, asker.clone()),
            (Some(kind), Some(name)) => (REFUSAL, (kind, name)),
            // Kafka stumbles over a name without a kind.
            (None, Some(_)) => (ErrorCode::UNKNOWN_SERVER_ERROR, asker.clone()),
        };
        Response {
            error_code,
            principal_type: owner.0,
            principal_name: owner.1,
            token_requester_principal_type: asker.0,
            token_requester_principal_name: asker.1,
            issue_timestamp_ms: NEVER,
            expiry_timestamp_ms: NEVER,
            max_timestamp_ms: NEVER,
            ..Response::default()
        }
    }
}

pub mod renew_delegation_token {
    use super::*;
    use crate::broker::{Broker, Call};
    use crate::wire::messages::renew_delegation_token::{Request, Response};

    pub fn handle(_broker: &mut Broker, _call: &Call, _request: Request) -> Response {
        Response { error_code: REFUSAL, expiry_timestamp_ms: NEVER, ..Response::default() }
    }
}

pub mod expire_delegation_token {
    use super::*;
    use crate::broker::{Broker, Call};
    use crate::wire::messages::expire_delegation_token::{Request, Response};

    pub fn handle(_broker: &mut Broker, _call: &Call, _request: Request) -> Response {
        Response { error_code: REFUSAL, expiry_timestamp_ms: NEVER, ..Response::default() }
    }
}

pub mod describe_delegation_token {
    use super::*;
    use crate::broker::{Broker, Call};
    use crate::wire::messages::describe_delegation_token::{Request, Response};

    pub fn handle(_broker: &mut Broker, _call: &Call, _request: Request) -> Response {
        Response { error_code: REFUSAL, ..Response::default() }
    }
}

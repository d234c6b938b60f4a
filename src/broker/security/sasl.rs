//! How a client proves who it is: SaslHandshake (17), versions 0 to 1, and SaslAuthenticate (36), versions 0 to 2.
//!
//! A PLAINTEXT listener takes every client as it is, so a proof comes after the fact: ILLEGAL_SASL_STATE. The connection stays
//! open.

pub mod sasl_handshake {
    use crate::broker::{Broker, Call};
    use crate::wire::ErrorCode;
    use crate::wire::messages::sasl_handshake::{Request, Response};

    pub fn handle(_broker: &mut Broker, _call: &Call, _request: Request) -> Response {
        Response { error_code: ErrorCode::ILLEGAL_SASL_STATE, ..Response::default() }
    }
}

pub mod sasl_authenticate {
    use crate::broker::{Broker, Call};
    use crate::wire::ErrorCode;
    use crate::wire::messages::sasl_authenticate::{Request, Response};

    pub fn handle(_broker: &mut Broker, _call: &Call, _request: Request) -> Response {
        Response {
            error_code: ErrorCode::ILLEGAL_SASL_STATE,
            error_message: Some("SaslAuthenticate request received after successful authentication".to_owned()),
            ..Response::default()
        }
    }
}

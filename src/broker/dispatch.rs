//! From a frame to a handler: header, table row, version, body.
//!
//! A frame that cannot be understood closes its connection, as in Kafka: a peer that disagrees about where a field ends
//! cannot be answered in a way that it would understand. The one exception is ApiVersions above our highest version, which
//! is how a newer client finds out what we speak (KIP-511).

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use log::debug;

use super::Broker;
use super::api::{self, Api};
use super::cluster::api_versions;
use super::deadlines::Now;
use super::ticket::{ConnectionId, Output, Ticket};
use crate::wire::header::{self, RequestStart};
use crate::wire::{Message, ReadError, Reader};

/// Where a connection comes from and how it reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    pub peer: SocketAddr,
    /// Our own address, as the client dialled it.
    pub local: SocketAddr,
    /// The position of the listener in the configuration.
    pub listener: usize,
}

/// What a handler may want to know of a request besides its body.
#[derive(Debug)]
pub struct Call {
    pub connection: ConnectionId,
    pub client: Client,
    pub api: &'static Api,
    pub version: i16,
    pub correlation_id: i32,
    pub client_id: Option<String>,
    /// The size of the request, with its header.
    pub bytes: usize,
    /// For how long the client has to be quiet because of what its requests have cost so far.
    pub throttle_ms: i32,
    pub now: Now,
}

impl Call {
    /// The duty to answer this request.
    pub(super) fn ticket(&self) -> Ticket {
        let mut ticket = Ticket::new(self.connection, self.api, self.version, self.correlation_id);
        ticket.throttle(self.throttle_ms);
        ticket
    }

    /// The client's id, which is empty when it gave none.
    pub fn client_id(&self) -> &str {
        self.client_id.as_deref().unwrap_or_default()
    }
}

/// Why a frame did not become a request.
#[derive(Debug)]
enum Refusal {
    Header(ReadError),
    UnknownApi(i16),
    UnsupportedVersion(&'static Api, RequestStart),
    Body(&'static Api, RequestStart, ReadError),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(error) => write!(f, "its header is malformed: {error}"),
            Self::UnknownApi(key) => write!(f, "there is no API with key {key}"),
            Self::UnsupportedVersion(api, start) => write!(
                f,
                "{} version {} is not supported, only {} to {} (correlation_id: {})",
                api.name, start.api_version, api.min_version, api.max_version, start.correlation_id
            ),
            Self::Body(api, start, error) => {
                write!(f, "{} v{} (correlation_id: {}): {error}", api.name, start.api_version, start.correlation_id)
            }
        }
    }
}

/// Decodes one frame and runs its handler.
pub(super) fn dispatch(broker: &mut Broker, connection: ConnectionId, client: Client, frame: Bytes, now: Now) {
    if let Err(refusal) = try_dispatch(broker, connection, client, frame, now) {
        let reason = format!("a request cannot be decoded: {refusal}");
        broker.outbox.push_back(Output::Close { connection, reason });
    }
}

fn try_dispatch(
    broker: &mut Broker,
    connection: ConnectionId,
    client: Client,
    frame: Bytes,
    now: Now,
) -> Result<(), Refusal> {
    let bytes = frame.len();
    let mut reader = Reader::new(frame, 0, false);
    let start = RequestStart::read(&mut reader).map_err(Refusal::Header)?;
    let api = api::find(start.api_key).ok_or(Refusal::UnknownApi(start.api_key))?;
    let RequestStart { api_version: version, correlation_id, .. } = start;
    debug!("Processing {} request (correlation_id: {correlation_id})", api.upper_case_name());

    if !api.supports(version) {
        if api.key == api_versions::KEY {
            // The client will read this answer as version 0, whatever it asked for.
            let ticket = Ticket::new(connection, api, 0, correlation_id);
            ticket.answer(api_versions::unsupported_version(), &mut broker.outbox);
            return Ok(());
        }
        return Err(Refusal::UnsupportedVersion(api, start));
    }
    let client_id =
        header::read_request_rest(&mut reader, version, api.is_flexible(version)).map_err(Refusal::Header)?;
    let throttle_ms = broker.quotas.request_throttle_ms(client_id.as_deref().unwrap_or_default(), &broker.config, now);
    let call = Call { connection, client, api, version, correlation_id, client_id, bytes, throttle_ms, now };
    (api.handler)(broker, &call, &mut reader).map_err(|error| Refusal::Body(api, start, error))?;
    if broker.measures_requests() {
        broker.quotas.handled(call.client_id);
    }
    Ok(())
}

/// Reads a request's body. Bytes behind it are ignored, as in Kafka: some versions of librdkafka send a Metadata request for
/// all topics that has three bytes too many.
pub(super) fn read_body<R: Message>(reader: &mut Reader) -> Result<R, ReadError> {
    let request = R::read(reader)?;
    if reader.left() > 0 {
        debug!("Ignoring {} bytes behind the request", reader.left());
    }
    Ok(request)
}

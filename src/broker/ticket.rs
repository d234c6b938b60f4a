//! The duty to answer one request exactly once.
//!
//! Every request that could be decoded gets a [`Ticket`]. It cannot be copied, and it ends in one of three ways, each of
//! which consumes it: it is answered, it is discarded (a Produce with acks = 0 gets no answer), or the connection is
//! closed over it. A handler that cannot answer yet keeps the ticket: a waiting Fetch in [`super::parking`], a member
//! that waits for its group in [`super::groups`]. While a ticket lives, its connection parses nothing further, so answers
//! leave in the order of the requests without a queue that reorders them.
//!
//! What the broker wants done goes into the [`Outbox`]; the network layer takes it from there. A ticket may outlive its
//! connection: its answer then carries an id that no connection has any more, and goes nowhere.

use std::collections::VecDeque;

use super::api::Api;
use crate::wire::{Frame, Message, Writer, header};

/// A connection, as the broker knows it. Slots are used again, so a generation tells their users apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    pub slot: usize,
    pub generation: u64,
}

/// What the broker wants done with a connection.
#[derive(Debug)]
pub enum Output {
    /// The answer to the request that the connection waits for.
    Answer { connection: ConnectionId, frame: Frame },
    /// The request is done and has no answer: the connection may go on.
    Done { connection: ConnectionId },
    /// The client has used up a quota: nothing is to be read from the connection for so long. Comes right behind what ends
    /// the request.
    Mute { connection: ConnectionId, ms: i32 },
    /// The connection cannot go on; the reason is for the log.
    Close { connection: ConnectionId, reason: String },
}

pub type Outbox = VecDeque<Output>;

/// The duty to answer one request exactly once.
#[must_use = "a request that is never answered leaves its client waiting"]
#[derive(Debug)]
pub struct Ticket {
    connection: ConnectionId,
    api: &'static Api,
    version: i16,
    correlation_id: i32,
    /// For how long the client has to be quiet once this is answered.
    throttle_ms: i32,
}

impl Ticket {
    pub fn new(connection: ConnectionId, api: &'static Api, version: i16, correlation_id: i32) -> Self {
        Self { connection, api, version, correlation_id, throttle_ms: 0 }
    }

    /// The client has used up a quota, and has to be quiet for so long. Of several times the longest counts.
    pub fn throttle(&mut self, ms: i32) {
        self.throttle_ms = self.throttle_ms.max(ms);
    }

    pub fn throttle_ms(&self) -> i32 {
        self.throttle_ms
    }

    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    pub fn version(&self) -> i16 {
        self.version
    }

    /// Answers with a response of the request's own API and version.
    pub fn answer<R: Message>(self, mut response: R, outbox: &mut Outbox) {
        if let Some(throttle_time_ms) = response.throttle_time_ms().filter(|_| self.throttle_ms > 0) {
            *throttle_time_ms = self.throttle_ms;
        }
        outbox.push_back(Output::Answer { connection: self.connection, frame: self.encode(&response) });
        self.mute(outbox);
    }

    fn encode<R: Message>(&self, response: &R) -> Frame {
        let flexible = self.api.is_flexible(self.version);
        let mut writer = Writer::new(self.version, flexible);
        header::write_response(&mut writer, self.correlation_id, self.api.response_header_is_flexible(self.version));
        response.write(&mut writer);
        writer.finish()
    }

    /// Ends a request that wants no answer.
    pub fn discard(self, outbox: &mut Outbox) {
        outbox.push_back(Output::Done { connection: self.connection });
        self.mute(outbox);
    }

    fn mute(&self, outbox: &mut Outbox) {
        if self.throttle_ms > 0 {
            outbox.push_back(Output::Mute { connection: self.connection, ms: self.throttle_ms });
        }
    }

    /// Ends a request by closing its connection: the only way to tell an error to a client that wants no answer.
    pub fn close(self, reason: impl Into<String>, outbox: &mut Outbox) {
        outbox.push_back(Output::Close { connection: self.connection, reason: reason.into() });
    }
}

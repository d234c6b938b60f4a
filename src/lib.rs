//! Kafka-RS: a Kafka broker on one thread and one hand-written poll loop.
//!
//! # The map
//!
//! Three rings; nothing imports backwards.
//!
//! ```text
//! net  ──►  broker  ──►  wire  ──►  bytes, byteorder
//! ```
//!
//! - [`net`]: sockets, the poll loop and the clock. `net/server.rs` is the loop, `net/reactor.rs` what one turn of it does,
//!   `net/connection.rs` one socket as a state machine.
//! - [`broker`]: a state machine without I/O. `broker/mod.rs` shows how it is driven, `broker/ticket.rs` and
//!   `broker/parking.rs` how an answer waits; each further folder is a state and the APIs that work on it.
//! - [`wire`]: the protocol's bytes. `wire/schema.rs` has the macro that makes a struct of each message,
//!   `wire/record_batch.rs` the format that records travel and rest in.
//! - [`config`]: what can be set, under Kafka's names.
//! - [`budget`]: the count of all the memory that is held for clients; [`pieces`]: the large memory of logs, used again.
//!
//! # One request's journey
//!
//! 1. `poll` says that a socket is readable. The connection reads until the socket has no more, or its share of the turn is
//!    used up.
//! 2. A complete frame is taken out of what was read, and the connection waits: no further frame is taken before this one is
//!    done.
//! 3. [`broker::dispatch`] reads the header, finds the API's row in [`broker::api`], checks the version, decodes the body,
//!    and runs the row's handler.
//! 4. The handler answers with its [`broker::ticket::Ticket`], or parks it: a Fetch waits for data, a member for its group.
//! 5. Once a turn, what is due expires, who waits for what was appended is woken, and each connection that has something to
//!    say gets one vectored write.
//!
//! # Invariants
//!
//! - One thread, one poll. No lock, no `async`, no sleep, and nothing that the loop calls blocks.
//! - `net` alone knows mio. `broker` and `wire` never read the clock and never see a socket.
//! - Every request is answered exactly once, in order per connection; a Produce with acks = 0 not at all.
//! - Offsets are contiguous as they are given. A record that was acknowledged is readable, byte for byte as it came, until
//!   its topic is deleted, or what is set for the topic lets it go: by its age, by what came after it, or by compaction.
//! - A group's generation only rises, and a partition has at most one owner in it.
//! - Nothing from a socket is trusted: no indexing with it, no allocation by a count that it names. Bad input is an error; a
//!   broken invariant is an assertion, and never the other way round.
//! - No order of a `HashMap` reaches an answer.
//!
//! # Inside a Rust program
//!
//! [`Broker::start`] runs a broker on a thread of its own; dropping the [`RunningBroker`] stops it.
#![deny(unused_must_use)]

pub mod broker;
pub mod budget;
pub mod config;
pub mod net;
pub mod pieces;
pub mod wire;

pub use broker::Broker;
pub use config::Config;
pub use net::{RunningBroker, Server, StartError};

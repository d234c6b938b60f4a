//! The bytes of Kafka's protocol, and nothing of what they are used for.
//!
//! [`reader`] and [`writer`] know the primitives in both encodings, classic and flexible (KIP-482). [`schema`] turns a
//! schema that reads like Kafka's protocol guide into structs which read and write themselves; [`messages`] holds one
//! such schema for each API. [`header`] has the headers in front of them, [`record_batch`] the format inside Produce and
//! Fetch, [`payload`] the bytes that are sent from where they are stored, without a copy.
//!
//! No type of the broker appears here, and no clock and no socket: a test can feed any bytes to any of it.

pub mod annotate;
pub mod compression;
pub mod control_batch;
pub mod error_code;
pub mod header;
pub mod messages;
pub mod payload;
pub mod reader;
pub mod record_batch;
pub mod schema;
pub mod uuid;
pub mod writer;

pub use error_code::ErrorCode;
pub use payload::{Payload, Slice};
pub use reader::{ReadError, Reader};
pub use schema::{Field, Message};
pub use uuid::Uuid;
pub use writer::{Frame, Writer};

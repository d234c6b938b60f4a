//! Security, of which there is none: who connects is the user `ANONYMOUS`, and may do everything.
//!
//! Clients and tools ask about it all the same, and get the answers of a Kafka whose listeners speak PLAINTEXT and that has no
//! authorizer: [`acls`] are not kept, [`sasl`] comes too late on a connection that needs none, [`delegation_tokens`] are not
//! for users who did not prove who they are. Only the credentials in [`scram`] are kept, as Kafka's controller keeps them
//! whether there is a listener that asks for them or not.

pub mod acls;
pub mod delegation_tokens;
pub mod sasl;
pub mod scram;

/// The kind and the name of the user that everybody is without authentication.
pub const USER: (&str, &str) = ("User", "ANONYMOUS");

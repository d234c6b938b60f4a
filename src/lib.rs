//! Kafka-RS: a Kafka broker on one thread and one hand-written poll loop.
#![deny(unused_must_use)]

pub mod broker;
pub mod config;
mod net;
pub mod wire;

pub use broker::Broker;
pub use config::Config;
pub use net::{RunningBroker, Server, StartError};

//! What is set for topics and for the broker, as clients ask for it. The tables themselves are in [`crate::config`].

pub mod describe_configs;

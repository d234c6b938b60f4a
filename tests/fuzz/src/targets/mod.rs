//! What is fuzzed. Each target's `run` takes any bytes, and panics when something is wrong.

pub mod batch;
pub mod connection;
pub mod decode;
pub mod frames;
mod input;
mod member;
mod memory;

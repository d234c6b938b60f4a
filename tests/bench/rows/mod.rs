//! The works, each with its goals.

mod crowd;
mod fetch;
mod idle;
mod librdkafka;
mod many;
mod memory;
mod peers;
mod produce;
mod round_trip;
mod start;
mod tail;

use crate::Outcome;
use crate::lab::Lab;

/// A work that can be run on its own, and gives some figures.
pub struct Row {
    pub name: &'static str,
    pub about: &'static str,
    /// Whether a short run includes it.
    pub is_short: bool,
    pub run: fn(&mut Lab) -> Outcome<()>,
}

pub static ALL: &[&Row] = &[
    &produce::MEGABYTE,
    &produce::GROWING,
    &produce::SIXTEEN_KIB,
    &produce::ONE_RECORD,
    &round_trip::ONE_IN_FLIGHT,
    &round_trip::AFTER_A_MILLION,
    &fetch::MEGABYTE,
    &fetch::SIXTEEN_KIB,
    &fetch::ONE_RECORD,
    &memory::FETCHES_ROW,
    &tail::TAIL,
    &crowd::CROWD_OF_100,
    &idle::IDLE_10_000,
    &many::MANY_PARTITIONS,
    &many::MANY_GROUPS,
    &many::REBALANCE,
    &memory::STORED,
    &start::START,
    &librdkafka::PRODUCE,
    &librdkafka::CONSUME,
    &peers::APACHE_KAFKA,
    &peers::KFAKE,
    &peers::PERF_TOOLS,
];

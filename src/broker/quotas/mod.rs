//! Quotas: how much a client may ask of the broker, and how it is slowed down when it asks for more.
//!
//! A quota is set for an [`Entity`]: a user, a client id, or one client id of one user, each by its name or as the default
//! for all that have none of their own. Whoever writes, reads, or changes topics faster than its quota allows is answered
//! all the same, at once, and told for how long it should be quiet. The broker enforces that: it reads nothing from the
//! connection for so long (KIP-219).
//!
//! ```text
//!   request ──► handler ──► meter: is the average of the last windows above the limit?
//!                              │ by how much ──► throttle_time_ms in the answer, and Output::Mute behind it
//! ```
//!
//! | key | limits | measured |
//! | --- | --- | --- |
//! | `producer_byte_rate` | bytes of Produce requests a second | as they come |
//! | `consumer_byte_rate` | bytes of records a second in the answers to Fetch | before they go; what is too much does not go |
//! | `request_percentage` | the share of the broker's one thread, 100 for all of it | by whoever drives the broker |
//! | `controller_mutation_rate` | partitions a second that are created or deleted | a bucket of tokens (KIP-599) |
//! | `connection_creation_rate` | connections a second from an address | when they come; what is too much is closed at once |
//!
//! Without a quota nothing is measured. [`meter`] has the arithmetic; which of several quotas counts is in [`Quotas::find`].

pub mod alter_client_quotas;
pub mod describe_client_quotas;
mod entity;
mod meter;

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

pub use self::entity::{Entity, Name};
pub use self::meter::Windows;
use self::meter::{Bucket, Rate};
use super::kept::{ENTRY_BYTES, Kept, NoRoom};
use super::{Broker, Call, Now};
use crate::config::Config;
use crate::wire::ErrorCode;

/// The user that everybody is without authentication.
const USER: &str = "ANONYMOUS";
/// From this many meters on, those that have forgotten all that they measured are dropped before memory grows.
const METERS_MAX: usize = 1_000;

/// What can be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Connections a second from an address.
    ConnectionCreationRate,
    /// Bytes a second in the answers to Fetch.
    ConsumerByteRate,
    /// Partitions a second that are created or deleted.
    ControllerMutationRate,
    /// Bytes a second of Produce requests.
    ProducerByteRate,
    /// The share of the broker's time, in percent of a thread.
    RequestPercentage,
}

impl Key {
    const ALL: [Self; 5] = [
        Self::ConnectionCreationRate,
        Self::ConsumerByteRate,
        Self::ControllerMutationRate,
        Self::ProducerByteRate,
        Self::RequestPercentage,
    ];

    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectionCreationRate => "connection_creation_rate",
            Self::ConsumerByteRate => "consumer_byte_rate",
            Self::ControllerMutationRate => "controller_mutation_rate",
            Self::ProducerByteRate => "producer_byte_rate",
            Self::RequestPercentage => "request_percentage",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }
}

/// Whose requests are measured together: a user, a client id or both; what does not matter is empty.
type Payer = (&'static str, String);

/// All quotas, and what has been measured against them.
#[derive(Debug, Default)]
pub struct Quotas {
    limits: BTreeMap<Entity, BTreeMap<Key, f64>>,
    /// Whether any of them is for `request_percentage`.
    limits_requests: bool,
    produced: HashMap<Payer, Rate>,
    fetched: HashMap<Payer, Rate>,
    spent: HashMap<Payer, Rate>,
    mutations: HashMap<Payer, Bucket>,
    connected: HashMap<IpAddr, Rate>,
    /// Who sent the request that was handled last, while requests are measured.
    last_client_id: String,
}

/// Which of an entity's parts a quota names, from the one that comes first of all that fit to the last: the user and the
/// client id, each by its name (`Some(true)`), as the default (`Some(false)`) or not at all.
const PRECEDENCE: [(Option<bool>, Option<bool>); 8] = [
    (Some(true), Some(true)),
    (Some(true), Some(false)),
    (Some(true), None),
    (Some(false), Some(true)),
    (Some(false), Some(false)),
    (Some(false), None),
    (None, Some(true)),
    (None, Some(false)),
];

impl Quotas {
    /// The quota that counts for a client, and who shares what it allows.
    fn find(&self, key: Key, client_id: &str) -> Option<(Payer, f64)> {
        if self.limits.is_empty() {
            return None;
        }
        let part = |named: Option<bool>, name: &str| {
            named.map(|named| if named { Name::Named(name.to_owned()) } else { Name::Default })
        };
        PRECEDENCE.into_iter().find_map(|(user, client)| {
            let entity = Entity { user: part(user, USER), client_id: part(client, client_id), ip: None };
            let limit = *self.limits.get(&entity)?.get(&key)?;
            let payer = (user.map_or("", |_| USER), client.map_or_else(String::new, |_| client_id.to_owned()));
            Some((payer, limit))
        })
    }

    /// The memory of all quotas, as [`kept`](super::kept) counts it.
    pub fn held_bytes(&self) -> usize {
        self.limits.iter().map(|(entity, limits)| bytes_of(entity, limits.len())).sum()
    }

    /// Sets or removes quotas of an entity, if there is memory for it; `None` removes one.
    fn change(&mut self, entity: Entity, changes: BTreeMap<Key, Option<f64>>, kept: &mut Kept) -> Result<(), NoRoom> {
        let limits_of = |quotas: &Self| quotas.limits.get(&entity).map_or(0, BTreeMap::len);
        let (limits, sets) = (limits_of(self), changes.values().flatten().count());
        let before = bytes_of(&entity, limits);
        kept.check(before, if sets > 0 { bytes_of(&entity, limits + sets) } else { 0 })?;
        self.apply(entity.clone(), changes);
        kept.replace(before, bytes_of(&entity, limits_of(self)));
        Ok(())
    }

    fn apply(&mut self, entity: Entity, changes: BTreeMap<Key, Option<f64>>) {
        let limits = self.limits.entry(entity.clone()).or_default();
        for (key, value) in changes {
            match value {
                Some(value) => limits.insert(key, value),
                None => limits.remove(&key),
            };
        }
        if limits.is_empty() {
            self.limits.remove(&entity);
        }
        self.limits_requests = self.limits.values().any(|limits| limits.contains_key(&Key::RequestPercentage));
    }

    /// Counts the bytes of a Produce request; gives the time for which its client has to be quiet, in milliseconds.
    pub fn produced(&mut self, client_id: &str, bytes: usize, config: &Config, now: Now) -> i32 {
        let Some((payer, limit)) = self.find(Key::ProducerByteRate, client_id) else { return 0 };
        let windows = Windows::new(config);
        let rate = meter(&mut self.produced, payer, |rate| rate.is_over(now.instant, windows));
        rate.record(bytes as f64, now.instant, windows);
        rate.throttle_ms(limit, now.instant, windows)
    }

    /// Counts the bytes that a Fetch is about to get. If that is too much it must not get them; they are not counted then,
    /// and the time for which its client has to be quiet is given, in milliseconds.
    ///
    /// A batch that is too much on its own goes all the same, when nothing else went before. Kafka never lets it go, and
    /// its reader waits for ever.
    pub fn fetched(&mut self, client_id: &str, bytes: usize, config: &Config, now: Now) -> i32 {
        let Some((payer, limit)) = self.find(Key::ConsumerByteRate, client_id) else { return 0 };
        let windows = Windows::new(config);
        let rate = meter(&mut self.fetched, payer, |rate| rate.is_over(now.instant, windows));
        let is_first = rate.total(now.instant, windows) <= 0.0;
        rate.record(bytes as f64, now.instant, windows);
        let throttle_ms = rate.throttle_ms(limit, now.instant, windows);
        if throttle_ms == 0 || is_first {
            return 0;
        }
        rate.record(-(bytes as f64), now.instant, windows);
        throttle_ms
    }

    /// The bytes that a Fetch may ask for at once: no more than its client may read in all windows together.
    pub fn fetch_bytes_max(&self, client_id: &str, config: &Config) -> usize {
        match self.find(Key::ConsumerByteRate, client_id) {
            Some((_, limit)) => Windows::new(config).capacity(limit) as usize,
            None => usize::MAX,
        }
    }

    /// Whether somebody has to measure how long requests take.
    pub fn limits_requests(&self) -> bool {
        self.limits_requests
    }

    /// For how many milliseconds a client has to be quiet because of the time that its requests took.
    pub fn request_throttle_ms(&mut self, client_id: &str, config: &Config, now: Now) -> i32 {
        if !self.limits_requests {
            return 0;
        }
        let Some((payer, limit)) = self.find(Key::RequestPercentage, client_id) else { return 0 };
        let windows = Windows::new(config);
        let throttle_ms = self.spent.get_mut(&payer).map_or(0, |rate| rate.throttle_ms(limit, now.instant, windows));
        // A client that only has to wait is not made to wait for long.
        throttle_ms.min(i32::try_from(windows.length.as_millis()).unwrap_or(i32::MAX))
    }

    /// Notes whose request it is that has been handled.
    pub fn handled(&mut self, client_id: Option<String>) {
        self.last_client_id = client_id.unwrap_or_default();
    }

    /// Counts a connection from an address, unless there are too many already.
    fn admits(&mut self, address: IpAddr, config: &Config, now: Now) -> bool {
        let means = |name: &Name| matches!(name, Name::Named(name) if entity::parse_address(name) == Some(address));
        let named = self.limits.iter().find(|(entity, _)| entity.ip.as_ref().is_some_and(means));
        let default = Entity { ip: Some(Name::Default), ..Entity::default() };
        let limits = named.map(|(_, limits)| limits).or_else(|| self.limits.get(&default));
        let Some(limit) = limits.and_then(|limits| limits.get(&Key::ConnectionCreationRate)) else { return true };
        let windows = Windows::new(config);
        let rate = meter(&mut self.connected, address, |rate| rate.is_over(now.instant, windows));
        rate.record(1.0, now.instant, windows);
        let is_within = rate.throttle_ms(*limit, now.instant, windows) == 0;
        if !is_within {
            rate.record(-1.0, now.instant, windows);
        }
        is_within
    }

    /// Counts the time that the request handled last has taken.
    fn charge(&mut self, spent: Duration, config: &Config, now: Now) {
        let Some((payer, _)) = self.find(Key::RequestPercentage, &self.last_client_id) else { return };
        let windows = Windows::new(config);
        let rate = meter(&mut self.spent, payer, |rate| rate.is_over(now.instant, windows));
        rate.record(spent.as_secs_f64() * 100.0, now.instant, windows);
    }
}

/// What the quotas of an entity take.
fn bytes_of(entity: &Entity, limits: usize) -> usize {
    let names: usize = entity.parts().map(|(_, name)| name.length()).sum();
    if limits == 0 { 0 } else { (1 + limits) * ENTRY_BYTES + names }
}

/// The meter of whoever pays.
fn meter<P: Eq + Hash, M: Default>(meters: &mut HashMap<P, M>, payer: P, is_over: impl Fn(&mut M) -> bool) -> &mut M {
    if meters.len() >= METERS_MAX && meters.len() == meters.capacity() {
        meters.retain(|_, meter| !is_over(meter));
    }
    meters.entry(payer).or_default()
}

/// What one request wants to create and delete, measured against `controller_mutation_rate`.
///
/// Newer versions of a request are told which parts of it go too far, older ones are carried out whole and slowed down.
#[derive(Debug)]
pub struct Mutations<'a> {
    client_id: &'a str,
    strict: bool,
    now: Instant,
    /// For the response, in milliseconds.
    pub throttle_time_ms: i32,
}

impl<'a> Mutations<'a> {
    /// `strict_from` is the first version that knows the error.
    pub fn new(call: &'a Call, strict_from: i16) -> Self {
        Self {
            client_id: call.client_id(),
            strict: call.version >= strict_from,
            now: call.now.instant,
            throttle_time_ms: 0,
        }
    }

    /// Counts partitions that will be created or deleted, unless that has to wait.
    pub fn take(&mut self, quotas: &mut Quotas, config: &Config, partitions: usize) -> Result<(), ErrorCode> {
        let Some((payer, limit)) = quotas.find(Key::ControllerMutationRate, self.client_id) else { return Ok(()) };
        let (now, windows) = (self.now, Windows::for_mutations(config));
        let bucket = meter(&mut quotas.mutations, payer, |bucket| bucket.is_full(limit, now, windows));
        if self.strict {
            let throttle_ms = bucket.throttle_ms(limit, now, windows);
            if throttle_ms > 0 {
                self.throttle_time_ms = throttle_ms;
                return Err(ErrorCode::THROTTLING_QUOTA_EXCEEDED);
            }
            bucket.take(partitions as f64, limit, now, windows);
        } else {
            bucket.take(partitions as f64, limit, now, windows);
            self.throttle_time_ms = bucket.throttle_ms(limit, now, windows);
        }
        Ok(())
    }
}

impl Broker {
    /// Whether somebody may connect from this address: one more connection is within its quota.
    pub fn admits(&mut self, address: IpAddr, now: Now) -> bool {
        self.quotas.limits.is_empty() || self.quotas.admits(address.to_canonical(), &self.config, now)
    }

    /// Whether the driver has to measure how long requests take, and tell so with [`Broker::charge`].
    pub fn measures_requests(&self) -> bool {
        self.quotas.limits_requests()
    }

    /// The request that was handled last took so much of the thread's time. It counts for what comes after it.
    pub fn charge(&mut self, spent: Duration, now: Now) {
        self.quotas.charge(spent, &self.config, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(limits: &[(Option<&str>, Option<&str>, f64)]) -> Quotas {
        let part = |part: Option<&str>| {
            part.map(|name| if name.is_empty() { Name::Default } else { Name::Named(name.to_owned()) })
        };
        let mut quotas = Quotas::default();
        for (user, client_id, limit) in limits {
            let entity = Entity { user: part(*user), client_id: part(*client_id), ip: None };
            quotas.limits.entry(entity).or_default().insert(Key::ProducerByteRate, *limit);
        }
        quotas
    }

    #[test]
    fn the_most_special_quota_counts() {
        let all = [
            (Some(USER), Some("c"), 1.0, (USER, "c")),
            (Some(USER), Some(""), 2.0, (USER, "c")),
            (Some(USER), None, 3.0, (USER, "")),
            (Some(""), Some("c"), 4.0, (USER, "c")),
            (Some(""), Some(""), 5.0, (USER, "c")),
            (Some(""), None, 6.0, (USER, "")),
            (None, Some("c"), 7.0, ("", "c")),
            (None, Some(""), 8.0, ("", "c")),
        ];
        for (index, (_, _, limit, (user, client_id))) in all.into_iter().enumerate() {
            let limits: Vec<_> =
                all.iter().skip(index).map(|(user, client, limit, _)| (*user, *client, *limit)).collect();
            let found = quotas(&limits).find(Key::ProducerByteRate, "c");
            assert_eq!(found, Some(((user, client_id.to_owned()), limit)));
        }
        assert_eq!(quotas(&[]).find(Key::ProducerByteRate, "c"), None);
        let others = quotas(&[(Some("other"), None, 1.0), (None, Some("d"), 1.0)]);
        assert_eq!(others.find(Key::ProducerByteRate, "c"), None);
        assert_eq!(quotas(&[(Some(USER), None, 1.0)]).find(Key::ConsumerByteRate, "c"), None);
    }
}

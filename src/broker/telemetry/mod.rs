//! Telemetry of clients (KIP-714): which of their own metrics clients are asked to push, and how often.
//!
//! What is asked for is set as client metrics resources, by AlterConfigs and its like. A client gets an id and its
//! subscription with GetTelemetrySubscriptions, and pushes with PushTelemetry, once in the interval that it was told. A push
//! carries the number of the subscription, so that a client whose subscription has changed meanwhile finds out and asks
//! again.
//!
//! ```text
//!     GetTelemetrySubscriptions ──► PushTelemetry ──► PushTelemetry ──► … ──► PushTelemetry, terminating
//!                ▲                        │ UNKNOWN_SUBSCRIPTION_ID                    nothing after it
//!                └────────────────────────┘
//! ```
//!
//! Who receives the metrics is a plug-in in Kafka, and a Kafka that has none answers both requests, keeps nothing, and does
//! not list them in ApiVersions, so that clients do not push in vain. This broker does the same.

pub mod get_telemetry_subscriptions;
pub mod push_telemetry;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::configs::client_metrics::{Subscriptions, expression};
use super::{Broker, Call, ConnectionId};
use crate::wire::record_batch::checksum;
use crate::wire::{ErrorCode, Uuid};

/// How many clients are remembered; beyond that, the one that was not heard of for longest is forgotten.
const INSTANCES_MAX: usize = 16_384;
/// How many letters of what a client says of its software are of interest.
const SOFTWARE_LENGTH_MAX: usize = 256;
/// How many letters of what a client is chosen by are looked at.
const VALUE_LENGTH_MAX: usize = 256;
/// How often clients push when nothing is subscribed to, and at least.
const PUSH_INTERVAL_MS: i64 = 300_000;
/// The subscription to everything.
const ALL_METRICS: &str = "*";
/// Ids that no client has.
const RESERVED_IDS: [Uuid; 2] = [Uuid::ZERO, Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])];

/// A client's software, as it has introduced itself with ApiVersions.
#[derive(Debug, Clone, Default)]
struct Software {
    name: String,
    version: String,
}

/// A client with an id.
#[derive(Debug)]
struct Instance {
    push_interval: Duration,
    subscription_id: i32,
    /// To which state of the subscriptions that belongs.
    version: u64,
    asked_at: Option<Instant>,
    pushed_at: Option<Instant>,
    /// What came of its last push.
    last_push: ErrorCode,
    /// It has pushed for the last time.
    terminating: bool,
    /// When it was heard of last, counted in requests.
    used: u64,
}

impl Instance {
    /// Whether the client may ask again: only once in the interval, unless its push has shown that it has to ask.
    fn may_ask(&mut self, now: Instant) -> bool {
        let since = self.asked_at.max(self.pushed_at);
        let may = since.is_none_or(|since| now.saturating_duration_since(since) >= self.push_interval);
        if may {
            self.asked_at = Some(now);
        }
        let must = [ErrorCode::UNKNOWN_SUBSCRIPTION_ID, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE];
        may || must.contains(&std::mem::take(&mut self.last_push))
    }

    /// Whether the client may push: once in the interval, and at any time after it was told what to push.
    fn may_push(&mut self, now: Instant) -> bool {
        let is_due = |pushed_at: Instant| now.saturating_duration_since(pushed_at) >= self.push_interval;
        let may = self.asked_at > self.pushed_at || self.pushed_at.is_none_or(is_due);
        if may {
            self.pushed_at = Some(now);
        }
        may
    }
}

/// All clients that have an id.
#[derive(Debug, Default)]
pub struct Telemetry {
    software: HashMap<ConnectionId, Software>,
    instances: HashMap<Uuid, Instance>,
    by_use: BTreeMap<u64, Uuid>,
    uses: u64,
}

impl Telemetry {
    /// A client has said what its software is.
    pub fn introduce(&mut self, connection: ConnectionId, name: &str, version: &str) {
        if name.len().max(version.len()) <= SOFTWARE_LENGTH_MAX {
            let software = Software { name: name.to_owned(), version: version.to_owned() };
            self.software.insert(connection, software);
        }
    }

    /// The connection is gone.
    pub fn forget(&mut self, connection: ConnectionId) {
        self.software.remove(&connection);
    }

    /// The client with an id, known or new, and with what is subscribed to now.
    fn instance(&mut self, id: Uuid, call: &Call, subscriptions: &Subscriptions) -> &mut Instance {
        let known = self.instances.remove(&id);
        if let Some(known) = &known {
            self.by_use.remove(&known.used);
        }
        let mut instance = match known {
            Some(known) if known.version == subscriptions.version() => known,
            _ => self.create(id, call, subscriptions),
        };
        if self.instances.len() >= INSTANCES_MAX
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.instances.remove(&oldest);
        }
        self.uses += 1;
        instance.used = self.uses;
        self.by_use.insert(instance.used, id);
        self.instances.entry(id).or_insert(instance)
    }

    /// The metrics that a client is asked for, and how often, in milliseconds. They are not kept for each client: a few
    /// subscriptions for all clients would become large.
    fn wanted(&self, id: Uuid, call: &Call, subscriptions: &Subscriptions) -> (BTreeSet<String>, i64) {
        let software = self.software.get(&call.connection).cloned().unwrap_or_default();
        let (mut metrics, mut push_interval_ms) = (BTreeSet::new(), PUSH_INTERVAL_MS);
        for subscription in subscriptions.iter() {
            if subscription.matches.iter().all(|(selector, pattern)| matches(selector, pattern, id, call, &software)) {
                metrics.extend(subscription.metrics);
                push_interval_ms = push_interval_ms.min(subscription.interval_ms);
            }
        }
        if metrics.contains(ALL_METRICS) {
            metrics = BTreeSet::from([ALL_METRICS.to_owned()]);
        }
        (metrics, push_interval_ms)
    }

    fn create(&self, id: Uuid, call: &Call, subscriptions: &Subscriptions) -> Instance {
        let (metrics, push_interval_ms) = self.wanted(id, call, subscriptions);
        Instance {
            subscription_id: subscription_id(&metrics, push_interval_ms, id),
            push_interval: Duration::from_millis(u64::try_from(push_interval_ms).unwrap_or(0)),
            version: subscriptions.version(),
            asked_at: None,
            pushed_at: None,
            last_push: ErrorCode::NONE,
            terminating: false,
            used: 0,
        }
    }
}

/// Whether a client is one of those that a subscription chooses.
fn matches(selector: &str, pattern: &str, id: Uuid, call: &Call, software: &Software) -> bool {
    let value = match selector {
        "client_instance_id" => id.to_string(),
        "client_id" => call.client_id().to_owned(),
        "client_software_name" => software.name.clone(),
        "client_software_version" => software.version.clone(),
        "client_source_address" => call.client.peer.ip().to_canonical().to_string(),
        "client_source_port" => call.client.peer.port().to_string(),
        _ => return false,
    };
    // The value of a client is as long as the client wants; only so much of it is looked at.
    let value = value.get(..value.floor_char_boundary(VALUE_LENGTH_MAX)).unwrap_or_default();
    expression(&format!("^(?:{pattern})$")).is_some_and(|pattern| pattern.is_match(value))
}

/// A number that differs when something else is subscribed to, or by another client.
fn subscription_id(metrics: &BTreeSet<String>, push_interval_ms: i64, id: Uuid) -> i32 {
    let mut subscription = Vec::new();
    for metric in metrics {
        subscription.extend_from_slice(metric.as_bytes());
        subscription.push(b',');
    }
    subscription.extend_from_slice(&push_interval_ms.to_be_bytes());
    subscription.extend_from_slice(&id.0);
    checksum(&subscription).cast_signed()
}

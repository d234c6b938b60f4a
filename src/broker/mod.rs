//! The broker: a state machine that knows neither sockets nor clocks.
//!
//! Frames and the time go in; frames, connections to close and the next deadline come out:
//!
//! ```text
//!            handle(connection, frame, now) ──►┐                 ┌──► poll_output(): answers, closes
//!                            end_turn(now)  ──►│ Broker: a state │
//!                      forget(connection)   ──►│ and its APIs    │──► next_deadline(): how long to sleep
//!                                              └─────────────────┘
//! ```
//!
//! Whoever drives it does so in turns: any number of frames, then [`Broker::end_turn`], which expires what is due and wakes
//! the requests that wait for what this turn has appended, then everything that `poll_output` has. A test drives it with a
//! clock of its own, so that an hour of rebalances passes in a millisecond.
//!
//! A folder here is a state and the APIs that work on it: [`topics`], [`produce`], [`fetch`], [`groups`], [`transactions`],
//! [`configs`], [`quotas`], [`telemetry`], [`security`], [`cluster`]. [`api`] is the table of APIs, [`dispatch`] finds a
//! frame's row in it, [`ticket`] is the duty to answer, [`parking`] keeps the fetches that wait, [`kept`] counts what clients
//! make the broker remember.

pub mod api;
pub mod cluster;
pub mod configs;
pub mod deadlines;
pub mod dispatch;
pub mod fetch;
pub mod groups;
pub mod kept;
pub mod log;
pub mod parking;
pub mod produce;
pub mod quotas;
pub mod random;
pub mod security;
mod sentences;
pub mod telemetry;
pub mod ticket;
pub mod topics;
pub mod transactions;

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use self::cluster::features::Features;
use self::configs::Configs;
use self::deadlines::Deadlines;
use self::fetch::sessions::FetchSessions;
use self::groups::Groups;
use self::kept::Kept;
use self::parking::{ParkedFetchId, Parking};
use self::quotas::Quotas;
use self::random::Random;
use self::security::scram::Credentials;
use self::telemetry::Telemetry;
use self::ticket::Outbox;
use self::topics::{Topic, Topics};
use self::transactions::Transactions;
use crate::budget::Budget;
use crate::config::dynamic::Scope;
use crate::config::topic::Overrides;
use crate::config::{Config, StartTopic};
use crate::wire::Uuid;
use crate::wire::payload::SharedBuffer;

pub use self::deadlines::Now;
pub use self::dispatch::{Call, Client};
pub use self::ticket::{ConnectionId, Output};

/// The leader epoch of every partition: a single broker is never succeeded by another.
pub const LEADER_EPOCH: i32 = 0;

/// How much an administrator may change with one request, as in Kafka: so many settings, quotas, topics and partitions together.
const CHANGES_MAX: usize = 10_000;
/// What Kafka says to a request for more.
const TOO_MANY_CHANGES: &str = "Unable to perform excessively large batch operation.";

/// What can become due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    /// A Fetch has waited for its `max_wait_ms`.
    Fetch(ParkedFetchId),
    /// Something in a consumer group.
    Group(groups::Deadline),
    /// Something with transactions.
    Transaction(transactions::Deadline),
    /// Old records are to be deleted or compacted.
    Log(log::upkeep::Deadline),
    /// It is time to forget producers that have been silent for `producer.id.expiration.ms`.
    ExpireProducers,
}

/// A whole single-node Kafka cluster.
#[derive(Debug)]
pub struct Broker {
    config: Config,
    budget: Budget,
    /// When the logs were searched last for records to delete because memory was used up.
    relieved_at: Option<Instant>,
    cluster_id: String,
    random: Random,
    configs: Configs,
    /// The log that is being compacted.
    compacting: Option<log::upkeep::Compacting>,
    topics: Topics,
    groups: Groups,
    /// The memory of what clients have set or committed.
    kept: Kept,
    transactions: Transactions,
    features: Features,
    /// The directory in which the broker, as a voter, would keep the cluster's metadata; zero while `kraft.version` is 0.
    voter_directory: Uuid,
    credentials: Credentials,
    parking: Parking,
    fetch_sessions: FetchSessions,
    quotas: Quotas,
    telemetry: Telemetry,
    deadlines: Deadlines<Deadline>,
    outbox: Outbox,
}

impl Broker {
    /// An empty broker. All its identifiers follow from the seed; what it holds for clients counts in the budget.
    pub fn new(mut config: Config, budget: Budget, seed: u64, now: Now) -> Self {
        config.keep_for_all_brokers();
        let mut random = Random::new(seed);
        let mut broker = Self {
            cluster_id: random.uuid().to_string(),
            groups: Groups::default(),
            configs: Configs::default(),
            compacting: None,
            kept: Kept::new(&budget),
            topics: Topics::new(budget.clone()),
            transactions: Transactions::default(),
            features: Features::default(),
            voter_directory: Uuid::ZERO,
            credentials: Credentials::default(),
            parking: Parking::default(),
            fetch_sessions: FetchSessions::new(&config, &budget),
            quotas: Quotas::default(),
            telemetry: Telemetry::default(),
            deadlines: Deadlines::default(),
            outbox: Outbox::new(),
            relieved_at: None,
            random,
            config,
            budget,
        };
        produce::schedule_expiry(&mut broker, now);
        groups::schedule_expiry(&mut broker, now);
        log::upkeep::schedule(&mut broker, now);
        transactions::schedule_expiry(&mut broker, now);
        broker
    }

    /// Takes one frame of a connection that waits for no answer, without its length.
    pub fn handle(&mut self, connection: ConnectionId, client: Client, frame: Bytes, now: Now) {
        dispatch::dispatch(self, connection, client, frame, now);
    }

    /// Does what is due by now, and wakes the fetches whose partitions have grown.
    pub fn end_turn(&mut self, now: Now) {
        while let Some(deadline) = self.deadlines.pop_due(now.instant) {
            match deadline {
                Deadline::Fetch(id) => fetch::on_max_wait(self, id, now),
                Deadline::Group(deadline) => groups::on_deadline(self, deadline, now),
                Deadline::Transaction(deadline) => transactions::on_deadline(self, deadline, now),
                Deadline::Log(deadline) => log::upkeep::on_deadline(self, deadline, now),
                Deadline::ExpireProducers => produce::on_expiry(self, now),
            }
        }
        fetch::wake(self, now);
    }

    /// The properties as they are now: clients can change some of them.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The moment at which `end_turn` has something to do even if no frame comes.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// What is to be done with connections, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop_front()
    }

    /// The bytes that are held for clients, but for those of logs: see [`Broker::buffers`].
    pub fn held_bytes(&self) -> usize {
        self.waiting_bytes()
            + self.groups.offsets_bytes()
            + self.fetch_sessions.held_bytes()
            + self.kept.bytes()
            + self.compacting.as_ref().map_or(0, log::upkeep::Compacting::held_bytes)
    }

    /// The bytes of requests that wait and of members of groups: nothing of it outlives its client for long.
    pub fn waiting_bytes(&self) -> usize {
        self.parking.held_bytes() + self.groups.members_bytes()
    }

    /// What clients have made the broker remember, counted from the beginning.
    fn kept_bytes(&self) -> usize {
        let topics = self.topics.sorted().into_iter().map(|topic| kept::settings_bytes(&topic.configs)).sum::<usize>();
        let scopes = [Scope::ThisBroker, Scope::AllBrokers].into_iter();
        let broker = scopes.map(|scope| kept::broker_settings_bytes(self.config.changes(scope))).sum::<usize>();
        topics
            + broker
            + self.configs.held_bytes()
            + self.quotas.held_bytes()
            + self.credentials.held_bytes()
            + self.transactions.held_bytes()
    }

    /// The memory of all logs.
    pub fn buffers(&self) -> impl Iterator<Item = &SharedBuffer> {
        self.topics.partitions().flat_map(|partition| partition.log.buffers())
    }

    /// What must hold between two turns.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn invariants(&self) {
        assert!(self.outbox.is_empty(), "what is to be done was done");
        self.topics.invariants();
        self.groups.invariants();
        self.parking.invariants();
        self.fetch_sessions.invariants();
        assert_eq!(self.kept.bytes(), self.kept_bytes(), "what is kept is what is counted");
    }

    /// The connections whose fetches wait.
    pub fn parked(&self) -> impl Iterator<Item = ConnectionId> {
        self.parking.connections()
    }

    /// The connection is gone, and with it the fetch that may wait for it.
    pub fn forget(&mut self, connection: ConnectionId) {
        self.telemetry.forget(connection);
        if let Some((at, id)) = self.parking.forget(connection) {
            self.deadlines.cancel(at, Deadline::Fetch(id));
        }
    }

    /// The host and port that a client is told to connect to: what `advertised.listeners` says for its listener, else the
    /// address at which it has reached us.
    fn endpoint(&self, client: &Client) -> (String, i32) {
        let listener = self.config.listeners.get(client.listener);
        let advertised = listener.and_then(|listener| self.config.advertised(&listener.name));
        let host = advertised.map(|advertised| advertised.host.clone()).filter(|host| !host.is_empty());
        let port = advertised.map(|advertised| advertised.port).filter(|port| *port != 0);
        (host.unwrap_or_else(|| reachable_host(client.local)), i32::from(port.unwrap_or(client.local.port())))
    }

    /// Creates a topic of the command line, whose name has been checked. The first of two with the same name counts.
    pub fn create_start_topic(&mut self, topic: &StartTopic) {
        if self.topics.get(&topic.name).is_none() {
            let partitions = topic.partitions.unwrap_or(self.config.num_partitions);
            self.create_topic(&topic.name, partitions, Overrides::new());
        }
    }

    /// Creates a topic whose name has been checked and is not taken.
    fn create_topic(&mut self, name: &str, partitions: i32, configs: Overrides) -> &Topic {
        self.kept.replace(0, kept::settings_bytes(&configs));
        let partitions = usize::try_from(partitions).expect("the number of partitions has been checked");
        self.topics.create(name, partitions, configs, &self.config, &mut self.random)
    }
}

/// An address as a client can dial it: an IPv4 client of an IPv6 socket is told an IPv4 address.
fn reachable_host(local: SocketAddr) -> String {
    local.ip().to_canonical().to_string()
}

//! Drives a broker without sockets and without a clock: frames go in, frames come out, and time passes when the test says.
//!
//! A test speaks in typed messages. Each goes through the whole way of a real one: encoded with its header into a frame,
//! dispatched, answered, and decoded again down to the last byte. As over a socket, a connection has at most one request
//! under way.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use kafka_rs::broker::api::{self, Api};
use kafka_rs::broker::{Broker, Client, ConnectionId, Now, Output};
use kafka_rs::budget::Budget;
use kafka_rs::config::Config;
use kafka_rs::wire::header::{self, RequestStart};
use kafka_rs::wire::schema::Shape;
use kafka_rs::wire::{Field, Message, Reader, Writer, messages};

/// How many bytes the length in front of a frame takes.
const LENGTH_BYTES: usize = 4;

/// A request with the key of its API and the response that answers it.
pub trait Exchange: Message {
    const KEY: i16;
    type Response: Message;
}

macro_rules! exchanges {
    ($($key:literal $module:ident;)*) => { $(
        impl Exchange for messages::$module::Request {
            const KEY: i16 = $key;
            type Response = messages::$module::Response;
        }
    )*

        /// The schema of an API's requests.
        pub fn request_shape(key: i16) -> Option<Shape> {
            match key {
                $( $key => Some(<messages::$module::Request as Field>::SHAPE), )*
                _ => None,
            }
        }
    };
}

exchanges! {
    0 produce;
    1 fetch;
    2 list_offsets;
    3 metadata;
    8 offset_commit;
    9 offset_fetch;
    10 find_coordinator;
    11 join_group;
    12 heartbeat;
    13 leave_group;
    14 sync_group;
    15 describe_groups;
    16 list_groups;
    17 sasl_handshake;
    18 api_versions;
    19 create_topics;
    20 delete_topics;
    21 delete_records;
    22 init_producer_id;
    23 offset_for_leader_epoch;
    24 add_partitions_to_txn;
    25 add_offsets_to_txn;
    26 end_txn;
    27 write_txn_markers;
    28 txn_offset_commit;
    29 describe_acls;
    30 create_acls;
    31 delete_acls;
    32 describe_configs;
    33 alter_configs;
    34 alter_replica_log_dirs;
    35 describe_log_dirs;
    36 sasl_authenticate;
    37 create_partitions;
    38 create_delegation_token;
    39 renew_delegation_token;
    40 expire_delegation_token;
    41 describe_delegation_token;
    42 delete_groups;
    43 elect_leaders;
    44 incremental_alter_configs;
    45 alter_partition_reassignments;
    46 list_partition_reassignments;
    47 offset_delete;
    48 describe_client_quotas;
    49 alter_client_quotas;
    50 describe_user_scram_credentials;
    51 alter_user_scram_credentials;
    55 describe_quorum;
    57 update_features;
    60 describe_cluster;
    61 describe_producers;
    64 unregister_broker;
    65 describe_transactions;
    66 list_transactions;
    71 get_telemetry_subscriptions;
    72 push_telemetry;
    74 list_config_resources;
    75 describe_topic_partitions;
    80 add_raft_voter;
    81 remove_raft_voter;
}

/// A connection of the driver's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Connection(usize);

#[derive(Debug)]
struct Peer {
    id: ConnectionId,
    client: Client,
    client_id: String,
    /// The request that is not answered yet.
    asked: Option<(&'static Api, i16, i32)>,
    /// The answer that the test has not looked at yet.
    answer: Option<(&'static Api, i16, Bytes)>,
    /// Why the broker has closed the connection.
    closed: Option<String>,
    /// Until when the broker wants to read nothing from the connection.
    muted_until: Option<Instant>,
}

/// A broker, its clients and their time.
#[derive(Debug)]
pub struct Driver {
    pub broker: Broker,
    /// What the broker holds for its clients, as far as it is not in a connection: there are none.
    pub budget: Budget,
    pub now: Now,
    peers: BTreeMap<Connection, Peer>,
    next_correlation_id: i32,
}

impl Default for Driver {
    fn default() -> Self {
        Self::new(Config::default(), 1)
    }
}

impl Driver {
    pub fn new(config: Config, seed: u64) -> Self {
        let now = Now { instant: Instant::now(), unix_ms: 1_700_000_000_000 };
        let budget = usize::try_from(config.memory_max_bytes).map_or_else(|_| Budget::default(), Budget::new);
        let broker = Broker::new(config, budget.clone(), seed, now);
        Self { broker, budget, now, peers: BTreeMap::new(), next_correlation_id: 0 }
    }

    /// A driver whose broker differs from the default in some properties.
    pub fn with(properties: &[(&str, &str)]) -> Self {
        let mut config = Config::default();
        for (name, value) in properties {
            config.set(name, value).expect("a property of the table");
        }
        Self::new(config, 1)
    }

    /// A new connection, whose client calls itself `test`.
    pub fn connect(&mut self) -> Connection {
        self.connect_as("test")
    }

    pub fn connect_as(&mut self, client_id: &str) -> Connection {
        let slot = self.peers.len();
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let port = u16::try_from(slot % 10_000).expect("a remainder") + 50_000;
        let client = Client { peer: address(port), local: address(9092), listener: 0 };
        let id = ConnectionId { slot, generation: 1 };
        let client_id = client_id.to_owned();
        self.peers.insert(
            Connection(slot),
            Peer { id, client, client_id, asked: None, answer: None, closed: None, muted_until: None },
        );
        Connection(slot)
    }

    /// The client hangs up.
    pub fn disconnect(&mut self, connection: Connection) {
        let peer = self.peers.get_mut(&connection).expect("a connection of this driver");
        peer.closed.get_or_insert_with(|| "the client has hung up".to_owned());
        self.broker.forget(peer.id);
    }

    /// Sends a request and lets the broker end its turn.
    pub fn send<Q: Exchange>(&mut self, connection: Connection, version: i16, request: &Q) {
        self.submit(connection, version, request);
        self.end_turn();
    }

    /// Sends a request in a turn that goes on: others may follow before [`Driver::end_turn`].
    pub fn submit<Q: Exchange>(&mut self, connection: Connection, version: i16, request: &Q) {
        let api = api::find(Q::KEY).expect("an API of the table");
        let mut body = Writer::new(version, api.is_flexible(version));
        request.write(&mut body);
        self.submit_body(connection, api, version, body.finish().to_bytes().slice(LENGTH_BYTES..));
    }

    /// Sends bytes as the body of a request, well-formed or not, in a turn that goes on.
    pub fn submit_body(&mut self, connection: Connection, api: &'static Api, version: i16, body: Bytes) {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id += 1;
        let peer = self.peers.get_mut(&connection).expect("a connection of this driver");
        assert!(peer.closed.is_none(), "the connection is closed: {:?}", peer.closed);
        assert!(peer.asked.is_none(), "the connection waits for an answer: {:?}", peer.asked);
        peer.asked = Some((api, version, correlation_id));
        let mut writer = Writer::new(version, api.is_flexible(version));
        let start = RequestStart { api_key: api.key, api_version: version, correlation_id };
        header::write_request(&mut writer, start, Some(&peer.client_id));
        writer.raw(&body);
        let mut frame = writer.finish().to_bytes();
        frame.advance(LENGTH_BYTES);
        self.broker.handle(peer.id, peer.client, frame, self.now);
    }

    /// The answer that has come, if one has; the test has to know to which request.
    pub fn answer<Q: Exchange>(&mut self, connection: Connection) -> Option<Q::Response> {
        let peer = self.peers.get_mut(&connection).expect("a connection of this driver");
        let (api, version, body) = peer.answer.take()?;
        assert_eq!(api.key, Q::KEY, "this is the answer to {}", api.name);
        let mut reader = Reader::new(body, version, api.is_flexible(version));
        let response = Q::Response::read(&mut reader).expect("a response that can be decoded");
        reader.finish().expect("a response without bytes left over");
        Some(response)
    }

    /// Sends a request that is answered at once.
    pub fn ask<Q: Exchange>(&mut self, connection: Connection, version: i16, request: &Q) -> Q::Response {
        self.send(connection, version, request);
        match self.answer::<Q>(connection) {
            Some(response) => response,
            None => panic!("no answer to {request:?}, closed: {:?}", self.closed(connection)),
        }
    }

    /// Whether a request of this connection is not answered yet.
    pub fn is_waiting(&self, connection: Connection) -> bool {
        self.peers[&connection].asked.is_some()
    }

    /// For how long the broker reads nothing from the connection.
    pub fn muted_ms(&self, connection: Connection) -> u128 {
        let until = self.peers[&connection].muted_until;
        until.map_or(0, |until| until.saturating_duration_since(self.now.instant).as_millis())
    }

    /// Why the broker has closed the connection, if it has.
    pub fn closed(&self, connection: Connection) -> Option<&str> {
        self.peers[&connection].closed.as_deref()
    }

    /// Lets time pass. The broker gets its turn at each moment at which it asked for one.
    pub fn advance_ms(&mut self, ms: u64) {
        let end = self.now.instant + Duration::from_millis(ms);
        while let Some(at) = self.broker.next_deadline().filter(|at| *at <= end) {
            self.sleep_until(at);
            self.end_turn();
            assert!(self.broker.next_deadline().is_none_or(|next| next > at), "what is due is done in one turn");
        }
        self.sleep_until(end);
    }

    fn sleep_until(&mut self, at: Instant) {
        let slept = at.saturating_duration_since(self.now.instant);
        self.now.unix_ms += i64::try_from(slept.as_millis()).expect("a test of less than an aeon");
        self.now.instant = self.now.instant.max(at);
    }

    /// Ends the broker's turn and takes what it wants done.
    pub fn end_turn(&mut self) {
        self.broker.end_turn(self.now);
        while let Some(output) = self.broker.poll_output() {
            match output {
                Output::Answer { connection, frame } => self.take_answer(connection, frame.to_bytes()),
                Output::Done { connection } => drop(self.take_asked(connection)),
                Output::Mute { connection, ms } => {
                    self.peer(connection).muted_until = Some(self.now.after_ms(ms));
                }
                Output::Close { connection, reason } => {
                    let _ = self.take_asked(connection);
                    self.peer(connection).closed.get_or_insert(reason);
                }
            }
        }
    }

    fn peer(&mut self, id: ConnectionId) -> &mut Peer {
        let peer = self.peers.get_mut(&Connection(id.slot)).expect("a connection of this driver");
        assert_eq!(peer.id, id);
        peer
    }

    fn take_asked(&mut self, id: ConnectionId) -> Option<(&'static Api, i16, i32)> {
        let peer = self.peer(id);
        let asked = peer.asked.take();
        assert!(asked.is_some() || peer.closed.is_some(), "the broker answers a request that nobody has made");
        asked
    }

    fn take_answer(&mut self, id: ConnectionId, mut frame: Bytes) {
        let (api, version, correlation_id) = self.take_asked(id).expect("a request that is answered once");
        assert_eq!(frame.get_u32() as usize, frame.len(), "the length in front of the frame");
        let mut reader = Reader::new(frame.clone(), version, false);
        let read = header::read_response(&mut reader, api.response_header_is_flexible(version));
        assert_eq!(read.expect("a header"), correlation_id);
        frame.advance(frame.len() - reader.left());
        self.peer(id).answer = Some((api, version, frame));
    }
}

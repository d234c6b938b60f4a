//! The whole broker over real sockets: what connections may do, what they must not, and where the broker says that it is.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_rs::broker::api::APIS;
use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::{api_versions, create_topics, fetch, metadata, produce};
use kafka_rs::{Broker, Config, RunningBroker};

use crate::records::Batch;
use crate::requests::{Fetch, Topic, partitions, produce_request, want, want_bytes};
use crate::socket::{Received, Socket, decode};

fn config(properties: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    config.set("listeners", "PLAINTEXT://localhost:0").expect("a good value");
    for (name, value) in properties {
        config.set(name, value).expect("a property of the table");
    }
    config
}

pub fn start(properties: &[(&str, &str)]) -> RunningBroker {
    Broker::start(config(properties)).expect("a free port")
}

pub fn connect(broker: &RunningBroker) -> Socket {
    Socket::connect(broker.addresses()[0])
}

/// A client of version 4, which names what it is.
fn client() -> api_versions::Request {
    api_versions::Request { client_software_name: "test".to_owned(), client_software_version: "1".to_owned() }
}

pub fn create_topic(socket: &mut Socket, name: &str) -> Topic {
    let topic = create_topics::CreatableTopic {
        name: name.to_owned(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let response = socket.ask(7, &create_topics::Request { topics: vec![topic], ..Default::default() });
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
    Topic { name: name.to_owned(), id: response.topics[0].topic_id }
}

fn append(socket: &mut Socket, topic: &Topic, batch: &Batch) {
    let response = socket.ask(12, &produce_request(1, &[(topic, 0, batch.encode())]));
    assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
}

/// A fetch from the end of an empty topic, which waits for a minute.
fn endless(topic: &Topic) -> fetch::Request {
    Fetch::of(vec![want(topic, 0, 0)]).waiting(60_000, 1).request()
}

/// Waits for a condition that another thread brings about.
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + crate::socket::PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_hundred_requests_in_one_write_are_answered_in_order() {
    let broker = start(&[]);
    let mut socket = connect(&broker);
    let frames: Vec<_> = (0..100).map(|id| Socket::frame((id % 5) as i16, id, &client())).collect();
    socket.write(&frames.concat());
    for id in 0..100 {
        let Received::Frame(frame) = socket.next() else { panic!("no answer to {id}") };
        let (correlation_id, response) = decode::<api_versions::Request>((id % 5) as i16, frame);
        assert_eq!((correlation_id, response.error_code), (id, ErrorCode::NONE));
    }
}

#[test]
fn a_request_may_come_a_byte_at_a_time() {
    let broker = start(&[]);
    let mut socket = connect(&broker);
    for round in 0..3 {
        for byte in Socket::frame(4, round, &client()) {
            socket.write(&[byte]);
        }
        let Received::Frame(frame) = socket.next() else { panic!("no answer") };
        assert_eq!(decode::<api_versions::Request>(4, frame).0, round);
    }
}

#[test]
fn who_only_listens_any_more_gets_his_answers() {
    let broker = start(&[]);
    let mut socket = connect(&broker);
    let frames: Vec<_> = (0..200).map(|id| Socket::frame(4, id, &client())).collect();
    socket.write(&frames.concat());
    socket.end();
    for id in 0..200 {
        let Received::Frame(frame) = socket.next() else { panic!("no answer to {id}") };
        assert_eq!(decode::<api_versions::Request>(4, frame).0, id);
    }
    assert_eq!(socket.next(), Received::End);
}

#[test]
fn api_versions_lists_what_the_table_has() {
    let broker = start(&[]);
    let mut socket = connect(&broker);
    let listed = APIS.iter().filter(|api| api.is_listed());
    let expect: Vec<_> = listed.map(|api| (api.key, api.min_version, api.max_version)).collect();
    for version in 0..=4 {
        let response = socket.ask(version, &client());
        assert_eq!(response.error_code, ErrorCode::NONE);
        let rows = response.api_keys.iter().map(|row| (row.api_key, row.min_version, row.max_version));
        assert_eq!(rows.collect::<Vec<_>>(), expect, "v{version}");
    }
    for name in ["", "two words", "-x", "x\n"] {
        let request = api_versions::Request { client_software_name: name.to_owned(), ..client() };
        assert_eq!(socket.ask(4, &request).error_code, ErrorCode::INVALID_REQUEST, "{name:?}");
        assert_eq!(socket.ask(2, &request).error_code, ErrorCode::NONE, "older versions have no name");
    }
}

#[test]
fn a_version_of_the_future_is_told_what_there_is() {
    let broker = start(&[]);
    let mut socket = connect(&broker);
    for version in [5i16, 99, i16::MAX] {
        // What follows the correlation id cannot be known.
        let frame = [&18i16.to_be_bytes()[..], &version.to_be_bytes(), &77i32.to_be_bytes(), b"anything"].concat();
        socket.write(&[&(frame.len() as u32).to_be_bytes()[..], &frame].concat());
        let Received::Frame(frame) = socket.next() else { panic!("no answer to v{version}") };
        let (correlation_id, response) = decode::<api_versions::Request>(0, frame);
        assert_eq!((correlation_id, response.error_code), (77, ErrorCode::UNSUPPORTED_VERSION));
        let rows: Vec<_> =
            response.api_keys.iter().map(|row| (row.api_key, row.min_version, row.max_version)).collect();
        assert_eq!(rows, [(18, 0, 4)], "v{version}");
        assert_eq!(socket.ask(4, &client()).error_code, ErrorCode::NONE, "the connection goes on");
    }
}

/// A frame of these bytes.
fn framed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// A request without its length, from its parts.
fn raw(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let client_id = [0, 1, b'c'];
    [&key.to_be_bytes()[..], &version.to_be_bytes(), &[0, 0, 0, 9], &client_id, body].concat()
}

#[test]
fn bytes_behind_a_request_are_ignored() {
    let broker = start(&[]);
    let mut socket = connect(&broker);
    create_topic(&mut socket, "orders");
    // Some versions of librdkafka ask for all topics with a null of four bytes instead of one.
    for version in 9..=13 {
        socket.write(&framed(&raw(3, version, &[0, 0, 0, 0, 0, 1, 0, 0])));
        let Received::Frame(frame) = socket.next() else { panic!("no answer to v{version}") };
        let (_, response) = decode::<metadata::Request>(version, frame);
        assert_eq!(response.topics[0].name.as_deref(), Some("orders"), "v{version}");
    }
    assert!(socket.is_served());
}

#[test]
fn the_last_answer_arrives_although_more_was_sent_than_read() {
    let broker = start(&[]);
    for _ in 0..20 {
        let mut socket = connect(&broker);
        let mut bytes = [&Socket::frame(4, 5, &client())[..], &[0xff; 4]].concat();
        bytes.resize(bytes.len() + 500_000, 0xee);
        socket.write(&bytes);
        assert!(matches!(socket.next(), Received::Frame(_)));
        assert_eq!(socket.next(), Received::End);
    }
}

#[test]
fn acks_0_has_no_answer_and_its_errors_end_the_connection() {
    let broker = start(&[]);
    let mut socket = connect(&broker);
    let topic = create_topic(&mut socket, "orders");
    let batch = Batch::of(&["a"]);
    for offset in 0..3 {
        socket.send(12, &produce_request(0, &[(&topic, 0, batch.encode())]));
        // The next answer is the one to the next request.
        let response = socket.ask(12, &Fetch::of(vec![want(&topic, 0, offset)]).request());
        assert_eq!(partitions(&response), [(0, ErrorCode::NONE, batch.stored_at(offset))]);
    }
    socket.send(12, &produce_request(0, &[(&topic, 7, batch.encode())]));
    assert_eq!(socket.next(), Received::End);
    assert!(connect(&broker).is_served());
}

#[test]
fn requests_behind_a_fetch_that_waits_are_answered_after_it() {
    let broker = start(&[]);
    let (mut socket, mut producer) = (connect(&broker), connect(&broker));
    let topic = create_topic(&mut producer, "orders");
    let frames =
        [Socket::frame(12, 1, &endless(&topic)), Socket::frame(4, 2, &client()), Socket::frame(4, 3, &client())];
    socket.write(&frames.concat());
    assert_eq!(socket.next_within(Duration::from_millis(50)), Received::Nothing);
    let batch = Batch::of(&["a"]);
    append(&mut producer, &topic, &batch);
    let Received::Frame(frame) = socket.next() else { panic!("the fetch is not answered") };
    let (correlation_id, response) = decode::<fetch::Request>(12, frame);
    assert_eq!((correlation_id, partitions(&response)), (1, vec![(0, ErrorCode::NONE, batch.stored_at(0))]));
    for expect in [2, 3] {
        let Received::Frame(frame) = socket.next() else { panic!("no answer to {expect}") };
        assert_eq!(decode::<api_versions::Request>(4, frame).0, expect);
    }
}

#[test]
fn a_fetch_that_waits_is_answered_in_time() {
    let broker = start(&[]);
    let mut socket = connect(&broker);
    let topic = create_topic(&mut socket, "orders");
    let begin = Instant::now();
    let response = socket.ask(12, &Fetch::of(vec![want(&topic, 0, 0)]).waiting(150, 1).request());
    let waited = begin.elapsed();
    assert_eq!(partitions(&response), [(0, ErrorCode::NONE, Bytes::new())]);
    assert!(waited >= Duration::from_millis(150) && waited < Duration::from_secs(5), "{waited:?}");
}

#[test]
fn large_answers_do_not_hold_up_the_requests_behind_them() {
    let broker = start(&[("message.max.bytes", "8000000")]);
    let mut socket = connect(&broker);
    let topic = create_topic(&mut socket, "orders");
    let batch = Batch::of_size(6_000_000);
    append(&mut socket, &topic, &batch);
    append(&mut socket, &topic, &Batch::of_size(1_100_000));
    for round in 0..20 {
        // Around the size at which a connection has so much to write that its next request waits.
        let offset = i64::from(round % 2);
        let request = Fetch::of(vec![want_bytes(&topic, 0, offset, 1)]).request();
        let frames = [Socket::frame(12, 1, &request), Socket::frame(4, 2, &client()), Socket::frame(12, 3, &request)];
        socket.write(&frames.concat());
        for expect in 1..=3 {
            let Received::Frame(frame) = socket.next() else { panic!("round {round}: no answer to {expect}") };
            assert_eq!(i32::from_be_bytes(*frame.first_chunk().expect("a correlation id")), expect);
        }
    }
}

#[test]
fn a_client_that_does_not_read_stalls_nobody() {
    let broker = start(&[]);
    let mut producer = connect(&broker);
    let topic = create_topic(&mut producer, "orders");
    let batch = Batch::of_size(1_000_000);
    append(&mut producer, &topic, &batch);
    let count = 100;
    let request = Fetch::of(vec![want(&topic, 0, 0)]).request();
    let mut deaf: Vec<_> = (0..4).map(|_| connect(&broker)).collect();
    for socket in &mut deaf {
        let frames: Vec<_> = (0..count).map(|id| Socket::frame(12, id, &request)).collect();
        socket.write(&frames.concat());
    }
    let begin = Instant::now();
    for _ in 0..500 {
        assert!(producer.is_served());
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?} for 500 small requests", begin.elapsed());
    // Once it reads, it finds every answer.
    let stored = batch.stored_at(0);
    for id in 0..count {
        let Received::Frame(frame) = deaf[0].next() else { panic!("no answer to {id}") };
        let (correlation_id, response) = decode::<fetch::Request>(12, frame);
        assert_eq!(correlation_id, id);
        assert!(partitions(&response)[0].2 == stored);
    }
}

#[test]
fn a_large_request_comes_in_pieces_while_others_are_served() {
    let broker = start(&[("message.max.bytes", "30000000")]);
    let (mut large, mut small) = (connect(&broker), connect(&broker));
    let topic = create_topic(&mut small, "orders");
    let batch = Batch::of_size(20_000_000);
    let frame = Socket::frame(12, 1, &produce_request(1, &[(&topic, 0, batch.encode())]));
    for piece in frame.chunks(frame.len() / 20) {
        large.write(piece);
        assert!(small.is_served());
    }
    let Received::Frame(frame) = large.next() else { panic!("no answer") };
    let (_, response) = decode::<produce::Request>(12, frame);
    assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
    let response = small.ask(12, &Fetch::of(vec![want(&topic, 0, 0)]).request());
    assert!(partitions(&response)[0].2 == batch.stored_at(0));
}

#[test]
fn who_leaves_while_a_fetch_waits_leaves_nothing_behind() {
    let broker = start(&[("max.connections", "2")]);
    let mut producer = connect(&broker);
    let topic = create_topic(&mut producer, "orders");
    for round in 0..10 {
        let mut leaver = connect(&broker);
        leaver.send(12, &Fetch::of(vec![want(&topic, 0, round)]).waiting(60_000, 1).request());
        drop(leaver);
        // There is room for one more, so this one is served only when the other is gone. It may get the same slot, and
        // must not get the other's answer.
        let mut next = connect(&broker);
        next.ask(4, &client());
        append(&mut producer, &topic, &Batch::of(&["a"]));
        assert_eq!(next.ask(4, &client()).error_code, ErrorCode::NONE, "round {round}");
    }
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let broker = start(&[("max.connections", "2")]);
    let (mut first, mut second) = (connect(&broker), connect(&broker));
    assert!(first.is_served() && second.is_served());
    let mut third = connect(&broker);
    third.send(4, &client());
    assert_eq!(third.next_within(Duration::from_millis(100)), Received::Nothing);
    drop(first);
    assert_eq!(third.receive::<api_versions::Request>(4).error_code, ErrorCode::NONE);
    assert!(second.is_served());
}

#[test]
fn one_address_may_open_so_many_connections() {
    let broker = start(&[("max.connections.per.ip", "2")]);
    let (mut first, mut second) = (connect(&broker), connect(&broker));
    assert!(first.is_served() && second.is_served());
    assert!(!connect(&broker).is_served());
    assert!(first.is_served() && second.is_served());
    drop(first);
    eventually("a place that is free again", || connect(&broker).is_served());
}

#[test]
fn idle_connections_are_closed_and_others_are_not() {
    let limit = Duration::from_millis(400);
    let broker = start(&[("connections.max.idle.ms", "400")]);
    let (mut idle, mut half, mut busy, mut waiting) =
        (connect(&broker), connect(&broker), connect(&broker), connect(&broker));
    let topic = create_topic(&mut busy, "orders");
    half.write(&Socket::frame(4, 1, &client())[..9]);
    let begin = Instant::now();
    assert!(idle.is_served());
    waiting.send(12, &Fetch::of(vec![want(&topic, 0, 0)]).waiting(1_500, 1).request());
    let short = Fetch::of(vec![want(&topic, 0, 0)]).waiting(100, 1).request();
    while begin.elapsed() < 3 * limit {
        busy.ask(12, &short);
    }
    // Both were closed long before: nothing has to be waited for.
    assert_eq!(idle.next_within(Duration::from_millis(1)), Received::End);
    assert_eq!(half.next_within(Duration::from_millis(1)), Received::End, "half a request is no activity for ever");
    assert_eq!(waiting.receive::<fetch::Request>(12).error_code, ErrorCode::NONE, "it waited for the broker");
    assert!(busy.is_served());
}

#[test]
fn a_connection_that_sends_is_closed_only_after_it_stops() {
    let broker = start(&[("connections.max.idle.ms", "300")]);
    let mut socket = connect(&broker);
    assert!(socket.is_served());
    let begin = Instant::now();
    assert_eq!(socket.next(), Received::End);
    let idle = begin.elapsed();
    assert!(idle >= Duration::from_millis(290) && idle < Duration::from_secs(5), "{idle:?}");
}

#[test]
fn twenty_brokers_live_side_by_side() {
    let mut brokers: Vec<_> = (0..20).map(|_| start(&[])).collect();
    let ports: HashSet<_> = brokers.iter().map(|broker| broker.addresses()[0].port()).collect();
    assert_eq!(ports.len(), 20);
    let mut sockets: Vec<_> = brokers.iter().map(connect).collect();
    for (index, socket) in sockets.iter_mut().enumerate() {
        create_topic(socket, &format!("topic-{index}"));
    }
    let mut cluster_ids = HashSet::new();
    for (index, socket) in sockets.iter_mut().enumerate() {
        let response = socket.ask(12, &metadata::Request { topics: None, ..Default::default() });
        let names: Vec<_> = response.topics.iter().filter_map(|topic| topic.name.clone()).collect();
        assert_eq!(names, [format!("topic-{index}")]);
        assert_eq!(response.brokers[0].port, i32::from(brokers[index].addresses()[0].port()));
        cluster_ids.insert(response.cluster_id);
    }
    assert_eq!(cluster_ids.len(), 20, "each is a cluster of its own");
    // One ends, the others go on.
    drop(sockets.remove(0));
    drop(brokers.remove(0));
    assert!(sockets.iter_mut().all(Socket::is_served));
    // A broker that ends waits a moment for its clients.
    drop(sockets);
}

#[test]
fn dropping_the_handle_ends_connections_and_frees_the_port() {
    let broker = start(&[]);
    let address = broker.addresses()[0];
    let (mut idle, mut waiting) = (connect(&broker), connect(&broker));
    let topic = create_topic(&mut idle, "orders");
    waiting.send(12, &endless(&topic));
    assert!(idle.is_served());
    let begin = Instant::now();
    let ends = std::thread::spawn(move || {
        let ends = (idle.next(), waiting.next());
        drop((idle, waiting));
        ends
    });
    drop(broker);
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    assert_eq!(ends.join().expect("a thread that ends"), (Received::End, Received::End));

    let again = start(&[("listeners", &format!("PLAINTEXT://localhost:{}", address.port()))]);
    assert_eq!(again.addresses()[0], address);
    let mut socket = connect(&again);
    let response = socket.ask(12, &metadata::Request { topics: None, ..Default::default() });
    assert!(response.topics.is_empty(), "the records of the other one are gone");
}

#[test]
fn a_client_that_stays_cannot_keep_a_broker_from_ending() {
    let broker = start(&[]);
    let mut stays = connect(&broker);
    let topic = create_topic(&mut stays, "orders");
    // This fetch becomes due while the broker ends.
    stays.send(12, &Fetch::of(vec![want(&topic, 0, 0)]).waiting(300, 1).request());
    assert_eq!(stays.next_within(Duration::from_millis(50)), Received::Nothing);
    let begin = Instant::now();
    drop(broker);
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    assert_eq!(stays.next(), Received::End);
}

/// Where Metadata says that the broker is, as a client learns it that comes to this address.
fn advertised(address: SocketAddr) -> (String, u16) {
    let response = Socket::connect(address).ask(12, &metadata::Request { topics: Some(vec![]), ..Default::default() });
    let broker = response.brokers.into_iter().next().expect("one broker");
    (broker.host, broker.port as u16)
}

fn v4(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn v6(port: u16) -> SocketAddr {
    (Ipv6Addr::LOCALHOST, port).into()
}

/// Some machines have no IPv6.
fn has_v6() -> bool {
    std::net::TcpListener::bind(v6(0)).is_ok()
}

#[test]
fn localhost_is_both_loopback_addresses() {
    let broker = start(&[]);
    let port = broker.addresses()[0].port();
    assert_eq!(broker.bootstrap_servers(), format!("127.0.0.1:{port}"));
    assert_eq!(advertised(v4(port)), ("127.0.0.1".to_owned(), port));
    if has_v6() {
        assert_eq!(advertised(v6(port)), ("::1".to_owned(), port));
    }
}

#[test]
fn an_address_at_which_nobody_can_come_is_never_told() {
    for host in ["0.0.0.0", "", "[::]"] {
        if host == "[::]" && !has_v6() {
            continue;
        }
        let broker = start(&[("listeners", &format!("PLAINTEXT://{host}:0"))]);
        let port = broker.addresses()[0].port();
        assert_eq!(advertised(v4(port)), ("127.0.0.1".to_owned(), port), "{host:?}");
        if host != "0.0.0.0" && has_v6() {
            assert_eq!(advertised(v6(port)), ("::1".to_owned(), port), "{host:?}");
        }
    }
    let config = config(&[("advertised.listeners", "PLAINTEXT://0.0.0.0:9092")]);
    assert!(Broker::start(config).is_err());
}

#[test]
fn each_listener_has_its_own_advertised_address() {
    let broker = start(&[
        ("listeners", "INSIDE://127.0.0.1:0,OUTSIDE://127.0.0.1:0,PLAIN://127.0.0.1:0,SAME://127.0.0.1:0"),
        ("advertised.listeners", "INSIDE://inside:1000,OUTSIDE://outside.example:0,SAME://:4000"),
    ]);
    let ports: Vec<_> = broker.addresses().iter().map(SocketAddr::port).collect();
    assert_eq!(broker.bootstrap_servers(), format!("127.0.0.1:{}", ports[0]));
    let seen: Vec<_> = ports.iter().map(|port| advertised(v4(*port))).collect();
    let own = "127.0.0.1".to_owned();
    let expect =
        [("inside".to_owned(), 1000), ("outside.example".to_owned(), ports[1]), (own.clone(), ports[2]), (own, 4000)];
    assert_eq!(seen, expect);
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let broker = start(&[]);
    let port = broker.addresses()[0].port();
    let taken = config(&[("listeners", &format!("PLAINTEXT://localhost:{port}"))]);
    let error = Broker::start(taken).expect_err("a port that is taken").to_string();
    assert!(
        error.starts_with(&format!("Cannot listen on 127.0.0.1:{port}: another program has this port.")),
        "{error}"
    );
    let unknown = config(&[("listeners", "PLAINTEXT://no.such.host.invalid:0")]);
    assert!(
        Broker::start(unknown).expect_err("a host that does not exist").to_string().contains("no.such.host.invalid")
    );
}

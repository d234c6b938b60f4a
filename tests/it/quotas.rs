//! Quotas: how they are set, described and enforced.

use std::time::{Duration, Instant};

use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::*;
use kafka_rs::{Broker, Config};

use crate::driver::{Connection, Driver};
use crate::records::Batch;
use crate::requests::{Fetch, create_topic, partitions, produce_request, want};
use crate::socket::Socket;

const USER: &str = "ANONYMOUS";

/// The parts of an entity: types and names, where no name is the default.
type Parts<'a> = &'a [(&'a str, Option<&'a str>)];

/// What becomes of quotas: keys and values, where no value removes one.
type Ops<'a> = &'a [(&'a str, Option<f64>)];

fn alter(driver: &mut Driver, entries: &[(Parts, Ops)], validate_only: bool) -> Vec<(ErrorCode, Option<String>)> {
    let part = |(entity_type, name): &(&str, Option<&str>)| alter_client_quotas::EntityData {
        entity_type: (*entity_type).to_owned(),
        entity_name: name.map(str::to_owned),
    };
    let op = |(key, value): &(&str, Option<f64>)| alter_client_quotas::OpData {
        key: (*key).to_owned(),
        value: value.unwrap_or_default(),
        remove: value.is_none(),
    };
    let entry = |(parts, ops): &(Parts, Ops)| alter_client_quotas::EntryData {
        entity: parts.iter().map(part).collect(),
        ops: ops.iter().map(op).collect(),
    };
    let request = alter_client_quotas::Request { entries: entries.iter().map(entry).collect(), validate_only };
    let connection = driver.connect();
    let response = driver.ask(connection, 1, &request);
    response.entries.into_iter().map(|entry| (entry.error_code, entry.error_message)).collect()
}

fn set(driver: &mut Driver, parts: Parts, key: &str, value: f64) {
    assert_eq!(alter(driver, &[(parts, &[(key, Some(value))])], false), [(ErrorCode::NONE, None)]);
}

/// The entities that a filter lets through, as text.
fn describe(driver: &mut Driver, components: &[(&str, i8, Option<&str>)], strict: bool) -> Result<String, String> {
    let component =
        |(entity_type, match_type, name): &(&str, i8, Option<&str>)| describe_client_quotas::ComponentData {
            entity_type: (*entity_type).to_owned(),
            match_type: *match_type,
            match_: name.map(str::to_owned),
        };
    let request = describe_client_quotas::Request { components: components.iter().map(component).collect(), strict };
    let connection = driver.connect();
    let response = driver.ask(connection, 1, &request);
    let Some(entries) = response.entries else {
        return Err(format!("{} {}", response.error_code, response.error_message.unwrap_or_default()));
    };
    let entry = |entry: describe_client_quotas::EntryData| {
        let parts = entry
            .entity
            .iter()
            .map(|part| format!("{}={}", part.entity_type, part.entity_name.as_deref().unwrap_or("<default>")));
        let values = entry.values.iter().map(|value| format!("{} {}", value.key, value.value));
        format!("{}: {}", parts.collect::<Vec<_>>().join(" "), values.collect::<Vec<_>>().join(" "))
    };
    Ok(entries.into_iter().map(entry).collect::<Vec<_>>().join("; "))
}

#[test]
fn quotas_are_kept_and_found() {
    let driver = &mut Driver::default();
    let rate = "consumer_byte_rate";
    let entities: [Parts; 6] = [
        &[("user", Some("u"))],
        &[("user", None)],
        &[("client-id", Some("c"))],
        &[("user", Some("u")), ("client-id", None)],
        &[("client-id", Some("c")), ("user", None)],
        &[("ip", Some("10.0.0.1"))],
    ];
    for (number, parts) in (1..).zip(entities) {
        let key = if parts[0].0 == "ip" { "connection_creation_rate" } else { rate };
        set(driver, parts, key, f64::from(number));
    }
    let (user, default) = ("user=u: consumer_byte_rate 1", "user=<default>: consumer_byte_rate 2");
    let client = "client-id=c: consumer_byte_rate 3";
    let any_client = "client-id=<default> user=u: consumer_byte_rate 4";
    let any_user = "client-id=c user=<default>: consumer_byte_rate 5";
    let ip = "ip=10.0.0.1: connection_creation_rate 6";
    let mut check = |components: &[(&str, i8, Option<&str>)], strict, expect: &[&str]| {
        assert_eq!(describe(driver, components, strict), Ok(expect.join("; ")), "{components:?} {strict}");
    };
    check(&[], false, &[ip, default, user, any_client, client, any_user]);
    check(&[], true, &[]);
    check(&[("user", 0, Some("u"))], false, &[user, any_client]);
    check(&[("user", 0, Some("u"))], true, &[user]);
    check(&[("user", 1, None)], false, &[default, any_user]);
    check(&[("user", 2, None)], true, &[default, user]);
    check(&[("user", 2, None), ("client-id", 2, None)], true, &[any_client, any_user]);
    check(&[("client-id", 0, Some("c"))], false, &[client, any_user]);
    check(&[("ip", 2, None)], false, &[ip]);
    check(&[("user", 0, Some(""))], false, &[]);

    let mut refuse = |components: &[(&str, i8, Option<&str>)], expect: &str| {
        assert_eq!(describe(driver, components, false), Err(expect.to_owned()), "{components:?}");
    };
    refuse(&[("", 0, Some("x"))], "INVALID_REQUEST Invalid empty entity type.");
    refuse(&[("group", 0, Some("x"))], "UNSUPPORTED_VERSION Unsupported entity type group");
    refuse(&[("user", 3, None)], "INVALID_REQUEST Unknown match type 3");
    let null = "INVALID_REQUEST Request specified MATCH_TYPE_EXACT, but set match string to null.";
    refuse(&[("user", 0, None)], null);
    let named = "INVALID_REQUEST Request specified MATCH_TYPE_DEFAULT, but also specified a match string.";
    refuse(&[("user", 1, Some("x"))], named);
    let twice = "INVALID_REQUEST Entity type user cannot appear more than once in the filter.";
    refuse(&[("user", 0, Some("x")), ("user", 0, Some("y"))], twice);
    let mixed = "INVALID_REQUEST Invalid entity filter component combination. IP filter component should not be used \
                 with user or clientId filter component.";
    refuse(&[("user", 2, None), ("ip", 2, None)], mixed);
}

#[test]
fn bad_quotas_change_nothing() {
    let driver = &mut Driver::default();
    let rate = "producer_byte_rate";
    let mut check = |parts: Parts, ops: Ops, expect: &str| {
        let outcome = alter(driver, &[(parts, ops)], false);
        assert_eq!(outcome, [(ErrorCode::INVALID_REQUEST, Some(expect.to_owned()))]);
        assert_eq!(describe(driver, &[], false), Ok(String::new()), "{expect}");
    };
    check(&[], &[(rate, Some(1.0))], "Invalid empty client quota entity");
    check(&[("group", Some("x"))], &[(rate, Some(1.0))], "Unhandled client quota entity type: group");
    check(&[("user", Some(""))], &[(rate, Some(1.0))], "Empty user not supported");
    let mixed = "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId";
    check(&[("user", Some("x")), ("ip", None)], &[(rate, Some(1.0))], mixed);
    let address = "not.an.address.invalid is not a valid IP or resolvable host.";
    check(&[("ip", Some("not.an.address.invalid"))], &[("connection_creation_rate", Some(1.0))], address);
    check(&[("ip", None)], &[(rate, Some(1.0))], "Invalid configuration key producer_byte_rate");
    check(&[("user", None)], &[("nonsense", Some(1.0))], "Invalid configuration key nonsense");
    check(&[("user", None)], &[(rate, Some(1.0)), ("nonsense", Some(1.0))], "Invalid configuration key nonsense");
    check(&[("user", None)], &[(rate, Some(0.0))], "Quota producer_byte_rate must be greater than 0");
    check(&[("user", None)], &[(rate, Some(0.5))], "producer_byte_rate cannot be a fractional value.");
    let twice = "Ignoring duplicate entity ClientQuotaEntity(entries={user=null})";
    check(&[("user", None)], &[(rate, Some(1.0)), (rate, Some(2.0))], twice);
}

#[test]
fn quotas_are_removed_and_validated() {
    let driver = &mut Driver::default();
    let (rate, user): (&str, Parts) = ("producer_byte_rate", &[("user", Some("u"))]);
    let ok = [(ErrorCode::NONE, None)];
    assert_eq!(alter(driver, &[(user, &[(rate, Some(5.0))])], true), ok);
    assert_eq!(describe(driver, &[], false), Ok(String::new()), "only validated");
    set(driver, user, rate, 5.0);
    set(driver, user, "request_percentage", 0.5);
    let both = "user=u: producer_byte_rate 5 request_percentage 0.5";
    assert_eq!(describe(driver, &[], false), Ok(both.to_owned()));
    assert_eq!(alter(driver, &[(user, &[(rate, None), ("nonsense", None)])], false), ok);
    assert_eq!(describe(driver, &[], false), Ok("user=u: request_percentage 0.5".to_owned()));
    let entries: [(Parts, Ops); 3] =
        [(user, &[("request_percentage", None)]), (&[("user", None)], &[]), (user, &[(rate, Some(7.0))])];
    let twice = "Ignoring duplicate entity ClientQuotaEntity(entries={user=u})";
    let expect = [(ErrorCode::INVALID_REQUEST, Some(twice.to_owned())), (ErrorCode::NONE, None)];
    assert_eq!(alter(driver, &entries, false), expect, "the first one counts");
    assert_eq!(describe(driver, &[], false), Ok(String::new()));
}

#[test]
fn whoever_writes_too_fast_is_muted() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "t", 1);
    set(driver, &[("client-id", Some("fast"))], "producer_byte_rate", 100.0);
    let request = produce_request(-1, &[(&topic, 0, Batch::of_size(1_000).encode())]);
    let ask = |driver: &mut Driver, connection: Connection| {
        let response = driver.ask(connection, 9, &request);
        assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::NONE, "written all the same");
        assert_eq!(driver.muted_ms(connection), u128::try_from(response.throttle_time_ms).expect("no negative time"));
        response.throttle_time_ms
    };
    let (fast, other) = (driver.connect_as("fast"), driver.connect_as("other"));
    let first = ask(driver, fast);
    assert!((500..2_000).contains(&first), "a bit more than ten seconds' worth: {first}");
    assert_eq!(ask(driver, other), 0, "the quota of another client id");
    driver.advance_ms(first.unsigned_abs().into());
    let again = driver.connect_as("fast");
    assert!(ask(driver, again) > 9_000, "a new connection of the same client");
    let again = driver.connect_as("fast");
    let request = produce::Request { acks: 0, ..request.clone() };
    driver.send(again, 9, &request);
    assert!(!driver.is_waiting(again) && driver.muted_ms(again) > 18_000, "without an answer, too");
    driver.advance_ms(40_000);
    let fast = driver.connect_as("fast");
    assert!(ask(driver, fast) < 2_000, "all is forgotten");
}

#[test]
fn the_quota_of_a_user_is_shared_by_its_clients() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "t", 1);
    set(driver, &[("user", Some(USER))], "producer_byte_rate", 100.0);
    set(driver, &[("client-id", None)], "producer_byte_rate", 1.0);
    let request = produce_request(-1, &[(&topic, 0, Batch::of_size(600).encode())]);
    let (a, b) = (driver.connect_as("a"), driver.connect_as("b"));
    assert_eq!(driver.ask(a, 9, &request).throttle_time_ms, 0);
    assert!(driver.ask(b, 9, &request).throttle_time_ms > 0);
    set(driver, &[("user", Some(USER)), ("client-id", Some("b"))], "producer_byte_rate", 1_000.0);
    let b = driver.connect_as("b");
    assert_eq!(driver.ask(b, 9, &request).throttle_time_ms, 0, "its own quota comes first");
}

#[test]
fn whoever_reads_too_fast_gets_nothing_for_a_while() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "t", 1);
    for _ in 0..30 {
        crate::requests::produce(driver, &topic, 0, &Batch::of_size(500));
    }
    set(driver, &[("client-id", Some("fast"))], "consumer_byte_rate", 1_000.0);
    let connection = driver.connect_as("fast");
    let session = Fetch { session_epoch: 0, ..Fetch::of(vec![want(&topic, 0, 0)]) };
    let response = session.ask(driver, connection, 12);
    let bytes = partitions(&response)[0].2.len();
    assert!(bytes <= 10_000, "no more than the quota of ten seconds: {bytes}");
    assert_eq!((response.throttle_time_ms, driver.muted_ms(connection)), (0, 0));
    let next = Fetch { session_id: response.session_id, session_epoch: 1, ..Fetch::of(vec![want(&topic, 0, 15)]) };
    let throttled = next.ask(driver, connection, 12);
    assert_eq!((throttled.error_code, throttled.session_id), (ErrorCode::NONE, response.session_id));
    assert!(throttled.responses.is_empty() && throttled.throttle_time_ms > 0);
    assert_eq!(driver.muted_ms(connection), u128::try_from(throttled.throttle_time_ms).expect("no negative time"));
    driver.advance_ms(11_000);
    let next = Fetch { session_epoch: 2, wanted: vec![], ..next };
    let response = next.ask(driver, connection, 12);
    assert_eq!(response.throttle_time_ms, 0);
    assert!(!partitions(&response)[0].2.is_empty(), "the session goes on where it was");
}

#[test]
fn a_batch_beyond_the_quota_goes_at_last() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "t", 1);
    crate::requests::produce(driver, &topic, 0, &Batch::of_size(5_000));
    set(driver, &[("client-id", Some("slow"))], "consumer_byte_rate", 100.0);
    let fetch = Fetch::of(vec![want(&topic, 0, 0)]);
    let connection = driver.connect_as("slow");
    assert!(!partitions(&fetch.ask(driver, connection, 12))[0].2.is_empty());
    let throttled = fetch.ask(driver, connection, 12);
    assert!(throttled.responses.is_empty() && throttled.throttle_time_ms > 90_000);
}

#[test]
fn whoever_keeps_the_broker_busy_has_to_wait() {
    let driver = &mut Driver::default();
    assert!(!driver.broker.measures_requests());
    set(driver, &[("client-id", Some("busy"))], "request_percentage", 1.0);
    assert!(driver.broker.measures_requests());
    let request = list_groups::Request::default();
    let (busy, other) = (driver.connect_as("busy"), driver.connect_as("other"));
    assert_eq!(driver.ask(busy, 4, &request).throttle_time_ms, 0);
    driver.broker.charge(Duration::from_millis(105), driver.now);
    assert_eq!(driver.ask(busy, 4, &request).throttle_time_ms, 500);
    assert_eq!(driver.muted_ms(busy), 500);
    assert_eq!(driver.ask(other, 4, &request).throttle_time_ms, 0);
    driver.broker.charge(Duration::from_secs(5), driver.now);
    let busy = driver.connect_as("busy");
    assert_eq!(driver.ask(busy, 4, &request).throttle_time_ms, 500, "another client's time is not its own");
    driver.broker.charge(Duration::from_secs(5), driver.now);
    let busy = driver.connect_as("busy");
    assert_eq!(driver.ask(busy, 4, &request).throttle_time_ms, 1_000, "never longer than a window");
}

#[test]
fn whoever_changes_topics_too_fast_is_refused() {
    let driver = &mut Driver::default();
    set(driver, &[("client-id", Some("eager"))], "controller_mutation_rate", 1.0);
    let create = |driver: &mut Driver, version, name: &str, num_partitions| {
        let name = name.to_owned();
        let topic = create_topics::CreatableTopic { name, num_partitions, replication_factor: 1, ..Default::default() };
        let request = create_topics::Request { topics: vec![topic], ..Default::default() };
        let connection = driver.connect_as("eager");
        let response = driver.ask(connection, version, &request);
        assert_eq!(driver.muted_ms(connection), u128::try_from(response.throttle_time_ms).expect("no negative time"));
        (response.topics[0].error_code, response.throttle_time_ms)
    };
    let delete = |driver: &mut Driver, version, name: &str| {
        let name = name.to_owned();
        let by_name = delete_topics::DeleteTopicState { name: Some(name.clone()), ..Default::default() };
        let request = delete_topics::Request { topic_names: vec![name], topics: vec![by_name], ..Default::default() };
        let connection = driver.connect_as("eager");
        let response = driver.ask(connection, version, &request);
        (response.responses[0].error_code, response.throttle_time_ms)
    };
    let grow = |driver: &mut Driver, version, name: &str, count| {
        let name = name.to_owned();
        let topic = create_partitions::CreatePartitionsTopic { name, count, assignments: None };
        let request = create_partitions::Request { topics: vec![topic], timeout_ms: 1, validate_only: false };
        let connection = driver.connect_as("eager");
        let response = driver.ask(connection, version, &request);
        (response.results[0].error_code, response.throttle_time_ms)
    };
    let (done, refused) = (ErrorCode::NONE, ErrorCode::THROTTLING_QUOTA_EXCEEDED);
    assert_eq!(create(driver, 7, "a", 15), (done, 0), "eleven were saved up");
    assert_eq!(create(driver, 7, "b", 1), (refused, 4_000));
    assert_eq!(create(driver, 5, "b", 1), (done, 5_000), "older versions are slowed down");
    assert_eq!(grow(driver, 3, "b", 2), (refused, 5_000));
    assert_eq!(grow(driver, 2, "b", 2), (done, 6_000));
    assert_eq!(delete(driver, 6, "b"), (refused, 6_000));
    assert_eq!(delete(driver, 4, "b"), (done, 8_000));
    driver.advance_ms(8_000);
    assert_eq!(delete(driver, 6, "a"), (done, 0));
    assert_eq!(delete(driver, 6, "absent"), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0));
}

#[test]
fn connections_come_as_fast_as_their_address_may() {
    let driver = &mut Driver::default();
    let [here, there] = ["127.0.0.1", "10.0.0.1"].map(|address| address.parse().expect("an address"));
    let count =
        |driver: &mut Driver, address| (0..1_000).take_while(|_| driver.broker.admits(address, driver.now)).count();
    let rate = "connection_creation_rate";
    assert_eq!(count(driver, here), 1_000, "there is no quota");
    set(driver, &[("ip", None)], rate, 2.0);
    set(driver, &[("ip", Some("localhost"))], rate, 5.0);
    assert_eq!(count(driver, there), 20, "what ten seconds allow");
    assert_eq!(count(driver, here), 50);
    driver.advance_ms(5_000);
    assert_eq!(count(driver, there), 0, "the first ones still count");
    driver.advance_ms(6_000);
    assert_eq!(count(driver, there), 20);
}

#[test]
fn over_a_socket_the_next_request_waits_and_others_do_not() {
    let mut config = Config::default();
    config.set("listeners", "PLAINTEXT://localhost:0").expect("a good value");
    let broker = Broker::start(config).expect("a free port");
    let (mut socket, mut other) = (Socket::connect(broker.addresses()[0]), Socket::connect(broker.addresses()[0]));
    let entity = alter_client_quotas::EntityData { entity_type: "user".to_owned(), entity_name: Some(USER.to_owned()) };
    let op = alter_client_quotas::OpData { key: "controller_mutation_rate".to_owned(), value: 20.0, remove: false };
    let entry = alter_client_quotas::EntryData { entity: vec![entity], ops: vec![op] };
    let request = alter_client_quotas::Request { entries: vec![entry], validate_only: false };
    assert_eq!(other.ask(1, &request).entries[0].error_code, ErrorCode::NONE);

    let name = "t".to_owned();
    let topic =
        create_topics::CreatableTopic { name, num_partitions: 240, replication_factor: 1, ..Default::default() };
    let create = create_topics::Request { topics: vec![topic], ..Default::default() };
    let started = Instant::now();
    // The permissive version: twenty more than the 220 that were saved up, which takes a second.
    let throttle_time_ms = socket.ask(5, &create).throttle_time_ms;
    let throttle = Duration::from_secs(1);
    assert_eq!(throttle_time_ms, 1_000);
    assert!(started.elapsed() < throttle, "the answer comes at once");
    socket.send(0, &api_versions::Request::default());
    assert!(other.is_served());
    assert!(started.elapsed() < throttle, "others are served meanwhile");
    socket.receive::<api_versions::Request>(0);
    assert!(started.elapsed() >= throttle, "{:?}", started.elapsed());
}

//! Requests that are damaged at random. Whatever comes, the broker answers, waits, or closes the connection: it never panics,
//! and it goes on serving others.

use bytes::Bytes;
use kafka_rs::broker::api;
use kafka_rs::broker::random::Random;
use kafka_rs::wire::messages::{
    api_versions, create_topics, delete_topics, describe_cluster, describe_configs, describe_groups, fetch,
    find_coordinator, heartbeat, init_producer_id, join_group, leave_group, list_groups, list_offsets, metadata,
    offset_commit, offset_fetch, offset_for_leader_epoch, produce, sync_group,
};
use kafka_rs::wire::{ErrorCode, Writer};

use crate::driver::{Driver, Exchange};
use crate::records::Batch;
use crate::requests::{Fetch, Topic, create_topic, produce_request, want};

const ROUNDS: usize = 30_000;

/// The body of a request in one version.
type Body = fn(&Topic, i16) -> Bytes;

fn body<Q: Exchange>(version: i16, request: &Q) -> Bytes {
    let mut writer = Writer::new(version, api::find(Q::KEY).expect("an API of the table").is_flexible(version));
    request.write(&mut writer);
    writer.finish().to_bytes().slice(4..)
}

/// For each API a request that goes through as it is.
fn bodies() -> Vec<(i16, Body)> {
    macro_rules! defaults {
        ($($module:ident)*) => {
            vec![ $( ($module::Request::KEY, |_, version| body(version, &$module::Request::default())) ),* ]
        };
    }
    let mut bodies: Vec<(i16, Body)> = defaults! {
        api_versions delete_topics describe_cluster describe_configs describe_groups find_coordinator heartbeat
        init_producer_id leave_group list_groups offset_fetch offset_for_leader_epoch
    };
    bodies.push((produce::Request::KEY, |topic, version| {
        body(version, &produce_request(-1, &[(topic, 0, Batch::of(&["a", "b"]).by(1, 0, 0).encode())]))
    }));
    bodies.push((fetch::Request::KEY, |topic, version| {
        let fetch = Fetch { session_epoch: 0, ..Fetch::of(vec![want(topic, 0, 0), want(topic, 1, 0)]) };
        body(version, &fetch.waiting(100, 1).request())
    }));
    bodies.push((list_offsets::Request::KEY, |topic, version| {
        let partitions = vec![list_offsets::ListOffsetsPartition { timestamp: -1, ..Default::default() }];
        let topics = vec![list_offsets::ListOffsetsTopic { name: topic.name.clone(), partitions }];
        body(version, &list_offsets::Request { topics, ..Default::default() })
    }));
    bodies.push((metadata::Request::KEY, |topic, version| {
        let asked = metadata::MetadataRequestTopic { name: Some(topic.name.clone()), ..Default::default() };
        body(version, &metadata::Request { topics: Some(vec![asked]), ..Default::default() })
    }));
    bodies.push((create_topics::Request::KEY, |_, version| {
        let config =
            create_topics::CreatableTopicConfig { name: "cleanup.policy".to_owned(), value: Some("delete".to_owned()) };
        let topic = create_topics::CreatableTopic {
            name: "new".to_owned(),
            num_partitions: 2,
            replication_factor: 1,
            configs: vec![config],
            ..Default::default()
        };
        body(version, &create_topics::Request { topics: vec![topic], ..Default::default() })
    }));
    bodies.push((offset_commit::Request::KEY, |topic, version| {
        let partitions = vec![offset_commit::OffsetCommitRequestPartition::default()];
        let name = topic.name.clone();
        let topics = vec![offset_commit::OffsetCommitRequestTopic { name, topic_id: topic.id, partitions }];
        body(version, &offset_commit::Request { group_id: "group".to_owned(), topics, ..Default::default() })
    }));
    bodies.push((join_group::Request::KEY, |_, version| {
        let protocol = join_group::JoinGroupRequestProtocol { name: "range".to_owned(), ..Default::default() };
        let request = join_group::Request {
            group_id: "group".to_owned(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 10_000,
            protocol_type: "consumer".to_owned(),
            protocols: vec![protocol],
            ..Default::default()
        };
        body(version, &request)
    }));
    bodies.push((sync_group::Request::KEY, |_, version| {
        body(version, &sync_group::Request { group_id: "group".to_owned(), ..Default::default() })
    }));
    bodies
}

fn damage(random: &mut Random, bytes: &Bytes) -> Bytes {
    let mut below = |count: usize| (random.next_u64() % count.max(1) as u64) as usize;
    let mut bytes = bytes.to_vec();
    for _ in 0..below(4) {
        let (position, kind) = (below(bytes.len()), below(6));
        let value = [0, 1, 0x7f, 0x80, 0xff, below(256) as u8][below(6)];
        match bytes.get_mut(position) {
            Some(byte) if kind < 4 => *byte = value,
            Some(_) if kind == 4 => bytes.truncate(position),
            _ => bytes.insert(position, value),
        }
    }
    bytes.into()
}

#[test]
fn no_request_brings_the_broker_down() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let (mut random, bodies) = (Random::new(7), bodies());
    let (mut answered, mut waiting, mut closed) = (0, 0, 0);
    for round in 0..ROUNDS {
        let (key, make) = bodies[round % bodies.len()];
        let api = api::find(key).expect("an API of the table");
        let versions = api.min_version.max(if key == produce::Request::KEY { 3 } else { 0 })..=api.max_version;
        let version = versions.clone().nth(random.next_u64() as usize % versions.count()).expect("a version");
        let connection = driver.connect();
        driver.submit_body(connection, api, version, damage(&mut random, &make(&topic, version)));
        driver.end_turn();
        match (driver.closed(connection), driver.is_waiting(connection)) {
            (Some(_), _) => closed += 1,
            (None, true) => waiting += 1,
            (None, false) => answered += 1,
        }
        if round % 100 == 0 {
            driver.advance_ms(random.next_u64() % 20_000);
        }
    }
    // All three happen, or the damage is of the wrong kind.
    assert!(answered > ROUNDS / 5 && closed > ROUNDS / 20 && waiting > 50, "{answered} {waiting} {closed}");
    let connection = driver.connect();
    assert_eq!(driver.ask(connection, 4, &api_versions_request()).error_code, ErrorCode::NONE);
}

fn api_versions_request() -> api_versions::Request {
    api_versions::Request { client_software_name: "test".to_owned(), client_software_version: "1".to_owned() }
}

//! Committed offsets: who may commit, what is shown, how long it is kept.

use super::*;
use kafka_rs::wire::Uuid;
use kafka_rs::wire::messages::{delete_topics, metadata};

const RETENTION_MS: u64 = 60 * 60_000;

/// A broker that looks for expired offsets once a minute, and keeps them for an hour.
fn forgetful() -> Driver {
    let mut driver =
        Driver::with(&[("offsets.retention.minutes", "60"), ("offsets.retention.check.interval.ms", "60000")]);
    create_topic(&mut driver, "topic", 2);
    create_topic(&mut driver, "other", 1);
    driver
}

fn one(topic: &str, partition: i32, offset: i64) -> (String, i32, i64) {
    (topic.to_owned(), partition, offset)
}

#[test]
fn members_commit_in_their_generation() {
    let driver = &mut Driver::default();
    create_topic(driver, "topic", 1);
    let [mut first, second] = stable_group(driver);
    assert_eq!(second.commit(driver, "topic", 5), ErrorCode::NONE);
    assert_eq!(committed(driver), [one("topic", 0, 5)]);

    let stale = Client { generation: 0, ..second.clone() };
    assert_eq!(stale.commit(driver, "topic", 6), ErrorCode::ILLEGAL_GENERATION);
    let nobody = Client { id: "nobody".to_owned(), ..second.clone() };
    assert_eq!(nobody.commit(driver, "topic", 6), ErrorCode::UNKNOWN_MEMBER_ID);
    let outsider = Client { id: String::new(), generation: -1, ..second.clone() };
    assert_eq!(outsider.commit(driver, "topic", 6), ErrorCode::UNKNOWN_MEMBER_ID);
    let half = Client { generation: -1, ..second.clone() };
    assert_eq!(half.commit(driver, "topic", 6), ErrorCode::ILLEGAL_GENERATION);

    // Before it joins again, a member can still commit what it has read.
    first.send_join(driver);
    assert_eq!(second.commit(driver, "topic", 7), ErrorCode::NONE);
    let mut second = second;
    second.send_join(driver);
    first.joined(driver);
    second.joined(driver);
    assert_eq!(second.commit(driver, "topic", 8), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(committed(driver), [one("topic", 0, 7)]);
}

#[test]
fn a_commit_is_as_good_as_a_heartbeat() {
    let driver = &mut Driver::default();
    create_topic(driver, "topic", 1);
    let [client] = stable_group(driver);
    for offset in 0..10 {
        driver.advance_ms(SESSION_MS - 1);
        assert_eq!(client.commit(driver, "topic", offset), ErrorCode::NONE);
    }
    driver.advance_ms(SESSION_MS);
    assert_eq!(client.commit(driver, "topic", 10), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_group_that_does_not_exist() {
    let driver = &mut Driver::default();
    create_topic(driver, "topic", 1);
    let connection = driver.connect();
    let mut check = |version, generation, expect| {
        let request =
            offset_commit::Request { generation_id_or_member_epoch: generation, ..commit_of("topic", &[(0, 1)]) };
        let response = driver.ask(connection, version, &request);
        assert_eq!(response.topics[0].partitions[0].error_code, expect, "v{version}, generation {generation}");
    };
    check(9, 3, ErrorCode::GROUP_ID_NOT_FOUND);
    check(8, 3, ErrorCode::ILLEGAL_GENERATION);
    check(2, 3, ErrorCode::ILLEGAL_GENERATION);
    check(2, -1, ErrorCode::NONE);
    // Now it does exist.
    check(9, 3, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(committed(driver), [one("topic", 0, 1)]);
    assert_eq!(describe(driver).protocol_type, "");
}

#[test]
fn each_partition_has_its_own_result() {
    let driver = &mut Driver::default();
    create_topic(driver, "topic", 2);
    let connection = driver.connect();
    let mut request = commit_of("topic", &[(0, 10), (1, 11), (2, 12), (-1, 13)]);
    request.topics[0].partitions[1].committed_metadata = Some("é".repeat(4097));
    request.topics.extend(commit_of("unknown", &[(0, 1)]).topics);
    let response = driver.ask(connection, 9, &request);
    let results = |index: usize| -> Vec<_> {
        response.topics[index].partitions.iter().map(|partition| partition.error_code).collect()
    };
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(results(0), [ErrorCode::NONE, ErrorCode::OFFSET_METADATA_TOO_LARGE, unknown, unknown]);
    assert_eq!(results(1), [unknown]);
    assert_eq!(committed(driver), [one("topic", 0, 10)]);

    request.topics[0].partitions[1].committed_metadata = Some("é".repeat(4096));
    assert_eq!(driver.ask(connection, 9, &request).topics[0].partitions[1].error_code, ErrorCode::NONE);
}

#[test]
fn a_commit_for_nothing_creates_no_group() {
    let driver = &mut Driver::default();
    let connection = driver.connect();
    driver.ask(connection, 9, &commit_of("unknown", &[(0, 1)]));
    assert_eq!(listed(driver), Vec::<String>::new());
}

#[test]
fn offsets_come_back_in_every_version() {
    let driver = &mut Driver::default();
    create_topic(driver, "topic", 3);
    let connection = driver.connect();
    let mut request = commit_of("topic", &[(0, 42), (2, 44)]);
    request.topics[0].partitions[0].committed_metadata = Some("note".to_owned());
    request.topics[0].partitions[0].committed_leader_epoch = 7;
    request.topics[0].partitions[1].committed_metadata = None;
    driver.ask(connection, 9, &request);
    let expect = [(0, 42, 7, "note"), (1, -1, -1, ""), (2, 44, -1, "")];

    for version in 1..=7 {
        let topic =
            offset_fetch::OffsetFetchRequestTopic { name: "topic".to_owned(), partition_indexes: vec![0, 1, 2] };
        let request =
            offset_fetch::Request { group_id: GROUP.to_owned(), topics: Some(vec![topic]), ..Default::default() };
        let response = driver.ask(connection, version, &request);
        assert_eq!((response.error_code, response.topics[0].name.as_str()), (ErrorCode::NONE, "topic"));
        for (partition, expect) in response.topics[0].partitions.iter().zip(expect) {
            let epoch = if version >= 5 { expect.2 } else { -1 };
            let found = (partition.partition_index, partition.committed_offset, partition.committed_leader_epoch);
            assert_eq!(found, (expect.0, expect.1, epoch), "v{version}");
            assert_eq!(partition.metadata.as_deref(), Some(expect.3));
            assert_eq!(partition.error_code, ErrorCode::NONE);
        }
        if version >= 2 {
            let all = offset_fetch::Request { group_id: GROUP.to_owned(), topics: None, ..Default::default() };
            let response = driver.ask(connection, version, &all);
            let indexes: Vec<_> = response.topics[0].partitions.iter().map(|found| found.partition_index).collect();
            assert_eq!(indexes, [0, 2]);
        }
    }
}

#[test]
fn several_groups_in_one_fetch() {
    let driver = &mut Driver::default();
    create_topic(driver, "topic", 1);
    let connection = driver.connect();
    driver.ask(connection, 9, &commit_of("topic", &[(0, 42)]));
    let topic = offset_fetch::OffsetFetchRequestTopics {
        name: "topic".to_owned(),
        partition_indexes: vec![0, 9],
        ..Default::default()
    };
    let group = |id: &str, topics| offset_fetch::OffsetFetchRequestGroup {
        group_id: id.to_owned(),
        member_id: Some("ignored".to_owned()),
        member_epoch: 3,
        topics,
    };
    // Only what is asked for a second time is left out.
    let groups = vec![
        group("nobody", Some(vec![topic.clone(), topic.clone()])),
        group(GROUP, Some(vec![topic.clone()])),
        group("nobody", None),
        group(GROUP, Some(vec![topic])),
    ];
    let request = offset_fetch::Request { groups, require_stable: true, ..Default::default() };
    let response = driver.ask(connection, 9, &request);
    let ids: Vec<_> = response.groups.iter().map(|group| group.group_id.as_str()).collect();
    assert_eq!(ids, ["nobody", GROUP, "nobody"]);
    assert!(response.groups.iter().all(|group| group.error_code == ErrorCode::NONE));
    let offsets = |index: usize| -> Vec<_> {
        response.groups[index].topics[0].partitions.iter().map(|partition| partition.committed_offset).collect()
    };
    assert_eq!((offsets(0), offsets(1)), (vec![-1, -1], vec![42, -1]));
    assert_eq!(response.groups[0].topics[1].partitions, []);
    assert_eq!(response.groups[2].topics, []);
}

#[test]
fn topics_by_id() {
    let driver = &mut Driver::default();
    create_topic(driver, "topic", 1);
    let connection = driver.connect();
    let topics = driver.ask(connection, 13, &metadata::Request { topics: None, ..Default::default() }).topics;
    let (known, unknown) = (topics[0].topic_id, Uuid(*b"no such topic id"));

    let mut request = commit_of("", &[(0, 42), (1, 43)]);
    request.topics[0].topic_id = known;
    request.topics.push(offset_commit::OffsetCommitRequestTopic { topic_id: unknown, ..request.topics[0].clone() });
    let response = driver.ask(connection, 10, &request);
    let results = |index: usize| -> Vec<_> {
        response.topics[index].partitions.iter().map(|partition| partition.error_code).collect()
    };
    assert_eq!((response.topics[0].topic_id, response.topics[1].topic_id), (known, unknown));
    assert_eq!(results(0), [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
    assert_eq!(results(1), [ErrorCode::UNKNOWN_TOPIC_ID, ErrorCode::UNKNOWN_TOPIC_ID]);
    assert_eq!(committed(driver), [one("topic", 0, 42)]);

    let topic = |topic_id| offset_fetch::OffsetFetchRequestTopics {
        topic_id,
        partition_indexes: vec![0],
        ..Default::default()
    };
    let group =
        |topics| offset_fetch::OffsetFetchRequestGroup { group_id: GROUP.to_owned(), topics, ..Default::default() };
    let groups = vec![group(Some(vec![topic(unknown), topic(known)])), group(None)];
    let response = driver.ask(connection, 10, &offset_fetch::Request { groups, ..Default::default() });
    let found: Vec<_> = response.groups[0]
        .topics
        .iter()
        .map(|topic| (topic.topic_id, topic.partitions[0].committed_offset, topic.partitions[0].error_code))
        .collect();
    assert_eq!(found, [(unknown, -1, ErrorCode::UNKNOWN_TOPIC_ID), (known, 42, ErrorCode::NONE)]);
    assert_eq!(response.groups[1].topics[0].topic_id, known);
}

#[test]
fn a_deleted_topic_takes_its_offsets_along() {
    let driver = &mut Driver::default();
    create_topic(driver, "topic", 1);
    create_topic(driver, "other", 1);
    let connection = driver.connect();
    driver.ask(connection, 9, &commit_of("topic", &[(0, 1)]));
    driver.ask(connection, 9, &commit_of("other", &[(0, 2)]));
    let request = delete_topics::Request { topic_names: vec!["topic".to_owned()], ..Default::default() };
    driver.ask(connection, 5, &request);
    assert_eq!(committed(driver), [one("other", 0, 2)]);
}

#[test]
fn offsets_of_nobodys_group_expire_after_their_commit() {
    let driver = &mut forgetful();
    let connection = driver.connect();
    driver.ask(connection, 9, &commit_of("topic", &[(0, 1)]));
    driver.advance_ms(RETENTION_MS / 2);
    driver.ask(connection, 9, &commit_of("topic", &[(1, 2)]));
    driver.advance_ms(RETENTION_MS / 2 - 1);
    assert_eq!(committed(driver), [one("topic", 0, 1), one("topic", 1, 2)]);
    driver.advance_ms(1);
    assert_eq!(committed(driver), [one("topic", 1, 2)]);
    driver.advance_ms(RETENTION_MS / 2);
    assert_eq!(listed(driver), Vec::<String>::new(), "a group without offsets and members is gone");
}

#[test]
fn offsets_of_a_group_expire_after_it_became_empty() {
    let driver = &mut forgetful();
    let [client] = stable_group(driver);
    assert_eq!(client.commit(driver, "topic", 1), ErrorCode::NONE);
    for _ in 0..2 * RETENTION_MS / 5_000 {
        assert_eq!(client.heartbeat(driver), ErrorCode::NONE);
        driver.advance_ms(5_000);
    }
    assert_eq!(committed(driver), [one("topic", 0, 1)], "the group is alive");
    assert_eq!(client.leave(driver), ErrorCode::NONE);
    driver.advance_ms(RETENTION_MS - 1);
    assert_eq!(committed(driver), [one("topic", 0, 1)]);
    driver.advance_ms(60_000);
    assert_eq!(committed(driver), []);
    assert_eq!(listed(driver), Vec::<String>::new());
}

#[test]
fn offsets_of_topics_that_nobody_reads_any_more_expire() {
    let driver = &mut forgetful();
    let [client] = stable_group(driver);
    assert_eq!(client.commit(driver, "topic", 1), ErrorCode::NONE);
    assert_eq!(client.commit(driver, "other", 2), ErrorCode::NONE);
    for _ in 0..RETENTION_MS / 5_000 {
        assert_eq!(client.heartbeat(driver), ErrorCode::NONE);
        driver.advance_ms(5_000);
    }
    assert_eq!(committed(driver), [one("topic", 0, 1)]);
}

#[test]
fn who_cannot_be_understood_is_believed_to_read_everything() {
    let driver = &mut forgetful();
    let mut client = Client::with_id(driver);
    client.protocols = vec![("range", Bytes::from_static(b"\x7f\xff\xff\xff\xff\xff\xff"))];
    client.send_join(driver);
    client.joined(driver);
    client.send_sync(driver, &[]);
    client.synced(driver).expect("an assignment");
    assert_eq!(client.commit(driver, "other", 2), ErrorCode::NONE);
    for _ in 0..2 * RETENTION_MS / 5_000 {
        assert_eq!(client.heartbeat(driver), ErrorCode::NONE);
        driver.advance_ms(5_000);
    }
    assert_eq!(committed(driver), [one("other", 0, 2)]);
}

#[test]
fn old_clients_say_how_long_their_offsets_are_kept() {
    let driver = &mut forgetful();
    let connection = driver.connect();
    let mut commit = |partition, retention_time_ms| {
        let request = offset_commit::Request { retention_time_ms, ..commit_of("topic", &[(partition, 1)]) };
        driver.ask(connection, 4, &request);
    };
    commit(0, 90_000);
    commit(1, -1);
    driver.advance_ms(60_000);
    assert_eq!(committed(driver).len(), 2);
    driver.advance_ms(60_000);
    assert_eq!(committed(driver), [one("topic", 1, 1)]);
}

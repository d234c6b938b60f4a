//! Offsets that are committed with a transaction.

use kafka_rs::wire::messages::offset_commit::{self, OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_rs::wire::messages::offset_fetch::{self, OffsetFetchRequestTopic};
use kafka_rs::wire::messages::txn_offset_commit::{self, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic};
use kafka_rs::wire::messages::{add_offsets_to_txn, join_group};

use super::*;
use crate::requests::{create_topic, delete_topic};

/// The newest version of TxnOffsetCommit that leaves it to the client to add the group, and the newest of all.
const OLD_COMMIT: i16 = 4;
const COMMIT: i16 = 5;

fn request(producer: Producer, group: &str, offsets: &[(i32, i64)]) -> txn_offset_commit::Request {
    let partitions = offsets.iter().map(|(partition_index, committed_offset)| TxnOffsetCommitRequestPartition {
        partition_index: *partition_index,
        committed_offset: *committed_offset,
        ..Default::default()
    });
    let topic = TxnOffsetCommitRequestTopic { name: "orders".to_owned(), partitions: partitions.collect() };
    txn_offset_commit::Request {
        transactional_id: producer.transactional_id.to_owned(),
        group_id: group.to_owned(),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        topics: vec![topic],
        ..Default::default()
    }
}

fn ask(driver: &mut Driver, version: i16, request: &txn_offset_commit::Request) -> Vec<ErrorCode> {
    let connection = driver.connect();
    let topics = driver.ask(connection, version, request).topics;
    topics.into_iter().flat_map(|topic| topic.partitions).map(|partition| partition.error_code).collect()
}

fn commit(driver: &mut Driver, producer: Producer, group: &str, offsets: &[(i32, i64)]) {
    let errors = ask(driver, COMMIT, &request(producer, group, offsets));
    assert!(errors.iter().all(|error| !error.is_error()), "{errors:?}");
}

fn commit_plainly(driver: &mut Driver, group: &str, partition_index: i32, committed_offset: i64) {
    let partition = OffsetCommitRequestPartition { partition_index, committed_offset, ..Default::default() };
    let topic =
        OffsetCommitRequestTopic { name: "orders".to_owned(), partitions: vec![partition], ..Default::default() };
    let request = offset_commit::Request { group_id: group.to_owned(), topics: vec![topic], ..Default::default() };
    let connection = driver.connect();
    let error = driver.ask(connection, 7, &request).topics[0].partitions[0].error_code;
    assert_eq!(error, ErrorCode::NONE);
}

/// The offsets of a group's partitions 0 and 1, or why there is none.
fn offsets(driver: &mut Driver, group: &str, require_stable: bool) -> [Result<i64, ErrorCode>; 2] {
    let topic = OffsetFetchRequestTopic { name: "orders".to_owned(), partition_indexes: vec![0, 1] };
    let topics = Some(vec![topic]);
    let request = offset_fetch::Request { group_id: group.to_owned(), topics, require_stable, ..Default::default() };
    let connection = driver.connect();
    let response = driver.ask(connection, 7, &request);
    let partitions = &response.topics[0].partitions;
    [0, 1].map(|index: usize| match partitions[index].error_code {
        ErrorCode::NONE => Ok(partitions[index].committed_offset),
        error => {
            assert_eq!(partitions[index].committed_offset, -1);
            Err(error)
        }
    })
}

const UNSTABLE: Result<i64, ErrorCode> = Err(ErrorCode::UNSTABLE_OFFSET_COMMIT);

#[test]
fn offsets_count_when_their_transaction_is_committed() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 2);
    let mut producer = Producer::init(driver, "a");
    commit_plainly(driver, "g", 0, 3);
    commit(driver, producer, "g", &[(0, 5)]);
    assert_eq!(offsets(driver, "g", true), [UNSTABLE, Ok(-1)]);
    assert_eq!(offsets(driver, "g", false), [Ok(3), Ok(-1)]);
    producer.commit(driver);
    assert_eq!(offsets(driver, "g", true), [Ok(5), Ok(-1)]);
    commit(driver, producer, "g", &[(0, 7), (1, 7)]);
    assert_eq!(offsets(driver, "g", true), [UNSTABLE; 2]);
    producer.abort(driver);
    assert_eq!(offsets(driver, "g", true), [Ok(5), Ok(-1)]);
}

#[test]
fn a_plain_commit_that_comes_later_stays() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 2);
    let mut producer = Producer::init(driver, "a");
    commit(driver, producer, "g", &[(0, 60), (1, 60)]);
    commit_plainly(driver, "g", 0, 55);
    assert_eq!(offsets(driver, "g", true), [UNSTABLE; 2]);
    producer.commit(driver);
    assert_eq!(offsets(driver, "g", true), [Ok(55), Ok(60)]);
}

#[test]
fn two_producers_can_have_offsets_pending() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 2);
    let [mut first, mut second] = ["a", "b"].map(|id| Producer::init(driver, id));
    commit(driver, first, "g", &[(0, 1), (1, 1)]);
    commit(driver, second, "g", &[(0, 2)]);
    second.commit(driver);
    assert_eq!(offsets(driver, "g", true), [UNSTABLE; 2]);
    first.commit(driver);
    assert_eq!(offsets(driver, "g", true), [Ok(2), Ok(1)], "of two commits the later one counts");
}

#[test]
fn older_clients_add_the_group_before() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 1);
    let mut producer = Producer::init(driver, "a");
    for (version, expect) in
        [(0, ErrorCode::INVALID_TXN_STATE), (3, ErrorCode::INVALID_TXN_STATE), (4, ErrorCode::TRANSACTION_ABORTABLE)]
    {
        assert_eq!(ask(driver, version, &request(producer, "g", &[(0, 1)])), [expect], "v{version}");
    }
    let request_to_add = add_offsets_to_txn::Request {
        transactional_id: "a".to_owned(),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        group_id: "g".to_owned(),
    };
    let connection = driver.connect();
    assert_eq!(driver.ask(connection, 4, &request_to_add).error_code, ErrorCode::NONE);
    assert_eq!(state(driver, "a"), "Ongoing");
    for version in 0..=4 {
        let offset = i64::from(version);
        assert_eq!(ask(driver, version, &request(producer, "g", &[(0, offset)])), [ErrorCode::NONE], "v{version}");
    }
    let other = ask(driver, OLD_COMMIT, &request(producer, "h", &[(0, 1)]));
    assert_eq!(other, [ErrorCode::TRANSACTION_ABORTABLE]);
    producer.commit(driver);
    assert_eq!(offsets(driver, "g", true)[0], Ok(4));
}

#[test]
fn who_is_not_the_producer_cannot_commit_offsets() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 1);
    let producer = Producer::init(driver, "a");
    for version in [OLD_COMMIT, COMMIT] {
        let mut check = |producer: Producer, group: &str, expect| {
            assert_eq!(ask(driver, version, &request(producer, group, &[(0, 1)])), [expect], "{producer:?} {group}");
        };
        check(producer, "", ErrorCode::INVALID_GROUP_ID);
        check(Producer { transactional_id: "", ..producer }, "g", ErrorCode::INVALID_REQUEST);
        check(Producer { transactional_id: "b", ..producer }, "g", ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        check(Producer { id: producer.id + 1, ..producer }, "g", ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        check(Producer { epoch: 3, ..producer }, "g", ErrorCode::INVALID_PRODUCER_EPOCH);
    }
    assert_eq!(state(driver, "a"), "Empty");
}

#[test]
fn only_partitions_that_exist_have_offsets() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 1);
    let producer = Producer::init(driver, "a");
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(ask(driver, COMMIT, &request(producer, "g", &[(4, 1)])), [unknown]);
    assert_eq!(state(driver, "a"), "Empty", "nothing has been committed");
    let long = TxnOffsetCommitRequestPartition { committed_metadata: Some("x".repeat(5000)), ..Default::default() };
    let mut mixed = request(producer, "g", &[(4, 1), (0, 1)]);
    mixed.topics[0].partitions.push(long);
    assert_eq!(ask(driver, COMMIT, &mixed), [unknown, ErrorCode::NONE, ErrorCode::OFFSET_METADATA_TOO_LARGE]);
}

#[test]
fn members_are_checked_when_they_say_who_they_are() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 1);
    let producer = Producer::init(driver, "a");
    let of = |generation_id, member_id: &str, instance: Option<&str>| txn_offset_commit::Request {
        generation_id,
        member_id: member_id.to_owned(),
        group_instance_id: instance.map(str::to_owned),
        ..request(producer, "g", &[(0, 1)])
    };
    assert_eq!(ask(driver, COMMIT, &of(3, "m", None)), [ErrorCode::ILLEGAL_GENERATION], "there is no group");
    assert_eq!(ask(driver, COMMIT, &of(-1, "m", Some("i"))), [ErrorCode::NONE], "there are no members");
    assert_eq!(ask(driver, COMMIT, &of(3, "", None)), [ErrorCode::UNKNOWN_MEMBER_ID]);

    let protocol = join_group::JoinGroupRequestProtocol { name: "range".to_owned(), metadata: Bytes::new() };
    let join = join_group::Request {
        group_id: "g".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![protocol],
        ..Default::default()
    };
    let connection = driver.connect();
    let joined = driver.ask(connection, 3, &join);
    assert_eq!(joined.error_code, ErrorCode::NONE);
    let (generation, member) = (joined.generation_id, joined.member_id.as_str());
    assert_eq!(ask(driver, COMMIT, &of(generation, member, None)), [ErrorCode::NONE], "also before the assignment");
    assert_eq!(ask(driver, COMMIT, &of(generation + 1, member, None)), [ErrorCode::ILLEGAL_GENERATION]);
    assert_eq!(ask(driver, COMMIT, &of(generation, "other", None)), [ErrorCode::UNKNOWN_MEMBER_ID]);
    assert_eq!(ask(driver, COMMIT, &of(generation, member, Some("i"))), [ErrorCode::UNKNOWN_MEMBER_ID]);
    assert_eq!(ask(driver, COMMIT, &of(-1, member, None)), [ErrorCode::ILLEGAL_GENERATION]);
    assert_eq!(ask(driver, COMMIT, &of(-1, "", None)), [ErrorCode::NONE], "as clients do that know no better");
}

#[test]
fn pending_offsets_go_with_their_topic() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 2);
    let mut producer = Producer::init(driver, "a");
    commit(driver, producer, "g", &[(0, 5)]);
    delete_topic(driver, "orders");
    create_topic(driver, "orders", 2);
    producer.commit(driver);
    assert_eq!(offsets(driver, "g", true), [Ok(-1); 2]);
}

#[test]
fn a_group_with_pending_offsets_is_kept() {
    let driver = &mut Driver::with(&[("offsets.retention.minutes", "1"), ("transaction.max.timeout.ms", "86400000")]);
    create_topic(driver, "orders", 2);
    let mut producer = Producer::init_with(driver, "a", 86_400_000, None).expect("a producer");
    commit_plainly(driver, "g", 1, 4);
    commit_plainly(driver, "g", 0, 3);
    commit(driver, producer, "g", &[(0, 5)]);
    driver.advance_ms(3_600_000);
    assert_eq!(offsets(driver, "g", false), [Ok(3), Ok(-1)], "one is about to be replaced, the other has expired");
    producer.commit(driver);
    assert_eq!(offsets(driver, "g", true), [Ok(5), Ok(-1)]);
}

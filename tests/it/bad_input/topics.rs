//! Rows about topics, offsets and producers.

use kafka_rs::wire::messages::{
    add_offsets_to_txn, add_partitions_to_txn, create_partitions, create_topics, delete_records, delete_topics,
    describe_producers, end_txn, fetch, init_producer_id, list_offsets, metadata, offset_commit,
    offset_for_leader_epoch, produce, txn_offset_commit,
};
use kafka_rs::wire::{ErrorCode, Uuid};

use super::scene::{NO_TOPIC, Reaction, Scene};
use super::{Expect, Row, row};
use crate::records::{Batch, TRANSACTIONAL};
use crate::requests::{Fetch, Topic, produce_request, want, want_bytes};

/// The first version of Produce that brings batches of today's format.
const BATCHES_FROM: i16 = 3;

pub fn rows() -> Vec<Row> {
    let sections = [
        unknown_topics(),
        unknown_partitions(),
        names(),
        sequences(),
        epochs(),
        transactions(),
        offsets(),
        sessions(),
        leader_epochs(),
        limits(),
    ];
    sections.into_iter().flatten().collect()
}

fn batch() -> Batch {
    Batch::of(&["a", "b", "c"])
}

/// A topic that does not exist, by name and by id.
fn missing(scene: &Scene) -> Topic {
    Topic { name: format!("{}-missing", scene.name), id: NO_TOPIC }
}

fn list_offsets_of(topic: &Topic, partition: list_offsets::ListOffsetsPartition) -> list_offsets::Request {
    let topics = vec![list_offsets::ListOffsetsTopic { name: topic.name.clone(), partitions: vec![partition] }];
    list_offsets::Request { replica_id: -1, topics, ..Default::default() }
}

fn latest(partition_index: i32) -> list_offsets::ListOffsetsPartition {
    list_offsets::ListOffsetsPartition { partition_index, timestamp: -1, ..Default::default() }
}

fn epoch_end_of(topic: &Topic, partition: i32, current_leader_epoch: i32) -> offset_for_leader_epoch::Request {
    let partition =
        offset_for_leader_epoch::OffsetForLeaderPartition { partition, current_leader_epoch, ..Default::default() };
    let topics =
        vec![offset_for_leader_epoch::OffsetForLeaderTopic { topic: topic.name.clone(), partitions: vec![partition] }];
    offset_for_leader_epoch::Request { topics, replica_id: -1 }
}

fn deletion_of(topic: &Topic, partition_index: i32, offset: i64) -> delete_records::Request {
    let partitions = vec![delete_records::DeleteRecordsPartition { partition_index, offset }];
    let topics = vec![delete_records::DeleteRecordsTopic { name: topic.name.clone(), partitions }];
    delete_records::Request { topics, timeout_ms: 10_000 }
}

fn commit_of(topic: &Topic, partition_index: i32, group: &str) -> offset_commit::Request {
    let partition = offset_commit::OffsetCommitRequestPartition { partition_index, ..Default::default() };
    let (name, topic_id) = (topic.name.clone(), topic.id);
    let topics = vec![offset_commit::OffsetCommitRequestTopic { name, topic_id, partitions: vec![partition] }];
    offset_commit::Request { group_id: group.to_owned(), topics, ..Default::default() }
}

fn metadata_of(name: Option<&str>, topic_id: Uuid) -> metadata::Request {
    let topic = metadata::MetadataRequestTopic { name: name.map(str::to_owned), topic_id };
    metadata::Request { topics: Some(vec![topic]), allow_auto_topic_creation: false, ..Default::default() }
}

fn unknown_topics() -> Vec<Row> {
    const WHAT: &str = "a topic that does not exist";
    const WHAT_ID: &str = "a topic id that does not exist";
    let (unknown, unknown_id) = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::UNKNOWN_TOPIC_ID);
    let to_missing = |scene: &mut Scene| scene.send(&produce_request(-1, &[(&missing(scene), 0, batch().encode())]));
    let from_missing = |scene: &mut Scene| scene.send(&Fetch::of(vec![want(&missing(scene), 0, 0)]).request());
    let nameless = |scene: &mut Scene| scene.send(&metadata_of(None, Uuid::ZERO)).errors_only();
    let commit_missing = |scene: &mut Scene| scene.send(&commit_of(&missing(scene), 0, &scene.name));
    vec![
        row::<produce::Request>(WHAT, to_missing).since(BATCHES_FROM).until(12).error(unknown),
        row::<produce::Request>(WHAT_ID, to_missing).since(13).error(unknown_id),
        row::<fetch::Request>(WHAT, from_missing).until(12).error(unknown),
        row::<fetch::Request>(WHAT_ID, from_missing).since(13).error(unknown_id),
        row::<list_offsets::Request>(WHAT, |scene| scene.send(&list_offsets_of(&missing(scene), latest(0))))
            .error(unknown),
        row::<offset_for_leader_epoch::Request>(WHAT, |scene| scene.send(&epoch_end_of(&missing(scene), 0, -1)))
            .error(unknown),
        row::<delete_records::Request>(WHAT, |scene| scene.send(&deletion_of(&missing(scene), 0, 0))).error(unknown),
        row::<offset_commit::Request>(WHAT, commit_missing).until(9).error(unknown),
        row::<offset_commit::Request>(WHAT_ID, commit_missing).since(10).error(unknown_id),
        row::<metadata::Request>(WHAT, |scene| {
            let request = metadata_of(Some(&missing(scene).name), Uuid::ZERO);
            scene.send(&request).errors_only()
        })
        .since(4)
        .error(unknown),
        row::<metadata::Request>(WHAT_ID, |scene| scene.send(&metadata_of(None, NO_TOPIC)).errors_only())
            .since(12)
            .error(unknown_id),
        row::<metadata::Request>("neither a name nor an id", nameless)
            .since(10)
            .until(11)
            .error(ErrorCode::INVALID_REQUEST),
        row::<metadata::Request>("neither a name nor an id", nameless)
            .since(12)
            .until(12)
            .error(unknown_id)
            .departs(stumbles(), "it is an id of a topic that does not exist"),
        row::<metadata::Request>("neither a name nor an id", nameless).since(13).error(unknown_id).departs(
            Expect::Answered { errors: vec![ErrorCode::UNKNOWN_SERVER_ERROR; 2], texts: Vec::new() },
            "it is an id of a topic that does not exist",
        ),
        row::<delete_topics::Request>(WHAT, |scene| {
            let topic_names = vec![missing(scene).name];
            scene.send(&delete_topics::Request { topic_names, timeout_ms: 10_000, ..Default::default() })
        })
        .until(5)
        .error(unknown),
        row::<delete_topics::Request>(WHAT_ID, |scene| {
            let topics = vec![delete_topics::DeleteTopicState { name: None, topic_id: NO_TOPIC }];
            scene.send(&delete_topics::Request { topics, timeout_ms: 10_000, ..Default::default() })
        })
        .since(6)
        .error(unknown_id),
        row::<create_partitions::Request>(WHAT, |scene| {
            let topic =
                create_partitions::CreatePartitionsTopic { name: missing(scene).name, count: 2, assignments: None };
            let topics = vec![topic];
            scene.send(&create_partitions::Request { topics, timeout_ms: 10_000, ..Default::default() })
        })
        .error(unknown),
        row::<describe_producers::Request>(WHAT, |scene| {
            let topic = describe_producers::TopicRequest { name: missing(scene).name, partition_indexes: vec![0] };
            scene.send(&describe_producers::Request { topics: vec![topic] })
        })
        .error(unknown),
    ]
}

fn unknown_partitions() -> Vec<Row> {
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let mut rows = Vec::new();
    for index in [1, -1, i32::MAX, i32::MIN] {
        let what = format!("partition {index} of a topic that has one");
        rows.extend([
            row::<produce::Request>(&what, move |scene| {
                let topic = scene.topic();
                scene.send(&produce_request(-1, &[(&topic, index, batch().encode())]))
            })
            .since(BATCHES_FROM),
            row::<fetch::Request>(&what, move |scene| {
                let topic = scene.topic();
                scene.send(&Fetch::of(vec![want(&topic, index, 0)]).request())
            }),
            row::<list_offsets::Request>(&what, move |scene| {
                let topic = scene.topic();
                scene.send(&list_offsets_of(&topic, latest(index)))
            }),
            row::<offset_for_leader_epoch::Request>(&what, move |scene| {
                let topic = scene.topic();
                scene.send(&epoch_end_of(&topic, index, -1))
            }),
            row::<delete_records::Request>(&what, move |scene| {
                let topic = scene.topic();
                scene.send(&deletion_of(&topic, index, 0))
            }),
            row::<offset_commit::Request>(&what, move |scene| {
                let topic = scene.topic();
                scene.send(&commit_of(&topic, index, &scene.name.clone()))
            }),
        ]);
    }
    rows.into_iter().map(|row| row.error(unknown)).collect()
}

fn create(scene: &mut Scene, name: &str) -> Reaction {
    let topic = create_topics::CreatableTopic {
        name: name.to_owned(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    scene.send(&create_topics::Request { topics: vec![topic], timeout_ms: 10_000, ..Default::default() })
}

fn names() -> Vec<Row> {
    let long: &str = &"x".repeat(250);
    let bad = [
        ("no letter at all", ""),
        ("a dot", "."),
        ("two dots", ".."),
        ("250 letters", long),
        ("a blank", "a b"),
        ("a slash", "a/b"),
        ("a letter beyond ASCII", "ä"),
        ("a zero byte", "a\0b"),
        ("a line feed", "a\n"),
    ];
    let mut rows = Vec::new();
    for (what, name) in bad {
        let (what, name) = (format!("a topic whose name is {what}"), name.to_owned());
        let create_name = name.clone();
        let row_of_creation = row::<create_topics::Request>(&what, move |scene| create(scene, &create_name));
        rows.push(row_of_creation.error(ErrorCode::INVALID_TOPIC_EXCEPTION));
        let metadata_name = name.clone();
        let row_of_metadata = row::<metadata::Request>(&what, move |scene| {
            scene.send(&metadata_of(Some(&metadata_name), Uuid::ZERO)).errors_only()
        });
        rows.push(row_of_metadata.since(4).error(ErrorCode::INVALID_TOPIC_EXCEPTION));
        let row_of_produce = row::<produce::Request>(&what, move |scene| {
            let topic = Topic { name: name.clone(), id: Uuid::ZERO };
            scene.send(&produce_request(-1, &[(&topic, 0, batch().encode())]))
        });
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        rows.push(row_of_produce.since(BATCHES_FROM).until(12).error(unknown));
    }
    for name in ["__consumer_offsets", "__transaction_state"] {
        let row = row::<produce::Request>(format!("records for {name}"), move |scene| {
            let topic = Topic { name: name.to_owned(), id: Uuid::ZERO };
            scene.send(&produce_request(-1, &[(&topic, 0, batch().encode())]))
        });
        rows.push(row.since(BATCHES_FROM).until(12).error(ErrorCode::INVALID_TOPIC_EXCEPTION));
    }
    rows.push(
        row::<create_topics::Request>("a topic that exists", |scene| {
            let topic = scene.topic();
            create(scene, &topic.name)
        })
        .error(ErrorCode::TOPIC_ALREADY_EXISTS),
    );
    rows
}

/// A row that sends a batch after a producer has written seven of one record: sequences and offsets 0 to 6.
fn after_seven(input: &str, sequence: i32, values: &'static [&'static str]) -> Row {
    row::<produce::Request>(input, move |scene| {
        let topic = scene.topic();
        let (id, epoch) = scene.producer(None);
        for sequence in 0..7 {
            scene.append(&topic, &Batch::of(&["x"]).by(id, epoch, sequence));
        }
        let batch = Batch::of(values).by(id, epoch, sequence).encode();
        let reaction = scene.send(&produce_request(-1, &[(&topic, 0, batch)]));
        let end = scene.end_of(&topic, 0).expect("a topic that is there");
        reaction.and(&format!("end offset {end}"))
    })
    .since(BATCHES_FROM)
}

/// A row that sends a batch, after others of the same unknown producer: epoch, sequence and number of records.
fn after_others(input: &str, others: &'static [(i16, i32, usize)], (epoch, sequence, count): (i16, i32, usize)) -> Row {
    row::<produce::Request>(input, move |scene| {
        let topic = scene.topic();
        let batch = |epoch, sequence, count| Batch::of(&vec!["x"; count]).by(7_000_000, epoch, sequence);
        for (epoch, sequence, count) in others {
            scene.append(&topic, &batch(*epoch, *sequence, *count));
        }
        let reaction = scene.send(&produce_request(-1, &[(&topic, 0, batch(epoch, sequence, count).encode())]));
        let end = scene.end_of(&topic, 0).expect("a topic that is there");
        reaction.and(&format!("end offset {end}"))
    })
    .since(BATCHES_FROM)
}

fn sequences() -> Vec<Row> {
    let again = |at: &str| Expect::accepted().with(at).with("end offset 7");
    let out_of_order = Expect::error(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    let wrong = |row: Row| row.expect(out_of_order.clone());
    const MAX: i32 = i32::MAX;
    vec![
        after_seven("a producer's last batch once more", 6, &["x"]).expect(again("base_offset: 6 ")),
        after_seven("the last batch but one once more", 5, &["x"]).expect(again("base_offset: 5 ")),
        after_seven("the last batch but four once more", 2, &["x"]).expect(again("base_offset: 2 ")),
        wrong(after_seven("the last batch but five once more", 1, &["x"])),
        wrong(after_seven("a gap in the sequence", 8, &["x"])),
        wrong(after_seven("a sequence far ahead", i32::MAX, &["x"])),
        wrong(after_seven("two batches in one once more", 5, &["x", "x"])),
        wrong(after_seven("the last batch once more, with more records", 6, &["x", "x"])),
        after_others("sequence 0 behind 2147483647", &[(0, MAX - 1, 2)], (0, 0, 1)).expect(Expect::accepted()),
        after_others("a batch over the end of the sequence", &[(0, MAX - 2, 2)], (0, MAX, 2))
            .expect(Expect::accepted()),
        after_others("that batch once more", &[(0, MAX - 2, 2), (0, MAX, 2)], (0, MAX, 2))
            .expect(Expect::accepted().with("base_offset: 2 ").with("end offset 4")),
        wrong(after_others("sequence 1 behind 2147483647", &[(0, MAX - 1, 2)], (0, 1, 1))),
        after_others("an unknown producer that begins in the middle", &[], (0, 7, 1)).expect(Expect::accepted()),
    ]
}

fn epochs() -> Vec<Row> {
    let wrong = Expect::error(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    let old = Expect::error(ErrorCode::INVALID_PRODUCER_EPOCH);
    vec![
        after_others("a new epoch that goes on with the sequence", &[(0, 0, 1)], (1, 1, 1)).expect(wrong.clone()),
        after_others("a new epoch that begins at 5", &[(0, 0, 1)], (1, 5, 1)).expect(wrong),
        after_others("a new epoch that begins at 0", &[(0, 0, 1)], (1, 0, 1)).expect(Expect::accepted()),
        after_others("an old epoch", &[(0, 0, 1), (1, 0, 1)], (0, 1, 1)).expect(old.clone()),
        after_others("a batch of an old epoch once more", &[(0, 0, 1), (1, 0, 1)], (0, 0, 1)).expect(old.clone()),
        after_others("the epoch -1 after another", &[(0, 0, 1)], (-1, 0, 1)).expect(old),
    ]
}

/// A producer that has been replaced: its id, its epoch, and its transactional id.
fn fenced(scene: &mut Scene) -> (i64, i16, String) {
    let transactional_id = scene.name.clone();
    let (id, epoch) = scene.producer(Some(&transactional_id));
    assert_eq!(scene.producer(Some(&transactional_id)), (id, epoch + 1));
    (id, epoch, transactional_id)
}

/// Makes a partition part of a transaction.
fn adding(transactional_id: &str, (id, epoch): (i64, i16), topic: &str) -> add_partitions_to_txn::Request {
    let topic = add_partitions_to_txn::AddPartitionsToTxnTopic { name: topic.to_owned(), partitions: vec![0] };
    let transaction = add_partitions_to_txn::AddPartitionsToTxnTransaction {
        transactional_id: transactional_id.to_owned(),
        producer_id: id,
        producer_epoch: epoch,
        verify_only: false,
        topics: vec![topic.clone()],
    };
    add_partitions_to_txn::Request {
        transactions: vec![transaction],
        v3_and_below_transactional_id: transactional_id.to_owned(),
        v3_and_below_producer_id: id,
        v3_and_below_producer_epoch: epoch,
        v3_and_below_topics: vec![topic],
    }
}

fn transactional(scene: &mut Scene, topic: &Topic, (id, epoch): (i64, i16), transactional_id: &str) -> Reaction {
    let batch = Batch { attributes: TRANSACTIONAL, ..batch() }.by(id, epoch, 0).encode();
    let transactional_id = Some(transactional_id.to_owned());
    scene.send(&produce::Request { transactional_id, ..produce_request(-1, &[(topic, 0, batch)]) })
}

fn transactions() -> Vec<Row> {
    let (epoch_47, fenced_90) = (ErrorCode::INVALID_PRODUCER_EPOCH, ErrorCode::PRODUCER_FENCED);
    let not_held = |scene: &mut Scene| {
        let topic = scene.topic();
        let id = scene.name.clone();
        let producer = scene.producer(Some(&id));
        transactional(scene, &topic, producer, &id)
    };
    let add = |scene: &mut Scene| {
        let topic = scene.topic();
        let (id, epoch, transactional_id) = fenced(scene);
        scene.send(&adding(&transactional_id, (id, epoch), &topic.name))
    };
    let add_offsets = |scene: &mut Scene| {
        let (producer_id, producer_epoch, transactional_id) = fenced(scene);
        let group_id = scene.name.clone();
        scene.send(&add_offsets_to_txn::Request { transactional_id, producer_id, producer_epoch, group_id })
    };
    let end = |scene: &mut Scene| {
        let (producer_id, producer_epoch, transactional_id) = fenced(scene);
        scene.send(&end_txn::Request { transactional_id, producer_id, producer_epoch, committed: true })
    };
    let init = |scene: &mut Scene| {
        let (producer_id, producer_epoch, transactional_id) = fenced(scene);
        let transactional_id = Some(transactional_id);
        let transaction_timeout_ms = 60_000;
        scene.send(&init_producer_id::Request { transactional_id, transaction_timeout_ms, producer_id, producer_epoch })
    };
    let mut rows = vec![
        row::<produce::Request>("a batch of a transaction that does not hold the partition", not_held)
            .since(BATCHES_FROM)
            .until(10)
            .error(ErrorCode::INVALID_TXN_STATE),
        row::<produce::Request>("a batch of a transaction that does not hold the partition", not_held)
            .since(11)
            .until(11)
            .error(ErrorCode::TRANSACTION_ABORTABLE),
        row::<produce::Request>("a batch whose partition is added to its transaction by itself", not_held)
            .since(12)
            .expect(Expect::accepted()),
        row::<add_partitions_to_txn::Request>("a producer that was replaced", add).until(1).error(epoch_47),
        row::<add_partitions_to_txn::Request>("a producer that was replaced", add).since(2).until(3).error(fenced_90),
        row::<add_offsets_to_txn::Request>("a producer that was replaced", add_offsets).until(1).error(epoch_47),
        row::<add_offsets_to_txn::Request>("a producer that was replaced", add_offsets).since(2).error(fenced_90),
        row::<end_txn::Request>("a producer that was replaced", end).until(1).error(epoch_47),
        row::<end_txn::Request>("a producer that was replaced", end).since(2).error(fenced_90),
        row::<init_producer_id::Request>("a producer that was replaced", init).since(3).until(3).error(epoch_47),
        row::<init_producer_id::Request>("a producer that was replaced", init).since(4).error(fenced_90),
        row::<produce::Request>("a transactional batch of a producer that was replaced", |scene| {
            let topic = scene.topic();
            let (id, epoch, transactional_id) = fenced(scene);
            transactional(scene, &topic, (id, epoch), &transactional_id)
        })
        .since(BATCHES_FROM)
        .error(epoch_47),
    ];
    rows.extend(strange_transactions());
    rows
}

/// Transactions that do not exist, are not those of the producer, or cannot be.
fn strange_transactions() -> Vec<Row> {
    let end_unknown = |scene: &mut Scene, committed| {
        let transactional_id = scene.name.clone();
        scene.send(&end_txn::Request { transactional_id, producer_id: 1, producer_epoch: 0, committed })
    };
    let init = |transactional_id: Option<&str>, transaction_timeout_ms: i32| {
        let transactional_id = transactional_id.map(str::to_owned);
        let request = init_producer_id::Request { transactional_id, transaction_timeout_ms, ..Default::default() };
        move |scene: &mut Scene| scene.send(&request)
    };
    let pairs = |(id, epoch): (i64, i16)| {
        row::<init_producer_id::Request>(format!("the producer id {id} with the epoch {epoch}"), move |scene| {
            let transactional_id = Some(scene.name.clone());
            let request = init_producer_id::Request {
                transactional_id,
                transaction_timeout_ms: 60_000,
                producer_id: id,
                producer_epoch: epoch,
            };
            scene.send(&request)
        })
        .since(3)
        .error(ErrorCode::INVALID_REQUEST)
    };
    let timeout = ErrorCode::INVALID_TRANSACTION_TIMEOUT;
    let mapping = ErrorCode::INVALID_PRODUCER_ID_MAPPING;
    vec![
        row::<end_txn::Request>("a transactional id that nobody has", move |scene| end_unknown(scene, true))
            .error(mapping),
        row::<end_txn::Request>("a transaction that has not begun", |scene| {
            let transactional_id = scene.name.clone();
            let (producer_id, producer_epoch) = scene.producer(Some(&transactional_id));
            scene.send(&end_txn::Request { transactional_id, producer_id, producer_epoch, committed: true })
        })
        .error(ErrorCode::INVALID_TXN_STATE),
        row::<add_offsets_to_txn::Request>("the producer id of another", |scene| {
            let transactional_id = scene.name.clone();
            let (id, producer_epoch) = scene.producer(Some(&transactional_id));
            let (producer_id, group_id) = (id + 1_000_000, scene.name.clone());
            scene.send(&add_offsets_to_txn::Request { transactional_id, producer_id, producer_epoch, group_id })
        })
        .error(mapping),
        row::<add_offsets_to_txn::Request>("no group", |scene| {
            let transactional_id = scene.name.clone();
            let (producer_id, producer_epoch) = scene.producer(Some(&transactional_id));
            let group_id = String::new();
            scene.send(&add_offsets_to_txn::Request { transactional_id, producer_id, producer_epoch, group_id })
        })
        .expect(Expect::accepted()),
        row::<add_partitions_to_txn::Request>("a topic that does not exist", |scene| {
            let transactional_id = scene.name.clone();
            let producer = scene.producer(Some(&transactional_id));
            let topic = missing(scene).name;
            scene.send(&adding(&transactional_id, producer, &topic))
        })
        .until(3)
        .error(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        row::<txn_offset_commit::Request>("a topic that does not exist", |scene| {
            let transactional_id = scene.name.clone();
            let (producer_id, producer_epoch) = scene.producer(Some(&transactional_id));
            let partition = txn_offset_commit::TxnOffsetCommitRequestPartition::default();
            let name = missing(scene).name;
            let topics = vec![txn_offset_commit::TxnOffsetCommitRequestTopic { name, partitions: vec![partition] }];
            let request = txn_offset_commit::Request {
                group_id: transactional_id.clone(),
                transactional_id,
                producer_id,
                producer_epoch,
                topics,
                ..Default::default()
            };
            scene.send(&request)
        })
        .error(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        row::<init_producer_id::Request>("an empty transactional id", init(Some(""), 60_000))
            .error(ErrorCode::INVALID_REQUEST),
        row::<init_producer_id::Request>("a transaction timeout of 0", init(Some("timeout"), 0)).error(timeout),
        row::<init_producer_id::Request>("a negative transaction timeout", init(Some("timeout"), -1)).error(timeout),
        row::<init_producer_id::Request>("a transaction timeout above the longest", init(Some("timeout"), 900_001))
            .error(timeout),
        pairs((5, -1)),
        pairs((-1, 5)),
    ]
}

/// A topic with two batches of three records.
fn filled(scene: &mut Scene) -> Topic {
    let topic = scene.topic();
    for _ in 0..2 {
        scene.append(&topic, &batch());
    }
    topic
}

fn offsets() -> Vec<Row> {
    let out = ErrorCode::OFFSET_OUT_OF_RANGE;
    let fetch = |input: &str, offset: i64| {
        row::<fetch::Request>(input, move |scene| {
            let topic = filled(scene);
            scene.send(&Fetch::of(vec![want(&topic, 0, offset)]).request())
        })
    };
    let of_time = |input: &str, timestamp: i64| {
        row::<list_offsets::Request>(input, move |scene| {
            let topic = filled(scene);
            let partition = list_offsets::ListOffsetsPartition { timestamp, ..latest(0) };
            scene.send(&list_offsets_of(&topic, partition))
        })
    };
    vec![
        fetch("a negative offset", -1).error(out),
        fetch("the smallest offset", i64::MIN).error(out),
        fetch("an offset behind the end", 7).error(out),
        fetch("the largest offset", i64::MAX).error(out),
        fetch("the end", 6).expect(Expect::accepted().with("records: []")),
        row::<fetch::Request>("an offset below the start of the log", |scene| {
            let topic = filled(scene);
            scene.ask(2, &deletion_of(&topic, 0, 4));
            scene.send(&Fetch::of(vec![want(&topic, 0, 3)]).request())
        })
        .error(out),
        fetch("an offset in the middle of a batch", 4).expect(Expect::accepted().with("records: [3 from 3]")),
        row::<delete_records::Request>("records behind the end", |scene| {
            let topic = filled(scene);
            scene.send(&deletion_of(&topic, 0, 7))
        })
        .error(out),
        row::<delete_records::Request>("records before a negative offset", |scene| {
            let topic = filled(scene);
            scene.send(&deletion_of(&topic, 0, -2))
        })
        .error(out),
        of_time("a timestamp that stands for nothing", -100).error(ErrorCode::UNSUPPORTED_VERSION),
        of_time("the smallest timestamp", i64::MIN).error(ErrorCode::UNSUPPORTED_VERSION),
        of_time("a timestamp of the far future", i64::MAX).expect(Expect::accepted().with("offset: -1")),
    ]
}

/// A fetch session of this scene with one partition, whose next epoch is 1.
fn session(scene: &mut Scene) -> (Topic, i32) {
    let topic = filled(scene);
    let request = Fetch { session_epoch: 0, ..Fetch::of(vec![want(&topic, 0, 0)]) }.request();
    let session_id = scene.ask(scene.version, &request).session_id;
    assert_ne!(session_id, 0);
    scene.mask(format!("session_id: {session_id}"), "session_id: SESSION_ID");
    (topic, session_id)
}

fn sessions() -> Vec<Row> {
    let missing = |input: &str, session_id: i32, session_epoch: i32| {
        row::<fetch::Request>(input, move |scene| {
            let topic = filled(scene);
            scene.send(&Fetch { session_id, session_epoch, ..Fetch::of(vec![want(&topic, 0, 0)]) }.request())
        })
        .since(7)
        .error(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)
    };
    let of_epoch = |input: &str, session_epoch: i32| {
        row::<fetch::Request>(input, move |scene| {
            let (topic, session_id) = session(scene);
            scene.send(&Fetch { session_id, session_epoch, ..Fetch::of(vec![want(&topic, 0, 0)]) }.request())
        })
        .since(7)
        .error(ErrorCode::INVALID_FETCH_SESSION_EPOCH)
    };
    vec![
        missing("a fetch session that does not exist", 12345, 1),
        missing("a negative fetch session", -12345, 1),
        of_epoch("a fetch session's epoch ahead of its time", 2),
        of_epoch("a fetch session's largest epoch", i32::MAX),
        row::<fetch::Request>("a fetch session's epoch once more", |scene| {
            let (_, session_id) = session(scene);
            let next = Fetch { session_id, session_epoch: 1, ..Fetch::default() }.request();
            scene.ask(scene.version, &next);
            scene.send(&next)
        })
        .since(7)
        .error(ErrorCode::INVALID_FETCH_SESSION_EPOCH),
        row::<fetch::Request>("a fetch session that was closed", |scene| {
            let (_, session_id) = session(scene);
            scene.ask(scene.version, &Fetch { session_id, session_epoch: -1, ..Fetch::default() }.request());
            scene.send(&Fetch { session_id, session_epoch: 1, ..Fetch::default() }.request())
        })
        .since(7)
        .error(ErrorCode::FETCH_SESSION_ID_NOT_FOUND),
    ]
}

fn leader_epochs() -> Vec<Row> {
    let (fenced, unknown) = (ErrorCode::FENCED_LEADER_EPOCH, ErrorCode::UNKNOWN_LEADER_EPOCH);
    let fetch = |input: &str, current_leader_epoch: i32| {
        row::<fetch::Request>(input, move |scene| {
            let topic = filled(scene);
            let (topic, partition) = want(&topic, 0, 0);
            let partition = fetch::FetchPartition { current_leader_epoch, ..partition };
            scene.send(&Fetch::of(vec![(topic, partition)]).request())
        })
        .since(9)
    };
    let list = |input: &str, current_leader_epoch: i32| {
        row::<list_offsets::Request>(input, move |scene| {
            let topic = filled(scene);
            let partition = list_offsets::ListOffsetsPartition { current_leader_epoch, ..latest(0) };
            scene.send(&list_offsets_of(&topic, partition))
        })
        .since(4)
    };
    let end = |input: &str, current_leader_epoch: i32| {
        row::<offset_for_leader_epoch::Request>(input, move |scene| {
            let topic = filled(scene);
            scene.send(&epoch_end_of(&topic, 0, current_leader_epoch))
        })
    };
    vec![
        fetch("a leader epoch of the future", 1).error(unknown),
        fetch("the largest leader epoch", i32::MAX).error(unknown),
        fetch("a negative leader epoch", -2).expect(Expect::accepted()),
        list("a leader epoch of the future", 1).error(unknown),
        list("a leader epoch below the first", -2).error(fenced),
        end("a leader epoch of the future", 1).error(unknown),
        end("a leader epoch below the first", -2).error(fenced),
        row::<fetch::Request>("records of an epoch that has not been", |scene| {
            let topic = filled(scene);
            let (topic, partition) = want(&topic, 0, 3);
            let partition = fetch::FetchPartition { last_fetched_epoch: 5, ..partition };
            scene.send(&Fetch::of(vec![(topic, partition)]).request())
        })
        .since(12)
        .error(ErrorCode::OFFSET_OUT_OF_RANGE),
    ]
}

/// Where Kafka meets an error that it did not expect.
fn stumbles() -> Expect {
    Expect::error(ErrorCode::UNKNOWN_SERVER_ERROR)
}

/// Limits that make no sense: the first batch comes whatever they say.
fn limits() -> Vec<Row> {
    let one = |input: &str, limit: i32, fetch: Fetch| {
        row::<fetch::Request>(input, move |scene| {
            let topic = filled(scene);
            scene.send(&Fetch { wanted: vec![want_bytes(&topic, 0, 0, limit)], ..fetch.clone() }.request())
        })
        .expect(Expect::accepted().with("records: [3 from 0]"))
    };
    let fetch = Fetch::default;
    vec![
        one("one byte of a partition", 1, fetch()),
        one("one byte at all", i32::MAX, Fetch { max_bytes: 1, ..fetch() }),
        one("nothing of a partition", 0, fetch()),
        one("a negative limit of a partition", -1, fetch()).departs(stumbles(), "it is as good as a limit of 0"),
        one("a negative limit of all", i32::MAX, Fetch { max_bytes: -1, ..fetch() })
            .departs(stumbles(), "it is as good as a limit of 0"),
        row::<fetch::Request>("a negative time to wait, and a negative number of bytes to wait for", |scene| {
            let topic = filled(scene);
            let limits = Fetch { max_wait_ms: -1, min_bytes: -1, ..Fetch::default() };
            scene.send(&Fetch { wanted: vec![want(&topic, 0, 0)], ..limits }.request())
        })
        .expect(Expect::accepted().with("records: [3 from 0, 3 from 3]")),
        row::<fetch::Request>("the same partition twice", |scene| {
            let topic = filled(scene);
            scene.send(&Fetch::of(vec![want(&topic, 0, 0), want(&topic, 0, 3)]).request())
        })
        .expect(Expect::accepted()),
        row::<fetch::Request>("an isolation level that does not exist", |scene| {
            let topic = filled(scene);
            let request = Fetch::of(vec![want(&topic, 0, 0)]).request();
            scene.send(&fetch::Request { isolation_level: 9, ..request })
        })
        .expect(Expect::accepted())
        .departs(stumbles(), "only 1 stands for committed records"),
        row::<fetch::Request>("a follower that is none", |scene| {
            let topic = filled(scene);
            let request = Fetch::of(vec![want(&topic, 0, 0)]).request();
            scene.send(&fetch::Request { replica_id: 5, ..request })
        })
        .until(14)
        .error(ErrorCode::NOT_LEADER_OR_FOLLOWER),
        row::<fetch::Request>("a follower that is none", |scene| {
            let topic = filled(scene);
            let request = Fetch::of(vec![want(&topic, 0, 0)]).request();
            let replica_state = fetch::ReplicaState { replica_id: 5, replica_epoch: 1 };
            scene.send(&fetch::Request { replica_state, ..request })
        })
        .since(15)
        .error(ErrorCode::NOT_LEADER_OR_FOLLOWER),
    ]
}

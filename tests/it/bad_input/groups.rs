//! Rows about groups and their members.

use std::time::Duration;

use bytes::Bytes;
use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::{
    delete_groups, heartbeat, join_group, leave_group, offset_commit, offset_delete, offset_fetch, sync_group,
    txn_offset_commit,
};

use super::scene::{Scene, eventually};
use super::{Expect, Row, row};
use crate::driver::Exchange;
use crate::requests::Topic;
use crate::socket::{Received, Socket};

/// Versions in which new members need not come back with an id.
const JOIN: i16 = 3;
const JOIN_STATIC: i16 = 5;
const SYNC: i16 = 2;

pub fn rows() -> Vec<Row> {
    [ids(), joins(), full(), protocols(), unknown_members(), generations(), fenced(), rebalances(), commits()]
        .into_iter()
        .flatten()
        .collect()
}

/// A member as its requests name it.
#[derive(Debug, Clone, Default)]
struct Member {
    group: String,
    id: String,
    generation: i32,
    instance: Option<String>,
}

fn join(group: &str, member_id: &str) -> join_group::Request {
    let protocol = join_group::JoinGroupRequestProtocol { name: "range".to_owned(), metadata: Bytes::from("m") };
    join_group::Request {
        group_id: group.to_owned(),
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 30_000,
        member_id: member_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![protocol],
        ..Default::default()
    }
}

impl Member {
    /// The only member of a group, which has its assignment.
    fn new(scene: &mut Scene) -> Self {
        let member = Self::joined(scene, None);
        member.sync(scene);
        member
    }

    /// The only member of a group, known by a name of its own, which has its assignment.
    fn fixed(scene: &mut Scene) -> Self {
        let member = Self::joined(scene, Some("instance"));
        member.sync(scene);
        member
    }

    /// The only member of a group, before it has its assignment.
    fn joined(scene: &mut Scene, instance: Option<&str>) -> Self {
        let group = scene.name.clone();
        let instance = instance.map(str::to_owned);
        let request = join_group::Request { group_instance_id: instance.clone(), ..join(&group, "") };
        let joined = scene.ask(if instance.is_some() { JOIN_STATIC } else { JOIN }, &request);
        assert_eq!(joined.error_code, ErrorCode::NONE);
        Self { group, id: joined.member_id, generation: joined.generation_id, instance }
    }

    fn sync(&self, scene: &mut Scene) {
        let assignment = sync_group::SyncGroupRequestAssignment {
            member_id: self.id.clone(),
            assignment: Bytes::from_static(b"assignment"),
        };
        let request = sync_group::Request { assignments: vec![assignment], ..self.syncs() };
        assert_eq!(scene.ask(SYNC, &request).error_code, ErrorCode::NONE);
    }

    fn beats(&self) -> heartbeat::Request {
        heartbeat::Request {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
        }
    }

    fn syncs(&self) -> sync_group::Request {
        sync_group::Request {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some("range".to_owned()),
            ..Default::default()
        }
    }

    fn joins(&self) -> join_group::Request {
        join_group::Request { group_instance_id: self.instance.clone(), ..join(&self.group, &self.id) }
    }

    fn leaves(&self) -> leave_group::Request {
        let member = leave_group::MemberIdentity {
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            reason: None,
        };
        leave_group::Request { group_id: self.group.clone(), member_id: self.id.clone(), members: vec![member] }
    }

    fn commits(&self, topic: &Topic, partition: offset_commit::OffsetCommitRequestPartition) -> offset_commit::Request {
        let (name, topic_id) = (topic.name.clone(), topic.id);
        let topics = vec![offset_commit::OffsetCommitRequestTopic { name, topic_id, partitions: vec![partition] }];
        offset_commit::Request {
            group_id: self.group.clone(),
            generation_id_or_member_epoch: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            topics,
            ..Default::default()
        }
    }

    fn commits_in_transaction(
        &self,
        topic: &Topic,
        transactional_id: &str,
        producer: (i64, i16),
    ) -> txn_offset_commit::Request {
        let partition = txn_offset_commit::TxnOffsetCommitRequestPartition::default();
        let name = topic.name.clone();
        txn_offset_commit::Request {
            transactional_id: transactional_id.to_owned(),
            group_id: self.group.clone(),
            producer_id: producer.0,
            producer_epoch: producer.1,
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            topics: vec![txn_offset_commit::TxnOffsetCommitRequestTopic { name, partitions: vec![partition] }],
        }
    }

    /// Another client that wants to join: the rebalance has begun, and waits for this member.
    fn meets_another(&self, scene: &mut Scene) -> Socket {
        let mut other = scene.connect();
        other.send(JOIN, &join(&self.group, ""));
        eventually("a rebalance", || scene.ask(1, &self.beats()).error_code == ErrorCode::REBALANCE_IN_PROGRESS);
        assert_eq!(other.next_within(Duration::from_millis(1)), Received::Nothing);
        other
    }
}

fn empty_commit(scene: &mut Scene) -> offset_commit::Request {
    let topic = scene.topic();
    Member { generation: -1, ..Member::default() }.commits(&topic, Default::default())
}

fn ids() -> Vec<Row> {
    const WHAT: &str = "an empty group id";
    let nobody = || Member { id: "nobody".to_owned(), ..Member::default() };
    let invalid = |row: Row| row.error(ErrorCode::INVALID_GROUP_ID);
    let fetch = |scene: &mut Scene| {
        let group = offset_fetch::OffsetFetchRequestGroup::default();
        scene.send(&offset_fetch::Request { groups: vec![group], ..Default::default() })
    };
    vec![
        invalid(row::<join_group::Request>(WHAT, |scene| scene.send(&join("", "")))),
        invalid(row::<sync_group::Request>(WHAT, move |scene| scene.send(&nobody().syncs()))),
        invalid(row::<heartbeat::Request>(WHAT, move |scene| scene.send(&nobody().beats()))),
        invalid(row::<leave_group::Request>(WHAT, move |scene| scene.send(&nobody().leaves()))),
        row::<delete_groups::Request>(WHAT, |scene| {
            scene.send(&delete_groups::Request { groups_names: vec![String::new()] })
        })
        .error(ErrorCode::GROUP_ID_NOT_FOUND),
        invalid(row::<offset_delete::Request>(WHAT, |scene| scene.send(&offset_delete::Request::default()))),
        row::<offset_commit::Request>(WHAT, |scene| {
            let request = empty_commit(scene);
            scene.send(&request)
        })
        .expect(Expect::accepted()),
        row::<offset_fetch::Request>(WHAT, fetch).expect(Expect::accepted()),
        invalid(row::<txn_offset_commit::Request>(WHAT, |scene| {
            let topic = scene.topic();
            let transactional_id = scene.name.clone();
            let producer = scene.producer(Some(&transactional_id));
            let nobody = Member { generation: -1, ..Member::default() };
            scene.send(&nobody.commits_in_transaction(&topic, &transactional_id, producer))
        })),
    ]
}

fn joins() -> Vec<Row> {
    let mut rows = Vec::new();
    for session_timeout_ms in [5_999, 1_800_001, 0, -1, i32::MAX, i32::MIN] {
        let row = row::<join_group::Request>(format!("a session timeout of {session_timeout_ms}"), move |scene| {
            let request = join_group::Request { session_timeout_ms, ..join(&scene.name, "") };
            scene.send(&request)
        });
        rows.push(row.error(ErrorCode::INVALID_SESSION_TIMEOUT));
    }
    let new = |scene: &mut Scene| scene.send(&join(&scene.name, ""));
    rows.extend([
        row::<join_group::Request>("a new member without an id", new).until(3).expect(Expect::accepted()),
        row::<join_group::Request>("a new member without an id", new)
            .since(4)
            .expect(Expect::error(ErrorCode::MEMBER_ID_REQUIRED).with("member_id: \"test-UUID\"")),
        row::<join_group::Request>("a new static member without an id", |scene| {
            let group_instance_id = Some("instance".to_owned());
            scene.send(&join_group::Request { group_instance_id, ..join(&scene.name, "") })
        })
        .since(5)
        .expect(Expect::accepted()),
        row::<join_group::Request>("a static member under an id that was given to another", |scene| {
            let given = scene.ask(4, &join(&scene.name.clone(), "")).member_id;
            let group_instance_id = Some("instance".to_owned());
            scene.send(&join_group::Request { group_instance_id, ..join(&scene.name, &given) })
        })
        .since(5)
        .error(ErrorCode::UNKNOWN_SERVER_ERROR),
    ]);
    rows
}

/// The groups of these rows may have two members.
fn full() -> Vec<Row> {
    let third = |scene: &mut Scene, member_id: &str| {
        let first = Member::new(scene);
        let mut second = first.meets_another(scene);
        let joined = scene.ask(JOIN, &first.joins());
        assert_eq!(second.receive::<join_group::Request>(JOIN).generation_id, joined.generation_id);
        scene.send(&join(&first.group, member_id))
    };
    vec![
        row::<join_group::Request>("a third member of a group of two", move |scene| third(scene, ""))
            .error(ErrorCode::GROUP_MAX_SIZE_REACHED),
        row::<join_group::Request>("a third member of a group of two, with an id", move |scene| third(scene, "nobody"))
            .error(ErrorCode::GROUP_MAX_SIZE_REACHED),
    ]
}

fn protocols() -> Vec<Row> {
    let other = |input: &str, change: fn(join_group::Request) -> join_group::Request| {
        row::<join_group::Request>(input, move |scene| {
            let member = Member::new(scene);
            scene.send(&change(join(&member.group, "")))
        })
        .error(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
    };
    let first = |input: &str, change: fn(join_group::Request) -> join_group::Request| {
        row::<join_group::Request>(input, move |scene| scene.send(&change(join(&scene.name, ""))))
            .error(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
    };
    let syncs = |input: &str, change: fn(sync_group::Request) -> sync_group::Request| {
        row::<sync_group::Request>(input, move |scene| {
            let member = Member::new(scene);
            scene.send(&change(member.syncs()))
        })
        .since(5)
        .error(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
    };
    vec![
        other("a member that has no protocol in common", |mut request| {
            request.protocols[0].name = "other".to_owned();
            request
        }),
        other("a member of another protocol type", |request| join_group::Request {
            protocol_type: "connect".to_owned(),
            ..request
        }),
        other("a member without a protocol", |request| join_group::Request { protocols: Vec::new(), ..request }),
        first("a first member without a protocol", |request| join_group::Request { protocols: Vec::new(), ..request }),
        first("a first member without a protocol type", |request| join_group::Request {
            protocol_type: String::new(),
            ..request
        }),
        syncs("another protocol type than the group's", |request| sync_group::Request {
            protocol_type: Some("connect".to_owned()),
            ..request
        }),
        syncs("another protocol than the group's", |request| sync_group::Request {
            protocol_name: Some("other".to_owned()),
            ..request
        }),
        syncs("no protocol type", |request| sync_group::Request { protocol_type: None, ..request }),
        syncs("no protocol", |request| sync_group::Request { protocol_name: None, ..request }),
    ]
}

/// What a row makes out of a member.
type Change = fn(&mut Scene) -> Member;

/// Rows of the requests that a member sends.
fn of_member(input: &str, since: [i16; 4], change: Change, error: ErrorCode) -> Vec<Row> {
    fn by<Q: Exchange + 'static>(input: &str, since: i16, change: Change, request: fn(&Member, &Topic) -> Q) -> Row {
        row::<Q>(input, move |scene| {
            let topic = if Q::KEY == offset_commit::Request::KEY { scene.topic() } else { nowhere() };
            let member = change(scene);
            scene.send(&request(&member, &topic))
        })
        .since(since)
    }
    vec![
        by(input, since[0], change, |member, _| member.beats()).error(error),
        by(input, since[1], change, |member, _| member.syncs()).error(error),
        by(input, since[2], change, |member, _| member.joins()).error(error),
        by(input, since[3], change, |member, topic| member.commits(topic, Default::default())).error(error),
    ]
}

fn nowhere() -> Topic {
    Topic { name: String::new(), id: kafka_rs::wire::Uuid::ZERO }
}

/// The lowest versions of Heartbeat, SyncGroup, JoinGroup and OffsetCommit, and the first that know static members.
const ALL: [i16; 4] = [0, 0, 0, 2];
const STATIC: [i16; 4] = [3, 3, 5, 7];

fn unknown_members() -> Vec<Row> {
    let mut rows = of_member(
        "a member that the group does not have",
        ALL,
        |scene| Member { id: "nobody".to_owned(), ..Member::new(scene) },
        ErrorCode::UNKNOWN_MEMBER_ID,
    );
    rows.extend(of_member(
        "a static member that the group does not have",
        STATIC,
        |scene| Member { instance: Some("nobody".to_owned()), ..Member::new(scene) },
        ErrorCode::UNKNOWN_MEMBER_ID,
    ));
    let leaves = |scene: &mut Scene| {
        let member = Member { id: "nobody".to_owned(), ..Member::new(scene) };
        scene.send(&member.leaves())
    };
    let nowhere = |scene: &Scene| Member { group: scene.name.clone(), id: "nobody".to_owned(), ..Member::default() };
    let unknown = ErrorCode::UNKNOWN_MEMBER_ID;
    let commit_nowhere = move |scene: &mut Scene| {
        let topic = scene.topic();
        scene.send(&nowhere(scene).commits(&topic, Default::default()))
    };
    const NO_GROUP: &str = "a member of a group that does not exist";
    rows.extend([
        row::<leave_group::Request>("a member that the group does not have", leaves).error(unknown),
        row::<heartbeat::Request>(NO_GROUP, move |scene| scene.send(&nowhere(scene).beats())).error(unknown),
        row::<sync_group::Request>(NO_GROUP, move |scene| scene.send(&nowhere(scene).syncs())).error(unknown),
        row::<join_group::Request>(NO_GROUP, move |scene| scene.send(&nowhere(scene).joins())).error(unknown),
        row::<leave_group::Request>(NO_GROUP, move |scene| scene.send(&nowhere(scene).leaves())).error(unknown),
        row::<offset_commit::Request>(NO_GROUP, commit_nowhere).until(8).error(ErrorCode::ILLEGAL_GENERATION),
        row::<offset_commit::Request>(NO_GROUP, commit_nowhere).since(9).error(ErrorCode::GROUP_ID_NOT_FOUND),
        row::<offset_commit::Request>("a commit of nobody to a group that has members", |scene| {
            let topic = scene.topic();
            let member = Member::new(scene);
            let nobody = Member { group: member.group, generation: -1, ..Member::default() };
            scene.send(&nobody.commits(&topic, Default::default()))
        })
        .error(unknown),
        row::<delete_groups::Request>("a group that does not exist", |scene| {
            scene.send(&delete_groups::Request { groups_names: vec![scene.name.clone()] })
        })
        .error(ErrorCode::GROUP_ID_NOT_FOUND),
        row::<delete_groups::Request>("a group that has members", |scene| {
            let member = Member::new(scene);
            scene.send(&delete_groups::Request { groups_names: vec![member.group] })
        })
        .error(ErrorCode::NON_EMPTY_GROUP),
    ]);
    rows
}

fn generations() -> Vec<Row> {
    let mut rows = Vec::new();
    let changes: [(&str, Change); 4] = [
        ("a generation that has not been", |scene| changed(scene, |generation| generation + 1)),
        ("a generation that is over", |scene| changed(scene, |generation| generation - 1)),
        ("the largest generation", |scene| changed(scene, |_| i32::MAX)),
        ("the smallest generation", |scene| changed(scene, |_| i32::MIN)),
    ];
    for (what, change) in changes {
        let of_member = of_member(what, ALL, change, ErrorCode::ILLEGAL_GENERATION);
        // JoinGroup has no generation.
        rows.extend(of_member.into_iter().filter(|row| row.api.key != join_group::Request::KEY));
    }
    let in_transaction = |scene: &mut Scene, change: fn(Member) -> Member| {
        let topic = scene.topic();
        let transactional_id = scene.name.clone();
        let producer = scene.producer(Some(&transactional_id));
        let member = change(Member::new(scene));
        scene.send(&member.commits_in_transaction(&topic, &transactional_id, producer))
    };
    let wrong = |member: Member| Member { generation: member.generation + 1, ..member };
    let nobody = |member: Member| Member { id: "nobody".to_owned(), ..member };
    rows.extend([
        row::<txn_offset_commit::Request>("a generation that has not been", move |scene| in_transaction(scene, wrong))
            .since(5)
            .error(ErrorCode::ILLEGAL_GENERATION),
        row::<txn_offset_commit::Request>("a member that the group does not have", move |scene| {
            in_transaction(scene, nobody)
        })
        .since(5)
        .error(ErrorCode::UNKNOWN_MEMBER_ID),
    ]);
    rows
}

fn changed(scene: &mut Scene, change: fn(i32) -> i32) -> Member {
    let member = Member::new(scene);
    Member { generation: change(member.generation), ..member }
}

fn fenced() -> Vec<Row> {
    let mut rows = of_member(
        "a static member under another id",
        STATIC,
        |scene| Member { id: "nobody".to_owned(), ..Member::fixed(scene) },
        ErrorCode::FENCED_INSTANCE_ID,
    );
    rows.push(
        row::<leave_group::Request>("a static member under another id", |scene| {
            let member = Member { id: "nobody".to_owned(), ..Member::fixed(scene) };
            scene.send(&member.leaves())
        })
        .since(3)
        .error(ErrorCode::FENCED_INSTANCE_ID),
    );
    rows.extend(of_member(
        "a static member that was replaced",
        STATIC,
        |scene| {
            let member = Member::fixed(scene);
            let again = join_group::Request { group_instance_id: member.instance.clone(), ..join(&member.group, "") };
            let again = scene.ask(JOIN_STATIC, &again);
            assert_eq!(again.error_code, ErrorCode::NONE);
            member
        },
        ErrorCode::FENCED_INSTANCE_ID,
    ));
    rows
}

fn rebalances() -> Vec<Row> {
    let in_progress = ErrorCode::REBALANCE_IN_PROGRESS;
    let commits =
        |scene: &mut Scene, member: Member, topic: Topic| scene.send(&member.commits(&topic, Default::default()));
    vec![
        row::<heartbeat::Request>("a heartbeat during a rebalance", |scene| {
            let member = Member::new(scene);
            let _other = member.meets_another(scene);
            scene.send(&member.beats())
        })
        .error(in_progress),
        row::<heartbeat::Request>("a heartbeat while the rebalance completes", |scene| {
            let member = Member::joined(scene, None);
            scene.send(&member.beats())
        })
        .expect(Expect::accepted()),
        row::<sync_group::Request>("a member that wants its assignment during a rebalance", |scene| {
            let member = Member::new(scene);
            let _other = member.meets_another(scene);
            scene.send(&member.syncs())
        })
        .error(in_progress),
        row::<offset_commit::Request>("a commit during a rebalance", move |scene| {
            let topic = scene.topic();
            let member = Member::new(scene);
            let _other = member.meets_another(scene);
            commits(scene, member, topic)
        })
        .expect(Expect::accepted()),
        row::<offset_commit::Request>("a commit while the rebalance completes", move |scene| {
            let topic = scene.topic();
            let member = Member::joined(scene, None);
            commits(scene, member, topic)
        })
        .error(in_progress),
    ]
}

fn commits() -> Vec<Row> {
    let commit = |input: &str, partition: offset_commit::OffsetCommitRequestPartition| {
        row::<offset_commit::Request>(input, move |scene| {
            let topic = scene.topic();
            let group = scene.name.clone();
            let nobody = Member { group, generation: -1, ..Member::default() };
            scene.send(&nobody.commits(&topic, partition.clone()))
        })
    };
    let noted = |letter: &str, count: usize| offset_commit::OffsetCommitRequestPartition {
        committed_metadata: Some(letter.repeat(count)),
        ..Default::default()
    };
    let at =
        |committed_offset: i64| offset_commit::OffsetCommitRequestPartition { committed_offset, ..Default::default() };
    let too_large = ErrorCode::OFFSET_METADATA_TOO_LARGE;
    vec![
        commit("a note of 4096 letters", noted("x", 4096)).expect(Expect::accepted()),
        commit("a note of 4097 letters", noted("x", 4097)).error(too_large),
        commit("a note of 4096 letters of two bytes", noted("ä", 4096)).expect(Expect::accepted()),
        commit("a note of 2049 letters that Java counts twice", noted("😀", 2049)).error(too_large),
        commit("a note of 32767 letters", noted("x", 32767)).error(too_large),
        commit("a negative offset", at(-5)).expect(Expect::accepted()),
        commit("the largest offset", at(i64::MAX)).expect(Expect::accepted()),
    ]
}

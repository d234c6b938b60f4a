//! Consumer groups: members come and go, and whatever happens, their partitions are shared without gap and overlap.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use rdkafka::consumer::{CommitMode, ConsumerContext, Rebalance};

use super::*;

const TOPIC: &str = "orders";
const PARTITIONS: i32 = 6;

/// Counts how often its member has heard of a rebalance.
#[derive(Default)]
struct Rebalances(AtomicUsize);

impl ClientContext for Rebalances {}

impl ConsumerContext for Rebalances {
    fn post_rebalance(&self, _consumer: &BaseConsumer<Self>, _rebalance: &Rebalance<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

type Member = BaseConsumer<Rebalances>;

/// A member with a short heartbeat, so that it hears of a rebalance soon.
fn member(broker: &RunningBroker, assignor: &str, extra: &[(&str, &str)]) -> Member {
    let usual = [
        ("group.id", "group"),
        ("partition.assignment.strategy", assignor),
        ("heartbeat.interval.ms", "50"),
        ("session.timeout.ms", "6000"),
        ("fetch.wait.max.ms", "50"),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
    ];
    let config = settings(broker, &[&usual, extra].concat());
    let member: Member = config.create_with_context(Rebalances::default()).expect("a consumer");
    member.subscribe(&[TOPIC]).expect("a name that a topic can have");
    member
}

fn assigned(member: &Member) -> BTreeSet<i32> {
    member.assignment().expect("an assignment").elements().iter().map(|element| element.partition()).collect()
}

/// A group of living members and what they have read.
struct Group {
    members: Vec<Member>,
    read: Vec<(i32, i64)>,
}

impl Group {
    /// Lets every member do its work for a moment.
    fn turn(&mut self) {
        for member in &self.members {
            if let Some(message) = member.poll(Duration::from_millis(5)) {
                let message = message.expect("a message and no error");
                self.read.push((message.partition(), message.offset()));
                member.store_offset_from_message(&message).expect("a partition of this member");
            }
        }
    }

    /// Waits until the partitions are shared, each by one member, none with two more than another.
    fn settle(&mut self) -> Vec<BTreeSet<i32>> {
        let share = PARTITIONS as usize / self.members.len();
        let what = format!("{} members with {share} partitions each", self.members.len());
        wait_for(&what, || {
            self.turn();
            let parts: Vec<_> = self.members.iter().map(assigned).collect();
            let all: BTreeSet<_> = parts.iter().flatten().copied().collect();
            let is_fair = parts.iter().all(|part| part.len() == share);
            (is_fair && all.len() == PARTITIONS as usize).then_some(parts)
        })
    }

    /// Reads until so many messages have come in all.
    fn read_up_to(&mut self, count: usize) {
        wait_for(&format!("{count} messages"), || {
            self.turn();
            (self.read.len() >= count).then_some(())
        });
    }
}

fn send_to_all(producer: &BaseProducer, count: i32) {
    let messages: Vec<_> = (0..count).map(|index| Sent::of(index % PARTITIONS, "value")).collect();
    send_all(producer, TOPIC, &messages);
}

fn check_members_come_and_go(assignor: &str) {
    let broker = start(&[("num.partitions", "6")]);
    let producer = producer(&broker, &[]);
    send_to_all(&producer, 60);
    let auto =
        [("enable.auto.commit", "true"), ("enable.auto.offset.store", "false"), ("auto.commit.interval.ms", "50")];
    let new = || member(&broker, assignor, &auto);
    let mut group = Group { members: vec![new()], read: Vec::new() };
    group.settle();
    group.read_up_to(60);
    for _ in 0..2 {
        group.members.push(new());
        group.settle();
    }
    send_to_all(&producer, 60);
    group.read_up_to(120);

    // The one who has been there for longest leaves: it led the group.
    drop(group.members.remove(0));
    group.settle();
    group.members.push(new());
    group.settle();
    send_to_all(&producer, 60);
    group.read_up_to(180);
    drop(group.members.remove(2));
    drop(group.members.remove(0));
    group.settle();
    send_to_all(&producer, 60);
    group.read_up_to(240);

    // Whoever left had said how far it came, so nothing is missing and nothing came twice.
    group.read.sort_unstable();
    let expect: Vec<_> = (0..PARTITIONS).flat_map(|partition| (0..40).map(move |offset| (partition, offset))).collect();
    assert_eq!(group.read, expect, "{assignor}");
}

#[test]
fn members_come_and_go_under_range() {
    check_members_come_and_go("range");
}

#[test]
fn members_come_and_go_under_round_robin() {
    check_members_come_and_go("roundrobin");
}

#[test]
fn members_come_and_go_under_cooperative_sticky() {
    check_members_come_and_go("cooperative-sticky");
}

#[test]
fn three_members_join_at_once() {
    let broker = start(&[("num.partitions", "6")]);
    send_to_all(&producer(&broker, &[]), 60);
    let members = (0..3).map(|_| member(&broker, "range,roundrobin", &[])).collect();
    let mut group = Group { members, read: Vec::new() };
    group.settle();
    group.read_up_to(60);
}

#[test]
fn a_group_resumes_where_it_has_committed() {
    let broker = start(&[("num.partitions", "1")]);
    let messages: Vec<_> = (0..100).map(|index| Sent::of(0, &index.to_string())).collect();
    send_all(&producer(&broker, &[]), TOPIC, &messages);
    let mut next = 0;
    for count in [30, 50, 20] {
        let member = member(&broker, "range", &[]);
        let received = receive(&member, count);
        assert!(received.iter().map(|(offset, _)| *offset).eq(next..next + count as i64), "from {next}");
        next += count as i64;
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(TOPIC, 0, Offset::Offset(next)).expect("an offset");
        member.commit(&offsets, CommitMode::Sync).expect("a commit of the group's member");
        let committed = member.committed(PATIENCE).expect("what is committed");
        assert_eq!(committed.elements()[0].offset(), Offset::Offset(next));
    }
}

#[test]
fn groups_do_not_know_of_each_other() {
    let broker = start(&[("num.partitions", "6")]);
    send_to_all(&producer(&broker, &[]), 60);
    for name in ["one", "two"] {
        let mut group = Group { members: vec![member(&broker, "range", &[("group.id", name)])], read: Vec::new() };
        group.read_up_to(60);
    }
}

#[test]
fn a_static_member_that_restarts_disturbs_nobody() {
    let broker = start(&[("num.partitions", "6")]);
    send_to_all(&producer(&broker, &[]), 60);
    let new = |instance: &str| member(&broker, "range", &[("group.instance.id", instance)]);
    let mut group = Group { members: vec![new("a"), new("b")], read: Vec::new() };
    let parts = group.settle();
    let rebalances = |group: &Group| group.members[0].context().0.load(Ordering::Relaxed);
    let before = rebalances(&group);
    assert!(before > 0);

    drop(group.members.pop());
    group.members.push(new("b"));
    assert_eq!(group.settle(), parts, "each has what it had");
    assert_eq!(rebalances(&group), before, "the other one was not asked to join again");
}

#[test]
fn groups_are_listed_and_described() {
    let broker = start(&[("num.partitions", "6")]);
    send_to_all(&producer(&broker, &[]), 6);
    let mut group = Group { members: (0..2).map(|_| member(&broker, "range", &[])).collect(), read: Vec::new() };
    group.settle();
    let client = consumer(&broker, &[]);
    let groups = client.fetch_group_list(None, PATIENCE).expect("a list of groups");
    let [group] = groups.groups() else { panic!("one group") };
    assert_eq!((group.name(), group.state()), ("group", "Stable"));
    assert_eq!((group.protocol_type(), group.protocol()), ("consumer", "range"));
    for member in group.members() {
        assert_eq!((member.client_id(), member.client_host()), ("rdkafka", "/127.0.0.1"));
        assert!(member.metadata().is_some_and(|bytes| !bytes.is_empty()));
        assert!(member.assignment().is_some_and(|bytes| !bytes.is_empty()));
    }
    assert_eq!(group.members().len(), 2);
}

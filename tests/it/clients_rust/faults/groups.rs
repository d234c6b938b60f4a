//! Members of a group, whose answers are lost, whose sessions end, who come and go: what has been committed is not delivered
//! again.
//!
//! An *ownership* is the time from when a member is given a partition until it is taken away. What must hold:
//!
//! - The broker's committed offset of a partition never goes back.
//! - An ownership delivers records one after the other, none left out and none twice.
//! - It begins at or after whatever was committed with a good answer before, by whomever.
//! - So each record is in at most one commit that had a good answer, and all are delivered in the end.
//!
//! Requests are never late here: a commit that reached the broker after its member had given it up and committed more would
//! take the offset back, with Apache Kafka too.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use kafka_rs::broker::random::Random;
use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::{offset_commit, offset_fetch};
use rdkafka::consumer::{CommitMode, Rebalance};

use super::*;
use crate::server::connect;
use crate::socket::Socket;

const GROUP: &str = "shop";
const MEMBERS: u64 = 3;
/// How many records each partition has.
const RECORDS: i64 = 10_000;
/// How many records a member takes before it commits.
const BATCH: usize = 40;
/// What a member does with a record takes so long, so that it is often taken by surprise between two commits.
const WORK: Duration = Duration::from_micros(200);
/// How long a member lives at most before another takes its place.
const LIFE_MS: u64 = 2000;
/// Longer than a session.
const STALLS: Stalls = Stalls { ms: 1500, late_requests: false };

/// What all members know of a partition.
#[derive(Clone, Default)]
struct Progress {
    /// The end of what was committed with a good answer.
    committed: i64,
    /// How often each record was delivered.
    delivered: Vec<u32>,
}

type Ledger = Mutex<Vec<Progress>>;

/// What a member knows of a partition that it owns.
#[derive(Clone, Copy)]
struct Ownership {
    /// The next record; unknown before the first.
    next: Option<i64>,
    /// The first record that is in no commit of this ownership.
    uncommitted: Option<i64>,
}

#[derive(Default)]
struct Owned(Mutex<BTreeMap<i32, Ownership>>);

/// What is wrong. It is no panic: one under way through the client's own code would end the process without a word.
type Finding = Result<(), String>;

fn check_that(holds: bool, otherwise: impl FnOnce() -> String) -> Finding {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl ClientContext for Owned {}

impl ConsumerContext for Owned {
    fn pre_rebalance(&self, _consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let mut owned = self.0.lock().expect("nobody panics with it");
        match rebalance {
            Rebalance::Assign(list) => list.elements().iter().for_each(|element| {
                owned.insert(element.partition(), Ownership { next: None, uncommitted: None });
            }),
            Rebalance::Revoke(list) => list.elements().iter().for_each(|element| {
                owned.remove(&element.partition());
            }),
            // What is wrong will be told by what follows.
            Rebalance::Error(_) => {}
        }
    }
}

/// A member until its time is over.
struct Member<'a> {
    consumer: BaseConsumer<Owned>,
    ledger: &'a Ledger,
}

impl<'a> Member<'a> {
    fn join(stage: &Stage, assignor: &str, ledger: &'a Ledger) -> Self {
        let config = stage.settings(&[
            ("group.id", GROUP),
            ("partition.assignment.strategy", assignor),
            ("heartbeat.interval.ms", "50"),
            ("session.timeout.ms", "1000"),
            ("max.poll.interval.ms", "3000"),
            ("fetch.wait.max.ms", "50"),
            ("fetch.message.max.bytes", "4000"),
            ("fetch.error.backoff.ms", "10"),
            ("auto.offset.reset", "error"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
        ]);
        let consumer: BaseConsumer<Owned> = config.create_with_context(Owned::default()).expect("a consumer");
        consumer.subscribe(&[TOPIC]).expect("a name that a topic can have");
        Self { consumer, ledger }
    }

    fn live(&self, until: Instant, is_done: &AtomicBool) -> Finding {
        let mut taken = 0;
        while Instant::now() < until && !is_done.load(Ordering::Relaxed) {
            // Errors are lost connections and lost memberships, which it gets over by itself.
            let message = self.consumer.poll(LOOK).and_then(Result::ok);
            let nothing = message.is_none();
            if let Some(message) = message {
                self.take(message.partition(), message.offset())?;
                thread::sleep(WORK);
                taken += 1;
            }
            if taken >= BATCH || (nothing && taken > 0) {
                self.commit()?;
                taken = 0;
            }
        }
        Ok(())
    }

    fn take(&self, partition: i32, offset: i64) -> Finding {
        let mut owned = self.consumer.context().0.lock().expect("nobody panics with it");
        let ownership = owned.get_mut(&partition).ok_or("a record of a partition that the member does not own")?;
        let mut ledger = self.ledger.lock().expect("nobody panics with it");
        let progress = &mut ledger[partition as usize];
        check_that(ownership.next.is_none_or(|next| offset == next), || {
            format!("after {:?}, record {offset} of partition {partition} is delivered", ownership.next)
        })?;
        check_that(offset >= progress.committed, || {
            format!("record {offset} of partition {partition}, committed up to {}, comes again", progress.committed)
        })?;
        ownership.next = Some(offset + 1);
        ownership.uncommitted.get_or_insert(offset);
        progress.delivered[offset as usize] += 1;
        Ok(())
    }

    /// Commits what was taken. Without a good answer it may or may not have happened.
    fn commit(&self) -> Finding {
        let before = self.consumer.context().0.lock().expect("nobody panics with it").clone();
        let mut list = TopicPartitionList::new();
        for (partition, ownership) in &before {
            if let (Some(next), Some(_)) = (ownership.next, ownership.uncommitted) {
                list.add_partition_offset(TOPIC, *partition, Offset::Offset(next)).expect("an offset");
            }
        }
        if list.count() == 0 || self.consumer.commit(&list, CommitMode::Sync).is_err() {
            return Ok(());
        }
        let mut owned = self.consumer.context().0.lock().expect("nobody panics with it");
        let mut ledger = self.ledger.lock().expect("nobody panics with it");
        for (partition, ownership) in before {
            let (Some(next), Some(first)) = (ownership.next, ownership.uncommitted) else { continue };
            let progress = &mut ledger[partition as usize];
            check_that(first >= progress.committed, || {
                format!("{first} to {next} of partition {partition} is committed again, after {}", progress.committed)
            })?;
            progress.committed = next;
            if let Some(ownership) = owned.get_mut(&partition) {
                ownership.uncommitted = None;
            }
        }
        Ok(())
    }
}

/// Commits where the work begins. Without it librdkafka asks the broker for the beginning of the log, and takes the answer for
/// its position even if that comes late, when it has been given the partition again at a committed offset.
fn begin(socket: &mut Socket) {
    let partition =
        |partition_index| offset_commit::OffsetCommitRequestPartition { partition_index, ..Default::default() };
    let partitions = (0..PARTITIONS).map(partition).collect();
    let topics =
        vec![offset_commit::OffsetCommitRequestTopic { name: TOPIC.to_owned(), partitions, ..Default::default() }];
    let request = offset_commit::Request { group_id: GROUP.to_owned(), topics, ..Default::default() };
    let response = socket.ask(8, &request);
    assert!(response.topics[0].partitions.iter().all(|partition| partition.error_code == ErrorCode::NONE));
}

/// What the broker itself says is committed, asked without the proxy.
fn committed(socket: &mut Socket) -> Vec<i64> {
    let name = TOPIC.to_owned();
    let partition_indexes = (0..PARTITIONS).collect();
    let topics = vec![offset_fetch::OffsetFetchRequestTopics { name, partition_indexes, ..Default::default() }];
    let group_id = GROUP.to_owned();
    let groups = vec![offset_fetch::OffsetFetchRequestGroup { group_id, topics: Some(topics), ..Default::default() }];
    let response = socket.ask(8, &offset_fetch::Request { groups, ..Default::default() });
    response.groups[0].topics[0].partitions.iter().map(|partition| partition.committed_offset).collect()
}

/// One after the other takes the place of a member, for as long as the faults last; the last stays until all is done.
fn generations(
    stage: &Stage,
    assignor: &str,
    ledger: &Ledger,
    mut random: Random,
    is_done: &AtomicBool,
) -> Result<u32, String> {
    let mut count = 0;
    while !is_done.load(Ordering::Relaxed) {
        let life = Duration::from_millis(LIFE_MS / 2 + random.next_u64() % (LIFE_MS / 2));
        let until = if stage.is_over() { Instant::now() + RECOVERY } else { Instant::now() + life };
        let member = Member::join(stage, assignor, ledger);
        let lived = member.live(until, is_done);
        // When librdkafka closes and rebalances at once, it may wait for itself for ever, so nobody waits for it.
        thread::spawn(move || drop(member.consumer));
        // Nobody goes on when something was found.
        lived.inspect_err(|_| is_done.store(true, Ordering::Relaxed))?;
        count += 1;
    }
    Ok(count)
}

fn check(name: &'static str, assignor: &str) {
    let stage = Stage::new(name, STALLS);
    let producer: BaseProducer = stage.settings(&[("linger.ms", "5")]).create().expect("a producer");
    let messages: Vec<_> = (0..PARTITIONS)
        .flat_map(|partition| (0..RECORDS).map(move |offset| Sent::of(partition, &offset.to_string())))
        .collect();
    send_all(&producer, TOPIC, &messages);
    let progress = Progress { committed: 0, delivered: vec![0; RECORDS as usize] };
    let ledger: Ledger = Mutex::new(vec![progress; PARTITIONS as usize]);
    let is_done = AtomicBool::new(false);
    let mut socket = connect(&stage.broker);
    begin(&mut socket);
    stage.proxy.set_calm(false);
    let members: u32 = thread::scope(|scope| {
        let (stage, ledger, is_done) = (&stage, &ledger, &is_done);
        let members: Vec<_> = (0..MEMBERS)
            .map(|number| {
                let random = Random::new(stage.seed.wrapping_add(number));
                scope.spawn(move || generations(stage, assignor, ledger, random, is_done))
            })
            .collect();
        let watched = watch(stage, &mut socket, is_done);
        is_done.store(true, Ordering::Relaxed);
        let counts: Result<Vec<_>, _> = members.into_iter().map(|thread| thread.join().expect("no panic")).collect();
        counts.and_then(|counts| watched.map(|()| counts.iter().sum())).unwrap_or_else(|finding| panic!("{finding}"))
    });
    stage.calm();
    let ledger = ledger.into_inner().expect("nobody panics with it");
    let delivered: Vec<_> = ledger.iter().flat_map(|progress| &progress.delivered).collect();
    assert!(delivered.iter().all(|count| **count > 0), "every record is delivered");
    let again = delivered.iter().filter(|count| ***count > 1).count();
    stage.tell(&format!("{members} members, {} records, {again} delivered more than once", delivered.len()));
}

/// Watches the broker's committed offsets until all is committed, or somebody has found something.
fn watch(stage: &Stage, socket: &mut Socket, is_done: &AtomicBool) -> Finding {
    let mut last = vec![-1; PARTITIONS as usize];
    let deadline = stage.deadline + RECOVERY;
    while last.iter().any(|offset| *offset < RECORDS) && !is_done.load(Ordering::Relaxed) {
        check_that(Instant::now() < deadline, || format!("never: all is committed; it is up to {last:?}"))?;
        if stage.is_over() {
            stage.proxy.set_calm(true);
        }
        let now = committed(socket);
        let rises = last.iter().zip(&now).all(|(last, now)| last <= now);
        check_that(rises, || format!("committed offsets go back: {last:?}, {now:?}"))?;
        last = now;
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

#[test]
fn what_an_eager_group_has_committed_is_not_delivered_again() {
    check("eager group", "range");
}

#[test]
fn what_a_cooperative_group_has_committed_is_not_delivered_again() {
    check("cooperative group", "cooperative-sticky");
}

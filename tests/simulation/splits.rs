//! Every way to split a conversation gives the same one: a recorded one is cut at every byte, and a short one at every pair of
//! bytes; the answers are taken in pieces of every length; and at every byte the client may go.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_rs::broker::Now;
use kafka_rs::budget::Budget;
use kafka_rs::config::Config;
use kafka_rs::net::reactor::Reactor;
use kafka_rs::wire::messages::{
    api_versions, create_topics, fetch, heartbeat, init_producer_id, join_group, leave_group, list_offsets, metadata,
    offset_commit, offset_fetch, produce, sync_group,
};

use crate::dice::Dice;
use crate::exchange::{Answer, Ask};
use crate::network::{Event, Faults, LinkId, Network, Shared, Wire};
use crate::records::Batch;

const UNIX_MS: i64 = 1_700_000_000_000;
pub const LENGTH_BYTES: usize = 4;
pub const NO_LIMIT: usize = 1 << 30;
/// What a committed offset takes at most; a member takes more.
const COMMITTED_BYTES: usize = 256;
/// Longer than anything that a client may keep the broker waiting with.
const LONG: Duration = Duration::from_secs(3600);

/// A broker with one client, whose bytes come when the test says.
pub struct Stage {
    net: Shared,
    reactor: Reactor<Wire>,
    budget: Budget,
    now: Now,
    link: LinkId,
}

impl Stage {
    /// The client takes at most `room` bytes at once.
    fn new(room: usize) -> Self {
        Self::with(room, Config::default(), NO_LIMIT)
    }

    /// With a configuration, and so much memory.
    pub fn with(room: usize, config: Config, memory: usize) -> Self {
        let now = Now { instant: Instant::now(), unix_ms: UNIX_MS };
        let faults = Faults { room, ..Faults::default() };
        let net = Rc::new(RefCell::new(Network::new(faults, Dice::new(1), now.instant)));
        let budget = Budget::new(memory);
        let reactor = Reactor::new(Wire(Rc::clone(&net)), config, budget.clone(), 1, now);
        let link = net.borrow_mut().connect(1);
        let mut stage = Self { net, reactor, budget, now, link };
        stage.settle();
        stage
    }

    /// Lets everything happen that can happen now.
    fn settle(&mut self) {
        loop {
            self.net.borrow_mut().step();
            let events = self.net.borrow_mut().take_events();
            let due = self.reactor.timeout(self.now.instant).is_some_and(|left| left.is_zero());
            if events.is_empty() && !due && self.net.borrow().is_still() {
                return;
            }
            for event in events {
                match event {
                    Event::Acceptable => self.reactor.on_acceptable(0),
                    Event::Readable(slot, end_is_near) => self.reactor.on_readable(slot, end_is_near),
                    Event::Writable(slot) => self.reactor.on_writable(slot),
                }
            }
            self.reactor.turn(self.now);
        }
    }

    /// From now on it is another client who sends.
    pub fn change_client(&mut self) {
        self.link = self.net.borrow_mut().connect(1);
        self.settle();
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.net.borrow_mut().send(self.link, bytes);
        self.settle();
    }

    pub fn written(&self) -> Vec<u8> {
        self.net.borrow().written(self.link).to_vec()
    }

    /// What comes to a request.
    fn ask(&mut self, version: i16, ask: impl Into<Ask>, conversation: &mut Conversation) -> Answer {
        let ask = ask.into();
        let before = self.written().len();
        let request = ask.encode(version, i32::try_from(conversation.frames.len()).expect("a few"), "client");
        self.send(&request);
        conversation.frames.push(request);
        let answer = self.written().split_off(before);
        conversation.answers.push(answer.clone());
        let frame = Bytes::from(answer).slice(LENGTH_BYTES..);
        ask.decode_answer(version, frame).expect("an answer").1
    }
}

/// Requests as they were sent, each with what was answered.
#[derive(Default)]
struct Conversation {
    frames: Vec<Bytes>,
    answers: Vec<Vec<u8>>,
}

impl Conversation {
    fn bytes(&self) -> Vec<u8> {
        self.frames.concat()
    }

    fn answers(&self) -> Vec<u8> {
        self.answers.concat()
    }

    /// The answers to the requests that are whole in so many bytes.
    fn answers_within(&self, bytes: usize) -> Vec<u8> {
        let mut end = 0;
        let whole = self.frames.iter().take_while(|frame| {
            end += frame.len();
            end <= bytes
        });
        self.answers[..whole.count()].concat()
    }
}

fn create() -> create_topics::Request {
    let topic = create_topics::CreatableTopic {
        name: "t".to_owned(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    create_topics::Request { topics: vec![topic], ..Default::default() }
}

fn write(acks: i16, sequence: Option<i32>) -> produce::Request {
    let batch = Batch::at(&[(UNIX_MS, "one"), (UNIX_MS, "two")]);
    let batch = sequence.map_or(batch.clone(), |sequence| batch.by(0, 0, sequence));
    let data = produce::PartitionProduceData { index: 0, records: Some(batch.encode()) };
    let topic = produce::TopicProduceData { name: "t".to_owned(), partition_data: vec![data], ..Default::default() };
    produce::Request { acks, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() }
}

fn read() -> fetch::Request {
    let partition = fetch::FetchPartition { partition_max_bytes: 10_000, ..Default::default() };
    let topic = fetch::FetchTopic { topic: "t".to_owned(), partitions: vec![partition], ..Default::default() };
    fetch::Request { min_bytes: 1, topics: vec![topic], ..Default::default() }
}

/// A conversation of one client who does a little of everything.
fn long() -> Conversation {
    let (mut stage, mut talk) = (Stage::new(NO_LIMIT), Conversation::default());
    stage.ask(4, api_versions::Request::default(), &mut talk);
    stage.ask(7, create(), &mut talk);
    stage.ask(12, metadata::Request { topics: None, ..Default::default() }, &mut talk);
    let request = init_producer_id::Request { transactional_id: None, ..Default::default() };
    stage.ask(4, request, &mut talk);
    stage.ask(9, write(-1, Some(0)), &mut talk);
    stage.ask(9, write(1, Some(0)), &mut talk);
    stage.ask(3, write(1, None), &mut talk);
    let wanted = list_offsets::ListOffsetsPartition { timestamp: -1, ..Default::default() };
    let topic = list_offsets::ListOffsetsTopic { name: "t".to_owned(), partitions: vec![wanted] };
    stage.ask(7, list_offsets::Request { topics: vec![topic], ..Default::default() }, &mut talk);
    stage.ask(12, read(), &mut talk);
    stage.ask(4, read(), &mut talk);
    talk_in_group(&mut stage, &mut talk);
    talk
}

fn talk_in_group(stage: &mut Stage, talk: &mut Conversation) {
    let group = || "g".to_owned();
    let protocol = join_group::JoinGroupRequestProtocol { name: "range".to_owned(), metadata: Bytes::new() };
    let request = join_group::Request {
        group_id: group(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![protocol],
        ..Default::default()
    };
    let Answer::JoinGroup(joined) = stage.ask(3, request, talk) else { unreachable!("it is what was asked") };
    let (member_id, generation_id) = (joined.member_id, joined.generation_id);
    let assignment = sync_group::SyncGroupRequestAssignment { member_id: member_id.clone(), assignment: "a".into() };
    let request = sync_group::Request {
        group_id: group(),
        generation_id,
        member_id: member_id.clone(),
        assignments: vec![assignment],
        ..Default::default()
    };
    stage.ask(4, request, talk);
    let request =
        heartbeat::Request { group_id: group(), generation_id, member_id: member_id.clone(), ..Default::default() };
    stage.ask(4, request, talk);
    let partition = offset_commit::OffsetCommitRequestPartition { committed_offset: 3, ..Default::default() };
    let topic = offset_commit::OffsetCommitRequestTopic {
        name: "t".to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = offset_commit::Request {
        group_id: group(),
        generation_id_or_member_epoch: generation_id,
        member_id: member_id.clone(),
        topics: vec![topic],
        ..Default::default()
    };
    stage.ask(8, request, talk);
    let request = offset_fetch::Request { group_id: group(), topics: None, ..Default::default() };
    stage.ask(7, request, talk);
    stage.ask(2, leave_group::Request { group_id: group(), member_id, ..Default::default() }, talk);
}

/// One that is short enough for every pair of cuts.
fn short() -> Conversation {
    let (mut stage, mut talk) = (Stage::new(NO_LIMIT), Conversation::default());
    stage.ask(0, api_versions::Request::default(), &mut talk);
    stage.ask(2, create(), &mut talk);
    stage.ask(4, read(), &mut talk);
    talk
}

fn check(talk: &Conversation, cuts: &[usize], room: usize) {
    let bytes = talk.bytes();
    let mut stage = Stage::new(room);
    let mut start = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        stage.send(&bytes[start..end]);
        start = end;
    }
    assert!(stage.written() == talk.answers(), "cut at {cuts:?}, with room for {room} bytes");
    stage.reactor.invariants();
}

#[test]
fn every_cut_gives_the_same_answers() {
    let talk = long();
    (0..=talk.bytes().len()).for_each(|cut| check(&talk, &[cut], NO_LIMIT));
}

#[test]
fn every_pair_of_cuts_gives_the_same_answers() {
    let talk = short();
    let length = talk.bytes().len();
    for first in 0..=length {
        (first..=length).for_each(|second| check(&talk, &[first, second], NO_LIMIT));
    }
}

#[test]
fn byte_by_byte_it_is_the_same_conversation() {
    let talk = long();
    let cuts: Vec<usize> = (0..talk.bytes().len()).collect();
    check(&talk, &cuts, NO_LIMIT);
    check(&talk, &cuts, 1);
}

#[test]
fn answers_taken_in_pieces_of_any_length_are_the_same() {
    let talk = long();
    (1..=talk.answers().len()).for_each(|room| check(&talk, &[], room));
}

#[test]
fn at_every_byte_the_client_may_go() {
    let talk = long();
    let bytes = talk.bytes();
    for end in 0..=bytes.len() {
        for breaks in [false, true] {
            let mut stage = Stage::new(NO_LIMIT);
            stage.send(&bytes[..end]);
            let answers = talk.answers_within(end);
            if breaks {
                stage.net.borrow_mut().reset(stage.link);
            } else {
                stage.net.borrow_mut().end(stage.link);
            }
            stage.settle();
            assert!(stage.written() == answers, "gone after {end} bytes");
            assert!(stage.net.borrow().is_gone(stage.link), "gone after {end} bytes, and still there");
            // Nothing of it is left but what it has written and committed, and the member that it was, and that goes too.
            stage.now.instant += LONG;
            stage.settle();
            stage.reactor.invariants();
            let logs: usize = stage.reactor.broker().buffers().map(|buffer| buffer.borrow().capacity()).sum();
            let left = stage.budget.held() - logs;
            assert!(left <= COMMITTED_BYTES, "gone after {end} bytes, and {left} are left");
        }
    }
}

//! Where a row plays: a broker that may be Kafka-RS or Apache Kafka, a client that behaves and prepares what the row needs, and
//! the one that does not.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use kafka_rs::broker::api;
use kafka_rs::wire::annotate::{Annotator, Note};
use kafka_rs::wire::messages::{
    api_versions, create_topics, find_coordinator, init_producer_id, list_offsets, produce,
};
use kafka_rs::wire::record_batch::BatchHeader;
use kafka_rs::wire::{ErrorCode, Field, Uuid};

use crate::driver::Exchange;
use crate::records::Batch;
use crate::requests::{Topic, produce_request};
use crate::socket::{PATIENCE, Received, Socket};

/// For how long nothing must come where nothing is to come.
const SILENCE: Duration = Duration::from_millis(100);
/// The correlation id of the request that looks whether a connection goes on.
const PROBE: i32 = 0x5afe;

/// What a broker does about some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    /// It closes the connection and says nothing.
    Closed,
    /// It neither answers nor closes: there may be more to come.
    Waits,
    /// It says nothing, and answers the next request.
    Silent,
    /// It answers, with these errors, and the connection goes on. The text is all that the answer says.
    Answered { errors: Vec<ErrorCode>, text: String },
    /// Different things, in a row that tries several.
    Mixed(String),
}

impl Reaction {
    /// The same with something that was seen after it.
    pub fn and(self, seen: &str) -> Self {
        match self {
            Self::Answered { errors, text } => Self::Answered { errors, text: format!("{text}; {seen}") },
            other => Self::Mixed(format!("{other}; {seen}")),
        }
    }

    /// The same without what the answer says beside its errors: it tells what the broker is, or when it was.
    pub fn errors_only(self) -> Self {
        match self {
            Self::Answered { errors, .. } => Self::Answered { text: format!("{errors:?}"), errors },
            other => other,
        }
    }

    /// What a broker does about each of several inputs: one reaction if it is the same for all.
    pub fn of_all(reactions: impl IntoIterator<Item = (String, Self)>) -> Self {
        let mut reactions: Vec<_> = reactions.into_iter().collect();
        let Some((_, first)) = reactions.first().cloned() else { return Self::Mixed("nothing was tried".to_owned()) };
        // Most do the same; the others are told.
        let usual = reactions
            .iter()
            .map(|(_, reaction)| reaction)
            .find(|other| reactions.iter().filter(|(_, reaction)| reaction == *other).count() * 2 > reactions.len());
        let usual = usual.unwrap_or(&first).clone();
        reactions.retain(|(_, reaction)| *reaction != usual);
        if reactions.is_empty() {
            return usual;
        }
        let others: Vec<_> = reactions.iter().map(|(what, reaction)| format!("{what}: {reaction}")).collect();
        Self::Mixed(format!("{usual}, but {}", others.join(", ")))
    }
}

impl fmt::Display for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Waits => f.write_str("waits"),
            Self::Silent => f.write_str("silent"),
            Self::Answered { text, .. } => write!(f, "answered {{ {text} }}"),
            Self::Mixed(text) => f.write_str(text),
        }
    }
}

/// One row at one version against one broker.
pub struct Scene<'a> {
    /// The version of the row's API.
    pub version: i16,
    /// A name for topics, groups and transactions that no other scene has, the same against each broker.
    pub name: String,
    address: SocketAddr,
    helper: &'a mut Socket,
    /// The connection that misbehaves.
    bad: Socket,
    /// How many connections the broker has closed of its own will.
    pub closed: usize,
    /// Texts that differ from broker to broker, and what stands for them.
    masks: Vec<(String, String)>,
    topics: usize,
}

impl<'a> Scene<'a> {
    pub fn new(address: SocketAddr, helper: &'a mut Socket, name: String, version: i16) -> Self {
        let masks = vec![(format!("port: {}", address.port()), "port: PORT".to_owned())];
        Self { version, name, address, helper, bad: Socket::connect(address), closed: 0, masks, topics: 0 }
    }

    /// Replaces what differs from broker to broker in an answer.
    pub fn masked(&self, reaction: Reaction) -> Reaction {
        let mask = |text: String| self.masks.iter().fold(text, |text, (from, to)| text.replace(from, to));
        match reaction {
            Reaction::Answered { errors, text } => Reaction::Answered { errors, text: without_uuids(&mask(text)) },
            Reaction::Mixed(text) => Reaction::Mixed(without_uuids(&mask(text))),
            other => other,
        }
    }

    pub fn mask(&mut self, text: impl ToString, stands: &str) {
        self.masks.push((text.to_string(), stands.to_owned()));
    }

    /// Asks as a client that behaves.
    pub fn ask<Q: Exchange>(&mut self, version: i16, request: &Q) -> Q::Response {
        self.helper.ask(version, request)
    }

    /// Another client, for as long as the row wants it.
    pub fn connect(&self) -> Socket {
        Socket::connect(self.address)
    }

    /// Takes a new connection for what is bad.
    pub fn reconnect(&mut self) {
        self.bad = self.connect();
    }

    /// Sends bytes. That the broker has closed is seen when its answer is read.
    pub fn write(&mut self, bytes: &[u8]) {
        let _ = std::io::Write::write_all(&mut self.bad.stream, bytes);
    }

    /// Sends a request in the row's version.
    pub fn send<Q: Exchange>(&mut self, request: &Q) -> Reaction {
        let frame = Socket::frame(self.version, 1, request);
        self.send_bytes::<Q>(&frame)
    }

    /// Sends bytes that are answered, if at all, as the row's version of an API is.
    pub fn send_bytes<Q: Exchange>(&mut self, bytes: &[u8]) -> Reaction {
        let version = self.version;
        self.send_for::<Q>(version, bytes)
    }

    /// Sends bytes whose answer is in this version.
    pub fn send_for<Q: Exchange>(&mut self, version: i16, bytes: &[u8]) -> Reaction {
        self.write(bytes);
        self.reaction::<Q>(version, PATIENCE)
    }

    /// Sends bytes after which nothing is to come, so that only a moment is waited for it.
    pub fn send_part<Q: Exchange>(&mut self, bytes: &[u8]) -> Reaction {
        self.send_within::<Q>(bytes, SILENCE)
    }

    /// Sends bytes that one broker answers and the other does not.
    pub fn send_within<Q: Exchange>(&mut self, bytes: &[u8], patience: Duration) -> Reaction {
        self.write(bytes);
        self.reaction::<Q>(self.version, patience)
    }

    /// Sends bytes and nothing more.
    pub fn send_and_end<Q: Exchange>(&mut self, bytes: &[u8]) -> Reaction {
        self.write(bytes);
        let _ = self.bad.stream.shutdown(std::net::Shutdown::Write);
        match self.bad.next() {
            Received::End => Reaction::Closed,
            Received::Nothing => Reaction::Waits,
            Received::Frame(frame) => explain::<Q>(self.version, frame),
        }
    }

    /// Sends a request that wants no answer, and one behind it that does.
    pub fn send_silently<Q: Exchange>(&mut self, request: &Q) -> Reaction {
        let frames = [Socket::frame(self.version, 1, request), probe()];
        self.write(&frames.concat());
        match self.bad.next() {
            Received::End => self.close(),
            Received::Nothing => Reaction::Waits,
            Received::Frame(frame) if is_probe(&frame) => Reaction::Silent,
            Received::Frame(frame) => explain::<Q>(self.version, frame),
        }
    }

    /// Sends a good request and something behind it for which the broker closes, but not before it has answered.
    pub fn send_before_closing<Q: Exchange>(&mut self, bytes: &[u8]) -> Reaction {
        self.write(bytes);
        match (self.bad.next(), self.bad.next()) {
            (Received::Frame(frame), Received::End) => {
                self.close();
                explain::<Q>(self.version, frame).and("closed")
            }
            (first, second) => Reaction::Mixed(format!("{first:?}, and then {second:?}")),
        }
    }

    fn close(&mut self) -> Reaction {
        self.closed += 1;
        Reaction::Closed
    }

    fn reaction<Q: Exchange>(&mut self, version: i16, patience: Duration) -> Reaction {
        let frame = match self.bad.next_within(patience) {
            Received::End => return self.close(),
            Received::Nothing => return Reaction::Waits,
            Received::Frame(frame) => frame,
        };
        let reaction = explain::<Q>(version, frame);
        self.write(&probe());
        match self.bad.next() {
            Received::Frame(frame) if is_probe(&frame) => reaction,
            other => Reaction::Mixed(format!("{reaction}, and then {other:?}")),
        }
    }

    /// A topic of this scene's own, once the broker serves it.
    pub fn topic(&mut self) -> Topic {
        self.topic_with(1, &[])
    }

    pub fn topic_with(&mut self, partitions: i32, configs: &[(&str, &str)]) -> Topic {
        self.topics += 1;
        let name = format!("{}-{}", self.name, self.topics);
        let config = |(name, value): &(&str, &str)| create_topics::CreatableTopicConfig {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
        };
        let topic = create_topics::CreatableTopic {
            name: name.clone(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.iter().map(config).collect(),
            ..Default::default()
        };
        let request = create_topics::Request { topics: vec![topic], timeout_ms: 10_000, ..Default::default() };
        let created = self.ask(7, &request).topics.remove(0);
        assert_eq!(created.error_code, ErrorCode::NONE, "{:?}", created.error_message);
        self.mask(created.topic_id, "TOPIC_ID");
        let topic = Topic { name, id: created.topic_id };
        eventually("the topic is served", || (0..partitions).all(|index| self.end_of(&topic, index).is_ok()));
        topic
    }

    /// The offset that the next record of a partition will get.
    pub fn end_of(&mut self, topic: &Topic, partition: i32) -> Result<i64, ErrorCode> {
        let wanted =
            list_offsets::ListOffsetsPartition { partition_index: partition, timestamp: -1, ..Default::default() };
        let topics = vec![list_offsets::ListOffsetsTopic { name: topic.name.clone(), partitions: vec![wanted] }];
        let request = list_offsets::Request { replica_id: -1, topics, ..Default::default() };
        let answer = self.ask(5, &request).topics.remove(0).partitions.remove(0);
        if answer.error_code.is_error() { Err(answer.error_code) } else { Ok(answer.offset) }
    }

    /// Appends a batch as a client that behaves.
    pub fn append(&mut self, topic: &Topic, batch: &Batch) -> i64 {
        let request = produce_request(-1, &[(topic, 0, batch.encode())]);
        let answer = self.ask::<produce::Request>(9, &request).responses.remove(0).partition_responses.remove(0);
        assert_eq!(answer.error_code, ErrorCode::NONE, "{:?}", answer.error_message);
        answer.base_offset
    }

    /// A producer id and its epoch, with a transactional id or without.
    pub fn producer(&mut self, transactional_id: Option<&str>) -> (i64, i16) {
        let request = init_producer_id::Request {
            transactional_id: transactional_id.map(str::to_owned),
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let mut producer = None;
        eventually("a producer id", || {
            let answer = self.ask(4, &request);
            producer = (!answer.error_code.is_error()).then_some((answer.producer_id, answer.producer_epoch));
            producer.is_some()
        });
        let (id, epoch) = producer.expect("there is one now");
        self.mask(format!("producer_id: {id}"), "producer_id: PRODUCER_ID");
        (id, epoch)
    }
}

/// Waits until a broker has everything that it makes at the first need, such as the topics of its coordinators.
pub fn warm_up(helper: &mut Socket) {
    for key_type in [0, 1] {
        let request = find_coordinator::Request { key: "warm-up".to_owned(), key_type, ..Default::default() };
        eventually("a coordinator", || !helper.ask(2, &request).error_code.is_error());
    }
    let mut request = init_producer_id::Request { transaction_timeout_ms: 60_000, ..Default::default() };
    for transactional_id in [None, Some("warm-up".to_owned())] {
        request.transactional_id = transactional_id;
        eventually("a producer id", || !helper.ask(4, &request).error_code.is_error());
    }
    let group =
        kafka_rs::wire::messages::offset_fetch::Request { group_id: "warm-up".to_owned(), ..Default::default() };
    eventually("the coordinator of groups", || !helper.ask(5, &group).error_code.is_error());
}

/// Waits for what a broker does by itself after it has answered.
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    within(PATIENCE, what, condition);
}

pub fn within(time: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + time;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A request whose answer shows that a connection goes on.
fn probe() -> Bytes {
    Socket::frame(0, PROBE, &api_versions::Request::default())
}

fn is_probe(frame: &Bytes) -> bool {
    frame.first_chunk().map(|id| i32::from_be_bytes(*id)) == Some(PROBE)
}

/// What an answer says.
fn explain<Q: Exchange>(version: i16, frame: Bytes) -> Reaction {
    let api = api::find(Q::KEY).expect("an API of the table");
    let mut walk = Annotator::new(frame.clone());
    let notes = walk
        .response_header(api.response_header_is_flexible(version))
        .and_then(|()| walk.body(&Q::Response::SHAPE, version, api.is_flexible(version)))
        .and_then(|()| walk.finish());
    let Ok(notes) = notes else { return Reaction::Mixed(format!("an answer that cannot be read: {notes:?}")) };
    let is_error = |note: &&Note| note.type_text == "error code";
    let code = |note: &Note| ErrorCode(frame.slice(note.start..note.end).get_i16());
    let errors = notes.iter().filter(is_error).map(code).filter(|code| code.is_error()).collect();
    let said = notes.iter().skip(1).filter(|note| !matches!(note.name.as_str(), "tagged fields" | "count"));
    let text: Vec<_> = said.map(|note| said_by(note, &frame)).collect();
    Reaction::Answered { errors, text: text.join(" ") }
}

fn said_by(note: &Note, frame: &Bytes) -> String {
    match &note.value {
        None => note.name.clone(),
        Some(_) if note.name == "cluster_id" => "cluster_id".to_owned(),
        Some(value) if note.name == "records" && value != "null" => format!("records: {}", batches(frame, note)),
        Some(value) => format!("{}: {value}", note.name),
    }
}

/// The record batches of an answer, by their first offset and how many records they count.
fn batches(frame: &Bytes, note: &Note) -> String {
    let length: usize = note.value.as_deref().and_then(|text| text.strip_suffix(" bytes")?.parse().ok()).unwrap_or(0);
    let mut bytes = frame.slice(note.end - length..note.end);
    let mut batches = Vec::new();
    while let Some(header) = BatchHeader::parse(&bytes) {
        batches.push(format!("{} from {}", header.count, header.base_offset));
        bytes.advance(header.total_bytes().unwrap_or(usize::MAX).min(bytes.len()));
    }
    format!("[{}]", batches.join(", "))
}

/// Replaces the ids that are made up at random and shown with hyphens.
fn without_uuids(text: &str) -> String {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let at_uuid = |rest: &str| {
        let Some(shown) = rest.get(..36) else { return false };
        let groups: Vec<_> = shown.split('-').collect();
        groups.iter().map(|group| group.len()).eq(GROUPS)
            && groups.iter().all(|group| group.bytes().all(|digit| digit.is_ascii_hexdigit()))
    };
    let (mut masked, mut rest) = (String::new(), text);
    while let Some(letter) = rest.chars().next() {
        if at_uuid(rest) {
            masked += "UUID";
            rest = &rest[36..];
        } else {
            masked.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    masked
}

/// An id that no topic has.
pub const NO_TOPIC: Uuid = Uuid([9; 16]);

//! The byte dumps of PROTOCOL.md: a conversation with a broker whose clock stands still, explained frame by frame.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;
use kafka_rs::Config;
use kafka_rs::broker::api::{self, Api};
use kafka_rs::broker::{Broker, Client, ConnectionId, Now, Output};
use kafka_rs::budget::Budget;
use kafka_rs::wire::annotate::{self, Annotator, Note};
use kafka_rs::wire::header::{self, RequestStart};
use kafka_rs::wire::messages::{
    api_versions, end_txn, fetch, init_producer_id, join_group, metadata, produce, sync_group,
};
use kafka_rs::wire::{ErrorCode, Message, Reader, Uuid, Writer};

use super::batch;

/// How many bytes the length in front of a frame takes.
pub const LENGTH_BYTES: usize = 4;
/// Arrays with more elements than this are shown without those in the middle.
const ELEMENTS_SHOWN: usize = 3;
/// Where the explanation begins in a line of a dump.
const BYTES_WIDTH: usize = 48;
/// What the client calls itself.
const CLIENT_ID: &str = "learner";
/// The time at which everything happens.
const NOW_MS: i64 = 1_700_000_000_000;
const TOPIC: &str = "greetings";
/// Bit 4 of a batch's attributes.
const IN_A_TRANSACTION: i16 = 1 << 4;
/// The isolation level of who wants nothing of transactions that are open or aborted.
const READ_COMMITTED: i8 = 1;
const GROUP: &str = "readers";

/// A request of the example client in one frame, with its length in front.
pub fn request_frame<Q: Message>(api: &Api, version: i16, correlation_id: i32, request: &Q) -> Bytes {
    let mut writer = Writer::new(version, api.is_flexible(version));
    let start = RequestStart { api_key: api.key, api_version: version, correlation_id };
    header::write_request(&mut writer, start, Some(CLIENT_ID));
    request.write(&mut writer);
    writer.finish().to_bytes()
}

pub fn request_notes<Q: Message>(api: &Api, version: i16, frame: &Bytes) -> Vec<Note> {
    let flexible = api.is_flexible(version);
    explain(frame, |walk| {
        walk.request_header(flexible)?;
        walk.body(&Q::SHAPE, version, flexible)
    })
}

fn response_notes<R: Message>(api: &Api, version: i16, frame: &Bytes) -> Vec<Note> {
    explain(frame, |walk| {
        walk.response_header(api.response_header_is_flexible(version))?;
        walk.body(&R::SHAPE, version, api.is_flexible(version))
    })
}

fn explain(frame: &Bytes, walk: impl FnOnce(&mut Annotator) -> Result<(), kafka_rs::wire::ReadError>) -> Vec<Note> {
    let mut annotator = Annotator::new(frame.clone());
    let walked = annotator.length().and_then(|()| walk(&mut annotator)).and_then(|()| annotator.finish());
    walked.expect("a frame of our own can be explained")
}

/// All dumps by their names.
pub fn all() -> BTreeMap<String, String> {
    let mut conversation = Conversation::new();
    conversation.greet();
    let topic_id = conversation.write_and_read();
    conversation.share();
    conversation.abort(topic_id);
    conversation.dumps
}

struct Conversation {
    broker: Broker,
    now: Now,
    correlation_id: i32,
    dumps: BTreeMap<String, String>,
}

impl Conversation {
    fn new() -> Self {
        let now = Now { instant: Instant::now(), unix_ms: NOW_MS };
        Self {
            broker: Broker::new(Config::default(), Budget::default(), 1, now),
            now,
            correlation_id: 0,
            dumps: BTreeMap::new(),
        }
    }

    fn greet(&mut self) {
        let request = api_versions::Request {
            client_software_name: "learner".to_owned(),
            client_software_version: "1.0".to_owned(),
        };
        for version in [0, 3] {
            self.ask::<_, api_versions::Response>(&format!("api-versions-v{version}"), 18, version, &request);
        }
        let refused: api_versions::Response = self.ask_as("api-versions-v99", 18, 99, 0, &request);
        assert_eq!(refused.error_code, ErrorCode::UNSUPPORTED_VERSION);
    }

    /// Makes a topic, writes into it and reads from it; gives its id.
    fn write_and_read(&mut self) -> Uuid {
        let wanted = metadata::MetadataRequestTopic {
            name: Some(TOPIC.to_owned()),
            ..metadata::MetadataRequestTopic::default()
        };
        let request = metadata::Request { topics: Some(vec![wanted]), ..metadata::Request::default() };
        let described: metadata::Response = self.ask("metadata", 3, 13, &request);
        let topic_id = described.topics[0].topic_id;
        for (name, value) in [("produce-first", "hello"), ("produce", "world")] {
            let records = batch::one_record(batch::ANYBODY, "k", value, ("h", "1"), NOW_MS);
            let data = produce::PartitionProduceData { index: 0, records: Some(records.into()) };
            let topic = produce::TopicProduceData { topic_id, partition_data: vec![data], name: String::new() };
            let request =
                produce::Request { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], transactional_id: None };
            let response: produce::Response = self.ask(name, 0, 13, &request);
            assert!(!response.responses[0].partition_responses[0].error_code.is_error());
        }
        let partition =
            fetch::FetchPartition { fetch_offset: 1, partition_max_bytes: 1 << 20, ..fetch::FetchPartition::default() };
        let topic = fetch::FetchTopic { topic_id, partitions: vec![partition], topic: String::new() };
        let request = fetch::Request {
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: 50 << 20,
            session_epoch: 0,
            topics: vec![topic],
            ..fetch::Request::default()
        };
        let response: fetch::Response = self.ask("fetch", 1, 17, &request);
        assert!(!response.responses[0].partitions[0].error_code.is_error());
        topic_id
    }

    fn share(&mut self) {
        // Version 0 of a consumer's metadata: its topics, and no data of its own.
        let metadata = [b"\0\0\0\0\0\x01\0\x09", TOPIC.as_bytes(), b"\xff\xff\xff\xff"].concat();
        let mut request = join_group::Request {
            group_id: GROUP.to_owned(),
            session_timeout_ms: 45_000,
            rebalance_timeout_ms: 300_000,
            protocol_type: "consumer".to_owned(),
            protocols: vec![join_group::JoinGroupRequestProtocol {
                name: "range".to_owned(),
                metadata: metadata.into(),
            }],
            ..join_group::Request::default()
        };
        let refused: join_group::Response = self.ask("join-group-first", 11, 9, &request);
        assert_eq!(refused.error_code, ErrorCode::MEMBER_ID_REQUIRED);
        request.member_id = refused.member_id;
        let joined: join_group::Response = self.ask("join-group", 11, 9, &request);
        // Version 0 of an assignment: the topics with their partitions, and no data of the assignor's.
        let assignment = [b"\0\0\0\0\0\x01\0\x09", TOPIC.as_bytes(), b"\0\0\0\x01\0\0\0\0\xff\xff\xff\xff"].concat();
        let part = sync_group::SyncGroupRequestAssignment {
            member_id: joined.member_id.clone(),
            assignment: assignment.into(),
        };
        let request = sync_group::Request {
            group_id: GROUP.to_owned(),
            generation_id: joined.generation_id,
            member_id: joined.member_id,
            group_instance_id: None,
            protocol_type: joined.protocol_type,
            protocol_name: joined.protocol_name,
            assignments: vec![part],
        };
        let synced: sync_group::Response = self.ask("sync-group", 14, 5, &request);
        assert!(!synced.error_code.is_error());
    }

    /// Writes a record inside of a transaction, aborts that, and reads what is left of it.
    fn abort(&mut self, topic_id: Uuid) {
        let id = || "shop".to_owned();
        let request = init_producer_id::Request {
            transactional_id: Some(id()),
            transaction_timeout_ms: 60_000,
            ..init_producer_id::Request::default()
        };
        let producer: init_producer_id::Response = self.ask("init-producer-id", 22, 5, &request);
        let init_producer_id::Response { producer_id, producer_epoch, .. } = producer;
        let author = batch::Author { producer_id, producer_epoch, base_sequence: 0, attributes: IN_A_TRANSACTION };
        let records = batch::one_record(author, "k", "oops", ("h", "1"), NOW_MS);
        let data = produce::PartitionProduceData { index: 0, records: Some(records.into()) };
        let topic = produce::TopicProduceData { topic_id, partition_data: vec![data], name: String::new() };
        let request =
            produce::Request { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], transactional_id: Some(id()) };
        let written: produce::Response = self.ask("produce-in-a-transaction", 0, 13, &request);
        let written = &written.responses[0].partition_responses[0];
        assert!(!written.error_code.is_error());
        let request = end_txn::Request { transactional_id: id(), producer_id, producer_epoch, committed: false };
        let ended: end_txn::Response = self.ask("end-txn", 26, 5, &request);
        assert!(!ended.error_code.is_error());
        let partition = fetch::FetchPartition {
            fetch_offset: written.base_offset,
            partition_max_bytes: 1 << 20,
            ..fetch::FetchPartition::default()
        };
        let topic = fetch::FetchTopic { topic_id, partitions: vec![partition], topic: String::new() };
        let request = fetch::Request {
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: 50 << 20,
            isolation_level: READ_COMMITTED,
            topics: vec![topic],
            ..fetch::Request::default()
        };
        let read: fetch::Response = self.ask("fetch-aborted", 1, 17, &request);
        assert!(
            read.responses[0].partitions[0].aborted_transactions.as_ref().is_some_and(|aborted| aborted.len() == 1)
        );
    }

    /// Asks the broker, and keeps a dump of the request and one of its answer.
    fn ask<Q: Message, R: Message>(&mut self, name: &str, key: i16, version: i16, request: &Q) -> R {
        self.ask_as(name, key, version, version, request)
    }

    /// The same, where the answer has a version of its own.
    fn ask_as<Q: Message, R: Message>(
        &mut self,
        name: &str,
        key: i16,
        version: i16,
        answer_version: i16,
        request: &Q,
    ) -> R {
        let api = api::find(key).expect("an API of the table");
        self.correlation_id += 1;
        let frame = request_frame(api, version, self.correlation_id, request);
        self.keep(&format!("{name}-request"), &frame, request_notes::<Q>(api, version, &frame));

        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let client = Client { peer: address(50_000), local: address(9092), listener: 0 };
        let connection = ConnectionId { slot: 0, generation: 1 };
        self.broker.handle(connection, client, frame.slice(LENGTH_BYTES..), self.now);
        self.broker.end_turn(self.now);
        let Some(Output::Answer { frame, .. }) = self.broker.poll_output() else { panic!("{name} is not answered") };

        let frame = frame.to_bytes();
        self.keep(&format!("{name}-response"), &frame, response_notes::<R>(api, answer_version, &frame));
        let mut reader = Reader::new(frame.slice(LENGTH_BYTES..), 0, false);
        header::read_response(&mut reader, api.response_header_is_flexible(answer_version)).expect("a header");
        reader.becomes(answer_version, api.is_flexible(answer_version));
        R::read(&mut reader).expect("an answer of our own can be read")
    }

    fn keep(&mut self, name: &str, frame: &Bytes, notes: Vec<Note>) {
        self.dumps.insert(name.to_owned(), dump(frame, &open_batches(frame, notes)));
    }
}

/// Puts what a record batch consists of in place of its bytes.
fn open_batches(frame: &Bytes, notes: Vec<Note>) -> Vec<Note> {
    let mut opened = Vec::new();
    for mut note in notes {
        let length = note.value.as_deref().and_then(|value| value.strip_suffix(" bytes")?.parse().ok());
        match length.filter(|length: &usize| note.name == "records" && *length > 0) {
            Some(length) => {
                let (at, end, depth) = (note.end - length, note.end, note.depth + 1);
                note.end = at;
                opened.push(note);
                opened.extend(batches(frame, at, end, depth));
            }
            None => opened.push(note),
        }
    }
    opened
}

/// What the bytes of one batch or several mean.
fn batches(frame: &Bytes, at: usize, end: usize, depth: usize) -> Vec<Note> {
    let mut each = Vec::new();
    let mut next = at;
    while next < end {
        let notes = batch::notes(frame, next, depth);
        next = notes.last().map_or(end, |note| note.end);
        each.push(notes);
    }
    if each.len() == 1 {
        return each.remove(0);
    }
    let mut all = Vec::new();
    for (index, notes) in each.into_iter().enumerate() {
        let at = notes.first().map_or(end, |note| note.start);
        let (name, type_text) = (format!("[{index}]"), "RecordBatch".to_owned());
        all.push(Note { name, depth, start: at, end: at, type_text, value: None });
        all.extend(notes.into_iter().map(|note| Note { depth: note.depth + 1, ..note }));
    }
    all
}

/// The dump of a frame, without the middle of its long arrays.
fn dump(frame: &Bytes, notes: &[Note]) -> String {
    let mut text = String::new();
    let mut next = 0;
    while let Some((skipped, count, depth)) = long_array(notes, next) {
        text += &annotate::dump(frame, &notes[next..skipped.start]);
        text += &format!("{:BYTES_WIDTH$} {}… {count} more\n", "", "  ".repeat(depth));
        next = skipped.end;
    }
    text += &annotate::dump(frame, &notes[next..]);
    text
}

/// The first long array at or behind a note: which notes to leave out, how many elements they are, and their depth.
fn long_array(notes: &[Note], from: usize) -> Option<(Range<usize>, usize, usize)> {
    (from..notes.len()).find_map(|first| {
        let depth = notes[first].depth;
        if notes[first].name != "[1]" {
            return None;
        }
        let same_array = (first..notes.len()).take_while(|index| notes[*index].depth >= depth);
        let elements: Vec<_> =
            same_array.filter(|index| notes[*index].depth == depth && notes[*index].name.starts_with('[')).collect();
        let (last, skipped) = (*elements.last()?, elements.len() - 1);
        (elements.len() >= ELEMENTS_SHOWN).then_some((first..last, skipped, depth))
    })
}

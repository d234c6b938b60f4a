//! The requests with which tests make topics, write to them and read from them.

use bytes::Bytes;
use kafka_rs::wire::messages::{create_topics, delete_topics, fetch, list_offsets, produce};
use kafka_rs::wire::{ErrorCode, Uuid};

use crate::driver::{Connection, Driver};
use crate::records::Batch;

/// A topic, by the name that older versions say and the id that newer ones do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    pub id: Uuid,
}

pub fn create_topic(driver: &mut Driver, name: &str, partitions: i32) -> Topic {
    create_topic_with(driver, name, partitions, &[])
}

pub fn create_topic_with(driver: &mut Driver, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Topic {
    let config = |(name, value): &(&str, &str)| create_topics::CreatableTopicConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
    };
    let topic = create_topics::CreatableTopic {
        name: name.to_owned(),
        num_partitions: partitions,
        replication_factor: 1,
        configs: configs.iter().map(config).collect(),
        ..Default::default()
    };
    let connection = driver.connect();
    let request = create_topics::Request { topics: vec![topic], ..Default::default() };
    let response = driver.ask(connection, 7, &request);
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE, "{:?}", response.topics[0].error_message);
    Topic { name: name.to_owned(), id: response.topics[0].topic_id }
}

/// A Produce request that brings one piece of records for each of the partitions.
pub fn produce_request(acks: i16, pieces: &[(&Topic, i32, Bytes)]) -> produce::Request {
    let mut topic_data: Vec<produce::TopicProduceData> = Vec::new();
    for (topic, index, records) in pieces {
        if topic_data.last().is_none_or(|last| last.topic_id != topic.id) {
            let (name, topic_id) = (topic.name.clone(), topic.id);
            topic_data.push(produce::TopicProduceData { name, topic_id, partition_data: Vec::new() });
        }
        let partition = produce::PartitionProduceData { index: *index, records: Some(records.clone()) };
        topic_data.last_mut().expect("there is one now").partition_data.push(partition);
    }
    produce::Request { acks, timeout_ms: 30_000, topic_data, ..Default::default() }
}

/// What becomes of one piece of records.
pub fn produce_bytes(
    driver: &mut Driver,
    version: i16,
    topic: &Topic,
    partition: i32,
    records: Bytes,
) -> produce::PartitionProduceResponse {
    let connection = driver.connect();
    let mut response = driver.ask(connection, version, &produce_request(-1, &[(topic, partition, records)]));
    response.responses.remove(0).partition_responses.remove(0)
}

/// Appends a batch and gives the offset of its first record.
pub fn produce(driver: &mut Driver, topic: &Topic, partition: i32, batch: &Batch) -> i64 {
    let response = produce_bytes(driver, 13, topic, partition, batch.encode());
    assert_eq!(response.error_code, ErrorCode::NONE, "{:?}", response.error_message);
    response.base_offset
}

/// A Fetch request, by what tests change in it.
#[derive(Debug, Clone)]
pub struct Fetch {
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    pub max_bytes: i32,
    pub session_id: i32,
    pub session_epoch: i32,
    pub wanted: Vec<(Topic, fetch::FetchPartition)>,
    pub forgotten: Vec<(Topic, i32)>,
}

/// A fetch without a session that is answered at once.
impl Default for Fetch {
    fn default() -> Self {
        Self {
            max_wait_ms: 0,
            min_bytes: 1,
            max_bytes: i32::MAX,
            session_id: 0,
            session_epoch: -1,
            wanted: Vec::new(),
            forgotten: Vec::new(),
        }
    }
}

/// One partition of a fetch, without a limit worth the name.
pub fn want(topic: &Topic, partition: i32, fetch_offset: i64) -> (Topic, fetch::FetchPartition) {
    want_bytes(topic, partition, fetch_offset, i32::MAX)
}

pub fn want_bytes(topic: &Topic, partition: i32, fetch_offset: i64, limit: i32) -> (Topic, fetch::FetchPartition) {
    let wanted = fetch::FetchPartition { partition, fetch_offset, partition_max_bytes: limit, ..Default::default() };
    (topic.clone(), wanted)
}

impl Fetch {
    pub fn of(wanted: Vec<(Topic, fetch::FetchPartition)>) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// The same fetch, ready to wait.
    pub fn waiting(self, max_wait_ms: i32, min_bytes: i32) -> Self {
        Self { max_wait_ms, min_bytes, ..self }
    }

    pub fn request(&self) -> fetch::Request {
        let topic = |(topic, partition): &(Topic, fetch::FetchPartition)| fetch::FetchTopic {
            topic: topic.name.clone(),
            topic_id: topic.id,
            partitions: vec![partition.clone()],
        };
        let forgotten = |(topic, partition): &(Topic, i32)| fetch::ForgottenTopic {
            topic: topic.name.clone(),
            topic_id: topic.id,
            partitions: vec![*partition],
        };
        fetch::Request {
            max_wait_ms: self.max_wait_ms,
            min_bytes: self.min_bytes,
            max_bytes: self.max_bytes,
            session_id: self.session_id,
            session_epoch: self.session_epoch,
            topics: self.wanted.iter().map(topic).collect(),
            forgotten_topics_data: self.forgotten.iter().map(forgotten).collect(),
            ..Default::default()
        }
    }

    pub fn ask(&self, driver: &mut Driver, connection: Connection, version: i16) -> fetch::Response {
        driver.ask(connection, version, &self.request())
    }
}

/// The records of an answer's partition.
pub fn records(data: &fetch::PartitionData) -> Bytes {
    data.records.as_ref().expect("records that are not null").to_bytes()
}

/// All partitions of an answer: index, error and records.
pub fn partitions(response: &fetch::Response) -> Vec<(i32, ErrorCode, Bytes)> {
    let all = response.responses.iter().flat_map(|topic| &topic.partitions);
    all.map(|data| (data.partition_index, data.error_code, records(data))).collect()
}

/// What a fetch of one partition from `offset` on brings.
pub fn fetched(driver: &mut Driver, topic: &Topic, partition: i32, offset: i64) -> Bytes {
    let connection = driver.connect();
    let response = Fetch::of(vec![want(topic, partition, offset)]).ask(driver, connection, 12);
    let (_, error, bytes) = partitions(&response).remove(0);
    assert_eq!(error, ErrorCode::NONE);
    bytes
}

/// The answer to ListOffsets for one partition.
pub fn list_offset(
    driver: &mut Driver,
    version: i16,
    topic: &Topic,
    partition: i32,
    timestamp: i64,
) -> list_offsets::ListOffsetsPartitionResponse {
    let wanted = list_offsets::ListOffsetsPartition { partition_index: partition, timestamp, ..Default::default() };
    let request = list_offsets::Request {
        replica_id: -1,
        topics: vec![list_offsets::ListOffsetsTopic { name: topic.name.clone(), partitions: vec![wanted] }],
        ..Default::default()
    };
    let connection = driver.connect();
    driver.ask(connection, version, &request).topics.remove(0).partitions.remove(0)
}

/// The offset that the next record of a partition will get.
pub fn end_offset(driver: &mut Driver, topic: &Topic, partition: i32) -> i64 {
    list_offset(driver, 8, topic, partition, -1).offset
}

pub fn delete_topic(driver: &mut Driver, name: &str) {
    let request = delete_topics::Request { topic_names: vec![name.to_owned()], ..Default::default() };
    let connection = driver.connect();
    let response = driver.ask(connection, 5, &request);
    assert_eq!(response.responses[0].error_code, ErrorCode::NONE);
}

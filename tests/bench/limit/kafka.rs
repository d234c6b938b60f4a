//! Just enough of Kafka for librdkafka: one node, and topics of one partition, whatever their names.
//!
//! What is produced is kept as the sink keeps it, and not looked at beyond its checksum; what is fetched is the source's stock. A
//! fetch behind its end is never answered.

use std::hint::black_box;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use kafka_rs::broker::api;
use kafka_rs::wire::header::{self, RequestStart};
use kafka_rs::wire::messages::{api_versions, fetch, list_offsets, metadata, produce};
use kafka_rs::wire::{Field, Frame, Message, Payload, ReadError, Reader, Slice, Writer};
use mio::net::TcpStream;

use super::Handler;
use super::outbox::Outbox;
use super::source::Stock;
use super::store::{Kind, Store};

/// The APIs that there are, each with its oldest and its newest version.
const APIS: [(i16, i16, i16); 5] = [(0, 3, 9), (1, 4, 12), (2, 1, 7), (3, 1, 12), (18, 0, 3)];
/// Behind this many bytes of a request, only records follow.
const HEAD_BYTES: usize = 1024;
const NODE: i32 = 1;

#[derive(Debug)]
pub struct Kafka<'a> {
    desk: Desk<'a>,
    store: Store,
    outbox: Outbox,
}

impl<'a> Kafka<'a> {
    pub fn new(stock: &'a Stock, address: SocketAddr) -> Self {
        Self { desk: Desk { stock, address }, store: Store::new(Kind::Recycled), outbox: Outbox::default() }
    }
}

impl Handler for Kafka<'_> {
    fn room(&mut self) -> &mut [u8] {
        self.store.room()
    }

    fn arrived(&mut self, count: usize) {
        self.store.arrived(count, |frame| {
            black_box(crc_fast::crc32_iscsi(frame));
            let answer = self.desk.answer(frame).expect("librdkafka sends what can be read");
            let pieces = answer.into_iter().flat_map(Frame::into_slices).map(Slice::into_owned);
            pieces.for_each(|piece| self.outbox.push(piece));
        });
    }

    fn write(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        self.outbox.write(socket)
    }
}

/// Who answers requests.
#[derive(Debug)]
struct Desk<'a> {
    stock: &'a Stock,
    address: SocketAddr,
}

impl Desk<'_> {
    fn answer(&self, frame: &[u8]) -> Result<Option<Frame>, ReadError> {
        let mut reader = Reader::new(Bytes::copy_from_slice(&frame[..frame.len().min(HEAD_BYTES)]), 0, false);
        let start = RequestStart::read(&mut reader)?;
        let api = api::find(start.api_key).expect("an API of the table");
        header::read_request_rest(&mut reader, start.api_version, api.is_flexible(start.api_version))?;
        Ok(match start.api_key {
            0 => Some(whole(start, &produced(&mut reader)?)),
            1 => self.fetched(&fetch::Request::read(&mut reader)?).map(|response| whole(start, &response)),
            2 => Some(whole(start, &self.offsets(&list_offsets::Request::read(&mut reader)?))),
            3 => Some(whole(start, &self.metadata(metadata::Request::read(&mut reader)?))),
            _ => Some(whole(start, &versions())),
        })
    }

    fn metadata(&self, request: metadata::Request) -> metadata::Response {
        let broker = metadata::MetadataResponseBroker {
            node_id: NODE,
            host: self.address.ip().to_string(),
            port: self.address.port().into(),
            ..Default::default()
        };
        let partition = metadata::MetadataResponsePartition {
            leader_id: NODE,
            replica_nodes: vec![NODE],
            isr_nodes: vec![NODE],
            ..Default::default()
        };
        let topic = |topic: metadata::MetadataRequestTopic| metadata::MetadataResponseTopic {
            name: topic.name,
            partitions: vec![partition.clone()],
            ..Default::default()
        };
        metadata::Response {
            brokers: vec![broker],
            controller_id: NODE,
            topics: request.topics.unwrap_or_default().into_iter().map(topic).collect(),
            ..Default::default()
        }
    }

    fn offsets(&self, request: &list_offsets::Request) -> list_offsets::Response {
        let partition = |asked: &list_offsets::ListOffsetsPartition| list_offsets::ListOffsetsPartitionResponse {
            partition_index: asked.partition_index,
            offset: if asked.timestamp == -1 { self.stock.records } else { 0 },
            ..Default::default()
        };
        let topic = |asked: &list_offsets::ListOffsetsTopic| list_offsets::ListOffsetsTopicResponse {
            name: asked.name.clone(),
            partitions: asked.partitions.iter().map(partition).collect(),
        };
        list_offsets::Response { topics: request.topics.iter().map(topic).collect(), ..Default::default() }
    }

    /// The part of the stock that the wanted offset lies in; nothing behind the last one.
    fn fetched(&self, request: &fetch::Request) -> Option<fetch::Response> {
        let topic = request.topics.first()?;
        let wanted = topic.partitions.first()?;
        let partition = fetch::PartitionData {
            partition_index: wanted.partition,
            high_watermark: self.stock.records,
            last_stable_offset: self.stock.records,
            log_start_offset: 0,
            records: Some(Payload::from(self.stock.answer_from(wanted.fetch_offset)?)),
            ..Default::default()
        };
        let topic = fetch::FetchableTopicResponse {
            topic: topic.topic.clone(),
            topic_id: topic.topic_id,
            partitions: vec![partition],
        };
        Some(fetch::Response { responses: vec![topic], ..Default::default() })
    }
}

/// The answer to a Produce, of which the reader has the part in front of the records.
fn produced(reader: &mut Reader) -> Result<produce::Response, ReadError> {
    let (_transactional_id, _acks, _timeout_ms) = (reader.string()?, reader.i16()?, reader.i32()?);
    let (_topics, name, _partitions, index) = (reader.count()?, reader.string()?, reader.count()?, reader.i32()?);
    let partition = produce::PartitionProduceResponse { index, log_start_offset: 0, ..Default::default() };
    let topic = produce::TopicProduceResponse {
        name: name.unwrap_or_default(),
        partition_responses: vec![partition],
        ..Default::default()
    };
    Ok(produce::Response { responses: vec![topic], ..Default::default() })
}

fn versions() -> api_versions::Response {
    let row = |(api_key, min_version, max_version)| api_versions::ApiVersion { api_key, min_version, max_version };
    api_versions::Response { api_keys: APIS.map(row).to_vec(), ..Default::default() }
}

/// An answer as it goes over the wire.
fn whole(start: RequestStart, response: &impl Message) -> Frame {
    let api = api::find(start.api_key).expect("an API of the table");
    // Who asks for a version of ApiVersions that is not there is told in the oldest one which there are.
    let newest = APIS.iter().find(|(key, ..)| *key == start.api_key).map_or(0, |(_, _, newest)| *newest);
    let version = if start.api_version > newest { 0 } else { start.api_version };
    let mut writer = Writer::new(version, api.is_flexible(version));
    header::write_response(&mut writer, start.correlation_id, api.response_header_is_flexible(version));
    response.write(&mut writer);
    writer.finish()
}

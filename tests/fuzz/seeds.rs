//! Makes the first inputs: for each API and version messages out of their shapes, and short conversations.
//!
//! What coverage does not reach by itself from one byte on is given here. The kept corpus was begun with these.

use std::path::Path;
use std::{env, fs, io};

use bytes::Bytes;
use kafka_rs::broker::api::APIS;
use kafka_rs::wire::{Field, Writer, messages};
use kafka_rs_fuzz::driver::Exchange;
use kafka_rs_fuzz::records::{Batch, Record};
use kafka_rs_fuzz::targets::decode::{self, codec};

#[path = "../it/codec/maker.rs"]
#[allow(dead_code, reason = "it can do more than is needed here")]
mod maker;

use maker::Maker;

/// A version of a message, and whether it is flexible.
#[derive(Debug, Clone, Copy)]
struct Version {
    number: i16,
    flexible: bool,
}

/// What `write` puts into a frame, without the frame's length.
fn written(version: i16, flexible: bool, write: impl FnOnce(&mut Writer)) -> Bytes {
    let mut writer = Writer::new(version, flexible);
    write(&mut writer);
    writer.finish().to_bytes().slice(4..)
}

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).ok_or_else(|| io::Error::other("seeds FOLDER"))?;
    let folder = Path::new(&folder);
    write(&folder.join("decode"), decode())?;
    write(&folder.join("frames"), frames())?;
    write(&folder.join("batch"), batch())?;
    write(&folder.join("connection"), connection())
}

fn write(folder: &Path, inputs: Vec<Vec<u8>>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    inputs.iter().enumerate().try_for_each(|(index, input)| fs::write(folder.join(format!("seed-{index}")), input))
}

/// Messages of each API in each version and direction.
fn decode() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for (api, number, is_response) in decode::all() {
        let version = Version { number, flexible: api.is_flexible(number) };
        for seed in 0..3 {
            let mut maker = Maker::new(seed);
            maker.elements_left = 6;
            maker.unknown_tags = seed == 2;
            let body = maker.message(&codec(api).shapes[usize::from(is_response)], version);
            if body.len() < 600 {
                inputs.push([&decode::start(api, number, is_response), &body[..]].concat());
            }
        }
    }
    inputs
}

fn frames() -> Vec<Vec<u8>> {
    let stream = b"\x01\x12\0\0\0\x03abc\0\0\0\x01d\0\0\0\x02ef";
    // A long frame, the beginning of one, and the rest.
    let long = b"\0\x40\0\0\x07\x01\x0a\0\0\0\x03a\x01\x05bc\0\0\0\0\x20\0\0\x09";
    vec![
        [&b"\x01\0\0"[..], stream].concat(),
        [&b"\x01\0\x03\x01\x02\x85"[..], stream].concat(),
        [&b"\0\0\x01\x01"[..], stream].concat(),
        [&b"\xff\xff\x02\x45\x87"[..], long].concat(),
        [&b"\xff\xff\x01\xff"[..], long].concat(),
        b"\x10\0\0\x01\x04\xff\xff\xff\xff".to_vec(),
        b"\x10\0\0\x01\x04\0\0\0\0".to_vec(),
    ]
}

/// Scripts of one batch in each codec for each topic, and a lookup, a fetch and a time behind it.
fn batch() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for topic in 0..8u8 {
        for options in [0u8, 1, 2, 3, 4, 0x10, 0x20, 0x40] {
            let mut input = Vec::new();
            for version in [9, 13, 3] {
                // Produce, acks -1; two records, the first with key, value and header, the second with a long value.
                input.extend([topic << 4, version, 0, options, 5, 1, 0x0f, 1, b'k', 2, b'v', b'w', 1, b'h', 3]);
                input.extend([0x11, 1, b'l', b'x', 2, 0]);
                if options == 0x10 {
                    input.extend([0, 0, 0]);
                }
                if options == 0x20 {
                    input.extend([0, 0, 40, 7]);
                }
                if options == 0x40 {
                    input.extend([3, 1, 2, 3]);
                }
            }
            input.extend([topic << 4 | 12, 6, topic << 4 | 11, 1, 1, topic << 4 | 14, 2, topic << 4 | 15, 3]);
            inputs.push(input);
        }
    }
    for codec in 1..=4u8 {
        // What the codec writes, as any bytes.
        let record = Record { key: Some(b"key".to_vec()), value: Some(vec![b'v'; 40]), ..Record::default() };
        let records = Batch::of_records(&[record]).compressed(codec.into()).records;
        for topic in [0, 2, 6, 7] {
            let mut input = vec![topic << 4, 9, 0, 8 | codec, 5, 0, 0];
            if codec == 2 {
                // The block is all there is, as it comes.
                input.extend([0, 0]);
            }
            input.push(records.len() as u8);
            input.extend(&records);
            input.extend([1, topic << 4 | 12, 5, topic << 4 | 15, 3]);
            inputs.push(input);
        }
    }
    for topic in [2, 6] {
        // A block of snappy that claims to become 4 GiB.
        inputs.push(vec![topic << 4, 9, 0, 8 | 2, 5, 0, 0, 0xff, 0xff, 1, 0, 1]);
    }
    inputs
}

/// A conversation, request by request, as the target reads it.
#[derive(Default)]
struct Conversation {
    steps: Vec<u8>,
}

impl Conversation {
    fn bytes(mut self, key: i16, version: i16, body: &[u8]) -> Self {
        self.steps.extend([0, key as u8, version as u8]);
        self.steps.extend([0xf0 | (body.len() >> 8) as u8, body.len() as u8]);
        self.steps.extend(body);
        self
    }

    fn ask<Q: Exchange>(self, version: i16, request: &Q) -> Self {
        let api = kafka_rs::broker::api::find(Q::KEY).expect("an API of the table");
        let body = written(version, api.is_flexible(version), |writer| request.write(writer));
        self.bytes(Q::KEY, version, &body)
    }

    fn step(mut self, step: &[u8]) -> Self {
        self.steps.extend(step);
        self
    }
}

fn connection() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for api in APIS {
        let [request, _] = codec(api).shapes;
        for number in [api.min_version, api.max_version] {
            let version = Version { number, flexible: api.is_flexible(number) };
            let mut maker = Maker::new(1);
            maker.elements_left = 4;
            let body = maker.message(&request, version);
            if body.len() < 500 {
                inputs.push(Conversation::default().bytes(api.key, number, &body).steps);
            }
        }
    }
    inputs.extend([data(), group(), member(), transaction(), admin(), quotas()].map(|talk| talk.steps));
    inputs
}

/// Creates a topic, writes to it, waits for more, is answered by another connection's write.
fn data() -> Conversation {
    let topic = || "t".to_owned();
    let records = Some(Batch::of(&["one", "two"]).encode());
    let partition = messages::produce::PartitionProduceData { index: 0, records };
    let produce = |acks, records: Vec<messages::produce::PartitionProduceData>| messages::produce::Request {
        acks,
        timeout_ms: 100,
        topic_data: vec![messages::produce::TopicProduceData {
            name: topic(),
            partition_data: records,
            ..Default::default()
        }],
        ..Default::default()
    };
    let metadata = messages::metadata::Request {
        topics: Some(vec![messages::metadata::MetadataRequestTopic { name: Some(topic()), ..Default::default() }]),
        ..Default::default()
    };
    let fetch = |fetch_offset, session_epoch| messages::fetch::Request {
        max_wait_ms: 500,
        min_bytes: 1,
        session_epoch,
        topics: vec![messages::fetch::FetchTopic {
            topic: topic(),
            partitions: vec![messages::fetch::FetchPartition {
                fetch_offset,
                partition_max_bytes: 1000,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let list = messages::list_offsets::Request {
        topics: vec![messages::list_offsets::ListOffsetsTopic {
            name: topic(),
            partitions: vec![messages::list_offsets::ListOffsetsPartition { timestamp: 5, ..Default::default() }],
        }],
        ..Default::default()
    };
    Conversation::default()
        .ask(9, &metadata)
        .ask(9, &produce(-1, vec![partition.clone()]))
        .ask(9, &produce(0, vec![partition.clone()]))
        .ask(5, &list)
        .ask(12, &fetch(0, 0))
        .ask(12, &fetch(4, -1))
        .step(&[10, 7, 1])
        .step(&[0x10, 0, 9])
        .step(&{
            let body = written(9, true, |writer| produce(1, vec![partition.clone()]).write(writer));
            [&[0xf0 | (body.len() >> 8) as u8, body.len() as u8], &body[..]].concat()
        })
        .ask(12, &fetch(6, 0))
        .step(&[7, 3, 8, 1, 9, 2])
        .ask(9, &metadata)
        .step(&[8, 5, 9, 5, 11])
}

/// A member joins, gets its assignment, commits, and leaves.
fn group() -> Conversation {
    let join = messages::join_group::Request {
        group_id: "g".to_owned(),
        session_timeout_ms: 1000,
        rebalance_timeout_ms: 1000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![messages::join_group::JoinGroupRequestProtocol {
            name: "range".to_owned(),
            metadata: Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff"),
        }],
        group_instance_id: Some("i".to_owned()),
        ..Default::default()
    };
    let commit = messages::offset_commit::Request {
        group_id: "g".to_owned(),
        topics: vec![messages::offset_commit::OffsetCommitRequestTopic {
            name: "t".to_owned(),
            partitions: vec![messages::offset_commit::OffsetCommitRequestPartition::default()],
            ..Default::default()
        }],
        ..Default::default()
    };
    let fetch = messages::offset_fetch::Request { group_id: "g".to_owned(), topics: None, ..Default::default() };
    let describe = messages::describe_groups::Request { groups: vec!["g".to_owned()], ..Default::default() };
    Conversation::default()
        .ask(3, &messages::join_group::Request { group_instance_id: None, ..join.clone() })
        .step(&[10])
        .ask(7, &join)
        .ask(7, &commit)
        .ask(7, &fetch)
        .ask(5, &describe)
        .ask(3, &messages::list_groups::Request::default())
        .step(&[7, 4])
        .ask(7, &messages::offset_commit::Request { generation_id_or_member_epoch: -1, ..commit })
        .step(&[7, 6])
}

/// A member that uses the id that it was given: it joins, assigns, commits, is heard of, and leaves.
fn member() -> Conversation {
    Conversation::default()
        .step(&[5, 0, 2, 3, b'a', b'b', b'c', 1, b'd'])
        .step(&[5, 1, 1, 4, b'w', b'x', b'y', b'z'])
        .step(&[5, 3, 4, 1, b'n', 7])
        .step(&[5, 2, 1])
        .step(&[7, 3])
        .step(&[5, 4, 3])
}

fn transaction() -> Conversation {
    let init = messages::init_producer_id::Request {
        transactional_id: Some("x".to_owned()),
        transaction_timeout_ms: 1000,
        ..Default::default()
    };
    let add = messages::add_offsets_to_txn::Request {
        transactional_id: "x".to_owned(),
        producer_id: 0,
        group_id: "g".to_owned(),
        ..Default::default()
    };
    let end = messages::end_txn::Request { transactional_id: "x".to_owned(), committed: true, ..Default::default() };
    Conversation::default()
        .ask(4, &init)
        .ask(3, &add)
        .ask(3, &end)
        .ask(4, &init)
        .ask(0, &messages::list_transactions::Request::default())
        .step(&[7, 5])
}

fn admin() -> Conversation {
    let config = |name: &str, value: &str| messages::create_topics::CreatableTopicConfig {
        name: name.to_owned(),
        value: Some(value.to_owned()),
    };
    let create = messages::create_topics::Request {
        topics: vec![messages::create_topics::CreatableTopic {
            name: "t".to_owned(),
            num_partitions: 3,
            replication_factor: 1,
            configs: vec![config("cleanup.policy", "compact,delete"), config("retention.bytes", "100")],
            ..Default::default()
        }],
        ..Default::default()
    };
    let grow = messages::create_partitions::Request {
        topics: vec![messages::create_partitions::CreatePartitionsTopic {
            name: "t".to_owned(),
            count: 5,
            assignments: None,
        }],
        timeout_ms: 10,
        ..Default::default()
    };
    let delete =
        messages::delete_topics::Request { topic_names: vec!["t".to_owned()], timeout_ms: 10, ..Default::default() };
    Conversation::default()
        .ask(7, &create)
        .ask(2, &grow)
        .ask(5, &delete)
        .step(&[13, 0, 14, 0, 14, 2, 10, 15, b's', b't'])
}

/// A quota that is used up at once mutes the connection.
fn quotas() -> Conversation {
    use messages::alter_client_quotas::{EntityData, EntryData, OpData, Request};
    let entity = vec![EntityData { entity_type: "client-id".to_owned(), entity_name: None }];
    let op = |key: &str| OpData { key: key.to_owned(), value: 1.0, remove: false };
    let ops = ["producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate"];
    let entry = EntryData { entity, ops: ops.map(op).into() };
    let alter = Request { entries: vec![entry], validate_only: false };
    data_after(Conversation::default().ask(1, &alter))
}

fn data_after(mut before: Conversation) -> Conversation {
    before.steps.extend(data().steps);
    before
}

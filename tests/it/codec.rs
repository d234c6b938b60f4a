//! Every message in every version, against an independent codec: the crate `kafka-protocol`, called the oracle here.
//!
//! Messages are made up at random out of their shapes. Whatever is made up, both codecs must read to the last byte and
//! write back as it was. That alone would not find a wrong default, so both must also agree on what they write for a
//! message that nobody filled in, and for one that was read in an older version.

pub mod maker;

use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::{Decodable, Encodable};
use kafka_rs::broker::api::APIS;
use kafka_rs::wire::annotate::{Annotator, Note};
use kafka_rs::wire::header::{self, RequestStart};
use kafka_rs::wire::schema::{FieldShape, Shape};
use kafka_rs::wire::{Field, Message, ReadError, Reader, Uuid, Writer, messages};

use maker::{Maker, Random, present};

/// How many messages are made up for each API, direction and version.
const ROUNDS: u64 = 15;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Response,
}

/// A version of a message, and whether it is flexible.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    pub number: i16,
    pub flexible: bool,
}

/// A request or a response of one API, in both codecs.
struct Codec {
    api: ApiKey,
    direction: Direction,
    versions: RangeInclusive<i16>,
    flexible_from: i16,
    shape: Shape,
    /// Reads bytes in the first version, and writes what they hold in the second.
    recode: fn(Bytes, Version, Version) -> Result<Bytes, ReadError>,
    write_default: fn(Version) -> Bytes,
    oracle_default: fn() -> OracleMessage,
}

#[derive(Debug)]
enum OracleMessage {
    Request(RequestKind),
    Response(ResponseKind),
}

/// All messages. The oracle does not know versions 0 to 2 of Produce, which are only refused. OffsetDelete has no flexible
/// version yet, and SaslHandshake gets none.
fn codecs() -> Vec<Codec> {
    macro_rules! codecs {
        ($($api:ident $module:ident $versions:expr, flexible $flexible:literal;)*) => {
            vec![ $(
                codecs!(@one $api, Request, RequestKind, messages::$module::Request, $versions, $flexible),
                codecs!(@one $api, Response, ResponseKind, messages::$module::Response, $versions, $flexible),
            )* ]
        };
        (@one $api:ident, $direction:ident, $kind:ident, $message:ty, $versions:expr, $flexible:literal) => {
            Codec {
                api: ApiKey::$api,
                direction: Direction::$direction,
                versions: $versions,
                flexible_from: $flexible,
                shape: <$message>::SHAPE,
                recode: recode::<$message>,
                write_default: |version| write(&<$message>::default(), version),
                oracle_default: || OracleMessage::$direction($kind::$api(Default::default())),
            }
        };
    }
    codecs! {
        Produce produce 3..=13, flexible 9;
        Fetch fetch 4..=18, flexible 12;
        ListOffsets list_offsets 1..=11, flexible 6;
        Metadata metadata 0..=13, flexible 9;
        OffsetCommit offset_commit 2..=10, flexible 8;
        OffsetFetch offset_fetch 1..=10, flexible 6;
        FindCoordinator find_coordinator 0..=6, flexible 3;
        JoinGroup join_group 0..=9, flexible 6;
        Heartbeat heartbeat 0..=4, flexible 4;
        LeaveGroup leave_group 0..=5, flexible 4;
        SyncGroup sync_group 0..=5, flexible 4;
        DescribeGroups describe_groups 0..=6, flexible 5;
        ListGroups list_groups 0..=5, flexible 3;
        SaslHandshake sasl_handshake 0..=1, flexible 2;
        ApiVersions api_versions 0..=4, flexible 3;
        CreateTopics create_topics 2..=7, flexible 5;
        DeleteTopics delete_topics 1..=6, flexible 4;
        DeleteRecords delete_records 0..=2, flexible 2;
        InitProducerId init_producer_id 0..=5, flexible 2;
        OffsetForLeaderEpoch offset_for_leader_epoch 2..=4, flexible 4;
        AddPartitionsToTxn add_partitions_to_txn 0..=5, flexible 3;
        AddOffsetsToTxn add_offsets_to_txn 0..=4, flexible 3;
        EndTxn end_txn 0..=5, flexible 3;
        WriteTxnMarkers write_txn_markers 1..=2, flexible 1;
        TxnOffsetCommit txn_offset_commit 0..=5, flexible 3;
        DescribeAcls describe_acls 1..=3, flexible 2;
        CreateAcls create_acls 1..=3, flexible 2;
        DeleteAcls delete_acls 1..=3, flexible 2;
        DescribeConfigs describe_configs 1..=4, flexible 4;
        AlterConfigs alter_configs 0..=2, flexible 2;
        AlterReplicaLogDirs alter_replica_log_dirs 1..=2, flexible 2;
        DescribeLogDirs describe_log_dirs 1..=4, flexible 2;
        SaslAuthenticate sasl_authenticate 0..=2, flexible 2;
        CreatePartitions create_partitions 0..=3, flexible 2;
        CreateDelegationToken create_delegation_token 1..=3, flexible 2;
        RenewDelegationToken renew_delegation_token 1..=2, flexible 2;
        ExpireDelegationToken expire_delegation_token 1..=2, flexible 2;
        DescribeDelegationToken describe_delegation_token 1..=3, flexible 2;
        DeleteGroups delete_groups 0..=2, flexible 2;
        ElectLeaders elect_leaders 0..=2, flexible 2;
        IncrementalAlterConfigs incremental_alter_configs 0..=1, flexible 1;
        AlterPartitionReassignments alter_partition_reassignments 0..=1, flexible 0;
        ListPartitionReassignments list_partition_reassignments 0..=0, flexible 0;
        OffsetDelete offset_delete 0..=0, flexible 1;
        DescribeClientQuotas describe_client_quotas 0..=1, flexible 1;
        AlterClientQuotas alter_client_quotas 0..=1, flexible 1;
        DescribeUserScramCredentials describe_user_scram_credentials 0..=0, flexible 0;
        AlterUserScramCredentials alter_user_scram_credentials 0..=0, flexible 0;
        DescribeQuorum describe_quorum 0..=2, flexible 0;
        UpdateFeatures update_features 0..=2, flexible 0;
        DescribeCluster describe_cluster 0..=2, flexible 0;
        DescribeProducers describe_producers 0..=0, flexible 0;
        UnregisterBroker unregister_broker 0..=0, flexible 0;
        DescribeTransactions describe_transactions 0..=0, flexible 0;
        ListTransactions list_transactions 0..=2, flexible 0;
        GetTelemetrySubscriptions get_telemetry_subscriptions 0..=0, flexible 0;
        PushTelemetry push_telemetry 0..=0, flexible 0;
        ListConfigResources list_config_resources 0..=1, flexible 0;
        DescribeTopicPartitions describe_topic_partitions 0..=0, flexible 0;
        AddRaftVoter add_raft_voter 0..=1, flexible 0;
        RemoveRaftVoter remove_raft_voter 0..=0, flexible 0;
    }
}

/// What the oracle knows of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    AsItIs,
    /// Not under this number, but another version has the same fields.
    As(i16),
    /// Not at all. Such versions have a test of their own below.
    Unknown,
}

/// The versions that the oracle refuses, because it was generated from an older Kafka or from one in between.
const ORACLE_GAPS: [(ApiKey, Direction, i16, Known); 8] = [
    // Version 11 only gives a meaning to one more special timestamp (KIP-1023).
    (ApiKey::ListOffsets, Direction::Request, 11, Known::As(10)),
    (ApiKey::ListOffsets, Direction::Response, 11, Known::As(10)),
    // Version 10 has topic ids (KIP-848). The oracle has them in the responses, but not in the requests.
    (ApiKey::OffsetCommit, Direction::Request, 10, Known::Unknown),
    (ApiKey::OffsetFetch, Direction::Request, 10, Known::Unknown),
    // Version 2 has the transaction's version in the request (KIP-1228).
    (ApiKey::WriteTxnMarkers, Direction::Request, 2, Known::Unknown),
    (ApiKey::WriteTxnMarkers, Direction::Response, 2, Known::As(1)),
    // Version 1 has when to answer in the request (KIP-1186).
    (ApiKey::AddRaftVoter, Direction::Request, 1, Known::Unknown),
    (ApiKey::AddRaftVoter, Direction::Response, 1, Known::As(0)),
];

/// What the oracle says when a message holds something for which the version to be written has no field. Ours leaves it
/// out.
const ORACLE_REFUSAL: &str = "A field is set that is not available on the selected protocol version";

/// Messages that the oracle never writes in the second range of versions after it read them in the first, since their
/// fields at the top went away and hold something nearly always.
const ORACLE_REFUSES_TO_DROP: [(ApiKey, Direction, RangeInclusive<i16>, RangeInclusive<i16>); 3] = [
    // `node_id`, `host` and `port`.
    (ApiKey::FindCoordinator, Direction::Response, 0..=3, 4..=6),
    // `cluster_authorized_operations`.
    (ApiKey::Metadata, Direction::Response, 8..=10, 11..=13),
    // Everything: clients and brokers have nothing in common there.
    (ApiKey::AddPartitionsToTxn, Direction::Request, 0..=3, 4..=5),
];

impl Codec {
    fn all_versions(&self) -> impl Iterator<Item = Version> + use<> {
        let flexible_from = self.flexible_from;
        self.versions.clone().map(move |number| Version { number, flexible: number >= flexible_from })
    }

    fn known(&self, version: Version) -> Known {
        let gap = |&&(api, direction, number, _): &&(ApiKey, Direction, i16, Known)| {
            (api, direction, number) == (self.api, self.direction, version.number)
        };
        ORACLE_GAPS.iter().find(gap).map_or(Known::AsItIs, |gap| gap.3)
    }

    /// The number of a version for the oracle, if it knows it.
    fn oracle_version(&self, version: Version) -> Option<i16> {
        match self.known(version) {
            Known::AsItIs => Some(version.number),
            Known::As(number) => Some(number),
            Known::Unknown => None,
        }
    }

    /// All pairs of an older and a newer version that the oracle knows.
    fn rising_versions(&self) -> Vec<(Version, Version)> {
        let known: Vec<_> = self.all_versions().filter(|&version| self.oracle_version(version).is_some()).collect();
        let pairs = known.iter().flat_map(|&from| known.iter().map(move |&to| (from, to)));
        pairs.filter(|(from, to)| from.number < to.number).collect()
    }

    fn is_never_dropped(&self, from: Version, to: Version) -> bool {
        ORACLE_REFUSES_TO_DROP.iter().any(|(api, direction, before, after)| {
            (*api, *direction) == (self.api, self.direction)
                && before.contains(&from.number)
                && after.contains(&to.number)
        })
    }

    /// What [`Codec::recode`] does, by the oracle.
    fn oracle_recode(&self, bytes: Bytes, from: i16, to: i16) -> Result<Bytes, String> {
        self.oracle_decode(bytes, from)?.encode(to)
    }

    fn oracle_decode(&self, mut bytes: Bytes, version: i16) -> Result<OracleMessage, String> {
        let message = match self.direction {
            Direction::Request => RequestKind::decode(self.api, &mut bytes, version).map(OracleMessage::Request),
            Direction::Response => ResponseKind::decode(self.api, &mut bytes, version).map(OracleMessage::Response),
        };
        match bytes.len() {
            0 => message.map_err(|error| format!("decoding: {error:#}")),
            left => Err(format!("{left} bytes are left over, {message:?}")),
        }
    }

    fn name(&self, version: Version) -> String {
        format!("{:?} {:?} v{}", self.api, self.direction, version.number)
    }
}

impl OracleMessage {
    fn encode(&self, version: i16) -> Result<Bytes, String> {
        let mut bytes = BytesMut::new();
        let result = match self {
            Self::Request(request) => request.encode(&mut bytes, version),
            Self::Response(response) => response.encode(&mut bytes, version),
        };
        result.map(|()| bytes.freeze()).map_err(|error| format!("encoding: {error:#}"))
    }
}

fn recode<M: Message>(bytes: Bytes, from: Version, to: Version) -> Result<Bytes, ReadError> {
    let mut reader = Reader::new(bytes, from.number, from.flexible);
    let message = M::read(&mut reader)?;
    reader.finish()?;
    Ok(write(&message, to))
}

fn write<M: Message>(message: &M, version: Version) -> Bytes {
    written(version.number, version.flexible, |writer| message.write(writer))
}

/// What `write` puts into a frame, without the frame's length.
fn written(version: i16, flexible: bool, write: impl FnOnce(&mut Writer)) -> Bytes {
    let mut writer = Writer::new(version, flexible);
    write(&mut writer);
    writer.finish().to_bytes().slice(4..)
}

/// Calls `check` with many random messages of every kind in every version, each with its name and its seed.
fn for_every_message(check: impl Fn(&Codec, Version, &str, u64)) {
    for codec in codecs() {
        for version in codec.all_versions() {
            for seed in 0..ROUNDS {
                check(&codec, version, &format!("{}, seed {seed}", codec.name(version)), seed);
            }
        }
    }
}

#[test]
fn both_codecs_write_back_what_they_read() {
    for_every_message(|codec, version, name, seed| {
        let bytes = Maker::new(seed).message(&codec.shape, version);
        assert_eq!((codec.recode)(bytes.clone(), version, version), Ok(bytes.clone()), "{name}");
        if let Some(number) = codec.oracle_version(version) {
            assert_eq!(codec.oracle_recode(bytes.clone(), number, number), Ok(bytes), "the oracle, {name}");
        }
    });
}

#[test]
fn both_codecs_have_the_same_defaults() {
    for codec in codecs() {
        for version in codec.all_versions() {
            let name = codec.name(version);
            let bytes = (codec.write_default)(version);
            assert_eq!((codec.recode)(bytes.clone(), version, version), Ok(bytes.clone()), "{name}");
            if let Some(number) = codec.oracle_version(version) {
                assert_eq!((codec.oracle_default)().encode(number), Ok(bytes.clone()), "the oracle, {name}");
                assert_eq!(codec.oracle_recode(bytes.clone(), number, number), Ok(bytes), "the oracle, {name}");
            }
        }
    }
}

/// A message that was read in an older version has defaults in its newer fields, wherever they are nested.
#[test]
fn both_codecs_fill_in_the_same_newer_fields() {
    for codec in codecs() {
        for (from, to) in codec.rising_versions() {
            // Many of a message's random forms are refused, so it is made up until enough of them were compared.
            let compared = (0..10 * ROUNDS).filter(|&seed| fills_in_the_same(&codec, seed, from, to)).take(10).count();
            assert_eq!(
                compared == 0,
                codec.is_never_dropped(from, to),
                "{} written in v{}",
                codec.name(from),
                to.number
            );
        }
    }
}

/// Compares the codecs; false if the oracle refuses.
fn fills_in_the_same(codec: &Codec, seed: u64, from: Version, to: Version) -> bool {
    let bytes = Maker::new(seed).message(&codec.shape, from);
    let (Some(oracle_from), Some(oracle_to)) = (codec.oracle_version(from), codec.oracle_version(to)) else {
        unreachable!("only versions that the oracle knows are compared")
    };
    match codec.oracle_recode(bytes.clone(), oracle_from, oracle_to) {
        Err(error) if error.ends_with(ORACLE_REFUSAL) => false,
        expect => {
            let found = (codec.recode)(bytes, from, to).map_err(|error| error.to_string());
            assert_eq!(found, expect, "{} written in v{}, seed {seed}", codec.name(from), to.number);
            true
        }
    }
}

/// A tag is unknown to both or to none: the oracle keeps the bytes of those that it does not know.
#[test]
fn unknown_tagged_fields_are_skipped() {
    for_every_message(|codec, version, name, seed| {
        let plain = Maker::new(seed).message(&codec.shape, version);
        let with_unknown = Maker { unknown_tags: true, ..Maker::new(seed) }.message(&codec.shape, version);
        assert_eq!(plain.len() < with_unknown.len(), version.flexible, "{name}");
        assert_eq!((codec.recode)(with_unknown.clone(), version, version), Ok(plain), "{name}");
        if let Some(number) = codec.oracle_version(version) {
            let found = codec.oracle_recode(with_unknown.clone(), number, number);
            assert_eq!(found, Ok(with_unknown), "the oracle, {name}");
        }
    });
}

/// What is not nullable for one is not nullable for the other.
#[test]
fn both_codecs_refuse_the_same_nulls() {
    for codec in codecs() {
        for version in codec.all_versions() {
            let exists = |field: &FieldShape| (field.versions)(version.number);
            for (struct_name, field) in fields(&codec.shape, &exists) {
                let has_null =
                    matches!(present(&field.shape), Shape::String | Shape::Bytes | Shape::Records | Shape::Array(_));
                let is_nullable = matches!(field.shape, Shape::Nullable(_));
                if !has_null || field.tag.is_some() || is_nullable && (field.null)(version.number) {
                    continue;
                }
                let bytes = message_with_null(&codec, version, (struct_name, field.name));
                let name = format!("{}: {struct_name}.{}", codec.name(version), field.name);
                assert_eq!((codec.recode)(bytes.clone(), version, version), Err(ReadError::NullNotAllowed), "{name}");
                // The oracle takes a field for nullable in all versions or in none.
                if let Some(number) = codec.oracle_version(version).filter(|_| !is_nullable) {
                    assert!(codec.oracle_recode(bytes, number, number).is_err(), "the oracle, {name}");
                }
            }
        }
    }
}

fn message_with_null(codec: &Codec, version: Version, place: (&'static str, &'static str)) -> Bytes {
    let made = (0..1000).find_map(|seed| {
        let mut maker = Maker { null_in: Some(place), ..Maker::new(seed) };
        let bytes = maker.make(&codec.shape, version);
        maker.null_in.is_none().then_some(bytes)
    });
    made.unwrap_or_else(|| panic!("no message has {place:?} in {}", codec.name(version)))
}

/// Since the oracle does not know, this list repeats what Kafka's schemas say.
#[test]
fn fields_that_can_be_null_only_in_some_versions() {
    let mut found = Vec::new();
    for codec in codecs() {
        for (struct_name, field) in fields(&codec.shape, &|_| true) {
            if !matches!(field.shape, Shape::Nullable(_)) {
                continue;
            }
            let versions: Vec<_> = codec.versions.clone().filter(|&version| (field.versions)(version)).collect();
            let nullable: Vec<_> = versions.iter().copied().filter(|&version| (field.null)(version)).collect();
            if versions != nullable {
                let name = format!("{:?} {:?} {struct_name}.{}", codec.api, codec.direction, field.name);
                found.push((name, nullable[0]..=nullable[nullable.len() - 1]));
            }
        }
    }
    let expect = [
        ("Metadata Request Request.topics", 1..=13),
        ("Metadata Request MetadataRequestTopic.name", 10..=13),
        ("Metadata Response MetadataResponseTopic.name", 12..=13),
        ("OffsetFetch Request Request.topics", 2..=7),
        ("JoinGroup Response Response.protocol_name", 7..=9),
        ("DeleteTopics Response DeletableTopicResult.name", 6..=6),
    ];
    assert_eq!(found, expect.map(|(name, versions)| (name.to_owned(), versions)));
}

/// Those fields of a struct that are `wanted`, and those of the structs in them, each with the name of its struct.
fn fields(shape: &Shape, wanted: &dyn Fn(&FieldShape) -> bool) -> Vec<(&'static str, FieldShape)> {
    match shape {
        Shape::Nullable(inner) | Shape::Array(inner) => fields(inner, wanted),
        Shape::Struct { name, fields: own } => {
            let own = own.iter().filter(|field| wanted(field));
            own.flat_map(|field| [vec![(*name, *field)], fields(&field.shape, wanted)].concat()).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn damaged_messages_are_errors() {
    for_every_message(|codec, version, name, seed| {
        let bytes = Maker::new(seed).message(&codec.shape, version);
        let mut random = Random(seed);
        for _ in 0..bytes.len().min(4) {
            let cut = bytes.slice(..random.below(bytes.len()));
            assert!((codec.recode)(cut, version, version).is_err(), "cut off, {name}");

            let mut damaged = bytes.to_vec();
            damaged[random.below(bytes.len())] = random.next() as u8;
            // It may be valid still. All that counts is that reading it comes to an end.
            let _ = (codec.recode)(damaged.into(), version, version);
        }
        let longer = Bytes::from([&bytes[..], &[0]].concat());
        assert_eq!((codec.recode)(longer, version, version), Err(ReadError::BytesLeftOver(1)), "{name}");
    });
}

#[test]
fn annotations_explain_every_byte_once() {
    for_every_message(|codec, version, name, seed| {
        let bytes = Maker { unknown_tags: seed % 2 == 0, ..Maker::new(seed) }.message(&codec.shape, version);
        let mut annotator = Annotator::new(bytes.clone());
        let notes = annotator.body(&codec.shape, version.number, version.flexible).and_then(|()| annotator.finish());
        let notes = notes.unwrap_or_else(|error| panic!("{error}, {name}"));
        let mut position = 0;
        for (index, note) in notes.iter().enumerate() {
            assert_eq!(note.start, position, "{note:?}, {name}");
            match note.value {
                Some(_) => position = note.end,
                None => assert_eq!(note.end, end_of_children(&notes, index), "{note:?}, {name}"),
            }
        }
        assert_eq!(position, bytes.len(), "{name}");
    });
}

/// Where the last of the notes ends that lie inside of the one at `index`.
fn end_of_children(notes: &[Note], index: usize) -> usize {
    let children = notes[index + 1..].iter().take_while(|note| note.depth > notes[index].depth);
    children.last().map_or(notes[index].start, |note| note.end)
}

/// Two fields of the same type that were exchanged leave the bytes as they are, so the names are compared as well.
#[test]
fn fields_have_the_names_that_they_have_in_the_oracle() {
    for_every_message(|codec, version, name, seed| {
        let Some(number) = codec.oracle_version(version) else { return };
        let bytes = Maker::new(seed).message(&codec.shape, version);
        let oracle = codec.oracle_decode(bytes.clone(), number).unwrap_or_else(|error| panic!("{error}, {name}"));
        let oracle = format!("{oracle:?}");
        let mut expect = named_values(&oracle);
        let mut annotator = Annotator::new(bytes);
        annotator.body(&codec.shape, version.number, version.flexible).unwrap();
        for note in annotator.finish().unwrap() {
            let Some((field, value)) = comparable(note) else { continue };
            let index = expect.iter().position(|(name, known)| *name == field && *known == value);
            expect.swap_remove(index.unwrap_or_else(|| panic!("{field} is not {value} in the oracle, {name}")));
        }
    });
}

/// The name and the value of a field that the oracle shows in the same way.
fn comparable(note: Note) -> Option<(String, String)> {
    let is_field = !note.name.starts_with('[') && !["count", "presence"].contains(&&*note.name);
    let value = note.value.filter(|_| is_field)?;
    let name = note.name.trim_end_matches('_').to_owned();
    match note.type_text.split(' ').next_back()? {
        "bool" | "i8" | "i16" | "u16" | "i32" | "i64" => Some((name, value)),
        "string" if value == "null" => Some((name, "None".to_owned())),
        "string" => Some((name, value)),
        "code" => Some((name, value.split(',').next()?.to_owned())),
        _ => None,
    }
}

/// All that looks like `name: 1`, `name: "text"` or `name: Some(TopicName("text"))`. A name that is a keyword of Rust
/// has an underline in front of it; ours have it at the end.
fn named_values(debug: &str) -> Vec<(&str, &str)> {
    let pieces: Vec<_> = debug.split(": ").collect();
    let pairs = pieces.windows(2).map(|pair| {
        let name = pair[0].rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_').next();
        let is_value = |letter: char| letter.is_alphanumeric() || "-_\"".contains(letter);
        let values = pair[1].split(|letter| !is_value(letter) && letter != '(');
        let value = values.into_iter().next().and_then(|value| value.rsplit('(').next());
        (name.unwrap_or_default().trim_start_matches('_'), value.unwrap_or_default())
    });
    pairs.collect()
}

/// The gaps are gaps indeed: a newer oracle shall shorten the list.
#[test]
fn the_oracle_refuses_what_it_is_said_to_refuse() {
    for codec in codecs() {
        for version in codec.all_versions() {
            let refused = (codec.oracle_default)().encode(version.number).is_err();
            assert_eq!(refused, codec.known(version) != Known::AsItIs, "{}", codec.name(version));
        }
    }
}

/// The versions of which the oracle knows nothing are compared with bytes that were put together by hand.
#[test]
fn offset_commit_with_topic_ids() {
    let version = Version { number: 10, flexible: true };
    let id = [7; 16];

    let bytes = [
        &b"\x02g\0\0\0\x05\x02m\0"[..], // group_id, generation_id_or_member_epoch, member_id, group_instance_id
        &b"\x02"[..],                   // one topic
        &id[..],
        &b"\x02\0\0\0\x01"[..],       // one partition: 1
        &b"\0\0\0\0\0\0\0\x09"[..],   // committed_offset
        &b"\xff\xff\xff\xff\0\0"[..], // committed_leader_epoch, committed_metadata, tags
        &b"\0\0"[..],                 // the tags of the topic and of the request
    ];
    let bytes = Bytes::from(bytes.concat());
    let request = messages::offset_commit::Request {
        group_id: "g".to_owned(),
        generation_id_or_member_epoch: 5,
        member_id: "m".to_owned(),
        topics: vec![messages::offset_commit::OffsetCommitRequestTopic {
            topic_id: Uuid(id),
            partitions: vec![messages::offset_commit::OffsetCommitRequestPartition {
                partition_index: 1,
                committed_offset: 9,
                committed_metadata: None,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    check_both_ways(&request, &bytes, version);
}

#[test]
fn offset_fetch_with_topic_ids() {
    let version = Version { number: 10, flexible: true };
    let id = [7; 16];
    let bytes = [
        &b"\x02\x02g\0\xff\xff\xff\xff"[..], // one group: group_id, member_id, member_epoch
        &b"\x02"[..],                        // one topic
        &id[..],
        &b"\x03\0\0\0\x01\0\0\0\x02"[..], // two partitions: 1 and 2
        &b"\0\0\x01\0"[..],               // the tags of the topic and of the group, require_stable, the request's tags
    ];
    let bytes = Bytes::from(bytes.concat());
    let request = messages::offset_fetch::Request {
        groups: vec![messages::offset_fetch::OffsetFetchRequestGroup {
            group_id: "g".to_owned(),
            topics: Some(vec![messages::offset_fetch::OffsetFetchRequestTopics {
                topic_id: Uuid(id),
                partition_indexes: vec![1, 2],
                ..Default::default()
            }]),
            ..Default::default()
        }],
        require_stable: true,
        ..Default::default()
    };
    check_both_ways(&request, &bytes, version);
}

#[test]
fn markers_with_the_version_of_their_transaction() {
    let bytes = [
        &b"\x02"[..],                         // one marker
        &b"\0\0\0\0\0\0\0\x09\0\x03\x01"[..], // producer_id, producer_epoch, transaction_result
        &b"\x02\x02t"[..],                    // one topic: name
        &b"\x03\0\0\0\x01\0\0\0\x02\0"[..],   // two partitions: 1 and 2, the tags of the topic
        &b"\0\0\0\x05\x02"[..],               // coordinator_epoch, transaction_version
        &b"\0\0"[..],                         // the tags of the marker and of the request
    ];
    let bytes = Bytes::from(bytes.concat());
    let request = messages::write_txn_markers::Request {
        markers: vec![messages::write_txn_markers::WritableTxnMarker {
            producer_id: 9,
            producer_epoch: 3,
            transaction_result: true,
            topics: vec![messages::write_txn_markers::WritableTxnMarkerTopic {
                name: "t".to_owned(),
                partition_indexes: vec![1, 2],
            }],
            coordinator_epoch: 5,
            transaction_version: 2,
        }],
    };
    check_both_ways(&request, &bytes, Version { number: 2, flexible: true });
}

#[test]
fn voters_with_when_to_answer() {
    let id = [7; 16];
    let bytes = [
        &b"\x02c\0\0\0\x09\0\0\0\x03"[..], // cluster_id, timeout_ms, voter_id
        &id[..],
        &b"\x02\x02l\x02h\x23\x84\0"[..], // one listener: name, host, port, tags
        &b"\0\0"[..],                     // ack_when_committed, tags
    ];
    let bytes = Bytes::from(bytes.concat());
    let request = messages::add_raft_voter::Request {
        cluster_id: Some("c".to_owned()),
        timeout_ms: 9,
        voter_id: 3,
        voter_directory_id: Uuid(id),
        listeners: vec![messages::add_raft_voter::Listener { name: "l".to_owned(), host: "h".to_owned(), port: 9092 }],
        ack_when_committed: false,
    };
    check_both_ways(&request, &bytes, Version { number: 1, flexible: true });
    assert!(messages::add_raft_voter::Request::default().ack_when_committed);
}

fn check_both_ways<M: Message>(message: &M, bytes: &Bytes, version: Version) {
    assert_eq!(write(message, version), bytes);
    let mut reader = Reader::new(bytes.clone(), version.number, version.flexible);
    assert_eq!(M::read(&mut reader).as_ref(), Ok(message));
    assert_eq!(reader.finish(), Ok(()));
}

#[test]
fn the_table_of_apis_has_the_versions_of_the_schemas() {
    let schemas = codecs();
    let schemas = schemas.iter().filter(|codec| codec.direction == Direction::Request);
    let mut expect: Vec<_> = schemas
        .map(|codec| (codec.api as i16, format!("{:?}", codec.api), codec.versions.clone(), codec.flexible_from))
        .filter(|(key, ..)| APIS.iter().any(|api| api.key == *key))
        .collect();
    // Versions 0 to 2 of Produce are advertised, but only refused.
    expect[0].2 = 0..=*expect[0].2.end();
    let table = APIS.iter();
    let table = table.map(|api| (api.key, api.name.to_owned(), api.min_version..=api.max_version, api.flexible_from));
    assert_eq!(table.collect::<Vec<_>>(), expect);
}

#[test]
fn headers_are_those_of_the_oracle() {
    for api in APIS {
        let oracle = ApiKey::try_from(api.key).unwrap();
        for version in api.min_version..=api.max_version {
            let (request, response) = (oracle.request_header_version(version), oracle.response_header_version(version));
            assert_eq!(1 + i16::from(api.is_flexible(version)), request, "{} v{version}", api.name);
            assert_eq!(i16::from(api.response_header_is_flexible(version)), response, "{} v{version}", api.name);
            for client_id in [None, Some(""), Some("client"), Some(&*"long".repeat(50))] {
                check_request_header(api.key, version, request, client_id);
            }
            check_response_header(response);
        }
    }
}

fn check_request_header(api_key: i16, version: i16, header_version: i16, client_id: Option<&str>) {
    let start = RequestStart { api_key, api_version: version, correlation_id: 0x0102_0304 };
    let flexible = header_version == 2;
    let bytes = written(version, flexible, |writer| header::write_request(writer, start, client_id));

    let oracle = RequestHeader::decode(&mut bytes.clone(), header_version).unwrap();
    assert_eq!(oracle.client_id.as_deref(), client_id);
    let mut encoded = BytesMut::new();
    oracle.encode(&mut encoded, header_version).unwrap();
    assert_eq!(encoded, bytes);

    let mut reader = Reader::new(bytes, 0, false);
    assert_eq!(RequestStart::read(&mut reader), Ok(start));
    assert_eq!(header::read_request_rest(&mut reader, version, flexible), Ok(client_id.map(str::to_owned)));
    assert_eq!(reader.finish(), Ok(()));
}

fn check_response_header(header_version: i16) {
    let flexible = header_version == 1;
    let bytes = written(0, flexible, |writer| header::write_response(writer, 77, flexible));
    let mut left = bytes.clone();
    assert_eq!(ResponseHeader::decode(&mut left, header_version).unwrap().correlation_id, 77);
    assert!(left.is_empty());
    let mut reader = Reader::new(bytes, 0, flexible);
    assert_eq!(header::read_response(&mut reader, flexible), Ok(77));
    assert_eq!(reader.finish(), Ok(()));
}

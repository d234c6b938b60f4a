//! Every API's decoder at every version, for requests and for responses.
//!
//! Whatever the bytes are, decoding them allocates no more than they can account for. What can be decoded is the same after
//! it was encoded and decoded again, and can be explained byte for byte.
//!
//! ```text
//! API key: 1 byte | version: 1 byte, with the highest bit for a response | body …
//! ```

use bytes::Bytes;
use kafka_rs::broker::api::{self, APIS, Api};
use kafka_rs::wire::annotate::Annotator;
use kafka_rs::wire::schema::Shape;
use kafka_rs::wire::{Field, Message, ReadError, Reader, Writer, messages};

use super::memory;
use crate::driver::Exchange;

/// The bit that says that the body is a response's.
const RESPONSE: u8 = 0x80;
/// Strings that are not UTF-8 become up to three times as long. One that then were longer than any string may be is cut when
/// it is written, and this is not what is looked for here.
const BODY_BYTES_MAX: usize = 10_000;

/// A byte of a body can be an element of an array, which takes up to 56 bytes, and twice that for the room that the array has for more.
const ALLOCATED_PER_BYTE: usize = 128;
const ALLOCATED_AT_LEAST: usize = 1024;

/// What is done with the messages of one API.
pub struct Codec {
    pub key: i16,
    request: fn(Bytes, i16, bool) -> bool,
    response: fn(Bytes, i16, bool) -> bool,
    read_response: fn(&mut Reader) -> Result<(), ReadError>,
    /// The request's and the response's, out of which first inputs are made.
    #[allow(dead_code, reason = "what only replays inputs makes none")]
    pub shapes: [Shape; 2],
}

macro_rules! codecs {
    ($($module:ident)*) => {
        static CODECS: &[Codec] = &[ $( Codec {
            key: <messages::$module::Request as Exchange>::KEY,
            request: there_and_back::<messages::$module::Request>,
            response: there_and_back::<messages::$module::Response>,
            read_response: |reader| messages::$module::Response::read(reader).map(drop),
            shapes: [messages::$module::Request::SHAPE, messages::$module::Response::SHAPE],
        } ),* ];
    };
}

codecs! {
    produce fetch list_offsets metadata offset_commit offset_fetch find_coordinator join_group heartbeat leave_group
    sync_group describe_groups list_groups api_versions create_topics delete_topics delete_records init_producer_id
    offset_for_leader_epoch add_partitions_to_txn add_offsets_to_txn end_txn write_txn_markers txn_offset_commit
    describe_acls create_acls delete_acls describe_configs alter_configs alter_replica_log_dirs describe_log_dirs
    create_partitions delete_groups elect_leaders incremental_alter_configs alter_partition_reassignments
    list_partition_reassignments offset_delete describe_client_quotas alter_client_quotas describe_quorum update_features
    describe_cluster describe_producers describe_transactions list_transactions get_telemetry_subscriptions
    push_telemetry list_config_resources describe_topic_partitions sasl_handshake sasl_authenticate create_delegation_token
    renew_delegation_token expire_delegation_token describe_delegation_token describe_user_scram_credentials
    alter_user_scram_credentials unregister_broker add_raft_voter remove_raft_voter
}

pub fn codec(api: &Api) -> &'static Codec {
    CODECS.iter().find(|codec| codec.key == api.key).expect("every API of the table has its messages above")
}

pub fn run(input: &[u8]) {
    decodes(input);
}

/// Does the same, and tells whether the bytes have become a message.
pub fn decodes(input: &[u8]) -> bool {
    let [key, version, body @ ..] = input else { return false };
    if body.len() > BODY_BYTES_MAX {
        return false;
    }
    let (api, version, is_response) = what(*key, *version);
    let check = if is_response { codec(api).response } else { codec(api).request };
    check(Bytes::copy_from_slice(body), version, api.is_flexible(version))
}

/// The message that two bytes mean: its API, its version, and whether it is a response. Bytes that mean none stand for one too,
/// so that no input is lost.
pub fn what(key: u8, version: u8) -> (&'static Api, i16, bool) {
    let api = api::find(i16::from(key)).unwrap_or_else(|| &APIS[usize::from(key) % APIS.len()]);
    let (number, is_response) = (i16::from(version & !RESPONSE), version & RESPONSE != 0);
    let versions = api.max_version - api.min_version + 1;
    let supported = if api.supports(number) { number } else { api.min_version + number % versions };
    (api, supported, is_response)
}

/// What there is to decode: each API of the broker's table, in each version that it has there, as a request and as a response.
#[allow(dead_code, reason = "only what makes inputs goes through all")]
pub fn all() -> impl Iterator<Item = (&'static Api, i16, bool)> {
    let versions = |api: &'static Api| (api.min_version..=api.max_version).map(move |version| (api, version));
    APIS.iter().flat_map(versions).flat_map(|(api, version)| [(api, version, false), (api, version, true)])
}

/// The two bytes that an input for it begins with.
#[allow(dead_code, reason = "only what makes inputs begins them")]
pub fn start(api: &Api, version: i16, is_response: bool) -> [u8; 2] {
    let small = |number: i16| u8::try_from(number).expect("keys and versions are small");
    [small(api.key), small(version) | if is_response { RESPONSE } else { 0 }]
}

/// Reads the body of an answer, to its end.
pub fn read_response(api: &Api, version: i16, body: Bytes) -> Result<(), ReadError> {
    let mut reader = Reader::new(body, version, api.is_flexible(version));
    (codec(api).read_response)(&mut reader)?;
    reader.finish()
}

fn there_and_back<M: Message>(body: Bytes, version: i16, flexible: bool) -> bool {
    let length = body.len();
    let mut reader = Reader::new(body.clone(), version, flexible);
    let (message, allocated) = memory::peak(|| M::read(&mut reader));
    assert!(allocated <= ALLOCATED_PER_BYTE * length + ALLOCATED_AT_LEAST, "{allocated} bytes for {length}");
    let Ok(message) = message else { return false };

    let written = write(&message, version, flexible);
    let mut again = Reader::new(written.clone(), version, flexible);
    let read_again = M::read(&mut again).expect("what was written can be read");
    again.finish().expect("no more is written than is read");
    // Not even to itself is a message equal with a number that is not one.
    #[allow(clippy::eq_op, reason = "a float may be NaN")]
    let has_nan = message != message;
    assert!(read_again == message || has_nan, "{message:?} became {read_again:?}");
    assert_eq!(write(&read_again, version, flexible), written);

    let mut annotator = Annotator::new(body.slice(..length - reader.left()));
    annotator.body(&M::SHAPE, version, flexible).expect("what can be decoded can be explained");
    annotator.finish().expect("all bytes are explained");
    true
}

fn write<M: Message>(message: &M, version: i16, flexible: bool) -> Bytes {
    let mut writer = Writer::new(version, flexible);
    message.write(&mut writer);
    writer.finish().to_bytes().slice(4..)
}

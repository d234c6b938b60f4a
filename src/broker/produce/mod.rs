//! Produce (0), versions 0 to 13: checks record batches and appends them.
//!
//! Each partition of a request brings one batch of format v2. It is checked from the outside in (see [`validate`]), then
//! against what its producer wrote before (see [`producers`]), and stored as it came. Versions 0 to 2 could only bring
//! older formats: they are answered with UNSUPPORTED_VERSION, but advertised, because some versions of librdkafka do not
//! compress for a broker that lacks them (KAFKA-18659). From v13 topics come by id.
//!
//! With acks = 0 there is no answer; since an error cannot be told, the connection is closed over it, as Kafka does. With
//! one replica, acks = 1 and acks = all are the same, but for `min.insync.replicas`.

pub mod init_producer_id;
pub mod producers;
mod validate;

use log::debug;

use self::producers::Verdict;
use super::log::BatchTime;
use super::ticket::Ticket;
use super::topics::{Partition, Topic};
use super::{Broker, Call, Deadline, LEADER_EPOCH, Now};
use crate::wire::ErrorCode;
use crate::wire::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, Request, Response, TopicProduceData,
    TopicProduceResponse,
};
use crate::wire::record_batch::{BatchHeader, NO_TIMESTAMP, TimestampType};

/// The first version that brings batches of format v2.
const BATCHES_FROM: i16 = 3;
/// The first version that names topics by their id.
const TOPIC_IDS_FROM: i16 = 13;

/// Why a batch is not appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    code: ErrorCode,
    /// What is wrong, where the code does not say it all.
    reason: Option<String>,
    /// The positions of the records that are to blame, and why, if it is their fault. Kafka tells the client the reason only
    /// then, and so does this broker; otherwise it is for the log.
    records: Vec<(i32, String)>,
    /// The partition's first offset, once it is known that there is a partition and a batch.
    log_start_offset: i64,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, reason: None, records: Vec::new(), log_start_offset: -1 }
    }
}

impl Refusal {
    fn new(code: ErrorCode, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::from(code) }
    }
}

pub fn handle(broker: &mut Broker, call: &Call, request: Request, ticket: Ticket) {
    let acks = request.acks;
    let unauthorized = request.transactional_id.is_none() && has_transactional(&request);
    let error = unauthorized.then_some(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    let mut to_topic = |topic| to_topic(broker, call, acks, error, topic);
    let responses: Vec<_> = request.topic_data.into_iter().map(&mut to_topic).collect();
    if acks != 0 {
        return ticket.answer(&Response { responses, ..Response::default() }, &mut broker.outbox);
    }
    let mut errors =
        responses.iter().flat_map(|topic| &topic.partition_responses).map(|partition| partition.error_code);
    match errors.find(|error| error.is_error()) {
        Some(error) => ticket.close(format!("Produce with acks = 0 failed: {error}"), &mut broker.outbox),
        None => ticket.discard(&mut broker.outbox),
    }
}

/// Whether a batch says that it belongs to a transaction.
fn has_transactional(request: &Request) -> bool {
    let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    let mut headers = partitions.filter_map(|partition| BatchHeader::parse(partition.records.as_ref()?));
    headers.any(|header| header.is_transactional())
}

/// Appends a request's batches to one topic, unless the whole request is in error.
fn to_topic(
    broker: &mut Broker,
    call: &Call,
    acks: i16,
    error: Option<ErrorCode>,
    topic: TopicProduceData,
) -> TopicProduceResponse {
    let known = broker.topics.resolve(&topic.name, topic.topic_id, call.version >= TOPIC_IDS_FROM);
    let name = error.map_or_else(|| known.map(|known| known.name.clone()), Err);
    let partition_responses = topic
        .partition_data
        .into_iter()
        .map(|partition| {
            let index = partition.index;
            let outcome = match &name {
                Ok(name) => to_partition(broker, call, acks, name, partition),
                Err(error) => Err(Refusal::from(*error)),
            };
            if let Err(refusal) = &outcome {
                debug!("Refused a batch: {} {}", refusal.code, refusal.reason.as_deref().unwrap_or_default());
            }
            respond(index, outcome)
        })
        .collect();
    TopicProduceResponse { name: topic.name, topic_id: topic.topic_id, partition_responses }
}

/// Where a batch was put.
struct Appended {
    base_offset: i64,
    log_start_offset: i64,
    /// The broker's time, if it counts, else -1.
    log_append_time_ms: i64,
}

fn respond(index: i32, outcome: Result<Appended, Refusal>) -> PartitionProduceResponse {
    match outcome {
        Ok(Appended { base_offset, log_start_offset, log_append_time_ms }) => PartitionProduceResponse {
            index,
            base_offset,
            log_start_offset,
            log_append_time_ms,
            ..PartitionProduceResponse::default()
        },
        Err(Refusal { code, reason, records, log_start_offset }) => PartitionProduceResponse {
            index,
            error_code: code,
            base_offset: -1,
            log_start_offset,
            error_message: reason.filter(|_| !records.is_empty()),
            record_errors: records
                .into_iter()
                .map(|(batch_index, message)| BatchIndexAndErrorMessage {
                    batch_index,
                    batch_index_error_message: Some(message),
                })
                .collect(),
            ..PartitionProduceResponse::default()
        },
    }
}

fn to_partition(
    broker: &mut Broker,
    call: &Call,
    acks: i16,
    name: &str,
    data: PartitionProduceData,
) -> Result<Appended, Refusal> {
    if call.version < BATCHES_FROM {
        return Err(ErrorCode::UNSUPPORTED_VERSION.into());
    }
    if !(-1..=1).contains(&acks) {
        return Err(ErrorCode::INVALID_REQUIRED_ACKS.into());
    }
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let topic = broker.topics.get_mut(name).ok_or(unknown)?;
    let Topic { id, partitions, settings, .. } = topic;
    let partition = usize::try_from(data.index).ok().and_then(|index| partitions.get_mut(index)).ok_or(unknown)?;
    if acks == -1 && settings.min_insync_replicas > 1 {
        return Err(ErrorCode::NOT_ENOUGH_REPLICAS.into());
    }
    let place = validate::Place { topic: name, partition: data.index, settings, now_ms: call.now.unix_ms };
    let appended = append(partition, &data.records.unwrap_or_default(), call.version, &place)?;
    let id = *id;
    debug!("Stored message at offset {} in topic {name}", appended.base_offset);
    broker.parking.touch(id, data.index);
    Ok(appended)
}

fn append(partition: &mut Partition, batch: &[u8], version: i16, place: &validate::Place) -> Result<Appended, Refusal> {
    let (batch, header) = validate::one_batch(batch, version)?;
    validate::check_whole(batch, &header, place.settings)?;

    // From here on it is the log that refuses a batch, and Kafka tells where that begins.
    let log_start_offset = partition.log.start_offset();
    let refused_here = |refusal| Refusal { log_start_offset, ..refusal };
    let max_timestamp = validate::check_contents(batch, &header, place).map_err(refused_here)?;
    let timestamp_type = place.settings.message_timestamp_type;
    let (max_timestamp, log_append_time_ms) = match timestamp_type {
        TimestampType::CreateTime => (max_timestamp, NO_TIMESTAMP),
        TimestampType::LogAppendTime => (place.now_ms, place.now_ms),
    };
    match partition.producers.judge(&header) {
        Verdict::Append => {
            let time = BatchTime { timestamp_type, max_timestamp };
            let base_offset = partition.log.append(batch, &header, LEADER_EPOCH, time);
            partition.producers.remember(&header, base_offset, max_timestamp, place.now_ms);
            Ok(Appended { base_offset, log_start_offset, log_append_time_ms })
        }
        // Kafka tells the time of the first time, whosever clock it is from.
        Verdict::Duplicate { base_offset, timestamp } => {
            Ok(Appended { base_offset, log_start_offset, log_append_time_ms: timestamp })
        }
        Verdict::Refuse(error) => Err(refused_here(error.into())),
    }
}

/// Plans the next look for producers that have been silent for too long.
pub(super) fn schedule_expiry(broker: &mut Broker, now: Now) {
    let at = now.after_ms(broker.config.producer_id_expiration_check_interval_ms);
    broker.deadlines.schedule(at, Deadline::ExpireProducers);
}

pub(super) fn on_expiry(broker: &mut Broker, now: Now) {
    let before = now.unix_ms - i64::from(broker.config.producer_id_expiration_ms);
    broker.topics.partitions_mut().for_each(|partition| partition.producers.expire(before));
    schedule_expiry(broker, now);
}

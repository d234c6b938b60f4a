//! Produce (0), versions 0 to 13: checks record batches and appends them.
//!
//! Each partition of a request brings one batch of format v2. It is checked from the outside in (see [`validate`]), then
//! against what its producer wrote before (see [`producers`]), and stored as it came. Versions 0 to 2 could only bring
//! older formats: they are answered with UNSUPPORTED_VERSION, but advertised, because some versions of librdkafka do not
//! compress for a broker that lacks them (KAFKA-18659). From v13 topics come by id.
//!
//! Batches of a transaction are appended like all others, once the transaction holds their partition (see [`transactional`]);
//! the log remembers where the transaction began. What ends it are [`markers`].
//!
//! With acks = 0 there is no answer; since an error cannot be told, the connection is closed over it, as Kafka does. With
//! one replica, acks = 1 and acks = all are the same, but for `min.insync.replicas`.

pub mod describe_producers;
pub mod markers;
pub mod producers;
mod transactional;
mod validate;

use log::debug;

use self::producers::Verdict;
use self::transactional::Refusals;
use super::log::{BatchTime, Rolling, upkeep};
use super::sentences::Sentences;
use super::ticket::Ticket;
use super::topics::{Partition, Topic, is_internal};
use super::{Broker, Call, Deadline, LEADER_EPOCH, Now};
use crate::config::topic::TopicSettings;
use crate::wire::ErrorCode;
use crate::wire::compression::{Decompressor, Unreadable};
use crate::wire::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, Request, Response, TopicProduceData,
    TopicProduceResponse,
};
use crate::wire::record_batch::{BatchHeader, NO_TIMESTAMP, TimestampType, recompress};

/// The first version that brings batches of format v2.
const BATCHES_FROM: i16 = 3;
/// The first version that names topics by their id.
const TOPIC_IDS_FROM: i16 = 13;

/// How many replicas a producer may wait for: none, one, or all.
const ACKS: std::ops::RangeInclusive<i16> = -1..=1;

/// Why a batch is not appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    code: ErrorCode,
    /// What is wrong, where the code does not say it all.
    reason: Option<String>,
    /// Whether the client is told the reason, because Kafka tells it; otherwise it is for the log.
    told: bool,
    /// The positions of the records that are to blame, and why, if it is their fault.
    records: Vec<(i32, String)>,
    /// The partition's first offset, once it is known that there is a partition and a batch.
    log_start_offset: i64,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, reason: None, told: false, records: Vec::new(), log_start_offset: -1 }
    }
}

impl From<Unreadable> for Refusal {
    fn from(reason: Unreadable) -> Self {
        let code = match reason {
            Unreadable::Malformed => ErrorCode::CORRUPT_MESSAGE,
            Unreadable::TooLarge => ErrorCode::MESSAGE_TOO_LARGE,
            // As for a batch that finds no memory: clients try again.
            Unreadable::NotNow => ErrorCode::KAFKA_STORAGE_ERROR,
        };
        Self::new(code, reason.to_string())
    }
}

impl Refusal {
    /// What Kafka answers when its disk is full; clients try again.
    fn no_memory() -> Self {
        Self::new(ErrorCode::KAFKA_STORAGE_ERROR, "memory.max.bytes is used up")
    }

    fn new(code: ErrorCode, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::from(code) }
    }

    fn told(code: ErrorCode, reason: impl Into<String>) -> Self {
        Self { told: true, ..Self::new(code, reason) }
    }
}

pub fn handle(broker: &mut Broker, call: &Call, request: Request, mut ticket: Ticket) {
    ticket.throttle(broker.quotas.produced(call.client_id(), call.bytes, &broker.config, call.now));
    let acks = request.acks;
    let takes_batches = call.version >= BATCHES_FROM && ACKS.contains(&acks);
    let joined = if takes_batches { transactional::join(broker, call, &request) } else { Ok(Refusals::new()) };
    let mut decompressor = Decompressor::new(&broker.budget);
    let mut sentences = Sentences::default();
    let mut to_topic = |topic| to_topic(broker, call, acks, &joined, topic, (&mut decompressor, &mut sentences));
    let responses: Vec<_> = request.topic_data.into_iter().map(&mut to_topic).collect();
    if acks != 0 {
        return ticket.answer(Response { responses, ..Response::default() }, &mut broker.outbox);
    }
    let mut errors =
        responses.iter().flat_map(|topic| &topic.partition_responses).map(|partition| partition.error_code);
    match errors.find(|error| error.is_error()) {
        Some(error) => ticket.close(format!("Produce with acks = 0 failed: {error}"), &mut broker.outbox),
        None => ticket.discard(&mut broker.outbox),
    }
}

/// Appends a request's batches to one topic, where its transaction lets it.
fn to_topic(
    broker: &mut Broker,
    call: &Call,
    acks: i16,
    joined: &Result<Refusals, ErrorCode>,
    topic: TopicProduceData,
    (decompressor, sentences): (&mut Decompressor, &mut Sentences),
) -> TopicProduceResponse {
    let known = broker.topics.resolve(&topic.name, topic.topic_id, call.version >= TOPIC_IDS_FROM);
    let known = match known.map_or(topic.name.as_str(), |known| &known.name) {
        name if is_internal(name) => Err(ErrorCode::INVALID_TOPIC_EXCEPTION),
        _ => known,
    };
    let refusals = joined.as_ref().map_err(|error| *error);
    let place = refusals.and_then(|refusals| known.map(|known| (known.name.clone(), refusals)));
    let partition_responses = topic
        .partition_data
        .into_iter()
        .map(|partition| {
            let index = partition.index;
            let outcome = match &place {
                Ok((name, refusals)) => to_partition(broker, call, acks, name, partition, refusals, decompressor),
                Err(error) => Err(Refusal::from(*error)),
            };
            if let Err(refusal) = &outcome {
                debug!("Refused a batch: {} {}", refusal.code, refusal.reason.as_deref().unwrap_or_default());
            }
            respond(index, outcome, sentences)
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

fn respond(index: i32, outcome: Result<Appended, Refusal>, sentences: &mut Sentences) -> PartitionProduceResponse {
    match outcome {
        Ok(Appended { base_offset, log_start_offset, log_append_time_ms }) => PartitionProduceResponse {
            index,
            base_offset,
            log_start_offset,
            log_append_time_ms,
            ..PartitionProduceResponse::default()
        },
        Err(Refusal { code, reason, told, records, log_start_offset }) => PartitionProduceResponse {
            index,
            error_code: code,
            base_offset: -1,
            log_start_offset,
            error_message: reason.filter(|_| told).and_then(|reason| sentences.say(|| reason)),
            record_errors: records
                .into_iter()
                .map_while(|(batch_index, message)| {
                    let batch_index_error_message = Some(sentences.say(|| message)?);
                    Some(BatchIndexAndErrorMessage { batch_index, batch_index_error_message })
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
    refusals: &Refusals,
    decompressor: &mut Decompressor,
) -> Result<Appended, Refusal> {
    if call.version < BATCHES_FROM {
        return Err(ErrorCode::UNSUPPORTED_VERSION.into());
    }
    if !ACKS.contains(&acks) {
        return Err(ErrorCode::INVALID_REQUIRED_ACKS.into());
    }
    if let Some(refusal) = refusals.get(name).and_then(|refusals| refusals.get(&data.index)) {
        return Err(refusal.clone());
    }
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let records = data.records.unwrap_or_default();
    let has_room = |broker: &Broker| {
        if records.len() <= broker.budget.room_for_logs() {
            return Ok(true);
        }
        let known = broker.topics.get(name).and_then(|topic| topic.partition(data.index)).ok_or(unknown)?;
        Ok::<_, Refusal>(known.log.has_room_for(records.len()))
    };
    if !has_room(broker)? {
        upkeep::relieve(broker, call.now);
        if !has_room(broker)? {
            return Err(Refusal::no_memory());
        }
    }
    let topic = broker.topics.get_mut(name).ok_or(unknown)?;
    let Topic { id, settings, .. } = topic;
    let partition = topic.partitions.get_mut(usize::try_from(data.index).unwrap_or(usize::MAX)).ok_or(unknown)?;
    if acks == -1 && settings.min_insync_replicas > 1 {
        return Err(ErrorCode::NOT_ENOUGH_REPLICAS.into());
    }
    let producers_max = broker.config.max_producer_ids_per_partition;
    let place =
        validate::Place { topic: name, partition: data.index, settings, producers_max, now_ms: call.now.unix_ms };
    let appended = append(partition, &records, call.version, &place, decompressor)?;
    let id = *id;
    debug!("Stored message at offset {} in topic {name}", appended.base_offset);
    broker.parking.touch(id, data.index);
    Ok(appended)
}

fn append(
    partition: &mut Partition,
    batch: &[u8],
    version: i16,
    place: &validate::Place,
    decompressor: &mut Decompressor,
) -> Result<Appended, Refusal> {
    let (batch, header) = validate::one_batch(batch, version)?;
    validate::check_whole(batch, &header, place.settings)?;

    // From here on it is the log that refuses a batch, and Kafka tells where that begins.
    let log_start_offset = partition.log.start_offset();
    let refused_here = |refusal| Refusal { log_start_offset, ..refusal };
    let max_timestamp = validate::check_contents(batch, &header, place, decompressor).map_err(refused_here)?;
    let recompressed = in_codec_of_topic(batch, &header, place.settings, decompressor).map_err(refused_here)?;
    let (header, batch) = recompressed.as_ref().map_or((header, batch), |(header, batch)| (*header, batch));
    if i32::try_from(batch.len()).is_ok_and(|bytes| bytes > place.settings.segment_bytes) {
        return Err(refused_here(ErrorCode::RECORD_LIST_TOO_LARGE.into()));
    }
    let timestamp_type = place.settings.message_timestamp_type;
    let (max_timestamp, log_append_time_ms) = match timestamp_type {
        TimestampType::CreateTime => (max_timestamp, NO_TIMESTAMP),
        TimestampType::LogAppendTime => (place.now_ms, place.now_ms),
    };
    let rolling = Rolling::new(place.settings, place.now_ms);
    let transaction_began = partition.log.transactions.first_offset(header.producer_id);
    match partition.producers.judge(&header, transaction_began.is_some()) {
        Verdict::Append => {
            let time = BatchTime { timestamp_type, max_timestamp };
            if header.is_idempotent() {
                let transactions = &partition.log.transactions;
                partition.producers.make_room_for(header.producer_id, place.producers_max, transactions);
            }
            let base_offset = partition.log.append(batch, &header, LEADER_EPOCH, time, &rolling);
            partition.producers.remember(&header, base_offset, max_timestamp, place.now_ms);
            if header.is_transactional() && header.is_idempotent() {
                partition.log.transactions.wrote(header.producer_id, base_offset);
            }
            Ok(Appended { base_offset, log_start_offset, log_append_time_ms })
        }
        // Kafka tells the time of the first time, whosever clock it is from.
        Verdict::Duplicate { base_offset, timestamp } => {
            Ok(Appended { base_offset, log_start_offset, log_append_time_ms: timestamp })
        }
        Verdict::Refuse(error) => Err(refused_here(error.into())),
    }
}

/// A batch that comes in another codec than the topic keeps is compressed again, and may have become too large by that.
fn in_codec_of_topic(
    batch: &[u8],
    header: &BatchHeader,
    settings: &TopicSettings,
    decompressor: &mut Decompressor,
) -> Result<Option<(BatchHeader, Vec<u8>)>, Refusal> {
    match settings.codec {
        Some(codec) if header.codec() != Some(codec) => {
            let (header, batch) = recompress(batch, header, codec, decompressor)?;
            validate::check_size(&batch, settings)?;
            Ok(Some((header, batch)))
        }
        _ => Ok(None),
    }
}

/// Plans the next look for producers that have been silent for too long.
pub(super) fn schedule_expiry(broker: &mut Broker, now: Now) {
    let at = now.after_ms(broker.config.producer_id_expiration_check_interval_ms);
    broker.deadlines.schedule(at, Deadline::ExpireProducers);
}

pub(super) fn on_expiry(broker: &mut Broker, now: Now) {
    let before = now.unix_ms - i64::from(broker.config.producer_id_expiration_ms);
    broker.topics.partitions_mut().for_each(|Partition { log, producers }| producers.expire(before, &log.transactions));
    schedule_expiry(broker, now);
}

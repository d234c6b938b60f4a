//! Fetch (1), versions 4 to 18: reads record batches, and waits for them.
//!
//! The request becomes a [`PendingFetch`]: the partitions that it wants, taken from the request or from its session (see
//! [`sessions`]), its limits, and its ticket. If there is enough to read, or something is wrong, it is answered at once.
//! Otherwise it is parked, and the same two functions, [`is_ready`] and [`respond`], run again when a partition has grown
//! or the deadline has come: there is no second way to answer a fetch.
//!
//! Limits are honoured to the batch: the answer holds whole batches that fit into the partition's and the request's
//! `max_bytes`, except that the first one always comes, or a small limit would stop a consumer for ever (KIP-74).
//! From v13 topics come by id; `current_leader_epoch` is checked from v9 (KIP-320), `last_fetched_epoch` from v12 (KIP-595).

pub mod list_offsets;
pub mod offset_for_leader_epoch;
pub mod sessions;

use self::sessions::{Context, WantedPartition};
use super::parking::{ParkedFetchId, PartitionKey, Wake};
use super::ticket::{ConnectionId, Ticket};
use super::topics::{Partition, Topic, Topics};
use super::{Broker, Call, Deadline, LEADER_EPOCH, Now};
use crate::wire::messages::fetch::{EpochEndOffset, FetchableTopicResponse, PartitionData, Request, Response};
use crate::wire::{ErrorCode, Payload};

/// The first version that names topics by their id.
const TOPIC_IDS_FROM: i16 = 13;
const READ_COMMITTED: i8 = 1;

/// A fetch that has not been answered yet.
#[derive(Debug)]
pub struct PendingFetch {
    ticket: Ticket,
    context: Context,
    min_bytes: usize,
    max_bytes: usize,
    read_committed: bool,
    by_id: bool,
}

impl PendingFetch {
    pub fn connection(&self) -> ConnectionId {
        self.ticket.connection()
    }
}

pub fn handle(broker: &mut Broker, call: &Call, request: Request, ticket: Ticket) {
    let by_id = call.version >= TOPIC_IDS_FROM;
    let max_bytes = size(request.max_bytes).min(size(broker.config.fetch_max_bytes));
    let (min_bytes, max_wait_ms) = (size(request.min_bytes).min(max_bytes), request.max_wait_ms);
    let read_committed = request.isolation_level == READ_COMMITTED;
    let context = match broker.fetch_sessions.open(request, &broker.topics, by_id, call.now) {
        Ok(context) => context,
        Err(error_code) => return ticket.answer(&Response { error_code, ..Response::default() }, &mut broker.outbox),
    };
    let fetch = PendingFetch { ticket, context, min_bytes, max_bytes, read_committed, by_id };
    if max_wait_ms <= 0 || is_ready(&broker.topics, &fetch) {
        return respond(broker, fetch, call.now);
    }
    let waits_for = partition_keys(&broker.topics, &fetch);
    let deadline = call.now.after_ms(max_wait_ms);
    let id = broker.parking.park(fetch, waits_for, deadline);
    broker.deadlines.schedule(deadline, Deadline::Fetch(id));
}

/// Looks again at the fetches whose partitions have grown or gone.
pub(super) fn wake(broker: &mut Broker, now: Now) {
    for (id, wake) in broker.parking.take_woken() {
        let Some(fetch) = broker.parking.get(id) else { continue };
        if wake == Wake::Gone || is_ready(&broker.topics, fetch) {
            let Some((fetch, deadline)) = broker.parking.unpark(id) else { continue };
            broker.deadlines.cancel(deadline, Deadline::Fetch(id));
            respond(broker, fetch, now);
        }
    }
}

/// A fetch has waited long enough: it gets what there is.
pub(super) fn on_max_wait(broker: &mut Broker, id: ParkedFetchId, now: Now) {
    if let Some((fetch, _)) = broker.parking.unpark(id) {
        respond(broker, fetch, now);
    }
}

/// A limit in bytes from a request: a negative one is none at all.
fn size(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}

fn partition_keys(topics: &Topics, fetch: &PendingFetch) -> Vec<PartitionKey> {
    fetch
        .context
        .map(|wanted| wanted.topic(topics, fetch.by_id).ok().map(|topic| (topic.id, wanted.partition)))
        .into_iter()
        .flatten()
        .collect()
}

/// Whether a fetch can be answered before its deadline: there are enough bytes, or there is an error to tell. A partition that
/// does not exist is told of with the others, and at once only when there are no others.
fn is_ready(topics: &Topics, fetch: &PendingFetch) -> bool {
    let (mut bytes, mut found, mut failed) = (0, false, false);
    fetch.context.for_each(|wanted| {
        if failed || found && bytes >= fetch.min_bytes {
            return;
        }
        match check(topics, wanted, fetch.by_id) {
            Ok((_, partition)) => {
                let limit = size(wanted.max_bytes).min(fetch.max_bytes);
                let available = partition.log.available_bytes(wanted.fetch_offset, limit).min(limit);
                // The first batch comes whole whatever the limit is, so it counts whole.
                let first = if bytes == 0 { partition.log.read(wanted.fetch_offset, 0, true).length() } else { 0 };
                bytes += available.max(first);
                found = true;
            }
            Err(Obstacle::Unknown(_)) => {}
            Err(_) => failed = true,
        }
    });
    failed || !found || bytes >= fetch.min_bytes
}

/// What stands in the way of reading a partition.
enum Obstacle {
    /// There is no such partition.
    Unknown(ErrorCode),
    Error(ErrorCode),
    /// The client has read on where its log and ours have parted.
    Diverging {
        end_offset: i64,
    },
}

impl From<ErrorCode> for Obstacle {
    fn from(error: ErrorCode) -> Self {
        Self::Error(error)
    }
}

fn check<'a>(
    topics: &'a Topics,
    wanted: &WantedPartition,
    by_id: bool,
) -> Result<(&'a Topic, &'a Partition), Obstacle> {
    let topic = wanted.topic(topics, by_id).map_err(Obstacle::Unknown)?;
    let unknown = Obstacle::Unknown(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let partition = topic.partition(wanted.partition).ok_or(unknown)?;
    // Here, and only here, Kafka takes every negative epoch for none.
    check_leader_epoch(wanted.current_leader_epoch.max(-1))?;
    let (start, end) = (partition.log.start_offset(), partition.log.end_offset());
    match wanted.last_fetched_epoch {
        ..LEADER_EPOCH => {}
        LEADER_EPOCH if wanted.fetch_offset <= end => {}
        LEADER_EPOCH => return Err(Obstacle::Diverging { end_offset: end }),
        _ => return Err(ErrorCode::OFFSET_OUT_OF_RANGE.into()),
    }
    if !(start..=end).contains(&wanted.fetch_offset) {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE.into());
    }
    Ok((topic, partition))
}

/// Compares the epoch in which a client believes the leader to be with the one that it is in (KIP-320).
pub(super) fn check_leader_epoch(current_leader_epoch: i32) -> Result<(), ErrorCode> {
    match current_leader_epoch {
        -1 | LEADER_EPOCH => Ok(()),
        ..LEADER_EPOCH => Err(ErrorCode::FENCED_LEADER_EPOCH),
        _ => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
    }
}

/// Reads what there is and answers.
fn respond(broker: &mut Broker, fetch: PendingFetch, now: Now) {
    let PendingFetch { ticket, context, max_bytes, read_committed, by_id, .. } = fetch;
    let mut left = max_bytes;
    let mut at_least_one = true;
    let answers = context.map(|wanted| {
        let data = match check(&broker.topics, wanted, by_id) {
            Ok((_, partition)) => read(partition, wanted, left, at_least_one, read_committed),
            Err(obstacle) => failed(wanted.partition, obstacle),
        };
        let bytes = data.records.as_ref().map_or(0, Payload::length);
        left = left.saturating_sub(bytes);
        at_least_one &= bytes == 0;
        data
    });
    let (session_id, answers) = broker.fetch_sessions.close(context, answers, by_id, now, &mut broker.random);
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    for (topic, topic_id, data) in answers {
        match responses.last_mut().filter(|last| last.topic == topic && last.topic_id == topic_id) {
            Some(last) => last.partitions.push(data),
            None => responses.push(FetchableTopicResponse { topic, topic_id, partitions: vec![data] }),
        }
    }
    ticket.answer(&Response { session_id, responses, ..Response::default() }, &mut broker.outbox);
}

fn read(
    partition: &Partition,
    wanted: &WantedPartition,
    left: usize,
    at_least_one: bool,
    read_committed: bool,
) -> PartitionData {
    let log = &partition.log;
    PartitionData {
        partition_index: wanted.partition,
        high_watermark: log.high_watermark(),
        last_stable_offset: log.last_stable_offset(),
        log_start_offset: log.start_offset(),
        aborted_transactions: read_committed.then(Vec::new),
        records: Some(log.read(wanted.fetch_offset, size(wanted.max_bytes).min(left), at_least_one)),
        ..PartitionData::default()
    }
}

fn failed(partition_index: i32, obstacle: Obstacle) -> PartitionData {
    let data = PartitionData { partition_index, high_watermark: -1, ..PartitionData::default() };
    match obstacle {
        Obstacle::Unknown(error_code) | Obstacle::Error(error_code) => PartitionData { error_code, ..data },
        Obstacle::Diverging { end_offset } => {
            PartitionData { diverging_epoch: EpochEndOffset { epoch: LEADER_EPOCH, end_offset }, ..data }
        }
    }
}

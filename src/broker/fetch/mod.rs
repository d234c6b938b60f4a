//! Fetch (1), versions 4 to 18: reads record batches, and waits for them.
//!
//! The request becomes a [`PendingFetch`]: the partitions that it wants, taken from the request or from its session (see
//! [`sessions`]), its limits, and its ticket. If there is enough to read, or something is wrong, it is answered at once.
//! Otherwise it is parked, and the same two functions, [`is_ready`] and [`respond`], run again when a partition has grown
//! or the deadline has come: there is no second way to answer a fetch.
//!
//! Limits are honoured to the batch: the answer holds whole batches that fit into the partition's and the request's
//! `max_bytes`, except that the first one always comes, or a small limit would stop a consumer for ever (KIP-74).
//!
//! Who reads committed records gets nothing from the first open transaction on, and waits for that to move. With the records
//! goes a list of the aborted transactions among them: exactly those, where Kafka may name some that come behind (KIP-98).
//!
//! From v13 topics come by id; `current_leader_epoch` is checked from v9 (KIP-320), `last_fetched_epoch` from v12 (KIP-595).

pub mod list_offsets;
pub mod offset_for_leader_epoch;
pub mod sessions;

use self::sessions::{Context, WantedPartition};
use super::log::Log;
use super::parking::{ParkedFetchId, PartitionKey, Wake};
use super::ticket::{ConnectionId, Ticket};
use super::topics::{Partition, Topic, Topics};
use super::{Broker, Call, Deadline, LEADER_EPOCH, Now};
use crate::wire::messages::fetch::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData, Request, Response,
};
use crate::wire::{ErrorCode, Payload};

/// The first version that names topics by their id.
const TOPIC_IDS_FROM: i16 = 13;
/// The first version in which who asks the wrong broker is told the right one (KIP-951).
const LEADER_FROM: i16 = 16;
const READ_COMMITTED: i8 = 1;

/// A fetch that has not been answered yet.
#[derive(Debug)]
pub struct PendingFetch {
    ticket: Ticket,
    request_bytes: usize,
    /// Whose quota it counts against.
    client_id: String,
    context: Context,
    min_bytes: usize,
    max_bytes: usize,
    read_committed: bool,
    by_id: bool,
    /// It takes itself for a follower of the leader here, which has none.
    from_follower: bool,
}

impl PendingFetch {
    pub fn connection(&self) -> ConnectionId {
        self.ticket.connection()
    }

    /// What it takes while it waits. What belongs to a session counts there.
    pub fn held_bytes(&self) -> usize {
        self.request_bytes + self.context.held_bytes()
    }
}

pub fn handle(broker: &mut Broker, call: &Call, request: Request, ticket: Ticket) {
    let by_id = call.version >= TOPIC_IDS_FROM;
    let max_bytes = size(request.max_bytes)
        .min(size(broker.config.fetch_max_bytes))
        .min(broker.quotas.fetch_bytes_max(call.client_id(), &broker.config));
    let (min_bytes, max_wait_ms) = (size(request.min_bytes).min(max_bytes), request.max_wait_ms);
    let read_committed = request.isolation_level == READ_COMMITTED;
    let from_follower = request.replica_id >= 0 || request.replica_state.replica_id >= 0;
    let context = match broker.fetch_sessions.open(request, &broker.topics, by_id, call.now) {
        Ok(context) => context,
        Err(error_code) => return ticket.answer(Response { error_code, ..Response::default() }, &mut broker.outbox),
    };
    let client_id = call.client_id().to_owned();
    let request_bytes = call.bytes;
    let fetch = PendingFetch {
        ticket,
        request_bytes,
        client_id,
        context,
        min_bytes,
        max_bytes,
        read_committed,
        by_id,
        from_follower,
    };
    if max_wait_ms <= 0 || is_ready(&broker.topics, &fetch) {
        return respond(broker, fetch, call.now);
    }
    let waits_for = partition_keys(&broker.topics, &fetch);
    let deadline = call.now.after_ms(max_wait_ms);
    let id = broker.parking.park(fetch, waits_for, deadline, &broker.budget);
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
        match check(topics, wanted, fetch.by_id, fetch.from_follower) {
            Ok((_, partition)) => {
                let limit = size(wanted.max_bytes).min(fetch.max_bytes);
                let (offset, up_to) = (wanted.fetch_offset, readable_end(&partition.log, fetch.read_committed));
                let available = partition.log.available_bytes(offset, up_to, limit).min(limit);
                // The first batch comes whole whatever the limit is, so it counts whole.
                let first = if bytes == 0 { partition.log.read(offset, up_to, 0, true).0.length() } else { 0 };
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
    from_follower: bool,
) -> Result<(&'a Topic, &'a Partition), Obstacle> {
    let topic = wanted.topic(topics, by_id).map_err(Obstacle::Unknown)?;
    let unknown = Obstacle::Unknown(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let partition = topic.partition(wanted.partition).ok_or(unknown)?;
    // Here, and only here, Kafka takes every negative epoch for none.
    check_leader_epoch(wanted.current_leader_epoch.max(-1))?;
    if from_follower {
        return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER.into());
    }
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
    let PendingFetch { mut ticket, client_id, context, max_bytes, read_committed, by_id, from_follower, .. } = fetch;
    let (mut left, mut bytes_read) = (max_bytes, 0);
    let mut at_least_one = true;
    let tells_leader = ticket.version() >= LEADER_FROM;
    let leader = LeaderIdAndEpoch { leader_id: broker.config.node_id, leader_epoch: LEADER_EPOCH };
    let answers = context.map(|wanted| {
        let mut data = match check(&broker.topics, wanted, by_id, from_follower) {
            Ok((_, partition)) => read(partition, wanted, left, at_least_one, read_committed),
            Err(obstacle) => failed(wanted.partition, obstacle),
        };
        if tells_leader && data.error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER {
            data.current_leader = leader.clone();
        }
        let bytes = data.records.as_ref().map_or(0, Payload::length);
        left = left.saturating_sub(bytes);
        bytes_read += bytes;
        at_least_one &= bytes == 0;
        data
    });
    if ticket.throttle_ms() == 0 {
        ticket.throttle(broker.quotas.fetched(&client_id, bytes_read, &broker.config, now));
    }
    if ticket.throttle_ms() > 0 {
        // Whoever has read too much gets nothing before it has been quiet. To a session it is as if it had not asked.
        let session_id = context.session_id();
        return ticket.answer(Response { session_id, ..Response::default() }, &mut broker.outbox);
    }
    let (session_id, answers) = broker.fetch_sessions.close(context, answers, by_id, now, &mut broker.random);
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    for (topic, topic_id, data) in answers {
        match responses.last_mut().filter(|last| last.topic == *topic && last.topic_id == topic_id) {
            Some(last) => last.partitions.push(data),
            None => {
                let topic = topic.as_ref().to_owned();
                responses.push(FetchableTopicResponse { topic, topic_id, partitions: vec![data] });
            }
        }
    }
    ticket.answer(Response { session_id, responses, ..Response::default() }, &mut broker.outbox);
}

/// Up to where a client may read.
fn readable_end(log: &Log, read_committed: bool) -> i64 {
    if read_committed { log.last_stable_offset() } else { log.high_watermark() }
}

fn read(
    partition: &Partition,
    wanted: &WantedPartition,
    left: usize,
    at_least_one: bool,
    read_committed: bool,
) -> PartitionData {
    let log = &partition.log;
    let (limit, up_to) = (size(wanted.max_bytes).min(left), readable_end(log, read_committed));
    let (records, next_offset) = log.read(wanted.fetch_offset, up_to, limit, at_least_one);
    let aborted = log.transactions.aborted_between(wanted.fetch_offset, next_offset);
    let aborted = aborted
        .map(|aborted| AbortedTransaction { producer_id: aborted.producer_id, first_offset: aborted.first_offset });
    PartitionData {
        partition_index: wanted.partition,
        high_watermark: log.high_watermark(),
        last_stable_offset: log.last_stable_offset(),
        log_start_offset: log.start_offset(),
        aborted_transactions: read_committed.then(|| aborted.collect()),
        records: Some(records),
        ..PartitionData::default()
    }
}

fn failed(partition_index: i32, obstacle: Obstacle) -> PartitionData {
    let data = PartitionData { partition_index, high_watermark: -1, ..PartitionData::default() };
    // Kafka has no list of aborted transactions where it fails, but an empty one where it does not know the partition.
    let aborted_transactions = None;
    match obstacle {
        Obstacle::Unknown(error_code) => PartitionData { error_code, ..data },
        Obstacle::Error(error_code) => PartitionData { error_code, aborted_transactions, ..data },
        Obstacle::Diverging { end_offset } => {
            let diverging_epoch = EpochEndOffset { epoch: LEADER_EPOCH, end_offset };
            PartitionData { diverging_epoch, aborted_transactions, ..data }
        }
    }
}

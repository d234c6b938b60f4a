//! One transactional id: who may write under it, and how far its transaction is.
//!
//! ```text
//!                        partitions or offsets are added                   EndTxn, a timeout, or a new producer
//!    ┌───────┐ ────────────────────────────────────► ┌─────────┐ ─────────────────────────► ┌────────────────┐
//! ──►│ Empty │                                       │ Ongoing │                            │ CompleteCommit │
//!    └───────┘ ◄───────────────┐                     └─────────┘ ◄───────────────────────── │ CompleteAbort  │
//!        ▲                     │ InitProducerId             partitions or offsets are added └────────────────┘
//!        │ InitProducerId      └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The producer is known by an id and an epoch. A new instance of the producer gets the next epoch, and with that the one
//! before is fenced: whatever it sends has an epoch that is too old. Since KIP-890 every end of a transaction gives the next
//! epoch too, so that a straggler of one transaction cannot slip into the next one. When the epochs of an id are used up,
//! there is a new id.
//!
//! Kafka has states for the time in which the markers are being written, and answers CONCURRENT_TRANSACTIONS while it lasts.
//! Here the markers are written in the turn that ends the transaction, so nobody ever sees such a state.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Instant;

use crate::broker::Now;
use crate::broker::kept::ENTRY_BYTES;
use crate::wire::ErrorCode;

/// In place of an epoch: there is none.
const NONE: i16 = -1;

/// Where a transactional id is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A producer has been given its id and epoch, and has not written since.
    Empty,
    /// Something belongs to the transaction, and it is not decided yet.
    Ongoing,
    /// The last transaction counts.
    CompleteCommit,
    /// The last transaction does not count.
    CompleteAbort,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The variants bear the names that Kafka shows.
        fmt::Debug::fmt(self, f)
    }
}

/// A producer's id and epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    pub id: i64,
    pub epoch: i16,
}

impl Producer {
    /// Whether the epoch is the last one that a producer is given. One more is kept back, to fence it.
    fn is_exhausted(self) -> bool {
        self.epoch >= i16::MAX - 1
    }
}

/// What the end of a transaction does to the producer's epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing: it is the rule up to version 1 of the feature `transaction.version`.
    KeepEpoch,
    /// The producer goes on with the next one (KIP-890), from version 2 of the feature on.
    NextEpoch,
}

/// What EndTxn comes down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOutcome {
    /// The transaction has to be ended now.
    End,
    /// It has been ended before, and this is the same request once more.
    Repeated,
}

/// One transactional id.
#[derive(Debug)]
pub struct Transaction {
    pub producer: Producer,
    /// The id before the current one, as long as a producer may not have heard of the change.
    previous_id: i64,
    /// The epoch from which the current one came by the producer's own request, so that the request can be repeated. -1 if a
    /// new instance of the producer has asked for it.
    last_epoch: i16,
    /// After so long the broker aborts the transaction by itself.
    pub timeout_ms: i32,
    pub state: State,
    /// The partitions that get a marker when the transaction ends, by the names of their topics.
    pub partitions: BTreeMap<String, BTreeSet<i32>>,
    /// The groups whose offsets are committed with the transaction.
    pub groups: BTreeSet<String>,
    /// When the transaction has begun, in milliseconds since 1970; -1 before the first one.
    pub started_ms: i64,
    /// When anything happened last, in milliseconds since 1970.
    pub updated_ms: i64,
    /// While it is open: when it has taken too long.
    late_from: Option<Instant>,
    /// The memory of the partitions and groups.
    bytes: usize,
}

impl Transaction {
    pub fn new(producer_id: i64, timeout_ms: i32, now: Now) -> Self {
        Self {
            producer: Producer { id: producer_id, epoch: 0 },
            previous_id: producer_id,
            last_epoch: NONE,
            timeout_ms,
            state: State::Empty,
            partitions: BTreeMap::new(),
            groups: BTreeSet::new(),
            started_ms: -1,
            updated_ms: now.unix_ms,
            late_from: None,
            bytes: 0,
        }
    }

    /// The memory of its partitions and groups, as [`kept`](crate::broker::kept) counts it.
    pub fn held_bytes(&self) -> usize {
        self.bytes
    }

    /// What it takes to make these partitions and groups part of it, should none of them be.
    pub fn bytes_of(partitions: &[(String, i32)], groups: &[String]) -> usize {
        let names = partitions.iter().map(|(topic, _)| topic).chain(groups);
        names.map(|name| ENTRY_BYTES + name.len()).sum()
    }

    /// Makes partitions and groups part of it.
    pub fn include(&mut self, partitions: &[(String, i32)], groups: &[String]) {
        for (topic, partition) in partitions {
            if self.partitions.entry(topic.clone()).or_default().insert(*partition) {
                self.bytes += ENTRY_BYTES + topic.len();
            }
        }
        for group in groups {
            if self.groups.insert(group.clone()) {
                self.bytes += ENTRY_BYTES + group.len();
            }
        }
    }

    /// Gives the transactional id to a producer: to a new instance of it, or, with what it `expected` to be, to the same one
    /// that wants to go on after an error. The transaction must not be open.
    pub fn init(
        &mut self,
        expected: Option<Producer>,
        timeout_ms: i32,
        new_id: impl FnOnce() -> i64,
        now: Now,
    ) -> Result<(), ErrorCode> {
        let Producer { id, epoch } = self.producer;
        let last_epoch = if expected.is_some() { epoch } else { NONE };
        match expected {
            Some(expected) if ![epoch, self.last_epoch].contains(&expected.epoch) => {
                return Err(ErrorCode::PRODUCER_FENCED);
            }
            // The same request once more, because its answer was lost. But the very last epoch, in which a producer was
            // fenced, is never given out: a new id is, where Kafka answers UNKNOWN_SERVER_ERROR.
            Some(expected) if expected.epoch != epoch && epoch != i16::MAX => {}
            _ if self.producer.is_exhausted() => {
                (self.previous_id, self.last_epoch) = (id, last_epoch);
                self.producer = Producer { id: new_id(), epoch: 0 };
            }
            _ => {
                (self.previous_id, self.last_epoch) = (id, last_epoch);
                self.producer.epoch += 1;
            }
        }
        self.state = State::Empty;
        self.timeout_ms = timeout_ms;
        self.started_ms = -1;
        self.updated_ms = now.unix_ms;
        Ok(())
    }

    /// Whether a producer that believes to be this one may ask for its next epoch.
    pub fn may_init(&self, expected: Producer) -> bool {
        expected.id == self.producer.id || expected.id == self.previous_id && expected.is_exhausted()
    }

    /// Takes the epoch away from the producer, whose open transaction is about to be aborted.
    pub fn fence(&mut self, ending: Ending) {
        // The producer that is fenced by its own doing may repeat its request.
        self.last_epoch = if ending == Ending::NextEpoch { self.producer.epoch } else { NONE };
        self.producer.epoch = self.producer.epoch.saturating_add(1);
    }

    /// Whether a request may speak for the producer.
    pub fn check(&self, producer: Producer) -> Result<(), ErrorCode> {
        if producer.id != self.producer.id {
            return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        }
        if producer.epoch == self.producer.epoch { Ok(()) } else { Err(ErrorCode::PRODUCER_FENCED) }
    }

    pub fn contains(&self, topic: &str, partition: i32) -> bool {
        self.partitions.get(topic).is_some_and(|partitions| partitions.contains(&partition))
    }

    /// The transaction begins, unless it has.
    pub fn begin(&mut self, now: Now) {
        if self.state != State::Ongoing {
            self.state = State::Ongoing;
            self.previous_id = self.producer.id;
            self.started_ms = now.unix_ms;
            self.late_from = Some(now.after_ms(self.timeout_ms));
        }
        self.updated_ms = now.unix_ms;
    }

    /// Whether the transaction is open and has taken longer than the producer wanted.
    pub fn is_late(&self, now: Now) -> bool {
        self.late_from.is_some_and(|at| at < now.instant)
    }

    /// What has to be done when the producer ends its transaction.
    ///
    /// With an epoch per transaction a producer can tell a repeated request from the next one, by the epoch, and may abort
    /// what it has never begun: it cannot know whether something of it has arrived.
    pub fn judge_end(&self, producer: Producer, committed: bool, ending: Ending) -> Result<EndOutcome, ErrorCode> {
        let repeats = ending == Ending::NextEpoch && self.repeats_end(producer);
        if !repeats {
            self.check(producer)?;
        }
        let ended_so = match self.state {
            State::Ongoing => return Ok(EndOutcome::End),
            State::Empty => None,
            State::CompleteCommit => Some(true),
            State::CompleteAbort => Some(false),
        };
        match (ending, ended_so == Some(committed)) {
            (Ending::KeepEpoch, true) => Ok(EndOutcome::Repeated),
            (Ending::NextEpoch, true) if repeats => Ok(EndOutcome::Repeated),
            (Ending::NextEpoch, _) if !repeats && !committed => Ok(EndOutcome::End),
            _ => Err(ErrorCode::INVALID_TXN_STATE),
        }
    }

    /// Whether the producer is the one that has ended the last transaction, before it got its next epoch.
    fn repeats_end(&self, producer: Producer) -> bool {
        let ended = matches!(self.state, State::CompleteCommit | State::CompleteAbort);
        let next_epoch = producer.id == self.producer.id && Some(self.producer.epoch) == producer.epoch.checked_add(1);
        let next_id = producer.id == self.previous_id && producer.epoch == i16::MAX - 1 && self.producer.epoch == 0;
        ended && (next_epoch || next_id)
    }

    /// Raises the epoch as the end of a transaction does, and gives the producer as the markers name it: also where the
    /// producer itself goes on with another id, because that epoch was the last.
    pub fn next_epoch(&mut self, new_id: impl FnOnce() -> i64) -> Producer {
        let Producer { id, epoch } = self.producer;
        self.previous_id = id;
        self.last_epoch = epoch;
        let raised = Producer { id, epoch: epoch.saturating_add(1) };
        self.producer = match self.producer.is_exhausted() {
            true => Producer { id: new_id(), epoch: 0 },
            false => raised,
        };
        raised
    }

    /// The transaction is over: what belonged to it is handed out, to be told.
    pub fn complete(&mut self, committed: bool, now: Now) -> Participants {
        if self.state != State::Ongoing {
            // What was never begun can be aborted, and then it has begun just now.
            self.started_ms = now.unix_ms;
        }
        self.late_from = None;
        self.bytes = 0;
        self.state = if committed { State::CompleteCommit } else { State::CompleteAbort };
        self.updated_ms = now.unix_ms;
        Participants { partitions: std::mem::take(&mut self.partitions), groups: std::mem::take(&mut self.groups) }
    }
}

/// What belonged to a transaction.
#[derive(Debug)]
pub struct Participants {
    pub partitions: BTreeMap<String, BTreeSet<i32>>,
    pub groups: BTreeSet<String>,
}

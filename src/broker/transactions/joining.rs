//! How what is written becomes part of its transaction.
//!
//! A record of a transaction that the coordinator knows nothing of would never be ended: everybody who reads committed
//! records would wait for ever at that place. So a write into a place in which the producer's transaction has nothing yet is
//! compared with the coordinator's state first (KIP-890): older clients must have added the place, newer ones leave that to
//! the write itself.

use super::transaction::Producer;
use super::{Broker, Now, add};
use crate::wire::ErrorCode;

/// What a client expects of a write into a transaction, by the version in which it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joining {
    /// The place was added before. That it was not is INVALID_TXN_STATE, the only error that the client has for it.
    Added,
    /// The place was added before. That it was not is TRANSACTION_ABORTABLE: the client aborts the transaction and goes on.
    AddedOrAbort,
    /// The write adds the place.
    Adds,
}

impl Joining {
    /// Chooses by the first version that knows TRANSACTION_ABORTABLE and the first one that adds.
    pub fn by_version(version: i16, abortable_from: i16, adds_from: i16) -> Self {
        if version >= adds_from {
            Self::Adds
        } else if version >= abortable_from {
            Self::AddedOrAbort
        } else {
            Self::Added
        }
    }

    /// An error of the coordinator's as who writes knows it. That there is another producer is INVALID_PRODUCER_EPOCH in
    /// every version: the client asks the coordinator then, which tells it whether there is a way back.
    fn translate(self, error: ErrorCode) -> ErrorCode {
        match error {
            ErrorCode::PRODUCER_FENCED => ErrorCode::INVALID_PRODUCER_EPOCH,
            ErrorCode::TRANSACTION_ABORTABLE if self == Self::Added => ErrorCode::INVALID_TXN_STATE,
            error => error,
        }
    }
}

/// Lets partitions into a producer's transaction, or says for each of them why not.
pub fn join_partitions(
    broker: &mut Broker,
    joining: Joining,
    transactional_id: &str,
    producer: Producer,
    partitions: &[(String, i32)],
    now: Now,
) -> Vec<Result<(), ErrorCode>> {
    let outcomes = match joining {
        Joining::Adds => vec![add(broker, transactional_id, producer, partitions, &[], now); partitions.len()],
        Joining::Added | Joining::AddedOrAbort => broker.transactions.verify(transactional_id, producer, partitions),
    };
    outcomes.into_iter().map(|outcome| outcome.map_err(|error| joining.translate(error))).collect()
}

/// Lets a group's offsets into a producer's transaction, or says why not.
pub fn join_group(
    broker: &mut Broker,
    joining: Joining,
    transactional_id: &str,
    producer: Producer,
    group: &str,
    now: Now,
) -> Result<(), ErrorCode> {
    let outcome = match joining {
        Joining::Adds => add(broker, transactional_id, producer, &[], &[group.to_owned()], now),
        Joining::Added | Joining::AddedOrAbort => {
            broker.transactions.of(transactional_id, producer).and_then(|transaction| {
                if transaction.groups.contains(group) { Ok(()) } else { Err(ErrorCode::TRANSACTION_ABORTABLE) }
            })
        }
    };
    outcome.map_err(|error| joining.translate(error))
}

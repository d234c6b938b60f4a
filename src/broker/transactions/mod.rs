//! Transactions: what a producer writes to several partitions, and the offsets of what it has read, counts as a whole or not
//! at all (KIP-98).
//!
//! A producer names itself by a transactional id. What it writes is in the logs at once, among everything else; that it
//! belongs together only shows when it ends, and a marker goes into every partition that has a part in it:
//!
//! ```text
//!  InitProducerId ──► who is the producer: an id and an epoch
//!  AddPartitionsToTxn, AddOffsetsToTxn ──► what belongs to its transaction    (before KIP-890: Produce and
//!  Produce, TxnOffsetCommit ──► records and offsets that do not count yet      TxnOffsetCommit say it themselves)
//!  EndTxn ──► markers in the partitions, offsets committed or dropped
//! ```
//!
//! Kafka's coordinator writes its decision down and sends the markers to other brokers. Here both happen in the turn in
//! which the decision falls: when EndTxn is answered, everything is visible. Also a transaction that takes longer than its
//! producer has allowed is aborted, by a search every `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
//!
//! [`transaction`] is the state of a transactional id, [`joining`] how a write becomes part of its transaction,
//! [`crate::broker::log::transactions`] what a partition remembers, [`crate::broker::produce::markers`] how it is ended
//! there, and [`crate::broker::groups::offsets`] keeps the offsets that do not count yet.

pub mod add_offsets_to_txn;
pub mod add_partitions_to_txn;
pub mod describe_transactions;
pub mod end_txn;
pub mod init_producer_id;
pub mod joining;
pub mod list_transactions;
pub mod transaction;
pub mod write_txn_markers;

use std::collections::BTreeMap;

use log::debug;

use self::transaction::{Ending, Participants, Producer, State, Transaction};
use super::cluster::features::TRANSACTION_VERSION;
use super::kept::{ENTRY_BYTES, NoRoom};
use super::{Broker, Deadline as BrokerDeadline, Now, produce};
use crate::wire::ErrorCode;
use crate::wire::control_batch::EndTransaction;

/// The version of the feature `transaction.version` from which on every end of a transaction raises the epoch.
const EPOCH_PER_TRANSACTION_FROM: i16 = 2;

/// What can become due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deadline {
    /// It is time to look for transactions that take too long.
    AbortTimedOut,
    /// It is time to look for transactional ids that nobody has used for long.
    ExpireIds,
}

/// Where producers get their ids from.
#[derive(Debug, Default)]
pub struct ProducerIds {
    next: i64,
}

impl ProducerIds {
    pub fn fresh(&mut self) -> i64 {
        self.next += 1;
        self.next - 1
    }
}

/// All transactional ids, in their order.
#[derive(Debug, Default)]
pub struct Transactions {
    by_id: BTreeMap<String, Transaction>,
    pub producer_ids: ProducerIds,
    /// Whether a search for transactions that take too long is planned.
    watched: bool,
}

impl Transactions {
    pub fn get(&self, transactional_id: &str) -> Option<&Transaction> {
        self.by_id.get(transactional_id)
    }

    /// The memory of all of them, as [`kept`](super::kept) counts it.
    pub fn held_bytes(&self) -> usize {
        self.by_id.iter().map(|(id, transaction)| bytes_of_id(id) + transaction.held_bytes()).sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Transaction)> {
        self.by_id.iter().map(|(id, transaction)| (id.as_str(), transaction))
    }

    /// The transaction of a producer, if the producer is still the one that the transactional id belongs to.
    fn of(&mut self, transactional_id: &str, producer: Producer) -> Result<&mut Transaction, ErrorCode> {
        if transactional_id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let transaction = self.by_id.get_mut(transactional_id).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        transaction.check(producer)?;
        Ok(transaction)
    }

    /// Whether each of the partitions is part of a producer's transaction.
    fn verify(
        &mut self,
        transactional_id: &str,
        producer: Producer,
        partitions: &[(String, i32)],
    ) -> Vec<Result<(), ErrorCode>> {
        match self.of(transactional_id, producer) {
            Err(error) => vec![Err(error); partitions.len()],
            Ok(transaction) => {
                let has = |(topic, partition): &(String, i32)| transaction.contains(topic, *partition);
                let verify = |place| if has(place) { Ok(()) } else { Err(ErrorCode::TRANSACTION_ABORTABLE) };
                partitions.iter().map(verify).collect()
            }
        }
    }
}

/// What a transactional id takes beside what belongs to its transaction.
fn bytes_of_id(transactional_id: &str) -> usize {
    2 * ENTRY_BYTES + transactional_id.len()
}

/// How transactions end that the broker ends by itself.
fn own_ending(broker: &Broker) -> Ending {
    match broker.features.level(TRANSACTION_VERSION) {
        EPOCH_PER_TRANSACTION_FROM.. => Ending::NextEpoch,
        _ => Ending::KeepEpoch,
    }
}

/// Takes a producer's epoch away and aborts its open transaction.
fn fence_and_abort(broker: &mut Broker, transactional_id: &str, now: Now) {
    let ending = own_ending(broker);
    if let Some(transaction) = broker.transactions.by_id.get_mut(transactional_id) {
        transaction.fence(ending);
        let marked = transaction.producer;
        complete(broker, transactional_id, false, marked, now);
    }
}

/// Ends a transaction everywhere. The markers bear the id and epoch that are given.
fn complete(broker: &mut Broker, transactional_id: &str, committed: bool, marked: Producer, now: Now) {
    let Some(transaction) = broker.transactions.by_id.get_mut(transactional_id) else { return };
    broker.kept.replace(transaction.held_bytes(), 0);
    let Participants { partitions, groups } = transaction.complete(committed, now);
    debug!("Transaction of {transactional_id} is {}", if committed { "committed" } else { "aborted" });
    for (topic, partitions) in partitions {
        for partition in partitions {
            end_in_partition(broker, &topic, partition, marked, committed, now);
        }
    }
    for group in groups {
        broker.groups.end_transaction(&group, marked.id, committed);
    }
}

/// Writes the marker into one partition, if it still exists.
///
/// The marker can be refused only where somebody else has written one with a higher epoch, with WriteTxnMarkers. Then the
/// transaction is over in that partition, and there is nothing left to do. (Kafka tries on until it is restarted.)
fn end_in_partition(broker: &mut Broker, topic: &str, index: i32, marked: Producer, committed: bool, now: Now) {
    let Some(partition) = broker.topics.get(topic).and_then(|topic| topic.partition(index)) else { return };
    // There is no other coordinator, so none that could fence this one.
    let marker = EndTransaction {
        producer_id: marked.id,
        producer_epoch: marked.epoch,
        committed,
        coordinator_epoch: partition.producers.coordinator_epoch(marked.id).max(0),
        timestamp: now.unix_ms,
    };
    if let Err(error) = produce::markers::append(broker, topic, index, marker, false) {
        debug!("The transaction of producer {} was over before in {topic}-{index}: {error}", marked.id);
    }
}

/// Makes partitions and groups part of a producer's transaction, which begins with that if it has not.
fn add(
    broker: &mut Broker,
    transactional_id: &str,
    producer: Producer,
    partitions: &[(String, i32)],
    groups: &[String],
    now: Now,
) -> Result<(), ErrorCode> {
    let transaction = broker.transactions.of(transactional_id, producer)?;
    let before = transaction.held_bytes();
    let room = broker.kept.check(0, Transaction::bytes_of(partitions, groups));
    room.map_err(|NoRoom| ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
    transaction.begin(now);
    transaction.include(partitions, groups);
    broker.kept.replace(before, transaction.held_bytes());
    watch(broker, now);
    Ok(())
}

/// Plans the search for transactions that take too long, unless it is planned. While none is open, nothing has to be
/// searched and an idle broker sleeps.
fn watch(broker: &mut Broker, now: Now) {
    if !broker.transactions.watched {
        broker.transactions.watched = true;
        let at = now.after_ms(broker.config.transaction_abort_timed_out_transaction_cleanup_interval_ms);
        broker.deadlines.schedule(at, BrokerDeadline::Transaction(Deadline::AbortTimedOut));
    }
}

/// Plans the next look at transactional ids that may have expired.
pub fn schedule_expiry(broker: &mut Broker, now: Now) {
    let at = now.after_ms(broker.config.transaction_remove_expired_transaction_cleanup_interval_ms);
    broker.deadlines.schedule(at, BrokerDeadline::Transaction(Deadline::ExpireIds));
}

/// Does what is due.
pub fn on_deadline(broker: &mut Broker, deadline: Deadline, now: Now) {
    match deadline {
        Deadline::AbortTimedOut => abort_timed_out(broker, now),
        Deadline::ExpireIds => {
            let before = now.unix_ms.saturating_sub(i64::from(broker.config.transactional_id_expiration_ms));
            let keep =
                |transaction: &Transaction| transaction.state == State::Ongoing || transaction.updated_ms > before;
            let held = broker.transactions.held_bytes();
            broker.transactions.by_id.retain(|_, transaction| keep(transaction));
            broker.kept.replace(held, broker.transactions.held_bytes());
            schedule_expiry(broker, now);
        }
    }
}

fn abort_timed_out(broker: &mut Broker, now: Now) {
    broker.transactions.watched = false;
    let open = broker.transactions.by_id.iter().filter(|(_, transaction)| transaction.state == State::Ongoing);
    let (late, in_time): (Vec<_>, Vec<_>) =
        open.map(|(id, transaction)| (id.clone(), transaction.is_late(now))).partition(|(_, late)| *late);
    if !in_time.is_empty() {
        watch(broker, now);
    }
    for (id, _) in late {
        debug!("The transaction of {id} has taken too long");
        fence_and_abort(broker, &id, now);
    }
}

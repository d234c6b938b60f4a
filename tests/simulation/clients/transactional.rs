//! A transactional producer. Several of them may go by the same transactional id: then each one that comes fences the one before.

use std::collections::BTreeSet;

use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::add_partitions_to_txn::AddPartitionsToTxnTopic;
use kafka_rs::wire::messages::txn_offset_commit::{TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic};
use kafka_rs::wire::messages::{
    add_offsets_to_txn, add_partitions_to_txn, end_txn, init_producer_id, txn_offset_commit,
};

use super::flights::{Flights, Landing};
use super::{Actor, any_place, channel};
use crate::exchange::{Answer, Ask};
use crate::model::{Broken, Commit, Fate, Place, RequestId, ensure};
use crate::sim::{Channel, Note, Received, Sim, note};

/// The group whose offsets transactions commit.
const GROUP: &str = "copied";

#[derive(Debug, Clone, Default)]
pub struct Transactional {
    channel: Channel,
    id: String,
    /// Whether it leaves it to Produce and TxnOffsetCommit to say what belongs to its transaction (KIP-890).
    modern: bool,
    producer: Option<(i64, i16)>,
    /// The request besides Produce that it waits for.
    asked: Option<RequestId>,
    flights: Flights,
    added: BTreeSet<Place>,
    group_added: bool,
    /// How it wants to end the transaction.
    ending: Option<bool>,
    /// How many things it has done in the transaction.
    done: usize,
}

impl Transactional {
    pub fn new(sim: &mut Sim, index: usize) -> Self {
        let id = format!("transaction-{}", sim.dice.below(2));
        let channel = channel(sim, format!("transactional-{index}"));
        Self { channel, id, modern: sim.dice.chance(500), ..Self::default() }
    }

    /// A new instance, or the old one after an error: it needs an epoch.
    fn start_over(&mut self, keeps_id: bool) {
        if !keeps_id {
            self.producer = None;
        }
        self.flights.reset();
        self.added.clear();
        self.group_added = false;
        self.ending = None;
        self.done = usize::MAX;
    }

    fn is_started(&self) -> bool {
        self.producer.is_some() && self.done != usize::MAX
    }

    fn init(&mut self, sim: &mut Sim) {
        let (producer_id, producer_epoch) = self.producer.unwrap_or((-1, -1));
        let request = init_producer_id::Request {
            transactional_id: Some(self.id.clone()),
            transaction_timeout_ms: sim.plan.transaction_ms,
            producer_id,
            producer_epoch,
        };
        let version = sim.version(3, 5);
        self.asked = Some(sim.send(&mut self.channel, version, request, Note::Nothing));
    }

    /// Goes on with the transaction.
    fn go_on(&mut self, sim: &mut Sim) {
        let Some(producer) = self.producer else { return };
        if let Some(committed) = self.ending {
            if self.flights.is_empty() {
                self.end(sim, producer, committed);
            } else {
                self.fly(sim, producer, false);
            }
            return;
        }
        self.done += 1;
        match sim.dice.below(12) {
            0 if self.done > 2 => self.ending = Some(sim.dice.chance(600)),
            1 => self.commit_offset(sim, producer),
            2 if !self.modern => self.add_partition(sim, producer),
            _ => self.fly(sim, producer, true),
        }
    }

    fn fly(&mut self, sim: &mut Sim, producer: (i64, i16), something_new: bool) {
        let version = if self.modern { sim.version(12, 13) } else { sim.version(3, 11) };
        let (modern, added) = (self.modern, self.added.clone());
        let admits = |place| something_new && (modern || added.contains(&place));
        self.flights.depart(sim, &mut self.channel, producer, (version, Some(self.id.clone())), admits);
    }

    fn add_partition(&mut self, sim: &mut Sim, (id, epoch): (i64, i16)) {
        let Some((place, name)) = any_place(sim) else { return };
        let request = add_partitions_to_txn::Request {
            v3_and_below_transactional_id: self.id.clone(),
            v3_and_below_producer_id: id,
            v3_and_below_producer_epoch: epoch,
            v3_and_below_topics: vec![AddPartitionsToTxnTopic { name, partitions: vec![place.1] }],
            ..Default::default()
        };
        let version = sim.version(0, 3);
        self.asked = Some(sim.send(&mut self.channel, version, request, Note::Nothing));
        self.added.insert(place);
    }

    fn commit_offset(&mut self, sim: &mut Sim, (id, epoch): (i64, i16)) {
        if !self.modern && !self.group_added {
            let request = add_offsets_to_txn::Request {
                transactional_id: self.id.clone(),
                producer_id: id,
                producer_epoch: epoch,
                group_id: GROUP.to_owned(),
            };
            let version = sim.version(0, 4);
            self.asked = Some(sim.send(&mut self.channel, version, request, Note::Nothing));
            return;
        }
        let Some((place, topic)) = any_place(sim) else { return };
        let number = sim.model.commits.len();
        let offset = sim.dice.below(1000) as i64;
        sim.model.commits.push(Commit {
            request: sim.requests.len(),
            group: GROUP.to_owned(),
            generation: -1,
            topic: topic.clone(),
            partition: place.1,
            offset,
            producer_id: Some(id),
            seen: None,
        });
        sim.model.groups.entry(GROUP.to_owned()).or_default();
        let partition = TxnOffsetCommitRequestPartition {
            partition_index: place.1,
            committed_offset: offset,
            committed_metadata: Some(number.to_string()),
            ..Default::default()
        };
        let request = txn_offset_commit::Request {
            transactional_id: self.id.clone(),
            group_id: GROUP.to_owned(),
            producer_id: id,
            producer_epoch: epoch,
            topics: vec![TxnOffsetCommitRequestTopic { name: topic, partitions: vec![partition] }],
            ..Default::default()
        };
        let version = if self.modern { 5 } else { sim.version(0, 4) };
        self.asked = Some(sim.send(&mut self.channel, version, request, Note::Commits(vec![number])));
    }

    fn end(&mut self, sim: &mut Sim, (id, epoch): (i64, i16), committed: bool) {
        let request =
            end_txn::Request { transactional_id: self.id.clone(), producer_id: id, producer_epoch: epoch, committed };
        let version = if self.modern { 5 } else { sim.version(0, 4) };
        self.asked = Some(sim.send(&mut self.channel, version, request, Note::Nothing));
    }

    fn on_answer(&mut self, sim: &mut Sim, request: RequestId, answer: &Answer) -> Result<(), Broken> {
        if let (Answer::Produce(answer), Some((id, _))) = (answer, self.producer) {
            if let Landing::Failed(error) = self.flights.land(sim, id, request, answer)? {
                note!(*sim, "{}: {error}", self.channel.client_id);
                self.start_over(true);
            }
            return Ok(());
        }
        if self.asked != Some(request) {
            return Ok(());
        }
        self.asked = None;
        match answer {
            Answer::InitProducerId(answer) => match answer.error_code {
                ErrorCode::NONE => {
                    self.start_over(false);
                    self.producer = Some((answer.producer_id, answer.producer_epoch));
                    self.done = 0;
                }
                ErrorCode::CONCURRENT_TRANSACTIONS => {}
                _ => self.start_over(false),
            },
            Answer::AddPartitionsToTxn(answer) => {
                let mut results =
                    answer.results_by_topic_v3_and_below.iter().flat_map(|topic| &topic.results_by_partition);
                if results.any(|result| result.partition_error_code.is_error()) {
                    self.start_over(true);
                }
            }
            Answer::AddOffsetsToTxn(answer) if !answer.error_code.is_error() => self.group_added = true,
            Answer::TxnOffsetCommit(answer) => {
                let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                if partitions.any(|partition| partition.error_code.is_error()) {
                    self.start_over(true);
                }
            }
            Answer::EndTxn(answer) if !answer.error_code.is_error() => {
                let Ask::EndTxn(ask) = &sim.requests[request].ask else { return Ok(()) };
                self.on_end(sim, ask.committed, (answer.producer_id, answer.producer_epoch))?;
            }
            _ => self.start_over(true),
        }
        Ok(())
    }

    /// The transaction has ended: every acknowledged batch of it has come to the same.
    fn on_end(&mut self, sim: &Sim, committed: bool, next: (i64, i16)) -> Result<(), Broken> {
        let expect = if committed { Fate::Committed } else { Fate::Aborted };
        for batch in &self.flights.acknowledged {
            let fate = sim.model.fate(*batch);
            ensure!(
                fate.is_none_or(|fate| fate == expect),
                "{}: batch {batch} is {fate:?}, but its transaction was ended with {expect:?}",
                self.id
            );
        }
        if self.modern {
            self.producer = Some(next);
        }
        self.flights.next_transaction(!self.modern);
        self.added.clear();
        self.group_added = false;
        self.ending = None;
        self.done = 0;
        Ok(())
    }

    /// The process ends, and another one takes its place. The old one may go on for a while without knowing.
    fn die(&mut self, sim: &mut Sim) {
        if sim.dice.chance(500) {
            let mut ghost = self.clone();
            ghost.channel.client_id.push_str("-ghost");
            sim.newborn.push(Box::new(ghost));
        } else {
            sim.hang_up(&mut self.channel);
        }
        let mut next = channel(sim, self.channel.client_id.clone());
        next.client_id = self.channel.client_id.clone();
        self.channel = next;
        self.asked = None;
        self.start_over(false);
    }
}

impl Actor for Transactional {
    fn act(&mut self, sim: &mut Sim) -> Result<(), Broken> {
        if sim.dice.chance(sim.plan.hang_ups) {
            sim.hang_up(&mut self.channel);
        }
        if sim.dice.chance(sim.plan.deaths) {
            self.die(sim);
        }
        loop {
            match sim.receive(&mut self.channel) {
                Received::Nothing => break,
                Received::Answer(request, answer) => self.on_answer(sim, request, &answer)?,
                Received::Sent => {}
                Received::Lost(_) => {
                    self.asked = None;
                    self.flights.lost();
                }
            }
        }
        if self.asked.is_some() {
            return Ok(());
        }
        if self.is_started() {
            self.go_on(sim)
        } else {
            self.init(sim)
        }
        Ok(())
    }
}

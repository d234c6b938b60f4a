//! What a group has committed: for each partition, the next offset to read and the client's note.
//!
//! What is committed inside of a transaction is pending until the transaction ends. It counts then as if it had been
//! committed when it came: a plain commit that came later stays.
//!
//! All of it counts in the budget of memory; a commit for which there is no room is refused.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::broker::kept::{ENTRY_BYTES, NoRoom};
use crate::broker::transactions::transaction::Producer;
use crate::budget::{Budget, Share};

/// Offsets by topic and partition, with the memory that they take.
#[derive(Debug, Default)]
struct ByTopic {
    topics: BTreeMap<String, BTreeMap<i32, CommittedOffset>>,
    bytes: usize,
}

impl ByTopic {
    fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.topics.get(topic)?.get(&partition)
    }

    fn insert(&mut self, topic: &str, partition: i32, offset: CommittedOffset) {
        self.bytes += bytes_of(topic, &offset);
        let partitions = match self.topics.get_mut(topic) {
            Some(partitions) => partitions,
            None => self.topics.entry(topic.to_owned()).or_default(),
        };
        if let Some(former) = partitions.insert(partition, offset) {
            self.bytes -= bytes_of(topic, &former);
        }
    }

    /// Keeps the offsets for which `keep` holds, and no topic without one.
    fn retain(&mut self, keep: impl Fn(&str, i32, &CommittedOffset) -> bool) {
        let bytes = &mut self.bytes;
        self.topics.retain(|topic, partitions| {
            partitions.retain(|index, offset| {
                let kept = keep(topic, *index, offset);
                *bytes -= if kept { 0 } else { bytes_of(topic, offset) };
                kept
            });
            !partitions.is_empty()
        });
    }

    fn remove_topic(&mut self, topic: &str) {
        let removed = self.topics.remove(topic).unwrap_or_default();
        self.bytes -= removed.values().map(|offset| bytes_of(topic, offset)).sum::<usize>();
    }
}

/// What an offset takes; the name of its topic counts each time.
fn bytes_of(topic: &str, offset: &CommittedOffset) -> usize {
    ENTRY_BYTES + topic.len() + offset.metadata.len()
}

/// One committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// The epoch of the last record that was read; -1 if the client did not say.
    pub leader_epoch: i32,
    /// The client's note.
    pub metadata: String,
    /// When it was committed, in milliseconds since 1970.
    pub committed_at_ms: i64,
    /// When it expires, in milliseconds since 1970, if the client chose that itself (OffsetCommit v2 to v4).
    pub expires_at_ms: Option<i64>,
    /// Counts the commits of the group: of two commits for a partition, the one with the larger number counts.
    number: u64,
}

impl CommittedOffset {
    pub fn new(offset: i64, leader_epoch: i32, metadata: String, committed_at_ms: i64) -> Self {
        Self { offset, leader_epoch, metadata, committed_at_ms, expires_at_ms: None, number: 0 }
    }

    /// The same, with the time that the client has chosen for it to expire.
    pub fn until(self, expires_at_ms: Option<i64>) -> Self {
        Self { expires_at_ms, ..self }
    }
}

/// What a producer has committed in the transaction that it has open.
#[derive(Debug)]
struct Pending {
    producer_epoch: i16,
    by_topic: ByTopic,
}

/// The offsets of one group. Topics and partitions are in order, because a fetch of all of them shows them in order.
#[derive(Debug)]
pub struct Offsets {
    committed: ByTopic,
    /// By the producer.
    pending: BTreeMap<i64, Pending>,
    /// How many commits there were.
    commits: u64,
    budget: Budget,
    share: Share,
}

impl Offsets {
    pub fn new(budget: &Budget) -> Self {
        Self {
            committed: ByTopic::default(),
            pending: BTreeMap::new(),
            commits: 0,
            budget: budget.clone(),
            share: budget.share(),
        }
    }

    /// The bytes of all offsets.
    pub fn held_bytes(&self) -> usize {
        self.share.bytes()
    }

    /// What must hold between two requests.
    pub fn invariants(&self) {
        let all = self.pending.values().map(|pending| &pending.by_topic).chain([&self.committed]);
        let bytes = |(topic, offsets): (&String, &BTreeMap<i32, CommittedOffset>)| {
            offsets.values().map(|offset| bytes_of(topic, offset)).sum::<usize>()
        };
        assert_eq!(self.share.bytes(), all.flat_map(|by_topic| &by_topic.topics).map(bytes).sum::<usize>());
    }

    fn count(&mut self) {
        let pending = self.pending.values().map(|pending| pending.by_topic.bytes).sum::<usize>();
        self.share.set(self.committed.bytes + pending);
    }

    fn check_room(&self, topic: &str, offset: &CommittedOffset) -> Result<(), NoRoom> {
        if bytes_of(topic, offset) > self.budget.room() { Err(NoRoom) } else { Ok(()) }
    }

    pub fn is_empty(&self) -> bool {
        self.committed.topics.is_empty() && self.pending.is_empty()
    }

    pub fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.committed.get(topic, partition)
    }

    /// Every topic that has offsets, with its partitions.
    pub fn topics(&self) -> impl Iterator<Item = (&str, &BTreeMap<i32, CommittedOffset>)> {
        self.committed.topics.iter().map(|(topic, partitions)| (topic.as_str(), partitions))
    }

    pub fn commit(&mut self, topic: &str, partition: i32, offset: CommittedOffset) -> Result<(), NoRoom> {
        self.check_room(topic, &offset)?;
        let number = self.next_number();
        let before = self.committed.bytes;
        self.committed.insert(topic, partition, CommittedOffset { number, ..offset });
        self.share.set(self.share.bytes() - before + self.committed.bytes);
        Ok(())
    }

    /// Keeps an offset until the producer's transaction ends.
    pub fn commit_pending(
        &mut self,
        producer: Producer,
        topic: &str,
        partition: i32,
        offset: CommittedOffset,
    ) -> Result<(), NoRoom> {
        self.check_room(topic, &offset)?;
        let number = self.next_number();
        let new = Pending { producer_epoch: producer.epoch, by_topic: ByTopic::default() };
        let pending = self.pending.entry(producer.id).or_insert(new);
        pending.producer_epoch = producer.epoch;
        let before = pending.by_topic.bytes;
        pending.by_topic.insert(topic, partition, CommittedOffset { number, ..offset });
        self.share.set(self.share.bytes() - before + pending.by_topic.bytes);
        Ok(())
    }

    fn next_number(&mut self) -> u64 {
        self.commits += 1;
        self.commits
    }

    /// Whether a producer's open transaction has offsets here.
    pub fn has_pending_of(&self, producer: Producer) -> bool {
        self.pending.get(&producer.id).is_some_and(|pending| pending.producer_epoch == producer.epoch)
    }

    /// Where open transactions have offsets: nobody knows yet what they will be. Gathered at once, since there can be many of both.
    pub fn pending_places(&self) -> HashSet<(&str, i32)> {
        let topics = self.pending.values().flat_map(|pending| &pending.by_topic.topics);
        topics.flat_map(|(topic, partitions)| partitions.keys().map(|index| (topic.as_str(), *index))).collect()
    }

    /// A producer's transaction is over.
    pub fn end_transaction(&mut self, producer_id: i64, committed: bool) {
        let Some(Pending { by_topic, .. }) = self.pending.remove(&producer_id) else { return };
        let before = by_topic.bytes + self.committed.bytes;
        for (topic, partitions) in by_topic.topics.into_iter().filter(|_| committed) {
            for (partition, offset) in partitions {
                if self.get(&topic, partition).is_none_or(|known| known.number < offset.number) {
                    self.committed.insert(&topic, partition, offset);
                }
            }
        }
        self.share.set(self.share.bytes() - before + self.committed.bytes);
    }

    /// Forgets these partitions of topics.
    pub fn delete(&mut self, places: &HashMap<String, HashSet<i32>>) {
        let is_named = |topic: &str, index: i32| places.get(topic).is_some_and(|indexes| indexes.contains(&index));
        self.change_all(|by_topic| by_topic.retain(|topic, index, _| !is_named(topic, index)));
    }

    pub fn forget_topic(&mut self, topic: &str) {
        self.change_all(|by_topic| by_topic.remove_topic(topic));
    }

    /// Changes what is committed and what is pending.
    fn change_all(&mut self, change: impl Fn(&mut ByTopic)) {
        change(&mut self.committed);
        self.pending.retain(|_, pending| {
            change(&mut pending.by_topic);
            !pending.by_topic.topics.is_empty()
        });
        self.count();
    }

    /// Keeps the offsets for which `keep` holds, and those that a transaction is about to replace; and no topic without one.
    pub fn retain(&mut self, keep: impl Fn(&str, &CommittedOffset) -> bool) {
        let mut committed = std::mem::take(&mut self.committed);
        let pending = self.pending_places();
        committed.retain(|topic, index, offset| keep(topic, offset) || pending.contains(&(topic, index)));
        self.committed = committed;
        self.count();
    }
}

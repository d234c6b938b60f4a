//! What a group has committed: for each partition, the next offset to read and the client's note.
//!
//! What is committed inside of a transaction is pending until the transaction ends. It counts then as if it had been
//! committed when it came: a plain commit that came later stays.

use std::collections::BTreeMap;

use crate::broker::transactions::transaction::Producer;

type ByTopic = BTreeMap<String, BTreeMap<i32, CommittedOffset>>;

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
#[derive(Debug, Default)]
pub struct Offsets {
    by_topic: ByTopic,
    /// By the producer.
    pending: BTreeMap<i64, Pending>,
    /// How many commits there were.
    commits: u64,
}

impl Offsets {
    pub fn is_empty(&self) -> bool {
        self.by_topic.is_empty() && self.pending.is_empty()
    }

    pub fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.by_topic.get(topic)?.get(&partition)
    }

    /// Every topic that has offsets, with its partitions.
    pub fn topics(&self) -> impl Iterator<Item = (&str, &BTreeMap<i32, CommittedOffset>)> {
        self.by_topic.iter().map(|(topic, partitions)| (topic.as_str(), partitions))
    }

    pub fn commit(&mut self, topic: &str, partition: i32, offset: CommittedOffset) {
        let number = self.next_number();
        self.by_topic.entry(topic.to_owned()).or_default().insert(partition, CommittedOffset { number, ..offset });
    }

    /// Keeps an offset until the producer's transaction ends.
    pub fn commit_pending(&mut self, producer: Producer, topic: &str, partition: i32, offset: CommittedOffset) {
        let number = self.next_number();
        let new = Pending { producer_epoch: producer.epoch, by_topic: ByTopic::new() };
        let pending = self.pending.entry(producer.id).or_insert(new);
        pending.producer_epoch = producer.epoch;
        let partitions = pending.by_topic.entry(topic.to_owned()).or_default();
        partitions.insert(partition, CommittedOffset { number, ..offset });
    }

    fn next_number(&mut self) -> u64 {
        self.commits += 1;
        self.commits
    }

    /// Whether a producer's open transaction has offsets here.
    pub fn has_pending_of(&self, producer: Producer) -> bool {
        self.pending.get(&producer.id).is_some_and(|pending| pending.producer_epoch == producer.epoch)
    }

    /// Whether an open transaction has an offset for the partition: then nobody knows what it will be.
    pub fn is_pending(&self, topic: &str, partition: i32) -> bool {
        let has = |pending: &Pending| pending.by_topic.get(topic).is_some_and(|topic| topic.contains_key(&partition));
        self.pending.values().any(has)
    }

    /// A producer's transaction is over.
    pub fn end_transaction(&mut self, producer_id: i64, committed: bool) {
        let Some(Pending { by_topic, .. }) = self.pending.remove(&producer_id).filter(|_| committed) else { return };
        for (topic, partitions) in by_topic {
            let known = self.by_topic.entry(topic).or_default();
            for (partition, offset) in partitions {
                if known.get(&partition).is_none_or(|known| known.number < offset.number) {
                    known.insert(partition, offset);
                }
            }
        }
    }

    pub fn delete(&mut self, topic: &str, partition: i32) {
        self.change_all(|by_topic| {
            if let Some(partitions) = by_topic.get_mut(topic) {
                partitions.remove(&partition);
                if partitions.is_empty() {
                    by_topic.remove(topic);
                }
            }
        });
    }

    pub fn forget_topic(&mut self, topic: &str) {
        self.change_all(|by_topic| drop(by_topic.remove(topic)));
    }

    /// Changes what is committed and what is pending.
    fn change_all(&mut self, change: impl Fn(&mut ByTopic)) {
        change(&mut self.by_topic);
        self.pending.retain(|_, pending| {
            change(&mut pending.by_topic);
            !pending.by_topic.is_empty()
        });
    }

    /// Keeps the offsets for which `keep` holds, and those that a transaction is about to replace; and no topic without one.
    pub fn retain(&mut self, keep: impl Fn(&str, &CommittedOffset) -> bool) {
        let mut by_topic = std::mem::take(&mut self.by_topic);
        by_topic.retain(|topic, partitions| {
            partitions.retain(|index, offset| keep(topic, offset) || self.is_pending(topic, *index));
            !partitions.is_empty()
        });
        self.by_topic = by_topic;
    }
}

//! What a group has committed: for each partition, the next offset to read and the client's note.

use std::collections::BTreeMap;

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
}

/// The offsets of one group. Topics and partitions are in order, because a fetch of all of them shows them in order.
#[derive(Debug, Default)]
pub struct Offsets {
    by_topic: BTreeMap<String, BTreeMap<i32, CommittedOffset>>,
}

impl Offsets {
    pub fn is_empty(&self) -> bool {
        self.by_topic.is_empty()
    }

    pub fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.by_topic.get(topic)?.get(&partition)
    }

    /// Every topic that has offsets, with its partitions.
    pub fn topics(&self) -> impl Iterator<Item = (&str, &BTreeMap<i32, CommittedOffset>)> {
        self.by_topic.iter().map(|(topic, partitions)| (topic.as_str(), partitions))
    }

    pub fn commit(&mut self, topic: &str, partition: i32, offset: CommittedOffset) {
        self.by_topic.entry(topic.to_owned()).or_default().insert(partition, offset);
    }

    pub fn forget_topic(&mut self, topic: &str) {
        self.by_topic.remove(topic);
    }

    /// Keeps the offsets for which `keep` holds, and no topic without one.
    pub fn retain(&mut self, keep: impl Fn(&str, &CommittedOffset) -> bool) {
        self.by_topic.retain(|topic, partitions| {
            partitions.retain(|_, offset| keep(topic, offset));
            !partitions.is_empty()
        });
    }
}

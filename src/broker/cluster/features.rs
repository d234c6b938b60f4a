//! Features: what brokers of a cluster must agree on, each with the versions that are understood and the one that is in force
//! (KIP-584).
//!
//! Clients choose by it how they use transactions: a Java client sends Produce v12 and EndTxn v5 only where
//! `transaction.version` is at least 2. The others are about how Kafka's controllers keep the cluster's metadata, and tools show
//! them and tell by them which Kafka they talk to. Kafka has further ones for the kinds of groups that are not here; like a
//! Kafka without them, this broker does not list those.

/// Which records Kafka's controllers keep their metadata in. Nothing is kept in such records here, so this is the newest of
/// Kafka 4.2, and it can be set as there.
pub const METADATA_VERSION: &str = "metadata.version";

/// Whether the voters of the metadata quorum can change: from 1 on they can (KIP-853). There is no way back to 0.
pub const KRAFT_VERSION: &str = "kraft.version";

/// How transactions work: version 0 is as Kafka 0.11 had it, 1 changes only how they are kept on disk, and with 2 every end
/// of a transaction raises the producer's epoch (KIP-890).
pub const TRANSACTION_VERSION: &str = "transaction.version";

/// Whether replicas that fell behind are remembered as eligible leaders (KIP-966). The only replica never falls behind, so there
/// are none to be remembered; but from 1 on `min.insync.replicas` is set for all brokers together, and for no single one.
pub const ELIGIBLE_LEADER_REPLICAS_VERSION: &str = "eligible.leader.replicas.version";

/// A feature and the versions of it that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    pub name: &'static str,
    pub min_version: i16,
    pub max_version: i16,
    /// The version that a new cluster has.
    first_level: i16,
}

/// Every feature that this broker has.
pub static SUPPORTED: &[Feature] = &[
    Feature { name: ELIGIBLE_LEADER_REPLICAS_VERSION, min_version: 0, max_version: 1, first_level: 1 },
    Feature { name: KRAFT_VERSION, min_version: 0, max_version: 1, first_level: 0 },
    Feature { name: METADATA_VERSION, min_version: 7, max_version: 29, first_level: 29 },
    Feature { name: TRANSACTION_VERSION, min_version: 0, max_version: 2, first_level: 2 },
];

/// The version of each feature that is in force.
#[derive(Debug)]
pub struct Features {
    /// In the order of [`SUPPORTED`]. 0 stands for a feature that is off.
    levels: Vec<i16>,
    /// Counts the changes, so that clients know which of two answers is newer.
    epoch: i64,
}

impl Default for Features {
    fn default() -> Self {
        Self { levels: SUPPORTED.iter().map(|feature| feature.first_level).collect(), epoch: 0 }
    }
}

impl Features {
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The features that are on, each with its version.
    pub fn finalized(&self) -> impl Iterator<Item = (&'static Feature, i16)> {
        SUPPORTED.iter().zip(self.levels.iter().copied()).filter(|(_, level)| *level > 0)
    }

    /// The version of a feature that is in force; 0 if it is off.
    pub fn level(&self, name: &str) -> i16 {
        self.finalized().find(|(feature, _)| feature.name == name).map_or(0, |(_, level)| level)
    }

    /// Changes a feature's version to one that has been checked.
    pub fn set_level(&mut self, name: &str, level: i16) {
        let position = SUPPORTED.iter().position(|feature| feature.name == name);
        if let Some(current) = position.and_then(|position| self.levels.get_mut(position)) {
            *current = level;
            self.epoch += 1;
        }
    }
}

//! Topics and their partitions, and the APIs that create, delete and list them.
//!
//! A topic is known by its name, and by an id that no other topic ever has: when a topic is deleted and created again, a
//! client that still holds the old id finds out (KIP-516). Topics come to life by CreateTopics, by Metadata (when the
//! request and `auto.create.topics.enable` allow it) or by the command line, and live until DeleteTopics.

pub mod alter_partition_reassignments;
pub mod alter_replica_log_dirs;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_log_dirs;
pub mod describe_topic_partitions;
pub mod elect_leaders;
pub mod list_partition_reassignments;
pub mod metadata;

use std::collections::{BTreeSet, HashMap};

use log::info;

use super::log::Log;
use super::produce::producers::Producers;
use super::random::Random;
use crate::budget::Budget;
use crate::config::topic::{Overrides, TopicSettings};
use crate::config::{self, Config};
use crate::wire::{ErrorCode, Uuid};

pub const NAME_LENGTH_MAX: usize = 249;
/// Above this, one request could fill the memory with empty partitions.
const PARTITIONS_MAX: i32 = 10_000;

/// The topics that Kafka keeps its own state in. Here there are none, but clients must not write to them all the same.
const INTERNAL_TOPICS: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// One partition: its records, and what is known of the producers that wrote them.
#[derive(Debug)]
pub struct Partition {
    pub log: Log,
    pub producers: Producers,
}

impl Partition {
    /// An empty one, whose records count in this budget.
    pub fn new(budget: &Budget) -> Self {
        Self { log: Log::new(budget), producers: Producers::default() }
    }
}

#[derive(Debug)]
pub struct Topic {
    pub name: String,
    pub id: Uuid,
    /// By partition index.
    pub partitions: Vec<Partition>,
    /// What was set for this topic, by the names of Kafka's topic properties.
    pub configs: Overrides,
    /// What follows from that and from the broker's own properties.
    pub settings: TopicSettings,
}

impl Topic {
    /// The partition with an index that comes from a client.
    pub fn partition(&self, index: i32) -> Option<&Partition> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    pub fn partition_mut(&mut self, index: i32) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(index).ok()?)
    }
}

/// All topics.
#[derive(Debug, Default)]
pub struct Topics {
    /// What the memory of all records counts in.
    budget: Budget,
    by_name: HashMap<String, Topic>,
    names: HashMap<Uuid, String>,
    /// How many partitions all topics have together.
    partition_count: usize,
    /// The names that could be confused, each behind the one that it is confused with: see [`unify`].
    unified: BTreeSet<(String, String)>,
}

impl Topics {
    pub fn new(budget: Budget) -> Self {
        Self { budget, ..Self::default() }
    }

    pub fn get(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(possible(name)?)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.by_name.get_mut(possible(name)?)
    }

    pub fn by_id(&self, id: Uuid) -> Option<&Topic> {
        self.by_name.get(self.names.get(&id)?)
    }

    /// All topics in the order of their names.
    pub fn sorted(&self) -> Vec<&Topic> {
        let mut topics: Vec<_> = self.by_name.values().collect();
        topics.sort_unstable_by_key(|topic| &topic.name);
        topics
    }

    /// All topics in the order of their names, to be changed.
    pub fn sorted_mut(&mut self) -> Vec<&mut Topic> {
        let mut topics: Vec<_> = self.by_name.values_mut().collect();
        topics.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        topics
    }

    pub fn by_id_mut(&mut self, id: Uuid) -> Option<&mut Topic> {
        self.by_name.get_mut(self.names.get(&id)?)
    }

    /// Every partition of every topic, in no order.
    pub fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.by_name.values().flat_map(|topic| &topic.partitions)
    }

    /// Every partition of every topic, in no order.
    pub fn partitions_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.by_name.values_mut().flat_map(|topic| &mut topic.partitions)
    }

    /// Whether there may be so many topics and partitions more. The error is the sentence that a client is told.
    pub fn check_room(&self, topics: usize, partitions: usize, config: &Config) -> Result<(), String> {
        let (max_topics, max_partitions) = (config.max_topics, config.max_partitions);
        if !config::allows(max_topics, self.by_name.len() + topics) {
            return Err(format!("There may be no more than {max_topics} topics (max.topics)."));
        }
        if !config::allows(max_partitions, self.partition_count.saturating_add(partitions)) {
            return Err(format!("There may be no more than {max_partitions} partitions (max.partitions)."));
        }
        Ok(())
    }

    /// Gives a topic more partitions, `target` in all.
    pub fn grow(&mut self, name: &str, target: usize) {
        let Some(topic) = self.by_name.get_mut(name) else { return };
        self.partition_count += target.saturating_sub(topic.partitions.len());
        let grown = topic.partitions.len().max(target);
        topic.partitions.resize_with(grown, || Partition::new(&self.budget));
    }

    /// What must hold between two requests.
    pub fn invariants(&self) {
        assert_eq!(self.partitions().count(), self.partition_count);
        assert_eq!(self.names.len(), self.by_name.len());
        assert!(self.by_name.values().all(|topic| self.names.get(&topic.id) == Some(&topic.name)));
        self.partitions().for_each(|partition| partition.log.invariants());
    }

    /// Creates a topic whose name has been checked and is not taken.
    pub fn create(
        &mut self,
        name: &str,
        partitions: usize,
        configs: Overrides,
        config: &Config,
        random: &mut Random,
    ) -> &Topic {
        info!("Creating new topic: {name}");
        let id = random.uuid();
        self.partition_count += partitions;
        let partitions = std::iter::repeat_with(|| Partition::new(&self.budget)).take(partitions).collect();
        let settings = TopicSettings::new(config, &configs);
        let topic = Topic { name: name.to_owned(), id, partitions, configs, settings };
        self.names.insert(id, name.to_owned());
        self.unified.extend(unify(name).map(|unified| (unified, name.to_owned())));
        let previous = self.by_name.insert(name.to_owned(), topic);
        assert!(previous.is_none(), "a topic's name is taken once");
        &self.by_name[name]
    }

    /// Replaces what is set for a topic.
    pub fn configure(&mut self, name: &str, configs: Overrides, config: &Config) {
        if let Some(topic) = self.by_name.get_mut(name) {
            topic.settings = TopicSettings::new(config, &configs);
            topic.configs = configs;
        }
    }

    /// Lets what has changed for the broker act for the topics that say nothing else.
    pub fn reconfigure(&mut self, config: &Config) {
        for topic in self.by_name.values_mut() {
            topic.settings = TopicSettings::new(config, &topic.configs);
        }
    }

    pub fn delete(&mut self, name: &str) -> Option<Topic> {
        let topic = self.by_name.remove(name)?;
        self.names.remove(&topic.id);
        self.partition_count -= topic.partitions.len();
        if let Some(unified) = unify(name) {
            self.unified.remove(&(unified, name.to_owned()));
        }
        info!("Deleted topic: {name}");
        Some(topic)
    }

    /// Which topic a request means that gives the name in older versions and the id in newer ones: the error is the one that
    /// Kafka has for each of them.
    pub fn resolve(&self, name: &str, id: Uuid, by_id: bool) -> Result<&Topic, ErrorCode> {
        if by_id {
            self.by_id(id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
        } else {
            self.get(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        }
    }

    /// A topic whose name differs from this one only in that one has `.` where the other has `_`: Kafka refuses the second,
    /// because the names of metrics could not tell them apart.
    fn colliding(&self, name: &str) -> Option<&str> {
        let first = (unify(name)?, String::new());
        let (unified, other) = self.unified.range(&first..).next()?;
        (*unified == first.0).then_some(other)
    }
}

/// The name with which a name must not be confused, if it has anything in it that could be.
fn unify(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

/// The name, unless it is too long for a topic. A request can ask for many partitions of one name, and it takes its time to look
/// for a long one each time.
fn possible(name: &str) -> Option<&str> {
    Some(name).filter(|name| name.len() <= NAME_LENGTH_MAX)
}

/// Checks the brokers that a manual assignment gives a partition: this one and no other. The error is the sentence that
/// Kafka answers with.
fn check_replicas(broker_ids: &[i32], node_id: i32) -> Result<(), String> {
    match broker_ids {
        [] => Err("The manual partition assignment includes an empty replica list.".to_owned()),
        [first, rest @ ..] if rest.contains(first) => {
            Err(format!("The manual partition assignment includes the broker {first} more than once."))
        }
        ids => match ids.iter().find(|id| **id != node_id) {
            Some(other) => Err(format!(
                "The manual partition assignment includes broker {other}, but no such broker is registered."
            )),
            None => Ok(()),
        },
    }
}

/// Whether clients must not write to a topic of this name.
pub fn is_internal(name: &str) -> bool {
    INTERNAL_TOPICS.contains(&name)
}

/// Kafka's rule for the names of topics; the error is the sentence that Kafka answers with.
pub fn validate_name(name: &str) -> Result<(), String> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let reason = match name {
        "" => "the empty string is not allowed".to_owned(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.len() > NAME_LENGTH_MAX => {
            format!("the length of '{name}' is longer than the max allowed length {NAME_LENGTH_MAX}")
        }
        _ if !name.chars().all(allowed) => {
            format!("'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
        }
        _ => return Ok(()),
    };
    Err(format!("Topic name is invalid: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |name: &str, expect: bool| assert_eq!(validate_name(name).is_ok(), expect, "{name:?}");
        check("orders", true);
        check("a.b_c-D9", true);
        check(&"x".repeat(249), true);
        check(&"x".repeat(250), false);
        check("", false);
        check(".", false);
        check("..", false);
        check("...", true);
        check("a b", false);
        check("ä", false);
    }

    #[test]
    fn names_that_could_be_confused() {
        let (mut topics, mut random, config) = (Topics::default(), Random::new(1), Config::default());
        for name in ["a.b", "a-b", "ab", "a_b.d"] {
            topics.create(name, 1, Overrides::new(), &config, &mut random);
        }
        let check = |topics: &Topics, name, expect| assert_eq!(topics.colliding(name), expect, "{name}");
        check(&topics, "a_b", Some("a.b"));
        check(&topics, "a_b_d", Some("a_b.d"));
        check(&topics, "a_b_c", None);
        check(&topics, "a-b", None);
        check(&topics, "a", None);
        topics.delete("a.b");
        check(&topics, "a_b", None);
    }

    #[test]
    fn created_again_a_topic_has_another_id() {
        let (mut topics, mut random, config) = (Topics::default(), Random::new(1), Config::default());
        let mut create = |topics: &mut Topics| topics.create("t", 3, Overrides::new(), &config, &mut random).id;
        let first = create(&mut topics);
        assert!(topics.delete("t").is_some());
        let second = create(&mut topics);
        assert_ne!(first, second);
        assert!(topics.by_id(first).is_none());
        assert_eq!(topics.by_id(second).map(|topic| topic.partitions.len()), Some(3));
    }
}

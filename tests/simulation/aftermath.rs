//! What is looked at once, when all is over: whether the logs still have everything, whether what need not be kept has gone, and
//! whether there is memory again.

use std::collections::BTreeMap;

use kafka_rs::wire::messages::{create_topics, delete_topics, describe_configs, fetch, produce};

use crate::audit::{FETCH_BY_ID_FROM, READ_COMMITTED, TOPIC_RESOURCE, wanted};
use crate::exchange::Answer;
use crate::model::{Broken, Entry, Topic, ensure};
use crate::records::Batch;
use crate::sim::{Sim, records};

/// So much later than planned the logs are looked through for what need not be kept.
const RETENTION_LATE_MS: i64 = 2 * 60_000;

impl Sim {
    /// The whole of every log, when all is over: no transaction is open any more, and everything is as it came.
    pub fn audit_everything(&mut self) -> Result<(), Broken> {
        for (place, end) in self.ends() {
            let partition = self.model.partition(place).expect("it is one of them");
            let (start, stable) = (partition.start, partition.stable);
            ensure!(stable == end, "{place:?} is stable up to {stable} only, of {end}");
            for isolation_level in [0, READ_COMMITTED] {
                let topic = fetch::FetchTopic {
                    topic_id: place.0,
                    partitions: vec![wanted(place.1, start)],
                    ..Default::default()
                };
                let request = fetch::Request { isolation_level, topics: vec![topic], ..Default::default() };
                let Answer::Fetch(response) = self.ask(FETCH_BY_ID_FROM, request) else {
                    unreachable!("it is what was asked")
                };
                let data = &response.responses[0].partitions[0];
                self.judge_data(place, start, (isolation_level == READ_COMMITTED, u64::MAX), data)?;
                let partition = self.model.partition(place).expect("it is one of them");
                let expect = partition.readable(start, end, u64::MAX);
                let length = records(data).len();
                let seen = length == expect || !partition.is_exact();
                ensure!(seen, "{length} bytes of {place:?} can be read, not {expect}");
                if partition.compacted && !partition.has_gaps() && isolation_level == 0 {
                    let left = partition.judge_compacted(start, &records(data), true)?;
                    self.counts.compacted += (partition.records() - left.records) as u64;
                }
            }
        }
        self.audit_retention()
    }

    /// What topics need not keep is gone, so long after everything has come: all that is older than `retention.ms`, and whole
    /// segments behind which there is `retention.bytes`.
    fn audit_retention(&mut self) -> Result<(), Broken> {
        let checked_ms = self.reactor.broker().config().log_retention_check_interval_ms + RETENTION_LATE_MS;
        let topics: Vec<_> = self.model.alive().filter(|topic| !topic.compacted).map(|topic| topic.id).collect();
        for id in topics {
            let name = self.model.topic(id).expect("it is alive").name.clone();
            let config = self.describe(&name);
            let (ms, bytes) = (config["retention.ms"], config["retention.bytes"]);
            let segment_bytes = config.get("internal.segment.bytes").unwrap_or(&config["segment.bytes"]);
            let topic = self.model.topic(id).expect("it is alive");
            for partition in topic.partitions.iter().filter(|partition| partition.is_exact()) {
                // Who had to be quiet may have been heard just now.
                let is_checked = |entry: &Entry| entry.seen_ms + checked_ms as u64 <= self.model.steady_ms;
                if !partition.entries.iter().all(is_checked) {
                    continue;
                }
                let kept = || partition.entries.iter().filter(|entry| entry.last >= partition.start);
                let is_old = |entry: &Entry| entry.timestamp.saturating_add(ms) < self.now.unix_ms - checked_ms;
                // What DeleteRecords has named goes on counting for its segment.
                let is_too_old = ms >= 0 && kept().count() > 0 && partition.entries.iter().all(is_old);
                ensure!(!is_too_old, "{name}: records are there that are older than {ms} ms");
                let total: i64 = kept().map(|entry| entry.bytes.len() as i64).sum();
                let largest = kept().map(|entry| entry.bytes.len() as i64).max().unwrap_or(0);
                // Segments that are there already keep their size.
                let altered = self.model.resized.contains(&name);
                let is_too_much = bytes >= 0 && !altered && total >= bytes + largest.max(*segment_bytes);
                ensure!(!is_too_much, "{name}: {total} bytes are there, but {bytes} are to be kept");
            }
        }
        Ok(())
    }

    /// What is set for a topic, as far as it is a number.
    fn describe(&mut self, topic: &str) -> BTreeMap<String, i64> {
        let resource = describe_configs::DescribeConfigsResource {
            resource_type: TOPIC_RESOURCE,
            resource_name: topic.to_owned(),
            configuration_keys: None,
        };
        let request = describe_configs::Request { resources: vec![resource], ..Default::default() };
        let Answer::DescribeConfigs(response) = self.ask(4, request) else { unreachable!("it is what was asked") };
        let configs = response.results.into_iter().flat_map(|result| result.configs);
        configs.filter_map(|config| Some((config.name, config.value?.parse().ok()?))).collect()
    }

    /// Whoever deletes gets memory for something new, unless requests lie there that have to wait.
    pub fn audit_relief(&mut self) -> Result<(), Broken> {
        if self.net.borrow().live().into_iter().any(|link| self.is_muted(link)) {
            return Ok(());
        }
        let state = |topic: &Topic| delete_topics::DeleteTopicState { name: None, topic_id: topic.id };
        let topics: Vec<_> = self.model.alive().map(state).collect();
        let Answer::DeleteTopics(response) = self.ask(6, delete_topics::Request { topics, ..Default::default() })
        else {
            unreachable!("it is what was asked")
        };
        for result in response.responses {
            ensure!(!result.error_code.is_error(), "a topic cannot be deleted: {}", result.error_code);
            self.model.topic_mut(result.topic_id).expect("it was named").until = Some(self.turn);
        }
        let topic = create_topics::CreatableTopic {
            name: "relief".to_owned(),
            num_partitions: 1,
            replication_factor: 1,
            ..Default::default()
        };
        let Answer::CreateTopics(created) =
            self.ask(7, create_topics::Request { topics: vec![topic], ..Default::default() })
        else {
            unreachable!("it is what was asked")
        };
        let (id, records) = (created.topics[0].topic_id, Batch::of(&["there is room"]).encode());
        let data = produce::PartitionProduceData { index: 0, records: Some(records) };
        let data = produce::TopicProduceData { topic_id: id, partition_data: vec![data], ..Default::default() };
        let request = produce::Request { acks: 1, timeout_ms: 1000, topic_data: vec![data], ..Default::default() };
        let Answer::Produce(produced) = self.ask(13, request) else { unreachable!("it is what was asked") };
        let error = produced.responses[0].partition_responses[0].error_code;
        ensure!(!error.is_error(), "everything was deleted, and a Produce comes to {error}");
        let topics = vec![delete_topics::DeleteTopicState { name: None, topic_id: id }];
        self.ask(6, delete_topics::Request { topics, ..Default::default() });
        Ok(())
    }
}

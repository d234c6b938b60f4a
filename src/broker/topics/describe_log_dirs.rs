//! DescribeLogDirs (35), versions 1 to 4: where the partitions lie and how large they are.
//!
//! Records lie in memory. What is shown is one directory with the name that Kafka's default has, and in it every partition
//! with the bytes that it holds. v4 asks for the size of the volume too: that of memory is not known here, which is -1.
//! A partition that does not exist is left out, and so is a topic without any.

use std::collections::{BTreeMap, BTreeSet};

use crate::broker::topics::Topic;
use crate::broker::{Broker, Call};
use crate::wire::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic, Request, Response,
};

/// The one directory there seems to be.
pub const LOG_DIR: &str = "/tmp/kafka-logs";

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let topics = match request.topics {
        None => broker.topics.sorted().into_iter().filter_map(|topic| describe(topic, |_| true)).collect(),
        Some(topics) => {
            let mut wanted = BTreeMap::<String, BTreeSet<i32>>::new();
            for topic in topics {
                wanted.entry(topic.topic).or_default().extend(topic.partitions);
            }
            let known = wanted.iter().filter_map(|(name, indexes)| Some((broker.topics.get(name)?, indexes)));
            known.filter_map(|(topic, indexes)| describe(topic, |index| indexes.contains(&index))).collect()
        }
    };
    let result = DescribeLogDirsResult { log_dir: LOG_DIR.to_owned(), topics, ..DescribeLogDirsResult::default() };
    Response { results: vec![result], ..Response::default() }
}

fn describe(topic: &Topic, is_wanted: impl Fn(i32) -> bool) -> Option<DescribeLogDirsTopic> {
    let partitions: Vec<_> = (0..)
        .zip(&topic.partitions)
        .filter(|(index, _)| is_wanted(*index))
        .map(|(partition_index, partition)| DescribeLogDirsPartition {
            partition_index,
            partition_size: i64::try_from(partition.log.bytes()).unwrap_or(i64::MAX),
            ..DescribeLogDirsPartition::default()
        })
        .collect();
    (!partitions.is_empty()).then(|| DescribeLogDirsTopic { name: topic.name.clone(), partitions })
}

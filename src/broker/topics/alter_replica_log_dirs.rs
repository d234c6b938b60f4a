//! AlterReplicaLogDirs (34), versions 1 to 2: moves partitions to another directory of the same broker.
//!
//! There is one directory, the one that DescribeLogDirs shows, and everything lies there: to move a partition into it is
//! done at once, and into any other is LOG_DIR_NOT_FOUND, whether the partition exists or not. A partition that is named
//! more than once goes where it is named last.

use std::collections::BTreeMap;

use super::describe_log_dirs::LOG_DIR;
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::alter_replica_log_dirs::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, Request, Response,
};

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let mut wanted = BTreeMap::<String, BTreeMap<i32, bool>>::new();
    for dir in request.dirs {
        for topic in dir.topics {
            let partitions = wanted.entry(topic.name).or_default();
            partitions.extend(topic.partitions.into_iter().map(|index| (index, dir.path == LOG_DIR)));
        }
    }
    let results = wanted.into_iter().map(|(topic_name, partitions)| {
        let topic = broker.topics.get(&topic_name);
        let result = |(partition_index, dir_exists): (i32, bool)| AlterReplicaLogDirPartitionResult {
            partition_index,
            error_code: match topic.and_then(|topic| topic.partition(partition_index)) {
                _ if !dir_exists => ErrorCode::LOG_DIR_NOT_FOUND,
                None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                Some(_) => ErrorCode::NONE,
            },
        };
        AlterReplicaLogDirTopicResult { partitions: partitions.into_iter().map(result).collect(), topic_name }
    });
    Response { results: results.collect(), ..Response::default() }
}

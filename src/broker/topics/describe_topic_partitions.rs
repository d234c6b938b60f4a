//! DescribeTopicPartitions (75), version 0: topics with their partitions, in pieces of a limited size (KIP-966).
//!
//! Topics come in the order of their names, all that were named or, if none was, all that there are. When the limit is
//! reached, the response names the partition with which the next one begins, and the client hands that in as its cursor:
//! topics in front of it are skipped, and so are its own topic's partitions in front of it. The limit is what the request
//! says, but no more than `max.request.partition.size.limit` and at least one.

use std::collections::BTreeSet;

use super::{Topic, validate_name};
use crate::broker::cluster::TOPIC_OPERATIONS;
use crate::broker::{Broker, Call, LEADER_EPOCH};
use crate::wire::ErrorCode;
use crate::wire::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic, Request, Response,
};

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let named: BTreeSet<String> = request.topics.into_iter().map(|topic| topic.name).collect();
    let all = named.is_empty();
    let (first_topic, first_partition) = match &request.cursor {
        Some(cursor) if cursor.partition_index < 0 || !all && !named.contains(&cursor.topic_name) => {
            return invalid(named);
        }
        Some(cursor) => (cursor.topic_name.as_str(), usize::try_from(cursor.partition_index).unwrap_or(usize::MAX)),
        None => ("", 0),
    };
    let names: Vec<&str> = match all {
        true => broker.topics.sorted().into_iter().map(|topic| topic.name.as_str()).collect(),
        false => named.iter().map(String::as_str).collect(),
    };
    let limit = request.response_partition_limit.min(broker.config.max_request_partition_size_limit);
    let mut left = usize::try_from(limit).unwrap_or(0).max(1);
    let mut response = Response::default();
    for name in names.into_iter().filter(|name| *name >= first_topic) {
        if left == 0 {
            response.next_cursor = Some(Cursor { topic_name: name.to_owned(), partition_index: 0 });
            break;
        }
        let Some(topic) = broker.topics.get(name) else {
            response.topics.push(unknown(name));
            continue;
        };
        let start = if name == first_topic { first_partition } else { 0 };
        let described = describe(topic, start, left, broker.config.node_id);
        left -= described.partitions.len();
        let next = start.saturating_add(described.partitions.len());
        response.topics.push(described);
        if next < topic.partitions.len() {
            let partition_index = i32::try_from(next).expect("a topic has few enough partitions");
            response.next_cursor = Some(Cursor { topic_name: name.to_owned(), partition_index });
            break;
        }
    }
    response
}

/// Answers a cursor that means nothing: it is beside the topics that were named, or in front of the first partition.
fn invalid(named: BTreeSet<String>) -> Response {
    let refused = |name| DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::INVALID_REQUEST,
        name: Some(name),
        ..DescribeTopicPartitionsResponseTopic::default()
    };
    Response { topics: named.into_iter().map(refused).collect(), ..Response::default() }
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        error_code: match validate_name(name) {
            Ok(()) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            Err(_) => ErrorCode::INVALID_TOPIC_EXCEPTION,
        },
        name: Some(name.to_owned()),
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

fn describe(topic: &Topic, start: usize, limit: usize, node_id: i32) -> DescribeTopicPartitionsResponseTopic {
    let partition = |partition_index| DescribeTopicPartitionsResponsePartition {
        partition_index,
        leader_id: node_id,
        leader_epoch: LEADER_EPOCH,
        replica_nodes: vec![node_id],
        isr_nodes: vec![node_id],
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        ..DescribeTopicPartitionsResponsePartition::default()
    };
    DescribeTopicPartitionsResponseTopic {
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        partitions: (0..).take(topic.partitions.len()).skip(start).take(limit).map(partition).collect(),
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

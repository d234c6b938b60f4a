//! DescribeProducers (61), version 0: the producers that partitions remember (KIP-664).
//!
//! With it an administrator finds transactions that hang: whose producer has written, and which nobody ends.

use crate::broker::topics::{Topic, validate_name};
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::describe_producers::{PartitionResponse, Request, Response, TopicResponse};

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let topics = request.topics.into_iter().map(|wanted| {
        let topic = broker.topics.get(&wanted.name);
        let describe = |index: &i32| describe(topic, &wanted.name, *index);
        TopicResponse { partitions: wanted.partition_indexes.iter().map(describe).collect(), name: wanted.name }
    });
    Response { topics: topics.collect(), ..Response::default() }
}

fn describe(topic: Option<&Topic>, name: &str, partition_index: i32) -> PartitionResponse {
    let failed = |error_code, error_message| PartitionResponse {
        partition_index,
        error_code,
        error_message,
        ..PartitionResponse::default()
    };
    let Some(topic) = topic else {
        return match validate_name(name) {
            Err(reason) => failed(ErrorCode::INVALID_TOPIC_EXCEPTION, Some(reason)),
            Ok(()) => {
                let message = "This server does not host this topic-partition.".to_owned();
                failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(message))
            }
        };
    };
    let Some(partition) = topic.partition(partition_index) else {
        return failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None);
    };
    let active_producers = partition.producers.describe(&partition.log.transactions);
    PartitionResponse { partition_index, active_producers, ..PartitionResponse::default() }
}

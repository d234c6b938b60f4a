//! DescribeProducers (61), version 0: the producers that partitions remember (KIP-664).
//!
//! With it an administrator finds transactions that hang: whose producer has written, and which nobody ends. A partition that
//! is asked for twice is described once, where Kafka does it twice: the answer must not outgrow what there is to describe.

use std::collections::HashSet;

use crate::broker::sentences::Sentences;
use crate::broker::topics::{Topic, validate_name};
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::describe_producers::{PartitionResponse, Request, Response, TopicResponse};

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let mut sentences = Sentences::default();
    let mut seen = HashSet::new();
    let topics = request.topics.into_iter().map(|wanted| {
        let topic = broker.topics.get(&wanted.name);
        let is_new = |index: &&i32| topic.is_none_or(|topic| seen.insert((topic.id, **index)));
        let invalid = validate_name(&wanted.name).err();
        let describe = |index: &i32| describe(topic, invalid.as_deref(), *index, &mut sentences);
        TopicResponse {
            partitions: wanted.partition_indexes.iter().filter(is_new).map(describe).collect(),
            name: wanted.name,
        }
    });
    Response { topics: topics.collect(), ..Response::default() }
}

fn describe(
    topic: Option<&Topic>,
    invalid: Option<&str>,
    partition_index: i32,
    sentences: &mut Sentences,
) -> PartitionResponse {
    let failed = |error_code, error_message| PartitionResponse {
        partition_index,
        error_code,
        error_message,
        ..PartitionResponse::default()
    };
    let Some(topic) = topic else {
        return match invalid {
            Some(reason) => failed(ErrorCode::INVALID_TOPIC_EXCEPTION, sentences.say(|| reason.to_owned())),
            None => {
                let message = || "This server does not host this topic-partition.".to_owned();
                failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, sentences.say(message))
            }
        };
    };
    let Some(partition) = topic.partition(partition_index) else {
        return failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None);
    };
    let active_producers = partition.producers.describe(&partition.log.transactions);
    PartitionResponse { partition_index, active_producers, ..PartitionResponse::default() }
}

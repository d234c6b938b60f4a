//! AlterPartitionReassignments (45), versions 0 to 1: moves partitions to other brokers, or stops that.
//!
//! There is one broker. To give it a partition that it has is done at once, any other broker is unknown, and so there is
//! never anything to stop. v1 can forbid to change the number of replicas, which cannot be changed here anyway. A timeout of
//! 0 is over before anything was looked at, as in Kafka.

use crate::broker::sentences::Sentences;
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::alter_partition_reassignments::{
    ReassignablePartition, ReassignablePartitionResponse, ReassignableTopic, ReassignableTopicResponse, Request,
    Response,
};

type Refusal = (ErrorCode, Option<String>);

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let allow_replication_factor_change = request.allow_replication_factor_change;
    if request.topics.is_empty() {
        return Response { allow_replication_factor_change, ..Response::default() };
    }
    let timed_out = request.timeout_ms <= 0;
    let mut sentences = Sentences::default();
    let reassign_all = |ReassignableTopic { name, partitions }| {
        let result = |wanted: ReassignablePartition| {
            let outcome = match timed_out {
                true => Err((ErrorCode::REQUEST_TIMED_OUT, None)),
                false => reassign(broker, &name, &wanted, &mut sentences),
            };
            let (error_code, error_message) = outcome.err().unwrap_or_default();
            ReassignablePartitionResponse { partition_index: wanted.partition_index, error_code, error_message }
        };
        ReassignableTopicResponse { partitions: partitions.into_iter().map(result).collect(), name }
    };
    Response {
        allow_replication_factor_change,
        error_code: if timed_out { ErrorCode::REQUEST_TIMED_OUT } else { ErrorCode::NONE },
        error_message: None,
        responses: request.topics.into_iter().map(reassign_all).collect(),
        ..Response::default()
    }
}

fn reassign(
    broker: &Broker,
    name: &str,
    wanted: &ReassignablePartition,
    sentences: &mut Sentences,
) -> Result<(), Refusal> {
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let Some(topic) = broker.topics.get(name) else {
        return Err((unknown, sentences.say(|| format!("Unable to find a topic named {name}."))));
    };
    let index = wanted.partition_index;
    if topic.partition(index).is_none() {
        return Err((unknown, sentences.say(|| format!("Unable to find partition {name}:{index}."))));
    }
    match &wanted.replicas {
        Some(replicas) => super::check_replicas(replicas, broker.config.node_id)
            .map_err(|message| (ErrorCode::INVALID_REPLICA_ASSIGNMENT, sentences.say(|| message))),
        None => Err((ErrorCode::NO_REASSIGNMENT_IN_PROGRESS, None)),
    }
}

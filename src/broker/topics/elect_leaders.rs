//! ElectLeaders (43), versions 0 to 2: makes a partition's preferred replica its leader, or from v1 any replica that lives.
//!
//! The only replica of a partition leads it already, so no election is ever needed. A request that names partitions is told
//! so for each of them; one that means all of them gets the topics without partitions, because Kafka leaves out those that
//! need nothing. A timeout of 0 is over before anything was looked at, as in Kafka.

use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::elect_leaders::{
    PartitionResult, ReplicaElectionResult, Request, Response, TopicPartitions,
};

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let refusal = match request.election_type {
        _ if request.timeout_ms <= 0 => Some((ErrorCode::REQUEST_TIMED_OUT, None)),
        PREFERRED | UNCLEAN => None,
        other => Some((ErrorCode::INVALID_REQUEST, Some(format!("Unknown election type {other}")))),
    };
    let error_code = refusal.as_ref().map(|(error, _)| *error).unwrap_or_default();
    let elect = |topic: &str, partition| match &refusal {
        Some(refusal) => refusal.clone(),
        None => elect(broker, topic, partition),
    };
    let elect_all = |TopicPartitions { topic, partitions }| {
        let result = |partition_id| {
            let (error_code, error_message) = elect(&topic, partition_id);
            PartitionResult { partition_id, error_code, error_message }
        };
        ReplicaElectionResult { partition_result: partitions.into_iter().map(result).collect(), topic }
    };
    let replica_election_results = match request.topic_partitions {
        Some(topics) => topics.into_iter().map(elect_all).collect(),
        None if refusal.is_some() => Vec::new(),
        None => {
            let topics = broker.topics.sorted().into_iter();
            topics.map(|topic| ReplicaElectionResult { topic: topic.name.clone(), ..Default::default() }).collect()
        }
    };
    Response { error_code, replica_election_results, ..Response::default() }
}

fn elect(broker: &Broker, name: &str, partition: i32) -> (ErrorCode, Option<String>) {
    let unknown = |what: String| (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(format!("No such {what}")));
    let Some(topic) = broker.topics.get(name) else { return unknown(format!("topic as {name}")) };
    match topic.partition(partition) {
        Some(_) => {
            let message = "Leader election not needed for topic partition.";
            (ErrorCode::ELECTION_NOT_NEEDED, Some(message.to_owned()))
        }
        None => unknown(format!("partition as {name}-{partition}")),
    }
}

//! ElectLeaders (43), versions 0 to 2: makes a partition's preferred replica its leader, or from v1 any replica that lives.
//!
//! The only replica of a partition leads it already, so no election is ever needed. A request that names partitions is told
//! so for each of them; one that means all of them gets the topics without partitions, because Kafka leaves out those that
//! need nothing. A timeout of 0 is over before anything was looked at, as in Kafka.

use crate::broker::sentences::Sentences;
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
    let mut sentences = Sentences::default();
    let mut elect = |topic: &str, partition| match &refusal {
        Some((error, message)) => (*error, message.clone().and_then(|message| sentences.say(|| message))),
        None => elect(broker, topic, partition, &mut sentences),
    };
    let mut elect_all = |TopicPartitions { topic, partitions }| {
        let result = |partition_id| {
            let (error_code, error_message) = elect(&topic, partition_id);
            PartitionResult { partition_id, error_code, error_message }
        };
        ReplicaElectionResult { partition_result: partitions.into_iter().map(result).collect(), topic }
    };
    let replica_election_results = match request.topic_partitions {
        Some(topics) => topics.into_iter().map(&mut elect_all).collect(),
        None if refusal.is_some() => Vec::new(),
        None => {
            let topics = broker.topics.sorted().into_iter();
            topics.map(|topic| ReplicaElectionResult { topic: topic.name.clone(), ..Default::default() }).collect()
        }
    };
    Response { error_code, replica_election_results, ..Response::default() }
}

fn elect(broker: &Broker, name: &str, partition: i32, sentences: &mut Sentences) -> (ErrorCode, Option<String>) {
    let topic = broker.topics.get(name);
    let error = match topic.and_then(|topic| topic.partition(partition)) {
        Some(_) => ErrorCode::ELECTION_NOT_NEEDED,
        None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    };
    let message = sentences.say(|| match (topic, error) {
        (None, _) => format!("No such topic as {name}"),
        (Some(_), ErrorCode::ELECTION_NOT_NEEDED) => "Leader election not needed for topic partition.".to_owned(),
        (Some(_), _) => format!("No such partition as {name}-{partition}"),
    });
    (error, message)
}

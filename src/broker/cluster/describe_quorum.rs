//! DescribeQuorum (55), versions 0 to 2: who keeps the cluster's metadata.
//!
//! In Kafka that is a log of its own, `__cluster_metadata`, with a quorum of controllers. Here the broker is the one voter,
//! has been the leader from the beginning, and keeps no log: its end is 0. From v1 the answer tells when a voter was heard of
//! last, from v2 where it can be reached, which is at the listener by which the client came, and the directory in which it
//! would keep the log, which is known once `kraft.version` is 1.
//!
//! As in Kafka, a request that asks for anything but that one partition gets UNKNOWN_TOPIC_OR_PARTITION for everything.

use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::describe_quorum::{
    Listener, Node, PartitionDataResponse, ReplicaState, Request, Response, TopicData, TopicDataResponse,
};

const METADATA_TOPIC: &str = "__cluster_metadata";
/// The quorum's first and only term.
const QUORUM_EPOCH: i32 = 1;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    if !asks_for_the_metadata(&request) {
        return Response { topics: request.topics.into_iter().map(unknown).collect(), ..Response::default() };
    }
    let (host, port) = broker.endpoint(&call.client);
    let node_id = broker.config.node_id;
    let voter = ReplicaState {
        replica_id: node_id,
        replica_directory_id: broker.voter_directory,
        last_fetch_timestamp: call.now.unix_ms,
        last_caught_up_timestamp: call.now.unix_ms,
        ..ReplicaState::default()
    };
    let partition = PartitionDataResponse {
        leader_id: node_id,
        leader_epoch: QUORUM_EPOCH,
        current_voters: vec![voter],
        ..PartitionDataResponse::default()
    };
    let name = broker.config.listeners.get(call.client.listener).map(|listener| listener.name.clone());
    let listener = Listener { name: name.unwrap_or_default(), host, port: u16::try_from(port).unwrap_or_default() };
    Response {
        topics: vec![TopicDataResponse { topic_name: METADATA_TOPIC.to_owned(), partitions: vec![partition] }],
        nodes: vec![Node { node_id, listeners: vec![listener] }],
        ..Response::default()
    }
}

fn asks_for_the_metadata(request: &Request) -> bool {
    match request.topics.as_slice() {
        [topic] if topic.topic_name == METADATA_TOPIC => {
            matches!(topic.partitions.as_slice(), [partition] if partition.partition_index == 0)
        }
        _ => false,
    }
}

fn unknown(topic: TopicData) -> TopicDataResponse {
    let partition = |partition_index| PartitionDataResponse {
        partition_index,
        error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        error_message: Some("This server does not host this topic-partition.".to_owned()),
        ..PartitionDataResponse::default()
    };
    TopicDataResponse {
        topic_name: topic.topic_name,
        partitions: topic.partitions.into_iter().map(|wanted| partition(wanted.partition_index)).collect(),
    }
}

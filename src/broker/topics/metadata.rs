//! Metadata (3), versions 0 to 13: which topics there are and who leads their partitions.
//!
//! A topic that does not exist is created on the way, when the request allows it (from v4 it can say no) and
//! `auto.create.topics.enable` does. Kafka answers such a request with an error and expects the client to ask again;
//! here the topic is there with its leader in the same response. From v10 topics have ids, and from v12 a client can ask by id.

use std::collections::HashSet;

use log::warn;

use super::{Topic, validate_name};
use crate::broker::cluster::{CLUSTER_OPERATIONS, TOPIC_OPERATIONS};
use crate::broker::{Broker, Call, LEADER_EPOCH};
use crate::config::topic::Overrides;
use crate::wire::messages::metadata::{
    MetadataRequestTopic, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic, Request, Response,
};
use crate::wire::{ErrorCode, Uuid};

/// The first version in which a topic can be asked for by its id alone.
const BY_ID_FROM: i16 = 12;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let asked = request.topics.iter().flatten();
    if call.version < BY_ID_FROM && asked.clone().any(|topic| topic.name.is_none() || topic.topic_id != Uuid::ZERO) {
        return refuse(request);
    }
    let (host, port) = broker.endpoint(&call.client);
    let node_id = broker.config.node_id;
    let operations = request.include_topic_authorized_operations;
    let topics = match requested(&request, call.version) {
        None => broker.topics.sorted().into_iter().map(|topic| describe(topic, node_id, operations)).collect(),
        Some(wanted) => {
            let mut seen = HashSet::new();
            // Who asks for some topics by id gets an answer for these alone.
            let by_id = wanted.iter().any(|topic| topic.topic_id != Uuid::ZERO);
            wanted
                .iter()
                .filter(|topic| !by_id || topic.topic_id != Uuid::ZERO)
                .filter(|topic| seen.insert(identity(topic)))
                .map(|topic| one(broker, topic, request.allow_auto_topic_creation, operations))
                .collect()
        }
    };
    Response {
        brokers: vec![MetadataResponseBroker { node_id, host, port, rack: broker.config.broker_rack.clone() }],
        cluster_id: Some(broker.cluster_id.clone()),
        controller_id: node_id,
        topics,
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => CLUSTER_OPERATIONS,
            false => i32::MIN,
        },
        ..Response::default()
    }
}

/// What makes a topic of the request the same as another one: its id if it has one, whatever its name is then.
fn identity(wanted: &MetadataRequestTopic) -> (Uuid, Option<&str>) {
    match wanted.topic_id {
        Uuid::ZERO => (Uuid::ZERO, wanted.name.as_deref()),
        id => (id, None),
    }
}

/// Ids came into the request before they could be used: versions 10 and 11 have the field and must leave it alone.
fn refuse(request: Request) -> Response {
    let topic = |topic: MetadataRequestTopic| MetadataResponseTopic {
        error_code: ErrorCode::INVALID_REQUEST,
        name: Some(topic.name.unwrap_or_default()),
        topic_id: topic.topic_id,
        ..MetadataResponseTopic::default()
    };
    let topics = request.topics.into_iter().flatten().map(topic).collect();
    Response { topics, ..Response::default() }
}

/// The topics that are asked for, or `None` for all: version 0 has no null and says so with an empty list.
fn requested(request: &Request, version: i16) -> Option<&[MetadataRequestTopic]> {
    request.topics.as_deref().filter(|topics| version > 0 || !topics.is_empty())
}

fn one(
    broker: &mut Broker,
    wanted: &MetadataRequestTopic,
    may_create: bool,
    operations: bool,
) -> MetadataResponseTopic {
    let node_id = broker.config.node_id;
    // Kafka knows what is allowed with a name, whether there is such a topic or not.
    let allowed = if operations { TOPIC_OPERATIONS } else { i32::MIN };
    let failed = |error_code, name: Option<String>| MetadataResponseTopic {
        error_code,
        topic_authorized_operations: if name.is_some() { allowed } else { i32::MIN },
        name,
        topic_id: wanted.topic_id,
        ..MetadataResponseTopic::default()
    };
    if wanted.topic_id != Uuid::ZERO {
        return match broker.topics.by_id(wanted.topic_id) {
            Some(topic) => describe(topic, node_id, operations),
            None => failed(ErrorCode::UNKNOWN_TOPIC_ID, None),
        };
    }
    let Some(name) = &wanted.name else { return failed(ErrorCode::UNKNOWN_TOPIC_ID, None) };
    if let Some(topic) = broker.topics.get(name) {
        return describe(topic, node_id, operations);
    }
    if validate_name(name).is_err() {
        return failed(ErrorCode::INVALID_TOPIC_EXCEPTION, Some(name.clone()));
    }
    if !may_create || !broker.config.auto_create_topics_enable {
        return failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(name.clone()));
    }
    if broker.topics.colliding(name).is_some() {
        return failed(ErrorCode::INVALID_TOPIC_EXCEPTION, Some(name.clone()));
    }
    if broker.config.default_replication_factor > 1 {
        return failed(ErrorCode::INVALID_REPLICATION_FACTOR, Some(name.clone()));
    }
    let partitions = usize::try_from(broker.config.num_partitions).unwrap_or(0);
    if let Err(reason) = broker.topics.check_room(1, partitions, &broker.config) {
        warn!("Not creating topic {name}: {reason}");
        return failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(name.clone()));
    }
    describe(broker.create_topic(name, broker.config.num_partitions, Overrides::new()), node_id, operations)
}

fn describe(topic: &Topic, node_id: i32, operations: bool) -> MetadataResponseTopic {
    let partition = |index| MetadataResponsePartition {
        partition_index: index,
        leader_id: node_id,
        leader_epoch: LEADER_EPOCH,
        replica_nodes: vec![node_id],
        isr_nodes: vec![node_id],
        ..MetadataResponsePartition::default()
    };
    MetadataResponseTopic {
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        partitions: (0..).take(topic.partitions.len()).map(partition).collect(),
        topic_authorized_operations: if operations { TOPIC_OPERATIONS } else { i32::MIN },
        ..MetadataResponseTopic::default()
    }
}

//! CreateTopics (19), versions 2 to 7: topics with any number of partitions, and their settings.
//!
//! The topic is ready when the answer is written, so the request's timeout never matters. From v5 the answer tells the
//! partitions, the replication factor and every setting of the new topic; from v7 its id. With `validate_only` everything is
//! checked and nothing is created. A request that would create more than 10,000 partitions is refused. A single broker can hold one replica of a partition and no more. From v6 a topic for which
//! the quota `controller_mutation_rate` has nothing left is refused (KIP-599); before, the client is slowed down.

use std::collections::HashSet;

use super::{PARTITIONS_MAX, check_replicas, validate_name};
use crate::broker::kept::settings_bytes;
use crate::broker::quotas::Mutations;
use crate::broker::{Broker, CHANGES_MAX, Call, TOO_MANY_CHANGES};
use crate::config::Config;
use crate::config::topic::{self, Overrides};
use crate::wire::ErrorCode;
use crate::wire::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, Request, Response,
};

/// The first version that is told when its quota is used up.
const STRICT_FROM: i16 = 6;

type Refusal = (ErrorCode, String);

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let mut mutations = Mutations::new(call, STRICT_FROM);
    let (mut seen, mut twice) = (HashSet::new(), HashSet::new());
    for topic in &request.topics {
        if !seen.insert(topic.name.clone()) {
            twice.insert(topic.name.clone());
        }
    }
    let once: Vec<_> = request.topics.iter().filter(|topic| !twice.contains(&topic.name)).collect();
    let excess = excess(&once, &broker.config);
    let mut topics = Vec::new();
    for topic in request.topics {
        if !seen.remove(&topic.name) {
            continue;
        }
        let outcome = match excess {
            _ if twice.contains(&topic.name) => Err((ErrorCode::INVALID_REQUEST, "Duplicate topic name.".to_owned())),
            Some(message) => Err((ErrorCode::POLICY_VIOLATION, message.to_owned())),
            None => create(broker, &topic, request.validate_only, &mut mutations),
        };
        topics.push(outcome.unwrap_or_else(|(error_code, message)| CreatableTopicResult {
            name: topic.name,
            error_code,
            error_message: Some(message).filter(|message| !message.is_empty()),
            ..CreatableTopicResult::default()
        }));
    }
    Response { throttle_time_ms: mutations.throttle_time_ms, topics }
}

/// What Kafka says to a request that wants too much to be created, which is refused whole: so many partitions, or so many
/// topics, partitions and settings together. Kafka does not count the settings and partitions of topics that are refused anyway.
fn excess(wanted: &[&CreatableTopic], config: &Config) -> Option<&'static str> {
    let partitions = |topic: &&CreatableTopic| match (topic.assignments.len(), topic.num_partitions) {
        (0, -1) => i64::from(config.num_partitions),
        (0, count) => i64::from(count),
        (assigned, _) => i64::try_from(assigned).unwrap_or(i64::MAX),
    };
    let settings: usize = wanted.iter().map(|topic| 1 + topic.configs.len()).sum();
    let partitions: i64 = wanted.iter().map(partitions).sum();
    if partitions > i64::from(PARTITIONS_MAX) {
        return Some("Excessively large number of partitions per request.");
    }
    let changes = settings.saturating_add(usize::try_from(partitions).unwrap_or(0));
    (changes > CHANGES_MAX).then_some(TOO_MANY_CHANGES)
}

fn create(
    broker: &mut Broker,
    wanted: &CreatableTopic,
    validate_only: bool,
    mutations: &mut Mutations,
) -> Result<CreatableTopicResult, Refusal> {
    validate_name(&wanted.name).map_err(|message| (ErrorCode::INVALID_TOPIC_EXCEPTION, message))?;
    if broker.topics.get(&wanted.name).is_some() {
        return Err((ErrorCode::TOPIC_ALREADY_EXISTS, format!("Topic '{}' already exists.", wanted.name)));
    }
    if let Some(other) = broker.topics.colliding(&wanted.name) {
        let message = format!("Topic '{}' collides with existing topic: {other}", wanted.name);
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, message));
    }
    let asked = wanted.configs.iter().map(|config| (config.name.as_str(), config.value.as_deref()));
    let configs = match wanted.configs.as_slice() {
        // What is set for the broker is not held against a topic that says nothing.
        [] => Overrides::new(),
        _ => topic::overrides(&broker.config, asked).map_err(|message| (ErrorCode::INVALID_CONFIG, message))?,
    };
    let partitions = match wanted.assignments.as_slice() {
        [] => count_partitions(broker, wanted)?,
        assignments => check_assignments(wanted, assignments, broker.config.node_id)?,
    };
    let created = usize::try_from(partitions).expect("the number of partitions has been checked");
    let room = broker.topics.check_room(1, created, &broker.config);
    room.map_err(|message| (ErrorCode::POLICY_VIOLATION, message))?;
    let room = broker.kept.check(0, settings_bytes(&configs));
    room.map_err(|no_room| (ErrorCode::POLICY_VIOLATION, no_room.sentence()))?;
    mutations.take(&mut broker.quotas, &broker.config, created).map_err(|error| (error, String::new()))?;
    let mut result = CreatableTopicResult {
        name: wanted.name.clone(),
        error_message: None,
        num_partitions: partitions,
        replication_factor: 1,
        configs: Some(
            topic::describe_new(&broker.config, &configs)
                .map(|entry| CreatableTopicConfigs {
                    name: entry.name.to_owned(),
                    value: entry.value,
                    read_only: false,
                    config_source: entry.source as i8,
                    is_sensitive: false,
                })
                .collect(),
        ),
        ..CreatableTopicResult::default()
    };
    // The topic that would be created has an id too, though nobody will ever see it again.
    result.topic_id = match validate_only {
        true => broker.random.uuid(),
        false => broker.create_topic(&wanted.name, partitions, configs).id,
    };
    Ok(result)
}

/// How many partitions a topic without a manual assignment gets.
fn count_partitions(broker: &Broker, wanted: &CreatableTopic) -> Result<i32, Refusal> {
    let replicas = match wanted.replication_factor {
        -1 => broker.config.default_replication_factor,
        1.. => i32::from(wanted.replication_factor),
        _ => {
            let message = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err((ErrorCode::INVALID_REPLICATION_FACTOR, message.to_owned()));
        }
    };
    let partitions = match wanted.num_partitions {
        -1 => broker.config.num_partitions,
        count @ 1..=PARTITIONS_MAX => count,
        count @ 1.. => {
            return Err((ErrorCode::INVALID_PARTITIONS, too_many_partitions(count)));
        }
        _ => {
            let message = "Number of partitions was set to an invalid non-positive value.";
            return Err((ErrorCode::INVALID_PARTITIONS, message.to_owned()));
        }
    };
    if replicas > 1 {
        let message = format!(
            "Unable to replicate the partition {replicas} time(s): The target replication factor of {replicas} cannot be \
             reached because only 1 broker(s) are registered."
        );
        return Err((ErrorCode::INVALID_REPLICATION_FACTOR, message));
    }
    Ok(partitions)
}

/// Checks a manual assignment: partitions 0, 1, 2, …, each on this broker and no other.
fn check_assignments(
    wanted: &CreatableTopic,
    assignments: &[CreatableReplicaAssignment],
    node_id: i32,
) -> Result<i32, Refusal> {
    let refuse = |error, message: String| Err((error, message));
    if wanted.replication_factor != -1 {
        let message = "A manual partition assignment was specified, but replication factor was not set to -1.";
        return refuse(ErrorCode::INVALID_REQUEST, message.to_owned());
    }
    if wanted.num_partitions != -1 {
        let message = "A manual partition assignment was specified, but numPartitions was not set to -1.";
        return refuse(ErrorCode::INVALID_REQUEST, message.to_owned());
    }
    let mut indexes = HashSet::new();
    for assignment in assignments {
        let index = assignment.partition_index;
        if !indexes.insert(index) {
            let message = format!("Found multiple manual partition assignments for partition {index}");
            return refuse(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
        }
        check_replicas(&assignment.broker_ids, node_id)
            .map_err(|problem| (ErrorCode::INVALID_REPLICA_ASSIGNMENT, problem))?;
    }
    if (0..).take(assignments.len()).any(|index| !indexes.contains(&index)) {
        let message = "partitions should be a consecutive 0-based integer sequence";
        return refuse(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message.to_owned());
    }
    match i32::try_from(assignments.len()) {
        Ok(count @ ..=PARTITIONS_MAX) => Ok(count),
        _ => refuse(ErrorCode::INVALID_PARTITIONS, too_many_partitions(assignments.len())),
    }
}

pub fn too_many_partitions(count: impl std::fmt::Display) -> String {
    format!("{count} partitions are more than the {PARTITIONS_MAX} that a topic may have.")
}

//! CreatePartitions (37), versions 0 to 3: more partitions for topics that there are.
//!
//! A topic only ever grows. The new partitions can be read and written when the answer is written. With `validate_only`
//! everything is checked and nothing is created. From v3 a topic for which the quota `controller_mutation_rate` has nothing
//! left is refused (KIP-599); before, the client is slowed down. A timeout of 0 is over before anything was done, as in Kafka.
//! A request for more than 10,000 new partitions is refused whole; Kafka creates some of them and answers UNKNOWN_SERVER_ERROR.

use std::collections::HashMap;

use super::create_topics::too_many_partitions;
use super::{PARTITIONS_MAX, Topics};
use crate::broker::quotas::Mutations;
use crate::broker::{Broker, Call, TOO_MANY_CHANGES};
use crate::wire::ErrorCode;
use crate::wire::messages::create_partitions::{
    CreatePartitionsAssignment, CreatePartitionsTopic, CreatePartitionsTopicResult, Request, Response,
};

/// The first version that is told when its quota is used up.
const STRICT_FROM: i16 = 3;

type Refusal = (ErrorCode, Option<String>);

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let mut mutations = Mutations::new(call, STRICT_FROM);
    let mut times = HashMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.clone()).or_insert(0) += 1;
    }
    let excess = new_partitions(&broker.topics, &request.topics) > PARTITIONS_MAX.into();
    let mut results = Vec::new();
    for topic in request.topics {
        let Some(times) = times.remove(&topic.name) else { continue };
        let outcome = if times > 1 {
            Err((ErrorCode::INVALID_REQUEST, Some("Duplicate topic name.".to_owned())))
        } else if request.timeout_ms <= 0 {
            Err((ErrorCode::REQUEST_TIMED_OUT, None))
        } else if excess {
            Err((ErrorCode::POLICY_VIOLATION, Some(TOO_MANY_CHANGES.to_owned())))
        } else {
            grow(broker, &topic, request.validate_only, &mut mutations)
        };
        let (error_code, error_message) = outcome.err().unwrap_or_default();
        results.push(CreatePartitionsTopicResult { name: topic.name, error_code, error_message });
    }
    Response { throttle_time_ms: mutations.throttle_time_ms, results }
}

/// How many partitions a request wants to have created.
fn new_partitions(topics: &Topics, wanted: &[CreatePartitionsTopic]) -> i64 {
    let additional = |wanted: &CreatePartitionsTopic| {
        let now = i64::try_from(topics.get(&wanted.name)?.partitions.len()).ok()?;
        // What is more than a topic may have is refused for that alone.
        Some(wanted.count).filter(|count| *count <= PARTITIONS_MAX).map(|count| (i64::from(count) - now).max(0))
    };
    wanted.iter().filter_map(additional).sum()
}

fn grow(
    broker: &mut Broker,
    wanted: &CreatePartitionsTopic,
    validate_only: bool,
    mutations: &mut Mutations,
) -> Result<(), Refusal> {
    let Broker { topics, quotas, config, .. } = broker;
    let topic = topics.get(&wanted.name).ok_or((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None))?;
    let (count, now) = (wanted.count, topic.partitions.len());
    let refuse = |error, message| Err((error, Some(message)));
    let target = match usize::try_from(count) {
        Ok(target) if target == now => {
            return refuse(ErrorCode::INVALID_PARTITIONS, format!("Topic already has {now} partition(s)."));
        }
        Ok(target) if target > now => target,
        _ => {
            let name = &wanted.name;
            let message =
                format!("The topic {name} currently has {now} partition(s); {count} would not be an increase.");
            return refuse(ErrorCode::INVALID_PARTITIONS, message);
        }
    };
    if count > PARTITIONS_MAX {
        return refuse(ErrorCode::INVALID_PARTITIONS, too_many_partitions(count));
    }
    let additional = target - now;
    if let Some(assignments) = &wanted.assignments {
        check_assignments(assignments, additional, config.node_id)
            .map_err(|message| (ErrorCode::INVALID_REPLICA_ASSIGNMENT, Some(message)))?;
    }
    topics.check_room(0, additional, config).map_err(|message| (ErrorCode::POLICY_VIOLATION, Some(message)))?;
    mutations.take(quotas, config, additional).map_err(|error| (error, None))?;
    if !validate_only {
        topics.grow(&wanted.name, target);
    }
    Ok(())
}

fn check_assignments(
    assignments: &[CreatePartitionsAssignment],
    additional: usize,
    node_id: i32,
) -> Result<(), String> {
    if assignments.len() != additional {
        let given = assignments.len();
        return Err(format!(
            "Attempted to add {additional} additional partition(s), but only {given} assignment(s) were specified."
        ));
    }
    assignments.iter().try_for_each(|assignment| super::check_replicas(&assignment.broker_ids, node_id))
}

//! AddPartitionsToTxn (24), versions 0 to 5: makes partitions part of a transaction before something is written (KIP-98).
//!
//! All partitions of a transaction are added or none: where one does not exist, the others are OPERATION_NOT_ATTEMPTED. Up to
//! v3 clients send it, for one transaction. From v4 it is what brokers send to each other, for many, and can also ask whether
//! partitions have been added (KIP-890). From v2 a producer learns by PRODUCER_FENCED that there is another one (KIP-588).
//!
//! A request of v4 or v5 without transactions is answered with none; Kafka never answers it.

use super::add;
use super::transaction::Producer;
use crate::broker::topics::{Topics, is_internal};
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopic,
    AddPartitionsToTxnTopicResult, AddPartitionsToTxnTransaction, Request, Response,
};

/// The first version that knows PRODUCER_FENCED.
const PRODUCER_FENCED_FROM: i16 = 2;
/// The first version for several transactions.
const BATCHED_FROM: i16 = 4;

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    if call.version >= BATCHED_FROM {
        let results = request.transactions.into_iter().map(|transaction| one_of_many(broker, call, transaction));
        return Response { results_by_transaction: results.collect(), ..Response::default() };
    }
    let transaction = AddPartitionsToTxnTransaction {
        transactional_id: request.v3_and_below_transactional_id,
        producer_id: request.v3_and_below_producer_id,
        producer_epoch: request.v3_and_below_producer_epoch,
        topics: request.v3_and_below_topics,
        ..AddPartitionsToTxnTransaction::default()
    };
    Response {
        results_by_topic_v3_and_below: one_of_many(broker, call, transaction).topic_results,
        ..Response::default()
    }
}

fn one_of_many(
    broker: &mut Broker,
    call: &Call,
    transaction: AddPartitionsToTxnTransaction,
) -> AddPartitionsToTxnResult {
    let AddPartitionsToTxnTransaction { transactional_id, producer_id, producer_epoch, verify_only, topics } =
        transaction;
    let producer = Producer { id: producer_id, epoch: producer_epoch };
    let refuse = |topic: &AddPartitionsToTxnTopic| {
        let (topics, name) = (&broker.topics, topic.name.clone());
        topic.partitions.clone().into_iter().map(move |index| refusal(topics, &name, index))
    };
    let refusals: Vec<_> = topics.iter().flat_map(refuse).collect();
    // Only topics that exist are named again and again: the names of others may be long.
    let are_refused = refusals.iter().any(Option::is_some);
    let places: Vec<_> = if are_refused { Vec::new() } else { topics.iter().flat_map(places).collect() };
    let outcomes: Vec<Result<(), ErrorCode>> = if are_refused {
        refusals.into_iter().map(|error| Err(error.unwrap_or(ErrorCode::OPERATION_NOT_ATTEMPTED))).collect()
    } else if verify_only {
        broker.transactions.verify(&transactional_id, producer, &places)
    } else {
        let added = add(broker, &transactional_id, producer, &places, &[], call.now);
        vec![added; places.len()]
    };
    let fenced = if call.version >= PRODUCER_FENCED_FROM {
        ErrorCode::PRODUCER_FENCED
    } else {
        ErrorCode::INVALID_PRODUCER_EPOCH
    };
    let mut outcomes = outcomes.into_iter().map(|outcome| match outcome {
        Ok(()) => ErrorCode::NONE,
        Err(ErrorCode::PRODUCER_FENCED) => fenced,
        Err(error) => error,
    });
    let topic_results = topics.into_iter().map(|topic| result(topic, &mut outcomes)).collect();
    AddPartitionsToTxnResult { transactional_id, topic_results }
}

fn places(topic: &AddPartitionsToTxnTopic) -> impl Iterator<Item = (String, i32)> {
    topic.partitions.iter().map(|index| (topic.name.clone(), *index))
}

/// Why a partition cannot be part of any transaction.
fn refusal(topics: &Topics, topic: &str, index: i32) -> Option<ErrorCode> {
    if is_internal(topic) {
        return Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    }
    let exists = topics.get(topic).is_some_and(|topic| topic.partition(index).is_some());
    (!exists).then_some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

/// One topic of the answer, for which the next of the outcomes are.
fn result(
    topic: AddPartitionsToTxnTopic,
    outcomes: &mut impl Iterator<Item = ErrorCode>,
) -> AddPartitionsToTxnTopicResult {
    let results = topic.partitions.into_iter().zip(outcomes);
    let results_by_partition = results
        .map(|(partition_index, partition_error_code)| AddPartitionsToTxnPartitionResult {
            partition_index,
            partition_error_code,
        })
        .collect();
    AddPartitionsToTxnTopicResult { name: topic.name, results_by_partition }
}

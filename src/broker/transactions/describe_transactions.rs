//! DescribeTransactions (65), version 0: the state of transactional ids (KIP-664).
//!
//! The partitions are those that get a marker. Kafka shows among them the partitions of its topic of committed offsets, which
//! does not exist here. An id that is asked for twice is described once, where Kafka does it twice: the answer must not outgrow
//! the transactions.

use std::collections::HashSet;

use super::transaction::Transaction;
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::describe_transactions::{Request, Response, TopicData, TransactionState};

pub fn handle(broker: &mut Broker, _call: &Call, request: Request) -> Response {
    let describe = |transactional_id: String| match broker.transactions.get(&transactional_id) {
        Some(transaction) => describe(transactional_id, transaction),
        None => {
            let error_code = match transactional_id.as_str() {
                "" => ErrorCode::INVALID_REQUEST,
                _ => ErrorCode::TRANSACTIONAL_ID_NOT_FOUND,
            };
            TransactionState { error_code, transactional_id, ..TransactionState::default() }
        }
    };
    let mut seen = HashSet::new();
    let ids = request.transactional_ids.into_iter().filter(|id| seen.insert(id.clone()));
    let transaction_states = ids.map(describe).collect();
    Response { transaction_states, ..Response::default() }
}

fn describe(transactional_id: String, transaction: &Transaction) -> TransactionState {
    let topics = transaction.partitions.iter().map(|(topic, partitions)| TopicData {
        topic: topic.clone(),
        partitions: partitions.iter().copied().collect(),
    });
    TransactionState {
        error_code: ErrorCode::NONE,
        transactional_id,
        transaction_state: transaction.state.to_string(),
        transaction_timeout_ms: transaction.timeout_ms,
        transaction_start_time_ms: transaction.started_ms,
        producer_id: transaction.producer.id,
        producer_epoch: transaction.producer.epoch,
        topics: topics.collect(),
    }
}

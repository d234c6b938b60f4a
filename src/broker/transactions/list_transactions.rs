//! ListTransactions (66), versions 0 to 2: the transactional ids that there are (KIP-664).
//!
//! All filters must agree. From v1 one of them asks for transactions that have been open for longer than so many milliseconds
//! (KIP-994); as in Kafka, it also lets through the ids that have no transaction, whose beginning is long ago. From v2 one is
//! a regular expression that must match the whole id (KIP-1152). Kafka reads it by RE2's syntax; `regex-lite` knows the same
//! but for classes of Unicode (`\pL`) and quoting (`\Q...\E`), which are INVALID_REGULAR_EXPRESSION here.

use std::collections::HashSet;

use regex_lite::RegexBuilder;

use super::transaction::Transaction;
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::list_transactions::{Request, Response, TransactionState};

/// The size of a filter's regular expression once it has been read: the time to match an id grows with it.
const PATTERN_BYTES_MAX: usize = 16 << 10;

/// The names of all states of Kafka's. Some of them never show here, but a filter may name them.
const STATES: [&str; 8] = [
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
];

pub fn handle(broker: &mut Broker, call: &Call, request: Request) -> Response {
    let pattern = match request.transactional_id_pattern.as_deref() {
        None | Some("") => None,
        Some(pattern) => match RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(PATTERN_BYTES_MAX).build() {
            Ok(regex) => Some(regex),
            Err(_) => {
                return Response { error_code: ErrorCode::INVALID_REGULAR_EXPRESSION, ..Response::default() };
            }
        },
    };
    let states: HashSet<&str> = request.state_filters.iter().map(String::as_str).collect();
    let producers: HashSet<i64> = request.producer_id_filters.iter().copied().collect();
    let wanted = |id: &str, transaction: &Transaction| {
        let state = transaction.state.to_string();
        let age_ms = call.now.unix_ms.saturating_sub(transaction.started_ms);
        (states.is_empty() || states.contains(state.as_str()))
            && (producers.is_empty() || producers.contains(&transaction.producer.id))
            && (request.duration_filter < 0 || age_ms > request.duration_filter)
            && pattern.as_ref().is_none_or(|pattern| pattern.is_match(id))
    };
    let found = broker.transactions.iter().filter(|(id, transaction)| wanted(id, transaction));
    let transaction_states = found.map(|(id, transaction)| TransactionState {
        transactional_id: id.to_owned(),
        producer_id: transaction.producer.id,
        transaction_state: transaction.state.to_string(),
    });
    Response {
        transaction_states: transaction_states.collect(),
        unknown_state_filters: unknown_states(&request.state_filters),
        ..Response::default()
    }
}

fn unknown_states(filters: &[String]) -> Vec<String> {
    filters.iter().filter(|state| !STATES.contains(&state.as_str())).cloned().collect()
}

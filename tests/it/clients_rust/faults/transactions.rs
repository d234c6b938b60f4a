//! Transactional producers: of each transaction there is all or nothing, and all of what was said to be committed.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::error::KafkaError;
use rdkafka::producer::{DefaultProducerContext, ThreadedProducer};

use super::*;

const PRODUCERS: usize = 4;
/// How many records a transaction has in each partition.
const EACH: usize = 3;
/// One of so many transactions is aborted on purpose.
const ABORTED: usize = 4;
/// How long one call may take before it is made again.
const CALL: Duration = Duration::from_secs(2);
const STALLS: Stalls = Stalls { ms: 1500, late_requests: true };

/// A call that aborts or commits waits for what another thread has to take: so this producer has one.
type Transactional = ThreadedProducer<DefaultProducerContext>;

/// What the producer was told of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Committed,
    Aborted,
    /// The producer had to be given up before it knew.
    Unknown,
}

/// What follows from an error.
enum Next {
    Again,
    Abort,
    NewProducer,
}

impl Next {
    fn of(error: &KafkaError) -> Self {
        match error {
            KafkaError::Transaction(error) if error.is_fatal() => Self::NewProducer,
            KafkaError::Transaction(error) if error.txn_requires_abort() => Self::Abort,
            KafkaError::Transaction(error) if error.is_retriable() => Self::Again,
            // A call that took too long can be made again too.
            KafkaError::Transaction(error) if error.code() == RDKafkaErrorCode::OperationTimedOut => Self::Again,
            KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut) => Self::Again,
            other => panic!("not an error of a transaction: {other:?}"),
        }
    }
}

fn producer(stage: &Stage, name: usize) -> Transactional {
    let id = format!("writer-{name}");
    let extra =
        [("transactional.id", id.as_str()), ("linger.ms", "1"), ("request.timeout.ms", "1000"), ("acks", "all")];
    let producer: Transactional = stage.settings(&extra).create().expect("a producer");
    wait_longer("a producer id", || producer.init_transactions(CALL).ok());
    producer
}

/// Writes and ends one transaction.
fn transact(producer: &Transactional, name: usize, number: usize) -> Outcome {
    producer.begin_transaction().expect("none is open");
    let value = format!("{name} {number}");
    for index in 0..EACH * PARTITIONS as usize {
        let partition = index as i32 % PARTITIONS;
        let record = BaseRecord::<str, str>::to(TOPIC).partition(partition).payload(&value);
        if producer.send(record).is_err() {
            // It knows already that the transaction has failed.
            return abort(producer);
        }
    }
    if number.is_multiple_of(ABORTED) {
        return abort(producer);
    }
    wait_longer("the end of a transaction", || match producer.commit_transaction(CALL) {
        Ok(()) => Some(Outcome::Committed),
        Err(error) => match Next::of(&error) {
            Next::Again => None,
            Next::Abort => Some(abort(producer)),
            Next::NewProducer => Some(Outcome::Unknown),
        },
    })
}

fn abort(producer: &Transactional) -> Outcome {
    wait_longer("an aborted transaction", || match producer.abort_transaction(CALL) {
        Ok(()) => Some(Outcome::Aborted),
        Err(error) => match Next::of(&error) {
            Next::Again | Next::Abort => None,
            Next::NewProducer => Some(Outcome::Unknown),
        },
    })
}

/// Does one transaction after the other for as long as the faults last.
fn work(stage: &Stage, name: usize) -> Vec<Outcome> {
    let mut current = producer(stage, name);
    let mut outcomes = Vec::new();
    while !stage.is_over() {
        let outcome = transact(&current, name, outcomes.len());
        outcomes.push(outcome);
        if outcome == Outcome::Unknown {
            current = producer(stage, name);
        }
    }
    stage.proxy.set_calm(true);
    // What is still open is ended by a producer that takes the id over.
    drop(current);
    drop(producer(stage, name));
    outcomes
}

#[test]
fn of_a_transaction_there_is_all_or_nothing() {
    let stage = Stage::new("transactional producers", STALLS);
    stage.proxy.set_calm(false);
    let told: Vec<_> = thread::scope(|scope| {
        let stage = &stage;
        let threads: Vec<_> = (0..PRODUCERS).map(|name| scope.spawn(move || work(stage, name))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a producer that can go on")).collect()
    });
    stage.calm();
    let there = stage.read_all("read_committed");
    let mut counts: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for (partition, records) in there.iter().enumerate() {
        let mut last = BTreeMap::new();
        for (_, value) in records {
            let (name, number) = value.split_once(' ').expect("a producer and a number");
            let [name, number] = [name, number].map(|text| text.parse::<usize>().expect("a number"));
            let before = last.insert(name, number).unwrap_or(0);
            assert!(number >= before, "producer {name}, partition {partition}: {number} after {before}");
            counts.entry((name, number)).or_insert_with(|| vec![0; PARTITIONS as usize])[partition] += 1;
        }
    }
    assert!(counts.values().all(|parts| parts.iter().all(|count| *count == EACH)), "all or nothing: {counts:?}");
    for (name, outcomes) in told.iter().enumerate() {
        let there: BTreeSet<_> = counts.keys().filter(|key| key.0 == name).map(|key| key.1).collect();
        for (number, outcome) in outcomes.iter().enumerate() {
            let is_there = there.contains(&number);
            assert!(
                *outcome == Outcome::Unknown || is_there == (*outcome == Outcome::Committed),
                "transaction {number} of producer {name}: {outcome:?}, there: {is_there}"
            );
        }
        let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        let [committed, aborted, unknown] = [Outcome::Committed, Outcome::Aborted, Outcome::Unknown].map(count);
        stage.tell(&format!("producer {name}: {committed} committed, {aborted} aborted, {unknown} unknown"));
    }
    // Not of each producer: one may meet nothing but stalls.
    assert!(told.concat().contains(&Outcome::Committed), "some transactions get through");
}

//! Producers: what is acknowledged is there, in order, and with idempotence once.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// How many producers write side by side.
const PRODUCERS: usize = 6;
/// How many messages of a producer are under way at once.
const UNDER_WAY: i32 = 200;
/// Late requests come to the broker when their producer has sent them again long ago.
const STALLS: Stalls = Stalls { ms: 1500, late_requests: true };

/// What one partition gave: offsets and values.
type Read = Vec<(i64, String)>;

/// The partition and the offset of a record that was acknowledged, or the error that it ended with.
type Outcome = Result<(i32, i64), String>;

/// Where each message went, by its number; nothing while that is open. Two outcomes of a message would be one too many.
#[derive(Default)]
struct Acks(Mutex<BTreeMap<usize, Vec<Outcome>>>);

impl ClientContext for Acks {}

impl ProducerContext for Acks {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let outcome = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.to_string()),
        };
        self.0.lock().expect("nobody panics with it").entry(number).or_default().push(outcome);
    }
}

/// What became of one producer's messages: where each was acknowledged, in the order of sending.
type Acknowledged = Vec<(i32, i64)>;

/// Writes, message after message, for as long as the faults last. All must be acknowledged in the end.
fn write(stage: &Stage, name: usize, extra: &[(&str, &str)]) -> Acknowledged {
    let usual = [
        ("acks", "all"),
        ("linger.ms", "1"),
        ("batch.num.messages", "10"),
        ("request.timeout.ms", "1000"),
        ("message.timeout.ms", "300000"),
    ];
    let config = stage.settings(&[&usual, extra].concat());
    let producer: BaseProducer<Acks> = config.create_with_context(Acks::default()).expect("a producer");
    let mut sent = 0;
    while !stage.is_over() {
        if producer.in_flight_count() < UNDER_WAY {
            let value = format!("{name} {sent}");
            let partition = (sent % PARTITIONS as usize) as i32;
            let record =
                BaseRecord::<str, str, usize>::with_opaque_to(TOPIC, sent).partition(partition).payload(&value);
            assert!(producer.send(record).is_ok(), "the queue has room");
            sent += 1;
            producer.poll(Duration::ZERO);
        } else {
            producer.poll(Duration::from_millis(1));
        }
    }
    stage.proxy.set_calm(true);
    producer.flush(RECOVERY).expect("every message has its outcome");
    let acks = producer.context().0.lock().expect("nobody panics with it").clone();
    assert_eq!(acks.len(), sent);
    let place = |(number, outcomes): (usize, Vec<Outcome>)| match outcomes.as_slice() {
        [Ok(place)] => *place,
        other => panic!("what became of message {number} of producer {name}: {other:?}"),
    };
    acks.into_iter().map(place).collect()
}

/// The records of one partition that one producer has written: their offsets and numbers.
fn of_producer(records: &[(i64, String)], name: usize) -> Vec<(i64, usize)> {
    let own = records.iter().filter_map(|(offset, value)| {
        let (producer, number) = value.split_once(' ').expect("a producer and a number");
        (producer == name.to_string()).then(|| (*offset, number.parse().expect("a number")))
    });
    own.collect()
}

/// Lets producers write through the faults, and gives what they were told and what there is.
fn run(name: &'static str, extra: &[(&str, &str)]) -> (Stage, Vec<Acknowledged>, Vec<Read>) {
    let stage = Stage::new(name, STALLS);
    stage.proxy.set_calm(false);
    let told: Vec<_> = thread::scope(|scope| {
        let stage = &stage;
        let threads: Vec<_> = (0..PRODUCERS).map(|name| scope.spawn(move || write(stage, name, extra))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a producer whose messages are acknowledged")).collect()
    });
    stage.calm();
    let there = stage.read_all("read_uncommitted");
    for records in &there {
        let expect: Vec<_> = (0..records.len() as i64).collect();
        assert!(records.iter().map(|(offset, _)| *offset).eq(expect), "offsets are contiguous");
    }
    (stage, told, there)
}

/// The numbers of the messages that a producer has sent to a partition.
fn sent_to(told: &Acknowledged, partition: usize) -> Vec<usize> {
    (0..told.len()).filter(|number| number % PARTITIONS as usize == partition).collect()
}

#[test]
fn an_idempotent_producers_messages_are_there_once_and_in_order() {
    let (stage, told, there) = run("idempotent producers", &[("enable.idempotence", "true")]);
    for (partition, records) in there.iter().enumerate() {
        for (name, told) in told.iter().enumerate() {
            let found = of_producer(records, name);
            let numbers: Vec<_> = found.iter().map(|(_, number)| *number).collect();
            assert_eq!(numbers, sent_to(told, partition), "producer {name}, partition {partition}");
            for (offset, number) in found {
                // Who is told by a later answer that his batch was there already is not told where.
                let (_, acknowledged) = told[number];
                assert!(acknowledged == offset || acknowledged == -1, "message {number} was acknowledged elsewhere");
            }
        }
    }
    stage.tell(&format!("{} messages", there.iter().map(Vec::len).sum::<usize>()));
}

#[test]
fn what_was_acknowledged_is_there_and_in_order() {
    let extra = [("enable.idempotence", "false"), ("max.in.flight", "1")];
    let (stage, told, there) = run("plain producers", &extra);
    for (partition, records) in there.iter().enumerate() {
        for (name, told) in told.iter().enumerate() {
            let found = of_producer(records, name);
            // Without idempotence a batch that was sent again may be there again; what counts is where it is first.
            let mut seen = BTreeSet::new();
            let first: Vec<_> = found.iter().map(|(_, number)| *number).filter(|number| seen.insert(*number)).collect();
            assert_eq!(first, sent_to(told, partition), "producer {name}, partition {partition}");
            let places: BTreeSet<_> = found.into_iter().collect();
            for number in sent_to(told, partition) {
                assert!(
                    places.contains(&(told[number].1, number)),
                    "message {number} is not where it was acknowledged"
                );
            }
        }
    }
    let records: usize = there.iter().map(Vec::len).sum();
    let messages: usize = told.iter().map(Vec::len).sum();
    stage.tell(&format!("{messages} messages, {} more than once", records - messages));
}

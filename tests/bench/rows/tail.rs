//! A consumer that waits: how long a record takes from the producer to it.

use std::io;
use std::time::Instant;

use super::Row;
use crate::frames::{Answerer, Fetching, Produce};
use crate::lab::{Bench, create_topic};
use crate::load::{Client, Requests};
use crate::measure::{Figure, Goal, contest, median};
use crate::shape::Shape;

const TOPIC: &str = "tail";
const OTHER: &str = "other";

pub static TAIL: Row = Row {
    name: "tail",
    about: "a consumer that waits for the next record",
    is_short: true,
    run: |lab| {
        let mut producer = lab.broker_to_fill(TOPIC, Shape::One)?;
        create_topic(producer.server.address, OTHER, 1, &[])?;
        let mut consumer = Client::connect(producer.server.address)?;
        let mut between = Produce::new(Answerer::Kafka, OTHER, Shape::One);
        let mut limits = lab.sink(TOPIC, Shape::One)?;
        let count = lab.work(3_000);
        let mut ours = || Ok([median(&arrivals(&mut producer, &mut consumer, &mut between, count)?)]);
        let mut limits = || {
            // As many round trips go before those that count, so that both cores are as awake.
            let times = limits.client.round_trips(&mut limits.requests, count * 2)?;
            Ok([median(&times)])
        };
        ours()?;
        limits()?;
        let [[ours], [limits]] = contest(lab.rounds(), [&mut ours, &mut limits])?;
        let work = "tail, a consumer that waits: append to arrival p50, against a bare round trip";
        lab.figures.push(Figure::ratio(TAIL.name, work, Goal::AtMost(1.5), &ours, &limits));
        Ok(())
    },
};

/// How long each of so many records takes from the producer to the consumer, in microseconds.
fn arrivals(
    producer: &mut Bench<Produce>,
    consumer: &mut Client,
    between: &mut Produce,
    count: usize,
) -> io::Result<Vec<f64>> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let mut fetch = Fetching::waiting(TOPIC, 0, producer.requests.end_offset());
        consumer.start(&mut fetch)?;
        // Once this is answered, the broker has seen the request before it too.
        producer.client.send(between, 1, 1)?;
        let started = Instant::now();
        producer.client.start(&mut producer.requests)?;
        let answer = consumer.answer()?;
        times.push(started.elapsed().as_secs_f64() * 1e6);
        fetch.check(answer)?;
        producer.client.finish(&mut producer.requests)?;
    }
    Ok(times)
}

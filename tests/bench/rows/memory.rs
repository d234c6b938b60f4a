//! Memory: what a stored byte takes, what an active fetch takes, and how exactly `max_bytes` is kept to.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use super::Row;
use crate::Outcome;
use crate::frames::{Answerer, Fetching, Produce};
use crate::lab::{Bench, Lab};
use crate::load::Client;
use crate::measure::{Figure, Goal, Unit};
use crate::process::Server;
use crate::shape::Shape;

const TOPIC: &str = "stored";
const FILL_IN_FLIGHT: usize = 64;
/// What is stored for consumers.
const STORED_BYTES: usize = 64 << 20;
/// How many consumers have asked and do not read.
const FETCHES: usize = 64;
/// What a consumer asks for at most, as librdkafka does.
const FETCH_BYTES: i32 = 50 << 20;

pub static STORED: Row = Row {
    name: "memory",
    about: "resident bytes for each stored byte",
    is_short: false,
    run: |lab| {
        for (shape, bytes, what, goal) in [
            (Shape::SixteenKib, 512 << 20, "16 KiB batches", 1.03),
            (Shape::One, 64 << 20, "batches of one 100-byte record", 1.3),
        ] {
            let series: Vec<_> = (0..3).map(|_| per_stored_byte(lab, shape, bytes)).collect::<Outcome<_>>()?;
            let work = format!("memory: resident bytes for each stored byte, {what}");
            lab.figures.push(Figure::absolute(STORED.name, work, Goal::AtMost(goal), Unit::Times, &series));
        }
        Ok(())
    },
};

fn per_stored_byte(lab: &Lab, shape: Shape, bytes: usize) -> Outcome<f64> {
    let mut broker = lab.broker_to_fill(TOPIC, shape)?;
    let before = broker.server.memory()?.resident;
    fill(&mut broker, lab.work(bytes))?;
    let stored = broker.requests.answered() * broker.requests.batch_bytes();
    Ok((broker.server.memory()?.resident - before) as f64 / stored as f64)
}

/// Stores so many bytes.
fn fill(broker: &mut Bench<Produce>, bytes: usize) -> Outcome<()> {
    broker.send(bytes / broker.requests.batch_bytes(), FILL_IN_FLIGHT)?;
    Ok(())
}

pub static FETCHES_ROW: Row = Row {
    name: "fetch-memory",
    about: "64 consumers that have asked for 50 MiB each and do not read; max_bytes",
    is_short: false,
    run: |lab| {
        let mut broker = lab.broker_to_fill(TOPIC, Shape::SixteenKib)?;
        fill(&mut broker, STORED_BYTES)?;
        let mut series = Vec::new();
        for _ in 0..3 {
            series.push(per_fetch(&broker.server, broker.requests.end_offset())?);
        }
        let work = "fetch: resident memory above the stored data, for each active fetch";
        let goal = Goal::AtMost((1 << 20) as f64);
        lab.figures.push(Figure::absolute(FETCHES_ROW.name, work, goal, Unit::Bytes, &series));
        let wrong = wrong_lengths(broker.server.address, &broker.requests)?;
        let work = "fetch: answers that are not as many whole batches as max_bytes holds";
        lab.figures.push(Figure::absolute(FETCHES_ROW.name, work, Goal::AtMost(0.0), Unit::Cases, &[wrong]));
        Ok(())
    },
};

/// The most memory that the broker has while consumers have asked and do not read, above what it has before, for each of them.
fn per_fetch(broker: &Server, end: i64) -> Outcome<f64> {
    broker.process().forget_peak()?;
    let before = broker.memory()?.resident;
    let mut clients = Vec::new();
    for _ in 0..FETCHES {
        let mut client = Client::connect(broker.address)?;
        client.start(&mut Fetching::of_at_most(Answerer::Kafka, TOPIC, end, FETCH_BYTES))?;
        clients.push(client);
    }
    wait_until_quiet(broker)?;
    // The system counts the peak a little less exactly than what there is now.
    let most = broker.process().peak()?.max(broker.memory()?.resident);
    Ok(most.saturating_sub(before) as f64 / FETCHES as f64)
}

/// Waits until a server does nothing any more.
fn wait_until_quiet(server: &Server) -> Outcome<()> {
    let mut before = server.cpu()?;
    loop {
        thread::sleep(Duration::from_millis(100));
        let now = server.cpu()?;
        if now == before {
            return Ok(());
        }
        before = now;
    }
}

/// How many of many fetches bring other than as many whole batches as their limit holds, and one at least.
fn wrong_lengths(address: SocketAddr, produce: &Produce) -> Outcome<f64> {
    let mut client = Client::connect(address)?;
    let batch_bytes = produce.batch_bytes();
    let mut wrong = 0;
    for batches in [0, 1, 2, 3, 7, 64, 65, 66, 200] {
        for beside in [-1, 0, 1, 100] {
            let max_bytes = i32::try_from(batches * batch_bytes)?.saturating_add(beside).max(1);
            let mut fetching = Fetching::of_at_most(Answerer::Kafka, TOPIC, produce.end_offset(), max_bytes);
            client.send(&mut fetching, 1, 1)?;
            let expect = (max_bytes as usize / batch_bytes).max(1) * batch_bytes;
            wrong += usize::from(fetching.fetched_bytes != expect);
        }
    }
    Ok(wrong as f64)
}

//! Fetching: what a GB takes of the broker, by how it was written.

use super::Row;
use crate::Outcome;
use crate::frames::{Answerer, Fetching};
use crate::lab::{Bench, Lab};
use crate::measure::{Figure, Goal, contest};
use crate::shape::Shape;

const TOPIC: &str = "fetched";
/// How many requests are in flight while the data is written.
const FILL_IN_FLIGHT: usize = 64;
/// How much data there is, more than the caches hold, and how much of it a round fetches.
const STORED_BYTES: usize = 64 << 20;
const ROUND_BYTES: usize = 512 << 20;
const ANSWER_BYTES: usize = 1 << 20;
const GB: f64 = 1e9;

pub static MEGABYTE: Row = Row {
    name: "fetch-1mb",
    about: "1 MiB answers, 1 in flight, of data written in 1 MB batches",
    is_short: true,
    run: |lab| fetch(lab, &MEGABYTE, Shape::Megabyte, "1 MB batches", 1.15),
};

pub static SIXTEEN_KIB: Row = Row {
    name: "fetch-16k",
    about: "1 MiB answers, 1 in flight, of data written in 16 KiB batches",
    is_short: true,
    run: |lab| fetch(lab, &SIXTEEN_KIB, Shape::SixteenKib, "16 KiB batches", 1.2),
};

pub static ONE_RECORD: Row = Row {
    name: "fetch-one",
    about: "1 MiB answers, 1 in flight, of data written in batches of one 100-byte record",
    is_short: true,
    run: |lab| fetch(lab, &ONE_RECORD, Shape::One, "one-record batches", 1.5),
};

fn fetch(lab: &mut Lab, row: &Row, shape: Shape, written: &str, goal: f64) -> Outcome<()> {
    let mut filling = lab.broker_to_fill(TOPIC, shape)?;
    filling.send(lab.work(STORED_BYTES).div_ceil(filling.requests.batch_bytes()), FILL_IN_FLIGHT)?;
    let end = filling.requests.end_offset();
    let mut ours = filling.beside(Fetching::new(Answerer::Kafka, TOPIC, end))?;
    let source = lab.limit(&["source", shape.name(), &lab.work(STORED_BYTES).to_string()])?;
    let mut limits = Bench::new(source, Fetching::new(Answerer::Limit, TOPIC, i64::MAX))?;
    let round = lab.work(ROUND_BYTES) / ANSWER_BYTES;
    let measured = |bench: &mut Bench<Fetching>| {
        let before = bench.requests.fetched_bytes;
        let (cpu, _) = bench.send(round, 1)?;
        Ok([cpu / ((bench.requests.fetched_bytes - before) as f64 / GB)])
    };
    measured(&mut ours)?;
    measured(&mut limits)?;
    let mut ours = || measured(&mut ours);
    let mut limits = || measured(&mut limits);
    let [[ours], [limits]] = contest(lab.rounds(), [&mut ours, &mut limits])?;
    let work = format!("fetch, 1 MiB answers, 1 in flight, written in {written}: CPU per GB");
    lab.figures.push(Figure::ratio(row.name, work, Goal::AtMost(goal), &ours, &limits));
    Ok(())
}

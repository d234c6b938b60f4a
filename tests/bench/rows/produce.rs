//! Producing: what a GB, or a request, takes of the broker.

use super::Row;
use crate::Outcome;
use crate::frames::{Answerer, Produce};
use crate::lab::{Bench, Lab, STEADY_BROKER, STEADY_TOPIC, create_topic};
use crate::machine;
use crate::measure::{Contender, Figure, Goal, contest};
use crate::process::Server;
use crate::shape::Shape;

const TOPIC: &str = "produced";
const IN_FLIGHT: usize = 5;
const GB: f64 = 1e9;

/// What a round writes.
const ROUND_BYTES: usize = 256 << 20;

pub static MEGABYTE: Row = Row {
    name: "produce-1mb",
    about: "1 MB requests of 1 KiB records, 5 in flight, memory recycled by retention",
    is_short: true,
    run: |lab| {
        // How much the broker needs depends on how fast it is, since records pile up from one look for old ones to the next: so
        // it has to be fast from the beginning.
        machine::warm_memory(2 * ROUND_BYTES);
        let [[ours, _], [limits, _], [copying, _]] = steady(lab, Shape::Megabyte, ROUND_BYTES)?;
        let work = "produce, 1 MB requests, 5 in flight, recycled memory: CPU per GB";
        lab.figures.push(Figure::ratio(MEGABYTE.name, work, Goal::AtMost(1.2), &ours, &limits));
        let work = "the same, of a sink that copies each frame once";
        lab.figures.push(Figure::ratio(MEGABYTE.name, work, Goal::None, &copying, &limits));
        Ok(())
    },
};

pub static SIXTEEN_KIB: Row = Row {
    name: "produce-16k",
    about: "16 KiB requests, 5 in flight, memory recycled by retention",
    is_short: true,
    run: |lab| {
        let [[ours, _], [limits, _], _] = steady(lab, Shape::SixteenKib, ROUND_BYTES)?;
        let work = "produce, 16 KiB requests, 5 in flight: CPU per request";
        lab.figures.push(Figure::ratio(SIXTEEN_KIB.name, work, Goal::AtMost(1.2), &ours, &limits));
        Ok(())
    },
};

pub static ONE_RECORD: Row = Row {
    name: "produce-one",
    about: "one record of 100 bytes a request, 5 in flight",
    is_short: true,
    run: |lab| {
        let [[_, ours], [_, limits], _] = steady(lab, Shape::One, 4 << 20)?;
        let work = "produce, one 100-byte record a request, 5 in flight: requests per second";
        lab.figures.push(Figure::ratio(ONE_RECORD.name, work, Goal::AtLeast(0.85), &ours, &limits));
        Ok(())
    },
};

/// The broker, the sink, and the sink that copies, all with memory that is used again. Gives CPU seconds per GB of requests and
/// requests per second.
fn steady(lab: &Lab, shape: Shape, round_bytes: usize) -> Outcome<[[Vec<f64>; 2]; 3]> {
    let broker = lab.broker(STEADY_BROKER)?;
    create_topic(broker.address, TOPIC, 1, STEADY_TOPIC)?;
    let mut ours = Bench::new(broker, Produce::new(Answerer::Kafka, TOPIC, shape))?;
    let mut limits = lab.sink(TOPIC, shape)?;
    let copying = lab.limit(&["copying-sink", "recycled"])?;
    let mut copying = Bench::new(copying, Produce::new(Answerer::Limit, TOPIC, shape))?;
    let round = lab.work(round_bytes) / ours.requests.frame_bytes();
    // Four rounds are many times what the broker keeps: all memory that it needs has been touched then.
    let warm_up = 4 * round_bytes / ours.requests.frame_bytes();
    ours.send(warm_up, IN_FLIGHT)?;
    limits.send(warm_up, IN_FLIGHT)?;
    copying.send(warm_up, IN_FLIGHT)?;
    let mut ours = || measured(&mut ours, round);
    let mut limits = || measured(&mut limits, round);
    let mut copying = || measured(&mut copying, round);
    contest(lab.short_rounds(), [&mut ours, &mut limits, &mut copying])
}

fn measured(bench: &mut Bench<Produce>, count: usize) -> Outcome<[f64; 2]> {
    let (cpu, seconds) = bench.send(count, IN_FLIGHT)?;
    let bytes = count * bench.requests.frame_bytes();
    Ok([cpu / (bytes as f64 / GB), count as f64 / seconds])
}

pub static GROWING: Row = Row {
    name: "produce-growing",
    about: "1 MB requests of 1 KiB records, 5 in flight, nothing is ever deleted",
    is_short: false,
    run: |lab| {
        let mut broker = || fresh(lab, lab.broker_with_topic(TOPIC, 1)?, Answerer::Kafka);
        let mut huge = || fresh(lab, lab.limit(&["sink", "huge"])?, Answerer::Limit);
        let mut plain = || fresh(lab, lab.limit(&["sink", "plain"])?, Answerer::Limit);
        let mut copying = || fresh(lab, lab.limit(&["copying-sink", "huge"])?, Answerer::Limit);
        let contenders: [Contender<'_, 1>; 4] = [&mut broker, &mut huge, &mut plain, &mut copying];
        let [[ours], [huge], [plain], [copying]] = contest(lab.rounds(), contenders)?;
        let work = |memory| format!("the same into growing memory: CPU per GB, against a sink {memory}");
        let figure = |memory, goal, limits: &[f64]| Figure::ratio(GROWING.name, work(memory), goal, &ours, limits);
        let figures = [
            figure("with huge pages", Goal::AtMost(1.2), &huge),
            figure("with plain fresh memory", Goal::AtMost(0.7), &plain),
        ];
        lab.figures.extend(figures);
        let work = "the same, of a sink that copies each frame once into huge pages, against the one that does not";
        lab.figures.push(Figure::ratio(GROWING.name, work, Goal::None, &copying, &huge));
        Ok(())
    },
};

/// What a server takes for a GB that has to go into memory that it does not have yet.
fn fresh(lab: &Lab, server: Server, answerer: Answerer) -> Outcome<[f64; 1]> {
    let mut bench = Bench::new(server, Produce::new(answerer, TOPIC, Shape::Megabyte))?;
    let bytes = lab.work(512 << 20);
    machine::warm_memory(bytes / 4 * 5);
    let count = bytes / bench.requests.frame_bytes();
    Ok([measured(&mut bench, count)?[0]])
}

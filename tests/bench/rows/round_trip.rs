//! One request at a time: how long it takes, and what it takes of the broker.

use super::Row;
use crate::frames::Produce;
use crate::lab::{Bench, Extent};
use crate::measure::{Figure, Goal, contest, quantile};
use crate::shape::Shape;

const TOPIC: &str = "round-trips";

const TAIL: &str = "round trip p99";

/// How many requests a broker has stored that has stored many.
const MANY: usize = 1_000_000;
/// How many of them are in flight.
const FILL_IN_FLIGHT: usize = 64;

pub static ONE_IN_FLIGHT: Row = Row {
    name: "round-trip",
    about: "one record of 100 bytes a request, 1 in flight",
    is_short: true,
    run: |lab| {
        let mut ours = lab.broker_to_fill(TOPIC, Shape::One)?;
        let mut limits = lab.sink(TOPIC, Shape::One)?;
        let count = lab.work(8_000);
        ours.round_trips(count / 4)?;
        limits.round_trips(count / 4)?;
        let measured = |bench: &mut Bench<Produce>| {
            let (cpu, times) = bench.round_trips(count)?;
            Ok([quantile(&times, 0.5), quantile(&times, 0.99), cpu])
        };
        let mut ours = || measured(&mut ours);
        let mut limits = || measured(&mut limits);
        let [ours, limits] = contest(lab.rounds(), [&mut ours, &mut limits])?;
        let goals = [("round trip p50", 1.1), (TAIL, 1.25), ("CPU per request", 1.3)];
        for (((what, goal), ours), limits) in goals.into_iter().zip(&ours).zip(&limits) {
            if what == TAIL && lab.extent == Extent::Short {
                // The slowest of a few requests say more of the machine than of the broker.
                continue;
            }
            let work = format!("produce, one 100-byte record a request, 1 in flight: {what}");
            lab.figures.push(Figure::ratio(ONE_IN_FLIGHT.name, work, Goal::AtMost(goal), ours, limits));
        }
        Ok(())
    },
};

pub static AFTER_A_MILLION: Row = Row {
    name: "after-a-million",
    about: "the round trip once a million requests are stored, against the first ones",
    is_short: false,
    run: |lab| {
        let mut full = lab.broker_to_fill(TOPIC, Shape::One)?;
        let mut empty = lab.broker_to_fill(TOPIC, Shape::One)?;
        full.send(lab.work(MANY), FILL_IN_FLIGHT)?;
        let count = lab.work(4_000);
        empty.round_trips(count / 4)?;
        full.round_trips(count / 4)?;
        let measured = |bench: &mut Bench<Produce>| Ok([quantile(&bench.round_trips(count)?.1, 0.5)]);
        let mut full = || measured(&mut full);
        let mut empty = || measured(&mut empty);
        let [[full], [empty]] = contest(lab.rounds(), [&mut full, &mut empty])?;
        let work = "round trip p50 after a million stored requests, against the first ones";
        lab.figures.push(Figure::ratio(AFTER_A_MILLION.name, work, Goal::AtMost(1.05), &full, &empty));
        Ok(())
    },
};

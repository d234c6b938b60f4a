//! The same work, done by other brokers.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::Row;
use crate::Outcome;
use crate::frames::{Answerer, Fetching, Produce};
use crate::lab::{Bench, Lab, STEADY_BROKER, STEADY_TOPIC, create_topic, delete_topic};
use crate::measure::{Figure, Goal, contest, median};
use crate::peers;
use crate::process::Server;
use crate::shape::Shape;

const PRODUCED: &str = "produced";
const FETCHED: &str = "fetched";
const ROUND_TRIPS: &str = "round-trips";

/// For how long a peer is warmed up with each work: some compile themselves while they run.
const WARM_UP: Duration = Duration::from_secs(8);
const ROUND_BYTES: usize = 256 << 20;
const STORED_BYTES: usize = 64 << 20;
const MIB: usize = 1 << 20;
const ROUND_TRIPS_PER_ROUND: usize = 2_000;
const PRODUCE_IN_FLIGHT: usize = 5;
const GB: f64 = 1e9;
/// What Kafka's own tools produce and consume in a round.
const PERF_RECORDS: &str = "300000";
const PERF_ROUNDS: usize = 3;

pub static APACHE_KAFKA: Row = Row {
    name: "apache-kafka",
    about: "the same work by Apache Kafka",
    is_short: false,
    run: |lab| against(lab, &APACHE_KAFKA, "Apache Kafka", peers::apache_kafka, [0.2, 0.5, 0.5]),
};

pub static KFAKE: Row = Row {
    name: "kfake",
    about: "the same work by kfake",
    is_short: false,
    run: |lab| against(lab, &KFAKE, "kfake", peers::kfake, [1.0 / 3.0; 3]),
};

/// The broker against a peer: CPU per GB produced, the same fetched, and the round trip. What of it no server can save is told by
/// the limit's figures against the peer's.
fn against(lab: &mut Lab, row: &Row, peer: &str, start: fn(&Lab) -> Outcome<Server>, goals: [f64; 3]) -> Outcome<()> {
    let started = match start(lab) {
        Ok(server) => server,
        Err(error) => {
            lab.skip(&format!("{peer}: {error}"));
            return Ok(());
        }
    };
    let mut theirs = Works::new(started)?;
    let mut ours = Works::new(lab.broker(STEADY_BROKER)?)?;
    lab.say(&format!("warming up {peer}"));
    theirs.warm_up(WARM_UP)?;
    ours.warm_up(WARM_UP / 16)?;
    let mut limit = Works::of_limit(lab)?;
    limit.warm_up(WARM_UP / 16)?;
    let (mut ours, mut theirs, mut limit) = (|| ours.round(), || theirs.round(), || limit.round());
    let [ours, theirs, limit] = contest(lab.rounds(), [&mut ours, &mut theirs, &mut limit])?;
    let works = ["CPU per GB produced, 1 MB requests", "CPU per GB fetched, 1 MiB answers", "round trip p50"];
    for (((work, goal), ours), theirs) in works.into_iter().zip(goals).zip(&ours).zip(&theirs) {
        let work = format!("against {peer}: {work}");
        lab.figures.push(Figure::ratio(row.name, work, Goal::AtMost(goal), ours, theirs));
    }
    for ((work, limit), theirs) in works.into_iter().zip(&limit).zip(&theirs) {
        let work = format!("the limit against {peer}: {work}");
        lab.figures.push(Figure::ratio(row.name, work, Goal::None, limit, theirs));
    }
    Ok(())
}

/// The works of a contest, each over a connection of its own.
struct Works {
    produce: Bench<Produce>,
    fetch: Bench<Fetching>,
    round_trip: Bench<Produce>,
}

impl Works {
    fn new(server: Server) -> Outcome<Self> {
        create_topic(server.address, PRODUCED, 1, STEADY_TOPIC)?;
        create_topic(server.address, FETCHED, 1, &[])?;
        create_topic(server.address, ROUND_TRIPS, 1, &[])?;
        let produce = Bench::new(server, Produce::new(Answerer::Kafka, PRODUCED, Shape::Megabyte))?;
        let mut filling = produce.beside(Produce::new(Answerer::Kafka, FETCHED, Shape::Megabyte))?;
        filling.send(STORED_BYTES / filling.requests.batch_bytes(), PRODUCE_IN_FLIGHT)?;
        let end = filling.requests.end_offset();
        Ok(Self {
            fetch: produce.beside(Fetching::new(Answerer::Kafka, FETCHED, end))?,
            round_trip: produce.beside(Produce::new(Answerer::Kafka, ROUND_TRIPS, Shape::One))?,
            produce,
        })
    }

    /// The same requests to the bare sink and to the bare source.
    fn of_limit(lab: &Lab) -> Outcome<Self> {
        let source = lab.limit(&["source", Shape::Megabyte.name(), &STORED_BYTES.to_string()])?;
        Ok(Self {
            produce: lab.sink(PRODUCED, Shape::Megabyte)?,
            fetch: Bench::new(source, Fetching::new(Answerer::Limit, FETCHED, i64::MAX))?,
            round_trip: lab.sink(ROUND_TRIPS, Shape::One)?,
        })
    }

    /// Works without being measured for a while.
    fn warm_up(&mut self, time: Duration) -> Outcome<()> {
        let begun = Instant::now();
        while begun.elapsed() < time {
            self.round()?;
        }
        Ok(())
    }

    /// CPU seconds for a GB produced and for one fetched, and the median of round trips in microseconds.
    fn round(&mut self) -> Outcome<[f64; 3]> {
        let count = ROUND_BYTES / self.produce.requests.batch_bytes();
        let (produced, _) = self.produce.send(count, PRODUCE_IN_FLIGHT)?;
        let before = self.fetch.requests.fetched_bytes;
        let (fetched, _) = self.fetch.send(ROUND_BYTES / MIB, 1)?;
        let fetched_bytes = self.fetch.requests.fetched_bytes - before;
        let (_, times) = self.round_trip.round_trips(ROUND_TRIPS_PER_ROUND)?;
        let produced_bytes = count * self.produce.requests.batch_bytes();
        Ok([produced / (produced_bytes as f64 / GB), fetched / (fetched_bytes as f64 / GB), median(&times)])
    }
}

pub static PERF_TOOLS: Row = Row {
    name: "perf-tools",
    about: "Apache Kafka's own tools for measuring a broker, against Apache Kafka",
    is_short: false,
    run: |lab| {
        let servers = peers::perf_tools().and_then(|_| peers::apache_kafka(lab));
        let kafka = match servers {
            Ok(server) => server,
            Err(error) => {
                lab.skip(&format!("perf tools: {error}"));
                return Ok(());
            }
        };
        let broker = lab.broker(STEADY_BROKER)?;
        let topics = Cell::new(0);
        let perform = |server: &Server| -> Outcome<[f64; 2]> {
            // Each round has a topic of its own, so that there is as much to consume as was produced.
            let topic = format!("perf-{}", topics.replace(topics.get() + 1));
            create_topic(server.address, &topic, 1, &[])?;
            let rates = [perf_produced(server, &topic)?, perf_consumed(server, &topic)?];
            delete_topic(server.address, &topic);
            Ok(rates)
        };
        lab.say("warming up Apache Kafka");
        perform(&kafka)?;
        let (mut ours, mut theirs) = (|| perform(&broker), || perform(&kafka));
        let [ours, theirs] = contest(PERF_ROUNDS, [&mut ours, &mut theirs])?;
        for ((what, ours), theirs) in ["producer", "consumer"].into_iter().zip(&ours).zip(&theirs) {
            let work = format!("kafka-{what}-perf-test, 1 KiB: records per second, against Apache Kafka");
            lab.figures.push(Figure::ratio(PERF_TOOLS.name, work, Goal::None, ours, theirs));
        }
        Ok(())
    },
};

/// Lets Kafka's tool produce. Gives records per second: the tool's last line is
/// `300000 records sent, 181159.4 records/sec (176.91 MB/sec), …`.
fn perf_produced(server: &Server, topic: &str) -> Outcome<f64> {
    let text = perf_tool(&[
        "org.apache.kafka.tools.ProducerPerformance",
        "--topic",
        topic,
        "--num-records",
        PERF_RECORDS,
        "--record-size",
        "1024",
        "--throughput",
        "-1",
        "--producer-props",
        &format!("bootstrap.servers={}", server.address),
    ])?;
    let total = text.lines().rev().find_map(|line| line.split_once(" records sent, "));
    let rate = total.and_then(|(_, rest)| rest.split_once(" records/sec")).and_then(|(rate, _)| rate.parse().ok());
    rate.ok_or_else(|| format!("no rate in {text:?}").into())
}

/// Lets Kafka's tool consume that. Its last line is a table's row, in which the sixth column is the rate.
fn perf_consumed(server: &Server, topic: &str) -> Outcome<f64> {
    let text = perf_tool(&[
        "org.apache.kafka.tools.ConsumerPerformance",
        "--topic",
        topic,
        "--num-records",
        PERF_RECORDS,
        "--bootstrap-server",
        &server.address.to_string(),
    ])?;
    let row = text.lines().rev().find(|line| line.matches(", ").count() >= 9);
    let rate = row.and_then(|row| row.split(", ").nth(9)?.trim().parse().ok());
    rate.ok_or_else(|| format!("no rate in {text:?}").into())
}

fn perf_tool(arguments: &[&str]) -> Outcome<String> {
    let output = peers::perf_tools()?.args(arguments).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(text),
        false => Err(format!("{}{text}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

//! Many producers and consumers at once.

use std::net::SocketAddr;
use std::{io, thread};

use super::Row;
use crate::Outcome;
use crate::frames::{Answerer, Fetching, Produce};
use crate::lab::{Lab, STEADY_BROKER, create_topic};
use crate::load::Client;
use crate::measure::{Figure, Goal, contest};
use crate::process::Server;
use crate::shape::Shape;

const TOPIC: &str = "crowded";
const CROWD: usize = 100;
/// What all of them together write in a round.
const ROUND_BYTES: usize = 512 << 20;
/// What the broker keeps of all partitions together.
const KEPT_BYTES: usize = 8 * CROWD * STEP_BYTES;
/// What a producer writes before its consumer must have read it.
const STEP_BYTES: usize = 1 << 20;
const IN_FLIGHT: usize = 5;
const GB: f64 = 1e9;

pub static CROWD_OF_100: Row = Row {
    name: "crowd",
    about: "100 producers and 100 consumers at once on 100 partitions, against 1 and 1",
    is_short: false,
    run: |lab| {
        let mut many = Crowd::new(lab, CROWD)?;
        let mut one = Crowd::new(lab, 1)?;
        let bytes = lab.work(ROUND_BYTES);
        // At first until memory is used again.
        for crowd in [&mut many, &mut one] {
            crowd.work(KEPT_BYTES / 4 * 5)?;
        }
        let mut many = || many.work(bytes);
        let mut one = || one.work(bytes);
        let [[many], [one]] = contest(lab.rounds(), [&mut many, &mut one])?;
        let work = "100 producers and 100 consumers at once on 100 partitions: CPU per GB, against 1 and 1";
        lab.figures.push(Figure::ratio(CROWD_OF_100.name, work, Goal::AtMost(1.3), &many, &one));
        Ok(())
    },
};

/// A producer and a consumer for each partition.
struct Crowd {
    server: Server,
    pairs: Vec<Pair>,
}

impl Crowd {
    fn new(lab: &Lab, size: usize) -> Outcome<Self> {
        let server = lab.broker(STEADY_BROKER)?;
        let kept = KEPT_BYTES / size;
        let configs = [("retention.bytes", kept.to_string()), ("segment.bytes", (kept / 8).to_string())];
        let configs = configs.each_ref().map(|(name, value)| (*name, value.as_str()));
        create_topic(server.address, TOPIC, i32::try_from(size)?, &configs)?;
        let pairs = (0..size).map(|partition| Pair::new(server.address, partition));
        Ok(Self { pairs: pairs.collect::<io::Result<_>>()?, server })
    }

    /// Lets all of them write so much together, and read it. Gives the broker's CPU seconds for a GB that was written.
    fn work(&mut self, bytes: usize) -> Outcome<[f64; 1]> {
        let cpu = self.server.cpu()?;
        let bytes_each = bytes / self.pairs.len();
        let written = thread::scope(|scope| {
            let started: Vec<_> = self.pairs.iter_mut().map(|pair| scope.spawn(|| pair.work(bytes_each))).collect();
            started.into_iter().map(|running| running.join().expect("a client that works")).sum::<io::Result<usize>>()
        })?;
        Ok([(self.server.cpu()? - cpu).as_secs_f64() / (written as f64 / GB)])
    }
}

/// A producer and a consumer of one partition.
struct Pair {
    producer: (Client, Produce),
    consumer: (Client, Fetching),
}

impl Pair {
    fn new(address: SocketAddr, partition: usize) -> io::Result<Self> {
        let produce = Produce::spread(Answerer::Kafka, TOPIC, partition..partition + 1, Shape::SixtyFourKib);
        let fetching = Fetching::waiting(TOPIC, partition as i32, 0);
        let (producer, consumer) = (Client::connect(address)?, Client::connect(address)?);
        Ok(Self { producer: (producer, produce), consumer: (consumer, fetching) })
    }

    /// Writes so many bytes and reads them at the same time. Gives how many there were.
    fn work(&mut self, bytes: usize) -> io::Result<usize> {
        (0..bytes.div_ceil(STEP_BYTES)).map(|_| self.step()).sum()
    }

    /// Both do as much as is kept in any case, so that neither gets too far ahead.
    fn step(&mut self) -> io::Result<usize> {
        let ((producer, produce), (consumer, fetching)) = (&mut self.producer, &mut self.consumer);
        let count = STEP_BYTES / produce.batch_bytes();
        let bytes = count * produce.batch_bytes();
        let end = fetching.fetched_bytes + bytes;
        thread::scope(|scope| {
            let writing = scope.spawn(|| producer.send(produce, count, IN_FLIGHT));
            while fetching.fetched_bytes < end {
                consumer.send(fetching, 1, 1)?;
            }
            writing.join().expect("a client that works")
        })?;
        Ok(bytes)
    }
}

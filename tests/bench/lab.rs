//! Where the rows run: the cores, how much is done, the servers, and the figures that have come out so far.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use std::{io, thread};

use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::{create_partitions, create_topics, delete_topics, metadata};

use crate::frames::{Answerer, Produce};
use crate::load::{Client, Requests};
use crate::machine::{self, Cores};
use crate::measure::Figure;
use crate::process::Server;
use crate::rows::Row;
use crate::shape::Shape;
use crate::socket::Socket;
use crate::{Outcome, report};

/// How much of everything is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Whole,
    /// Enough to see that something has become twice as slow.
    Short,
}

#[derive(Debug)]
pub struct Lab {
    pub extent: Extent,
    pub cores: Option<Cores>,
    pub figures: Vec<Figure>,
    /// What could not be done, and why.
    pub skipped: Vec<String>,
    /// The rows that have ended with an error, and which one.
    pub failed: Vec<String>,
    started: Instant,
}

/// The properties of a broker that keeps little, so that memory is used again: [`STEADY_TOPIC`] says how little.
pub const STEADY_BROKER: &[(&str, &str)] =
    &[("log.retention.check.interval.ms", "20"), ("log.initial.task.delay.ms", "1")];
pub const STEADY_TOPIC: &[(&str, &str)] = &[("segment.bytes", "16777216"), ("retention.bytes", "67108864")];

/// Apache Kafka and Kafka-RS refuse a request that creates about twice as many partitions.
const CREATED_AT_ONCE_MAX: i32 = 5_000;

impl Lab {
    pub fn new(extent: Extent) -> Outcome<Self> {
        machine::raise_file_limit()?;
        let cores = Cores::choose();
        match cores {
            Some(cores) => {
                machine::pin(cores.client)?;
                eprintln!("servers on core {}, client on core {}", cores.server, cores.client);
            }
            None => eprintln!("servers and client share a core: there is one alone"),
        }
        Ok(Self {
            extent,
            cores,
            figures: Vec::new(),
            skipped: Vec::new(),
            failed: Vec::new(),
            started: Instant::now(),
        })
    }

    /// Whether a run that is not told which rows to run includes this one.
    pub fn wants(&self, row: &Row) -> bool {
        self.extent == Extent::Whole || row.is_short
    }

    /// Runs a row and tells what came out. If it ends with an error, the others can still be run.
    pub fn run(&mut self, row: &Row) {
        self.say(&format!("{}: {}", row.name, row.about));
        let before = self.figures.len();
        if let Err(error) = (row.run)(self) {
            self.say(&format!("failed: {error}"));
            self.failed.push(format!("{}: {error}", row.name));
        }
        for figure in &self.figures[before..] {
            eprintln!("         {}", report::line(figure));
        }
    }

    /// Tells what is being done.
    pub fn say(&self, text: &str) {
        eprintln!("[{:4} s] {text}", self.started.elapsed().as_secs());
    }

    pub fn skip(&mut self, what: &str) {
        self.say(&format!("skipped: {what}"));
        self.skipped.push(what.to_owned());
    }

    /// How many rounds a contest has whose rounds take a fraction of a second, and so differ more: about as long as another's.
    pub fn short_rounds(&self) -> usize {
        3 * self.rounds()
    }

    /// How many rounds a contest has.
    pub fn rounds(&self) -> usize {
        match self.extent {
            Extent::Whole => 9,
            Extent::Short => 5,
        }
    }

    /// So much work in a round of a whole run, and an eighth of it in a short one.
    pub fn work(&self, whole: usize) -> usize {
        match self.extent {
            Extent::Whole => whole,
            Extent::Short => whole / 8,
        }
    }

    pub fn broker(&self, properties: &[(&str, &str)]) -> Outcome<Server> {
        Server::broker(self.cores, properties)
    }

    /// A broker with the default properties and a topic.
    pub fn broker_with_topic(&self, name: &str, partitions: i32) -> Outcome<Server> {
        let broker = self.broker(&[])?;
        create_topic(broker.address, name, partitions, &[])?;
        Ok(broker)
    }

    /// Such a broker, and batches to be produced to it.
    pub fn broker_to_fill(&self, name: &str, shape: Shape) -> Outcome<Bench<Produce>> {
        Ok(Bench::new(self.broker_with_topic(name, 1)?, Produce::new(Answerer::Kafka, name, shape))?)
    }

    /// A sink with memory that is used again, and the same batches.
    pub fn sink(&self, name: &str, shape: Shape) -> Outcome<Bench<Produce>> {
        Ok(Bench::new(self.limit(&["sink", "recycled"])?, Produce::new(Answerer::Limit, name, shape))?)
    }

    pub fn limit(&self, arguments: &[&str]) -> Outcome<Server> {
        Server::limit(self.cores, arguments)
    }
}

/// A server with a connection to it and the requests that go over it.
#[derive(Debug)]
pub struct Bench<R> {
    pub server: Rc<Server>,
    pub client: Client,
    pub requests: R,
}

impl<R: Requests> Bench<R> {
    pub fn new(server: impl Into<Rc<Server>>, requests: R) -> io::Result<Self> {
        let server = server.into();
        Ok(Self { client: Client::connect(server.address)?, server, requests })
    }

    /// Other requests, over a connection of their own to the same server.
    pub fn beside<Q: Requests>(&self, requests: Q) -> io::Result<Bench<Q>> {
        Bench::new(Rc::clone(&self.server), requests)
    }

    /// Sends so many requests, so many of them in flight. Gives what that took: the server's CPU, and the time, in seconds.
    pub fn send(&mut self, count: usize, in_flight: usize) -> io::Result<(f64, f64)> {
        let (cpu, started) = (self.server.cpu()?, Instant::now());
        self.client.send(&mut self.requests, count, in_flight)?;
        let took = started.elapsed();
        Ok(((self.server.cpu()? - cpu).as_secs_f64(), took.as_secs_f64()))
    }

    /// Sends so many requests one after the other. Gives the server's CPU for one of them in seconds, and what each took in
    /// microseconds.
    pub fn round_trips(&mut self, count: usize) -> io::Result<(f64, Vec<f64>)> {
        let cpu = self.server.cpu()?;
        let times = self.client.round_trips(&mut self.requests, count)?;
        Ok(((self.server.cpu()? - cpu).as_secs_f64() / count as f64, times))
    }
}

/// Creates a topic, and waits until it can be written to.
pub fn create_topic(address: SocketAddr, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Outcome<()> {
    let config = |(name, value): &(&str, &str)| create_topics::CreatableTopicConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
    };
    // One request may not create more; the others are added.
    let at_first = partitions.min(CREATED_AT_ONCE_MAX);
    let topic = create_topics::CreatableTopic {
        name: name.to_owned(),
        num_partitions: at_first,
        replication_factor: 1,
        configs: configs.iter().map(config).collect(),
        ..Default::default()
    };
    let mut socket = Socket::connect(address);
    let request = create_topics::Request { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
    let created = socket.ask(5, &request);
    if let Some(refused) = created.topics.iter().find(|topic| topic.error_code != ErrorCode::NONE) {
        return Err(format!("cannot create {name}: {:?}", refused.error_message).into());
    }
    if at_first < partitions {
        let topic =
            create_partitions::CreatePartitionsTopic { name: name.to_owned(), count: partitions, assignments: None };
        let request = create_partitions::Request { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
        let created = socket.ask(2, &request);
        if let Some(refused) = created.results.iter().find(|topic| topic.error_code != ErrorCode::NONE) {
            return Err(format!("cannot create {partitions} partitions: {:?}", refused.error_message).into());
        }
    }
    let wanted = metadata::MetadataRequestTopic { name: Some(name.to_owned()), ..Default::default() };
    let request = metadata::Request { topics: Some(vec![wanted]), ..Default::default() };
    for _ in 0..1000 {
        let known = socket.ask(9, &request);
        let partitions = known.topics.iter().flat_map(|topic| &topic.partitions);
        let mut errors = partitions.map(|partition| partition.error_code).peekable();
        if errors.peek().is_some() && errors.all(|error| error == ErrorCode::NONE) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(format!("{name} has no leader").into())
}

pub fn delete_topic(address: SocketAddr, name: &str) {
    let request =
        delete_topics::Request { topic_names: vec![name.to_owned()], timeout_ms: 30_000, ..Default::default() };
    Socket::connect(address).ask(5, &request);
}

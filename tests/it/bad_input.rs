//! Bad input: what clients may send that makes no sense, and what the broker does about it.
//!
//! Each [`Row`] is one thing that a client can do wrong. It plays over a real socket, at the lowest and at the highest version of
//! its API in which it can happen, and says what is to come of it. After each a well-behaved client on a connection of its own
//! appends a record and reads it back: nothing that the other did may show there.
//!
//! Two tests use the rows. One plays them against Kafka-RS. The other plays them against Apache Kafka too and compares answers
//! field by field; where the two are meant to differ, the row says so, with what Apache Kafka does and why it is not done here.

mod fields;
mod frames;
mod groups;
mod records;
mod scene;
mod topics;

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use kafka_rs::broker::api::{self, Api};
use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::fetch;

use self::scene::{Reaction, Scene, warm_up};
use crate::clients;
use crate::driver::Exchange;
use crate::records::Batch;
use crate::requests::{Fetch, Topic, partitions, produce_request, want};
use crate::socket::Socket;

/// What the brokers of both tests are set to, beside their defaults.
const PROPERTIES: &[(&str, &str)] = &[("group.max.size", "2"), ("socket.request.max.bytes", "90000000")];

/// What is to come of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    Closed,
    Waits,
    Silent,
    /// An answer with these errors in this order, and with these texts in it.
    Answered {
        errors: Vec<ErrorCode>,
        texts: Vec<String>,
    },
}

impl Expect {
    pub fn error(code: ErrorCode) -> Self {
        Self::Answered { errors: vec![code], texts: Vec::new() }
    }

    pub fn accepted() -> Self {
        Self::Answered { errors: Vec::new(), texts: Vec::new() }
    }

    /// The same with a text that the answer must have in it.
    pub fn with(mut self, text: &str) -> Self {
        match &mut self {
            Self::Answered { texts, .. } => texts.push(text.to_owned()),
            other => panic!("{other:?} has no text"),
        }
        self
    }

    fn fits(&self, reaction: &Reaction) -> bool {
        match (self, reaction) {
            (Self::Closed, Reaction::Closed) | (Self::Waits, Reaction::Waits) | (Self::Silent, Reaction::Silent) => {
                true
            }
            (Self::Answered { errors, texts }, Reaction::Answered { errors: found, text }) => {
                errors == found && texts.iter().all(|expect| text.contains(expect))
            }
            _ => false,
        }
    }
}

/// As the documentation has it.
impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closes the connection"),
            Self::Waits => f.write_str("waits"),
            Self::Silent => f.write_str("says nothing"),
            Self::Answered { errors, texts } => {
                let errors: Vec<_> = errors.iter().map(ErrorCode::to_string).collect();
                f.write_str(&if errors.is_empty() { "accepts it".to_owned() } else { errors.join(", ") })?;
                texts.iter().try_for_each(|text| write!(f, ", with `{text}`"))
            }
        }
    }
}

/// A difference from Apache Kafka that is meant to be.
#[derive(Debug, Clone)]
pub struct Departure {
    /// What Apache Kafka does.
    pub apache: Expect,
    pub because: &'static str,
}

type Play = Box<dyn Fn(&mut Scene) -> Reaction>;

/// One thing that a client can do wrong.
pub struct Row {
    pub input: String,
    pub api: &'static Api,
    lowest: i16,
    highest: i16,
    play: Play,
    pub expect: Expect,
    pub departure: Option<Departure>,
}

/// A row of an API, for all its versions; without more said the connection is to be closed.
pub fn row<Q: Exchange>(input: impl Into<String>, play: impl Fn(&mut Scene) -> Reaction + 'static) -> Row {
    row_of(api::find(Q::KEY).expect("an API of the table"), input, play)
}

pub fn row_of(api: &'static Api, input: impl Into<String>, play: impl Fn(&mut Scene) -> Reaction + 'static) -> Row {
    let (lowest, highest) = (api.min_version, api.max_version);
    Row { input: input.into(), api, lowest, highest, play: Box::new(play), expect: Expect::Closed, departure: None }
}

impl Row {
    /// The row makes sense, or has this outcome, from this version on.
    pub fn since(self, version: i16) -> Self {
        assert!(self.api.supports(version));
        Self { lowest: version, ..self }
    }

    /// The row makes sense, or has this outcome, up to this version.
    pub fn until(self, version: i16) -> Self {
        assert!(self.api.supports(version));
        Self { highest: version, ..self }
    }

    pub fn expect(self, expect: Expect) -> Self {
        Self { expect, ..self }
    }

    pub fn error(self, code: ErrorCode) -> Self {
        self.expect(Expect::error(code))
    }

    /// Apache Kafka does something else, and that is meant to be.
    pub fn departs(self, apache: Expect, because: &'static str) -> Self {
        Self { departure: Some(Departure { apache, because }), ..self }
    }

    /// The versions at which the row plays.
    pub fn versions(&self) -> Vec<i16> {
        let mut versions = vec![self.lowest, self.highest];
        versions.dedup();
        versions
    }
}

/// All rows, section by section.
pub fn rows() -> Vec<Row> {
    [frames::rows(), fields::rows(), records::rows(), topics::rows(), groups::rows()].into_iter().flatten().collect()
}

/// What one row came to at one version.
#[derive(Debug)]
struct Outcome {
    what: String,
    reaction: Reaction,
}

/// The client that behaves, on a connection that is open as long as the test.
struct Bystander {
    socket: Socket,
    topic: Topic,
    end: i64,
}

impl Bystander {
    fn new(address: SocketAddr, run: &str) -> Self {
        let mut socket = Socket::connect(address);
        warm_up(&mut socket);
        let topic = Scene::new(address, &mut socket, format!("bystander-{run}"), 0).topic();
        Self { socket, topic, end: 0 }
    }

    /// Appends a record and reads it back.
    fn round_trip(&mut self, after: &str) {
        let batch = Batch::of(&[after]);
        let produced = self.socket.ask(9, &produce_request(-1, &[(&self.topic, 0, batch.encode())]));
        let produced = &produced.responses[0].partition_responses[0];
        assert_eq!((produced.error_code, produced.base_offset), (ErrorCode::NONE, self.end), "after {after}");
        let request = Fetch::of(vec![want(&self.topic, 0, self.end)]).request();
        let fetched = self.socket.ask::<fetch::Request>(11, &request);
        assert_eq!(partitions(&fetched), [(0, ErrorCode::NONE, batch.stored_at(self.end))], "after {after}");
        self.end += 1;
    }
}

/// Plays all rows against a broker, and counts the connections that it closes. `after` is called before the first row, and after
/// each as soon as the row's connections are gone. `run` is a part of the names that are used.
fn play(address: SocketAddr, rows: &[&Row], run: &str, mut after: impl FnMut(&str)) -> (Vec<Outcome>, usize) {
    let (mut bystander, mut helper) = (Bystander::new(address, run), Socket::connect(address));
    assert!(helper.is_served());
    let (mut outcomes, mut closed) = (Vec::new(), 0);
    after("the clients that behave");
    for row in rows {
        for version in row.versions() {
            let what = format!("{} v{version}: {}", row.api.name, row.input);
            let name = format!("bad-input-{run}-{}", outcomes.len());
            let mut scene = Scene::new(address, &mut helper, name, version);
            let reaction = (row.play)(&mut scene);
            let reaction = scene.masked(reaction);
            closed += scene.closed;
            drop(scene);
            bystander.round_trip(&what);
            after(&what);
            outcomes.push(Outcome { what, reaction });
        }
    }
    (outcomes, closed)
}

/// The expectation that belongs to each outcome of the rows.
fn rows_of_outcomes<'a>(rows: &[&'a Row]) -> impl Iterator<Item = &'a Row> {
    rows.iter().flat_map(|row| std::iter::repeat_n(*row, row.versions().len()))
}

fn address(broker: &clients::Broker) -> SocketAddr {
    broker.bootstrap().parse().expect("an address")
}

#[test]
fn bad_input_is_answered_and_nobody_else_notices() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut broker = clients::Broker::kafka_rs(folder.path(), PROPERTIES).expect("a broker");
    let rows = rows();
    let rows: Vec<_> = rows.iter().collect();
    let mut watch = Watch::new(&broker);
    let (outcomes, closed) = play(address(&broker), &rows, "once", |what| watch.check(what));
    let mut wrong = Vec::new();
    for (row, Outcome { what, reaction }) in rows_of_outcomes(&rows).zip(&outcomes) {
        if !row.expect.fits(reaction) {
            wrong.push(format!("{what}\n    expected: {}\n    but: {reaction}", row.expect));
        }
    }
    broker.end().expect("a broker that has survived it");
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), outcomes.len(), wrong.join("\n"));
    // Each connection that the broker closes leaves one line that says why.
    let log = fs::read_to_string(folder.path().join("kafka-rs.log")).expect("the broker's log");
    assert_eq!(log.lines().filter(|line| line.contains("Closing the connection of 127.0.0.1:")).count(), closed);
}

/// What a process shows from outside of what it holds.
struct Watch {
    process: u32,
    /// Its sockets and the bytes of its address space before anything bad came.
    before: Option<(usize, usize)>,
}

/// How much the address space may grow: less than what one of the bad lengths announces.
const GROWTH_MAX: usize = 32 << 20;

/// How long the broker may keep a connection whose client has gone: less than it waits for one that it has closed itself.
const GONE_LIMIT: Duration = Duration::from_secs(4);

impl Watch {
    fn new(broker: &clients::Broker) -> Self {
        Self { process: broker.process_id(), before: None }
    }

    /// Only the well-behaved connections are left, and no memory was taken for what was only announced. Where the system does
    /// not show it, nothing is checked.
    fn check(&mut self, what: &str) {
        let Some(memory) = peak_memory(self.process) else { return };
        let sockets = || sockets(self.process).unwrap_or(0);
        let (sockets_before, memory_before) = *self.before.get_or_insert_with(|| (sockets(), memory));
        scene::within(GONE_LIMIT, &format!("{sockets_before} sockets after {what}"), || sockets() <= sockets_before);
        let grown = memory - memory_before;
        assert!(grown < GROWTH_MAX, "{grown} bytes more after {what}");
    }
}

fn sockets(process: u32) -> Option<usize> {
    let files = fs::read_dir(format!("/proc/{process}/fd")).ok()?;
    let links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    Some(links.filter(|link| link.to_string_lossy().starts_with("socket:")).count())
}

/// The largest address space that the process has had, in bytes.
fn peak_memory(process: u32) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"))?;
    line.trim().trim_end_matches(" kB").parse::<usize>().ok().map(|kilobytes| kilobytes * 1024)
}

/// The same bytes to Apache Kafka, which must do the same where nothing else is said.
#[test]
#[ignore = "needs Apache Kafka"]
fn apache_kafka_does_the_same() {
    clients::install("apache-kafka");
    let _alone = clients::alone();
    let results = clients::results_folder("bad-input");
    let rows = rows();
    let rows: Vec<_> = rows.iter().collect();
    let mut brokers = [
        clients::Broker::apache_kafka(&results, PROPERTIES).expect("Apache Kafka"),
        clients::Broker::kafka_rs(&results, PROPERTIES).expect("a broker"),
    ];
    let [apache, ours] = brokers.each_ref().map(|broker| play(address(broker), &rows, "once", |_| ()).0);
    write_transcript(&results.join("apache-kafka.transcript"), &apache);
    write_transcript(&results.join("kafka-rs.transcript"), &ours);
    // Apache Kafka does some things only after it has answered, so a difference counts when it shows a second time.
    let doubtful: Vec<_> = problems(&rows, &apache, &ours).into_iter().map(|(row, _)| row).collect();
    let again = brokers.each_ref().map(|broker| play(address(broker), &doubtful, "again", |_| ()).0);
    let mut problems: Vec<_> =
        problems(&doubtful, &again[0], &again[1]).into_iter().map(|(_, problem)| problem).collect();
    problems.extend(brokers.iter_mut().filter_map(|broker| broker.end().err()));
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    let departures: Vec<_> =
        rows_of_outcomes(&rows).filter_map(|row| row.departure.as_ref()).map(|departure| departure.because).collect();
    clients::write_summary("bad-input", &results, apache.len(), departures).expect("a file that can be written");
}

/// The rows whose outcomes at the two brokers are not as they should be, and what is wrong with them.
fn problems<'a>(rows: &[&'a Row], apache: &[Outcome], ours: &[Outcome]) -> Vec<(&'a Row, String)> {
    let outcomes = rows_of_outcomes(rows).zip(apache.iter().zip(ours));
    outcomes.filter_map(|(row, (apache, ours))| Some((row, problem(row, apache, ours)?))).collect()
}

/// What is wrong with a row, seen at both brokers.
fn problem(row: &Row, apache: &Outcome, ours: &Outcome) -> Option<String> {
    let what = &apache.what;
    let seen = format!("    Apache Kafka: {}\n    Kafka-RS:     {}", apache.reaction, ours.reaction);
    match &row.departure {
        Some(departure) if !departure.apache.fits(&apache.reaction) => {
            Some(format!("{what}\n    Apache Kafka is said to do this: {}\n{seen}", departure.apache))
        }
        Some(_) => (!row.expect.fits(&ours.reaction)).then(|| format!("{what}\n    expected: {}\n{seen}", row.expect)),
        None if apache.reaction != ours.reaction => Some(format!("{what}\n{seen}")),
        None => None,
    }
}

fn write_transcript(path: &Path, outcomes: &[Outcome]) {
    let lines: Vec<_> = outcomes.iter().map(|outcome| format!("{}: {}\n", outcome.what, outcome.reaction)).collect();
    fs::write(path, lines.concat()).expect("a file that can be written");
}

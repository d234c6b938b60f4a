//! Programs of other people's clients, run against Kafka-RS and against Apache Kafka: both must show a client the same.
//!
//! A program under `tests/clients/` prints what its client saw, one line for each observation, and compares by itself what came
//! back with what it sent. Here its two transcripts are compared line by line. A difference that is a decision of this
//! project's stands in [`DECISIONS`] with its reason; any other fails the test.
//!
//! Transcripts, what the programs said besides, and the brokers' logs are left in `target/clients/`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{env, thread};

/// A difference from Apache Kafka that is meant to be.
pub struct Decision {
    /// The program's name, as in [`Program::name`].
    pub program: &'static str,
    /// The lines of either transcript that may differ; `*` stands for any text.
    pub line: &'static str,
    pub reason: &'static str,
}

/// One that no differing line fits any more fails its test, so that the list cannot go stale.
pub const DECISIONS: &[Decision] = &[
    Decision {
        program: "franz-go",
        line: "raw-produce: v* = answered with *",
        reason: "versions 0 to 2 of Produce are answered with UNSUPPORTED_VERSION, which tells more than a closed connection",
    },
    Decision {
        program: "franz-go",
        line: "raw-produce: v* = closed",
        reason: "versions 0 to 2 of Produce are answered with UNSUPPORTED_VERSION, which tells more than a closed connection",
    },
    Decision {
        program: "franz-go",
        line: "raw-produce-unreadable: v* that is none *",
        reason: "compressed records are stored as they came, without being decompressed",
    },
    Decision {
        program: "franz-go",
        line: "raw-produce-unreadable: v* length 20 *",
        reason: "a batch that is shorter than its header is CORRUPT_MESSAGE; Kafka stumbles over it with UNKNOWN_SERVER_ERROR",
    },
    Decision {
        program: "confluent-kafka",
        line: "admin-operations: list unknown = *",
        reason: "a topic that is created because a client asks for it is there in the same answer",
    },
    Decision {
        program: "confluent-kafka",
        line: "admin-list-groups: describe , operations * = *",
        reason: "of the protocols of groups there is the classic one",
    },
    Decision {
        program: "kafka-tools",
        line: "broker-api-versions: * | ConsumerGroup*",
        reason: "of the protocols of groups there is the classic one",
    },
    Decision {
        program: "kafka-tools",
        line: "broker-api-versions: * | *Share*",
        reason: "of the protocols of groups there is the classic one",
    },
    Decision {
        program: "kafka-tools",
        line: "broker-api-versions: * | StreamsGroup*",
        reason: "of the protocols of groups there is the classic one",
    },
    Decision {
        program: "kafka-tools",
        line: "features: features describe | Feature: group.version *",
        reason: "of the protocols of groups there is the classic one",
    },
    Decision {
        program: "kafka-tools",
        line: "features: features describe | Feature: share.version *",
        reason: "of the protocols of groups there is the classic one",
    },
    Decision {
        program: "kafka-tools",
        line: "features: features describe | Feature: streams.version *",
        reason: "of the protocols of groups there is the classic one",
    },
    Decision {
        program: "kafka-tools",
        line: "features: features downgrade --feature group.version=*",
        reason: "of the protocols of groups there is the classic one",
    },
];

/// How long a broker may take until it accepts connections.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a broker may take to end when it is told to.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// How long all scenarios of a program may take. They have limits of their own; this one is for a program that hangs.
const PROGRAM_LIMIT: Duration = Duration::from_secs(400);
/// How often something that is waited for is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How many equal lines are shown around different ones.
const CONTEXT_LINES: usize = 2;
/// How many lines of differences are shown; the transcripts hold the rest.
const SHOWN_LINES_MAX: usize = 300;

/// Held while something is installed, since package managers do not like company and programs share what they install.
static INSTALLING: Mutex<()> = Mutex::new(());
/// Held while a program runs: its scenarios look at how fast answers come, so two programs do not share the machine.
static RUNNING: Mutex<()> = Mutex::new(());

/// Waits until no program runs, and keeps all others waiting for as long as the value lives.
pub fn alone() -> MutexGuard<'static, ()> {
    lock(&RUNNING)
}

/// One client's scenarios.
struct Program {
    name: &'static str,
    /// Its folder under `tests/clients/`.
    folder: &'static str,
    /// The executable in that folder.
    run: &'static str,
}

#[test]
#[ignore = "needs the clients' languages"]
fn java() {
    check(&Program { name: "java", folder: "java", run: "run" });
}

#[test]
#[ignore = "needs the clients' languages"]
fn confluent_kafka() {
    check(&Program { name: "confluent-kafka", folder: "python", run: "run-confluent-kafka" });
}

#[test]
#[ignore = "needs the clients' languages"]
fn kafka_python() {
    check(&Program { name: "kafka-python", folder: "python", run: "run-kafka-python" });
}

#[test]
#[ignore = "needs the clients' languages"]
fn aiokafka() {
    check(&Program { name: "aiokafka", folder: "python", run: "run-aiokafka" });
}

#[test]
#[ignore = "needs the clients' languages"]
fn kafkajs() {
    check(&Program { name: "kafkajs", folder: "kafkajs", run: "run" });
}

#[test]
#[ignore = "needs the clients' languages"]
fn kcat() {
    check(&Program { name: "kcat", folder: "kcat", run: "run" });
}

#[test]
#[ignore = "needs the clients' languages"]
fn franz_go() {
    check(&Program { name: "franz-go", folder: "franz-go", run: "run" });
}

/// Both chains of consumers and transactional producers, with workers that are killed. They compare by themselves what came out
/// of them with what went in; against Apache Kafka they show that what they ask for is what it grants.
#[test]
#[ignore = "needs the clients' languages"]
fn exactly_once() {
    check(&Program { name: "exactly-once", folder: "exactly-once", run: "run" });
}

/// The command line tools of Apache Kafka.
#[test]
#[ignore = "needs the clients' languages"]
fn kafka_tools() {
    check(&Program { name: "kafka-tools", folder: "kafka-tools", run: "run" });
}

#[test]
#[ignore = "needs the clients' languages"]
fn streams() {
    check(&Program { name: "streams", folder: "streams", run: "run" });
}

/// Kafka Connect, and MirrorMaker 2 to an Apache Kafka of the program's own.
#[test]
#[ignore = "needs the clients' languages"]
fn connect() {
    check(&Program { name: "connect", folder: "connect", run: "run" });
}

/// A schema registry that keeps what it knows in topics, and clients that write and read by its schemas.
#[test]
#[ignore = "needs the clients' languages"]
fn schema_registry() {
    check(&Program { name: "schema-registry", folder: "schema-registry", run: "run" });
}

/// A user interface in a terminal, in which somebody presses keys and reads tables.
#[test]
#[ignore = "needs the clients' languages"]
fn kaskade() {
    check(&Program { name: "kaskade", folder: "kaskade", run: "run" });
}

/// Runs a program against both brokers, each fresh, and compares what it saw.
///
/// Apache Kafka does some things only after it has answered, and on a busy machine a program may be quick enough to see that.
/// So a difference counts when it shows a second time; the first time it is only told.
fn check(program: &Program) {
    install("apache-kafka");
    install(program.folder);
    let _alone = alone();
    let Err(problems) = compare_brokers(program) else { return };
    progress(&format!("{} runs once more, because of this: {problems}", program.name));
    if let Err(problems) = compare_brokers(program) {
        panic!("{}: {problems}\n\nThe transcripts are in {}.", program.name, results_path(program.name).display());
    }
}

fn compare_brokers(program: &Program) -> Result<(), String> {
    let results = results_folder(program.name);
    let (apache, ours) = thread::scope(|scope| {
        let apache =
            scope.spawn(|| transcript(program, "apache-kafka", &results, |results| Broker::apache_kafka(results, &[])));
        let ours = transcript(program, "kafka-rs", &results, |results| Broker::kafka_rs(results, &[]));
        (apache.join().expect("the thread that runs Apache Kafka does not panic"), ours)
    });
    let mut problems: Vec<String> = [&apache, &ours].iter().flat_map(|outcome| outcome.problem.clone()).collect();
    problems.extend(unwanted_differences(program.name, &apache.lines, &ours.lines, DECISIONS));
    if !problems.is_empty() {
        return Err(problems.join("\n\n"));
    }
    let lines = compare(&apache.lines, &ours.lines);
    let decided = lines.iter().filter(|line| !matches!(line, Line::Same(_)));
    let reasons = decided.filter_map(|line| decision(program.name, line)).collect();
    write_summary(program.name, &results, lines.len(), reasons)
}

/// Leaves a row of the table that shows what was compared, with the reasons of what differs below it: one for each difference.
pub fn write_summary(name: &str, results: &Path, compared: usize, reasons: Vec<&str>) -> Result<(), String> {
    let different = reasons.len();
    let same = compared - different;
    let mut summary =
        format!("{name:<16} {compared:>6} compared {same:>6} same {different:>4} different by decision\n");
    let reasons: BTreeSet<_> = reasons.into_iter().collect();
    reasons.iter().for_each(|reason| summary += &format!("    because {reason}\n"));
    progress(&summary);
    fs::write(results.join("summary"), summary).map_err(|error| format!("The summary cannot be written: {error}"))
}

/// Why a line may differ.
fn decision(program: &str, line: &Line) -> Option<&'static str> {
    let (Line::OnlyApache(text) | Line::OnlyOurs(text)) = line else { return None };
    let of_program = DECISIONS.iter().filter(|decision| decision.program == program);
    of_program.into_iter().find(|decision| fits(decision.line, text)).map(|decision| decision.reason)
}

/// What a program printed, and what went wrong while it ran, if anything did.
struct Outcome {
    lines: Vec<String>,
    problem: Option<String>,
}

/// Starts a broker, runs the program against it and ends it.
fn transcript(
    program: &Program,
    broker_name: &str,
    results: &Path,
    start: impl FnOnce(&Path) -> Result<Broker, String>,
) -> Outcome {
    let printed = results.join(format!("{broker_name}.transcript"));
    let problem = start(results)
        .and_then(|mut broker| {
            progress(&format!("{}: runs against {broker_name} at {}", program.name, broker.bootstrap));
            let ran = run(program, broker_name, &broker.bootstrap, results);
            let ended = broker.end();
            ran.and(ended)
        })
        .err();
    let text = fs::read(&printed).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    Outcome { lines: text.lines().map(str::to_owned).collect(), problem }
}

/// Runs all scenarios of a program, which have to pass.
fn run(program: &Program, broker_name: &str, bootstrap: &str, results: &Path) -> Result<(), String> {
    let said = results.join(format!("{broker_name}.stderr"));
    let started = Instant::now();
    let mut child = Command::new(clients_folder().join(program.folder).join(program.run))
        .arg(bootstrap)
        .stdin(Stdio::null())
        .stdout(create(&results.join(format!("{broker_name}.transcript"))))
        .stderr(create(&said))
        .spawn()
        .map_err(|error| format!("The program cannot be started: {error}"))?;
    let Some(status) = wait(&mut child, PROGRAM_LIMIT) else {
        terminate(&child, "KILL");
        let _ = child.wait();
        return Err(format!("Against {broker_name} it was not done after {PROGRAM_LIMIT:?}.\n{}", tail(&said)));
    };
    progress(&format!("{}: took {:.1?} against {broker_name}", program.name, started.elapsed()));
    if status.success() { Ok(()) } else { Err(format!("Against {broker_name} it failed ({status}):\n{}", tail(&said))) }
}

/// A running broker, which ends with this value at the latest.
pub struct Broker {
    child: Child,
    bootstrap: String,
    log: PathBuf,
    /// Whether it has to end with exit code 0 when it is told to.
    ends_cleanly: bool,
}

impl Broker {
    /// The broker that is tested, on a port that it takes for itself. What is not set has its default.
    pub fn kafka_rs(results: &Path, properties: &[(&str, &str)]) -> Result<Self, String> {
        let log = results.join("kafka-rs.log");
        let port_file = results.join("kafka-rs.port");
        let _ = fs::remove_file(&port_file);
        let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-rs"));
        command.args(["--listen", "127.0.0.1:0", "--port-file"]).arg(&port_file);
        // The programs write records of years ago, which retention must leave alone. Apache Kafka is started with the same.
        for property in ["log.initial.task.delay.ms", "log.retention.check.interval.ms"] {
            command.arg("--override").arg(format!("{property}=86400000"));
        }
        for (property, value) in properties {
            command.arg("--override").arg(format!("{property}={value}"));
        }
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KAFKA_")) {
            command.env_remove(name);
        }
        let mut broker = Self::spawn(&mut command, Stdio::null(), log, true)?;
        broker.wait_until_up(|| fs::read_to_string(&port_file).ok().filter(|text| !text.trim().is_empty()))?;
        let port = fs::read_to_string(&port_file).map_err(|error| format!("The port file cannot be read: {error}"))?;
        broker.bootstrap = format!("127.0.0.1:{}", port.trim());
        Ok(broker)
    }

    /// The reference, on a port that was free a moment ago.
    pub fn apache_kafka(results: &Path, properties: &[(&str, &str)]) -> Result<Self, String> {
        let log = results.join("apache-kafka.log");
        let said = results.join("apache-kafka.out");
        let port = free_port().to_string();
        let mut command = Command::new(clients_folder().join("apache-kafka/run"));
        command.arg(&port).args(properties.iter().map(|(property, value)| format!("{property}={value}")));
        let mut broker = Self::spawn(&mut command, create(&said).into(), log, false)?;
        broker.wait_until_up(|| fs::read_to_string(&said).ok().filter(|text| text.contains("listening on")))?;
        broker.bootstrap = format!("127.0.0.1:{port}");
        Ok(broker)
    }

    /// `bootstrap.servers`: the one address.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    fn spawn(command: &mut Command, stdout: Stdio, log: PathBuf, ends_cleanly: bool) -> Result<Self, String> {
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(create(&log))
            .spawn()
            .map_err(|error| format!("The broker cannot be started: {error}"))?;
        Ok(Self { child, bootstrap: String::new(), log, ends_cleanly })
    }

    /// Waits until a sign shows that the broker accepts connections.
    fn wait_until_up(&mut self, sign: impl Fn() -> Option<String>) -> Result<(), String> {
        let deadline = Instant::now() + START_LIMIT;
        while sign().is_none() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("The broker ended before it was up ({status}):\n{}", tail(&self.log)));
            }
            if Instant::now() > deadline {
                return Err(format!("The broker was not up after {START_LIMIT:?}:\n{}", tail(&self.log)));
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Ends the broker, which has to be still there, and to have lost no thread to a panic.
    pub fn end(&mut self) -> Result<(), String> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(format!("The broker ended while the program ran ({status}):\n{}", tail(&self.log)));
        }
        terminate(&self.child, "TERM");
        let status = wait(&mut self.child, STOP_LIMIT);
        let log = fs::read(&self.log).unwrap_or_default();
        if self.ends_cleanly && !status.is_some_and(|status| status.success()) {
            return Err(format!("The broker did not end cleanly on SIGTERM ({status:?}):\n{}", tail(&self.log)));
        }
        if String::from_utf8_lossy(&log).contains("panicked") {
            return Err(format!("The broker panicked:\n{}", tail(&self.log)));
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // SIGTERM first: what starts Apache Kafka is a script, which ends it only when it is asked.
            terminate(&self.child, "TERM");
            if wait(&mut self.child, STOP_LIMIT).is_none() {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
    }
}

/// Sends a signal, which the standard library cannot.
fn terminate(child: &Child, signal: &str) {
    let _ = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
}

/// Waits for the end of a process, for so long at most.
pub fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(POLL_INTERVAL),
            _ => return None,
        }
    }
}

/// Runs the `install` of a folder, which does nothing when everything is there.
pub fn install(folder: &str) {
    let _alone = lock(&INSTALLING);
    let started = Instant::now();
    let output = Command::new(clients_folder().join(folder).join("install"))
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("tests/clients/{folder}/install cannot be started: {error}"));
    assert!(
        output.status.success(),
        "tests/clients/{folder}/install failed ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    progress(&format!("{folder}: installed in {:.1?}", started.elapsed()));
}

/// Tells what goes on while it goes on: what the usual macros print is held back until a test fails.
fn progress(text: &str) {
    let _ = writeln!(io::stderr(), "[clients] {text}");
}

/// A test that failed with a lock in its hands leaves nothing behind that the lock protects.
fn lock(mutex: &'static Mutex<()>) -> MutexGuard<'static, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback address is free");
    listener.local_addr().expect("a listener has an address").port()
}

fn clients_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// An empty folder under `target/clients/`.
fn results_path(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's folder for tests has a parent");
    target.join("clients").join(name)
}

/// The folder for what a run leaves, empty.
pub fn results_folder(name: &str) -> PathBuf {
    let folder = results_path(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{} cannot be made: {error}", folder.display()));
    folder
}

fn create(path: &Path) -> File {
    File::create(path).unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()))
}

/// The last lines of a file.
fn tail(path: &Path) -> String {
    const LINES: usize = 30;
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// A line of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    OnlyApache(&'a str),
    OnlyOurs(&'a str),
}

/// Says what differs without being decided, and which decisions no difference needs; nothing if all is well.
fn unwanted_differences(
    program: &str,
    apache: &[String],
    ours: &[String],
    decisions: &'static [Decision],
) -> Option<String> {
    let decisions: Vec<&Decision> = decisions.iter().filter(|decision| decision.program == program).collect();
    let mut needed = vec![false; decisions.len()];
    let mut unwanted = 0;
    let mut lines: Vec<(Line, bool)> = Vec::new();
    for line in compare(apache, ours) {
        let differs = match line {
            Line::Same(_) => false,
            Line::OnlyApache(text) | Line::OnlyOurs(text) => {
                let fitting = decisions.iter().position(|decision| fits(decision.line, text));
                if let Some(decision) = fitting {
                    needed[decision] = true;
                }
                fitting.is_none()
            }
        };
        unwanted += usize::from(differs);
        lines.push((line, differs));
    }

    let mut report = String::new();
    if unwanted > 0 {
        report += &format!("{unwanted} lines differ (- Apache Kafka, + Kafka-RS):\n{}", excerpt(&lines));
    }
    for (decision, _) in decisions.iter().zip(&needed).filter(|(_, needed)| !**needed) {
        report += &format!("No difference fits this decision any more: {:?} ({})\n", decision.line, decision.reason);
    }
    (!report.is_empty()).then_some(report)
}

/// The lines that differ with some around them, up to a number that a person still reads.
fn excerpt(lines: &[(Line, bool)]) -> String {
    let mut report = String::new();
    let mut shown = 0;
    let mut last = None;
    for (index, (line, _)) in lines.iter().enumerate() {
        let nearby = &lines[index.saturating_sub(CONTEXT_LINES)..lines.len().min(index + CONTEXT_LINES + 1)];
        if !nearby.iter().any(|(_, differs)| *differs) {
            continue;
        }
        if shown == SHOWN_LINES_MAX {
            report += "and more\n";
            break;
        }
        if last.is_some_and(|last| last + 1 < index) {
            report += "  ...\n";
        }
        report += &match line {
            Line::Same(text) => format!("  {text}\n"),
            Line::OnlyApache(text) => format!("- {text}\n"),
            Line::OnlyOurs(text) => format!("+ {text}\n"),
        };
        shown += 1;
        last = Some(index);
    }
    report
}

/// Compares scenario by scenario, since a line can only have its like in the same scenario; that keeps the tables small.
fn compare<'a>(apache: &'a [String], ours: &'a [String]) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    let mut ours_left = by_scenario(ours);
    for (scenario, theirs) in by_scenario(apache) {
        let like = ours_left.iter().position(|(other, _)| *other == scenario);
        let ours = like.map(|index| ours_left.remove(index).1).unwrap_or_default();
        lines.extend(compare_scenario(&theirs, &ours));
    }
    for (_, ours) in ours_left {
        lines.extend(ours.into_iter().map(Line::OnlyOurs));
    }
    lines
}

/// The lines of each scenario, in the order in which the scenarios come first.
fn by_scenario(lines: &[String]) -> Vec<(&str, Vec<&str>)> {
    let mut scenarios: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in lines {
        let name = line.split(':').next().unwrap_or_default();
        match scenarios.iter_mut().find(|(known, _)| *known == name) {
            Some((_, lines)) => lines.push(line),
            None => scenarios.push((name, vec![line])),
        }
    }
    scenarios
}

/// Keeps the longest common subsequence; what is not in it is one side's alone.
fn compare_scenario<'a>(apache: &[&'a str], ours: &[&'a str]) -> Vec<Line<'a>> {
    // longest[i][j] is the length of the longest common subsequence of apache[i..] and ours[j..].
    let mut longest = vec![vec![0_u32; ours.len() + 1]; apache.len() + 1];
    for i in (0..apache.len()).rev() {
        for j in (0..ours.len()).rev() {
            longest[i][j] =
                if apache[i] == ours[j] { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
        }
    }
    let mut lines = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < apache.len() || j < ours.len() {
        if i < apache.len() && j < ours.len() && apache[i] == ours[j] {
            lines.push(Line::Same(apache[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == ours.len() || (i < apache.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            lines.push(Line::OnlyApache(apache[i]));
            i += 1;
        } else {
            lines.push(Line::OnlyOurs(ours[j]));
            j += 1;
        }
    }
    lines
}

/// Whether a text fits a pattern, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, mut rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    // Each piece may be taken where it comes first; only the last one has to be at the end.
    while let Some((piece, after)) = rest.split_once('*') {
        let Some(found) = text.find(piece) else { return false };
        text = &text[found + piece.len()..];
        rest = after;
    }
    text.ends_with(rest)
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn equal_transcripts_have_no_differences() {
    let lines = owned(&["a: x = 1", "a: y = 2", "b: x = 1"]);
    assert_eq!(unwanted_differences("any", &lines, &lines, &[]), None);
}

#[test]
fn differences_are_shown_with_their_surroundings() {
    let apache = owned(&["a: 1", "a: 2", "a: 3", "a: old", "a: 4", "a: 5", "a: 6", "b: last"]);
    let ours = owned(&["a: 1", "a: 2", "a: 3", "a: new", "a: 4", "a: 5", "a: 6", "c: extra"]);
    let report = unwanted_differences("any", &apache, &ours, &[]).expect("they differ");
    assert_eq!(
        report,
        "4 lines differ (- Apache Kafka, + Kafka-RS):\n  a: 2\n  a: 3\n- a: old\n+ a: new\n  a: 4\n  a: 5\n  a: 6\n\
         - b: last\n+ c: extra\n"
    );
}

#[test]
fn decided_differences_pass_and_stale_decisions_do_not() {
    const DECIDED: &[Decision] = &[Decision { program: "any", line: "a: v* = *", reason: "we say so" }];
    let apache = owned(&["a: v1 = old", "a: same"]);
    let ours = owned(&["a: v1 = new", "a: same"]);
    assert_eq!(unwanted_differences("any", &apache, &ours, DECIDED), None);
    let stale = unwanted_differences("any", &apache, &apache, DECIDED).expect("no difference needs the decision");
    assert!(stale.contains("we say so"), "{stale}");
    assert_eq!(unwanted_differences("another", &apache, &apache, DECIDED), None);
}

#[test]
fn patterns_match_whole_lines() {
    for (pattern, text, expect) in [
        ("a: x = 1", "a: x = 1", true),
        ("a: x = 1", "a: x = 12", false),
        ("a: *", "a: x = 1", true),
        ("*1", "a: x = 1", true),
        ("*1", "a: x = 12", false),
        ("a: v* group * = *NONE", "a: v3 group g = NONE", true),
        ("a: v* group * = *NONE", "a: v3 group g = SOME", false),
        ("a*a", "a", false),
    ] {
        assert_eq!(fits(pattern, text), expect, "{pattern:?} {text:?}");
    }
}

//! Other brokers, where they can be had: each in a process of its own on the servers' core, like the broker.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::lab::Lab;
use crate::process::Server;

/// A folder of this project.
fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs a script or a compiler to its end.
fn prepare(command: &mut Command) -> Outcome<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status().map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} ended with {status}").into()) }
}

/// Like the broker's, these let it forget soon. And on a core that it has for itself alone, with all its threads, it may be long
/// until it hears its own heartbeat.
const KAFKA_PROPERTIES: [&str; 3] =
    ["log.retention.check.interval.ms=1000", "log.initial.task.delay.ms=1000", "broker.session.timeout.ms=120000"];

/// Apache Kafka in KRaft mode, with its log in memory (`/dev/shm`); that needs Java, and Maven for the first time.
pub fn apache_kafka(lab: &Lab) -> Outcome<Server> {
    let folder = folder("tests/clients/apache-kafka");
    prepare(&mut Command::new(folder.join("install")))?;
    // The script wants to know the port: one that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new(folder.join("run"));
    command.arg(port.to_string()).args(KAFKA_PROPERTIES);
    Server::start(lab.cores, command.env("TMPDIR", "/dev/shm"))
}

/// kfake, which needs Go.
pub fn kfake(lab: &Lab) -> Outcome<Server> {
    let program = folder("target/bench/kfake");
    prepare(Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(folder("tests/bench/kfake")))?;
    Server::start(lab.cores, &mut Command::new(program))
}

/// The programs that come with Apache Kafka to measure a broker, as a Java command that lacks the class and its arguments.
pub fn perf_tools() -> Outcome<Command> {
    let folder = folder("tests/clients/kafka-tools");
    prepare(&mut Command::new(folder.join("install")))?;
    let mut command = Command::new("java");
    command.arg("-Xmx512m").arg("-cp").arg(folder.join("target/jars/*"));
    Ok(command)
}

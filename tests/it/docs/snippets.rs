//! Runs the programs of README.md as they stand there, with the clients that the folders of `tests/clients` install.
//!
//! Each gets a broker of its own at `localhost:9092`, or at another port that is then put into the program's text.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use kafka_rs::{Broker, Config, RunningBroker};

use super::log::Running;
use super::{README, markdown, read, root};

/// Where the programs look for the broker.
const ADDRESS: &str = "localhost:9092";
/// Where the program that copies a topic looks for the other cluster.
const OTHER_ADDRESS: &str = "kafka.example.com:9092";
/// How long a program may run, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(180);

/// The programs that a test below runs.
const PROGRAMS: [&str; 9] = [
    "confluent-kafka",
    "copy",
    "java",
    "kafka-python",
    "kafkajs",
    "kcat",
    "test in Node.js",
    "test in Python",
    "test in a shell",
];

#[test]
fn every_program_is_run() {
    assert_eq!(markdown::programs(&read(README)), BTreeSet::from(PROGRAMS));
}

#[test]
#[ignore = "needs kcat"]
fn kcat() {
    install("kcat");
    let broker = start_broker();
    let said = run(&mut shell(&program("kcat", &broker)));
    assert_eq!(said, "hello from kcat\n");
}

#[test]
#[ignore = "needs Node.js"]
fn kafkajs() {
    let said = run_with_node(&program("kafkajs", &start_broker()));
    assert_eq!(said.lines().last(), Some("hello from KafkaJS"), "{said}");
}

#[test]
#[ignore = "needs Python"]
fn confluent_kafka() {
    let broker = start_broker();
    assert_eq!(run_with_python(&program("confluent-kafka", &broker)), "hello from confluent-kafka\n");
}

#[test]
#[ignore = "needs Python"]
fn kafka_python() {
    let broker = start_broker();
    assert_eq!(run_with_python(&program("kafka-python", &broker)), "hello from kafka-python\n");
}

#[test]
#[ignore = "needs Java"]
fn java() {
    install("java");
    let broker = start_broker();
    let folder = folder_with("Hello.java", &program("java", &broker));
    let jars = client("java").join("target/jars/*");
    let said = run(Command::new("java").arg("-cp").arg(jars).arg("Hello.java").current_dir(&folder));
    assert_eq!(said, "hello from Java\n");
}

#[test]
#[ignore = "needs kcat"]
fn copying_keeps_keys_and_values() {
    install("kcat");
    let (from, to) = (start_broker(), broker_at("localhost:0").expect("a second broker"));
    let (there, here) = (from.bootstrap_servers(), to.bootstrap_servers());
    let write = "printf 'k1\\037one\\036\\037two\\036k3\\037th\\tr\\nee\\036' \
                 | kcat -P -b ADDRESS -t orders -K '\\x1f' -D '\\x1e' -Z";
    run(&mut shell(&write.replace("ADDRESS", &there)));
    run(&mut shell(&program("copy", &from).replace(OTHER_ADDRESS, &here)));
    let show = "kcat -C -b ADDRESS -t orders -e -q -f '%K %k|%S %s;'";
    let [came, arrived] = [there, here].map(|address| run(&mut shell(&show.replace("ADDRESS", &address))));
    assert_eq!(came, "2 k1|3 one;-1 |3 two;2 k3|7 th\tr\nee;");
    assert_eq!(came, arrived);
}

#[test]
#[ignore = "needs kcat"]
fn a_test_in_a_shell() {
    install("kcat");
    assert_eq!(run(&mut shell(&text("test in a shell"))).lines().last(), Some("one apple"));
}

#[test]
#[ignore = "needs Python"]
fn a_test_in_python() {
    let said = run_with_python(&text("test in Python"));
    assert_eq!(said.lines().last(), Some("b'one apple'"), "{said}");
}

#[test]
#[ignore = "needs Node.js"]
fn a_test_in_node() {
    let said = run_with_node(&text("test in Node.js"));
    assert_eq!(said.lines().last(), Some("one apple"), "{said}");
}

/// A program as it stands in the README.
fn text(name: &str) -> String {
    markdown::program(&read(README), name)
}

/// The same, for a broker that may be at another port.
fn program(name: &str, broker: &RunningBroker) -> String {
    let port = broker.addresses().first().expect("an address").port();
    text(name).replace(ADDRESS, &format!("localhost:{port}"))
}

fn start_broker() -> RunningBroker {
    broker_at(ADDRESS).or_else(|| broker_at("localhost:0")).expect("a broker starts")
}

fn broker_at(address: &str) -> Option<RunningBroker> {
    let mut config = Config::default();
    config.set("listeners", &format!("PLAINTEXT://{address}")).expect("a listener");
    Broker::start(config).ok()
}

fn client(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}

/// Installs what a client needs; each folder's script does nothing when that is there.
fn install(name: &str) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    let done = Command::new(client(name).join("install")).stdout(Stdio::null()).status();
    assert!(done.is_ok_and(|status| status.success()), "tests/clients/{name}/install fails");
}

fn folder_with(file: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(file), text).expect("a file");
    folder
}

fn shell(text: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", text]);
    command
}

fn run_with_python(text: &str) -> String {
    install("python");
    let folder = folder_with("hello.py", text);
    run(Command::new(client("python").join(".venv/bin/python")).arg("hello.py").current_dir(&folder))
}

fn run_with_node(text: &str) -> String {
    install("kafkajs");
    let folder = folder_with("hello.mjs", text);
    let modules = folder.path().join("node_modules");
    std::os::unix::fs::symlink(client("kafkajs").join("node_modules"), modules).expect("a link");
    run(Command::new("node").arg("hello.mjs").current_dir(&folder))
}

/// Runs a command to its end, where it finds `kafka-rs`, and gives what it printed.
fn run(command: &mut Command) -> String {
    let [printed, complained] = [(); 2].map(|()| tempfile::tempfile().expect("a file"));
    let handle = |file: &fs::File| file.try_clone().expect("a handle");
    command.stdin(Stdio::null()).stdout(handle(&printed)).stderr(handle(&complained));
    let own = Path::new(env!("CARGO_BIN_EXE_kafka-rs")).parent().expect("a folder").to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([own].into_iter().chain(env::split_paths(&path))).expect("a path");
    let spawned = command.env("PATH", path).spawn();
    let mut running = Running(spawned.unwrap_or_else(|error| panic!("{command:?}: {error}")));
    let patient_until = Instant::now() + PATIENCE;
    let status = loop {
        match running.0.try_wait().expect("a status") {
            Some(status) => break Some(status),
            None if Instant::now() > patient_until => break None,
            None => thread::sleep(Duration::from_millis(20)),
        }
    };
    let (printed, complained) = (whole(printed), whole(complained));
    let succeeded = status.is_some_and(|status| status.success());
    assert!(succeeded, "{command:?} ended with {status:?} (None: not in time)\n{printed}\n{complained}");
    printed
}

fn whole(mut file: fs::File) -> String {
    let mut bytes = Vec::new();
    let read: io::Result<usize> = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    read.expect("what a program printed can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

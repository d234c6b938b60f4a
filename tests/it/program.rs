//! The program as a user runs it: arguments, output, signals, exit codes.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::metadata::{self, MetadataRequestTopic};

use crate::records::Batch;
use crate::requests::{Fetch, Topic, produce_request, want};
use crate::socket::{PATIENCE, Received, Socket};

/// The program with these arguments, without what this process has in its environment for it.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-rs"));
    let settings =
        std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("KAFKA_"));
    settings.for_each(|name| {
        command.env_remove(name);
    });
    command.env_remove("RUST_LOG").args(arguments).stdin(Stdio::null());
    command
}

/// A program that ends by itself.
fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("a program that can be started")
}

/// Exit code, stdout and stderr.
fn outcome(output: &Output) -> (Option<i32>, &str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).expect("text");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A program that runs until it is told to end, or until the test does.
struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    /// The first line on stdout.
    ready: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a program");
        let stdout = lines(child.stdout.take().expect("a pipe"));
        let stderr = lines(child.stderr.take().expect("a pipe"));
        let ready = stdout.recv_timeout(PATIENCE).expect("a line when it is ready");
        Self { child, stdout, stderr, ready }
    }

    fn address(&self) -> SocketAddr {
        let first = self.ready.strip_prefix("kafka-rs listening on ").expect("the line that says so");
        first.split(", ").next().and_then(|address| address.parse().ok()).expect("an address")
    }

    fn connect(&self) -> Socket {
        Socket::connect(self.address())
    }

    /// Reads stderr up to the first line with this in it.
    fn wait_for_log(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stderr.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no line with {text:?} among {seen:#?}"),
            }
        }
    }

    #[cfg(unix)]
    fn signal(&self, name: &str) {
        // Every shell can do it; a program of that name is not everywhere.
        let script = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &script]).status().expect("a shell").success());
    }

    /// Waits for the end: the exit code, and what came on stdout and stderr that nobody has read.
    fn end(mut self) -> (Option<i32>, Vec<String>, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().expect("a child of this process") {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "the program does not end"),
            }
            thread::yield_now();
        };
        (status.code(), self.stdout.iter().collect(), self.stderr.iter().collect())
    }

    /// The largest amount of memory that the program has had, in bytes.
    #[cfg(target_os = "linux")]
    fn peak_memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line about the peak");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a stream, read by a thread of their own so that the pipe never fills.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    receiver
}

fn start(arguments: &[&str]) -> Running {
    let arguments = [&["--listen", "localhost:0"], arguments].concat();
    Running::start(&mut command(&arguments))
}

fn start_with_log(level: &str, arguments: &[&str]) -> Running {
    let arguments = [&["--listen", "localhost:0"], arguments].concat();
    Running::start(command(&arguments).env("RUST_LOG", level))
}

/// All topics with the numbers of their partitions.
fn topics(broker: &Running) -> Vec<(String, usize)> {
    let response = broker.connect().ask(12, &metadata::Request { topics: None, ..Default::default() });
    response.topics.into_iter().map(|topic| (topic.name.unwrap_or_default(), topic.partitions.len())).collect()
}

/// How many partitions a topic gets that a client asks for.
fn default_partitions(broker: &Running) -> usize {
    metadata_of(&mut broker.connect(), "by-the-way").topics[0].partitions.len()
}

fn metadata_of(socket: &mut Socket, name: &str) -> metadata::Response {
    let topic = MetadataRequestTopic { name: Some(name.to_owned()), ..Default::default() };
    socket.ask(12, &metadata::Request { topics: Some(vec![topic]), ..Default::default() })
}

#[test]
fn one_line_says_that_it_is_ready() {
    let broker = start(&[]);
    let address = broker.address();
    assert!(address.ip().is_loopback() && address.is_ipv4() && address.port() > 0);
    assert_eq!(broker.ready, format!("kafka-rs listening on 127.0.0.1:{}", address.port()));
    assert!(broker.connect().is_served());
}

#[test]
fn it_listens_wherever_it_is_told() {
    let broker = Running::start(&mut command(&["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]));
    let addresses = broker.ready.strip_prefix("kafka-rs listening on ").expect("the line that says so");
    let addresses: Vec<SocketAddr> = addresses.split(", ").map(|one| one.parse().expect("an address")).collect();
    assert_eq!(addresses.len(), 2);
    assert!(addresses.into_iter().all(|address| Socket::connect(address).is_served()));
}

#[test]
fn the_port_file_is_complete_when_it_appears() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..10 {
        let path = folder.path().join(format!("port-{round}"));
        let arguments = ["--listen", "localhost:0", "--port-file", path.to_str().expect("a path in UTF-8")];
        let mut child = command(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a program");
        let deadline = Instant::now() + PATIENCE;
        // Looked for without a pause, and read at once.
        let text = loop {
            match fs::read_to_string(&path) {
                Ok(text) => break text,
                Err(_) => assert!(Instant::now() < deadline, "no port file"),
            }
            thread::yield_now();
        };
        let port: u16 = text.strip_suffix('\n').and_then(|port| port.parse().ok()).expect("a port and the line's end");
        assert!(Socket::connect(([127, 0, 0, 1], port).into()).is_served());
        child.kill().expect("a program that runs");
        child.wait().expect("a child of this process");
    }
    let left: Vec<_> = fs::read_dir(folder.path()).expect("the folder").collect();
    assert_eq!(left.len(), 10, "nothing else is left there: {left:?}");
}

#[test]
fn topics_of_the_command_line_are_there_from_the_start() {
    let broker = start(&["--topic", "orders:3", "--topic", "bills", "--override", "num.partitions=2"]);
    assert_eq!(topics(&broker), [("bills".to_owned(), 2), ("orders".to_owned(), 3)]);
}

#[test]
fn the_later_source_of_a_setting_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("server.properties");
    fs::write(&file, "# a comment\nnum.partitions = 3\nnode.id=7\n").expect("a file");
    let file = file.to_str().expect("a path in UTF-8");
    let check = |file: Option<&str>, environment: Option<&str>, overrides: &[&str], expect| {
        let mut arguments = vec!["--listen", "localhost:0"];
        arguments.extend(file);
        arguments.extend(overrides.iter().flat_map(|value| ["--override", value]));
        let mut command = command(&arguments);
        command.envs(environment.map(|value| ("KAFKA_NUM_PARTITIONS", value)));
        let broker = Running::start(&mut command);
        assert_eq!(default_partitions(&broker), expect, "{arguments:?} {environment:?}");
        let node_id = metadata_of(&mut broker.connect(), "by-the-way").brokers[0].node_id;
        assert_eq!(node_id, if file.is_some() { 7 } else { 1 });
    };
    check(None, None, &[], 1);
    check(Some(file), None, &[], 3);
    check(None, Some("4"), &[], 4);
    check(Some(file), Some("4"), &[], 4);
    check(Some(file), Some("4"), &["num.partitions=5"], 5);
    check(Some(file), Some("4"), &["num.partitions=5", "num.partitions=6"], 6);
}

#[test]
fn settings_without_effect_are_named_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("server.properties");
    fs::write(&file, "log.dirs=/nowhere\nnum.io.threads=8\nnum.partition=3\n").expect("a file");
    let file = file.to_str().expect("a path in UTF-8");
    let broker = start(&[file]);
    check_log(&broker, "INFO", "Ignoring settings that mean nothing here: log.dirs, num.io.threads");
    let unknown = format!("Ignoring 'num.partition' (from {file}, line 3): Kafka has no such setting");
    check_log(&broker, "WARN", &unknown);
    assert_eq!(default_partitions(&broker), 1);
}

#[test]
fn an_address_to_tell_clients() {
    let broker = start(&["--advertise", "broker.example:1234"]);
    let response = metadata_of(&mut broker.connect(), "orders");
    assert_eq!((response.brokers[0].host.as_str(), response.brokers[0].port), ("broker.example", 1234));
}

#[test]
fn what_is_given_wrongly_is_one_sentence_and_code_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let bad = folder.path().join("bad.properties");
    fs::write(&bad, "\n\nnum.partitions=many\n").expect("a file");
    let (bad, missing) = (bad.to_str().expect("a path"), folder.path().join("missing"));
    let missing = missing.to_str().expect("a path");
    let check = |arguments: &[&str], expect: &str| {
        let output = run(arguments);
        let (code, stdout, stderr) = outcome(&output);
        assert_eq!((code, stdout), (Some(2), ""), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with(expect), "{arguments:?}: {stderr}");
        assert!(stderr.ends_with(".\n") && stderr.lines().count() == 1, "{arguments:?}: {stderr}");
    };
    check(
        &["--override", "num.partitions=0"],
        "num.partitions is '0' (from --override), but it must be a whole number",
    );
    check(&[bad], &format!("num.partitions is 'many' (from {bad}, line 3), but it must be a whole number"));
    check(&[missing], &format!("The properties file {missing} cannot be read: "));
    check(&["--no-such-option"], "There is no option --no-such-option. ");
    check(&["--listen", "9092"], "--listen is '9092', but it must be HOST:PORT");
    check(&["--topic", "a b"], "--topic is 'a b', but it must be the topic's name");
    check(&["--topic", "a:0"], "--topic is 'a:0', but it must be NAME:PARTITIONS");
    check(&["--advertise", "0.0.0.0:9092"], "advertised.listeners has PLAINTEXT://0.0.0.0:9092, but clients cannot");
    let output = command(&[]).env("KAFKA_NUM_PARTITIONS", "none").output().expect("a program");
    let (code, _, stderr) = outcome(&output);
    assert_eq!(code, Some(2));
    assert!(stderr.starts_with("num.partitions is 'none' (from KAFKA_NUM_PARTITIONS in the environment)"), "{stderr}");
}

#[test]
fn a_port_that_is_taken_is_one_sentence_and_code_1() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = other.local_addr().expect("its address");
    let output = run(&["--listen", &address.to_string()]);
    let expect = format!(
        "Cannot listen on {address}: another program has this port. Stop it, or choose another port with --listen \
         127.0.0.1:PORT (0 takes a free one).\n"
    );
    assert_eq!(outcome(&output), (Some(1), "", expect.as_str()));
}

#[test]
fn help_and_version() {
    let output = run(&["--help"]);
    let (code, stdout, stderr) = outcome(&output);
    assert_eq!((code, stderr), (Some(0), ""));
    let options = ["--override", "--listen", "--advertise", "--topic", "--port-file", "--help", "--version"];
    assert!(options.iter().all(|option| stdout.contains(option)), "{stdout}");
    let output = run(&["--version"]);
    let expect = concat!("kafka-rs ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(outcome(&output), (Some(0), expect, ""));
}

#[test]
#[cfg(unix)]
fn a_signal_ends_it_cleanly() {
    for signal in ["TERM", "INT"] {
        let broker = start(&["--topic", "orders"]);
        let begin = Instant::now();
        broker.signal(signal);
        let (code, stdout, stderr) = broker.end();
        assert_eq!((code, stdout), (Some(0), vec![]), "{signal}: {stderr:?}");
        assert!(begin.elapsed() < Duration::from_secs(1), "{signal}: {:?}", begin.elapsed());
    }
}

#[test]
#[cfg(unix)]
fn a_signal_ends_it_with_connections_that_stay_open() {
    for signal in ["TERM", "INT"] {
        let broker = start(&["--topic", "orders"]);
        let (mut idle, mut waiting, mut half) = (broker.connect(), broker.connect(), broker.connect());
        assert!(idle.is_served());
        let id = metadata_of(&mut idle, "orders").topics[0].topic_id;
        let topic = Topic { name: "orders".to_owned(), id };
        let fetch = Fetch::of(vec![want(&topic, 0, 0)]);
        // One becomes due while the program ends, one does not.
        half.send(12, &fetch.clone().waiting(200, 1).request());
        waiting.send(12, &fetch.waiting(60_000, 1).request());
        assert_eq!(waiting.next_within(Duration::from_millis(50)), Received::Nothing);
        let begin = Instant::now();
        broker.signal(signal);
        let (code, _, stderr) = broker.end();
        assert_eq!(code, Some(0), "{signal}: {stderr:?}");
        assert!(begin.elapsed() < Duration::from_millis(1_500), "{signal}: {:?}", begin.elapsed());
        assert_eq!((idle.next(), waiting.next()), (Received::End, Received::End), "{signal}");
    }
}

#[test]
#[cfg(unix)]
fn without_clients_it_says_next_to_nothing() {
    let broker = start(&[]);
    assert!(broker.connect().is_served());
    broker.signal("TERM");
    let (code, stdout, stderr) = broker.end();
    assert_eq!((code, stdout), (Some(0), vec![]), "stdout has the line that it is ready, and no other");
    assert!(
        stderr.len() <= 2 && stderr.iter().all(|line| line.contains("INFO") && line.contains("top")),
        "{stderr:#?}"
    );

    let broker = start_with_log("off", &["--topic", "orders"]);
    broker.signal("TERM");
    assert_eq!(broker.end(), (Some(0), vec![], vec![]));
}

/// The line that says what it does, which is the end of a log line.
fn check_log(broker: &Running, level: &str, expect: &str) {
    let line = broker.wait_for_log(expect);
    assert!(line.contains(level) && line.ends_with(expect), "{line}");
}

#[test]
fn the_log_tells_the_story_of_each_request() {
    let broker = start_with_log("debug", &[]);
    let mut socket = broker.connect();
    let metadata = metadata_of(&mut socket, "test-topic");
    check_log(&broker, "DEBUG", "Processing METADATA request (correlation_id: 1)");
    check_log(&broker, "INFO", "Creating new topic: test-topic");
    assert!(broker.wait_for_log("Sent response (").contains("DEBUG"));

    let topic = Topic { name: "test-topic".to_owned(), id: metadata.topics[0].topic_id };
    for offset in 0..2 {
        let request = produce_request(1, &[(&topic, 0, Batch::of(&["a"]).encode())]);
        socket.send(9, &request);
        let Received::Frame(frame) = socket.next() else { panic!("no answer") };
        check_log(&broker, "DEBUG", &format!("Processing PRODUCE request (correlation_id: {})", offset + 2));
        check_log(&broker, "DEBUG", &format!("Stored message at offset {offset} in topic test-topic"));
        // The length in front of the frame counts.
        check_log(&broker, "DEBUG", &format!("Sent response ({} bytes)", frame.len() + 4));
    }
}

#[test]
fn by_default_the_log_has_what_happens_once() {
    let broker = start(&[]);
    let mut socket = broker.connect();
    assert_eq!(metadata_of(&mut socket, "test-topic").topics[0].error_code, ErrorCode::NONE);
    metadata_of(&mut socket, "test-topic");
    check_log(&broker, "INFO", "Creating new topic: test-topic");
    assert!(broker.stderr.try_recv().is_err(), "and nothing about requests");
}

#[test]
fn a_request_that_cannot_be_decoded_is_an_error_in_the_log() {
    let broker = start_with_log("error", &[]);
    let check = |request: &[u8], expects: &[&str]| {
        let mut socket = broker.connect();
        let peer = socket.stream.local_addr().expect("an address").to_string();
        socket.write(&(request.len() as u32).to_be_bytes());
        socket.write(request);
        assert_eq!(socket.next(), Received::End);
        let line = broker.wait_for_log(&peer);
        assert!(line.contains("ERROR"), "{line}");
        assert!(expects.iter().all(|expect| line.contains(expect)), "{expects:?}: {line}");
    };
    let header = |key: i16, version: i16| {
        [&key.to_be_bytes()[..], &version.to_be_bytes(), &4711i32.to_be_bytes(), &[0xff, 0xff]].concat()
    };
    check(&[header(3, 1), vec![0, 0]].concat(), &["Metadata", "v1", "4711", "a field needs 4 bytes, but 2 are left"]);
    check(&[header(3, 1), vec![0, 0, 0, 9]].concat(), &["Metadata", "an array of 9 elements cannot be in 0 bytes"]);
    check(&header(3, 77), &["Metadata version 77", "0 to 13", "4711"]);
    check(&header(777, 0), &["no API with key 777"]);
    check(&[0, 3], &["header"]);
}

#[test]
fn what_clients_say_is_escaped_in_the_log() {
    let broker = start_with_log("trace", &["--override", "auto.create.topics.enable=true"]);
    let mut socket = broker.connect();
    let evil = "x\n[FORGED] line\u{1b}[31m";
    let response = metadata_of(&mut socket, evil);
    assert_eq!(response.topics[0].error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    let join = kafka_rs::wire::messages::join_group::Request {
        group_id: evil.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![kafka_rs::wire::messages::join_group::JoinGroupRequestProtocol {
            name: evil.to_owned(),
            ..Default::default()
        }],
        reason: Some(evil.to_owned()),
        ..Default::default()
    };
    socket.ask(3, &join);
    metadata_of(&mut socket, "the-last-one");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let line = broker.stderr.recv_timeout(deadline.saturating_duration_since(Instant::now())).expect("a line");
        assert!(!line.starts_with("[FORGED]") && !line.contains('\u{1b}'), "{line:?}");
        if line.contains("Creating new topic: the-last-one") {
            return;
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn memory_grows_with_what_arrives_and_not_with_what_is_announced() {
    let broker = start(&[]);
    assert!(broker.connect().is_served());
    let before = broker.peak_memory();
    let sockets: Vec<_> = (0..50)
        .map(|_| {
            let mut socket = broker.connect();
            socket.write(&100_000_000u32.to_be_bytes());
            socket.write(&[0; 100]);
            socket
        })
        .collect();
    assert!(broker.connect().is_served());
    let grown = broker.peak_memory() - before;
    assert!(grown < 4 << 20, "{grown} bytes for {} requests of 100 bytes", sockets.len());
}

#[test]
#[cfg(target_os = "linux")]
fn answers_that_nobody_reads_do_not_pile_up() {
    let broker = start(&["--topic", "orders"]);
    let mut producer = broker.connect();
    let id = metadata_of(&mut producer, "orders").topics[0].topic_id;
    let topic = Topic { name: "orders".to_owned(), id };
    for _ in 0..5 {
        producer.ask(9, &produce_request(1, &[(&topic, 0, Batch::of_size(1_000_000).encode())]));
    }
    let before = broker.peak_memory();
    let request = Fetch::of(vec![want(&topic, 0, 0)]).request();
    let sockets: Vec<_> = (0..10)
        .map(|_| {
            let mut socket = broker.connect();
            let frames: Vec<_> = (0..100).map(|id| Socket::frame(12, id, &request)).collect();
            socket.write(&frames.concat());
            socket
        })
        .collect();
    assert!((0..100).all(|_| producer.is_served()));
    let grown = broker.peak_memory() - before;
    assert!(grown < 8 << 20, "{grown} bytes for answers to {} clients that do not read", sockets.len());
}

#[test]
#[cfg(unix)]
fn without_file_descriptors_it_serves_whom_it_has_and_recovers() {
    let script = "ulimit -n 30 && exec \"$0\" --listen localhost:0";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_kafka-rs")]).env_remove("RUST_LOG");
    let broker = Running::start(&mut shell);
    let mut first = broker.connect();
    assert!(first.is_served());
    let mut sockets: Vec<_> = (0..60).map(|_| broker.connect()).collect();
    broker.wait_for_log("Cannot accept connections");
    assert!((0..100).all(|_| first.is_served()));
    let mut last = sockets.pop().expect("the one that came last");
    drop(sockets);
    assert!(last.is_served() && broker.connect().is_served());
}

#[test]
fn it_needs_no_home_and_leaves_no_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = command(&["--listen", "localhost:0", "--topic", "orders"]);
    command.env_remove("HOME").current_dir(folder.path());
    let broker = Running::start(&mut command);
    assert!(broker.connect().is_served());
    assert!(is_empty(folder.path()));
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).expect("a folder").next().is_none()
}

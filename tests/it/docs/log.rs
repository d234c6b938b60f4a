//! What the program logs of one produce.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use kafka_rs::broker::api;
use kafka_rs::wire::messages::{api_versions, metadata, produce};

use super::batch;
use super::dumps::{LENGTH_BYTES, request_frame};

const PATIENCE: Duration = Duration::from_secs(60);

/// A program that ends with its owner.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the broker for a client that asks for its versions, for a topic that does not exist, and writes one record.
pub fn of_one_produce() -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let (port_file, log_file) = (folder.path().join("port"), folder.path().join("log"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-rs"));
    command.args(["--listen", "127.0.0.1:0", "--port-file"]).arg(&port_file);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KAFKA_")) {
        command.env_remove(name);
    }
    command.env("RUST_LOG", "debug").env_remove("RUST_LOG_STYLE").stdout(Stdio::null());
    command.stderr(fs::File::create(&log_file).expect("a file"));
    let broker = Running(command.spawn().expect("the broker starts"));

    let patient_until = Instant::now() + PATIENCE;
    while !port_file.exists() {
        assert!(Instant::now() < patient_until, "the broker does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    let port = fs::read_to_string(&port_file).expect("a port");
    let mut stream = TcpStream::connect(format!("127.0.0.1:{}", port.trim())).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let own_address = stream.local_addr().expect("an address").to_string();
    produce_one(&mut stream);
    // What was answered has been logged.
    drop(broker);
    let log = fs::read_to_string(&log_file).expect("a log");
    log.replace(&own_address, "127.0.0.1:50000")
}

fn produce_one(stream: &mut TcpStream) {
    let request =
        api_versions::Request { client_software_name: "learner".to_owned(), client_software_version: "1.0".to_owned() };
    let find = |key| api::find(key).expect("an API of the table");
    exchange(stream, &request_frame(find(18), 3, 1, &request));
    let wanted = metadata::MetadataRequestTopic {
        name: Some("test-topic".to_owned()),
        ..metadata::MetadataRequestTopic::default()
    };
    let request = metadata::Request { topics: Some(vec![wanted]), ..metadata::Request::default() };
    exchange(stream, &request_frame(find(3), 12, 2, &request));
    let records = batch::one_record(batch::ANYBODY, "k", "hello", ("h", "1"), 1_700_000_000_000);
    let data = produce::PartitionProduceData { index: 0, records: Some(records.into()) };
    let topic = produce::TopicProduceData {
        name: "test-topic".to_owned(),
        partition_data: vec![data],
        ..produce::TopicProduceData::default()
    };
    let request = produce::Request { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], transactional_id: None };
    exchange(stream, &request_frame(find(0), 12, 3, &request));
}

fn exchange(stream: &mut TcpStream, request: &[u8]) {
    stream.write_all(request).expect("a request is taken");
    let mut length = [0; LENGTH_BYTES];
    stream.read_exact(&mut length).expect("an answer comes");
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).expect("the whole answer comes");
}

//! Real clients whose connections are delayed, stalled, cut and reset: what they were promised holds all the same.
//!
//! Every run has a seed of its own, which a failure prints. `FAULTS_SEED` gives it again; `FAULTS_SECONDS` makes the runs longer.

mod groups;
mod memory;
mod producers;
mod transactions;

use std::env;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use super::*;
use crate::proxy::{Proxy, Stalls};

const TOPIC: &str = "orders";
const PARTITIONS: i32 = 3;
/// How long the faults go on.
const SECONDS: u64 = 3;
/// After the faults, clients have this long to come to an end.
const RECOVERY: Duration = Duration::from_secs(60);

/// A broker behind a proxy.
struct Stage {
    seed: u64,
    name: &'static str,
    // In this order: the proxy has connections to the broker.
    proxy: Proxy,
    broker: RunningBroker,
    deadline: Instant,
}

impl Stage {
    fn new(name: &'static str, stalls: Stalls) -> Self {
        let seed = number("FAULTS_SEED").unwrap_or_else(|| RandomState::new().hash_one(name));
        let proxy = Proxy::start(seed, stalls);
        let broker = start(&[
            ("advertised.listeners", &proxy.listener()),
            ("num.partitions", &PARTITIONS.to_string()),
            ("group.min.session.timeout.ms", "100"),
        ]);
        proxy.lead_to(broker.addresses()[0]);
        let deadline = Instant::now() + Duration::from_secs(number("FAULTS_SECONDS").unwrap_or(SECONDS));
        Self { seed, name, proxy, broker, deadline }
    }

    /// What all clients have in common: they lose patience soon, and try again soon and for ever.
    fn settings(&self, extra: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.proxy.address().to_string());
        let usual = [
            ("socket.timeout.ms", "1000"),
            ("reconnect.backoff.ms", "5"),
            ("reconnect.backoff.max.ms", "50"),
            ("retry.backoff.ms", "10"),
            ("retry.backoff.max.ms", "100"),
            ("topic.metadata.refresh.fast.interval.ms", "50"),
            // The lost connections that these tests are about are no news.
            ("log_level", "2"),
        ];
        for (name, value) in usual.iter().chain(extra) {
            config.set(*name, *value);
        }
        config
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Ends the faults, of which there must have been some.
    fn calm(&self) {
        self.proxy.set_calm(true);
        let counts = self.proxy.counts();
        let [connections, cuts, resets, stalls] =
            [&counts.connections, &counts.cuts, &counts.resets, &counts.stalls].map(|count| count.load(Relaxed));
        self.tell(&format!("{connections} connections, {cuts} cuts, {resets} resets, {stalls} stalls"));
        assert!(cuts > 0 && resets > 0, "the connections were hurt");
    }

    fn tell(&self, text: &str) {
        // What the usual macros print is held back until a test fails.
        if env::var_os("FAULTS_SECONDS").is_some() {
            let _ = writeln!(std::io::stderr(), "[faults] {}: {text}", self.name);
        }
    }

    /// All records of the topic, by partition: their offsets and values.
    fn read_all(&self, isolation: &str) -> Vec<Vec<(i64, String)>> {
        let extra = [
            ("group.id", "nobody"),
            ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
            ("isolation.level", isolation),
            ("check.crcs", "true"),
        ];
        let reader: BaseConsumer = self.settings(&extra).create().expect("a consumer");
        assign(&reader, TOPIC, PARTITIONS, Offset::Beginning);
        let mut partitions = vec![Vec::new(); PARTITIONS as usize];
        let mut open = PARTITIONS;
        wait_for("the end of every partition", || {
            match reader.poll(LOOK) {
                Some(Ok(message)) => {
                    let value = String::from_utf8(message.payload().expect("a value").to_vec()).expect("a text");
                    partitions[message.partition() as usize].push((message.offset(), value));
                }
                Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => open -= 1,
                Some(Err(_)) | None => {}
            }
            (open == 0).then_some(())
        });
        partitions
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}: FAULTS_SEED={} gives the proxy's choices again", self.name, self.seed);
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

/// Patience that is for what follows the faults.
fn wait_longer<T>(what: &str, mut step: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + RECOVERY;
    loop {
        if let Some(result) = step() {
            return result;
        }
        assert!(Instant::now() < deadline, "never: {what}");
    }
}

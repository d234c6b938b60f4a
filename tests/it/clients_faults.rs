//! The Java client behind a proxy that hurts its connections. The program under `tests/clients/faults` checks what it was
//! promised; its transcript tells what held, and is the same each time.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::clients::{alone, install, wait};
use crate::proxy::{Proxy, Stalls};
use crate::server::start;

/// How long the program works in each scenario, beside what it takes to end.
const SECONDS: &str = "10";
/// The program has limits of its own; this one is for a program that hangs.
const PROGRAM_LIMIT: Duration = Duration::from_secs(400);

/// Runs scenarios of the program behind a proxy.
fn check(scenarios: &[&str], late_requests: bool, expect: &str) {
    install("faults");
    let _alone = alone();
    let seed = std::env::var("FAULTS_SEED").map_or(2026, |seed| seed.parse().expect("a number"));
    let proxy = Proxy::start(seed, Stalls { ms: 1500, late_requests });
    let listener = proxy.listener();
    let broker = start(&[("advertised.listeners", &listener), ("group.min.session.timeout.ms", "100")]);
    proxy.lead_to(broker.addresses()[0]);
    proxy.set_calm(false);
    let folder = tempfile::tempdir().expect("a folder");
    let [transcript, said] = ["transcript", "stderr"].map(|name| folder.path().join(name));
    let run = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/faults/run");
    let mut child = Command::new(run)
        .args([&proxy.address().to_string(), std::env::var("FAULTS_SECONDS").as_deref().unwrap_or(SECONDS)])
        .args(scenarios)
        .stdin(Stdio::null())
        .stdout(fs::File::create(&transcript).expect("a file"))
        .stderr(fs::File::create(&said).expect("a file"))
        .spawn()
        .expect("the program can be started");
    let status = wait(&mut child, PROGRAM_LIMIT);
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let [transcript, said] = [transcript, said].map(|path| fs::read_to_string(path).unwrap_or_default());
    assert!(status.is_some_and(|status| status.success()), "FAULTS_SEED={seed}: {status:?}\n{transcript}\n{said}");
    assert_eq!(transcript, expect, "FAULTS_SEED={seed}\n{said}");
    let counts = proxy.counts();
    println!("{counts:?}\n{said}");
    assert!(counts.cuts.load(std::sync::atomic::Ordering::Relaxed) > 0, "the connections were hurt: {counts:?}");
}

#[test]
#[ignore = "needs Java"]
fn java_producers() {
    let expect = "producers: every record is acknowledged\n\
                  producers: what is acknowledged is there once and in order\n\
                  transactions: of each there is all or nothing\n\
                  transactions: what is committed is there, what is aborted is not\n";
    check(&["producers", "transactions"], true, expect);
}

/// No request is late here: a commit that comes after a later one would take a group back, with Apache Kafka too.
#[test]
#[ignore = "needs Java"]
fn java_groups() {
    let expect = "groups: RangeAssignor: what is committed is not delivered again\n\
                  groups: RangeAssignor: every record is delivered\n\
                  groups: CooperativeStickyAssignor: what is committed is not delivered again\n\
                  groups: CooperativeStickyAssignor: every record is delivered\n";
    check(&["groups"], false, expect);
}

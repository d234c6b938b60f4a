//! When memory is used up, every connection still has what it has a right to.

use kafka_rs::config::Config;
use kafka_rs::wire::messages::metadata;

use crate::exchange::Ask;
use crate::splits::{LENGTH_BYTES, NO_LIMIT, Stage};

const MEMORY: usize = 10_000;
/// More than `MEMORY`, and as much as any connection may always have waiting.
const HOARD: usize = 64 << 10;
/// Together these are more than that.
const REQUESTS: i32 = 50;
const REQUEST_BYTES: usize = 2_000;

/// A client whose requests were all served reads on, although another one keeps all the memory.
#[test]
fn who_has_been_served_does_not_wait_for_the_memory_of_others() {
    let mut config = Config::default();
    config.set("turn.max.requests", "1000").expect("a property");
    let mut stage = Stage::with(NO_LIMIT, config, MEMORY);
    let mut hoard = vec![0; HOARD];
    hoard[..LENGTH_BYTES].copy_from_slice(&1_000_000_u32.to_be_bytes());
    stage.send(&hoard);
    stage.change_client();
    let topic = metadata::MetadataRequestTopic { name: Some("t".repeat(REQUEST_BYTES)), ..Default::default() };
    let ask = Ask::from(metadata::Request { topics: Some(vec![topic]), ..Default::default() });
    let requests: Vec<u8> = (0..REQUESTS).flat_map(|id| ask.encode(4, id, "client")).collect();
    stage.send(&requests);
    let (written, mut answers, mut rest) = (stage.written(), 0, 0);
    while let Some(length) = written[rest..].first_chunk::<LENGTH_BYTES>() {
        rest += LENGTH_BYTES + u32::from_be_bytes(*length) as usize;
        answers += 1;
    }
    assert_eq!(answers, REQUESTS);
}

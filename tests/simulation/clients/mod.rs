//! The clients of a run. Each does what real ones do, over and over, and behaves after an error as they do; but any of them may
//! hang up at any moment, or die and leave a ghost behind that does not know it.

mod admin;
mod consumer;
mod flights;
mod member;
mod plain;
mod rude;
mod transactional;

use crate::compacted::KEY_START;
use crate::model::{BatchId, Broken, Place, SentBatch};
use crate::records::{self, Batch, Record};
use crate::sim::{Channel, Sim};
use kafka_rs::wire::messages::produce;
use kafka_rs::wire::record_batch::BatchHeader;

/// One client.
pub trait Actor {
    /// Takes what has come, and does the next thing.
    fn act(&mut self, sim: &mut Sim) -> Result<(), Broken>;
}

pub type Crew = Vec<Box<dyn Actor>>;

/// Everybody whom the plan wants.
pub fn crew(sim: &mut Sim) -> Crew {
    let crowd = sim.plan.crowd;
    let mut crew: Crew = Vec::new();
    for index in 0..crowd.plain {
        crew.push(Box::new(plain::Plain::new(sim, index)));
    }
    for index in 0..crowd.idempotent {
        crew.push(Box::new(plain::Idempotent::new(sim, index)));
    }
    for index in 0..crowd.transactional {
        crew.push(Box::new(transactional::Transactional::new(sim, index)));
    }
    for index in 0..crowd.consumers {
        crew.push(Box::new(consumer::Consumer::new(sim, index)));
    }
    let manner = member::Manner::new(sim);
    for index in 0..crowd.members {
        crew.push(Box::new(member::Member::new(sim, index, &manner)));
    }
    for _ in 0..crowd.admins {
        crew.push(Box::new(admin::Admin::new(sim)));
    }
    for index in 0..crowd.rude {
        crew.push(Box::new(rude::Rude::new(sim, index)));
    }
    for _ in 0..crowd.slow {
        crew.push(Box::new(rude::Rude::slow(sim)));
    }
    crew
}

/// A channel of a client's own, from one of a few addresses.
fn channel(sim: &mut Sim, name: impl Into<String>) -> Channel {
    let address = u8::try_from(1 + sim.dice.below(3)).expect("a few");
    Channel::new(name.into(), address)
}

/// Any partition that there is, with the name of its topic.
fn any_place(sim: &mut Sim) -> Option<(Place, String)> {
    let places: Vec<_> = sim.ends().into_keys().collect();
    if places.is_empty() {
        return None;
    }
    let place = sim.dice.pick(&places);
    let name = sim.model.topic(place.0)?.name.clone();
    Some((place, name))
}

/// How many keys there are.
const KEYS: usize = 6;

/// Who writes a batch: id, epoch and the sequence of its first record.
type Writer = (i64, i16, i32);

/// A new batch for a partition, which nobody has sent before.
fn new_batch(sim: &mut Sim, topic: &str, partition: i32, writer: Option<Writer>, transactional: bool) -> BatchId {
    let number = sim.model.batches.len();
    let count = sim.dice.between(1, 3);
    let mut record = |index: usize| {
        let padding = sim.dice.below(sim.plan.value_bytes);
        // The first one tells the batch from all others; a later one may delete its key.
        let deletes = index > 0 && sim.dice.chance(100);
        Record {
            offset_delta: index as i64,
            key: Some([KEY_START, &[b'0' + sim.dice.below(KEYS) as u8]].concat()),
            value: (!deletes).then(|| format!("{number}.{index} {}", "v".repeat(padding)).into_bytes()),
            ..Record::default()
        }
    };
    let records: Vec<_> = (0..count).map(|index| record(index).encode()).collect();
    // A client's clock is not the broker's.
    let time = sim.now.unix_ms - sim.dice.below(500) as i64;
    let mut batch = Batch {
        base_timestamp: time,
        max_timestamp: time,
        last_offset_delta: count as i32 - 1,
        count: count as i32,
        records: records.concat(),
        ..Batch::of_records(&[])
    };
    if sim.dice.chance(50) {
        batch = compressed(batch);
    }
    if let Some((id, epoch, sequence)) = writer {
        batch = batch.by(id, epoch, sequence);
    }
    if transactional {
        batch.attributes |= records::TRANSACTIONAL;
    }
    let bytes = batch.encode();
    let header = BatchHeader::parse(&bytes).expect("a whole batch");
    let (topic, requests, appended) = (topic.to_owned(), Vec::new(), Vec::new());
    sim.model.sent(SentBatch { bytes, header, topic, partition, requests, appended })
}

#[cfg(feature = "compression")]
fn compressed(batch: Batch) -> Batch {
    batch.compressed(records::LZ4)
}

#[cfg(not(feature = "compression"))]
fn compressed(batch: Batch) -> Batch {
    batch
}

/// A Produce request that brings these batches, and the batches in the order of its partitions.
fn produce_request(
    sim: &Sim,
    acks: i16,
    transactional_id: Option<String>,
    pieces: &[(Place, BatchId)],
) -> produce::Request {
    let mut topic_data: Vec<produce::TopicProduceData> = Vec::new();
    for (place, batch) in pieces {
        let batch = &sim.model.batches[*batch];
        let data = produce::PartitionProduceData { index: place.1, records: Some(batch.bytes.clone()) };
        match topic_data.last_mut().filter(|last| last.topic_id == place.0) {
            Some(last) => last.partition_data.push(data),
            None => topic_data.push(produce::TopicProduceData {
                name: batch.topic.clone(),
                topic_id: place.0,
                partition_data: vec![data],
            }),
        }
    }
    produce::Request { transactional_id, acks, timeout_ms: 30_000, topic_data }
}

/// Notes that a request brings its batches.
fn note_sent(sim: &mut Sim, request: usize, pieces: &[(Place, BatchId)]) {
    for (_, batch) in pieces {
        sim.model.batches[*batch].requests.push(request);
    }
}

//! What of a Produce request belongs to a transaction, and whether it may.
//!
//! The batches say it themselves, and all of a request must be of one producer. A batch for a partition in which that
//! producer's transaction has written before is let through; for the others the coordinator is asked, all at once: see
//! [`crate::broker::transactions::joining`].

use std::collections::HashMap;

use super::Refusal;
use crate::broker::topics::Partition;
use crate::broker::transactions::joining::{Joining, join_partitions};
use crate::broker::transactions::transaction::Producer;
use crate::broker::{Broker, Call};
use crate::wire::ErrorCode;
use crate::wire::messages::produce::Request;
use crate::wire::record_batch::BatchHeader;

/// The first version that knows TRANSACTION_ABORTABLE (KIP-890).
const ABORTABLE_FROM: i16 = 11;
/// The first version that adds partitions to the transaction by itself (KIP-890).
const ADDS_FROM: i16 = 12;

/// Why partitions cannot be written to inside of a transaction, by the topic's name and the partition's index.
pub(super) type Refusals = HashMap<String, HashMap<i32, Refusal>>;

/// Makes the partitions of a request part of its transaction. The error is one of the whole request.
pub(super) fn join(broker: &mut Broker, call: &Call, request: &Request) -> Result<Refusals, ErrorCode> {
    let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    let mut headers = partitions.filter_map(|partition| BatchHeader::parse(partition.records.as_ref()?));
    if !headers.any(|header| header.is_transactional()) {
        return Ok(Refusals::new());
    }
    let Some(transactional_id) = &request.transactional_id else {
        return Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    };
    let NewPlaces { producer, places } = new_places(broker, call, request)?;
    let joining = Joining::by_version(call.version, ABORTABLE_FROM, ADDS_FROM);
    let verifies = joining == Joining::Adds || broker.config.transaction_partition_verification_enable;
    let Some(producer) = producer.filter(|_| verifies && !places.is_empty()) else { return Ok(Refusals::new()) };
    let outcomes = join_partitions(broker, joining, transactional_id, producer, &places, call.now);
    let mut refusals = Refusals::new();
    for ((topic, index), outcome) in places.into_iter().zip(outcomes) {
        if let Err(error) = outcome {
            refusals.entry(topic).or_default().insert(index, refusal(error));
        }
    }
    Ok(refusals)
}

fn refusal(error: ErrorCode) -> Refusal {
    match error {
        ErrorCode::INVALID_TXN_STATE => Refusal::told(error, "Partition was not added to the transaction"),
        // The coordinator has no memory for one partition more: a Produce says so in its own way.
        ErrorCode::COORDINATOR_NOT_AVAILABLE => Refusal::no_memory(),
        error => error.into(),
    }
}

/// What the coordinator is asked about.
struct NewPlaces {
    /// The one producer of the request's transactional batches, if there are any.
    producer: Option<Producer>,
    /// The partitions in which its transaction has written nothing.
    places: Vec<(String, i32)>,
}

fn new_places(broker: &mut Broker, call: &Call, request: &Request) -> Result<NewPlaces, ErrorCode> {
    let Broker { topics, config, .. } = broker;
    let mut producer = None;
    let mut places = Vec::new();
    for topic in &request.topic_data {
        let known = topics.resolve(&topic.name, topic.topic_id, call.version >= super::TOPIC_IDS_FROM);
        let Ok(name) = known.map(|known| known.name.clone()) else { continue };
        for data in &topic.partition_data {
            let header = data.records.as_ref().and_then(|records| BatchHeader::parse(records));
            let Some(header) = header.filter(|header| header.is_transactional() && header.is_idempotent()) else {
                continue;
            };
            let partition = topics.get_mut(&name).and_then(|topic| topic.partition_mut(data.index));
            let Some(partition) = partition else { continue };
            let its_producer = Producer { id: header.producer_id, epoch: header.producer_epoch };
            if *producer.get_or_insert(its_producer) != its_producer {
                return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
            }
            if !has_written(partition, &header) {
                let Partition { log, producers } = partition;
                producers.make_room_for(header.producer_id, config.max_producer_ids_per_partition, &log.transactions);
                producers.attempted(&header, call.now.unix_ms);
                places.push((name.clone(), data.index));
            }
        }
    }
    Ok(NewPlaces { producer, places })
}

/// Whether the batch goes on with what its producer's transaction has in the partition.
fn has_written(partition: &Partition, header: &BatchHeader) -> bool {
    partition.log.transactions.first_offset(header.producer_id).is_some()
        && partition.producers.epoch(header.producer_id) == Some(header.producer_epoch)
}

//! What users of librdkafka see: records per second, against a server that speaks just enough of Kafka for it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::Row;
use crate::Outcome;
use crate::lab::{STEADY_BROKER, STEADY_TOPIC, create_topic};
use crate::measure::{Figure, Goal, contest};
use crate::shape::Shape;

const TOPIC: &str = "librdkafka";
const PATIENCE: Duration = Duration::from_secs(60);
/// How many bytes of values a round produces or consumes.
const ROUND_BYTES: usize = 128 << 20;
const FILL_IN_FLIGHT: usize = 16;

/// The batches with records of these sizes, in bytes.
const SIZES: [(usize, &str, Shape); 2] = [(100, "100 B", Shape::MegabyteOfSmall), (1 << 10, "1 KiB", Shape::Megabyte)];

pub static PRODUCE: Row = Row {
    name: "librdkafka-produce",
    about: "librdkafka's producer, with records of 100 B and of 1 KiB",
    is_short: false,
    run: |lab| {
        for (bytes, size, shape) in SIZES {
            let broker = lab.broker(STEADY_BROKER)?;
            create_topic(broker.address, TOPIC, 1, STEADY_TOPIC)?;
            let limit = lab.limit(&["kafka", shape.name(), "1"])?;
            let count = lab.work(ROUND_BYTES) / bytes;
            let mut ours = || Ok([produced(broker.address, count, bytes)?]);
            let mut limits = || Ok([produced(limit.address, count, bytes)?]);
            let [[ours], [limits]] = contest(lab.rounds().min(5), [&mut ours, &mut limits])?;
            let work = format!("librdkafka, produce, {size}: records per second");
            lab.figures.push(Figure::ratio(PRODUCE.name, work, Goal::AtLeast(0.95), &ours, &limits));
        }
        Ok(())
    },
};

pub static CONSUME: Row = Row {
    name: "librdkafka-consume",
    about: "librdkafka's consumer, with records of 100 B and of 1 KiB",
    is_short: false,
    run: |lab| {
        for (_, size, shape) in SIZES {
            let stored = lab.work(ROUND_BYTES);
            let mut broker = lab.broker_to_fill(TOPIC, shape)?;
            broker.send(stored / broker.requests.batch_bytes(), FILL_IN_FLIGHT)?;
            let limit = lab.limit(&["kafka", shape.name(), &stored.to_string()])?;
            let (address, count) = (broker.server.address, broker.requests.end_offset());
            let mut ours = || Ok([consumed(address, count)?]);
            let mut limits = || Ok([consumed(limit.address, count)?]);
            let [[ours], [limits]] = contest(lab.rounds().min(5), [&mut ours, &mut limits])?;
            let work = format!("librdkafka, consume, {size}: records per second");
            lab.figures.push(Figure::ratio(CONSUME.name, work, Goal::AtLeast(0.95), &ours, &limits));
        }
        Ok(())
    },
};

/// The settings that both sides of [`produced`] and [`consumed`] have in common.
fn config(address: SocketAddr) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address.to_string());
    config
}

/// Looks whether a record has arrived.
struct Delivered;

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = ();

    fn delivery(&self, delivery: &DeliveryResult<'_>, (): ()) {
        assert!(delivery.is_ok(), "a record is lost: {delivery:?}");
    }
}

/// Produces so many records as fast as it goes. Gives how many there were in a second.
pub fn produced(address: SocketAddr, count: usize, bytes: usize) -> Outcome<f64> {
    let mut config = config(address);
    // As rdkafka_performance does: large batches, and a queue that is never empty.
    let settings = [("linger.ms", "5"), ("queue.buffering.max.messages", "500000"), ("batch.num.messages", "10000")];
    settings.iter().for_each(|(name, value)| {
        config.set(*name, *value);
    });
    let producer: BaseProducer<Delivered> = config.create_with_context(Delivered)?;
    producer.client().fetch_metadata(Some(TOPIC), PATIENCE)?;
    let value = vec![b'x'; bytes];
    let started = Instant::now();
    for _ in 0..count {
        let mut record = BaseRecord::<(), [u8]>::to(TOPIC).partition(0).payload(&value);
        while let Err((error, refused)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            producer.poll(Duration::from_millis(1));
            record = refused;
        }
    }
    producer.flush(PATIENCE)?;
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

/// Consumes the first so many records of the partition. Gives how many there were in a second.
pub fn consumed(address: SocketAddr, count: i64) -> Outcome<f64> {
    let mut config = config(address);
    config.set("group.id", TOPIC).set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create()?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(TOPIC, 0, Offset::Offset(0))?;
    consumer.assign(&partitions)?;
    let mut started = None;
    for offset in 0..count {
        let message = consumer.poll(PATIENCE).ok_or("nothing comes")??;
        assert_eq!(message.offset(), offset, "records come in order");
        started.get_or_insert_with(Instant::now);
    }
    let started = started.ok_or("there is nothing to consume")?;
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

use std::time::Duration;

use kafka_rs::{Broker, Config};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

#[test]
fn an_order_arrives() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.set("listeners", "PLAINTEXT://localhost:0")?;
    let broker = Broker::start(config)?;
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", broker.bootstrap_servers());

    let producer: BaseProducer = client.create()?;
    producer.send(BaseRecord::to("orders").key("k").payload("one apple")).map_err(|(error, _)| error)?;
    producer.flush(Duration::from_secs(10))?;

    client.set("group.id", "shop").set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = client.create()?;
    consumer.subscribe(&["orders"])?;
    let order = consumer.iter().next().expect("the iterator waits")?;
    assert_eq!(order.payload(), Some(&b"one apple"[..]));
    Ok(())
}

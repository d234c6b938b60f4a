//! A broker whose memory is used up: a producer waits until there is room.

use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::delete_records;

use super::*;
use crate::records::Batch;
use crate::requests::{Topic, produce_request};
use crate::server::{connect, create_topic};
use crate::socket::Socket;

/// How long a producer is watched while the broker refuses what it sends.
const REFUSAL: Duration = Duration::from_millis(500);

fn write(socket: &mut Socket, topic: &Topic) -> ErrorCode {
    let response = socket.ask(12, &produce_request(1, &[(topic, 0, Batch::of_size(20_000).encode())]));
    response.responses[0].partition_responses[0].error_code
}

#[test]
fn a_producer_that_finds_no_memory_goes_on_once_there_is_some() {
    let broker = start(&[("memory.max.bytes", "4194304"), ("log.retention.ms", "-1")]);
    let mut socket = connect(&broker);
    let topic = create_topic(&mut socket, TOPIC);
    let written = (0..).take_while(|_| write(&mut socket, &topic) == ErrorCode::NONE).count() as i64;

    let config = settings(&broker, &[("retry.backoff.ms", "10"), ("batch.num.messages", "1"), ("log_level", "2")]);
    let producer: BaseProducer<Outcomes> = config.create_with_context(Outcomes::default()).expect("a producer");
    let outcomes = || producer.context().0.lock().expect("nobody panics with it").clone();
    let value = "x".repeat(20_000);
    assert!(producer.send(BaseRecord::<str, str>::to(TOPIC).partition(0).payload(&value)).is_ok());
    let deadline = Instant::now() + REFUSAL;
    while Instant::now() < deadline {
        producer.poll(LOOK);
        assert_eq!(outcomes(), [], "it neither gets through nor gives up");
    }

    let partitions = vec![delete_records::DeleteRecordsPartition { partition_index: 0, offset: written }];
    let topics = vec![delete_records::DeleteRecordsTopic { name: topic.name.clone(), partitions }];
    let response = socket.ask(2, &delete_records::Request { topics, timeout_ms: 1000 });
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::NONE);
    producer.flush(PATIENCE).expect("the message is delivered");
    assert_eq!(outcomes(), [Ok(written)]);
}

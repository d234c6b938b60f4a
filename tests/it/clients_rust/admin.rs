//! Topics and groups, as an administrator sees them.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::*;

/// Wakes a thread that waits for a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}

fn admin(broker: &RunningBroker) -> AdminClient<DefaultClientContext> {
    settings(broker, &[]).create().expect("an administrator")
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

/// Creates a topic and gives the error, if there is one.
fn create(admin: &AdminClient<DefaultClientContext>, topic: &NewTopic) -> Option<RDKafkaErrorCode> {
    let results = wait(admin.create_topics([topic], &options())).expect("an answer");
    results[0].as_ref().err().map(|(_, code)| *code)
}

fn delete(admin: &AdminClient<DefaultClientContext>, name: &str) -> Option<RDKafkaErrorCode> {
    let results = wait(admin.delete_topics(&[name], &options())).expect("an answer");
    results[0].as_ref().err().map(|(_, code)| *code)
}

/// All topics with the numbers of their partitions, in the order of their names.
fn topics(broker: &RunningBroker) -> Vec<(String, usize)> {
    let metadata = consumer(broker, &[]).fetch_metadata(None, PATIENCE).expect("metadata");
    let mut topics: Vec<_> =
        metadata.topics().iter().map(|topic| (topic.name().to_owned(), topic.partitions().len())).collect();
    topics.sort_unstable();
    topics
}

#[test]
fn topics_are_created_described_and_deleted() {
    let broker = start(&[]);
    let admin = admin(&broker);
    let orders = NewTopic::new("orders", 3, TopicReplication::Fixed(1)).set("max.message.bytes", "12345");
    assert_eq!(create(&admin, &orders), None);
    assert_eq!(create(&admin, &orders), Some(RDKafkaErrorCode::TopicAlreadyExists));
    assert_eq!(create(&admin, &NewTopic::new("bills", 1, TopicReplication::Fixed(1))), None);
    let three = NewTopic::new("three", 1, TopicReplication::Fixed(3));
    assert_eq!(create(&admin, &three), Some(RDKafkaErrorCode::InvalidReplicationFactor));
    assert_eq!(topics(&broker), [("bills".to_owned(), 1), ("orders".to_owned(), 3)]);

    let described = wait(admin.describe_configs(&[ResourceSpecifier::Topic("orders")], &options())).expect("an answer");
    let configs = described[0].as_ref().expect("a description").entry_map();
    assert_eq!(configs["max.message.bytes"].value.as_deref(), Some("12345"));
    assert_eq!(configs["cleanup.policy"].value.as_deref(), Some("delete"));
    let described = wait(admin.describe_configs(&[ResourceSpecifier::Broker(1)], &options())).expect("an answer");
    let configs = described[0].as_ref().expect("a description").entry_map();
    assert_eq!(configs["num.partitions"].value.as_deref(), Some("1"));

    assert_eq!(delete(&admin, "orders"), None);
    assert_eq!(delete(&admin, "orders"), Some(RDKafkaErrorCode::UnknownTopicOrPartition));
    assert_eq!(topics(&broker), [("bills".to_owned(), 1)]);
}

#[test]
fn a_topic_is_deleted_and_created_again_at_once() {
    let broker = start(&[]);
    let admin = admin(&broker);
    let orders = NewTopic::new("orders", 1, TopicReplication::Fixed(1));
    let consumer = consumer(&broker, &[]);
    for round in 0..5 {
        assert_eq!(create(&admin, &orders), None);
        let messages: Vec<_> = (0..3).map(|index| Sent::of(0, &format!("{round}-{index}"))).collect();
        send_all(&producer(&broker, &[]), "orders", &messages);
        assert_eq!(consumer.fetch_watermarks("orders", 0, PATIENCE).expect("both ends"), (0, 3), "round {round}");
        assert_eq!(delete(&admin, "orders"), None);
    }
}

#[test]
fn metadata_names_the_broker_and_the_leaders() {
    let broker = start(&[("num.partitions", "2"), ("node.id", "7")]);
    let metadata = consumer(&broker, &[]).fetch_metadata(Some("orders"), PATIENCE).expect("metadata");
    let nodes: Vec<_> = metadata.brokers().iter().map(|node| (node.id(), node.host().to_owned())).collect();
    assert_eq!(nodes, [(7, "127.0.0.1".to_owned())]);
    assert_eq!(metadata.brokers()[0].port(), i32::from(broker.addresses()[0].port()));
    let cluster_id = consumer(&broker, &[]).client().fetch_cluster_id(PATIENCE);
    assert!(cluster_id.is_some_and(|id| id.len() == 22), "an id like those of Kafka");
}

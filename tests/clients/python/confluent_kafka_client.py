"""What the scenarios with confluent-kafka share: its clients, made and asked as most scenarios need it."""

import functools
import time

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

import harness
from harness import Got, Mismatch, wait_until

TIMESTAMP_TYPES = ["no-timestamp", "create-time", "log-append-time"]


def got(message):
    kind, timestamp = message.timestamp()
    return Got(
        message.partition(),
        message.offset(),
        message.key(),
        message.value(),
        message.headers() or [],
        timestamp,
        TIMESTAMP_TYPES[kind],
    )


def name_of(error):
    """A KafkaError, or the exception around one, by the name and the text that the client shows."""
    error = error.args[0] if isinstance(error, KafkaException) else error
    return f"{error.name()}: {error.str()}"


def code_of(error):
    """Only the name, where the text holds broker ids or addresses."""
    error = error.args[0] if isinstance(error, KafkaException) else error
    return error.name()


class Admin(AdminClient):
    """The admin client, which remembers what was called."""

    called = set()

    def __getattribute__(self, name):
        Admin.called.add(name)
        return super().__getattribute__(name)


@functools.cache
def admin_at(bootstrap):
    # Kept, because a client that is collected fails the futures that it gave.
    return Admin({"bootstrap.servers": bootstrap})


def admin(seen):
    return admin_at(seen.bootstrap)


def properties(config):
    """Keyword arguments as Kafka's property names; the callbacks are Python's own and keep their underscores."""
    return {key if callable(value) else key.replace("_", "."): value for key, value in config.items()}


def create_topic(seen, name, partitions=1, **config):
    new = NewTopic(name, partitions, 1, config=properties(config))
    admin(seen).create_topics([new])[name].result()
    wait_until(lambda: is_ready(seen, name, partitions), f"the leaders of {name}")


def is_ready(seen, name, partitions):
    """Whether the leaders serve: until then batches are refused, and sent again they may change places."""
    asked = {TopicPartition(name, p): OffsetSpec.latest() for p in range(partitions)}
    try:
        # First this one, which asks anew each time: the next one believes for long that a topic does not exist.
        describe_topic(admin(seen), name)
        return all(future.result() for future in admin(seen).list_offsets(asked).values())
    except KafkaException:
        time.sleep(0.02)
        return False


def produce(seen, topic, records, **config):
    """Sends everything and gives what the delivery reports said: (partition, offset) or the error, in the order sent."""
    producer = Producer({"bootstrap.servers": seen.bootstrap, "linger.ms": 5} | properties(config))
    reports = [None] * len(records)

    def reporter(i):
        def report(error, message):
            reports[i] = error if error else (message.partition(), message.offset())

        return report

    for i, record in enumerate(records):
        producer.produce(
            topic,
            record.value,
            record.key,
            record.partition,
            timestamp=record.timestamp,
            headers=record.headers,
            on_delivery=reporter(i),
        )
        producer.poll(0)
    left = producer.flush(30)
    if left:
        raise Mismatch(f"{left} records of {len(records)} were not delivered")
    return reports


def produced(seen, topic, records, **config):
    """As `produce`, and every record has to succeed."""
    reports = produce(seen, topic, records, **config)
    for i, report in enumerate(reports):
        if isinstance(report, KafkaError):
            raise Mismatch(f"record {i} failed: {name_of(report)}")
    return reports


def consumer(seen, group="standalone", **config):
    settings = {
        "bootstrap.servers": seen.bootstrap,
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 200,
    }
    return Consumer(settings | properties(config))


def is_end(message):
    return message is not None and message.error() and message.error().code() == KafkaError._PARTITION_EOF


def take(reader, count):
    """The next `count` records of a consumer; an error ends it."""
    records = []

    def enough():
        message = reader.poll(0.1)
        if message is not None and not is_end(message):
            if message.error():
                raise KafkaException(message.error())
            records.append(got(message))
        return len(records) >= count

    wait_until(enough, f"{count} records")
    return records


def nothing_more(reader, seconds=0.3):
    message = reader.poll(seconds)
    if message is not None and not is_end(message):
        raise Mismatch(f"expected no more records, but got {message.error() or harness.show_record(got(message))}")


def end_of_partition(reader):
    """The event by which a consumer with enable.partition.eof says that it is at the end."""
    end = wait_until(lambda: reader.poll(0.1), "the end of the partition")
    if not is_end(end):
        raise Mismatch(f"expected the end of the partition, but got {end.error() or harness.show_record(got(end))}")
    return end.partition(), end.offset()


def read_all(seen, topic, partitions, count, **config):
    """Everything in a topic from the beginning: `count` records and not one more."""
    reader = consumer(seen, **config)
    reader.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(partitions)])
    records = take(reader, count)
    nothing_more(reader)
    reader.close()
    return records


def outcome(future):
    """What an admin operation's future gave: 'ok', or the error's name and text."""
    try:
        future.result()
        return "ok"
    except KafkaException as error:
        return name_of(error)


def describe_topic(client, name):
    return client.describe_topics(TopicCollection([name]))[name].result()


def new_id(client, name, known):
    """The topic's id once it is none of those known."""
    try:
        topic_id = str(describe_topic(client, name).topic_id)
    except KafkaException:
        return None
    return topic_id if topic_id not in known else None


def transactional(seen, suffix, **config):
    settings = {"bootstrap.servers": seen.bootstrap, "transactional.id": f"{seen.scenario}-{suffix}", "linger.ms": 0}
    producer = Producer(settings | properties(config))
    producer.init_transactions(20)
    return producer


def write(producer, topic, value):
    """Sends one record, and gives the offset or the error that comes back."""
    reports = []
    producer.produce(topic, value, partition=0, on_delivery=lambda error, message: reports.append(error or message.offset()))
    producer.flush(20)
    return code_of(reports[0]) if isinstance(reports[0], KafkaError) else reports[0]

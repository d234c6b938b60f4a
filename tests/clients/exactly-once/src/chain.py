"""The parts of the chain that use librdkafka. What each does is said in exactly_once.py, which starts it.

`fill INPUT COUNT KEYS`, `work INPUT OUTPUT GROUP TRANSACTIONAL_ID INSTANCE SEED`, `read TOPIC`, each after the bootstrap address.
"""

import os
import random
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

RECORDS_PER_TRANSACTION = 200
RECORDS_PER_INPUT_TRANSACTION = 2_000
# One transaction in so many is aborted though nothing is wrong with it.
ABORT_ONE_IN = 15
FENCED = 3


def transactional_producer(bootstrap, transactional_id):
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": 10_000,
            "linger.ms": 5,
        }
    )
    producer.init_transactions(60)
    return producer


def consumer(bootstrap, **more):
    settings = {
        "bootstrap.servers": bootstrap,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    return Consumer(settings | {name.replace("_", "."): value for name, value in more.items()})


def fill(bootstrap, topic, count, keys):
    """Every committed transaction is followed by one that is aborted. Prints the offset after each partition's last record."""
    producer = transactional_producer(bootstrap, f"{topic}-filler")
    ends = {}

    def delivered(error, message):
        if not error:
            ends[message.partition()] = max(ends.get(message.partition(), 0), message.offset() + 1)

    for start in range(0, count, RECORDS_PER_INPUT_TRANSACTION):
        producer.begin_transaction()
        for i in range(start, min(count, start + RECORDS_PER_INPUT_TRANSACTION)):
            producer.produce(topic, str(i), f"key {i % keys}", on_delivery=delivered)
            producer.poll(0)
        producer.commit_transaction(30)
        producer.begin_transaction()
        for i in range(RECORDS_PER_INPUT_TRANSACTION // 10):
            producer.produce(topic, "aborted", f"key {i % keys}")
        producer.flush(30)
        producer.abort_transaction(30)
    for partition, end in sorted(ends.items()):
        print(partition, end)


def work(bootstrap, source, output, group, transactional_id, instance, seed):
    chance = random.Random(int(seed))
    settings = {"group_id": group, "session_timeout_ms": 6000, "heartbeat_interval_ms": 300}
    if instance:
        settings["group_instance_id"] = instance
    reader = consumer(bootstrap, **settings)
    producer = transactional_producer(bootstrap, transactional_id)
    batch = []

    def forget(*_):
        # Whoever gets the partitions now begins at their committed offsets.
        batch.clear()

    reader.subscribe([source], on_revoke=forget, on_lost=forget)
    while True:
        collect(reader, batch)
        if not batch:
            continue
        try:
            transform(reader, producer, batch, output, commit=chance.randrange(ABORT_ONE_IN) > 0)
        except KafkaException as error:
            reason = error.args[0]
            print(f"worker {transactional_id}: {reason}", file=sys.stderr, flush=True)
            if not reason.txn_requires_abort():
                # Fenced, or at a loss: another one goes on under this transactional id.
                os._exit(FENCED)
            producer.abort_transaction(30)
            rewind(reader)
        batch.clear()


def collect(reader, batch):
    """Fills the batch up. What was in it may be forgotten meanwhile, because partitions go to somebody else."""
    while len(batch) < RECORDS_PER_TRANSACTION:
        message = reader.poll(0.1)
        if message is None:
            return
        if message.error():
            print(f"worker: {message.error()}", file=sys.stderr, flush=True)
        else:
            batch.append(message)


def transform(reader, producer, batch, output, commit):
    following = {message.partition(): message.offset() + 1 for message in batch}
    offsets = [TopicPartition(batch[0].topic(), partition, offset) for partition, offset in following.items()]
    producer.begin_transaction()
    for message in batch:
        producer.produce(output, b"made of " + message.value(), message.key())
        producer.poll(0)
    producer.send_offsets_to_transaction(offsets, reader.consumer_group_metadata(), 30)
    if commit:
        producer.commit_transaction(30)
    else:
        producer.flush(30)
        producer.abort_transaction(30)
        rewind(reader)


def rewind(reader):
    """Goes back to what counts, since what was read after it will have to be read again."""
    for place in reader.committed(reader.assignment(), 30):
        reader.seek(TopicPartition(place.topic, place.partition, place.offset))


def read(bootstrap, topic):
    """Prints all that counts up to the end of the log, which can be read only once no transaction is open any more."""
    reader = consumer(bootstrap, group_id="reader", enable_partition_eof=True)
    partitions = [TopicPartition(topic, p, OFFSET_BEGINNING) for p in reader.list_topics(topic, 30).topics[topic].partitions]
    ends = {place.partition: reader.get_watermark_offsets(place, 30)[1] for place in partitions}
    reader.assign(partitions)
    lines = []
    while ends:
        message = reader.poll(1)
        if message is None:
            continue
        if not message.error():
            lines.append(f"{message.partition()}\t{message.key().decode()}\t{message.value().decode()}\n")
        elif message.error().code() != KafkaError._PARTITION_EOF:
            raise KafkaException(message.error())
        elif message.offset() >= ends.get(message.partition(), 0):
            ends.pop(message.partition(), None)
    sys.stdout.write("".join(lines))


if __name__ == "__main__":
    address, part, *rest = sys.argv[1:]
    if part == "fill":
        fill(address, rest[0], int(rest[1]), int(rest[2]))
    elif part == "work":
        work(address, *rest)
    elif part == "read":
        read(address, rest[0])
    sys.stdout.flush()
    os._exit(0)

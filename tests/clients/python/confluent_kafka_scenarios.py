"""What users of confluent-kafka (librdkafka) do with a broker, one scenario each."""

import json
import threading
import time

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import OffsetSpec

import confluent_kafka_admin
import groups
import harness
from confluent_kafka_client import (
    admin,
    admin_at,
    code_of,
    consumer,
    create_topic,
    describe_topic,
    end_of_partition,
    got,
    is_end,
    name_of,
    nothing_more,
    produce,
    produced,
    read_all,
    take,
    transactional,
    write,
)
from harness import (
    CODECS,
    EPOCH_MS,
    LARGEST_VALUE,
    error_of,
    offsets_in_order,
    plain_records,
    sent,
    wait_until,
)

scenario = harness.Scenarios()
ASSIGNORS = ["range", "roundrobin", "cooperative-sticky"]


@scenario("round-trip")
def round_trip(seen):
    create_topic(seen, "round-trip-1")
    records = harness.round_trip_records()
    seen.equal("one partition: reports", produced(seen, "round-trip-1", records), offsets_in_order(records))
    seen.records("one partition", read_all(seen, "round-trip-1", 1, len(records)), records)

    create_topic(seen, "round-trip-3", 3)
    records = [r for p in (2, 0, 1) for r in harness.round_trip_records(p)]
    seen.equal("three partitions: reports", produced(seen, "round-trip-3", records), offsets_in_order(records))
    seen.records("three partitions", read_all(seen, "round-trip-3", 3, len(records)), records)


@scenario("timestamps")
def timestamps(seen):
    create_topic(seen, "timestamps")
    before = int(time.time() * 1000)
    reports = produced(seen, "timestamps", [sent("now", "v", timestamp=0)])
    seen.equal("report", reports, [(0, 0)])
    record = read_all(seen, "timestamps", 1, 1)[0]
    seen.equal("timestamp type", record.timestamp_type, "create-time")
    seen.holds("create time recent", before - 1000 <= record.timestamp <= time.time() * 1000 + 1000)
    # Out of order, equal, and the first millisecond of all.
    records = [sent("t", str(i), timestamp=t) for i, t in enumerate([EPOCH_MS + 5, EPOCH_MS, EPOCH_MS, 1])]
    produced(seen, "timestamps", records)
    seen.records("any order", read_all(seen, "timestamps", 1, 5)[1:], records, first_offset=1)
    # Kafka accepts an hour ahead of its own clock, not more.
    ahead = sent("future", "v", timestamp=int(time.time() * 1000) + 2 * 3600 * 1000)
    seen.equal("two hours ahead", code_of(produce(seen, "timestamps", [ahead])[0]), "INVALID_TIMESTAMP")

    create_topic(seen, "append-times", message_timestamp_type="LogAppendTime")
    produced(seen, "append-times", [sent("k", "v")])
    record = read_all(seen, "append-times", 1, 1)[0]
    seen.equal("log append time: type", record.timestamp_type, "log-append-time")
    seen.holds("log append time recent", before - 1000 <= record.timestamp <= time.time() * 1000 + 1000)


def compression(seen, codec):
    topic = f"compression-{codec}"
    create_topic(seen, topic)
    records = harness.varied_records(400)
    reports = produced(seen, topic, records, compression_type=codec, linger_ms=50)
    seen.equal("reports in order", reports == offsets_in_order(records), True)
    seen.records("records", read_all(seen, topic, 1, len(records)), records)


for codec in CODECS:
    scenario(f"compression-{codec}", codec)(compression)


def acknowledged(seen, acks):
    topic = f"acks-{acks}"
    create_topic(seen, topic)
    records = plain_records(50)
    reports = produced(seen, topic, records, acks=acks)
    seen.saw("first reports", reports[:3])
    if acks != "0":
        seen.equal("reports in order", reports == offsets_in_order(records), True)
    seen.records("records", read_all(seen, topic, 1, len(records)), records)


for acks in ["0", "1", "all"]:
    scenario(f"acks-{acks}", acks)(acknowledged)


@scenario("idempotent")
def idempotent(seen):
    create_topic(seen, "idempotent", 2)
    records = plain_records(5000, 2)
    settings = {"enable_idempotence": True, "batch_num_messages": 50, "max_in_flight_requests_per_connection": 5}
    reports = produced(seen, "idempotent", records, **settings)
    seen.equal("reports in order", reports == offsets_in_order(records), True)
    seen.records("records", read_all(seen, "idempotent", 2, len(records)), records)


@scenario("big")
def big(seen):
    create_topic(seen, "big")
    raised = {"message_max_bytes": 4_000_000}
    records = [sent(None, bytes([i % 251 for i in range(size)])) for size in (1_000_000, LARGEST_VALUE)]
    seen.equal("up to the limit", produced(seen, "big", records, **raised), [(0, 0), (0, 1)])
    above = sent(None, b"x" * (LARGEST_VALUE + 1))
    seen.equal("one byte above", code_of(produce(seen, "big", [above], **raised)[0]), "MSG_SIZE_TOO_LARGE")
    above = sent(None, b"x" * 3_000_000)
    seen.equal("far above", code_of(produce(seen, "big", [above], **raised)[0]), "MSG_SIZE_TOO_LARGE")
    # Compressed it is small, and the broker's limit is on the compressed batch.
    seen.equal("far above, compressed", produced(seen, "big", [above], compression_type="gzip", **raised), [(0, 2)])
    seen.records("records", read_all(seen, "big", 1, 3), records + [above])

    create_topic(seen, "small", max_message_bytes="1000")
    reports = produce(seen, "small", [sent("k", b"x" * 2000)])
    seen.equal("above the topic's own limit", code_of(reports[0]), "MSG_SIZE_TOO_LARGE")


@scenario("fetch-limits")
def fetch_limits(seen):
    """Records that are larger than what a fetch may bring still come, one fetch each."""
    create_topic(seen, "fetch-limits", 2)
    records = [sent(f"k{i}", bytes([i]) * 30_000, partition=i % 2) for i in range(10)]
    produced(seen, "fetch-limits", records, batch_num_messages=1)
    limits = {"max_partition_fetch_bytes": 1000, "fetch_max_bytes": 1000, "message_max_bytes": 1000}
    seen.records("records", read_all(seen, "fetch-limits", 2, len(records), **limits), records)


@scenario("seek-offset")
def seek_offset(seen):
    create_topic(seen, "seek-offset")
    records = plain_records(100)
    produced(seen, "seek-offset", records, batch_num_messages=10)
    reader = consumer(seen, enable_partition_eof=True)
    reader.assign([TopicPartition("seek-offset", 0, OFFSET_BEGINNING)])
    seen.records("from the beginning", take(reader, 100), records)
    for offset in (37, 40, 0, 99):
        reader.seek(TopicPartition("seek-offset", 0, offset))
        seen.records(f"from {offset}", take(reader, 100 - offset), records[offset:], first_offset=offset)
    reader.seek(TopicPartition("seek-offset", 0, OFFSET_END))
    seen.equal("the end", end_of_partition(reader), (0, 100))
    produced(seen, "seek-offset", [sent("last", "100")])
    seen.records("from the end", take(reader, 1), [sent("last", "100")], first_offset=100)
    seen.equal("watermarks", reader.get_watermark_offsets(TopicPartition("seek-offset", 0)), (0, 101))
    seen.equal("position", reader.position([TopicPartition("seek-offset", 0)])[0].offset, 101)
    reader.close()


@scenario("out-of-range")
def out_of_range(seen):
    create_topic(seen, "out-of-range")
    records = plain_records(10)
    produced(seen, "out-of-range", records)
    beyond = [TopicPartition("out-of-range", 0, 1000)]

    reader = consumer(seen, auto_offset_reset="earliest")
    reader.assign(beyond)
    seen.records("earliest", take(reader, 10), records)
    reader.close()

    reader = consumer(seen, auto_offset_reset="error")
    reader.assign(beyond)
    seen.equal("error", code_of(error_of(take, reader, 1)), "_AUTO_OFFSET_RESET")
    reader.close()

    reader = consumer(seen, auto_offset_reset="latest", enable_partition_eof=True)
    reader.assign(beyond)
    seen.equal("latest: the end", end_of_partition(reader), (0, 10))
    produced(seen, "out-of-range", [sent("last", "10")])
    seen.records("latest", take(reader, 1), [sent("last", "10")], first_offset=10)
    reader.close()


@scenario("seek-time")
def seek_time(seen):
    for codec in CODECS:
        topic = f"seek-time-{codec}"
        create_topic(seen, topic, 3)
        # Partition 2 stays empty. In partition 0 all are in one batch, in partition 1 in several.
        produced(seen, topic, harness.records_for_lookups(0), compression_type=codec, linger_ms=100)
        produced(seen, topic, harness.records_for_lookups(1), compression_type=codec, batch_num_messages=7)
        reader = consumer(seen)
        for what, time_ms, offset in harness.LOOKUPS:
            asked = [TopicPartition(topic, p, time_ms) for p in range(3)]
            offsets = {tp.partition: tp.offset for tp in reader.offsets_for_times(asked, timeout=10)}
            # This client shows that there is none as the end.
            wanted = OFFSET_END if offset is None else offset
            seen.equal(f"{codec}: {what}", offsets, {0: wanted, 1: wanted, 2: OFFSET_END})
        reader.close()


@scenario("seek-time-unordered")
def seek_time_unordered(seen):
    topic = "seek-time-unordered"
    create_topic(seen, topic)
    produced(seen, topic, harness.unordered_records())
    reader = consumer(seen)
    for after in harness.UNORDERED_LOOKUPS_MS:
        asked = [TopicPartition(topic, 0, EPOCH_MS + after)]
        wanted, _ = harness.unordered_found(after)
        seen.equal(f"after {after} ms", reader.offsets_for_times(asked, timeout=10)[0].offset, wanted)
    reader.close()
    specs = {"earliest": OffsetSpec.earliest(), "latest": OffsetSpec.latest(), "max timestamp": OffsetSpec.max_timestamp()}
    for what, spec in specs.items():
        partition = TopicPartition(topic, 0)
        result = admin(seen).list_offsets({partition: spec})[partition].result()
        seen.saw(f"list offsets: {what}", (result.offset, result.timestamp, result.leader_epoch))


# ---------------------------------------------------------------------------------------------------------------------


class Member:
    def __init__(self, bootstrap, group, topic, name, assignor, instance):
        self.name, self.records, self.error, self.assignments = name, [], None, 0
        self.cooperative = assignor == "cooperative-sticky"
        settings = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "client.id": name,
            "partition.assignment.strategy": assignor,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 200,
        }
        if instance:
            settings["group.instance.id"] = instance
        self.consumer = Consumer(settings)
        self.consumer.subscribe([topic], on_assign=self.assigned)

    def assigned(self, consumer, partitions):
        self.assignments += 1

    def poll(self):
        # Several at a time, because one poll gives one record at most.
        message = self.consumer.poll(0.02)
        while message is not None:
            if message.error():
                self.error = name_of(message.error())
                return
            self.records.append(got(message))
            message = self.consumer.poll(0)

    def partitions(self):
        return sorted(tp.partition for tp in self.consumer.assignment())

    def close(self):
        self.consumer.close()


class Client:
    """What the groups' scenarios need."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = admin_at(bootstrap)

    def create_topic(self, name, partitions):
        create_topic(self, name, partitions)

    def produce(self, topic, records):
        produced(self, topic, records)

    def member(self, *args):
        return Member(self.bootstrap, *args)

    def describe(self, group):
        described = self.admin.describe_consumer_groups([group])[group].result()
        states = {ConsumerGroupState.STABLE: "Stable", ConsumerGroupState.EMPTY: "Empty", ConsumerGroupState.DEAD: "Dead"}
        return groups.Described(
            states.get(described.state, described.state.name),
            described.type.name,
            described.partition_assignor,
            {m.client_id: sorted(tp.partition for tp in m.assignment.topic_partitions) for m in described.members},
            {m.client_id: m.group_instance_id for m in described.members},
            sorted({m.host for m in described.members}),
        )

    def committed(self, group, topic, partitions):
        asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, p) for p in range(partitions)])
        answer = self.admin.list_consumer_group_offsets([asked])[group].result()
        return {tp.partition: tp.offset for tp in answer.topic_partitions}


def with_client(seen, body, *args):
    body(seen, Client(seen.bootstrap), *args)


for assignor in ASSIGNORS:
    scenario(f"group-two-{assignor}", groups.two, assignor)(with_client)
    scenario(f"group-three-{assignor}", groups.three, assignor)(with_client)
scenario("static-member", groups.static_member)(with_client)
scenario("static-member-fenced", groups.static_member_fenced)(with_client)
scenario("members-die", groups.members_die, __file__)(with_client)


@scenario("commit-resume")
def commit_resume(seen):
    topic = "commit-resume"
    create_topic(seen, topic, 2)
    records = plain_records(40, 2)
    produced(seen, topic, records)
    partitions = [TopicPartition(topic, 0), TopicPartition(topic, 1)]

    def committed(reader):
        # That there is none, librdkafka shows as its 'invalid' offset.
        return {tp.partition: (tp.offset, tp.metadata) for tp in reader.committed(partitions, timeout=10)}

    first = consumer(seen, group="commit-resume")
    first.subscribe([topic])
    seen.records("first member", take(first, 40), records)
    seen.saw("nothing committed yet", committed(first))
    answer = first.commit(offsets=[TopicPartition(topic, 0, 7, "seven ½"), TopicPartition(topic, 1, 12)], asynchronous=False)
    seen.saw("commit: answer", {tp.partition: (tp.offset, tp.error) for tp in answer})
    seen.saw("committed", committed(first))
    first.commit(offsets=[TopicPartition(topic, 0, 5, "back to five")], asynchronous=False)
    seen.saw("committed again", committed(first))
    too_long = TopicPartition(topic, 0, 6, "m" * 4097)
    seen.equal(
        "metadata too long",
        code_of(error_of(first.commit, offsets=[too_long], asynchronous=False)),
        "OFFSET_METADATA_TOO_LARGE",
    )
    unknown = TopicPartition("commit-resume-unknown", 0, 6)
    seen.saw("unknown topic", code_of(error_of(first.commit, offsets=[unknown], asynchronous=False)))

    stranger = consumer(seen, group="commit-resume")
    stranger.assign([TopicPartition(topic, 0, 1)])
    not_a_member = error_of(stranger.commit, offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    seen.equal("commit by a non-member", code_of(not_a_member), "UNKNOWN_MEMBER_ID")
    first.close()

    second = consumer(seen, group="commit-resume")
    second.subscribe([topic])
    resumed = take(second, 15 + 8)
    nothing_more(second)
    seen.records("resumed partition 0", [r for r in resumed if r.partition == 0], records[10::2], first_offset=5)
    seen.records("resumed partition 1", [r for r in resumed if r.partition == 1], records[25::2], first_offset=12)
    second.commit(asynchronous=False)
    seen.saw("committed at the position", committed(second))
    second.close()

    # Now the group has no members, and who has no membership may commit.
    stranger.commit(offsets=[TopicPartition(topic, 0, 3)], asynchronous=False)
    seen.saw("standalone commit", committed(stranger))
    stranger.close()


@scenario("commit-async")
def commit_async(seen):
    create_topic(seen, "commit-async")
    records = plain_records(10)
    produced(seen, "commit-async", records)
    answers = []

    def on_commit(error, partitions):
        answers.append((error, [(tp.partition, tp.offset) for tp in partitions]))

    reader = consumer(seen, group="commit-async", on_commit=on_commit)
    reader.subscribe(["commit-async"])
    last = take(reader, 10)[-1]
    reader.commit(offsets=[TopicPartition("commit-async", 0, last.offset + 1)], asynchronous=True)

    def answered():
        reader.poll(0.05)
        return answers

    wait_until(answered, "the answer to the commit")
    seen.equal("callback", answers, [(None, [(0, 10)])])
    seen.equal("committed", reader.committed([TopicPartition("commit-async", 0)], timeout=10)[0].offset, 10)
    reader.close()


@scenario("auto-commit")
def auto_commit(seen):
    create_topic(seen, "auto-commit")
    records = plain_records(20)
    produced(seen, "auto-commit", records[:10])
    settings = {"group": "auto-commit", "enable_auto_commit": True, "auto_commit_interval_ms": 100}
    reader = consumer(seen, **settings)
    reader.subscribe(["auto-commit"])
    seen.records("first", take(reader, 10), records[:10])
    partition = [TopicPartition("auto-commit", 0)]

    def all_committed():
        reader.poll(0.05)
        return reader.committed(partition, timeout=10)[0].offset == 10

    wait_until(all_committed, "the automatic commit")
    seen.saw("committed by the interval", 10)
    produced(seen, "auto-commit", records[10:])
    seen.records("more", take(reader, 10), records[10:], first_offset=10)
    reader.close()
    reader = consumer(seen, **settings)
    seen.equal("committed by closing", reader.committed(partition, timeout=10)[0].offset, 20)
    reader.close()


@scenario("two-groups")
def two_groups(seen):
    """Groups do not know of each other."""
    create_topic(seen, "two-groups")
    records = plain_records(30)
    produced(seen, "two-groups", records)
    readers = [consumer(seen, group=f"two-groups-{i}") for i in range(2)]
    for i, reader in enumerate(readers):
        reader.subscribe(["two-groups"])
        seen.records(f"group {i}", take(reader, 30), records)
        reader.commit(offsets=[TopicPartition("two-groups", 0, 10 + i)], asynchronous=False)
    for i, reader in enumerate(readers):
        seen.equal(f"group {i} committed", reader.committed([TopicPartition("two-groups", 0)], timeout=10)[0].offset, 10 + i)
        reader.close()


@scenario("subscribe-pattern")
def subscribe_pattern(seen):
    create_topic(seen, "pattern-a")
    create_topic(seen, "not-the-pattern")
    for topic in ("pattern-a", "not-the-pattern"):
        produced(seen, topic, [sent("k", topic)])
    reader = consumer(seen, group="subscribe-pattern", enable_auto_commit=True, topic_metadata_refresh_interval_ms=300)
    reader.subscribe(["^pattern-.*"])
    seen.records("first topic", take(reader, 1), [sent("k", "pattern-a")])
    create_topic(seen, "pattern-b")
    produced(seen, "pattern-b", [sent("k", "pattern-b")])
    seen.records("a topic that came later", take(reader, 1), [sent("k", "pattern-b")])
    seen.equal("assigned", {tp.topic for tp in reader.assignment()}, {"pattern-a", "pattern-b"})
    reader.close()


@scenario("many-partitions")
def many_partitions(seen):
    """A fetch session over many partitions: those with news are few, and pausing and resuming changes the session."""
    topics = [f"many-{i}" for i in range(5)]
    for topic in topics:
        create_topic(seen, topic, 8)
    reader = consumer(seen)
    everything = [TopicPartition(topic, p, OFFSET_BEGINNING) for topic in topics for p in range(8)]
    reader.assign(everything)
    nothing_more(reader)
    for round_number in range(3):
        records = [sent(f"k{round_number}", "v", partition=p) for p in (1, 6)]
        for topic in topics:
            produced(seen, topic, records)
        came = take(reader, 10)
        wanted = sorted((p, round_number, f"k{round_number}".encode()) for p in (1, 6) for _ in topics)
        seen.equal(f"round {round_number}", sorted((r.partition, r.offset, r.key) for r in came), wanted)
    reader.pause([TopicPartition("many-0", 1)])
    produced(seen, "many-0", [sent("k", "paused", partition=1), sent("k", "not paused", partition=2)])
    seen.records("while one is paused", take(reader, 1), [sent("k", "not paused", partition=2)])
    nothing_more(reader)
    reader.resume([TopicPartition("many-0", 1)])
    seen.records("resumed", take(reader, 1), [sent("k", "paused", partition=1)], first_offset=3)
    reader.close()


@scenario("long-poll")
def long_poll(seen):
    create_topic(seen, "long-poll", 2)
    producer = Producer({"bootstrap.servers": seen.bootstrap, "linger.ms": 0})
    producer.list_topics("long-poll", timeout=10)
    statistics = []
    reader = consumer(
        seen,
        fetch_wait_max_ms=5000,
        statistics_interval_ms=100,
        stats_cb=lambda text: statistics.append(json.loads(text)),
    )
    reader.assign([TopicPartition("long-poll", p, 0) for p in range(2)])

    started = time.monotonic()
    seen.equal("no data", reader.poll(1.5), None)
    seen.holds("no data: after the time asked for", 1.4 < time.monotonic() - started < 3)
    # While it waits, the broker holds one fetch: had it answered at once, there would be many.
    fetches = [sum(broker["req"].get("Fetch", 0) for broker in s["brokers"].values()) for s in statistics]
    seen.holds("no data: few fetches", 1 <= fetches[-1] <= 3, f"{fetches}")

    for i in range(5):
        started = time.monotonic()
        producer.produce("long-poll", f"v{i}", partition=i % 2)
        message = wait_until(lambda: reader.poll(1), "the record")
        took = time.monotonic() - started
        producer.flush(10)
        seen.equal(f"record {i}", message.value(), f"v{i}".encode())
        seen.holds(f"record {i} came at once", took < 0.4, f"({took:.3f} s)")
    reader.close()


@scenario("auto-create")
def auto_create(seen):
    client = admin(seen)
    seen.equal("produce", produced(seen, "auto-created", [sent("k", "v")]), [(0, 0)])
    seen.equal("partitions", len(client.list_topics(timeout=10).topics["auto-created"].partitions), 1)
    seen.records("record", read_all(seen, "auto-created", 1, 1), [sent("k", "v")])

    seen.saw("describe unknown", code_of(error_of(describe_topic, client, "not-created")))
    reader = consumer(seen, group="auto-create")
    reader.subscribe(["not-created"])
    seen.saw("consume unknown", code_of(error_of(take, reader, 1)))
    asked = [TopicPartition("not-created", 0, 0)]
    seen.saw("offsets for times unknown", code_of(error_of(reader.offsets_for_times, asked, timeout=5)))
    reader.close()
    seen.equal("created by asking", "not-created" in client.list_topics(timeout=10).topics, False)

    reader = consumer(seen, group="auto-create", topic_metadata_refresh_interval_ms=200)
    reader.subscribe(["created-later"])
    seen.saw("subscribed before it exists", code_of(error_of(take, reader, 1)))
    produced(seen, "created-later", [sent("k", "later")])
    seen.records("subscribed before it existed", take(reader, 1), [sent("k", "later")])
    reader.close()

    bad = produce(seen, "bad name!", [sent("k", "v", partition=-1)], message_timeout_ms=5000)[0]
    seen.saw("produce to a bad name", code_of(bad))
    beyond = produce(seen, "auto-created", [sent("k", "v", partition=5)], message_timeout_ms=5000)[0]
    seen.saw("produce to an unknown partition", code_of(beyond))


@scenario("keys-to-partitions")
def keys_to_partitions(seen):
    """Which partition a key goes to is the client's choice by the number of partitions that the broker says."""
    create_topic(seen, "keys", 4)
    reports = produced(seen, "keys", [sent(f"key-{i}", "v", partition=-1) for i in range(20)])
    chosen = [p for p, _ in reports]
    seen.saw("partitions", chosen)
    again = produced(seen, "keys", [sent(f"key-{i}", "v", partition=-1) for i in range(20)])
    seen.equal("the same again", [p for p, _ in again] == chosen, True)


@scenario("concurrent")
def concurrent(seen):
    """Several producers write while a consumer reads; each producer's order is kept."""
    create_topic(seen, "concurrent", 2)
    threads = [threading.Thread(target=produced, args=(seen, "concurrent", w), daemon=True) for w in harness.WRITERS]
    for thread in threads:
        thread.start()
    reader = consumer(seen)
    reader.assign([TopicPartition("concurrent", p, OFFSET_BEGINNING) for p in range(2)])
    records = take(reader, 1600)
    nothing_more(reader)
    reader.close()
    harness.check_writers(seen, records)


def show_visible(seen, when, topic, end):
    """What either reader sees of partition 0, once all that is expected has got its offset: Kafka's markers come late."""
    place = TopicPartition(topic, 0, OFFSET_BEGINNING)
    for isolation in ["read_uncommitted", "read_committed"]:
        reader = consumer(seen, isolation_level=isolation, enable_partition_eof=True)
        if isolation == "read_uncommitted":
            wait_until(lambda reader=reader: reader.get_watermark_offsets(place)[1] >= end, "the end of the partition")
        reader.assign([place])
        visible = []
        while True:
            message = wait_until(lambda reader=reader: reader.poll(0.1), "the end of the partition")
            if is_end(message):
                break
            visible.append(f"{message.offset()}:{message.value().decode()}")
        seen.saw(f"{when}, {isolation}", visible)
        reader.close()


def refusal(call, *args):
    """The error of a transactional call by its name, and what a producer may do about it."""
    error = error_of(call, *args).args[0]
    return [error.name(), "fatal" if error.fatal() else "not fatal", "abort" if error.txn_requires_abort() else "no abort"]


@scenario("transactions")
def transactions(seen):
    topic = "transactions-topic"
    create_topic(seen, topic)
    producer, plain = transactional(seen, "id"), Producer({"bootstrap.servers": seen.bootstrap})
    producer.begin_transaction()
    seen.equal("offset in a transaction", write(producer, topic, "committed"), 0)
    seen.equal("offset beside it", write(plain, topic, "plain"), 1)
    show_visible(seen, "open", topic, 2)
    producer.commit_transaction(20)
    show_visible(seen, "committed", topic, 3)
    producer.begin_transaction()
    seen.equal("offset behind the marker", write(producer, topic, "aborted"), 3)
    producer.abort_transaction(20)
    show_visible(seen, "aborted", topic, 5)
    producer.begin_transaction()
    producer.commit_transaction(20)
    seen.saw("commit without a transaction", refusal(producer.commit_transaction, 20))


@scenario("transactions-fenced")
def transactions_fenced(seen):
    topic = "transactions-fenced-topic"
    create_topic(seen, topic)
    old = transactional(seen, "id")
    old.begin_transaction()
    seen.equal("the old one's offset", write(old, topic, "old"), 0)
    young = transactional(seen, "id")
    show_visible(seen, "taken over", topic, 2)
    seen.saw("the old one commits", refusal(old.commit_transaction, 20))
    young.begin_transaction()
    seen.equal("the young one's offset", write(young, topic, "young"), 2)
    young.commit_transaction(20)
    show_visible(seen, "in the end", topic, 4)
    seen.saw("a timeout that is too long", name_of(error_of(transactional, seen, "long", transaction_timeout_ms=900_001)))


@scenario("transactions-offsets")
def transactions_offsets(seen):
    topic = "transactions-offsets-topic"
    create_topic(seen, topic)
    produced(seen, topic, plain_records(10))
    reader = consumer(seen, "transactions-offsets-group", isolation_level="read_committed")
    reader.subscribe([topic])
    take(reader, 10)
    producer = transactional(seen, "id")
    place = TopicPartition(topic, 0)

    def send(offset, end):
        producer.begin_transaction()
        producer.send_offsets_to_transaction([TopicPartition(topic, 0, offset)], reader.consumer_group_metadata(), 20)
        end(20)
        return reader.committed([place], 20)[0].offset

    seen.equal("committed with the transaction", send(4, producer.commit_transaction), 4)
    seen.equal("aborted with the transaction", send(8, producer.abort_transaction), 4)
    metadata = reader.consumer_group_metadata()
    reader.close()
    producer.begin_transaction()
    gone = refusal(producer.send_offsets_to_transaction, [TopicPartition(topic, 0, 9)], metadata, 20)
    seen.saw("of a member that has left", gone)
    producer.abort_transaction(20)
    again = consumer(seen, "transactions-offsets-group", isolation_level="read_committed")
    again.subscribe([topic])
    seen.equal("the next member resumes at", take(again, 1)[0].offset, 4)
    again.close()


scenario.by_name.update(confluent_kafka_admin.scenario.by_name)

if __name__ == "__main__":
    groups.be_a_member(Client)
    harness.main(scenario)

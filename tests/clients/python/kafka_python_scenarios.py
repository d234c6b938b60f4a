"""What users of kafka-python do with a broker, one scenario each."""

import functools
import logging
import threading
import time
import uuid

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, MemberToRemove, OffsetSpec
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.errors import KafkaError, for_code

import groups
import harness
from harness import (
    CODECS,
    EPOCH_MS,
    LARGEST_VALUE,
    Got,
    Mismatch,
    error_of,
    offsets_in_order,
    plain_records,
    sent,
    wait_until,
)

scenario = harness.Scenarios()
ASSIGNORS = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
    "cooperative-sticky": CooperativeStickyAssignor,
}
TIMESTAMP_TYPES = {0: "create-time", 1: "log-append-time"}


def got(record):
    kind = TIMESTAMP_TYPES[record.timestamp_type]
    return Got(record.partition, record.offset, record.key, record.value, list(record.headers), record.timestamp, kind)


def name_of(error):
    return type(error).__name__


@functools.cache
def admin_at(bootstrap):
    return KafkaAdminClient(bootstrap_servers=bootstrap)


def admin(seen):
    return admin_at(seen.bootstrap)


def create_topic(seen, name, partitions=1, **config):
    configs = {key.replace("_", "."): value for key, value in config.items()}
    new = {name: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}}
    admin(seen).create_topics(new)
    wait_until(lambda: is_ready(seen, name, partitions), f"the leaders of {name}")


def has_coordinator(seen):
    """The first request for a coordinator lets Kafka create its offsets topic and fails until that is done."""
    try:
        return admin(seen).describe_groups(["none"])
    except KafkaError:
        time.sleep(0.02)
        return None


def is_ready(seen, name, partitions):
    """Whether the leaders serve: until then batches are refused."""
    try:
        return admin(seen).list_partition_offsets({TopicPartition(name, p): OffsetSpec.LATEST for p in range(partitions)})
    except KafkaError:
        time.sleep(0.02)
        return None


def produce(seen, topic, records, **config):
    """Sends everything and gives (partition, offset) or the error of each record, in the order sent."""
    settings = {"bootstrap_servers": seen.bootstrap, "linger_ms": 5} | config
    with KafkaProducer(**settings) as producer:
        futures = [
            producer.send(
                topic,
                value=record.value,
                key=record.key,
                headers=record.headers,
                partition=record.partition,
                timestamp_ms=record.timestamp,
            )
            for record in records
        ]
        producer.flush(30)
        reports = []
        for future in futures:
            try:
                metadata = future.get(30)
                reports.append((metadata.partition, metadata.offset))
            except KafkaError as error:
                reports.append(error)
        return reports


def produced(seen, topic, records, **config):
    """As `produce`, and every record has to succeed."""
    reports = produce(seen, topic, records, **config)
    for i, report in enumerate(reports):
        if isinstance(report, KafkaError):
            raise Mismatch(f"record {i} failed: {report!r}")
    return reports


def consumer(seen, **config):
    settings = {
        "bootstrap_servers": seen.bootstrap,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": 6000,
        "heartbeat_interval_ms": 200,
    }
    return KafkaConsumer(**(settings | config))


def poll(reader, milliseconds=1000, most=None):
    return [got(record) for records in reader.poll(milliseconds, most).values() for record in records]


def take(reader, count):
    """The next `count` records of a consumer, and not one more."""
    records = []

    def enough():
        records.extend(poll(reader, most=count - len(records)))
        return len(records) >= count

    wait_until(enough, f"{count} records")
    return records


def nothing_more(reader, milliseconds=300):
    records = poll(reader, milliseconds)
    if records:
        raise Mismatch(f"expected no more records, but got {harness.show_record(records[0])}")


def assigned(seen, topic, partitions=1, **config):
    reader = consumer(seen, **config)
    reader.assign([TopicPartition(topic, p) for p in range(partitions)])
    return reader


def read_all(seen, topic, partitions, count, **config):
    """Everything in a topic from the beginning: `count` records and not one more."""
    reader = assigned(seen, topic, partitions, **config)
    records = take(reader, count)
    nothing_more(reader)
    reader.close()
    return records


# ---------------------------------------------------------------------------------------------------------------------


@scenario("round-trip")
def round_trip(seen):
    create_topic(seen, "round-trip-1")
    # This client sends neither a null header nor a record without both key and value.
    records = harness.round_trip_records(null_headers=False, null_key_and_value=False)
    seen.equal("one partition: reports", produced(seen, "round-trip-1", records), offsets_in_order(records))
    seen.records("one partition", read_all(seen, "round-trip-1", 1, len(records)), records)

    create_topic(seen, "round-trip-3", 3)
    records = [r for p in (2, 0, 1) for r in harness.round_trip_records(p, null_headers=False, null_key_and_value=False)]
    seen.equal("three partitions: reports", produced(seen, "round-trip-3", records), offsets_in_order(records))
    seen.records("three partitions", read_all(seen, "round-trip-3", 3, len(records)), records)


@scenario("timestamps")
def timestamps(seen):
    create_topic(seen, "timestamps")
    before = int(time.time() * 1000)
    seen.equal("report", produced(seen, "timestamps", [sent("now", "v", timestamp=None)]), [(0, 0)])
    record = read_all(seen, "timestamps", 1, 1)[0]
    seen.equal("timestamp type", record.timestamp_type, "create-time")
    seen.holds("create time recent", before - 1000 <= record.timestamp <= time.time() * 1000 + 1000)
    # Out of order, equal, and the first milliseconds of all.
    records = [sent("t", str(i), timestamp=t) for i, t in enumerate([EPOCH_MS + 5, EPOCH_MS, EPOCH_MS, 1, 0])]
    produced(seen, "timestamps", records)
    seen.records("any order", read_all(seen, "timestamps", 1, 6)[1:], records, first_offset=1)
    # Kafka accepts an hour ahead of its own clock, not more.
    ahead = sent("future", "v", timestamp=int(time.time() * 1000) + 2 * 3600 * 1000)
    seen.equal("two hours ahead", name_of(produce(seen, "timestamps", [ahead])[0]), "InvalidTimestampError")

    create_topic(seen, "append-times", message_timestamp_type="LogAppendTime")
    produced(seen, "append-times", [sent("k", "v")])
    record = read_all(seen, "append-times", 1, 1)[0]
    seen.equal("log append time: type", record.timestamp_type, "log-append-time")
    seen.holds("log append time recent", before - 1000 <= record.timestamp <= time.time() * 1000 + 1000)


def compression(seen, codec):
    topic = f"compression-{codec}"
    create_topic(seen, topic)
    records = harness.varied_records(400)
    codec = None if codec == "none" else codec
    reports = produced(seen, topic, records, compression_type=codec, linger_ms=50, batch_size=100_000)
    seen.equal("reports in order", reports == offsets_in_order(records), True)
    seen.records("records", read_all(seen, topic, 1, len(records)), records)


for codec in CODECS:
    scenario(f"compression-{codec}", codec)(compression)


def acknowledged(seen, acks):
    topic = f"acks-{acks}"
    create_topic(seen, topic)
    records = plain_records(50)
    reports = produced(seen, topic, records, acks=acks, enable_idempotence=False)
    seen.saw("first reports", reports[:3])
    if acks != 0:
        seen.equal("reports in order", reports == offsets_in_order(records), True)
    seen.records("records", read_all(seen, topic, 1, len(records)), records)


for acks in [0, 1, "all"]:
    scenario(f"acks-{acks}", acks)(acknowledged)


@scenario("idempotent")
def idempotent(seen):
    create_topic(seen, "idempotent", 2)
    records = plain_records(5000, 2)
    reports = produced(seen, "idempotent", records, enable_idempotence=True, batch_size=1000, linger_ms=0)
    seen.equal("reports in order", reports == offsets_in_order(records), True)
    seen.records("records", read_all(seen, "idempotent", 2, len(records)), records)


@scenario("big")
def big(seen):
    create_topic(seen, "big")
    raised = {"max_request_size": 4_000_000}
    records = [sent(None, bytes(i % 251 for i in range(size))) for size in (1_000_000, LARGEST_VALUE)]
    seen.equal("up to the limit", produced(seen, "big", records, **raised), [(0, 0), (0, 1)])
    above = sent(None, b"x" * (LARGEST_VALUE + 1))
    seen.equal("one byte above", name_of(produce(seen, "big", [above], **raised)[0]), "MessageSizeTooLargeError")
    above = sent(None, b"x" * 3_000_000)
    seen.equal("far above", name_of(produce(seen, "big", [above], **raised)[0]), "MessageSizeTooLargeError")
    # Compressed it is small, and the broker's limit is on the compressed batch.
    seen.equal("far above, compressed", produced(seen, "big", [above], compression_type="gzip", **raised), [(0, 2)])
    seen.records("records", read_all(seen, "big", 1, 3), records + [above])

    create_topic(seen, "small", max_message_bytes="1000")
    report = produce(seen, "small", [sent("k", b"x" * 2000)])[0]
    seen.equal("above the topic's own limit", name_of(report), "MessageSizeTooLargeError")


@scenario("fetch-limits")
def fetch_limits(seen):
    """Records that are larger than what a fetch may bring still come, one fetch each."""
    create_topic(seen, "fetch-limits", 2)
    records = [sent(f"k{i}", bytes([i]) * 30_000, partition=i % 2) for i in range(10)]
    produced(seen, "fetch-limits", records, batch_size=1)
    limits = {"max_partition_fetch_bytes": 1000, "fetch_max_bytes": 1000}
    seen.records("records", read_all(seen, "fetch-limits", 2, len(records), **limits), records)


@scenario("fetch-min-bytes")
def fetch_min_bytes(seen):
    """A fetch that asks for more than there is gets what there is at the end of its wait."""
    create_topic(seen, "fetch-min-bytes")
    reader = assigned(seen, "fetch-min-bytes", fetch_min_bytes=100_000, fetch_max_wait_ms=1500)
    produced(seen, "fetch-min-bytes", [sent("k", "small")])
    started = time.monotonic()
    seen.records("small", take(reader, 1), [sent("k", "small")])
    seen.holds("small: after the wait", 1 < time.monotonic() - started < 4)
    large = [sent("k", b"x" * 60_000), sent("k", b"y" * 60_000)]
    produced(seen, "fetch-min-bytes", large)
    started = time.monotonic()
    seen.records("enough", take(reader, 2), large, first_offset=1)
    seen.holds("enough: at once", time.monotonic() - started < 1)
    reader.close()


@scenario("seek-offset")
def seek_offset(seen):
    create_topic(seen, "seek-offset")
    records = plain_records(100)
    produced(seen, "seek-offset", records, batch_size=200)
    reader = assigned(seen, "seek-offset")
    partition = TopicPartition("seek-offset", 0)
    seen.records("from the beginning", take(reader, 100), records)
    for offset in (37, 40, 0, 99):
        reader.seek(partition, offset)
        seen.records(f"from {offset}", take(reader, 100 - offset), records[offset:], first_offset=offset)
    reader.seek_to_beginning(partition)
    seen.equal("position at the beginning", reader.position(partition), 0)
    seen.records("from the beginning again", take(reader, 100), records)
    reader.seek_to_end(partition)
    seen.equal("position at the end", reader.position(partition), 100)
    nothing_more(reader)
    produced(seen, "seek-offset", [sent("last", "100")])
    seen.records("from the end", take(reader, 1), [sent("last", "100")], first_offset=100)
    seen.equal("position", reader.position(partition), 101)
    seen.equal("highwater", reader.highwater(partition), 101)
    offsets = reader.beginning_offsets([partition])[partition], reader.end_offsets([partition])[partition]
    seen.equal("beginning and end offsets", offsets, (0, 101))
    reader.close()


@scenario("out-of-range")
def out_of_range(seen):
    create_topic(seen, "out-of-range")
    records = plain_records(10)
    produced(seen, "out-of-range", records)
    partition = TopicPartition("out-of-range", 0)

    def beyond(policy):
        reader = assigned(seen, "out-of-range", auto_offset_reset=policy)
        reader.seek(partition, 1000)
        return reader

    reader = beyond("earliest")
    seen.records("earliest", take(reader, 10), records)
    reader.close()

    reader = beyond("none")
    seen.equal("none", name_of(error_of(take, reader, 1)), "OffsetOutOfRangeError")
    reader.close()

    reader = beyond("latest")

    def was_reset():
        poll(reader, 50)
        return reader.position(partition) == 10

    wait_until(was_reset, "the position at the end")
    produced(seen, "out-of-range", [sent("last", "10")])
    seen.records("latest", take(reader, 1), [sent("last", "10")], first_offset=10)
    reader.close()


@scenario("seek-time")
def seek_time(seen):
    for codec in CODECS:
        topic = f"seek-time-{codec}"
        create_topic(seen, topic, 3)
        compression_type = None if codec == "none" else codec
        # Partition 2 stays empty. In partition 0 all are in one batch, in partition 1 in several.
        produced(seen, topic, harness.records_for_lookups(0), compression_type=compression_type, linger_ms=100)
        produced(seen, topic, harness.records_for_lookups(1), compression_type=compression_type, batch_size=150)
        reader = consumer(seen)
        for what, time_ms, offset in harness.LOOKUPS:
            answer = reader.offsets_for_times({TopicPartition(topic, p): time_ms for p in range(3)})
            offsets = {tp.partition: found and (found.offset, found.timestamp) for tp, found in answer.items()}
            wanted = None if offset is None else (offset, EPOCH_MS + 100 * offset)
            seen.equal(f"{codec}: {what}", offsets, {0: wanted, 1: wanted, 2: None})
        reader.close()


@scenario("seek-time-unordered")
def seek_time_unordered(seen):
    create_topic(seen, "seek-time-unordered")
    produced(seen, "seek-time-unordered", harness.unordered_records())
    partition = TopicPartition("seek-time-unordered", 0)
    reader = consumer(seen)
    for after in harness.UNORDERED_LOOKUPS_MS:
        found = reader.offsets_for_times({partition: EPOCH_MS + after})[partition]
        seen.equal(f"after {after} ms", (found.offset, found.timestamp), harness.unordered_found(after))
    reader.close()
    for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST, OffsetSpec.MAX_TIMESTAMP, OffsetSpec.EARLIEST_LOCAL):
        result = admin(seen).list_partition_offsets({partition: spec})[partition]
        seen.saw(f"list offsets: {spec.name}", (result.offset, result.timestamp, result.leader_epoch))


# ---------------------------------------------------------------------------------------------------------------------


class Member(ConsumerRebalanceListener):
    """A consumer with a thread of its own that polls it, because a poll that joins a group waits for the other members."""

    def __init__(self, bootstrap, group, topic, name, assignor, instance):
        self.name, self.records, self.error, self.assignments = name, [], None, 0
        self.consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=group,
            client_id=name,
            group_instance_id=instance,
            partition_assignment_strategy=[ASSIGNORS[assignor]],
            auto_offset_reset="earliest",
            session_timeout_ms=6000,
            heartbeat_interval_ms=200,
            metadata_max_age_ms=60_000,
        )
        self.consumer.subscribe([topic], listener=self)
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.consume, name=name, daemon=True)
        self.thread.start()

    def consume(self):
        while not self.closing.is_set() and not self.error:
            try:
                self.records.extend(poll(self.consumer, 500))
            except KafkaError as error:
                self.error = name_of(error)

    def on_partitions_revoked(self, revoked):
        pass

    def on_partitions_assigned(self, assigned):
        self.assignments += 1

    def poll(self):
        time.sleep(0.02)

    def partitions(self):
        return sorted(tp.partition for tp in self.consumer.assignment())

    def close(self):
        self.closing.set()
        self.thread.join()
        self.consumer.close()


def partitions_of(member):
    """The (topic, partition) pairs of a described member."""
    # A member that has not been given anything has empty bytes in place of a decoded assignment.
    assignment = member["member_assignment"] or {"assigned_partitions": []}
    return sorted((t["topic"], p) for t in assignment["assigned_partitions"] for p in t["partitions"])


class Client:
    """What the groups' scenarios need."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        wait_until(lambda: has_coordinator(self), "the group coordinator")

    def create_topic(self, name, partitions):
        create_topic(self, name, partitions)

    def produce(self, topic, records):
        produced(self, topic, records)

    def member(self, *args):
        return Member(self.bootstrap, *args)

    def describe(self, group):
        described = admin(self).describe_groups([group])[group]
        members = described["members"]
        return groups.Described(
            described["group_state"],
            described["protocol_type"],
            described["protocol_data"],
            {m["client_id"]: [p for _, p in partitions_of(m)] for m in members},
            {m["client_id"]: m["group_instance_id"] for m in members},
            sorted({m["client_host"] for m in members}),
        )

    def committed(self, group, topic, partitions):
        answer = admin(self).list_group_offsets({group: [TopicPartition(topic, p) for p in range(partitions)]})[group]
        return {tp.partition: found.offset for tp, found in answer.items()}


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
    zero, one = TopicPartition(topic, 0), TopicPartition(topic, 1)

    def committed(reader):
        return {tp.partition: reader.committed(tp, metadata=True) for tp in (zero, one)}

    def joined():
        reader = consumer(seen, group_id="commit-resume")
        reader.subscribe([topic])
        return reader

    first = joined()
    seen.records("first member", take(first, 40), records)
    seen.equal("nothing committed yet", committed(first), {0: None, 1: None})
    first.commit({zero: OffsetAndMetadata(7, "seven ½", -1), one: OffsetAndMetadata(12, "", -1)})
    seen.saw("committed", committed(first))
    first.commit({zero: OffsetAndMetadata(5, "back to five", 0)})
    seen.saw("committed again", committed(first))
    too_long = error_of(first.commit, {zero: OffsetAndMetadata(6, "m" * 4097, -1)})
    seen.equal("metadata too long", name_of(too_long), "OffsetMetadataTooLargeError")
    first.commit({zero: OffsetAndMetadata(5, "m" * 4096, -1)})
    seen.saw("longest metadata", committed(first))

    stranger = assigned(seen, topic, group_id="commit-resume")
    not_a_member = error_of(stranger.commit, {zero: OffsetAndMetadata(1, "", -1)})
    seen.saw("commit by a non-member", f"{name_of(not_a_member)} {name_of(not_a_member.args[0])}")
    first.close()

    second = joined()
    resumed = take(second, 15 + 8)
    nothing_more(second)
    seen.records("resumed partition 0", [r for r in resumed if r.partition == 0], records[10::2], first_offset=5)
    seen.records("resumed partition 1", [r for r in resumed if r.partition == 1], records[25::2], first_offset=12)
    second.commit()
    seen.saw("committed at the position", {p: found.offset for p, found in committed(second).items()})
    second.close()

    # Now the group has no members, and who has no membership may commit.
    stranger.commit({zero: OffsetAndMetadata(3, "", -1)})
    seen.saw("standalone commit", {p: found.offset for p, found in committed(stranger).items()})
    stranger.close()


@scenario("commit-async")
def commit_async(seen):
    create_topic(seen, "commit-async")
    records = plain_records(10)
    produced(seen, "commit-async", records)
    partition = TopicPartition("commit-async", 0)
    answers = []
    reader = consumer(seen, group_id="commit-async")
    reader.subscribe(["commit-async"])
    take(reader, 10)
    reader.commit_async(callback=lambda offsets, answer: answers.append((offsets, answer)))

    def answered():
        poll(reader, 50)
        return answers

    wait_until(answered, "the answer to the commit")
    offsets, answer = answers[0]
    seen.equal("callback: offsets", {tp.partition: o.offset for tp, o in offsets.items()}, {0: 10})
    seen.equal("callback: no error", isinstance(answer, Exception), False)
    seen.equal("committed", reader.committed(partition), 10)
    reader.close()


@scenario("removed-member")
def removed_member(seen):
    """A member that was removed behind its back may not commit; polling, it joins again."""
    create_topic(seen, "removed-member")
    produced(seen, "removed-member", plain_records(10))
    # The next heartbeat, by which it would notice, is far.
    reader = consumer(
        seen, group_id="removed-member", client_id="removed", session_timeout_ms=30_000, heartbeat_interval_ms=9000
    )
    reader.subscribe(["removed-member"])
    take(reader, 10)
    reader.commit()
    metadata = reader.group_metadata()
    seen.equal("member id begins with the client id", metadata.member_id.startswith("removed-"), True)
    seen.saw("generation", metadata.generation_id)
    removed = admin(seen).remove_group_members("removed-member", [MemberToRemove(metadata.member_id, reason="a test")])
    seen.equal("removed", [error.__name__ for error in removed.values()], ["NoError"])
    seen.saw("state", admin(seen).describe_groups(["removed-member"])["removed-member"]["group_state"])
    unknown = admin(seen).remove_group_members(
        "removed-member", [MemberToRemove("nobody"), MemberToRemove(None, "no-instance")]
    )
    seen.saw("remove unknown members", {name: error.__name__ for name, error in unknown.items()})
    error = error_of(reader.commit)
    seen.saw("commit", f"{name_of(error)} {name_of(error.args[0])}" if error.args else name_of(error))
    produced(seen, "removed-member", [sent("k", "again")])
    seen.records("joined again", take(reader, 1), [sent("k", "again")], first_offset=10)
    seen.equal("another member id", reader.group_metadata().member_id != metadata.member_id, True)
    seen.saw("another generation", reader.group_metadata().generation_id)
    reader.close()


@scenario("auto-commit")
def auto_commit(seen):
    create_topic(seen, "auto-commit")
    records = plain_records(20)
    produced(seen, "auto-commit", records[:10])
    settings = {"group_id": "auto-commit", "enable_auto_commit": True, "auto_commit_interval_ms": 100}
    reader = consumer(seen, **settings)
    reader.subscribe(["auto-commit"])
    partition = TopicPartition("auto-commit", 0)
    seen.records("first", take(reader, 10), records[:10])

    def all_committed():
        poll(reader, 50)
        return reader.committed(partition) == 10

    wait_until(all_committed, "the automatic commit")
    seen.saw("committed by the interval", 10)
    produced(seen, "auto-commit", records[10:])
    seen.records("more", take(reader, 10), records[10:], first_offset=10)
    reader.close()
    reader = consumer(seen, **settings)
    seen.equal("committed by closing", reader.committed(partition), 20)
    reader.close()


@scenario("two-groups")
def two_groups(seen):
    """Groups do not know of each other."""
    create_topic(seen, "two-groups")
    records = plain_records(30)
    produced(seen, "two-groups", records)
    partition = TopicPartition("two-groups", 0)
    readers = [consumer(seen, group_id=f"two-groups-{i}") for i in range(2)]
    for i, reader in enumerate(readers):
        reader.subscribe(["two-groups"])
        seen.records(f"group {i}", take(reader, 30), records)
        reader.commit({partition: OffsetAndMetadata(10 + i, "", -1)})
    for i, reader in enumerate(readers):
        seen.equal(f"group {i} committed", reader.committed(partition), 10 + i)
        reader.close()


@scenario("subscribe-pattern")
def subscribe_pattern(seen):
    create_topic(seen, "pattern-a")
    create_topic(seen, "not-the-pattern")
    for topic in ("pattern-a", "not-the-pattern"):
        produced(seen, topic, [sent("k", topic)])
    reader = consumer(seen, group_id="subscribe-pattern", enable_auto_commit=True, metadata_max_age_ms=300)
    reader.subscribe(pattern="^pattern-.*")
    seen.records("first topic", take(reader, 1), [sent("k", "pattern-a")])
    create_topic(seen, "pattern-b")
    produced(seen, "pattern-b", [sent("k", "pattern-b")])
    seen.records("a topic that came later", take(reader, 1), [sent("k", "pattern-b")])
    seen.equal("assigned", {tp.topic for tp in reader.assignment()}, {"pattern-a", "pattern-b"})
    reader.close()


@scenario("change-subscription")
def change_subscription(seen):
    for topic in ("change-1", "change-2"):
        create_topic(seen, topic)
        produced(seen, topic, [sent("k", topic)])
    reader = consumer(seen, group_id="change-subscription", enable_auto_commit=True)
    reader.subscribe(["change-1"])
    seen.records("first topic", take(reader, 1), [sent("k", "change-1")])
    reader.subscribe(["change-1", "change-2"])
    seen.records("another topic too", take(reader, 1), [sent("k", "change-2")])
    seen.equal("assigned", {tp.topic for tp in reader.assignment()}, {"change-1", "change-2"})
    reader.unsubscribe()
    described = admin(seen).describe_groups(["change-subscription"])["change-subscription"]
    seen.equal("unsubscribed: group", (described["group_state"], described["members"]), ("Empty", []))
    reader.close()


@scenario("many-partitions")
def many_partitions(seen):
    """A fetch session over many partitions: those with news are few, and pausing and resuming changes the session."""
    topics = [f"many-{i}" for i in range(5)]
    for topic in topics:
        create_topic(seen, topic, 8)
    reader = consumer(seen)
    reader.assign([TopicPartition(topic, p) for topic in topics for p in range(8)])
    nothing_more(reader)
    for round_number in range(3):
        records = [sent(f"k{round_number}", "v", partition=p) for p in (1, 6)]
        for topic in topics:
            produced(seen, topic, records)
        came = sorted((r.partition, r.offset, r.key) for r in take(reader, 10))
        seen.equal(f"round {round_number}", came, sorted((r.partition, round_number, r.key) for r in records for _ in topics))
    reader.pause(TopicPartition("many-0", 1))
    produced(seen, "many-0", [sent("k", "paused", partition=1), sent("k", "not paused", partition=2)])
    seen.records("while one is paused", take(reader, 1), [sent("k", "not paused", partition=2)])
    nothing_more(reader)
    reader.resume(TopicPartition("many-0", 1))
    seen.records("resumed", take(reader, 1), [sent("k", "paused", partition=1)], first_offset=3)
    reader.close()


@scenario("long-poll")
def long_poll(seen):
    create_topic(seen, "long-poll", 2)
    with KafkaProducer(bootstrap_servers=seen.bootstrap, linger_ms=0) as producer:
        producer.partitions_for("long-poll")
        reader = assigned(seen, "long-poll", 2, fetch_max_wait_ms=5000)
        started = time.monotonic()
        seen.equal("no data", poll(reader, 1500), [])
        seen.holds("no data: after the time asked for", 1.4 < time.monotonic() - started < 3)
        for i in range(5):
            started = time.monotonic()
            producer.send("long-poll", f"v{i}".encode(), partition=i % 2)
            records = wait_until(lambda: poll(reader, 5000), "the record")
            took = time.monotonic() - started
            seen.equal(f"record {i}", [record.value for record in records], [f"v{i}".encode()])
            seen.holds(f"record {i} came at once", took < 0.4, f"({took:.3f} s)")
        reader.close()


@scenario("iterate")
def iterate(seen):
    """The consumer as an iterator, with serializers on both sides."""
    create_topic(seen, "iterate")
    producer = KafkaProducer(bootstrap_servers=seen.bootstrap, value_serializer=str.encode, key_serializer=str.encode)
    for i in range(10):
        producer.send("iterate", f"value {i}", key=f"key {i}")
    producer.close()
    reader = KafkaConsumer(
        "iterate",
        bootstrap_servers=seen.bootstrap,
        auto_offset_reset="earliest",
        value_deserializer=bytes.decode,
        key_deserializer=bytes.decode,
        consumer_timeout_ms=1000,
    )
    seen.equal("records", [(r.key, r.value) for r in reader], [(f"key {i}", f"value {i}") for i in range(10)])
    reader.close()


# ---------------------------------------------------------------------------------------------------------------------


def outcome(entry):
    """What a topic's part of an answer says: 'ok', or the error's name and text."""
    error = for_code(entry["error_code"])
    return f"{error.__name__}: {entry['error_message']}" if entry["error_code"] else "ok"


def create(seen, what, name, partitions=1, replicas=1, configs=None, **options):
    new = {name: {"num_partitions": partitions, "replication_factor": replicas, "configs": configs or {}}}
    entry = admin(seen).create_topics(new, raise_errors=False, **options)["topics"][0]
    seen.saw(f"create {what}", outcome(entry))
    return entry


def shape(entry):
    return entry["num_partitions"], entry["replication_factor"], entry["topic_config_error_code"]


def listed(seen, prefix):
    return {name for name in admin(seen).list_topics() if name.startswith(prefix)}


@scenario("admin-create")
def admin_create(seen):
    create(seen, "one partition", "create-1")
    configs = {"retention.ms": "3600000", "cleanup.policy": "compact"}
    entry = create(seen, "three partitions with configs", "create-3", 3, configs=configs)
    seen.holds("answer: topic id", entry["topic_id"])
    seen.saw("answer: shape", shape(entry))
    for key in harness.CONFIGS:
        seen.saw(f"answer: {key}", entry["configs"][key])
    seen.saw("defaults: shape", shape(create(seen, "defaults", "create-default", -1, -1)))
    seen.saw("only validate: shape", shape(create(seen, "only validate", "create-validated", 2, validate_only=True)))
    create(seen, "only validate, exists", "create-1", validate_only=True)
    create(seen, "again", "create-1")
    create(seen, "no partitions", "create-zero", 0)
    create(seen, "two replicas", "create-replicas", 1, 2)
    create(seen, "unknown config", "create-bad-config", configs={"no.such.config": "1"})
    create(seen, "bad config value", "create-bad-value", configs={"retention.ms": "soon"})
    for name in harness.BAD_NAMES:
        create(seen, f"bad name {name[:20]}", name)
    create(seen, "longest name", "a" * 249)
    client = admin(seen)
    several = client.create_topics(
        {"create-several-1": {}, "create-several-bad!": {}, "create-several-2": {}}, raise_errors=False
    )
    seen.saw("create several", {entry["name"]: outcome(entry) for entry in several["topics"]})
    replicas = [client.describe_cluster()["brokers"][0]["broker_id"]]
    by_hand = {"create-by-hand": {"assignments": {0: replicas, 1: replicas}}}
    entry = client.create_topics(by_hand, raise_errors=False)["topics"][0]
    seen.saw("create with assignments", (outcome(entry), shape(entry)))
    wanted = {"create-1", "create-3", "create-default", "create-several-1", "create-several-2", "create-by-hand"}
    seen.becomes("list", lambda: listed(seen, "create-"), wanted)


@scenario("admin-describe")
def admin_describe(seen):
    client = admin(seen)
    create_topic(seen, "describe-3", 3)
    cluster = client.describe_cluster()
    seen.holds("cluster id", cluster["cluster_id"])
    seen.equal("nodes", len(cluster["brokers"]), 1)
    node = cluster["brokers"][0]
    seen.equal("controller is the node", cluster["controller_id"] == node["broker_id"], True)
    seen.equal("node is the bootstrap address", f"{node['host']}:{node['port']}" == seen.bootstrap, True)
    seen.saw("node", (node["rack"], node["is_fenced"]))
    seen.saw("cluster operations", sorted(cluster["authorized_operations"]))

    described, unknown = client.describe_topics(["describe-3"])[0], client.describe_topics(["describe-unknown"])[0]
    seen.saw("describe", (described["name"], described["is_internal"], sorted(described["authorized_operations"])))
    alone = {"leader_id": node["broker_id"], "replica_nodes": [node["broker_id"]], "isr_nodes": [node["broker_id"]]}
    for p in sorted(described["partitions"], key=lambda p: p["partition_index"]):
        is_alone = all(p[key] == value for key, value in alone.items())
        seen.equal(f"describe partition {p['partition_index']}: the node leads, alone", is_alone, True)
        seen.saw(f"describe partition {p['partition_index']}", (p["error_code"], p["leader_epoch"], p["offline_replicas"]))
    seen.saw("describe unknown", (for_code(unknown["error_code"]).__name__, unknown["topic_id"], unknown["partitions"]))
    by_id = client.describe_topics([uuid.UUID(described["topic_id"])])[0]
    seen.saw("describe by id", (by_id["error_code"], by_id["name"], len(by_id["partitions"])))
    by_id = client.describe_topics([uuid.UUID(int=7)])[0]
    seen.saw("describe by unknown id", (for_code(by_id["error_code"]).__name__, by_id["name"], by_id["partitions"]))


@scenario("admin-delete")
def admin_delete(seen):
    client = admin(seen)

    def delete(*topics):
        answers = client.delete_topics(list(topics), raise_errors=False)["topics"]
        return {entry["name"] or "unknown id": outcome(entry) for entry in answers}

    def topic_id(name):
        return client.describe_topics([name])[0]["topic_id"]

    topic = "delete-again"
    create_topic(seen, topic, 2)
    produced(seen, topic, plain_records(10, 2))
    ids = [topic_id(topic)]
    for i in range(3):
        seen.equal(f"delete {i}", delete(topic), {topic: "ok"})
        ids.append(create(seen, f"again {i}", topic, 2)["topic_id"])
    seen.equal("created again: topic ids", len(set(ids)), 4)
    wait_until(lambda: topic_id(topic) == ids[-1], "the new topic id")
    ready = wait_until(lambda: is_ready(seen, topic, 2), "the leaders")
    seen.equal("created again: end offsets", {tp.partition: found.offset for tp, found in ready.items()}, {0: 0, 1: 0})
    produced(seen, topic, [sent("k", "new")])
    seen.records("created again", read_all(seen, topic, 2, 1), [sent("k", "new")])
    seen.saw("delete by id", delete(uuid.UUID(ids[-1])))
    seen.saw("delete by unknown id", delete(uuid.UUID(int=7)))

    create_topic(seen, "delete-1")
    create_topic(seen, "delete-2")
    seen.saw("delete", delete("delete-1"))
    seen.saw("delete a deleted one", delete("delete-1"))
    seen.saw("delete several", delete("delete-unknown", "delete-2"))
    seen.becomes("list after delete", lambda: listed(seen, "delete-"), set())


@scenario("admin-configs")
def admin_configs(seen):
    client = admin(seen)
    create_topic(seen, "configs-set", retention_ms="3600000", cleanup_policy="compact,delete", max_message_bytes="2000")
    create_topic(seen, "configs-default")

    def describe(topic, keys=None, **options):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, keys)
        return client.describe_configs([resource], **options)["topic"][topic]

    for topic in ("configs-set", "configs-default"):
        entries = describe(topic, config_filter="all")
        for key in harness.CONFIGS:
            entry = {name: value for name, value in entries[key].items() if name != "documentation"}
            seen.saw(f"{topic}: {key}", entry)
    asked = describe("configs-set", ["retention.ms", "segment.bytes", "no.such.config"], config_filter="all")
    seen.saw("only those asked for", {key: entry["value"] for key, entry in asked.items()})
    synonyms = describe("configs-set", ["retention.ms", "max.message.bytes"], include_synonyms=True, config_filter="all")
    for key, entry in synonyms.items():
        seen.saw(f"synonyms of {key}", entry["synonyms"])
    seen.saw("unknown topic", describe("configs-unknown"))

    node = str(client.describe_cluster()["brokers"][0]["broker_id"])
    keys = ["auto.create.topics.enable", "num.partitions", "message.max.bytes", "group.min.session.timeout.ms"]
    entries = client.describe_configs([ConfigResource(ConfigResourceType.BROKER, node, keys)], config_filter="all")["broker"][
        node
    ]
    for key in keys:
        seen.saw(f"broker: {key}", entries[key]["value"])


@scenario("admin-groups")
def admin_groups(seen):
    client = admin(seen)
    create_topic(seen, "admin-groups", 2)
    produced(seen, "admin-groups", plain_records(20, 2))
    reader = consumer(seen, group_id="admin-group", client_id="the-client")
    reader.subscribe(["admin-groups"])
    take(reader, 20)
    reader.commit()

    def listed(**options):
        found = [group for group in client.list_groups(**options) if group["group_id"].startswith("admin-group")]
        return [(g["group_id"], g["protocol_type"], g["group_state"], g["group_type"]) for g in found]

    def offsets(partitions=None, group="admin-group"):
        found = client.list_group_offsets({group: partitions})[group]
        return sorted((tp.topic, tp.partition, o.offset, o.metadata, o.leader_epoch) for tp, o in found.items())

    def describe(group):
        d = client.describe_groups([group])[group]
        members = [(m["client_id"], m["group_instance_id"], m["client_host"], partitions_of(m)) for m in d["members"]]
        operations = sorted(d["authorized_operations"] or [])
        return d["group_state"], d["protocol_type"], d["protocol_data"], d["error"], operations, members

    seen.saw("list", listed())
    seen.saw("list stable", listed(states_filter=["Stable"]))
    seen.saw("list empty", listed(states_filter=["Empty"]))
    seen.saw("list classic", listed(types_filter=["classic"]))
    seen.saw("list consumer", listed(types_filter=["consumer"]))
    seen.saw("describe", describe("admin-group"))
    member = client.describe_groups(["admin-group"])["admin-group"]["members"][0]
    seen.saw("subscription", member["member_metadata"]["topics"])
    seen.equal("member id is the consumer's own", member["member_id"] == reader.group_metadata().member_id, True)
    seen.saw("offsets", offsets())
    asked = [TopicPartition("admin-groups", 1), TopicPartition("admin-groups", 7), TopicPartition("unknown", 0)]
    seen.saw("offsets of some", offsets(asked))

    altered = {TopicPartition("admin-groups", 0): OffsetAndMetadata(4, "by hand", -1)}

    def alter(offsets):
        return {tp.partition: error.__name__ for tp, error in client.alter_group_offsets("admin-group", offsets).items()}

    seen.saw("alter offsets of an active group", alter(altered))
    seen.saw("offsets not altered", offsets())
    reader.close()
    seen.saw("describe empty", describe("admin-group"))
    seen.saw("list empty after leaving", listed(states_filter=["Empty"]))
    seen.saw("alter offsets", alter(altered))
    seen.saw("offsets altered", offsets())
    reset = client.reset_group_offsets("admin-group", {TopicPartition("admin-groups", 1): OffsetSpec.EARLIEST})
    seen.saw("reset offsets", {tp.partition: answer for tp, answer in reset.items()})
    seen.saw("offsets reset", offsets())
    seen.saw("describe unknown", describe("admin-group-unknown"))
    seen.saw("offsets of an unknown group", offsets(group="admin-group-unknown"))
    seen.saw("offsets of some of an unknown group", offsets(asked, "admin-group-unknown"))


@scenario("api-versions")
def api_versions(seen):
    """The ranges of those APIs that every broker of a single node needs."""
    served = {key.name: versions for key, versions in admin(seen).api_versions().items()}
    for name in [
        "Produce",
        "Fetch",
        "ListOffsets",
        "Metadata",
        "OffsetCommit",
        "OffsetFetch",
        "FindCoordinator",
        "JoinGroup",
        "Heartbeat",
        "LeaveGroup",
        "SyncGroup",
        "DescribeGroups",
        "ListGroups",
        "ApiVersions",
        "CreateTopics",
        "DeleteTopics",
        "InitProducerId",
        "OffsetForLeaderEpoch",
        "DescribeConfigs",
        "DescribeCluster",
    ]:
        seen.saw(name, served.get(name))


@scenario("auto-create")
def auto_create(seen):
    client = admin(seen)
    seen.equal("produce", produced(seen, "auto-created", [sent("k", "v", partition=None)]), [(0, 0)])
    seen.equal("partitions", len(client.describe_topics(["auto-created"])[0]["partitions"]), 1)
    seen.records("record", read_all(seen, "auto-created", 1, 1), [sent("k", "v")])

    seen.saw("describe unknown", for_code(client.describe_topics(["not-created"])[0]["error_code"]).__name__)
    seen.equal("created by asking", "not-created" in client.list_topics(), False)
    reader = consumer(seen, group_id="auto-create", metadata_max_age_ms=300)
    reader.subscribe(["created-by-consumer"])

    # The client forgets a rebalance that it has begun when poll's time is over before the answer is there, and then waits for
    # ever: with short polls that shows at any broker.
    def assigned():
        poll(reader, 2000)
        return reader.assignment()

    seen.saw("created by a consumer", wait_until(assigned, "the assignment of the topic that the consumer created"))
    reader.close()


@scenario("keys-to-partitions")
def keys_to_partitions(seen):
    """Which partition a key goes to is the client's choice by the number of partitions that the broker says."""
    create_topic(seen, "keys", 4)
    records = [sent(f"key-{i}", "v", partition=None) for i in range(20)]
    chosen = [p for p, _ in produced(seen, "keys", records)]
    seen.saw("partitions", chosen)
    seen.equal("the same again", [p for p, _ in produced(seen, "keys", records)] == chosen, True)


@scenario("concurrent")
def concurrent(seen):
    """Several producers write while a consumer reads; each producer's order is kept."""
    create_topic(seen, "concurrent", 2)
    threads = [threading.Thread(target=produced, args=(seen, "concurrent", w), daemon=True) for w in harness.WRITERS]
    for thread in threads:
        thread.start()
    reader = assigned(seen, "concurrent", 2)
    records = take(reader, 1600)
    nothing_more(reader)
    reader.close()
    harness.check_writers(seen, records)


def show_visible(seen, when, topic, end):
    """What either reader sees of partition 0, once all that is expected has got its offset: Kafka's markers come late."""
    place = TopicPartition(topic, 0)
    wait_until(lambda: admin(seen).list_partition_offsets({place: OffsetSpec.LATEST})[place].offset >= end, "the end")
    for isolation in ["read_uncommitted", "read_committed"]:
        reader = consumer(seen, isolation_level=isolation)
        reader.assign([place])
        reader.seek_to_beginning(place)
        visible = []
        while more := reader.poll(timeout_ms=500):
            visible.extend(f"{r.offset}:{r.value.decode()}" for records in more.values() for r in records)
        seen.saw(f"{when}, {isolation}", visible)
        reader.close()


@scenario("transactions")
def transactions(seen):
    topic = "transactions-topic"
    create_topic(seen, topic)
    settings = {"bootstrap_servers": seen.bootstrap, "transactional_id": "transactions-id"}
    with KafkaProducer(**settings) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        seen.equal("offset in a transaction", producer.send(topic, b"committed", partition=0).get(20).offset, 0)
        show_visible(seen, "open", topic, 1)
        producer.commit_transaction()
        show_visible(seen, "committed", topic, 2)
        producer.begin_transaction()
        producer.send(topic, b"aborted", partition=0).get(20)
        producer.abort_transaction()
        show_visible(seen, "aborted", topic, 4)
        described = admin(seen).describe_transactions(["transactions-id"])["transactions-id"]
        seen.saw("described", type(described).__name__)
        with KafkaProducer(**settings) as young:
            young.init_transactions()
            seen.saw("the old one goes on", name_of(error_of(late, producer, topic)))
            young.begin_transaction()
            young.send(topic, b"young", partition=0).get(20)
            young.commit_transaction()
        show_visible(seen, "in the end", topic, 6)


def late(producer, topic):
    producer.begin_transaction()
    producer.send(topic, b"too late", partition=0).get(20)
    producer.commit_transaction()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    groups.be_a_member(Client)
    harness.main(scenario)

"""What users of aiokafka do with a broker, one scenario each."""

import asyncio
import contextlib
import inspect
import logging
import threading
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError, for_code

import groups
import harness
from harness import CODECS, EPOCH_MS, LARGEST_VALUE, Got, Mismatch, offsets_in_order, plain_records, sent, wait_until

scenario = harness.Scenarios()
ASSIGNORS = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
}
TIMESTAMP_TYPES = {0: "create-time", 1: "log-append-time"}


def got(record):
    kind = TIMESTAMP_TYPES[record.timestamp_type]
    return Got(record.partition, record.offset, record.key, record.value, list(record.headers), record.timestamp, kind)


def name_of(error):
    return type(error).__name__


async def error_of(awaitable):
    """The exception that the call raises; that it raises none is a mismatch."""
    try:
        result = await awaitable
    except Exception as error:
        return error
    raise Mismatch(f"expected an error, but got {result!r}")


async def until(condition, what, seconds=harness.WAIT_SECONDS):
    """Awaits `condition()`, which waits a little by itself, until it gives something true."""
    end = time.monotonic() + seconds
    while True:
        result = await condition()
        if result:
            return result
        if time.monotonic() > end:
            raise Mismatch(f"waited {seconds} s in vain for {what}")


@contextlib.asynccontextmanager
async def admin_of(seen):
    client = AIOKafkaAdminClient(bootstrap_servers=seen.bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def create_topic(seen, name, partitions=1, **config):
    configs = {key.replace("_", "."): value for key, value in config.items()}
    async with admin_of(seen) as client:
        answer = await client.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        for _, code, message in answer.topic_errors:
            if code:
                raise Mismatch(f"creating {name}: {for_code(code).__name__}: {message}")
        await until(lambda: is_ready(seen, client, name, partitions), f"the leaders of {name}")


async def is_ready(seen, client, name, partitions):
    """Whether the leaders serve: until then batches are refused, and sent again they may change places."""
    topic = (await client.describe_topics([name]))[0]
    if topic["error_code"] or len(topic["partitions"]) < partitions:
        await asyncio.sleep(0.02)
        return None
    async with consumer(seen) as reader:
        return await reader.end_offsets([TopicPartition(name, p) for p in range(partitions)])


async def produce(seen, topic, records, **config):
    """Sends everything and gives (partition, offset) or the error of each record, in the order sent."""
    settings = {"bootstrap_servers": seen.bootstrap, "linger_ms": 5} | config
    async with AIOKafkaProducer(**settings) as producer:
        futures = [
            await producer.send(
                topic,
                value=record.value,
                key=record.key,
                headers=record.headers,
                partition=record.partition,
                timestamp_ms=record.timestamp,
            )
            for record in records
        ]
        answers = await asyncio.gather(*futures, return_exceptions=True)
    # Without acks there is no report at all.
    return [a if a is None or isinstance(a, Exception) else (a.partition, a.offset) for a in answers]


async def produced(seen, topic, records, **config):
    """As `produce`, and every record has to succeed."""
    reports = await produce(seen, topic, records, **config)
    for i, report in enumerate(reports):
        if isinstance(report, Exception):
            raise Mismatch(f"record {i} failed: {report!r}")
    return reports


def consumer(seen, *topics, **config):
    settings = {
        "bootstrap_servers": seen.bootstrap,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": 6000,
        "heartbeat_interval_ms": 200,
    }
    return AIOKafkaConsumer(*topics, **(settings | config))


@contextlib.asynccontextmanager
async def assigned(seen, topic, partitions=1, **config):
    async with consumer(seen, **config) as reader:
        reader.assign([TopicPartition(topic, p) for p in range(partitions)])
        yield reader


async def poll(reader, milliseconds=1000, most=None):
    return [got(r) for records in (await reader.getmany(timeout_ms=milliseconds, max_records=most)).values() for r in records]


async def take(reader, count):
    """The next `count` records of a consumer, and not one more."""
    records = []

    async def enough():
        records.extend(await poll(reader, most=count - len(records)))
        return len(records) >= count

    await until(enough, f"{count} records")
    return records


async def nothing_more(reader, milliseconds=300):
    records = await poll(reader, milliseconds)
    if records:
        raise Mismatch(f"expected no more records, but got {harness.show_record(records[0])}")


async def read_all(seen, topic, partitions, count, **config):
    """Everything in a topic from the beginning: `count` records and not one more."""
    async with assigned(seen, topic, partitions, **config) as reader:
        records = await take(reader, count)
        await nothing_more(reader)
        return records


# ---------------------------------------------------------------------------------------------------------------------


@scenario("round-trip")
async def round_trip(seen):
    await create_topic(seen, "round-trip-1")
    # This client does not send a record without both key and value.
    records = harness.round_trip_records(null_key_and_value=False)
    seen.equal("one partition: reports", await produced(seen, "round-trip-1", records), offsets_in_order(records))
    seen.records("one partition", await read_all(seen, "round-trip-1", 1, len(records)), records)

    await create_topic(seen, "round-trip-3", 3)
    records = [r for p in (2, 0, 1) for r in harness.round_trip_records(p, null_key_and_value=False)]
    seen.equal("three partitions: reports", await produced(seen, "round-trip-3", records), offsets_in_order(records))
    seen.records("three partitions", await read_all(seen, "round-trip-3", 3, len(records)), records)


@scenario("timestamps")
async def timestamps(seen):
    await create_topic(seen, "timestamps")
    before = int(time.time() * 1000)
    seen.equal("report", await produced(seen, "timestamps", [sent("now", "v", timestamp=None)]), [(0, 0)])
    record = (await read_all(seen, "timestamps", 1, 1))[0]
    seen.equal("timestamp type", record.timestamp_type, "create-time")
    seen.holds("create time recent", before - 1000 <= record.timestamp <= time.time() * 1000 + 1000)
    # Out of order, equal, and the first milliseconds of all.
    records = [sent("t", str(i), timestamp=t) for i, t in enumerate([EPOCH_MS + 5, EPOCH_MS, EPOCH_MS, 1, 0])]
    await produced(seen, "timestamps", records)
    seen.records("any order", (await read_all(seen, "timestamps", 1, 6))[1:], records, first_offset=1)
    # Kafka accepts an hour ahead of its own clock, not more.
    ahead = sent("future", "v", timestamp=int(time.time() * 1000) + 2 * 3600 * 1000)
    seen.equal("two hours ahead", name_of((await produce(seen, "timestamps", [ahead]))[0]), "InvalidTimestampError")

    await create_topic(seen, "append-times", message_timestamp_type="LogAppendTime")
    await produced(seen, "append-times", [sent("k", "v")])
    record = (await read_all(seen, "append-times", 1, 1))[0]
    seen.equal("log append time: type", record.timestamp_type, "log-append-time")
    seen.holds("log append time recent", before - 1000 <= record.timestamp <= time.time() * 1000 + 1000)
    async with AIOKafkaProducer(bootstrap_servers=seen.bootstrap) as producer:
        report = await producer.send_and_wait("append-times", b"v", timestamp_ms=EPOCH_MS)
    seen.equal("log append time: report's type", TIMESTAMP_TYPES[report.timestamp_type], "log-append-time")
    seen.holds("log append time: report's time recent", before - 1000 <= report.timestamp <= time.time() * 1000 + 1000)
    seen.saw("log start offset in the report", report.log_start_offset)


async def compression(seen, codec):
    topic = f"compression-{codec}"
    await create_topic(seen, topic)
    records = harness.varied_records(400)
    codec = None if codec == "none" else codec
    reports = await produced(seen, topic, records, compression_type=codec, linger_ms=50, max_batch_size=100_000)
    seen.equal("reports in order", reports == offsets_in_order(records), True)
    seen.records("records", await read_all(seen, topic, 1, len(records)), records)


for codec in CODECS:
    scenario(f"compression-{codec}", codec)(compression)


async def acknowledged(seen, acks):
    topic = f"acks-{acks}"
    await create_topic(seen, topic)
    records = plain_records(50)
    reports = await produced(seen, topic, records, acks=acks)
    seen.saw("first reports", reports[:3])
    if acks != 0:
        seen.equal("reports in order", reports == offsets_in_order(records), True)
    seen.records("records", await read_all(seen, topic, 1, len(records)), records)


for acks in [0, 1, "all"]:
    scenario(f"acks-{acks}", acks)(acknowledged)


@scenario("idempotent")
async def idempotent(seen):
    await create_topic(seen, "idempotent", 2)
    records = plain_records(5000, 2)
    reports = await produced(seen, "idempotent", records, enable_idempotence=True, max_batch_size=1000, linger_ms=0)
    seen.equal("reports in order", reports == offsets_in_order(records), True)
    seen.records("records", await read_all(seen, "idempotent", 2, len(records)), records)


@scenario("batch")
async def batch(seen):
    """Batches that the user builds."""
    await create_topic(seen, "batch", 2)
    records = plain_records(100, partitions=1)
    async with AIOKafkaProducer(bootstrap_servers=seen.bootstrap, compression_type="gzip") as producer:
        for half in (records[:50], records[50:]):
            builder = producer.create_batch()
            for record in half:
                builder.append(key=record.key, value=record.value, timestamp=record.timestamp)
            report = await (await producer.send_batch(builder, "batch", partition=1))
            seen.saw("report", (report.partition, report.offset))
    seen.records("records", await read_all(seen, "batch", 2, 100), [r._replace(partition=1) for r in records])


@scenario("big")
async def big(seen):
    await create_topic(seen, "big")
    raised = {"max_request_size": 4_000_000}
    records = [sent(None, bytes(i % 251 for i in range(size))) for size in (1_000_000, LARGEST_VALUE)]
    seen.equal("up to the limit", await produced(seen, "big", records, **raised), [(0, 0), (0, 1)])
    above = sent(None, b"x" * (LARGEST_VALUE + 1))
    seen.equal("one byte above", name_of((await produce(seen, "big", [above], **raised))[0]), "MessageSizeTooLargeError")
    above = sent(None, b"x" * 3_000_000)
    seen.equal("far above", name_of((await produce(seen, "big", [above], **raised))[0]), "MessageSizeTooLargeError")
    # Compressed it is small, and the broker's limit is on the compressed batch.
    reports = await produced(seen, "big", [above], compression_type="gzip", **raised)
    seen.equal("far above, compressed", reports, [(0, 2)])
    seen.records("records", await read_all(seen, "big", 1, 3), records + [above])

    await create_topic(seen, "small", max_message_bytes="1000")
    report = (await produce(seen, "small", [sent("k", b"x" * 2000)]))[0]
    seen.equal("above the topic's own limit", name_of(report), "MessageSizeTooLargeError")


@scenario("fetch-limits")
async def fetch_limits(seen):
    """Records that are larger than what a fetch may bring still come, one fetch each."""
    await create_topic(seen, "fetch-limits", 2)
    records = [sent(f"k{i}", bytes([i]) * 30_000, partition=i % 2) for i in range(10)]
    await produced(seen, "fetch-limits", records, max_batch_size=1)
    limits = {"max_partition_fetch_bytes": 1000, "fetch_max_bytes": 1000}
    seen.records("records", await read_all(seen, "fetch-limits", 2, len(records), **limits), records)


@scenario("fetch-min-bytes")
async def fetch_min_bytes(seen):
    """A fetch that asks for more than there is gets what there is at the end of its wait."""
    await create_topic(seen, "fetch-min-bytes")
    async with assigned(seen, "fetch-min-bytes", fetch_min_bytes=100_000, fetch_max_wait_ms=1500) as reader:
        await produced(seen, "fetch-min-bytes", [sent("k", "small")])
        started = time.monotonic()
        seen.records("small", await take(reader, 1), [sent("k", "small")])
        seen.holds("small: within the wait", time.monotonic() - started < 4)
        large = [sent("k", b"x" * 60_000), sent("k", b"y" * 60_000)]
        await produced(seen, "fetch-min-bytes", large, max_batch_size=200_000)
        started = time.monotonic()
        seen.records("enough", await take(reader, 2), large, first_offset=1)
        seen.holds("enough: at once", time.monotonic() - started < 1)


@scenario("seek-offset")
async def seek_offset(seen):
    await create_topic(seen, "seek-offset")
    records = plain_records(100)
    await produced(seen, "seek-offset", records, max_batch_size=200)
    partition = TopicPartition("seek-offset", 0)
    async with assigned(seen, "seek-offset") as reader:
        seen.records("from the beginning", await take(reader, 100), records)
        for offset in (37, 40, 0, 99):
            reader.seek(partition, offset)
            seen.records(f"from {offset}", await take(reader, 100 - offset), records[offset:], first_offset=offset)
        await reader.seek_to_beginning(partition)
        seen.equal("position at the beginning", await reader.position(partition), 0)
        seen.records("from the beginning again", await take(reader, 100), records)
        await reader.seek_to_end(partition)
        seen.equal("position at the end", await reader.position(partition), 100)
        await nothing_more(reader)
        await produced(seen, "seek-offset", [sent("last", "100")])
        seen.records("from the end", await take(reader, 1), [sent("last", "100")], first_offset=100)
        seen.equal("position", await reader.position(partition), 101)
        seen.equal("highwater", reader.highwater(partition), 101)
        seen.saw("last stable offset", reader.last_stable_offset(partition))
        beginning, end = await reader.beginning_offsets([partition]), await reader.end_offsets([partition])
        seen.equal("beginning and end offsets", (beginning[partition], end[partition]), (0, 101))
    read_committed = await read_all(seen, "seek-offset", 1, 101, isolation_level="read_committed")
    seen.records("read committed", read_committed, records + [sent("last", "100")])


@scenario("out-of-range")
async def out_of_range(seen):
    await create_topic(seen, "out-of-range")
    records = plain_records(10)
    await produced(seen, "out-of-range", records)
    partition = TopicPartition("out-of-range", 0)

    async with assigned(seen, "out-of-range", auto_offset_reset="earliest") as reader:
        reader.seek(partition, 1000)
        seen.records("earliest", await take(reader, 10), records)

    async with assigned(seen, "out-of-range", auto_offset_reset="none") as reader:
        reader.seek(partition, 1000)
        seen.equal("none", name_of(await error_of(take(reader, 1))), "OffsetOutOfRangeError")

    async with assigned(seen, "out-of-range", auto_offset_reset="latest") as reader:
        reader.seek(partition, 1000)

        async def was_reset():
            await poll(reader, 50)
            return await reader.position(partition) == 10

        await until(was_reset, "the position at the end")
        await produced(seen, "out-of-range", [sent("last", "10")])
        seen.records("latest", await take(reader, 1), [sent("last", "10")], first_offset=10)


@scenario("seek-time")
async def seek_time(seen):
    for codec in CODECS:
        topic = f"seek-time-{codec}"
        await create_topic(seen, topic, 3)
        compression_type = None if codec == "none" else codec
        # Partition 2 stays empty. In partition 0 all are in one batch, in partition 1 in several.
        await produced(seen, topic, harness.records_for_lookups(0), compression_type=compression_type, linger_ms=100)
        await produced(seen, topic, harness.records_for_lookups(1), compression_type=compression_type, max_batch_size=150)
        async with consumer(seen) as reader:
            for what, time_ms, offset in harness.LOOKUPS:
                answer = await reader.offsets_for_times({TopicPartition(topic, p): time_ms for p in range(3)})
                offsets = {tp.partition: found and (found.offset, found.timestamp) for tp, found in answer.items()}
                wanted = None if offset is None else (offset, EPOCH_MS + 100 * offset)
                seen.equal(f"{codec}: {what}", offsets, {0: wanted, 1: wanted, 2: None})


@scenario("seek-time-unordered")
async def seek_time_unordered(seen):
    await create_topic(seen, "seek-time-unordered")
    await produced(seen, "seek-time-unordered", harness.unordered_records())
    partition = TopicPartition("seek-time-unordered", 0)
    async with consumer(seen) as reader:
        for after in harness.UNORDERED_LOOKUPS_MS:
            found = (await reader.offsets_for_times({partition: EPOCH_MS + after}))[partition]
            seen.equal(f"after {after} ms", (found.offset, found.timestamp), harness.unordered_found(after))


# ---------------------------------------------------------------------------------------------------------------------


class Loop:
    """An event loop in a thread of its own, for the groups' scenarios, which are not asynchronous."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="loop", daemon=True).start()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)


class Member(ConsumerRebalanceListener):
    def __init__(self, loop, bootstrap, group, topic, name, assignor, instance):
        self.loop, self.name, self.records, self.error, self.assignments = loop, name, [], None, 0
        self.loop.run(self.start(bootstrap, group, topic, assignor, instance))

    async def start(self, bootstrap, group, topic, assignor, instance):
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=group,
            client_id=self.name,
            group_instance_id=instance,
            # A class of its own, because the sticky assignor keeps the member's state in its class.
            partition_assignment_strategy=[type(self.name, (ASSIGNORS[assignor],), {})],
            auto_offset_reset="earliest",
            session_timeout_ms=6000,
            heartbeat_interval_ms=200,
        )
        self.consumer.subscribe([topic], listener=self)
        # Starting waits for the first assignment, which waits for the other members.
        self.task = asyncio.create_task(self.consume())

    async def consume(self):
        try:
            await self.consumer.start()
            while True:
                self.records.extend(await poll(self.consumer, 200))
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
        self.loop.run(self.stop())

    async def stop(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.consumer.stop()


def partitions_of(assignment):
    """The (topic, partition) pairs of a described member."""
    if not assignment:
        return []
    decoded = ConsumerProtocolMemberAssignment.decode(assignment)
    return sorted((topic, p) for topic, partitions in decoded.assignment for p in partitions)


class Client:
    """What the groups' scenarios need."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.loop = Loop()
        wait_until(self.has_coordinator, "the group coordinator")

    def has_coordinator(self):
        """The first request for a coordinator lets Kafka create its offsets topic and fails until that is done."""
        try:
            return self.describe("none")
        except KafkaError:
            time.sleep(0.02)
            return None

    def create_topic(self, name, partitions):
        self.loop.run(create_topic(self, name, partitions))

    def produce(self, topic, records):
        self.loop.run(produced(self, topic, records))

    def member(self, *args):
        return Member(self.loop, self.bootstrap, *args)

    def describe(self, group):
        return self.loop.run(self.described(group))

    async def described(self, group):
        async with admin_of(self) as client:
            answer = (await client.describe_consumer_groups([group]))[0].to_object()["groups"][0]
        members = answer["members"]
        return groups.Described(
            answer["state"],
            answer["protocol_type"],
            answer["protocol"],
            {m["client_id"]: [p for _, p in partitions_of(m["member_assignment"])] for m in members},
            "not shown by this client",
            sorted({m["client_host"] for m in members}),
        )

    def committed(self, group, topic, partitions):
        return self.loop.run(self.committed_offsets(group, topic, partitions))

    async def committed_offsets(self, group, topic, partitions):
        async with admin_of(self) as client:
            asked = [TopicPartition(topic, p) for p in range(partitions)]
            answer = await client.list_consumer_group_offsets(group, partitions=asked)
        return {tp.partition: found.offset for tp, found in answer.items()}


def with_client(seen, body, *args):
    body(seen, Client(seen.bootstrap), *args)


for assignor in ASSIGNORS:
    scenario(f"group-two-{assignor}", groups.two, assignor)(with_client)
    scenario(f"group-three-{assignor}", groups.three, assignor)(with_client)
# A fenced member of this client does not stop: it joins again and fences the other in turn, so only the restart is here.
scenario("static-member", groups.static_member)(with_client)
scenario("members-die", groups.members_die, __file__)(with_client)


@scenario("commit-resume")
async def commit_resume(seen):
    topic = "commit-resume"
    await create_topic(seen, topic, 2)
    records = plain_records(40, 2)
    await produced(seen, topic, records)
    zero, one = TopicPartition(topic, 0), TopicPartition(topic, 1)

    async def committed(reader):
        """By the admin client, since this consumer does not give the metadata."""
        async with admin_of(seen) as client:
            offsets = await client.list_consumer_group_offsets("commit-resume")
        for tp, found in offsets.items():
            if await reader.committed(tp) != found.offset:
                raise Mismatch(f"the consumer and the admin client see different offsets of {tp}")
        return {tp.partition: (found.offset, found.metadata) for tp, found in offsets.items()}

    async with assigned(seen, topic, group_id="commit-resume") as stranger:
        async with consumer(seen, topic, group_id="commit-resume") as first:
            seen.records("first member", await take(first, 40), records)
            seen.equal("nothing committed yet", (await committed(first), await first.committed(zero)), ({}, None))
            await first.commit({zero: (7, "seven ½"), one: 12})
            seen.saw("committed", await committed(first))
            await first.commit({zero: (5, "back to five")})
            seen.saw("committed again", await committed(first))
            too_long = await error_of(first.commit({zero: (6, "m" * 4097)}))
            seen.equal("metadata too long", name_of(too_long), "OffsetMetadataTooLargeError")
            seen.saw("commit by a non-member", name_of(await error_of(stranger.commit({zero: 1}))))

        async with consumer(seen, topic, group_id="commit-resume") as second:
            resumed = await take(second, 15 + 8)
            await nothing_more(second)
            seen.records("resumed partition 0", [r for r in resumed if r.partition == 0], records[10::2], first_offset=5)
            seen.records("resumed partition 1", [r for r in resumed if r.partition == 1], records[25::2], first_offset=12)
            await asyncio.create_task(second.commit())
            seen.saw("committed at the position", await committed(second))
            second.seek(zero, 0)
            await second.seek_to_committed(zero)
            seen.equal("seek to committed", await second.position(zero), 20)

        # Now the group has no members, and who has no membership may commit.
        await stranger.commit({zero: 3})
        seen.saw("standalone commit", await committed(stranger))


@scenario("auto-commit")
async def auto_commit(seen):
    await create_topic(seen, "auto-commit")
    records = plain_records(20)
    await produced(seen, "auto-commit", records[:10])
    settings = {"group_id": "auto-commit", "enable_auto_commit": True, "auto_commit_interval_ms": 100}
    partition = TopicPartition("auto-commit", 0)
    async with consumer(seen, "auto-commit", **settings) as reader:
        seen.records("first", await take(reader, 10), records[:10])

        async def all_committed():
            await poll(reader, 50)
            return await reader.committed(partition) == 10

        await until(all_committed, "the automatic commit")
        seen.saw("committed by the interval", 10)
        await produced(seen, "auto-commit", records[10:])
        seen.records("more", await take(reader, 10), records[10:], first_offset=10)
    async with consumer(seen, "auto-commit", **settings) as reader:
        seen.equal("committed by closing", await reader.committed(partition), 20)


@scenario("two-groups")
async def two_groups(seen):
    """Groups do not know of each other."""
    await create_topic(seen, "two-groups")
    records = plain_records(30)
    await produced(seen, "two-groups", records)
    partition = TopicPartition("two-groups", 0)
    groups_of_one = [consumer(seen, "two-groups", group_id=f"two-groups-{i}") for i in range(2)]
    async with groups_of_one[0], groups_of_one[1]:
        for i, reader in enumerate(groups_of_one):
            seen.records(f"group {i}", await take(reader, 30), records)
            await reader.commit({partition: 10 + i})
        for i, reader in enumerate(groups_of_one):
            seen.equal(f"group {i} committed", await reader.committed(partition), 10 + i)


@scenario("subscribe-pattern")
async def subscribe_pattern(seen):
    for topic in ("pattern-a", "not-the-pattern"):
        await create_topic(seen, topic)
        await produced(seen, topic, [sent("k", topic)])
    async with consumer(seen, group_id="subscribe-pattern", enable_auto_commit=True, metadata_max_age_ms=300) as reader:
        reader.subscribe(pattern="^pattern-.*")
        seen.records("first topic", await take(reader, 1), [sent("k", "pattern-a")])
        await create_topic(seen, "pattern-b")
        await produced(seen, "pattern-b", [sent("k", "pattern-b")])
        seen.records("a topic that came later", await take(reader, 1), [sent("k", "pattern-b")])
        seen.equal("assigned", {tp.topic for tp in reader.assignment()}, {"pattern-a", "pattern-b"})


@scenario("change-subscription")
async def change_subscription(seen):
    for topic in ("change-1", "change-2"):
        await create_topic(seen, topic)
        await produced(seen, topic, [sent("k", topic)])
    async with consumer(seen, "change-1", group_id="change-subscription", enable_auto_commit=True) as reader:
        seen.records("first topic", await take(reader, 1), [sent("k", "change-1")])
        reader.subscribe(["change-1", "change-2"])
        seen.records("another topic too", await take(reader, 1), [sent("k", "change-2")])
        seen.equal("assigned", {tp.topic for tp in reader.assignment()}, {"change-1", "change-2"})


@scenario("many-partitions")
async def many_partitions(seen):
    """Fetches over many partitions, of which few have news; some are paused for a while."""
    topics = [f"many-{i}" for i in range(5)]
    for topic in topics:
        await create_topic(seen, topic, 8)
    async with consumer(seen) as reader:
        reader.assign([TopicPartition(topic, p) for topic in topics for p in range(8)])
        await nothing_more(reader)
        for round_number in range(3):
            records = [sent(f"k{round_number}", "v", partition=p) for p in (1, 6)]
            for topic in topics:
                await produced(seen, topic, records)
            came = sorted((r.partition, r.offset, r.key) for r in await take(reader, 10))
            seen.equal(
                f"round {round_number}", came, sorted((r.partition, round_number, r.key) for r in records for _ in topics)
            )
        reader.pause(TopicPartition("many-0", 1))
        await produced(seen, "many-0", [sent("k", "paused", partition=1), sent("k", "not paused", partition=2)])
        seen.records("while one is paused", await take(reader, 1), [sent("k", "not paused", partition=2)])
        await nothing_more(reader)
        reader.resume(TopicPartition("many-0", 1))
        seen.records("resumed", await take(reader, 1), [sent("k", "paused", partition=1)], first_offset=3)


@scenario("long-poll")
async def long_poll(seen):
    await create_topic(seen, "long-poll", 2)
    async with AIOKafkaProducer(bootstrap_servers=seen.bootstrap) as producer:
        await producer.partitions_for("long-poll")
        async with assigned(seen, "long-poll", 2, fetch_max_wait_ms=5000) as reader:
            started = time.monotonic()
            seen.equal("no data", await poll(reader, 1500), [])
            seen.holds("no data: after the time asked for", 1.4 < time.monotonic() - started < 3)
            for i in range(5):
                waiting = asyncio.create_task(reader.getone())
                started = time.monotonic()
                await producer.send("long-poll", f"v{i}".encode(), partition=i % 2)
                record = await asyncio.wait_for(waiting, 20)
                took = time.monotonic() - started
                seen.equal(f"record {i}", record.value, f"v{i}".encode())
                seen.holds(f"record {i} came at once", took < 0.4, f"({took:.3f} s)")


@scenario("iterate")
async def iterate(seen):
    """The consumer as an iterator, with serializers on both sides."""
    await create_topic(seen, "iterate")
    async with AIOKafkaProducer(
        bootstrap_servers=seen.bootstrap, value_serializer=str.encode, key_serializer=str.encode
    ) as producer:
        for i in range(10):
            await producer.send_and_wait("iterate", f"value {i}", key=f"key {i}")
    records = []
    async with consumer(seen, "iterate", value_deserializer=bytes.decode, key_deserializer=bytes.decode) as reader:
        async for record in reader:
            records.append((record.key, record.value))
            if len(records) == 10:
                break
    seen.equal("records", records, [(f"key {i}", f"value {i}") for i in range(10)])


# ---------------------------------------------------------------------------------------------------------------------


def show_error(code, message=None):
    if not code:
        return "ok"
    return f"{for_code(code).__name__} {code}: {message}" if message else f"{for_code(code).__name__} {code}"


async def create(seen, client, what, name, partitions=1, replicas=1, config=None, **options):
    answer = await client.create_topics([NewTopic(name, partitions, replicas, topic_configs=config)], **options)
    seen.saw(f"create {what}", [show_error(code, message) for _, code, message in answer.topic_errors])


async def becomes_listed(seen, client, what, prefix, wanted):
    async def is_listed():
        await asyncio.sleep(0.02)
        return {name for name in await client.list_topics() if name.startswith(prefix)} == wanted

    await until(is_listed, f"the topics {sorted(wanted)}")
    seen.saw(what, wanted)


@scenario("admin-create")
async def admin_create(seen):
    async with admin_of(seen) as client:
        await create(seen, client, "one partition", "create-1")
        configs = {"retention.ms": "3600000", "cleanup.policy": "compact"}
        await create(seen, client, "three partitions with configs", "create-3", 3, config=configs)
        await create(seen, client, "only validate", "create-validated", validate_only=True)
        await create(seen, client, "only validate, exists", "create-1", validate_only=True)
        await create(seen, client, "again", "create-1")
        await create(seen, client, "no partitions", "create-zero", 0)
        await create(seen, client, "two replicas", "create-replicas", 1, 2)
        await create(seen, client, "unknown config", "create-bad-config", config={"no.such.config": "1"})
        await create(seen, client, "bad config value", "create-bad-value", config={"retention.ms": "soon"})
        for name in harness.BAD_NAMES:
            await create(seen, client, f"bad name {name[:20]}", name)
        await create(seen, client, "longest name", "a" * 249)
        replicas = [(await client.describe_cluster())["brokers"][0]["node_id"]]
        answer = await client.create_topics([NewTopic("create-by-hand", -1, -1, {0: replicas, 1: replicas})])
        seen.saw("create with assignments", [show_error(code, message) for _, code, message in answer.topic_errors])
        await becomes_listed(seen, client, "list", "create-", {"create-1", "create-3", "create-by-hand"})


@scenario("admin-describe")
async def admin_describe(seen):
    await create_topic(seen, "describe-3", 3)
    async with admin_of(seen) as client:
        cluster = await client.describe_cluster()
        described = (await client.describe_topics(["describe-3"]))[0]
    seen.holds("cluster id", cluster["cluster_id"])
    seen.equal("nodes", len(cluster["brokers"]), 1)
    node = cluster["brokers"][0]
    seen.equal("controller is the node", cluster["controller_id"] == node["node_id"], True)
    seen.equal("node is the bootstrap address", f"{node['host']}:{node['port']}" == seen.bootstrap, True)
    seen.saw("describe", (described["error_code"], described["topic"], described["is_internal"]))
    alone = {"leader": node["node_id"], "replicas": [node["node_id"]], "isr": [node["node_id"]]}
    for p in sorted(described["partitions"], key=lambda p: p["partition"]):
        is_alone = all(p[key] == value for key, value in alone.items())
        seen.equal(f"describe partition {p['partition']}: the node leads, alone", is_alone, True)
        seen.saw(f"describe partition {p['partition']}", (p["error_code"], p["offline_replicas"]))


@scenario("admin-delete")
async def admin_delete(seen):
    topic = "delete-again"
    await create_topic(seen, topic, 2)
    await produced(seen, topic, plain_records(10, 2))
    async with admin_of(seen) as client:

        async def delete(*names):
            answer = await client.delete_topics(list(names))
            return {name: show_error(code) for name, code in answer.topic_error_codes}

        async def is_empty():
            # Until its metadata is up to date, Kafka may still show the deleted topic.
            offsets = await is_ready(seen, client, topic, 2)
            return offsets if offsets and not any(offsets.values()) else None

        for i in range(3):
            seen.equal(f"delete {i}", await delete(topic), {topic: "ok"})
            await create(seen, client, f"again {i}", topic, 2)
        offsets = await until(is_empty, "the new topic's leaders")
        seen.equal("created again: end offsets", {tp.partition: offset for tp, offset in offsets.items()}, {0: 0, 1: 0})
        await produced(seen, topic, [sent("k", "new")])
        seen.records("created again", await read_all(seen, topic, 2, 1), [sent("k", "new")])

        await create_topic(seen, "delete-1")
        await create_topic(seen, "delete-2")
        seen.saw("delete", await delete("delete-1"))
        seen.saw("delete a deleted one", await delete("delete-1"))
        seen.saw("delete several", await delete("delete-unknown", "delete-2"))
        await becomes_listed(seen, client, "list after delete", "delete-", {topic})


@scenario("admin-configs")
async def admin_configs(seen):
    configs = {"retention_ms": "3600000", "cleanup_policy": "compact,delete", "max_message_bytes": "2000"}
    await create_topic(seen, "configs-set", **configs)
    await create_topic(seen, "configs-default")
    async with admin_of(seen) as client:

        async def describe(what, kind, name, keys=None, **options):
            resource = ConfigResource(kind, name, dict.fromkeys(keys) if keys else None)
            for answer in await client.describe_configs([resource], **options):
                for code, message, resource_type, _, entries in answer.resources:
                    seen.saw(what, (show_error(code, message), resource_type))
                    for key, *rest in sorted(entries):
                        if key in harness.CONFIGS or keys:
                            seen.saw(f"{what}: {key}", rest)

        await describe("set", ConfigResourceType.TOPIC, "configs-set")
        await describe("default", ConfigResourceType.TOPIC, "configs-default")
        await describe("only those asked for", ConfigResourceType.TOPIC, "configs-set", ["retention.ms", "no.such.config"])
        await describe(
            "synonyms", ConfigResourceType.TOPIC, "configs-set", ["retention.ms", "segment.bytes"], include_synonyms=True
        )
        await describe("unknown", ConfigResourceType.TOPIC, "configs-unknown", ["retention.ms"])
        node = str((await client.describe_cluster())["brokers"][0]["node_id"])
        answers = await client.describe_configs([ConfigResource(ConfigResourceType.BROKER, node, {"num.partitions": None})])
        seen.saw("broker: num.partitions", [entry[1] for entry in answers[0].resources[0][4]])


@scenario("admin-groups")
async def admin_groups(seen):
    await create_topic(seen, "admin-groups", 2)
    await produced(seen, "admin-groups", plain_records(20, 2))
    async with admin_of(seen) as client:

        async def listed():
            return sorted(g for g in await client.list_consumer_groups() if g[0].startswith("admin-group"))

        async def offsets(group, partitions=None):
            answer = await client.list_consumer_group_offsets(group, partitions=partitions)
            return sorted((tp.topic, tp.partition, found.offset, found.metadata) for tp, found in answer.items())

        async def describe(group):
            d = (await client.describe_consumer_groups([group]))[0].to_object()["groups"][0]
            members = [(m["client_id"], m["client_host"], partitions_of(m["member_assignment"])) for m in d["members"]]
            return d["error_code"], d["group"], d["state"], d["protocol_type"], d["protocol"], members

        async with consumer(seen, "admin-groups", group_id="admin-group", client_id="the-client") as reader:
            await take(reader, 20)
            await reader.commit()
            seen.saw("list", await listed())
            seen.saw("describe", await describe("admin-group"))
            seen.saw("offsets", await offsets("admin-group"))
            asked = [TopicPartition("admin-groups", 1), TopicPartition("admin-groups", 7), TopicPartition("unknown", 0)]
            seen.saw("offsets of some", await offsets("admin-group", asked))
        seen.saw("list after leaving", await listed())
        seen.saw("describe empty", await describe("admin-group"))
        seen.saw("describe unknown", await describe("admin-group-unknown"))
        seen.saw("offsets of an unknown group", await offsets("admin-group-unknown"))
        seen.saw("offsets of some of an unknown group", await offsets("admin-group-unknown", asked))


@scenario("auto-create")
async def auto_create(seen):
    seen.equal("produce", await produced(seen, "auto-created", [sent("k", "v", partition=None)]), [(0, 0)])
    seen.records("record", await read_all(seen, "auto-created", 1, 1), [sent("k", "v")])
    async with consumer(seen, "created-by-consumer", group_id="auto-create", metadata_max_age_ms=300) as reader:

        async def has_assignment():
            await poll(reader, 100)
            return reader.assignment()

        what = "the assignment of the topic that the consumer created"
        seen.saw("created by a consumer", await until(has_assignment, what))
        await produced(seen, "created-by-consumer", [sent("k", "v")])
        seen.records("created by a consumer", await take(reader, 1), [sent("k", "v")])


@scenario("keys-to-partitions")
async def keys_to_partitions(seen):
    """Which partition a key goes to is the client's choice by the number of partitions that the broker says."""
    await create_topic(seen, "keys", 4)
    records = [sent(f"key-{i}", "v", partition=None) for i in range(20)]
    chosen = [p for p, _ in await produced(seen, "keys", records)]
    seen.saw("partitions", chosen)
    seen.equal("the same again", [p for p, _ in await produced(seen, "keys", records)] == chosen, True)


@scenario("concurrent")
async def concurrent(seen):
    """Several producers write while a consumer reads; each producer's order is kept."""
    await create_topic(seen, "concurrent", 2)
    writing = asyncio.gather(*(produced(seen, "concurrent", w) for w in harness.WRITERS))
    async with assigned(seen, "concurrent", 2) as reader:
        records = await take(reader, 1600)
        await nothing_more(reader)
    await writing
    harness.check_writers(seen, records)


def call(function, *args):
    return asyncio.run(function(*args)) if inspect.iscoroutinefunction(function) else function(*args)


async def show_visible(seen, when, topic, end):
    """What either reader sees of partition 0, once all that is expected has got its offset: Kafka's markers come late."""
    for isolation in ["read_uncommitted", "read_committed"]:
        async with assigned(seen, topic, isolation_level=isolation) as reader:
            place = TopicPartition(topic, 0)

            async def is_written(reader=reader, place=place):
                return (await reader.end_offsets([place]))[place] >= end or isolation == "read_committed"

            await until(is_written, "the end of the partition")
            await reader.seek_to_beginning(place)
            records = []
            while more := await poll(reader, 500):
                records.extend(more)
            seen.saw(f"{when}, {isolation}", [f"{r.offset}:{r.value.decode()}" for r in records])


@scenario("transactions")
async def transactions(seen):
    topic = "transactions-topic"
    await create_topic(seen, topic)
    settings = {"bootstrap_servers": seen.bootstrap, "transactional_id": "transactions-id"}
    async with AIOKafkaProducer(**settings) as producer:
        async with producer.transaction():
            seen.equal("offset in a transaction", (await producer.send_and_wait(topic, b"committed", partition=0)).offset, 0)
            await show_visible(seen, "open", topic, 1)
        await show_visible(seen, "committed", topic, 2)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"aborted", partition=0)
        await producer.send_offsets_to_transaction({TopicPartition(topic, 0): 7}, "transactions-group")
        await producer.abort_transaction()
        await show_visible(seen, "aborted", topic, 4)
        async with producer.transaction():
            await producer.send_offsets_to_transaction({TopicPartition(topic, 0): 2}, "transactions-group")
        async with consumer(seen, group_id="transactions-group") as reader:

            async def offset():
                return await reader.committed(TopicPartition(topic, 0))

            seen.equal("committed with the transaction", await until(offset, "the offset"), 2)
        async with AIOKafkaProducer(**settings) as young:
            await producer.begin_transaction()
            seen.saw("the old one writes", name_of(await error_of(producer.send_and_wait(topic, b"too late", partition=0))))
            async with young.transaction():
                await young.send_and_wait(topic, b"young", partition=0)
        await show_visible(seen, "in the end", topic, 6)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    groups.be_a_member(Client)
    harness.main(scenario, call)

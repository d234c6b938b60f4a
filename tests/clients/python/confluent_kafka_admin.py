"""What users of confluent-kafka's admin client (librdkafka's) do with a broker, one scenario each.

The last scenario says which methods of the client no scenario has called.
"""

from confluent_kafka import (
    OFFSET_END,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    ConsumerGroupType,
    ElectionType,
    IsolationLevel,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

import harness
from confluent_kafka_client import (
    Admin,
    admin,
    code_of,
    consumer,
    create_topic,
    describe_topic,
    is_ready,
    name_of,
    new_id,
    outcome,
    produced,
    properties,
    read_all,
    take,
    transactional,
    write,
)
from harness import Mismatch, error_of, plain_records, sent, wait_until

# How long the client may try what cannot succeed, in seconds.
IN_VAIN = 5
# The methods that no scenario calls, with the reason.
NOT_CALLED = {
    "poll": "serves callbacks inside the client",
    "set_sasl_credentials": "sets what the client uses on SASL listeners only",
}

scenario = harness.Scenarios()



def new_topic(name, partitions=1, replicas=1, **config):
    return NewTopic(name, partitions, replicas, config=properties(config))


def create(seen, what, topic, **options):
    seen.saw(f"create {what}", outcome(admin(seen).create_topics([topic], **options)[topic.topic]))


def listed(seen, prefix):
    topics = admin(seen).list_topics(timeout=10).topics
    return {name: len(topic.partitions) for name, topic in topics.items() if name.startswith(prefix)}


@scenario("admin-create")
def admin_create(seen):
    create(seen, "one partition", new_topic("create-1"))
    create(seen, "three partitions with configs", new_topic("create-3", 3, retention_ms="3600000", cleanup_policy="compact"))
    create(seen, "defaults", new_topic("create-default", -1, -1))
    create(seen, "only validate", new_topic("create-validated"), validate_only=True)
    create(seen, "only validate, exists", new_topic("create-1"), validate_only=True)
    create(seen, "again", new_topic("create-1"))
    create(seen, "no partitions", new_topic("create-zero", 0))
    create(seen, "two replicas", new_topic("create-replicas", 1, 2))
    create(seen, "unknown config", new_topic("create-bad-config", no_such_config="1"))
    create(seen, "bad config value", new_topic("create-bad-value", retention_ms="soon"))
    for name in harness.BAD_NAMES:
        # The client itself refuses the empty one.
        if name:
            create(seen, f"bad name {name[:20]}", new_topic(name))
    create(seen, "longest name", new_topic("a" * 249))
    several = [new_topic("create-several-1"), new_topic("create-several-bad!"), new_topic("create-several-2", 2)]
    answers = admin(seen).create_topics(several)
    seen.saw("create several", {name: outcome(future) for name, future in answers.items()})
    wanted = {"create-1": 1, "create-3": 3, "create-default": 1, "create-several-1": 1, "create-several-2": 2}
    seen.becomes("list", lambda: listed(seen, "create-"), wanted)


@scenario("admin-describe")
def admin_describe(seen):
    client = admin(seen)
    create_topic(seen, "describe-3", 3)
    cluster = client.describe_cluster().result()
    seen.holds("cluster id", cluster.cluster_id)
    seen.equal("nodes", len(cluster.nodes), 1)
    node = cluster.nodes[0]
    seen.equal("controller is the node", cluster.controller.id == node.id, True)
    seen.equal("node is the bootstrap address", f"{node.host}:{node.port}" == seen.bootstrap, True)

    described = describe_topic(client, "describe-3")
    seen.saw("describe", (described.name, described.is_internal))
    seen.holds("describe: topic id", described.topic_id.get_most_significant_bits())
    for p in described.partitions:
        alone = [n.id for n in p.replicas] == [node.id] == [n.id for n in p.isr]
        seen.equal(f"describe partition {p.id}: the node leads, alone", p.leader.id == node.id and alone, True)
    seen.saw("describe unknown", name_of(error_of(describe_topic, client, "describe-unknown")))


@scenario("admin-delete")
def admin_delete(seen):
    client = admin(seen)

    def delete(*names):
        return {name: outcome(future) for name, future in client.delete_topics(list(names)).items()}

    topic = "delete-again"
    create_topic(seen, topic, 2)
    produced(seen, topic, plain_records(10, 2))
    ids = {str(describe_topic(client, topic).topic_id)}
    for i in range(3):
        seen.equal(f"delete {i}", delete(topic), {topic: "ok"})
        create(seen, f"again {i}", new_topic(topic, 2))
        ids.add(wait_until(lambda: new_id(client, topic, ids), "another topic id"))
    seen.equal("created again: topic ids", len(ids), 4)
    wait_until(lambda: is_ready(seen, topic, 2), "the leaders")
    partition = TopicPartition(topic, 0)
    latest = client.list_offsets({partition: OffsetSpec.latest()})[partition].result().offset
    seen.equal("created again: end offset", latest, 0)
    produced(seen, topic, [sent("k", "new")])
    seen.records("created again", read_all(seen, topic, 2, 1), [sent("k", "new")])

    create_topic(seen, "delete-1")
    create_topic(seen, "delete-2")
    seen.saw("delete", delete("delete-1"))
    seen.saw("delete a deleted one", delete("delete-1"))
    seen.saw("delete several", delete("delete-unknown", "delete-2"))
    seen.becomes("list after delete", lambda: listed(seen, "delete-"), {topic: 2})


@scenario("admin-configs")
def admin_configs(seen):
    client = admin(seen)

    def describe(resource_type, name):
        resource = ConfigResource(resource_type, name)
        return client.describe_configs([resource])[resource].result()

    def show(entry):
        source = entry.source if isinstance(entry.source, int) else entry.source.value
        flags = [f for f in ("is_read_only", "is_default", "is_sensitive") if getattr(entry, f)]
        return f"{entry.value} source {source} {flags}"

    set_configs = {"retention_ms": "3600000", "cleanup_policy": "compact,delete", "max_message_bytes": "2000"}
    create_topic(seen, "configs-set", **set_configs)
    create_topic(seen, "configs-default")
    for topic in ("configs-set", "configs-default"):
        entries = describe(ResourceType.TOPIC, topic)
        for key in harness.CONFIGS:
            seen.saw(f"{topic}: {key}", show(entries[key]))
    seen.saw("unknown topic", name_of(error_of(describe, ResourceType.TOPIC, "configs-unknown")))

    node = client.describe_cluster().result().nodes[0].id
    entries = describe(ResourceType.BROKER, str(node))
    for key in ("auto.create.topics.enable", "num.partitions", "message.max.bytes", "group.min.session.timeout.ms"):
        seen.saw(f"broker: {key}", entries[key].value)


@scenario("admin-groups")
def admin_groups(seen):
    client = admin(seen)
    create_topic(seen, "admin-groups", 2)
    produced(seen, "admin-groups", plain_records(20, 2))
    reader = consumer(seen, group="admin-group", client_id="the-client")
    reader.subscribe(["admin-groups"])
    take(reader, 20)
    reader.commit(asynchronous=False)

    def listed(**options):
        result = client.list_consumer_groups(**options).result()
        if result.errors:
            raise Mismatch(f"listing groups: {result.errors}")
        return [
            (g.group_id, g.state.name, g.type.name, g.is_simple_consumer_group)
            for g in result.valid
            if g.group_id.startswith("admin-group")
        ]

    def offsets(partitions):
        asked = ConsumerGroupTopicPartitions("admin-group", partitions)
        answer = client.list_consumer_group_offsets([asked])["admin-group"].result()
        return sorted((tp.topic, tp.partition, tp.offset, tp.metadata) for tp in answer.topic_partitions)

    def describe(group):
        d = client.describe_consumer_groups([group])[group].result()
        members = [
            (m.client_id, m.group_instance_id, m.host, [(tp.topic, tp.partition) for tp in m.assignment.topic_partitions])
            for m in d.members
        ]
        return d.group_id, d.is_simple_consumer_group, d.state.name, d.type.name, d.partition_assignor, members

    seen.saw("list", listed())
    seen.saw("list stable", listed(states={ConsumerGroupState.STABLE}))
    seen.saw("list empty", listed(states={ConsumerGroupState.EMPTY}))
    seen.saw("describe", describe("admin-group"))
    member = client.describe_consumer_groups(["admin-group"])["admin-group"].result().members[0].member_id
    seen.equal("member id is the consumer's own", member == reader.memberid(), True)
    seen.equal("member id begins with the client id", member.startswith("the-client-"), True)
    seen.saw("offsets", offsets(None))
    asked = [TopicPartition("admin-groups", 1), TopicPartition("admin-groups", 7), TopicPartition("unknown", 0)]
    seen.saw("offsets of some", offsets(asked))

    altered = ConsumerGroupTopicPartitions("admin-group", [TopicPartition("admin-groups", 0, 4)])
    answer = client.alter_consumer_group_offsets([altered])["admin-group"].result()
    seen.saw("alter offsets of an active group", [name_of(tp.error) if tp.error else "ok" for tp in answer.topic_partitions])
    seen.saw("offsets not altered", offsets(None))
    reader.close()
    seen.saw("describe empty", describe("admin-group"))
    seen.saw("list empty after leaving", listed(states={ConsumerGroupState.EMPTY}))
    answer = client.alter_consumer_group_offsets([altered])["admin-group"].result()
    seen.saw("alter offsets", [(tp.partition, tp.offset, tp.error) for tp in answer.topic_partitions])
    seen.saw("offsets altered", offsets(None))
    try:
        seen.saw("describe unknown", describe("admin-group-unknown"))
    except KafkaException as error:
        seen.saw("describe unknown", name_of(error))
    unknown = ConsumerGroupTopicPartitions("admin-group-unknown")
    answer = client.list_consumer_group_offsets([unknown])["admin-group-unknown"].result()
    seen.saw("offsets of an unknown group", answer.topic_partitions)


def result_of(future, show):
    """What an admin operation's future gave, as `show` shows it, or the error's name and text."""
    try:
        return show(future.result())
    except KafkaException as error:
        return name_of(error)


def refused(call, *args, **kwargs):
    """The kind and the text of an exception by which the client itself refuses arguments."""
    error = error_of(call, *args, **kwargs)
    return f"{type(error).__name__}: {name_of(error) if isinstance(error, KafkaException) else error}"


def operations(result):
    """The authorized operations of a cluster, topic or group, by name."""
    allowed = result.authorized_operations
    return None if allowed is None else sorted(operation.name for operation in allowed)


@scenario("admin-partitions")
def admin_partitions(seen):
    client = admin(seen)
    topic = "admin-partitions"
    create_topic(seen, topic)
    produced(seen, topic, plain_records(3))

    def grow(what, *asked, **options):
        answers = client.create_partitions(list(asked), **options)
        seen.saw(f"grow {what}", {name: outcome(future) for name, future in answers.items()})

    grow("only validate", NewPartitions(topic, 3), validate_only=True)
    seen.equal("after validating", listed(seen, topic), {topic: 1})
    grow("to 3", NewPartitions(topic, 3))
    seen.becomes("after growing", lambda: listed(seen, topic), {topic: 3})
    grow("to as many", NewPartitions(topic, 3))
    grow("to fewer", NewPartitions(topic, 2))
    grow("to fewer, only validate", NewPartitions(topic, 1), validate_only=True)
    grow("an unknown topic", NewPartitions("admin-partitions-unknown", 3))
    grow("a bad name", NewPartitions("bad name!", 3))
    grow("with an assignment", NewPartitions(topic, 4, replica_assignment=[[1]]))
    grow("with a broker that is none", NewPartitions(topic, 5, replica_assignment=[[77]]))
    grow("with two replicas", NewPartitions(topic, 5, replica_assignment=[[1, 2]]))
    grow("with the same replica twice", NewPartitions(topic, 5, replica_assignment=[[1, 1]]))
    grow("two topics", NewPartitions(topic, 5), NewPartitions("admin-partitions-unknown", 5))
    seen.saw("none", refused(client.create_partitions, [NewPartitions(topic, 0)]))
    unfit = NewPartitions(topic, 6, replica_assignment=[])
    seen.saw("an assignment that does not fit", refused(client.create_partitions, [unfit]))
    seen.saw("no topics", refused(client.create_partitions, []))
    seen.becomes("in the end", lambda: listed(seen, topic), {topic: 5})
    wait_until(lambda: is_ready(seen, topic, 5), "the leaders")
    produced(seen, topic, [sent("k", "new", partition=4)])
    records = read_all(seen, topic, 5, 4)
    seen.records("all partitions", records, [*plain_records(3), sent("k", "new", partition=4)])


@scenario("admin-assignments")
def admin_assignments(seen):
    """Topics whose replicas the client chooses itself."""
    client = admin(seen)

    def create_assigned(what, name, partitions, assignment, **options):
        topic = NewTopic(name, partitions, replica_assignment=assignment)
        seen.saw(f"create {what}", outcome(client.create_topics([topic], **options)[name]))

    create_assigned("on the node", "assigned-2", 2, [[1], [1]])
    create_assigned("on another node", "assigned-other", 1, [[7]])
    create_assigned("on two nodes", "assigned-two", 1, [[1, 2]])
    create_assigned("twice on the node", "assigned-twice", 1, [[1, 1]])
    create_assigned("only validate", "assigned-validated", 1, [[1]], validate_only=True)
    create_assigned("on an impossible node", "assigned-negative", 1, [[-1]])
    seen.becomes("list", lambda: listed(seen, "assigned-"), {"assigned-2": 2})


@scenario("admin-records")
def admin_records(seen):
    client = admin(seen)
    topic = "admin-records"
    create_topic(seen, topic, 2)
    produced(seen, topic, plain_records(20, 2))

    def delete(what, *asked, **options):
        answers = client.delete_records([TopicPartition(*place) for place in asked], **options)
        for place, future in answers.items():
            seen.saw(f"delete {what}: {place.topic} {place.partition}", result_of(future, lambda r: r.low_watermark))

    delete("up to 4", (topic, 0, 4))
    delete("up to 2, which is gone already", (topic, 0, 2))
    delete("up to 0", (topic, 1, 0))
    delete("beyond the end", (topic, 0, 11))
    delete("in two partitions", (topic, 0, 6), (topic, 1, 3))
    delete("everything", (topic, 1, OFFSET_END))
    delete("below", (topic, 0, -5), request_timeout=IN_VAIN)
    delete("in an unknown partition", (topic, 9, 1), request_timeout=IN_VAIN)
    delete("in an unknown topic", ("admin-records-unknown", 0, 1), request_timeout=IN_VAIN)
    delete("of a good one and a bad one", (topic, 0, 7), (topic, 9, 1), request_timeout=IN_VAIN, operation_timeout=1)
    asked = {TopicPartition(topic, p): OffsetSpec.earliest() for p in range(2)}
    starts = {place.partition: future.result().offset for place, future in client.list_offsets(asked).items()}
    seen.equal("where they begin", starts, {0: 7, 1: 10})
    seen.records("what is left", read_all(seen, topic, 2, 3), plain_records(20, 2)[14::2], first_offset=7)


def entry(name, value, operation):
    return ConfigEntry(name, value, incremental_operation=operation)


def show_entry(config):
    """A config with where it comes from, and the synonyms behind it."""
    flags = [f for f in ("is_read_only", "is_default", "is_sensitive") if getattr(config, f)]
    # In the answer's own order, which is that of precedence.
    synonyms = [f"{s.name}={s.value} of {s.source}" for s in config.synonyms.values()]
    return f"{config.value} source {config.source} {flags} {synonyms}"


def describe_configs(client, kind, name, **options):
    resource = ConfigResource(kind, name)
    return client.describe_configs([resource], **options)[resource].result()


def show_configs(seen, what, kind, name, keys, awaited=None):
    """Shows some configs, once others have their values: Kafka's broker learns of an alteration after it was answered."""

    def altered():
        entries = describe_configs(admin(seen), kind, name)
        return all(entries[key].value == value for key, value in (awaited or {}).items()) and entries

    entries = wait_until(altered, f"{awaited}")
    for key in keys:
        seen.saw(f"{what}: {key}", show_entry(entries[key]) if key in entries else "not there")


@scenario("admin-alter-configs")
def admin_alter_configs(seen):
    """The old way to alter: what is not named goes back to its default."""
    client = admin(seen)
    topic = "alter-configs"
    create_topic(seen, topic, segment_bytes="2000000")
    keys = ["retention.ms", "segment.bytes", "cleanup.policy", "min.insync.replicas"]

    def alter(what, *resources, **options):
        answers = client.alter_configs(list(resources), **options)
        seen.saw(f"alter {what}", {r.name: outcome(future) for r, future in answers.items()})

    def of_topic(settings, name=topic):
        return ConfigResource(ResourceType.TOPIC, name, set_config=settings)

    alter("only validate", of_topic({"retention.ms": "1000"}), validate_only=True)
    alter("a topic", of_topic({"retention.ms": "7200000", "cleanup.policy": "compact, delete"}))
    show_configs(seen, "altered", ResourceType.TOPIC, topic, keys, {"retention.ms": "7200000"})
    alter("a bad value", of_topic({"retention.ms": "soon", "segment.bytes": "1000000"}))
    alter("a value out of range", of_topic({"min.insync.replicas": "0"}))
    alter("a bad value, only validate", of_topic({"cleanup.policy": "burn"}), validate_only=True)
    alter("an unknown config", of_topic({"no.such.config": "1"}))
    alter("an unknown topic", of_topic({"retention.ms": "1000"}, "alter-configs-unknown"))
    alter("a bad name", of_topic({"retention.ms": "1000"}, "bad name!"))
    alter("two", of_topic({"retention.ms": "3600000"}), of_topic({"retention.ms": "1"}, "alter-configs-unknown"))
    show_configs(seen, "in between", ResourceType.TOPIC, topic, keys, {"retention.ms": "3600000"})
    alter("back to the defaults", of_topic({}))
    show_configs(seen, "in the end", ResourceType.TOPIC, topic, keys, {"retention.ms": "604800000"})


@scenario("admin-incremental-configs")
def admin_incremental_configs(seen):
    client = admin(seen)
    topic = "incremental-configs"
    create_topic(seen, topic, retention_ms="7200000")
    keys = ["retention.ms", "cleanup.policy", "compression.type"]
    change = AlterConfigOpType

    def alter(what, *entries, name=topic, kind=ResourceType.TOPIC, **options):
        resource = ConfigResource(kind, name, incremental_configs=list(entries))
        seen.saw(f"alter {what}", outcome(client.incremental_alter_configs([resource], **options)[resource]))

    alter("only validate", entry("retention.ms", "1000", change.SET), validate_only=True)
    alter("set two", entry("retention.ms", "3600000", change.SET), entry("compression.type", "producer", change.SET))
    alter("append", entry("cleanup.policy", "compact", change.APPEND))
    show_configs(seen, "altered", ResourceType.TOPIC, topic, keys, {"cleanup.policy": "delete,compact"})
    alter("append what is there", entry("cleanup.policy", "compact", change.APPEND))
    alter("subtract", entry("cleanup.policy", "delete", change.SUBTRACT))
    alter("subtract what is not there", entry("cleanup.policy", "delete", change.SUBTRACT))
    alter("delete", entry("retention.ms", None, change.DELETE))
    alter("delete what is not set", entry("retention.ms", None, change.DELETE))
    show_configs(seen, "then", ResourceType.TOPIC, topic, keys, {"retention.ms": "604800000"})
    alter("append to what is no list", entry("retention.ms", "1", change.APPEND))
    alter("subtract from what is no list", entry("retention.ms", "1", change.SUBTRACT))
    alter("a bad value", entry("retention.ms", "soon", change.SET))
    alter("an empty value", entry("retention.ms", "", change.SET))
    alter("a bad value in a list", entry("cleanup.policy", "burn", change.APPEND))
    alter("an unknown config", entry("no.such.config", "1", change.SET))
    alter("delete an unknown config", entry("no.such.config", None, change.DELETE))
    alter("the same twice", entry("retention.ms", "1", change.SET), entry("retention.ms", "2", change.SET))
    alter("an unknown topic", entry("retention.ms", "1", change.SET), name="incremental-configs-unknown")
    alter("a good and a bad", entry("segment.bytes", "3000000", change.SET), entry("retention.ms", "soon", change.SET))
    show_configs(seen, "in the end", ResourceType.TOPIC, topic, [*keys, "segment.bytes"])

    for key, value in {"consumer.session.timeout.ms": "50000", "consumer.heartbeat.interval.ms": "10000"}.items():
        group = {"name": "incremental-configs-group", "kind": ResourceType.GROUP}
        alter(f"group: {key}", entry(key, value, change.SET), **group)
        alter(f"group: {key} too small", entry(key, "1", change.SET), **group)
        show_configs(seen, "group", ResourceType.GROUP, group["name"], [key], {key: value})
        alter(f"group: delete {key}", entry(key, None, change.DELETE), **group)
    alter("group: a topic's config", entry("retention.ms", "1", change.SET), **group)


@scenario("admin-broker-configs")
def admin_broker_configs(seen):
    client = admin(seen)
    keys = ["max.connections.per.ip", "message.max.bytes", "log.retention.ms"]
    change = AlterConfigOpType

    def alter(what, name, *entries, **options):
        resource = ConfigResource(ResourceType.BROKER, name, incremental_configs=list(entries))
        answers = client.incremental_alter_configs([resource], request_timeout=IN_VAIN, **options)
        seen.saw(f"alter {what}", outcome(answers[resource]))

    alter("the broker, only validate", "1", entry("max.connections.per.ip", "2", change.SET), validate_only=True)
    alter("the broker", "1", entry("max.connections.per.ip", "2000", change.SET))
    alter("more of the broker", "1", entry("message.max.bytes", "2000000", change.SET))
    show_all = ("broker", ResourceType.BROKER, "1", keys)

    def limit():
        return describe_configs(client, ResourceType.BROKER, "1")["message.max.bytes"]

    wait_until(lambda: limit().value == "2000000", "the alteration")
    show_configs(seen, *show_all)
    create_topic(seen, "broker-configs")
    show_configs(seen, "topic", ResourceType.TOPIC, "broker-configs", ["max.message.bytes"])
    alter("what is read-only", "1", entry("broker.id", "5", change.SET))
    alter("a bad value", "1", entry("message.max.bytes", "-1", change.SET))
    alter("no number", "1", entry("message.max.bytes", "many", change.SET))
    alter("an unknown config", "1", entry("no.such.config", "1", change.SET))
    alter("a name that is no number", "one", entry("message.max.bytes", "1", change.SET))
    alter("reset", "1", *(entry(key, None, change.DELETE) for key in keys))
    wait_until(lambda: limit().is_default, "the reset")
    show_configs(seen, *show_all)
    seen.saw("all brokers at once", refused(describe_configs, client, ResourceType.BROKER, "", request_timeout=IN_VAIN))
    for kind, name in [(ResourceType.TOPIC, "bad name!"), (ResourceType.BROKER, "one")]:
        error = refused(describe_configs, client, kind, name, request_timeout=IN_VAIN)
        seen.saw(f"describe {kind.name} {name!r}", error)
    seen.saw("configs of an unknown group", sorted(describe_configs(client, ResourceType.GROUP, "broker-configs-group")))


@scenario("admin-every-config")
def admin_every_config(seen):
    """Every property that a topic has, as this client shows it."""
    create_topic(seen, "every-config")
    entries = describe_configs(admin(seen), ResourceType.TOPIC, "every-config")
    for name in sorted(entries):
        seen.saw(name, show_entry(entries[name]))


@scenario("admin-list-offsets")
def admin_list_offsets(seen):
    client = admin(seen)
    topic = "admin-list-offsets"
    create_topic(seen, topic, 2)
    produced(seen, topic, [sent("k", str(i), timestamp=harness.EPOCH_MS + i) for i in (5, 1, 3)])
    producer = transactional(seen, "id")
    producer.begin_transaction()
    seen.equal("offset in an open transaction", write(producer, topic, "open"), 3)
    specs = {
        "earliest": OffsetSpec.earliest(),
        "latest": OffsetSpec.latest(),
        "max timestamp": OffsetSpec.max_timestamp(),
        "time 0": OffsetSpec.for_timestamp(0),
        "a time between": OffsetSpec.for_timestamp(harness.EPOCH_MS + 2),
        "a time in a hundred years": OffsetSpec.for_timestamp(4_900_000_000_000),
        "a time that means nothing": OffsetSpec.for_timestamp(-7),
    }

    def ask(what, spec, *places, **options):
        answers = client.list_offsets({TopicPartition(*place): spec for place in places}, request_timeout=IN_VAIN, **options)
        for place, future in answers.items():
            # The records of transactions carry the time of now.
            shown = result_of(future, lambda r: (r.offset, min(r.timestamp, harness.EPOCH_MS + 10), r.leader_epoch))
            seen.saw(f"{what}: partition {place.partition}", shown)

    def ask_all(when):
        for isolation in (IsolationLevel.READ_UNCOMMITTED, IsolationLevel.READ_COMMITTED):
            for what, spec in specs.items():
                ask(f"{when}, {isolation.name}: {what}", spec, (topic, 0), (topic, 1), isolation_level=isolation)

    ask_all("open")
    producer.abort_transaction(20)
    place = {TopicPartition(topic, 0): OffsetSpec.latest()}
    wait_until(lambda: next(iter(client.list_offsets(place).values())).result().offset == 5, "the marker")
    ask_all("aborted")
    ask("unknown partition", OffsetSpec.latest(), (topic, 0), (topic, 7))
    ask("unknown topic", OffsetSpec.latest(), ("admin-list-offsets-unknown", 0))
    ask("bad name", OffsetSpec.latest(), ("bad name!", 0))


@scenario("admin-list-groups")
def admin_list_groups(seen):
    client = admin(seen)
    topic = "list-groups"
    create_topic(seen, topic)
    reader = consumer(seen, group="list-groups-live", client_id="lister")
    reader.subscribe([topic])
    wait_until(lambda: reader.poll(0.05) or reader.assignment(), "the assignment")
    alter_offsets(seen, "commit to a group without members", "list-groups-idle", (topic, 0, 3))

    def ask(what, **options):
        result = client.list_consumer_groups(**options).result()
        if result.errors:
            raise Mismatch(f"listing groups: {result.errors}")
        groups = [(g.group_id, g.state.name, g.type.name, g.is_simple_consumer_group) for g in result.valid]
        seen.saw(f"list {what}", sorted(g for g in groups if g[0].startswith("list-groups-")))

    ask("all")
    for state in ("STABLE", "EMPTY", "DEAD", "PREPARING_REBALANCING", "COMPLETING_REBALANCING"):
        ask(f"in state {state}", states={ConsumerGroupState[state]})
    ask("in two states", states={ConsumerGroupState.STABLE, ConsumerGroupState.EMPTY})
    ask("of the classic protocol", types={ConsumerGroupType.CLASSIC})
    ask("of the new protocol", types={ConsumerGroupType.CONSUMER})
    both = {ConsumerGroupType.CLASSIC, ConsumerGroupType.CONSUMER}
    ask("of both, stable", types=both, states={ConsumerGroupState.STABLE})
    seen.saw("of an unknown type", refused(client.list_consumer_groups, types={ConsumerGroupType.UNKNOWN}))
    seen.saw("in an unknown state", refused(client.list_consumer_groups, states={"Stable"}))

    def show(described):
        members = [(m.client_id, m.host, [tp.partition for tp in m.assignment.topic_partitions]) for m in described.members]
        group = [described.state.name, described.type.name, described.partition_assignor]
        return [*group, described.is_simple_consumer_group, members, described.coordinator.id, operations(described)]

    for with_operations in (False, True):
        names = ["list-groups-live", "list-groups-idle", "list-groups-unknown", ""]
        answers = client.describe_consumer_groups(names, include_authorized_operations=with_operations)
        for name, future in answers.items():
            seen.saw(f"describe {name}, operations {with_operations}", result_of(future, show))
    seen.saw("describe nothing", refused(client.describe_consumer_groups, []))

    # The older way, by which kcat and others ask.
    for group in ("list-groups-live", "list-groups-idle", "list-groups-unknown"):
        for found in client.list_groups(group, timeout=10):
            members = [(m.client_id, m.client_host, len(m.metadata), len(m.assignment)) for m in found.members]
            seen.saw(f"old list {group}", (found.id, found.error, found.state, found.protocol_type, found.protocol, members))
    known = sorted(found.id for found in client.list_groups(timeout=10) if found.id.startswith("list-groups-"))
    seen.saw("old list of all", known)
    reader.close()


def alter_offsets(seen, what, group, *places):
    request = ConsumerGroupTopicPartitions(group, [TopicPartition(*place) for place in places])

    def show(answer):
        places = answer.topic_partitions
        return [(tp.topic, tp.partition, tp.offset, name_of(tp.error) if tp.error else "ok") for tp in places]

    seen.saw(what, result_of(admin(seen).alter_consumer_group_offsets([request])[group], show))


def show_offsets(seen, what, group, *places, **options):
    request = ConsumerGroupTopicPartitions(group, [TopicPartition(*place) for place in places] or None)

    def show(answer):
        return sorted(
            (tp.topic, tp.partition, tp.offset, tp.metadata, str(tp.leader_epoch), name_of(tp.error) if tp.error else "ok")
            for tp in answer.topic_partitions
        )

    seen.saw(what, result_of(admin(seen).list_consumer_group_offsets([request], **options)[group], show))


@scenario("admin-group-offsets")
def admin_group_offsets(seen):
    client = admin(seen)
    topic, group = "group-offsets", "group-offsets-group"
    create_topic(seen, topic, 3)
    produced(seen, topic, plain_records(9, 3))
    alter_offsets(seen, "alter", group, (topic, 0, 1), (topic, 1, 2, "of mine"), (topic, 2, 3, "", 0))
    alter_offsets(seen, "alter beyond the end", group, (topic, 0, 1000))
    alter_offsets(seen, "alter an unknown partition", group, (topic, 9, 1), (topic, 1, 1))
    alter_offsets(seen, "alter an unknown topic", group, ("group-offsets-unknown", 0, 1))
    alter_offsets(seen, "alter with long metadata", group, (topic, 0, 1, "m" * 4097))
    seen.saw("alter below", refused(alter_offsets, seen, "below", group, (topic, 0, -5)))
    seen.saw("alter nothing", refused(alter_offsets, seen, "nothing", group))
    show_offsets(seen, "offsets", group)
    show_offsets(seen, "some offsets", group, (topic, 1), (topic, 9), ("group-offsets-unknown", 0))
    show_offsets(seen, "stable offsets", group, require_stable=True)
    show_offsets(seen, "offsets of an unknown group", "group-offsets-unknown-group", (topic, 0))
    seen.saw("offsets of no name", refused(show_offsets, seen, "no name", ""))

    # While a transaction holds offsets back, one can ask not to be given the old ones.
    producer = transactional(seen, "id")
    reader = consumer(seen, group=group)

    def send(offset):
        producer.begin_transaction()
        producer.send_offsets_to_transaction([TopicPartition(topic, 0, offset)], reader.consumer_group_metadata(), 20)

    send(2)
    show_offsets(seen, "pending", group, (topic, 0), require_stable=False)
    show_offsets(seen, "pending, stable", group, (topic, 0), require_stable=True, request_timeout=2)
    producer.commit_transaction(20)
    wait_until(lambda: stable_offset(client, group, topic) == 2, "the committed offset")
    show_offsets(seen, "committed", group, (topic, 0), require_stable=True)
    send(3)
    seen.saw("delete a group with pending offsets", outcome(client.delete_consumer_groups([group])[group]))
    producer.abort_transaction(20)
    reader.close()


def stable_offset(client, group, topic):
    request = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0)])
    answer = client.list_consumer_group_offsets([request], require_stable=True)[group].result()
    return answer.topic_partitions[0].offset


@scenario("admin-delete-groups")
def admin_delete_groups(seen):
    client = admin(seen)
    topic = "delete-groups"
    create_topic(seen, topic)
    reader = consumer(seen, group="delete-groups-live")
    reader.subscribe([topic])
    wait_until(lambda: reader.poll(0.05) or reader.assignment(), "the assignment")
    alter_offsets(seen, "commit", "delete-groups-idle", (topic, 0, 3))

    def delete(what, *names):
        answers = client.delete_consumer_groups(list(names))
        seen.saw(f"delete {what}", {name: outcome(future) for name, future in answers.items()})

    delete("one with a member, one without", "delete-groups-live", "delete-groups-idle")
    delete("one that is not", "delete-groups-unknown")
    delete("again", "delete-groups-idle")
    show_offsets(seen, "offsets of the deleted one", "delete-groups-idle", (topic, 0))
    reader.close()
    delete("the one that was left", "delete-groups-live")
    seen.saw("delete nothing", refused(client.delete_consumer_groups, []))


@scenario("admin-elections")
def admin_elections(seen):
    client = admin(seen)
    topic = "elections"
    create_topic(seen, topic, 2)

    def elect(what, kind, *places, everywhere=False):
        asked = None if everywhere else [TopicPartition(*place) for place in places]

        def show(answer):
            return {f"{tp.topic} {tp.partition}": name_of(e) if e else "ok" for tp, e in answer.items()}

        seen.saw(f"elect {kind.name} {what}", result_of(client.elect_leaders(kind, asked), show))

    for kind in ElectionType:
        elect("in one partition", kind, (topic, 0))
        elect("in two and one that is not", kind, (topic, 0), (topic, 1), (topic, 9))
        elect("in an unknown topic", kind, ("elections-unknown", 0))
        elect("in all partitions", kind, everywhere=True)
        elect("in none", kind)
        elect("twice in one", kind, (topic, 0), (topic, 0))


@scenario("admin-operations")
def admin_operations(seen):
    """Without an authorizer everything is allowed."""
    client = admin(seen)
    topic = "operations"
    create_topic(seen, topic)
    seen.equal("cluster id", client.cluster_id(timeout=10) == client.describe_cluster().result().cluster_id, True)
    for asked in (False, True):
        cluster = client.describe_cluster(include_authorized_operations=asked).result()
        seen.saw(f"cluster, operations {asked}", operations(cluster))
        names = TopicCollection([topic, "operations-unknown", "bad name!"])
        answers = client.describe_topics(names, include_authorized_operations=asked)
        for name, future in answers.items():
            seen.saw(f"topic {name}, operations {asked}", result_of(future, operations))
    seen.saw("describe no topics", client.describe_topics(TopicCollection([])))
    seen.saw("describe an empty name", refused(describe_topic, client, ""))
    listing = client.list_topics(topic, timeout=10)
    metadata = listing.topics[topic]
    partitions = [(p.id, p.leader, p.replicas, p.isrs, p.error) for p in metadata.partitions.values()]
    seen.saw("list one", (listing.controller_id, listing.orig_broker_id, metadata.error, partitions))
    error = client.list_topics("operations-unknown", timeout=10).topics["operations-unknown"].error
    seen.saw("list unknown", code_of(error) if error else "created")


@scenario("admin-acls")
def admin_acls(seen):
    """There is no authorizer that would keep them."""
    client = admin(seen)

    def fields(name, principal, host, operation, permission, pattern=ResourcePatternType.LITERAL):
        return (ResourceType.TOPIC, name, pattern, principal, host, operation, permission)

    good = fields("acls", "User:ann", "*", AclOperation.READ, AclPermissionType.ALLOW)
    other = fields("acls-", "User:bob", "*", AclOperation.ALL, AclPermissionType.DENY, ResourcePatternType.PREFIXED)
    everything = fields(None, None, None, AclOperation.ANY, AclPermissionType.ANY, ResourcePatternType.ANY)
    answers = client.create_acls([AclBinding(*good), AclBinding(*other)])
    seen.saw("create", [outcome(future) for future in answers.values()])
    seen.saw("describe", outcome(client.describe_acls(AclBindingFilter(*good))))
    seen.saw("describe all", outcome(client.describe_acls(AclBindingFilter(*everything))))
    answers = client.delete_acls([AclBindingFilter(*good), AclBindingFilter(*everything)])
    seen.saw("delete", [outcome(future) for future in answers.values()])
    bad = fields("acls", "nobody", "*", AclOperation.READ, AclPermissionType.ALLOW)
    seen.saw("a bad principal", [outcome(future) for future in client.create_acls([AclBinding(*bad)]).values()])
    seen.saw("create nothing", refused(client.create_acls, []))
    any_operation = fields("acls", "User:ann", "*", AclOperation.ANY, AclPermissionType.ALLOW)
    seen.saw("any operation", refused(AclBinding, *any_operation))


@scenario("admin-scram")
def admin_scram(seen):
    client = admin(seen)

    def show(described):
        return sorted(f"{c.mechanism.name} {c.iterations}" for c in described.scram_credential_infos)

    def describe(what, *users):
        answers = client.describe_user_scram_credentials(list(users))
        seen.saw(f"describe {what}", {user: result_of(future, show) for user, future in answers.items()})

    def alter(what, *alterations):
        answers = client.alter_user_scram_credentials(list(alterations))
        seen.saw(f"alter {what}", {user: outcome(future) for user, future in answers.items()})

    def credential(user, mechanism, iterations, password=b"secret", salt=b"salt"):
        return UserScramCredentialUpsertion(user, ScramCredentialInfo(ScramMechanism[mechanism], iterations), password, salt)

    describe("an unknown user", "scram-unknown")
    alter("add", credential("scram-ann", "SCRAM_SHA_256", 4096), credential("scram-bob", "SCRAM_SHA_512", 16384))
    alter("add the other mechanism", credential("scram-ann", "SCRAM_SHA_512", 8192))
    wait_until(lambda: len(known_credentials(client, "scram-ann")) == 2, "the credentials")
    describe("both and an unknown one", "scram-ann", "scram-bob", "scram-unknown")
    everyone = client.describe_user_scram_credentials(None).result()
    seen.saw("describe all", {user: show(found) for user, found in everyone.items() if user.startswith("scram-")})
    alter("iterations too few", credential("scram-ann", "SCRAM_SHA_256", 4095))
    alter("iterations too many", credential("scram-ann", "SCRAM_SHA_256", 16385))
    good, bad = credential("scram-cid", "SCRAM_SHA_256", 4096), credential("scram-ann", "SCRAM_SHA_256", 1)
    alter("one good and one bad", good, bad)
    alter("delete", UserScramCredentialDeletion("scram-ann", ScramMechanism.SCRAM_SHA_256))
    wait_until(lambda: len(known_credentials(client, "scram-ann")) == 1, "the deletion")
    alter("delete again", UserScramCredentialDeletion("scram-ann", ScramMechanism.SCRAM_SHA_256))
    alter("delete of an unknown user", UserScramCredentialDeletion("scram-unknown", ScramMechanism.SCRAM_SHA_512))
    alter("replace", credential("scram-bob", "SCRAM_SHA_512", 5000))
    wait_until(lambda: known_credentials(client, "scram-bob") == [5000], "the replacement")
    describe("in the end", "scram-ann", "scram-bob")
    alter("no mechanism", credential("scram-ann", "UNKNOWN", 4096))
    seen.saw("alter no user", refused(alter, "no user", credential("", "SCRAM_SHA_256", 4096)))
    seen.saw("alter no iterations", refused(alter, "no iterations", credential("scram-ann", "SCRAM_SHA_256", 0)))
    seen.saw("alter nothing", refused(client.alter_user_scram_credentials, []))
    describe("the same twice", "scram-ann", "scram-ann")


def known_credentials(client, user):
    """The iterations of a user's credentials."""
    try:
        found = client.describe_user_scram_credentials([user])[user].result()
    except KafkaException:
        return []
    return [credential.iterations for credential in found.scram_credential_infos]


@scenario("admin-every-method")
def admin_every_method(seen):
    """Holds when all scenarios have run before: every method of the client was called, or there is a reason."""
    methods = {name for name in dir(AdminClient) if not name.startswith("_") and callable(getattr(AdminClient, name))}
    seen.saw("methods", sorted(methods))
    seen.equal("not called", methods - Admin.called, set(NOT_CALLED))

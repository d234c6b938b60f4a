"""What users of a schema registry do with one that keeps what it knows in the broker's topics, one scenario each.

The registry is Apicurio's, used through the API that Confluent's has, with confluent-kafka's client for it. One registry
serves all scenarios and is started before the first; the last two show that another one finds everything in the topics.
"""

import ctypes
import functools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

import harness
from harness import Mismatch, error_of, wait_until

scenario = harness.Scenarios()
HERE = Path(__file__).resolve().parent
START_SECONDS = 50
PR_SET_PDEATHSIG = 1
API = "/apis/ccompat/v7"
# The topics in which the registry keeps its data.
TOPICS = ["kafkasql-journal", "kafkasql-snapshots", "registry-events"]


class Registry:
    """A running registry. It ends with this process at the latest, and with the thread that started it."""

    def __init__(self, bootstrap):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = SchemaRegistryClient({"url": self.url + API, "max.retries": 0})
        settings = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": self.port,
            "quarkus.log.level": "WARN",
            "apicurio.storage.kind": "kafkasql",
            "apicurio.kafkasql.bootstrap.servers": bootstrap,
            # How long it looks for more records before it takes the topic as read.
            "apicurio.kafkasql.consumer.poll.timeout": 500,
            # Deletion is refused unless it is allowed.
            "apicurio.rest.deletion.artifact.enabled": "true",
            "apicurio.rest.deletion.artifact-version.enabled": "true",
        }
        jar = next((HERE / "target/registry").glob("apicurio-registry-app-*-runner.jar"))
        options = ["-Xmx300m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *(f"-D{k}={v}" for k, v in settings.items())]
        self.process = subprocess.Popen(
            ["java", *options, "-jar", jar],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
            preexec_fn=functools.partial(ctypes.CDLL(None).prctl, PR_SET_PDEATHSIG, signal.SIGKILL),
        )
        wait_until(self.is_up, "the registry", START_SECONDS)

    def is_up(self):
        if self.process.poll() is not None:
            raise Mismatch(f"the registry ended with code {self.process.returncode}")
        try:
            self.request("GET", "/health/ready")
        except OSError:
            time.sleep(0.1)
            return False
        return True

    def request(self, method, path, body=None):
        """The status and the body of an answer; an error status raises HTTPError, which is an OSError."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.loads(response.read() or b"null")

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(20)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def avro(name, *fields):
    return Schema(json.dumps({"type": "record", "name": name, "fields": list(fields)}), "AVRO")


def field(name, kind, **more):
    return {"name": name, "type": kind, **more}


ID = field("id", "int")
USER_1 = avro("User", ID, field("name", "string"))
USER_2 = avro("User", ID, field("name", "string"), field("mail", ["null", "string"], default=None))
USER_BAD = avro("User", ID, field("name", "int"))
PLACE = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Place",
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
PLACE_1 = Schema(json.dumps(PLACE), "JSON")
PLACE_BAD = Schema(json.dumps(PLACE | {"properties": {"city": {"type": "integer"}}}), "JSON")


def answer(call, *args, **kwargs):
    """What a call gave, or the registry's error."""
    try:
        return call(*args, **kwargs)
    except SchemaRegistryError as error:
        return f"HTTP {error.http_status_code}, code {error.error_code}"


def registered(found):
    return (found.subject, found.version, found.schema_id, found.schema.schema_type, found.schema.schema_str)


def register(seen, what, subject, schema):
    seen.saw(f"register {what}", answer(the_registry.client.register_schema, subject, schema))


@scenario("avro-versions")
def avro_versions(seen):
    client, subject = the_registry.client, "users-value"
    seen.saw("compatibility", answer(client.set_compatibility, subject, "BACKWARD"))
    register(seen, "the first version", subject, USER_1)
    register(seen, "the same again", subject, USER_1)
    seen.saw("is the second version compatible", answer(client.test_compatibility, subject, USER_2))
    seen.saw("is a bad one compatible", answer(client.test_compatibility, subject, USER_BAD))
    register(seen, "the bad one", subject, USER_BAD)
    register(seen, "the second version", subject, USER_2)
    seen.saw("versions", client.get_versions(subject))
    for version in client.get_versions(subject):
        seen.saw(f"version {version}", registered(client.get_version(subject, version)))
    seen.saw("the latest", registered(client.get_latest_version(subject)))
    seen.saw("looked up", registered(client.lookup_schema(subject, USER_1)))
    seen.saw("looked up in vain", answer(client.lookup_schema, subject, avro("User", ID)))
    seen.saw("a version that is not", answer(client.get_version, subject, 99))
    seen.saw("a subject that is not", answer(client.get_versions, "nobody-value"))
    register(seen, "the same schema for another subject", "people-value", USER_1)
    seen.saw("by the id of the first", client.get_schema(1).schema_str)
    seen.saw("by an id that is not", answer(client.get_schema, 9999))
    register(seen, "no schema at all", subject, Schema("{not json", "AVRO"))
    register(seen, "a type that is none", subject, avro("Other", field("x", "colour")))


@scenario("compatibility")
def compatibility(seen):
    client, subject = the_registry.client, "strict-value"
    seen.saw("everywhere", client.get_compatibility())
    register(seen, "the first version", subject, USER_1)
    tries = {"with a new field": USER_2, "with another type": USER_BAD, "with less": avro("User", ID)}
    for level in ["NONE", "FULL", "FORWARD", "BACKWARD_TRANSITIVE"]:
        seen.saw(f"set {level}", answer(client.set_compatibility, subject, level))
        seen.saw(f"{level}: get", answer(client.get_compatibility, subject))
        for what, schema in tries.items():
            seen.saw(f"{level}: {what}", answer(client.test_compatibility, subject, schema))
    seen.saw("set everywhere", answer(client.set_compatibility, level="FULL"))
    seen.saw("then everywhere", client.get_compatibility())


@scenario("json-versions")
def json_versions(seen):
    client, subject = the_registry.client, "places-value"
    register(seen, "the first version", subject, PLACE_1)
    seen.saw("compatibility", answer(client.set_compatibility, subject, "FULL"))
    seen.saw("is a bad one compatible", answer(client.test_compatibility, subject, PLACE_BAD))
    register(seen, "the bad one", subject, PLACE_BAD)
    seen.saw("the latest", registered(client.get_latest_version(subject)))
    register(seen, "no schema at all", subject, Schema("[", "JSON"))


@scenario("references")
def references(seen):
    client = the_registry.client
    register(seen, "what is referred to", "address", avro("Address", field("street", "string")))
    version = client.get_latest_version("address").version
    refers = avro("Customer", ID, field("address", "Address"))
    with_reference = Schema(refers.schema_str, "AVRO", [SchemaReference("Address", "address", version)])
    register(seen, "what refers", "customers-value", with_reference)
    found = client.get_latest_version("customers-value").schema.references
    seen.saw("references", [(r.name, r.subject, r.version) for r in found])
    missing = Schema(refers.schema_str, "AVRO", [SchemaReference("Address", "nowhere", 1)])
    register(seen, "what refers to nothing", "lost-value", missing)


@scenario("deletion")
def deletion(seen):
    client, subject = the_registry.client, "doomed-value"
    schemas = [avro("Doomed", *(field(f"f{i}", "int", default=i) for i in range(count))) for count in (1, 2, 3)]
    for number, schema in enumerate(schemas):
        register(seen, f"version {number + 1}", subject, schema)
    seen.saw("delete a version", answer(client.delete_version, subject, 2))
    seen.saw("delete it again", answer(client.delete_version, subject, 2))
    seen.saw("versions", answer(client.get_versions, subject))
    seen.saw("the deleted version", answer(client.get_version, subject, 2))
    seen.saw("delete it for good", answer(client.delete_version, subject, 2, permanent=True))
    seen.saw("delete the subject", answer(client.delete_subject, subject))
    seen.saw("its versions", answer(client.get_versions, subject))
    seen.saw("is it listed", subject in client.get_subjects())
    seen.saw("is it listed with the deleted", subject in client.get_subjects(deleted=True))
    seen.saw("delete the subject for good", answer(client.delete_subject, subject, permanent=True))
    seen.saw("delete what is not", answer(client.delete_subject, "nobody-value"))


def create_topic(seen, name):
    # Named, because a client that is collected fails the futures that it gave.
    client = AdminClient({"bootstrap.servers": seen.bootstrap})
    client.create_topics([NewTopic(name, 1, 1)])[name].result()


def produce(seen, topic, serializer, values):
    create_topic(seen, topic)
    producer = Producer({"bootstrap.servers": seen.bootstrap, "linger.ms": 5})
    context = SerializationContext(topic, MessageField.VALUE)
    for value in values:
        data = serializer(value, context)
        # A zero, the schema's id in four bytes, and the value.
        seen.saw("on the wire", data)
        producer.produce(topic, data, partition=0, timestamp=harness.EPOCH_MS)
    if producer.flush(20):
        raise Mismatch("not everything was delivered")


def consume(seen, topic, count):
    reader = Consumer({"bootstrap.servers": seen.bootstrap, "group.id": "unused", "enable.auto.commit": False})
    reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    values = []

    def enough():
        message = reader.poll(0.1)
        if message is not None and not message.error():
            values.append(message.value())
        return len(values) == count

    wait_until(enough, f"{count} records")
    reader.close()
    return values


def show_values(seen, what, topic, deserializer, count):
    context = SerializationContext(topic, MessageField.VALUE)
    for i, value in enumerate(consume(seen, topic, count)):
        seen.saw(f"{what} {i}", deserializer(value, context))


@scenario("avro-records")
def avro_records(seen):
    client, topic = the_registry.client, "avro-records"
    serializer = AvroSerializer(client, USER_1.schema_str)
    people = [{"id": 1, "name": "Ann"}, {"id": -7, "name": "Zoë ☃"}]
    produce(seen, topic, serializer, people)
    show_values(seen, "as written", topic, AvroDeserializer(client), 2)
    show_values(seen, "as the newer schema says", topic, AvroDeserializer(client, USER_2.schema_str), 2)
    seen.saw("registered by the serializer", client.get_versions(f"{topic}-value"))
    context = SerializationContext(topic, MessageField.VALUE)
    seen.saw("a value that does not fit", type(error_of(serializer, {"id": "one"}, context)).__name__)
    seen.saw("bytes of no schema", type(error_of(AvroDeserializer(client), b"plain text", context)).__name__)
    strict = AvroSerializer(client, avro("Never").schema_str, conf={"auto.register.schemas": False})
    seen.saw("a schema that may not be registered", answer(strict, {}, SerializationContext("never", MessageField.VALUE)))


@scenario("json-records")
def json_records(seen):
    client, topic = the_registry.client, "json-records"
    serializer = JSONSerializer(PLACE_1.schema_str, client)
    produce(seen, topic, serializer, [{"city": "Köln", "people": 1_000_000}, {"city": "Bonn"}])
    show_values(seen, "read", topic, JSONDeserializer(PLACE_1.schema_str, schema_registry_client=client), 2)
    error = error_of(serializer, {"people": 5}, SerializationContext(topic, MessageField.VALUE))
    seen.holds("a value that does not fit is refused", isinstance(error, SerializationError))


def everything(registry):
    """All that a registry knows, by what it answers."""
    client = registry.client
    known = {"compatibility": client.get_compatibility(), "subjects": sorted(client.get_subjects())}
    for subject in known["subjects"]:
        known[f"{subject} compatibility"] = answer(client.get_compatibility, subject)
        for version in client.get_versions(subject):
            found = client.get_version(subject, version)
            known[f"{subject} {version}"] = (found.schema_id, found.schema.schema_type, found.schema.schema_str)
            known[f"id {found.schema_id}"] = client.get_schema(found.schema_id).schema_str
    return known


@scenario("another-one")
def another_one(seen):
    """A second registry on the same topics knows what the first one knows, and learns what it learns."""
    other = Registry(seen.bootstrap)
    seen.holds("knows the same", everything(other) == everything(the_registry))
    register(seen, "at the first", "shared-value", avro("Shared", ID))
    latest = functools.partial(answer, other.client.get_versions, "shared-value")
    wait_until(lambda: latest() == [1] or time.sleep(0.05), "the second registry")
    next_version = avro("Shared", ID, field("more", "int", default=0))
    seen.saw("register at the second", answer(other.client.register_schema, "shared-value", next_version))
    wait_until(lambda: the_registry.client.get_versions("shared-value") == [1, 2] or time.sleep(0.05), "the first registry")
    seen.holds("know the same", everything(other) == everything(the_registry))
    other.end(signal.SIGKILL)


@scenario("restart")
def restart(seen):
    """What was registered is still there when the registry is gone and another one has read the topics."""
    before = everything(the_registry)
    seen.saw("before", before)
    the_registry.end()
    again = Registry(seen.bootstrap)
    seen.holds("the same as before", everything(again) == before)
    seen.saw("the same schema has its id", answer(again.client.register_schema, "users-value", USER_2))
    newest = avro("User", ID, field("name", "string"), field("age", ["null", "int"], default=None))
    seen.saw("a new one", answer(again.client.register_schema, "new-value", newest))
    # Only the registry can tell what the records' numbers mean.
    show_values(seen, "records from before", "avro-records", AvroDeserializer(again.client), 2)
    client = AdminClient({"bootstrap.servers": seen.bootstrap})
    for topic in TOPICS:
        seen.saw(f"partitions of {topic}", len(client.list_topics(topic, timeout=10).topics[topic].partitions))
    again.end()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        # Here, because it ends with the thread that started it.
        assert threading.current_thread() is threading.main_thread()
        the_registry = Registry(sys.argv[1])
    harness.main(scenario)

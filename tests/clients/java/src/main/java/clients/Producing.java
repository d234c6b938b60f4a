package clients;

import static clients.Show.utf8;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.TimestampType;

/** The producer's settings and limits. */
final class Producing {
    /** The longest value that fits: `message.max.bytes` (1048588) less the batch header and the one record's own fields. */
    private static final int LARGEST_VALUE = 1_048_516;

    private Producing() {}

    static void addTo(Map<String, Main.Scenario> all) {
        for (String acks : List.of("0", "1", "all")) {
            all.put("acks-" + acks, scene -> acks(scene, acks));
        }
        all.put("idempotent", Producing::idempotent);
        all.put("producers-at-once", Producing::atOnce);
        all.put("partitioner", Producing::partitioner);
        all.put("big", Producing::big);
        all.put("large", Producing::large);
        all.put("split", Producing::split);
        all.put("refused", Producing::refused);
        all.put("auto-create", Producing::autoCreate);
        all.put("recreate", Producing::recreate);
    }

    private static void acks(Scene scene, String acks) throws Exception {
        String topic = scene.topic("topic", 1);
        List<ProducerRecord<byte[], byte[]>> records = numbered(topic, 0, 20);
        boolean idempotent = acks.equals("all");
        try (var producer = scene.producer("acks", acks, "enable.idempotence", Boolean.toString(idempotent))) {
            List<Long> offsets = new ArrayList<>();
            List<Long> expected = new ArrayList<>();
            for (int i = 0; i < records.size(); i++) {
                offsets.add(producer.send(records.get(i)).get().offset());
                expected.add(acks.equals("0") ? -1L : i);
            }
            scene.expect("offsets that produce reports", expected, offsets);
        }
        scene.say("values", Show.values(scene.readBack(new TopicPartition(topic, 0), records)));
        if (acks.equals("0")) {
            unanswered(scene);
        }
    }

    /** Many records in flight that nobody answers, which then are all there. */
    private static void unanswered(Scene scene) throws Exception {
        String topic = scene.topic("many", 1);
        List<ProducerRecord<byte[], byte[]>> records = numbered(topic, 0, 2000);
        try (var producer = scene.producer("acks", "0", "enable.idempotence", "false", "batch.size", "1000")) {
            scene.sendAll(producer, records);
        }
        scene.say("records compared", scene.readBack(new TopicPartition(topic, 0), records).size());
    }

    private static List<ProducerRecord<byte[], byte[]>> numbered(String topic, int partition, int count) {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            records.add(new ProducerRecord<>(topic, partition, utf8("key " + i), utf8("value " + i)));
        }
        return records;
    }

    private static void idempotent(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        List<ProducerRecord<byte[], byte[]>> first = numbered(topic, 0, 5000);
        List<ProducerRecord<byte[], byte[]>> second = numbered(topic, 1, 5000);
        List<ProducerRecord<byte[], byte[]>> both = new ArrayList<>();
        for (int i = 0; i < first.size(); i++) {
            both.add(first.get(i));
            both.add(second.get(i));
        }
        // Small batches without a delay keep five requests in flight.
        Object[] settings = {"enable.idempotence", "true", "max.in.flight.requests.per.connection", "5", "batch.size", "500", "linger.ms", "0"};
        try (var producer = scene.producer(settings)) {
            List<RecordMetadata> results = scene.sendAll(producer, both);
            for (int i = 0; i < both.size(); i++) {
                scene.same("offset of record " + i, (long) (i / 2), results.get(i).offset());
            }
            scene.say("produced in order", results.size());
        }
        for (int partition = 0; partition < 2; partition++) {
            int size = scene.readBack(new TopicPartition(topic, partition), partition == 0 ? first : second).size();
            scene.say("records compared in partition " + partition, size);
        }
        // A second producer has an id of its own and starts its own sequence behind the first one's records.
        try (var producer = scene.producer(settings)) {
            scene.expect("offset of a second producer's record", 5000L, producer.send(new ProducerRecord<>(topic, 0, null, utf8("x"))).get().offset());
        }
    }

    /** Five producers write into one partition: each one's records stay in order, and no offset is given twice. */
    private static void atOnce(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        List<KafkaProducer<byte[], byte[]>> producers = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            producers.add(scene.producer("batch.size", "500"));
        }
        Map<Long, String> sent = new TreeMap<>();
        List<Future<RecordMetadata>> futures = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            for (int number = 0; number < producers.size(); number++) {
                byte[] value = utf8("producer " + number + " record " + i);
                futures.add(producers.get(number).send(new ProducerRecord<>(topic, 0, null, value)));
            }
        }
        for (int i = 0; i < futures.size(); i++) {
            sent.put(futures.get(i).get().offset(), "producer " + i % producers.size() + " record " + i / producers.size());
        }
        scene.expect("different offsets", 2500, sent.size());
        int[] next = new int[producers.size()];
        try (var consumer = scene.unmanagedConsumer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            for (ConsumerRecord<byte[], byte[]> record : scene.read(consumer, 2500)) {
                String value = new String(record.value());
                scene.same("value at offset " + record.offset(), sent.get(record.offset()), value);
                int number = value.charAt("producer ".length()) - '0';
                scene.same("order of producer " + number, "producer " + number + " record " + next[number]++, value);
            }
        }
        scene.say("records compared of each producer", List.of(next[0], next[1], next[2], next[3], next[4]));
    }

    /** More than any one response may hold, read with the default limits. */
    private static void large(Scene scene) throws Exception {
        String topic = scene.topic("topic", 3);
        List<List<ProducerRecord<byte[], byte[]>>> sent = new ArrayList<>();
        try (var producer = scene.producer()) {
            for (int partition = 0; partition < 3; partition++) {
                List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
                for (int i = 0; i < 10; i++) {
                    records.add(new ProducerRecord<>(topic, partition, null, RoundTrip.noise(100 * partition + i, 900_000)));
                }
                scene.sendAll(producer, records);
                sent.add(records);
            }
        }
        try (var consumer = scene.unmanagedConsumer("group.id", scene.name)) {
            consumer.subscribe(List.of(topic));
            long[] next = new long[3];
            for (ConsumerRecord<byte[], byte[]> record : scene.read(consumer, 30)) {
                int partition = record.partition();
                long offset = next[partition]++;
                scene.sameRecord(sent.get(partition).get((int) offset), new TopicPartition(topic, partition), offset, record);
            }
            scene.say("records compared", next[0] + next[1] + next[2]);
        }
    }

    private static void partitioner(Scene scene) throws Exception {
        String topic = scene.topic("topic", 3);
        Map<Integer, List<String>> keys = new TreeMap<>();
        try (var producer = scene.producer("linger.ms", "20")) {
            List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
            for (int i = 0; i < 30; i++) {
                records.add(new ProducerRecord<>(topic, utf8("key" + i), utf8("value" + i)));
            }
            List<RecordMetadata> results = scene.sendAll(producer, records);
            for (int i = 0; i < records.size(); i++) {
                keys.computeIfAbsent(results.get(i).partition(), none -> new ArrayList<>()).add("key" + i);
            }
        }
        keys.forEach((partition, list) -> scene.say("keys of partition " + partition, list));
        Map<Integer, List<String>> read = new TreeMap<>();
        try (var consumer = scene.unmanagedConsumer("group.id", scene.name)) {
            consumer.subscribe(List.of(topic));
            for (ConsumerRecord<byte[], byte[]> record : scene.read(consumer, 30)) {
                read.computeIfAbsent(record.partition(), none -> new ArrayList<>()).add(new String(record.key()));
            }
        }
        scene.same("keys read", keys, read);
    }

    private static void big(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        List<ProducerRecord<byte[], byte[]>> fitting = List.of(new ProducerRecord<>(topic, 0, null, RoundTrip.noise(5, LARGEST_VALUE)));
        try (var producer = scene.producer("max.request.size", "4000000", "buffer.memory", "33554432")) {
            scene.expect("offset of the largest", 0L, scene.sendAll(producer, fitting).get(0).offset());
            for (int size : List.of(LARGEST_VALUE + 1, 3_000_000)) {
                scene.sayError("value of " + size + " bytes", () -> producer.send(new ProducerRecord<>(topic, 0, null, new byte[size])).get());
            }
            // Compression makes the batch small enough.
            try (var zipped = scene.producer("max.request.size", "4000000", "compression.type", "gzip")) {
                scene.expect("offset of 3000000 zeros in gzip", 1L, zipped.send(new ProducerRecord<>(topic, 0, null, new byte[3_000_000])).get().offset());
            }
        }
        try (var consumer = scene.unmanagedConsumer()) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            List<ConsumerRecord<byte[], byte[]>> records = scene.read(consumer, 2);
            scene.sameRecord(fitting.get(0), partition, 0, records.get(0));
            scene.same("zeros", new byte[3_000_000], records.get(1).value());
            scene.say("values", Show.values(records));
        }
        String small = scene.topic("small", 1, "max.message.bytes", "1000");
        try (var producer = scene.producer()) {
            scene.expect("offset of 900 bytes where 1000 is the limit", 0L, producer.send(new ProducerRecord<>(small, 0, null, new byte[900])).get().offset());
            scene.sayError("1000 bytes where 1000 is the limit", () -> producer.send(new ProducerRecord<>(small, 0, null, new byte[1000])).get());
        }
    }

    /** The producer splits a batch that the broker finds too large, when it is of several records. */
    private static void split(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1, "max.message.bytes", "20000");
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            records.add(new ProducerRecord<>(topic, 0, null, RoundTrip.noise(i, 1500)));
        }
        try (var producer = scene.producer("batch.size", "60000", "linger.ms", "300")) {
            // Kafka takes any first sequence number of a producer that it does not know. Were the too large batch the first one,
            // the batch behind it would be taken in its place, and the parts of the split one never.
            scene.sendAll(producer, records.subList(0, 1));
            scene.sendAll(producer, records.subList(1, records.size()));
        }
        scene.say("records compared", scene.readBack(new TopicPartition(topic, 0), records).size());
    }

    private static void refused(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        String compacted = scene.topic("compacted", 1, "cleanup.policy", "compact");
        long future = System.currentTimeMillis() + Duration.ofDays(2).toMillis();
        try (var producer = scene.producer("max.block.ms", "1000")) {
            scene.sayError("a partition that is not there", () -> producer.send(new ProducerRecord<>(topic, 7, null, utf8("v"))).get());
            for (String name : List.of("bad name", "", ".", "..", "ö")) {
                scene.sayError("topic name \"" + name + '"', () -> producer.send(new ProducerRecord<>(name, utf8("v"))).get());
            }
            scene.sayErrorClass("topic name of 250 letters", () -> producer.send(new ProducerRecord<>("x".repeat(250), utf8("v"))).get());
            scene.sayErrorClass("a timestamp two days ahead", () -> producer.send(new ProducerRecord<>(topic, 0, future, null, utf8("v"))).get());
            scene.sayError("no key in a compacted topic", () -> producer.send(new ProducerRecord<>(compacted, 0, null, utf8("v"))).get());
            scene.expect("offset of a record with a key in a compacted topic", 0L, producer.send(new ProducerRecord<>(compacted, 0, utf8("k"), utf8("v"))).get().offset());
            scene.expect("offset of a tombstone in a compacted topic", 1L, producer.send(new ProducerRecord<>(compacted, 0, utf8("k"), null)).get().offset());
            scene.expect("offset after all the refused", 0L, producer.send(new ProducerRecord<>(topic, 0, null, utf8("v"))).get().offset());
        }
    }

    private static void autoCreate(Scene scene) throws Exception {
        String topic = scene.name + "-produced";
        List<ProducerRecord<byte[], byte[]>> records = numbered(topic, 0, 3);
        try (var producer = scene.producer()) {
            scene.expect("partitions for the producer", 1, producer.partitionsFor(topic).size());
            scene.expect("offset of the last record", 2L, scene.sendAll(producer, records).get(2).offset());
        }
        scene.say("values", Show.values(scene.readBack(new TopicPartition(topic, 0), records)));

        try (var consumer = scene.unmanagedConsumer("allow.auto.create.topics", "false", "default.api.timeout.ms", "1000")) {
            scene.sayError("partitions of a topic that must not be created", () -> consumer.partitionsFor(scene.name + "-absent"));
            scene.sayError("position in a topic that must not be created", () -> {
                TopicPartition absent = new TopicPartition(scene.name + "-absent", 0);
                consumer.assign(List.of(absent));
                return consumer.position(absent);
            });
        }
        String consumed = scene.name + "-consumed";
        try (var consumer = scene.unmanagedConsumer("group.id", scene.name, "metadata.max.age.ms", "300")) {
            consumer.subscribe(List.of(consumed));
            scene.await("the subscription creates the topic and assigns it", () -> {
                consumer.poll(Scene.SHORT);
                return !consumer.assignment().isEmpty();
            });
            scene.say("assignment of who subscribed to an absent topic", consumer.assignment());
        }
        List<String> names = scene.admin().listTopics().names().get().stream().filter(name -> name.startsWith(scene.name)).sorted().toList();
        scene.expect("topics", List.of(consumed, topic), names);
    }

    /** A producer and a consumer that go on while their topic is deleted and created again. */
    private static void recreate(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        // The new topic is the shorter one, so that the old position is out of its range.
        try (var producer = scene.producer("metadata.max.age.ms", "500"); var consumer = scene.unmanagedConsumer("metadata.max.age.ms", "500")) {
            for (int i = 0; i < 5; i++) {
                scene.expect("offset before " + i, (long) i, producer.send(new ProducerRecord<>(topic, 0, null, utf8("old " + i))).get().offset());
            }
            consumer.assign(List.of(partition));
            scene.say("values before", Show.values(scene.read(consumer, 5)));
            scene.admin().deleteTopics(List.of(topic)).all().get();
            scene.await("the topic can be created again", () -> {
                try {
                    scene.topic("topic", 1);
                    return true;
                } catch (java.util.concurrent.ExecutionException stillThere) {
                    return false;
                }
            });
            for (int i = 0; i < 2; i++) {
                scene.expect("offset after " + i, (long) i, producer.send(new ProducerRecord<>(topic, 0, null, utf8("new " + i))).get().offset());
            }
            List<ConsumerRecord<byte[], byte[]>> records = scene.read(consumer, 2);
            scene.expect("values after", "[\"new 0\", \"new 1\"]", Show.values(records));
            scene.same("timestamp type", TimestampType.CREATE_TIME, records.get(0).timestampType());
        }
    }
}

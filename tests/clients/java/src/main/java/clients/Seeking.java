package clients;

import static clients.Show.utf8;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** To an offset and to a time. */
final class Seeking {
    private static final long TIME = 1_700_000_000_000L;

    private Seeking() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("seek-offset", Seeking::offset);
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            all.put("seek-time-" + codec, scene -> time(scene, codec));
        }
        all.put("list-offsets", Seeking::listOffsets);
    }

    private static void offset(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        scene.fill(topic, 0, "v", 10);
        try (var consumer = scene.unmanagedConsumer()) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            scene.expect("position at the beginning", 0L, consumer.position(partition));
            scene.say("from the beginning", Show.values(scene.read(consumer, 10)));
            consumer.seek(partition, 6);
            scene.say("from 6", Show.values(scene.read(consumer, 4)));
            consumer.seekToEnd(List.of(partition));
            scene.expect("position at the end", 10L, consumer.position(partition));
            scene.expect("at the end", 0, consumer.poll(Duration.ofMillis(200)).count());
            scene.fill(topic, 0, "later", 1);
            scene.expect("what came later", "[\"later 0\"]", Show.values(scene.read(consumer, 1)));
            consumer.seek(partition, 9);
            scene.expect("from 9", "[\"v 9\", \"later 0\"]", Show.values(scene.read(consumer, 2)));
        }
        outOfRange(scene, partition);
    }

    private static void outOfRange(Scene scene, TopicPartition partition) throws Exception {
        try (var consumer = scene.unmanagedConsumer("auto.offset.reset", "earliest")) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 1000);
            scene.expect("earliest resets to", "offset 0", "offset " + scene.read(consumer, 1).get(0).offset());
        }
        try (var consumer = scene.unmanagedConsumer("auto.offset.reset", "latest")) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 1000);
            scene.await("the position is reset", () -> {
                scene.same("records", 0, consumer.poll(Scene.SHORT).count());
                return consumer.position(partition) != 1000;
            });
            scene.expect("latest resets to", 11L, consumer.position(partition));
        }
        try (var consumer = scene.unmanagedConsumer("auto.offset.reset", "none")) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 1000);
            scene.sayErrorClass("none throws", () -> scene.read(consumer, 1).get(0).offset());
        }
        try (var consumer = scene.unmanagedConsumer("auto.offset.reset", "none", "group.id", scene.name)) {
            consumer.assign(List.of(partition));
            scene.sayError("none and nothing committed throws", () -> scene.read(consumer, 1).get(0).offset());
        }
        // A reset to a time of the past takes the first record from then on.
        try (var consumer = scene.unmanagedConsumer("auto.offset.reset", "by_duration:P1D", "group.id", scene.name)) {
            consumer.assign(List.of(partition));
            scene.expect("by_duration starts at", 0L, scene.read(consumer, 1).get(0).offset());
        }
    }

    /** Record i of partition p has the timestamp TIME + 100 * i + p, all of a partition's records in few batches. */
    private static void time(Scene scene, String codec) throws Exception {
        String topic = scene.topic("topic", 3);
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int partition = 0; partition < 2; partition++) {
            for (int i = 0; i < 50; i++) {
                records.add(new ProducerRecord<>(topic, partition, TIME + 100L * i + partition, null, utf8("v" + i)));
            }
        }
        try (var producer = scene.producer("compression.type", codec, "linger.ms", "200")) {
            scene.sendAll(producer, records);
        }
        try (var consumer = scene.unmanagedConsumer()) {
            Map<String, Long> times = new TreeMap<>();
            times.put("before the first", TIME - 1000);
            times.put("the first", TIME);
            times.put("between", TIME + 1750);
            times.put("exact", TIME + 1700);
            times.put("just after one", TIME + 1701);
            times.put("the last", TIME + 4900);
            times.put("after the last", TIME + 1_000_000);
            times.put("the epoch", 0L);
            for (Map.Entry<String, Long> entry : times.entrySet()) {
                scene.say(entry.getKey(), lookUp(scene, consumer, topic, entry.getValue()));
            }
            // What the lookup finds is where reading starts.
            TopicPartition second = new TopicPartition(topic, 1);
            consumer.assign(List.of(second));
            consumer.seek(second, consumer.offsetsForTimes(Map.of(second, TIME + 2050)).get(second).offset());
            ConsumerRecord<byte[], byte[]> record = scene.read(consumer, 1).get(0);
            scene.expect("reading from there", "offset 21 \"v21\" " + (TIME + 2101), "offset " + record.offset() + " " + Show.bytes(record.value()) + " " + record.timestamp());
        }
        notSorted(scene, codec);
    }

    private static String lookUp(Scene scene, org.apache.kafka.clients.consumer.KafkaConsumer<byte[], byte[]> consumer, String topic, long time) {
        Map<TopicPartition, Long> question = new java.util.HashMap<>();
        for (int partition = 0; partition < 3; partition++) {
            question.put(new TopicPartition(topic, partition), time);
        }
        Map<TopicPartition, OffsetAndTimestamp> answer = consumer.offsetsForTimes(question);
        List<String> lines = new ArrayList<>();
        for (int partition = 0; partition < 3; partition++) {
            OffsetAndTimestamp found = answer.get(new TopicPartition(topic, partition));
            lines.add(found == null ? "none" : found.offset() + " at " + found.timestamp() + " epoch " + found.leaderEpoch().orElse(-1));
            long expected = expectedOffset(partition, time);
            scene.same("offset for " + time + " in partition " + partition, expected, found == null ? -1L : found.offset());
        }
        return lines.toString();
    }

    private static long expectedOffset(int partition, long time) {
        if (partition == 2) {
            return -1;
        }
        for (int i = 0; i < 50; i++) {
            if (TIME + 100L * i + partition >= time) {
                return i;
            }
        }
        return -1;
    }

    /** Timestamps that go up and down: the first record that is not earlier, in offset order. */
    private static void notSorted(Scene scene, String codec) throws Exception {
        String topic = scene.topic("unsorted", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        long[] offsets = {50, 10, 90, 30, 70, 90, 20};
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (long time : offsets) {
            records.add(new ProducerRecord<>(topic, 0, TIME + time, null, utf8("v")));
        }
        try (var producer = scene.producer("compression.type", codec, "linger.ms", "200")) {
            scene.sendAll(producer, records);
        }
        try (var consumer = scene.unmanagedConsumer()) {
            for (long time : new long[] {0, 51, 60, 90, 91}) {
                OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, TIME + time)).get(partition);
                scene.say("unsorted, from " + time, found == null ? "none" : found.offset() + " at " + (found.timestamp() - TIME));
            }
        }
        ListOffsetsResult.ListOffsetsResultInfo max = scene.admin().listOffsets(Map.of(partition, OffsetSpec.maxTimestamp())).all().get().get(partition);
        scene.say("unsorted, largest", max.offset() + " at " + (max.timestamp() - TIME));
    }

    private static void listOffsets(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            records.add(new ProducerRecord<>(topic, 0, TIME + i * 10L, null, utf8("v" + i)));
        }
        try (var producer = scene.producer("linger.ms", "100")) {
            scene.sendAll(producer, records);
        }
        Map<String, OffsetSpec> specs = new TreeMap<>();
        specs.put("earliest", OffsetSpec.earliest());
        specs.put("latest", OffsetSpec.latest());
        specs.put("largest timestamp", OffsetSpec.maxTimestamp());
        specs.put("for a timestamp", OffsetSpec.forTimestamp(TIME + 35));
        specs.put("for a timestamp after all", OffsetSpec.forTimestamp(TIME + 1000));
        specs.put("earliest local", OffsetSpec.earliestLocal());
        specs.put("latest tiered", OffsetSpec.latestTiered());
        for (Map.Entry<String, OffsetSpec> spec : specs.entrySet()) {
            for (int partition = 0; partition < 2; partition++) {
                TopicPartition key = new TopicPartition(topic, partition);
                scene.say(spec.getKey() + (partition == 0 ? "" : ", empty partition"), describe(scene, key, spec.getValue()));
            }
        }
        TopicPartition absent = new TopicPartition(topic, 5);
        scene.sayErrorClass("a partition that is not there", () -> scene.admin()
                .listOffsets(Map.of(absent, OffsetSpec.latest()), new org.apache.kafka.clients.admin.ListOffsetsOptions().timeoutMs(1000))
                .all().get());
    }

    private static String describe(Scene scene, TopicPartition partition, OffsetSpec spec) {
        try {
            ListOffsetsResult.ListOffsetsResultInfo info = scene.admin().listOffsets(Map.of(partition, spec)).all().get().get(partition);
            return "offset " + info.offset() + " timestamp " + info.timestamp() + " epoch " + info.leaderEpoch().orElse(-1);
        } catch (Exception error) {
            return Show.error(error);
        }
    }
}

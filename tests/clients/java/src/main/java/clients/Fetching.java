package clients;

import static clients.Show.utf8;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** How the consumer is handed records: waiting, limits, many partitions, metadata. */
final class Fetching {
    private Fetching() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("long-poll", Fetching::longPoll);
        all.put("fetch-limits", Fetching::limits);
        all.put("many-partitions", Fetching::manyPartitions);
        all.put("pause-resume", Fetching::pauseResume);
        all.put("read-committed", Fetching::readCommitted);
        all.put("consumer-metadata", Fetching::metadata);
        all.put("pattern", Fetching::pattern);
    }

    private static void longPoll(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        KafkaConsumer<byte[], byte[]> consumer = patient(scene, "fetch.max.wait.ms", "5000");
        try (var producer = scene.producer()) {
            consumer.assign(List.of(partition));
            long start = System.nanoTime();
            scene.expect("records of an empty topic", 0, consumer.poll(Duration.ofMillis(1000)).count());
            long empty = millisSince(start);
            scene.expect("an empty poll of 1000 ms returns in time", true, empty >= 990 && empty < 1600);
            for (int i = 0; i < 3; i++) {
                int number = i;
                long[] sent = new long[1];
                Thread thread = new Thread(() -> {
                    sleep(500);
                    sent[0] = System.nanoTime();
                    producer.send(new ProducerRecord<>(topic, 0, null, utf8("record " + number)));
                    producer.flush();
                });
                thread.start();
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofSeconds(5));
                long waited = millisSince(sent[0]);
                thread.join();
                List<ConsumerRecord<byte[], byte[]>> list = new ArrayList<>();
                records.forEach(list::add);
                scene.expect("waiting poll " + i + " sees", "[\"record " + i + "\"]", Show.values(list));
                if (waited >= 400) {
                    throw new AssertionError("the record was seen after " + waited + " ms only");
                }
            }
            scene.say("seen at once", true);
        }
        minBytes(scene);
    }

    /** A consumer whose last fetch waits for long is closed without waiting for it. */
    private static KafkaConsumer<byte[], byte[]> patient(Scene scene, Object... settings) {
        KafkaConsumer<byte[], byte[]> consumer = scene.unmanagedConsumer(settings);
        scene.onClose(() -> consumer.close(CloseOptions.timeout(Duration.ZERO)));
        return consumer;
    }

    /** With fetch.min.bytes a fetch waits for as many bytes, but no longer than its wait. */
    private static void minBytes(Scene scene) throws Exception {
        String topic = scene.topic("min-bytes", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        scene.fill(topic, 0, "small", 1);
        try (var consumer = scene.unmanagedConsumer("fetch.max.wait.ms", "1000", "fetch.min.bytes", "100000")) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 0);
            long start = System.nanoTime();
            List<ConsumerRecord<byte[], byte[]>> records = scene.read(consumer, 1);
            long waited = millisSince(start);
            scene.expect("a fetch that never gets its minimum returns", "[\"small 0\"]", Show.values(records));
            scene.expect("after its wait", true, waited >= 900 && waited < 2500);
        }
        KafkaConsumer<byte[], byte[]> woken = patient(scene, "fetch.max.wait.ms", "10000", "fetch.min.bytes", "2000");
        try (var producer = scene.producer()) {
            woken.assign(List.of(partition));
            woken.seek(partition, 1);
            long start = System.nanoTime();
            Thread thread = new Thread(() -> {
                for (int i = 0; i < 3; i++) {
                    producer.send(new ProducerRecord<>(topic, 0, null, new byte[900]));
                    producer.flush();
                    sleep(200);
                }
            });
            thread.start();
            int count = scene.read(woken, 3).size();
            scene.expect("a fetch of 2000 bytes is woken by the third record of 900", 3, count);
            scene.expect("before its wait is over", true, millisSince(start) < 2500);
            thread.join();
        }
    }

    private static long millisSince(long start) {
        return (System.nanoTime() - start) / 1_000_000;
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static void limits(Scene scene) throws Exception {
        String topic = scene.topic("topic", 3);
        List<List<ProducerRecord<byte[], byte[]>>> sent = new ArrayList<>();
        try (var producer = scene.producer("batch.size", "0")) {
            for (int partition = 0; partition < 3; partition++) {
                List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
                for (int i = 0; i < 20; i++) {
                    records.add(new ProducerRecord<>(topic, partition, null, RoundTrip.noise(i, 3000 + 100 * partition)));
                }
                scene.sendAll(producer, records);
                sent.add(records);
            }
        }
        // Every record is larger than the limits, and still one at a time gets through.
        Map<String, Object[]> limits = new java.util.TreeMap<>();
        limits.put("max.partition.fetch.bytes 1", new Object[] {"max.partition.fetch.bytes", "1"});
        limits.put("fetch.max.bytes 1", new Object[] {"fetch.max.bytes", "1"});
        limits.put("fetch.max.bytes 10000", new Object[] {"fetch.max.bytes", "10000", "max.partition.fetch.bytes", "4000"});
        limits.put("max.poll.records 7", new Object[] {"max.poll.records", "7"});
        for (Map.Entry<String, Object[]> limit : limits.entrySet()) {
            try (var consumer = scene.unmanagedConsumer(limit.getValue())) {
                assignAll(consumer, topic, 3);
                List<ConsumerRecord<byte[], byte[]>> records = scene.read(consumer, 60);
                int[] next = new int[3];
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    int partition = record.partition();
                    int offset = next[partition]++;
                    scene.sameRecord(sent.get(partition).get(offset), new TopicPartition(topic, partition), offset, record);
                }
                scene.say(limit.getKey() + ", records compared", records.size());
            }
        }
    }

    private static List<TopicPartition> assignAll(KafkaConsumer<byte[], byte[]> consumer, String topic, int partitions) {
        List<TopicPartition> list = new ArrayList<>();
        for (int partition = 0; partition < partitions; partition++) {
            list.add(new TopicPartition(topic, partition));
        }
        consumer.assign(list);
        consumer.seekToBeginning(list);
        return list;
    }

    /** One fetch session over many partitions of several topics, of which few have anything new at a time. */
    private static void manyPartitions(Scene scene) throws Exception {
        List<String> topics = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            topics.add(scene.topic("topic-" + i, 20));
        }
        try (var producer = scene.producer("linger.ms", "0"); var consumer = scene.unmanagedConsumer("group.id", scene.name)) {
            consumer.subscribe(topics);
            Map<TopicPartition, Long> next = new HashMap<>();
            int compared = 0;
            for (int round = 0; round < 30; round++) {
                Map<TopicPartition, ProducerRecord<byte[], byte[]>> sent = new HashMap<>();
                for (int i = 0; i < 4; i++) {
                    TopicPartition partition = new TopicPartition(topics.get((round + i) % 5), (round * 7 + i * 3) % 20);
                    sent.put(partition, new ProducerRecord<>(partition.topic(), partition.partition(), null, utf8(round + "/" + i)));
                }
                scene.sendAll(producer, List.copyOf(sent.values()));
                for (ConsumerRecord<byte[], byte[]> record : scene.read(consumer, sent.size())) {
                    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                    long offset = next.merge(partition, 1L, Long::sum) - 1;
                    scene.sameRecord(sent.remove(partition), partition, offset, record);
                    compared++;
                }
            }
            scene.say("partitions", consumer.assignment().size());
            scene.say("records compared", compared);
        }
    }

    private static void pauseResume(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        scene.fill(topic, 0, "first", 5);
        scene.fill(topic, 1, "second", 5);
        try (var consumer = scene.unmanagedConsumer("max.poll.records", "100")) {
            List<TopicPartition> both = assignAll(consumer, topic, 2);
            consumer.pause(List.of(both.get(1)));
            scene.say("while the second is paused", Show.values(scene.read(consumer, 5)));
            scene.expect("nothing more", 0, consumer.poll(Duration.ofMillis(300)).count());
            consumer.resume(List.of(both.get(1)));
            scene.say("after it was resumed", Show.values(scene.read(consumer, 5)));
            consumer.assign(List.of(both.get(1)));
            consumer.seekToBeginning(List.of(both.get(1)));
            scene.say("assigned alone", Show.values(scene.read(consumer, 5)));
        }
    }

    private static void readCommitted(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        scene.fill(topic, 0, "v", 5);
        try (var consumer = scene.unmanagedConsumer("isolation.level", "read_committed")) {
            consumer.assign(List.of(partition));
            scene.say("values", Show.values(scene.read(consumer, 5)));
            scene.expect("end offset", 5L, consumer.endOffsets(List.of(partition)).get(partition));
        }
    }

    private static void metadata(Scene scene) throws Exception {
        String topic = scene.topic("topic", 3);
        scene.fill(topic, 1, "v", 4);
        try (var consumer = scene.unmanagedConsumer()) {
            List<TopicPartition> all = assignAll(consumer, topic, 3);
            consumer.partitionsFor(topic).stream().sorted((a, b) -> a.partition() - b.partition()).forEach(info ->
                    scene.say("partition " + info.partition(), info.replicas().length + " replica, " + info.inSyncReplicas().length
                            + " in sync, " + info.offlineReplicas().length + " offline, leader on " + info.leader().host()));
            scene.expect("listed with partitions", 3, consumer.listTopics().get(topic).size());
            scene.expect("beginnings", "{0=0, 1=0, 2=0}", byPartition(consumer.beginningOffsets(all)));
            scene.expect("ends", "{0=0, 1=4, 2=0}", byPartition(consumer.endOffsets(all)));
        }
    }

    private static String byPartition(Map<TopicPartition, Long> offsets) {
        Map<Integer, Long> sorted = new java.util.TreeMap<>();
        offsets.forEach((partition, offset) -> sorted.put(partition.partition(), offset));
        return sorted.toString();
    }

    private static void pattern(Scene scene) throws Exception {
        scene.fill(scene.topic("match-1", 1), 0, "one", 1);
        scene.fill(scene.topic("other", 1), 0, "other", 1);
        Object[] settings = {"group.id", scene.name, "metadata.max.age.ms", "200", "heartbeat.interval.ms", "200"};
        try (var consumer = scene.unmanagedConsumer(settings)) {
            consumer.subscribe(Pattern.compile(scene.name + "-match-.*"));
            scene.say("values of the first topic", Show.values(scene.read(consumer, 1)));
            scene.fill(scene.topic("match-2", 1), 0, "two", 1);
            scene.say("values of a topic that came later", Show.values(scene.read(consumer, 1)));
            scene.say("subscription", consumer.subscription().stream().sorted().toList());
        }
    }
}

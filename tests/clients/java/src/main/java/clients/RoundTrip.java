package clients;

import static clients.Show.utf8;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeader;

/** What is sent comes back: every part of a record, every compression, both kinds of timestamp. */
final class RoundTrip {
    private static final long TIME = 1_700_000_000_000L;

    private RoundTrip() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("round-trip", RoundTrip::everyPart);
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            all.put("compression-" + codec, scene -> compressed(scene, codec));
        }
        all.put("log-append-time", RoundTrip::logAppendTime);
    }

    private static void everyPart(Scene scene) throws Exception {
        String one = scene.topic("one", 1);
        List<ProducerRecord<byte[], byte[]>> records = variety(one, 0);
        try (var producer = scene.producer("linger.ms", "0")) {
            for (int i = 0; i < records.size(); i++) {
                sameMetadata(scene, records.get(i), one, i, producer.send(records.get(i)).get());
            }
        }
        show(scene, "record", scene.readBack(new TopicPartition(one, 0), records));

        String three = scene.topic("three", 3);
        List<ProducerRecord<byte[], byte[]>> spread = new ArrayList<>();
        for (int partition = 0; partition < 3; partition++) {
            spread.addAll(variety(three, partition));
        }
        try (var producer = scene.producer("linger.ms", "100")) {
            List<RecordMetadata> results = scene.sendAll(producer, spread);
            for (int i = 0; i < spread.size(); i++) {
                sameMetadata(scene, spread.get(i), three, i % records.size(), results.get(i));
            }
        }
        for (int partition = 0; partition < 3; partition++) {
            List<ProducerRecord<byte[], byte[]>> sent = spread.subList(partition * records.size(), (partition + 1) * records.size());
            show(scene, "partition " + partition + " record", scene.readBack(new TopicPartition(three, partition), sent));
        }
    }

    private static List<ProducerRecord<byte[], byte[]>> variety(String topic, int partition) {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        records.add(new ProducerRecord<>(topic, partition, TIME, utf8("k0"), utf8("v0")));
        records.add(new ProducerRecord<>(topic, partition, TIME + 1, null, utf8("no key")));
        records.add(new ProducerRecord<>(topic, partition, TIME + 2, utf8(""), utf8("")));
        records.add(new ProducerRecord<>(topic, partition, TIME + 3, utf8("tombstone"), (byte[]) null));
        records.add(new ProducerRecord<>(topic, partition, TIME + 4, null, (byte[]) null));
        records.add(new ProducerRecord<>(topic, partition, 0L, utf8("epoch"), utf8("timestamp 0")));
        records.add(new ProducerRecord<>(topic, partition, TIME - 5, utf8("k-back"), utf8("earlier than the one before")));
        records.add(new ProducerRecord<>(topic, partition, TIME + 6, utf8("ключ-ö-鍵"), utf8("значение 値 \uD83D\uDC1F")));
        records.add(new ProducerRecord<>(topic, partition, TIME + 7, new byte[] {0, -1, -128, 127}, new byte[] {-1, -2, 0, 1}));
        records.add(new ProducerRecord<>(topic, partition, null, utf8("now"), utf8("without a timestamp")));
        records.add(new ProducerRecord<>(topic, partition, TIME + 8, utf8("long"), noise(1, 20_000)));
        ProducerRecord<byte[], byte[]> headed = new ProducerRecord<>(topic, partition, TIME + 9, utf8("headers"), utf8("v"));
        Headers headers = headed.headers();
        headers.add(new RecordHeader("h", utf8("first")));
        headers.add(new RecordHeader("h", utf8("second")));
        headers.add(new RecordHeader("empty", new byte[0]));
        headers.add(new RecordHeader("null", (byte[]) null));
        headers.add(new RecordHeader("", utf8("empty name")));
        headers.add(new RecordHeader("имя", utf8("величина")));
        headers.add(new RecordHeader("long", noise(2, 300)));
        records.add(headed);
        return records;
    }

    private static void sameMetadata(Scene scene, ProducerRecord<byte[], byte[]> sent, String topic, long offset, RecordMetadata result) {
        String what = "metadata of record " + offset + ": ";
        scene.same(what + "topic", topic, result.topic());
        scene.same(what + "partition", sent.partition(), result.partition());
        scene.same(what + "offset", offset, result.offset());
        scene.same(what + "timestamp", true, sent.timestamp() == null ? Show.isRecent(result.timestamp()) : sent.timestamp() == result.timestamp());
    }

    private static void show(Scene scene, String what, List<ConsumerRecord<byte[], byte[]>> records) {
        for (ConsumerRecord<byte[], byte[]> record : records) {
            scene.say(what + " " + record.offset(), Show.record(record));
        }
    }

    private static void compressed(Scene scene, String codec) throws Exception {
        String topic = scene.topic("topic", 1);
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
            // Half of each value is words, so that compression has something to do, and half is noise.
            int size = 100 + (i * 37) % 4000;
            byte[] value = noise(i, size);
            byte[] words = utf8("the quick brown fox jumps over the lazy dog ".repeat(size / 88 + 1));
            System.arraycopy(words, 0, value, 0, size / 2);
            records.add(new ProducerRecord<>(topic, 0, TIME + i, i % 3 == 0 ? null : utf8("key " + i), value));
        }
        try (var producer = scene.producer("compression.type", codec, "linger.ms", "200", "batch.size", "100000")) {
            List<RecordMetadata> results = scene.sendAll(producer, records);
            for (int i = 0; i < records.size(); i++) {
                sameMetadata(scene, records.get(i), topic, i, results.get(i));
            }
        }
        List<ConsumerRecord<byte[], byte[]>> back = scene.readBack(new TopicPartition(topic, 0), records);
        long size = back.stream().mapToLong(ConsumerRecord::serializedValueSize).sum();
        scene.say("records compared", back.size() + " with values of " + size + " bytes");
        scene.say("last record", Show.record(back.get(back.size() - 1)));
        // A consumer that starts in the middle of a compressed batch is given the records from there only.
        try (var consumer = scene.unmanagedConsumer()) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seek(partition, 7);
            scene.expect("first record from offset 7", Show.record(back.get(7)), Show.record(scene.read(consumer, 1).get(0)));
        }
    }

    /** Bytes that differ from seed to seed and are the same in every run. */
    static byte[] noise(int seed, int size) {
        byte[] bytes = new byte[size];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    private static void logAppendTime(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1, "message.timestamp.type", "LogAppendTime");
        try (var producer = scene.producer("linger.ms", "50", "compression.type", "gzip")) {
            List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                records.add(new ProducerRecord<>(topic, 0, TIME + i, null, utf8("v" + i)));
            }
            for (RecordMetadata result : scene.sendAll(producer, records)) {
                scene.expect("produce reports offset " + result.offset() + " with a recent timestamp", true, Show.isRecent(result.timestamp()));
            }
        }
        try (var consumer = scene.unmanagedConsumer()) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            show(scene, "record", scene.read(consumer, 3));
            scene.expect("offset for the first record's own timestamp", 0L, consumer.offsetsForTimes(Map.of(partition, TIME)).get(partition).offset());
        }
    }
}

package clients;

import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** What a scenario works with: the transcript, comparisons, and clients that are closed at its end. */
final class Scene {
    static final Duration SHORT = Duration.ofMillis(50);
    static final long PATIENCE_MS = 20_000;

    final String name;
    final String bootstrap;
    private final PrintStream out;
    private final Deque<AutoCloseable> open = new ArrayDeque<>();
    private Admin admin;

    Scene(String name, String bootstrap, PrintStream out) {
        this.name = name;
        this.bootstrap = bootstrap;
        this.out = out;
    }

    void close() {
        while (!open.isEmpty()) {
            try {
                open.pop().close();
            } catch (Exception error) {
                System.err.println(name + ": closing: " + Show.error(error));
            }
        }
    }

    // ---- transcript and comparisons ----

    void say(String what, Object value) {
        out.println(name + ": " + what + " = " + value);
    }

    /** Compares without a line in the transcript. */
    void same(String what, Object expected, Object actual) {
        if (!Objects.deepEquals(expected, actual)) {
            throw new AssertionError(what + ": expected " + text(expected) + ", got " + text(actual));
        }
    }

    /** Compares, and shows in either case what came. */
    void expect(String what, Object expected, Object actual) {
        say(what, text(actual));
        same(what, expected, actual);
    }

    void sayError(String what, Callable<?> call) {
        say(what, Show.errorOf(call));
    }

    void sayErrorClass(String what, Callable<?> call) {
        say(what, Show.errorClassOf(call));
    }

    private static String text(Object value) {
        return value instanceof byte[] bytes ? Show.bytes(bytes) : String.valueOf(value);
    }

    /** Waits until a condition holds, and fails with a sentence when it never does. */
    void await(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        while (!condition.call()) {
            if (System.currentTimeMillis() > deadline) {
                throw new AssertionError("waited in vain until " + what);
            }
            Thread.sleep(20);
        }
    }

    // ---- clients ----

    private Properties properties(Object[] settings) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        for (int i = 0; i < settings.length; i += 2) {
            properties.put(settings[i], settings[i + 1]);
        }
        return properties;
    }

    Admin admin() {
        if (admin == null) {
            admin = adminWith("default.api.timeout.ms", "20000", "request.timeout.ms", "15000");
        }
        return admin;
    }

    /** One more administrator, with settings of its own. */
    Admin adminWith(Object... settings) {
        return opened(properties(settings));
    }

    /** An administrator who takes the broker for a controller. */
    Admin controllerAdmin(Object... settings) {
        Properties properties = properties(settings);
        properties.put("bootstrap.controllers", properties.remove("bootstrap.servers"));
        return opened(properties);
    }

    private Admin opened(Properties properties) {
        Admin opened = AdminMethods.noted(Admin.create(properties));
        open.push(() -> opened.close(Duration.ofSeconds(1)));
        return opened;
    }

    KafkaProducer<byte[], byte[]> producer(Object... settings) {
        Properties properties = properties(settings);
        properties.putIfAbsent("delivery.timeout.ms", "20000");
        properties.putIfAbsent("request.timeout.ms", "10000");
        var producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
        open.push(() -> producer.close(Duration.ofSeconds(1)));
        return producer;
    }

    KafkaConsumer<byte[], byte[]> consumer(Object... settings) {
        var consumer = unmanagedConsumer(settings);
        open.push(() -> consumer.close(CloseOptions.timeout(Duration.ofSeconds(2))));
        return consumer;
    }

    /** A consumer that whoever asked for it closes. */
    KafkaConsumer<byte[], byte[]> unmanagedConsumer(Object... settings) {
        Properties properties = properties(settings);
        properties.putIfAbsent("group.protocol", "classic");
        properties.putIfAbsent("auto.offset.reset", "earliest");
        // Closing a consumer waits for its fetch; short waits make that quick.
        properties.putIfAbsent("fetch.max.wait.ms", "100");
        return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    void onClose(AutoCloseable closeable) {
        open.push(closeable);
    }

    // ---- topics and records ----

    /** Creates a topic that bears the scenario's name, so that scenarios do not meet. */
    String topic(String suffix, int partitions, String... configs) throws Exception {
        String topic = name + "-" + suffix;
        Map<String, String> map = new HashMap<>();
        for (int i = 0; i < configs.length; i += 2) {
            map.put(configs[i], configs[i + 1]);
        }
        admin().createTopics(List.of(new NewTopic(topic, Optional.of(partitions), Optional.empty()).configs(map))).all().get();
        awaitLeaders(topic, partitions);
        return topic;
    }

    /**
     * Kafka answers for a topic's creation a moment before its partitions can be written. An idempotent producer with several
     * requests in flight that comes in between may be refused its first batch and granted its second one, and then it is stuck.
     */
    void awaitLeaders(String topic, int partitions) throws Exception {
        Map<TopicPartition, OffsetSpec> question = new HashMap<>();
        for (int partition = 0; partition < partitions; partition++) {
            question.put(new TopicPartition(topic, partition), OffsetSpec.latest());
        }
        await(topic + " can be used", () -> {
            try {
                admin().listOffsets(question).all().get();
                return true;
            } catch (ExecutionException notYet) {
                return false;
            }
        });
    }

    List<RecordMetadata> sendAll(KafkaProducer<byte[], byte[]> producer, List<ProducerRecord<byte[], byte[]>> records) throws Exception {
        List<Future<RecordMetadata>> futures = new ArrayList<>();
        for (ProducerRecord<byte[], byte[]> record : records) {
            futures.add(producer.send(record));
        }
        producer.flush();
        List<RecordMetadata> results = new ArrayList<>();
        for (Future<RecordMetadata> future : futures) {
            results.add(future.get());
        }
        return results;
    }

    /** Values `PREFIX 0` up, into one partition, in one go. */
    List<RecordMetadata> fill(String topic, int partition, String prefix, int count) throws Exception {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            records.add(new ProducerRecord<>(topic, partition, null, Show.utf8(prefix + " " + i)));
        }
        try (var producer = producer("linger.ms", "50")) {
            return sendAll(producer, records);
        }
    }

    List<ConsumerRecord<byte[], byte[]>> read(KafkaConsumer<byte[], byte[]> consumer, int count) {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        while (records.size() < count) {
            consumer.poll(SHORT).forEach(records::add);
            if (System.currentTimeMillis() > deadline) {
                throw new AssertionError("expected " + count + " records, got " + records.size() + ": " + Show.values(records));
            }
        }
        return records;
    }

    /** Reads what was sent to one partition from its first offset, and compares every part of every record. */
    List<ConsumerRecord<byte[], byte[]>> readBack(TopicPartition partition, List<ProducerRecord<byte[], byte[]>> sent, Object... settings) {
        try (var consumer = unmanagedConsumer(settings)) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            List<ConsumerRecord<byte[], byte[]>> records = read(consumer, sent.size());
            same("number of records", sent.size(), records.size());
            for (int i = 0; i < sent.size(); i++) {
                sameRecord(sent.get(i), partition, i, records.get(i));
            }
            same("position at the end", (long) sent.size(), consumer.position(partition));
            same("end offset", (long) sent.size(), consumer.endOffsets(List.of(partition)).get(partition));
            return records;
        }
    }

    void sameRecord(ProducerRecord<byte[], byte[]> sent, TopicPartition partition, long offset, ConsumerRecord<byte[], byte[]> got) {
        String what = "record " + offset + " of " + partition + ": ";
        same(what + "topic", partition.topic(), got.topic());
        same(what + "partition", partition.partition(), got.partition());
        same(what + "offset", offset, got.offset());
        same(what + "key", sent.key(), got.key());
        same(what + "value", sent.value(), got.value());
        Header[] headers = sent.headers().toArray();
        same(what + "headers", Arrays.asList(headers), Arrays.asList(got.headers().toArray()));
        same(what + "leader epoch", Optional.of(0), got.leaderEpoch());
        if (sent.timestamp() != null) {
            same(what + "timestamp", sent.timestamp(), got.timestamp());
        } else {
            same(what + "timestamp recent", true, Show.isRecent(got.timestamp()));
        }
    }
}

package streams;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StateRestoreListener;

/** One scenario: applications, the records that go in and come out, and the transcript. */
final class Scene implements AutoCloseable {
    /**
     * When the first record that is sent was made, in milliseconds; each further one is a second later. Next to a marker of a
     * transaction, which is of now, a record of long ago would begin a new segment, and compaction come sooner. It is a whole
     * minute, so that windows begin as far from it in each run.
     */
    static final long FIRST_TIMESTAMP = System.currentTimeMillis() / 60_000 * 60_000 - 60_000;
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(20);

    enum Guarantee {
        /** Offsets are committed behind the records' results. */
        AT_LEAST_ONCE(StreamsConfig.AT_LEAST_ONCE),
        /** Offsets, stores and results are written in transactions. */
        EXACTLY_ONCE(StreamsConfig.EXACTLY_ONCE_V2);

        final String setting;

        Guarantee(String setting) {
            this.setting = setting;
        }
    }

    enum Store {
        /** Gone with the instance, so each start restores it. */
        IN_MEMORY,
        /** In files, which are gone only when they are deleted. */
        ROCKS_DB
    }

    private final String name;
    private final String bootstrap;
    private final PrintStream transcript;
    private final List<AutoCloseable> opened = new ArrayList<>();
    private final List<Path> folders = new ArrayList<>();
    private long sent;

    Scene(String name, String bootstrap, PrintStream transcript) {
        this.name = name;
        this.bootstrap = bootstrap;
        this.transcript = transcript;
    }

    String name() {
        return name;
    }

    void say(String what, Object value) {
        transcript.println(name + ": " + what + " = " + value);
    }

    void equal(String what, Object expected, Object seen) {
        if (!expected.equals(seen)) {
            throw new AssertionError("expected: " + what + " is " + expected + "; seen: " + seen);
        }
    }

    /** Topics and applications of scenarios do not meet. */
    String own(String suffix) {
        return name + "-" + suffix;
    }

    Admin admin() {
        return opened(Admin.create(Map.of("bootstrap.servers", bootstrap)));
    }

    void createTopic(String suffix, int partitions) throws Exception {
        admin().createTopics(List.of(new NewTopic(own(suffix), partitions, (short) 1))).all().get();
    }

    /** Sends `key=value` records, a second apart in their own time, each when the one before it is stored. */
    void send(String suffix, String... records) throws Exception {
        try (KafkaProducer<String, String> producer =
            new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap), new StringSerializer(), new StringSerializer())) {
            for (String record : records) {
                int at = record.indexOf('=');
                String value = record.substring(at + 1);
                producer.send(new ProducerRecord<>(own(suffix), null, FIRST_TIMESTAMP + 1000 * sent++, record.substring(0, at),
                    value.equals("null") ? null : value)).get();
            }
        }
    }

    Path folder() throws IOException {
        Path folder = Files.createTempDirectory("kafka-streams");
        folders.add(folder);
        return folder;
    }

    /** An application that runs. Its id is the scenario's, its state is in the folder. */
    KafkaStreams start(Topology topology, Guarantee guarantee, Path folder) throws Exception {
        return start(topology, guarantee, folder, null);
    }

    KafkaStreams start(Topology topology, Guarantee guarantee, Path folder, StateRestoreListener listener) throws Exception {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, own("app"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, folder.toString());
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee.setting);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        // Each update of a table comes out, not only the last before a commit.
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        KafkaStreams streams = new KafkaStreams(topology, settings);
        opened.add(() -> streams.close(CLOSE_LIMIT));
        if (listener != null) {
            streams.setGlobalStateRestoreListener(listener);
        }
        streams.start();
        until("the application runs", () -> streams.state() == KafkaStreams.State.RUNNING);
        return streams;
    }

    void until(String what, BooleanSupplier holds) throws InterruptedException {
        while (!holds.getAsBoolean()) {
            Thread.sleep(20);
        }
        System.err.println(name + ": " + what);
    }

    /** Reads a topic from its begin, as one who waits for transactions to end, until there are so many records. */
    <V> List<ConsumerRecord<String, V>> read(String suffix, Deserializer<V> values, int count) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest",
            "isolation.level", "read_committed", "enable.auto.commit", "false");
        List<ConsumerRecord<String, V>> records = new ArrayList<>();
        try (KafkaConsumer<String, V> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), values)) {
            List<TopicPartition> partitions = consumer.partitionsFor(own(suffix)).stream()
                .map(info -> new TopicPartition(info.topic(), info.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (records.size() < count) {
                consumer.poll(Duration.ofMillis(200)).forEach(records::add);
            }
            // None too many, either.
            consumer.poll(Duration.ofMillis(300)).forEach(records::add);
        }
        records.sort(Comparator.comparing((ConsumerRecord<String, V> record) -> record.key())
            .thenComparing(ConsumerRecord::partition).thenComparing(ConsumerRecord::offset));
        equal("the number of records in " + own(suffix), count, records.size());
        return records;
    }

    /** Shows records, those of a key in their order. */
    <V> void show(String suffix, List<ConsumerRecord<String, V>> records) {
        for (ConsumerRecord<String, V> record : records) {
            say(suffix, record.key() + " -> " + record.value() + " at +" + (record.timestamp() - FIRST_TIMESTAMP));
        }
    }

    /** Shows the topics that the application made for itself, with what it set for them. */
    void showInternalTopics() throws Exception {
        Admin admin = admin();
        List<String> topics = admin.listTopics().names().get().stream().filter(topic -> topic.startsWith(own("app-"))).sorted().toList();
        Map<String, TopicDescription> described = admin.describeTopics(topics).allTopicNames().get();
        for (String topic : topics) {
            say("internal topic", topic + " with " + described.get(topic).partitions().size() + " partitions");
            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
            Map<String, String> set = new TreeMap<>();
            admin.describeConfigs(List.of(resource)).all().get().get(resource).entries().stream()
                .filter(entry -> entry.source() == org.apache.kafka.clients.admin.ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG)
                .forEach(entry -> set.put(entry.name(), entry.value()));
            say("internal topic", topic + " has " + set);
        }
    }

    /** Waits until the broker describes the application's group so. */
    void untilGroup(Predicate<org.apache.kafka.clients.admin.ConsumerGroupDescription> holds) throws Exception {
        Admin admin = admin();
        while (!holds.test(admin.describeConsumerGroups(List.of(own("app"))).all().get().get(own("app")))) {
            Thread.sleep(20);
        }
    }

    <T extends AutoCloseable> T opened(T closeable) {
        opened.add(closeable);
        return closeable;
    }

    static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }

    @Override
    public void close() {
        Collections.reverse(opened);
        for (AutoCloseable closeable : opened) {
            try {
                closeable.close();
            } catch (Exception late) {
                System.err.println(name + ": when closing: " + late);
            }
        }
        for (Path folder : folders) {
            try {
                delete(folder);
            } catch (IOException stays) {
                System.err.println(name + ": " + folder + " stays: " + stays);
            }
        }
    }
}

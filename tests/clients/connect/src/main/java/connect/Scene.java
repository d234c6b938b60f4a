package connect;

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
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** One scenario: the processes and files that belong to it, and the transcript. */
final class Scene implements AutoCloseable {
    private static final long STOP_SECONDS = 10;

    private final String name;
    private final String bootstrap;
    private final PrintStream transcript;
    private final List<AutoCloseable> opened = new ArrayList<>();
    private final Path folder;

    Scene(String name, String bootstrap, PrintStream transcript) {
        this.name = name;
        this.bootstrap = bootstrap;
        this.transcript = transcript;
        try {
            folder = Files.createTempDirectory("kafka-connect");
        } catch (IOException refused) {
            throw new java.io.UncheckedIOException(refused);
        }
    }

    String name() {
        return name;
    }

    String bootstrap() {
        return bootstrap;
    }

    void say(String what, Object value) {
        transcript.println(name + ": " + what + " = " + value);
    }

    void equal(String what, Object expected, Object seen) {
        if (!expected.equals(seen)) {
            throw new AssertionError("expected: " + what + " is " + expected + "; seen: " + seen);
        }
    }

    /** Waits until something has the value that it is to have; a scenario's timeout ends a wait in vain. */
    <T> void until(String what, T expected, Callable<T> seen) throws Exception {
        T last = null;
        while (true) {
            T now = seen.call();
            if (expected.equals(now)) {
                return;
            }
            if (!java.util.Objects.equals(now, last)) {
                System.err.println(name + ": waits until " + what + " is " + expected + "; it is " + now);
                last = now;
            }
            Thread.sleep(50);
        }
    }

    Path file(String suffix) {
        return folder.resolve(suffix);
    }

    Path properties(String suffix, Map<String, String> settings) throws IOException {
        Properties properties = new Properties();
        properties.putAll(settings);
        Path file = file(suffix);
        try (var writer = Files.newBufferedWriter(file)) {
            properties.store(writer, null);
        }
        return file;
    }

    /** A program of Apache Kafka's, by its main class, which ends with the scenario. */
    Process java(String mainClass, Object... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-cp", System.getProperty("java.class.path"), mainClass));
        Stream.of(arguments).map(String::valueOf).forEach(command::add);
        return process(command, file(mainClass + ".out").toFile());
    }

    Process process(List<String> command, java.io.File output) throws IOException {
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT)
            .redirectOutput(output).start();
        opened.add(() -> stop(process));
        return process;
    }

    static void stop(Process process) throws InterruptedException {
        process.destroy();
        if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly();
        }
    }

    Admin admin(String bootstrap) {
        Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
        opened.add(admin);
        return admin;
    }

    /** Reads a topic from its begin until there are so many records; those of a partition are in their order. */
    List<ConsumerRecord<String, String>> read(String bootstrap, String topic, int count) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest", "enable.auto.commit", "false");
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                .map(info -> new TopicPartition(info.topic(), info.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (records.size() < count) {
                consumer.poll(Duration.ofMillis(200)).forEach(records::add);
            }
            // None too many, either.
            consumer.poll(Duration.ofMillis(300)).forEach(records::add);
        }
        records.sort(Comparator.comparing((ConsumerRecord<String, String> record) -> record.partition()).thenComparing(ConsumerRecord::offset));
        equal("the number of records in " + topic, count, records.size());
        return records;
    }

    @Override
    public void close() {
        // A scenario that took too long is interrupted, but what it started ends all the same.
        Thread.interrupted();
        Collections.reverse(opened);
        for (AutoCloseable closeable : opened) {
            try {
                closeable.close();
            } catch (Exception late) {
                System.err.println(name + ": when closing: " + late);
            }
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException stays) {
            System.err.println(name + ": " + folder + " stays: " + stays);
        }
    }
}

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Runs the scenarios that are named, or all. Every line of the transcript is something that held. */
final class Faults {
    static final int PARTITIONS = 3;
    /** Nothing that a scenario waits for takes as long as this. */
    static final Duration PATIENCE = Duration.ofSeconds(120);

    final String bootstrap;
    final long deadline;

    private Faults(String bootstrap, int seconds) {
        this.bootstrap = bootstrap;
        this.deadline = System.nanoTime() + Duration.ofSeconds(seconds).toNanos();
    }

    public static void main(String[] arguments) {
        List<String> wanted = List.of(arguments).subList(2, arguments.length);
        if (wanted.isEmpty()) {
            wanted = List.of("producers", "transactions", "groups");
        }
        try {
            for (String scenario : wanted) {
                Faults faults = new Faults(arguments[0], Integer.parseInt(arguments[1]));
                switch (scenario) {
                    case "producers" -> Producers.check(faults);
                    case "transactions" -> Transactions.check(faults);
                    case "groups" -> Groups.check(faults);
                    default -> throw new IllegalArgumentException(scenario);
                }
            }
        } catch (Throwable problem) {
            problem.printStackTrace();
            System.exit(1);
        }
        // A thread that still waits for something keeps nobody.
        System.exit(0);
    }

    boolean isOver() {
        return System.nanoTime() > deadline;
    }

    /** What all clients have in common: they lose patience soon, and try again soon and for long. */
    Properties properties(Map<String, String> more) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("request.timeout.ms", "1000");
        properties.put("default.api.timeout.ms", "120000");
        properties.put("reconnect.backoff.ms", "5");
        properties.put("reconnect.backoff.max.ms", "50");
        properties.put("retry.backoff.ms", "10");
        properties.put("retry.backoff.max.ms", "100");
        properties.putAll(more);
        return properties;
    }

    void createTopic(String name) throws Exception {
        try (Admin admin = Admin.create(properties(Map.of()))) {
            admin.createTopics(List.of(new NewTopic(name, PARTITIONS, (short) 1))).all().get();
        } catch (java.util.concurrent.ExecutionException error) {
            // The answer to the first attempt was lost.
            if (!(error.getCause() instanceof org.apache.kafka.common.errors.TopicExistsException)) {
                throw error;
            }
        }
    }

    /** All records of a topic, by partition. */
    List<List<ConsumerRecord<String, String>>> readAll(String topic, String isolation) {
        List<TopicPartition> partitions = new ArrayList<>();
        List<List<ConsumerRecord<String, String>>> records = new ArrayList<>();
        for (int partition = 0; partition < PARTITIONS; partition++) {
            partitions.add(new TopicPartition(topic, partition));
            records.add(new ArrayList<>());
        }
        Map<String, String> more = new HashMap<>(Map.of("isolation.level", isolation, "enable.auto.commit", "false"));
        more.put("auto.offset.reset", "earliest");
        try (var consumer = new KafkaConsumer<>(properties(more), new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            long begin = System.nanoTime();
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                check(System.nanoTime() - begin < PATIENCE.toNanos(), "the end of " + topic + " is never reached");
                consumer.poll(Duration.ofMillis(100)).forEach(record -> records.get(record.partition()).add(record));
            }
        }
        return records;
    }

    /** Does the same with each number on a thread of its own, and gives what comes of it. */
    static <T> List<T> together(int count, java.util.function.IntFunction<Callable<T>> work) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(count);
        try {
            List<Future<T>> futures = new ArrayList<>();
            for (int number = 0; number < count; number++) {
                futures.add(threads.submit(work.apply(number)));
            }
            List<T> results = new ArrayList<>();
            for (Future<T> future : futures) {
                results.add(future.get());
            }
            return results;
        } finally {
            threads.shutdownNow();
        }
    }

    static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }

    /** A line of the transcript. */
    static void holds(String what) {
        System.out.println(what);
    }

    /** What differs from run to run. */
    static void tell(String what) {
        System.err.println(what);
    }
}

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * The parts of the chain that use the Java client. What each does is said in exactly_once.py, which starts it:
 * `fill INPUT COUNT KEYS`, `work INPUT OUTPUT GROUP TRANSACTIONAL_ID INSTANCE SEED`, `read TOPIC`, each after the bootstrap address.
 */
final class Chain {
    private static final int RECORDS_PER_TRANSACTION = 200;
    private static final int RECORDS_PER_INPUT_TRANSACTION = 2_000;
    /** One transaction in so many is aborted though nothing is wrong with it. */
    private static final int ABORT_ONE_IN = 15;
    private static final Duration POLL = Duration.ofMillis(100);
    private static final int FENCED = 3;

    private Chain() {}

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        switch (arguments[1]) {
            case "fill" -> fill(bootstrap, arguments[2], Integer.parseInt(arguments[3]), Integer.parseInt(arguments[4]));
            case "work" -> work(bootstrap, List.of(arguments).subList(2, arguments.length));
            case "read" -> read(bootstrap, arguments[2]);
            default -> throw new IllegalArgumentException(arguments[1]);
        }
        System.exit(0);
    }

    private static KafkaProducer<String, String> producer(String bootstrap, String transactionalId) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("transactional.id", transactionalId);
        properties.put("transaction.timeout.ms", "10000");
        properties.put("linger.ms", "5");
        var producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        return producer;
    }

    private static KafkaConsumer<String, String> consumer(String bootstrap, Map<String, String> more) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("isolation.level", "read_committed");
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.putAll(more);
        return new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    }

    /** Every committed transaction is followed by one that is aborted. Prints the offset after the last record of each partition. */
    private static void fill(String bootstrap, String topic, int count, int keys) throws Exception {
        Map<Integer, Long> ends = new TreeMap<>();
        try (var producer = producer(bootstrap, topic + "-filler")) {
            for (int from = 0; from < count; from += RECORDS_PER_INPUT_TRANSACTION) {
                producer.beginTransaction();
                Map<Integer, Long> last = new HashMap<>();
                for (int i = from; i < Math.min(count, from + RECORDS_PER_INPUT_TRANSACTION); i++) {
                    producer.send(new ProducerRecord<>(topic, "key " + i % keys, Integer.toString(i)), (written, error) -> {
                        if (error == null) {
                            last.merge(written.partition(), written.offset() + 1, Math::max);
                        }
                    });
                }
                producer.commitTransaction();
                ends.putAll(last);
                producer.beginTransaction();
                for (int i = 0; i < RECORDS_PER_INPUT_TRANSACTION / 10; i++) {
                    producer.send(new ProducerRecord<>(topic, "key " + i % keys, "aborted"));
                }
                producer.flush();
                producer.abortTransaction();
            }
        }
        ends.forEach((partition, end) -> System.out.println(partition + " " + end));
    }

    private static void work(String bootstrap, List<String> arguments) {
        String input = arguments.get(0);
        String output = arguments.get(1);
        Random random = new Random(Long.parseLong(arguments.get(5)));
        Map<String, String> settings = new HashMap<>();
        settings.put("group.id", arguments.get(2));
        if (!arguments.get(4).isEmpty()) {
            settings.put("group.instance.id", arguments.get(4));
        }
        settings.put("session.timeout.ms", "6000");
        settings.put("heartbeat.interval.ms", "300");
        settings.put("max.poll.records", Integer.toString(RECORDS_PER_TRANSACTION));
        settings.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
        try (var consumer = consumer(bootstrap, settings); var producer = producer(bootstrap, arguments.get(3))) {
            consumer.subscribe(List.of(input));
            while (true) {
                ConsumerRecords<String, String> records = consumer.poll(POLL);
                if (!records.isEmpty()) {
                    transform(consumer, producer, records, output, random);
                }
            }
        } catch (ProducerFencedException | InvalidProducerEpochException fenced) {
            System.err.println("worker " + arguments.get(3) + ": " + fenced);
            System.exit(FENCED);
        }
    }

    private static void transform(KafkaConsumer<String, String> consumer, KafkaProducer<String, String> producer,
            ConsumerRecords<String, String> records, String output, Random random) {
        try {
            producer.beginTransaction();
            for (ConsumerRecord<String, String> record : records) {
                producer.send(new ProducerRecord<>(output, record.key(), "made of " + record.value()));
            }
            producer.sendOffsetsToTransaction(records.nextOffsets(), consumer.groupMetadata());
            if (random.nextInt(ABORT_ONE_IN) == 0) {
                producer.flush();
                producer.abortTransaction();
                rewind(consumer);
            } else {
                producer.commitTransaction();
            }
        } catch (ProducerFencedException | InvalidProducerEpochException fenced) {
            throw fenced;
        } catch (KafkaException error) {
            System.err.println("worker: aborts after " + error);
            producer.abortTransaction();
            rewind(consumer);
        }
    }

    /** Goes back to what counts, since what was read after it will have to be read again. */
    private static void rewind(KafkaConsumer<String, String> consumer) {
        consumer.committed(consumer.assignment()).forEach((partition, offset) -> consumer.seek(partition, offset));
    }

    /** Prints all that counts up to the end of the log, which can be read only once no transaction is open any more. */
    private static void read(String bootstrap, String topic) {
        try (var consumer = consumer(bootstrap, Map.of()); var ahead = consumer(bootstrap, Map.of("isolation.level", "read_uncommitted"))) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream().map(info -> new TopicPartition(topic, info.partition())).toList();
            Map<TopicPartition, Long> ends = ahead.endOffsets(partitions);
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            StringBuilder lines = new StringBuilder();
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                for (ConsumerRecord<String, String> record : consumer.poll(POLL)) {
                    lines.append(record.partition()).append('\t').append(record.key()).append('\t').append(record.value()).append('\n');
                }
            }
            System.out.write(lines.toString().getBytes(StandardCharsets.UTF_8), 0, lines.length());
            System.out.flush();
        }
    }
}

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/** Idempotent producers: every record is acknowledged, and is there once and in order. */
final class Producers {
    private static final String TOPIC = "java-orders";
    private static final int PRODUCERS = 4;
    /** How many records of a producer are under way at once. */
    private static final int UNDER_WAY = 200;

    private Producers() {}

    static KafkaProducer<String, String> producer(Faults faults, Map<String, String> more) {
        var properties = faults.properties(more);
        properties.put("linger.ms", "1");
        properties.put("batch.size", "300");
        properties.put("delivery.timeout.ms", "120000");
        properties.put("max.block.ms", "120000");
        return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
    }

    static void check(Faults faults) throws Exception {
        faults.createTopic(TOPIC);
        List<List<RecordMetadata>> told = Faults.together(PRODUCERS, name -> () -> write(faults, name));
        var there = faults.readAll(TOPIC, "read_uncommitted");
        int[] next = new int[PRODUCERS * Faults.PARTITIONS];
        for (var records : there) {
            long offset = 0;
            for (ConsumerRecord<String, String> record : records) {
                Faults.check(record.offset() == offset++, "offsets are contiguous: " + record);
                int name = Integer.parseInt(record.key());
                int number = Integer.parseInt(record.value());
                int stream = name * Faults.PARTITIONS + record.partition();
                int expect = next[stream]++ * Faults.PARTITIONS + record.partition();
                Faults.check(number == expect, "producer " + name + ": " + number + " where " + expect + " should be");
                RecordMetadata place = told.get(name).get(number);
                // Who is told by a later answer that his batch was there already may not be told where.
                boolean isRight = !place.hasOffset() || place.offset() == record.offset();
                Faults.check(isRight && place.partition() == record.partition(), number + " was acknowledged elsewhere");
            }
        }
        int sent = told.stream().mapToInt(List::size).sum();
        int found = there.stream().mapToInt(List::size).sum();
        Faults.check(sent == found, sent + " records were acknowledged, " + found + " are there");
        Faults.tell("producers: " + sent + " records");
        Faults.holds("producers: every record is acknowledged");
        Faults.holds("producers: what is acknowledged is there once and in order");
    }

    /** Writes, record after record, and gives where each was acknowledged. */
    private static List<RecordMetadata> write(Faults faults, int name) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        Semaphore room = new Semaphore(UNDER_WAY);
        try (var producer = producer(faults, Map.of("enable.idempotence", "true"))) {
            for (int number = 0; !faults.isOver(); number++) {
                room.acquire();
                int partition = number % Faults.PARTITIONS;
                var record = new ProducerRecord<>(TOPIC, partition, Integer.toString(name), Integer.toString(number));
                sent.add(producer.send(record, (place, error) -> room.release()));
            }
            producer.flush();
        }
        List<RecordMetadata> places = new ArrayList<>();
        for (Future<RecordMetadata> future : sent) {
            places.add(future.get());
        }
        return places;
    }
}

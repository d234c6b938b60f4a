import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Groups whose members come and go. An ownership is the time from when a member is given a partition until it is taken away. It
 * delivers records one after the other, none left out and none twice, and begins at or after whatever was committed with a good
 * answer before. So no record is in two commits that had a good answer, and all are delivered in the end.
 */
final class Groups {
    private static final int MEMBERS = 3;
    private static final int RECORDS = 10_000;
    /** How long a member lives at most before another takes its place. */
    private static final int LIFE_MS = 2_500;

    /** What all members know of a partition. */
    private static final class Progress {
        /** The end of what was committed with a good answer. */
        long committed;
        final int[] delivered = new int[RECORDS];
    }

    /** What a member knows of a partition that it owns; -1 for nothing yet. */
    private static final class Ownership {
        long next = -1;
        long uncommitted = -1;
    }

    private final Faults faults;
    private final String topic;
    private final String assignor;
    private final Progress[] progress = new Progress[Faults.PARTITIONS];
    private int members;
    /** What is wrong, if something is. */
    private AssertionError finding;

    private Groups(Faults faults, String topic, String assignor) {
        this.faults = faults;
        this.topic = topic;
        this.assignor = assignor;
        for (int partition = 0; partition < Faults.PARTITIONS; partition++) {
            progress[partition] = new Progress();
        }
    }

    static void check(Faults faults) throws Exception {
        for (String assignor : List.of("RangeAssignor", "CooperativeStickyAssignor")) {
            new Groups(faults, "java-" + assignor, assignor).run();
            Faults.holds("groups: " + assignor + ": what is committed is not delivered again");
            Faults.holds("groups: " + assignor + ": every record is delivered");
        }
    }

    private void run() throws Exception {
        faults.createTopic(topic);
        try (var producer = Producers.producer(faults, Map.of("enable.idempotence", "true"))) {
            for (int number = 0; number < RECORDS * Faults.PARTITIONS; number++) {
                producer.send(new ProducerRecord<>(topic, number % Faults.PARTITIONS, null, Integer.toString(number)));
            }
        }
        long limit = System.nanoTime() + Faults.PATIENCE.toNanos();
        Faults.together(MEMBERS, number -> () -> {
            Random random = new Random(number);
            while (!isDone()) {
                Faults.check(System.nanoTime() < limit, "never: everything is committed");
                live(LIFE_MS / 2 + random.nextInt(LIFE_MS / 2));
            }
            return null;
        });
        if (finding != null) {
            throw finding;
        }
        int again = 0;
        for (Progress part : progress) {
            for (int count : part.delivered) {
                Faults.check(count > 0, "a record is not delivered");
                again += count > 1 ? 1 : 0;
            }
        }
        Faults.tell("groups: " + assignor + ": " + members + " members, " + again + " records more than once");
    }

    private synchronized boolean isDone() {
        boolean isCommitted = true;
        for (Progress part : progress) {
            isCommitted &= part.committed == RECORDS;
        }
        return isCommitted || finding != null;
    }

    /** The life of a member. */
    private void live(int ms) {
        Map<TopicPartition, Ownership> owned = new HashMap<>();
        Map<String, String> more = Map.of(
            "group.id", topic,
            "partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor,
            "session.timeout.ms", "1500",
            "heartbeat.interval.ms", "100",
            "max.poll.interval.ms", "5000",
            "max.poll.records", "40",
            "max.partition.fetch.bytes", "4000",
            "auto.offset.reset", "earliest",
            "enable.auto.commit", "false");
        long until = System.nanoTime() + Duration.ofMillis(ms).toNanos();
        try (var consumer = new KafkaConsumer<>(faults.properties(more), new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic), listener(owned));
            while (System.nanoTime() < until && !isDone()) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(50))) {
                    take(owned, record);
                }
                commit(consumer, owned);
            }
        } catch (AssertionError problem) {
            synchronized (this) {
                finding = finding == null ? problem : finding;
            }
        } catch (KafkaException lost) {
            Faults.tell("a member ends: " + lost);
        }
        synchronized (this) {
            members++;
        }
    }

    private static ConsumerRebalanceListener listener(Map<TopicPartition, Ownership> owned) {
        return new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                partitions.forEach(partition -> owned.put(partition, new Ownership()));
            }

            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                partitions.forEach(owned::remove);
            }
        };
    }

    private synchronized void take(Map<TopicPartition, Ownership> owned, ConsumerRecord<String, String> record) {
        Ownership ownership = owned.get(new TopicPartition(topic, record.partition()));
        Faults.check(ownership != null, "a record of a partition that the member does not own: " + record);
        Progress part = progress[record.partition()];
        boolean isNext = ownership.next < 0 || record.offset() == ownership.next;
        Faults.check(isNext, "after " + ownership.next + " comes " + record);
        Faults.check(record.offset() >= part.committed, "committed up to " + part.committed + " comes again: " + record);
        ownership.next = record.offset() + 1;
        ownership.uncommitted = ownership.uncommitted < 0 ? record.offset() : ownership.uncommitted;
        part.delivered[(int) record.offset()]++;
    }

    /** Commits what was taken. Without a good answer it may or may not have happened. */
    private void commit(KafkaConsumer<String, String> consumer, Map<TopicPartition, Ownership> owned) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        Map<TopicPartition, Long> first = new HashMap<>();
        owned.forEach((partition, ownership) -> {
            if (ownership.uncommitted >= 0) {
                offsets.put(partition, new OffsetAndMetadata(ownership.next));
                first.put(partition, ownership.uncommitted);
            }
        });
        if (offsets.isEmpty()) {
            return;
        }
        try {
            consumer.commitSync(offsets);
        } catch (KafkaException lost) {
            return;
        }
        synchronized (this) {
            offsets.forEach((partition, offset) -> {
                Progress part = progress[partition.partition()];
                boolean isNew = first.get(partition) >= part.committed;
                Faults.check(isNew, first.get(partition) + " is committed again, after " + part.committed);
                part.committed = offset.offset();
                if (owned.containsKey(partition)) {
                    owned.get(partition).uncommitted = -1;
                }
            });
        }
    }
}

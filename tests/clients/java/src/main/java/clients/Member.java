package clients;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** A consumer of a group that polls in a thread of its own, as an application would. */
final class Member implements ConsumerRebalanceListener {
    final String name;
    final Queue<ConsumerRecord<byte[], byte[]>> records = new ConcurrentLinkedQueue<>();
    /** What the rebalance listener was told, as `assigned [0, 1]`. */
    final List<String> events = new CopyOnWriteArrayList<>();
    volatile Throwable error;
    private volatile Set<Integer> assignment = Set.of();
    private volatile CloseOptions leaving;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Thread thread;

    /** Joins at once. Its client id is its name, so that members sort by name where an assignor sorts them by member id. */
    Member(Scene scene, String name, String group, Collection<String> topics, Object... settings) {
        this.name = name;
        List<Object> all = new ArrayList<>(List.of("group.id", group, "client.id", name, "heartbeat.interval.ms", "100"));
        all.addAll(List.of(settings));
        consumer = scene.unmanagedConsumer(all.toArray());
        thread = new Thread(() -> loop(topics), scene.name + " " + name);
        thread.setDaemon(true);
        thread.start();
        scene.onClose(() -> stop(CloseOptions.timeout(Duration.ofSeconds(2))));
    }

    private void loop(Collection<String> topics) {
        try {
            consumer.subscribe(topics, this);
            while (leaving == null) {
                consumer.poll(Scene.SHORT).forEach(records::add);
                assignment = partitions(consumer.assignment());
            }
        } catch (Throwable problem) {
            error = problem;
        } finally {
            consumer.close(leaving == null ? CloseOptions.timeout(Duration.ofSeconds(2)) : leaving);
            assignment = Set.of();
        }
    }

    private static Set<Integer> partitions(Collection<TopicPartition> partitions) {
        Set<Integer> numbers = new TreeSet<>();
        partitions.forEach(partition -> numbers.add(partition.partition()));
        return numbers;
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        events.add("assigned " + partitions(partitions));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        events.add("revoked " + partitions(partitions));
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        events.add("lost " + partitions(partitions));
    }

    /** The numbers of the partitions that it owns; members of one group subscribe to one topic, but for where a scenario says so. */
    Set<Integer> assignment() {
        return assignment;
    }

    void leave() throws InterruptedException {
        stop(CloseOptions.timeout(Duration.ofSeconds(10)));
    }

    void stop(CloseOptions options) throws InterruptedException {
        if (leaving == null) {
            leaving = options;
        }
        thread.join();
    }

    /** Waits for the end that an error brings. */
    String awaitError(Scene scene) throws Exception {
        scene.await(name + " ends with an error", () -> error != null);
        return Show.error(error);
    }
}

package streams;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.processor.StateRestoreListener;

/** Applications that end and begin again, or get company. */
final class Restarts {
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(20);

    private Restarts() {}

    /** Counts the records from which stores are restored. */
    private static final class Restored implements StateRestoreListener {
        final AtomicLong records = new AtomicLong();

        @Override
        public void onRestoreStart(TopicPartition partition, String store, long start, long end) {
            System.err.println(partition + ": restores " + start + " to " + end);
        }

        /** A restoration may be suspended and go on, so it is the batches that tell how much there was. */
        @Override
        public void onBatchRestored(TopicPartition partition, String store, long end, long count) {
            System.err.println(partition + ": restored " + count + " up to " + end);
            records.addAndGet(count);
        }

        @Override
        public void onRestoreEnd(TopicPartition partition, String store, long count) {}
    }

    /** The second run finds its store gone and restores it from the changelog, which it then continues. */
    static void restore(Scene scene, Scene.Guarantee guarantee, Scene.Store store) throws Exception {
        scene.createTopic("lines", 2);
        scene.createTopic("counted", 1);
        Path folder = scene.folder();
        KafkaStreams first = scene.start(Topologies.counting(scene, store), guarantee, folder, null);
        scene.send("lines", "a=x y x", "b=y z", "c=x");
        scene.show("counted", scene.read("counted", new LongDeserializer(), 6));
        Map<String, Long> expected = new TreeMap<>(Map.of("x", 3L, "y", 2L, "z", 1L));
        scene.equal("the store", expected, Topologies.counts(first));
        scene.equal("the first run's end", true,
            first.close(new KafkaStreams.CloseOptions().leaveGroup(true).timeout(CLOSE_LIMIT)));
        scene.send("lines", "a=z while nobody runs");

        Restored restored = new Restored();
        KafkaStreams second = scene.start(Topologies.counting(scene, store), guarantee, scene.folder(), restored);
        scene.send("lines", "b=x z");
        expected.putAll(Map.of("x", 4L, "z", 3L, "while", 1L, "nobody", 1L, "runs", 1L));
        List<ConsumerRecord<String, Long>> counted = scene.read("counted", new LongDeserializer(), 12);
        scene.show("counted in both runs", counted);
        scene.equal("the store after the restart", expected, Topologies.counts(second));
        scene.say("store after the restart", Topologies.counts(second));
        // Whole, unless a rebalance made it begin anew.
        scene.equal("that the store was restored from the changelog", true, restored.records.get() >= 6);
        scene.say("the store was restored from the changelog", true);
        scene.showInternalTopics();
    }

    /** A second instance takes over half of the tasks, and the first one gets them back when the second one ends. */
    static void twoInstances(Scene scene) throws Exception {
        scene.createTopic("lines", 4);
        scene.createTopic("counted", 1);
        KafkaStreams first = scene.start(Topologies.counting(scene, Scene.Store.ROCKS_DB), Scene.Guarantee.EXACTLY_ONCE, scene.folder(), null);
        scene.send("lines", "a=p q", "b=q r", "c=r s", "d=s p");
        scene.read("counted", new LongDeserializer(), 8);
        KafkaStreams second = scene.start(Topologies.counting(scene, Scene.Store.ROCKS_DB), Scene.Guarantee.EXACTLY_ONCE, scene.folder(), null);
        scene.until("both work", () -> tasks(second) == 4 && tasks(first) == 4);
        scene.say("tasks of the two instances", tasks(first) + " and " + tasks(second));
        scene.send("lines", "a=p", "b=q", "c=r", "d=s");
        scene.read("counted", new LongDeserializer(), 12);
        scene.equal("the second one's end",
            true, second.close(new KafkaStreams.CloseOptions().leaveGroup(true).timeout(CLOSE_LIMIT)));
        scene.until("the first one works alone", () -> tasks(first) == 8);
        scene.say("tasks of the one that is left", tasks(first));
        scene.send("lines", "e=p q r s");
        // Several tasks count the same word at once: which line is counted first is chance, and so is the time of each count.
        List<ConsumerRecord<String, Long>> counted = scene.read("counted", new LongDeserializer(), 16);
        scene.say("counted", counted.stream().map(record -> record.key() + " -> " + record.value()).sorted().toList());
        scene.until("the store is whole", () -> Topologies.counts(first).size() == 4);
        scene.equal("the store", Map.of("p", 4L, "q", 4L, "r", 4L, "s", 4L), Topologies.counts(first));
        scene.say("store", Topologies.counts(first));
    }

    private static long tasks(KafkaStreams streams) {
        return streams.metadataForLocalThreads().stream().mapToLong(thread -> thread.activeTasks().size()).sum();
    }
}

package clients;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Offsets that a group keeps. */
final class Commits {
    private Commits() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("commit-resume", Commits::resume);
        all.put("commit-auto", Commits::automatic);
        all.put("commit-standalone", Commits::standalone);
        all.put("commit-refused", Commits::refused);
    }

    private static void resume(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        TopicPartition first = new TopicPartition(topic, 0);
        TopicPartition second = new TopicPartition(topic, 1);
        scene.fill(topic, 0, "v", 10);
        try (var consumer = manual(scene, scene.name)) {
            consumer.subscribe(List.of(topic));
            scene.say("first reader", Show.values(scene.read(consumer, 10)));
            scene.say("nothing committed yet", show(consumer, first));
            consumer.commitSync(Map.of(first, new OffsetAndMetadata(4, Optional.of(0), "закладка 4")));
            scene.say("committed with metadata", show(consumer, first));
            scene.say("the other partition", show(consumer, second));
        }
        try (var consumer = manual(scene, scene.name)) {
            consumer.subscribe(List.of(topic));
            scene.expect("second reader", "[\"v 4\", \"v 5\", \"v 6\", \"v 7\", \"v 8\", \"v 9\"]", Show.values(scene.read(consumer, 6)));
            scene.say("async", async(scene, consumer, Map.of(first, new OffsetAndMetadata(7, "async"), second, new OffsetAndMetadata(0))));
            scene.say("committed async", show(consumer, first));
            scene.say("the other partition, async", show(consumer, second));
        }
        try (var consumer = manual(scene, scene.name)) {
            consumer.subscribe(List.of(topic));
            scene.expect("third reader", "[\"v 7\", \"v 8\", \"v 9\"]", Show.values(scene.read(consumer, 3)));
            consumer.commitSync();
            scene.say("committed the position", show(consumer, first));
            consumer.commitSync(Map.of(first, new OffsetAndMetadata(2)));
            scene.say("committed backwards", show(consumer, first));
            consumer.commitSync(Map.of(first, new OffsetAndMetadata(500)));
            scene.say("committed beyond the end", show(consumer, first));
        }
        // A committed offset that is not there falls to the reset policy.
        try (var consumer = manual(scene, scene.name)) {
            consumer.subscribe(List.of(topic));
            scene.expect("fourth reader starts at", 0L, scene.read(consumer, 1).get(0).offset());
        }
        try (var consumer = manual(scene, scene.name + "-other")) {
            consumer.subscribe(List.of(topic));
            scene.expect("another group starts at", 0L, scene.read(consumer, 1).get(0).offset());
        }
    }

    private static KafkaConsumer<byte[], byte[]> manual(Scene scene, String group) {
        return scene.unmanagedConsumer("group.id", group, "enable.auto.commit", "false");
    }

    private static String show(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition) {
        OffsetAndMetadata committed = consumer.committed(Set.of(partition)).get(partition);
        if (committed == null) {
            return "none";
        }
        return "offset " + committed.offset() + " epoch " + committed.leaderEpoch().map(String::valueOf).orElse("none")
                + " metadata \"" + committed.metadata() + "\"";
    }

    private static String async(Scene scene, KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, OffsetAndMetadata> offsets) throws Exception {
        AtomicReference<String> outcome = new AtomicReference<>();
        consumer.commitAsync(offsets, (committed, error) -> outcome.set(error == null ? "committed " + committed.size() : Show.error(error)));
        scene.await("the commit calls back", () -> {
            consumer.poll(Scene.SHORT);
            return outcome.get() != null;
        });
        return outcome.get();
    }

    private static void automatic(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        scene.fill(topic, 0, "v", 6);
        try (var consumer = scene.unmanagedConsumer("group.id", scene.name, "auto.commit.interval.ms", "100")) {
            consumer.subscribe(List.of(topic));
            scene.read(consumer, 6);
            scene.await("the position is committed by itself", () -> {
                consumer.poll(Scene.SHORT);
                OffsetAndMetadata committed = consumer.committed(Set.of(partition)).get(partition);
                return committed != null && committed.offset() == 6;
            });
            scene.say("in time", show(consumer, partition));
        }
        scene.fill(topic, 0, "w", 3);
        try (var consumer = scene.unmanagedConsumer("group.id", scene.name)) {
            consumer.subscribe(List.of(topic));
            scene.expect("next reader", "[\"w 0\", \"w 1\", \"w 2\"]", Show.values(scene.read(consumer, 3)));
        }
        try (var consumer = manual(scene, scene.name)) {
            scene.say("at close", show(consumer, partition));
        }
    }

    private static void standalone(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        scene.fill(topic, 0, "v", 8);
        try (var consumer = manual(scene, scene.name)) {
            consumer.assign(List.of(partition));
            scene.read(consumer, 8);
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(5, "alone")));
            scene.say("committed", show(consumer, partition));
        }
        try (var consumer = manual(scene, scene.name)) {
            consumer.assign(List.of(partition));
            scene.expect("next reader", "[\"v 5\", \"v 6\", \"v 7\"]", Show.values(scene.read(consumer, 3)));
        }
        scene.say("described", GroupAdmin.describe(scene, scene.name));
        // A group can be joined after offsets were committed from outside, and then nobody commits from outside.
        try (var member = manual(scene, scene.name); var outsider = manual(scene, scene.name)) {
            member.subscribe(List.of(topic));
            scene.expect("a member resumes", "[\"v 5\", \"v 6\", \"v 7\"]", Show.values(scene.read(member, 3)));
            outsider.assign(List.of(partition));
            scene.sayError("an outsider's commit", () -> {
                outsider.commitSync(Map.of(partition, new OffsetAndMetadata(1)));
                return "a commit";
            });
            scene.say("still committed", show(outsider, partition));
        }
    }

    private static void refused(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        // The client tries again for as long as its calls may take, when a topic or a partition is not there.
        try (var consumer = scene.unmanagedConsumer("group.id", scene.name, "enable.auto.commit", "false", "default.api.timeout.ms", "1500")) {
            consumer.assign(List.of(partition));
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(1, "x".repeat(4096))));
            scene.expect("length of the longest metadata", 4096, consumer.committed(Set.of(partition)).get(partition).metadata().length());
            Map<String, Map<TopicPartition, OffsetAndMetadata>> bad = new TreeMap<>();
            bad.put("metadata of 4097 letters", Map.of(partition, new OffsetAndMetadata(2, "x".repeat(4097))));
            bad.put("a partition that is not there", Map.of(new TopicPartition(topic, 9), new OffsetAndMetadata(0)));
            bad.put("a topic that is not there", Map.of(new TopicPartition(scene.name + "-absent", 0), new OffsetAndMetadata(0)));
            for (Map.Entry<String, Map<TopicPartition, OffsetAndMetadata>> entry : bad.entrySet()) {
                scene.sayError(entry.getKey(), () -> {
                    consumer.commitSync(entry.getValue());
                    return "a commit";
                });
            }
            scene.expect("still committed", 1L, consumer.committed(Set.of(partition)).get(partition).offset());
        }
        removedMember(scene, topic, partition);
    }

    /** Who was removed from its group does not know it yet when it commits. */
    private static void removedMember(Scene scene, String topic, TopicPartition partition) throws Exception {
        try (var consumer = manual(scene, scene.name + "-removed")) {
            scene.fill(topic, 0, "v", 2);
            consumer.subscribe(List.of(topic));
            scene.read(consumer, 2);
            scene.admin().removeMembersFromConsumerGroup(scene.name + "-removed", new RemoveMembersFromConsumerGroupOptions()).all().get();
            scene.sayError("commit of a member that was removed", () -> {
                consumer.commitSync();
                return "a commit";
            });
            scene.say("nothing is committed", show(consumer, partition));
            scene.say("it joins again and reads", Show.values(scene.read(consumer, 2)));
            consumer.commitSync();
            scene.say("then it may commit", show(consumer, partition));
        }
    }
}

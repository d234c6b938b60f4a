package tools;

import static tools.Tool.CONSUMER_GROUPS;

import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** kafka-consumer-groups and kafka-groups. */
final class GroupTools {
    /** Rows come in the order of hash tables in the tool. */
    private static final UnaryOperator<List<String>> SORTED = lines -> lines.stream().sorted().toList();

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("groups-active", GroupTools::active);
        all.put("groups-reset", GroupTools::reset);
        all.put("groups-delete", GroupTools::delete);
        all.put("groups-refused", GroupTools::refused);
    }

    private static KafkaConsumer<String, String> consumer(Scene scene, String group) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", scene.bootstrap());
        settings.put("group.id", group);
        settings.put("client.id", "watched");
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        return scene.opened(new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer()));
    }

    private static void commit(Scene scene, String group, String topic, long... offsets) {
        Map<TopicPartition, OffsetAndMetadata> all = new HashMap<>();
        for (int partition = 0; partition < offsets.length; partition++) {
            all.put(new TopicPartition(topic, partition), new OffsetAndMetadata(offsets[partition]));
        }
        try (KafkaConsumer<String, String> consumer = consumer(scene, group)) {
            consumer.assign(all.keySet());
            consumer.commitSync(all);
        }
    }

    private static void active(Scene scene) throws Exception {
        scene.createTopic("watched-topic", 3);
        for (int partition = 0; partition < 3; partition++) {
            scene.produce("watched-topic", partition, 10);
        }
        KafkaConsumer<String, String> consumer = consumer(scene, "watched");
        consumer.subscribe(List.of("watched-topic"));
        int records = 0;
        while (records < 30) {
            records += consumer.poll(Duration.ofSeconds(1)).count();
        }
        consumer.commitSync(Map.of(
            new TopicPartition("watched-topic", 0), new OffsetAndMetadata(10),
            new TopicPartition("watched-topic", 1), new OffsetAndMetadata(3)));
        scene.ok(CONSUMER_GROUPS, "--list");
        scene.ok(CONSUMER_GROUPS, "--list", "--state");
        scene.ok(CONSUMER_GROUPS, "--list", "--type");
        scene.ok(CONSUMER_GROUPS, "--list", "--state", "Empty");
        scene.ok(CONSUMER_GROUPS, "--list", "--type", "classic");
        scene.ok(Tool.GROUPS, "--list");
        scene.ok(Tool.GROUPS, "--list", "--consumer");
        scene.ok(Tool.GROUPS, "--list", "--share");
        scene.shown(CONSUMER_GROUPS, 0, SORTED, "", "--describe", "--group", "watched");
        scene.shown(CONSUMER_GROUPS, 0, SORTED, "", "--describe", "--group", "watched", "--verbose");
        scene.ok(CONSUMER_GROUPS, "--describe", "--group", "watched", "--members");
        scene.ok(CONSUMER_GROUPS, "--describe", "--group", "watched", "--members", "--verbose");
        scene.ok(CONSUMER_GROUPS, "--describe", "--group", "watched", "--state");
        scene.ok(CONSUMER_GROUPS, "--describe", "--group", "watched", "--state", "--verbose");
        scene.ok(CONSUMER_GROUPS, "--reset-offsets", "--group", "watched", "--all-topics", "--to-earliest", "--execute");
        scene.ok(CONSUMER_GROUPS, "--delete", "--group", "watched");
        scene.ok(CONSUMER_GROUPS, "--delete-offsets", "--group", "watched", "--topic", "watched-topic");
        consumer.close();
        scene.shown(CONSUMER_GROUPS, 0, SORTED, "", "--describe", "--group", "watched");
        scene.ok(CONSUMER_GROUPS, "--describe", "--group", "watched", "--members");
        scene.ok(CONSUMER_GROUPS, "--describe", "--group", "watched", "--state");
        scene.ok(CONSUMER_GROUPS, "--list", "--state", "empty");
        scene.ok(CONSUMER_GROUPS, "--delete", "--group", "watched");
        scene.ok(CONSUMER_GROUPS, "--list");
        scene.ok(Tool.TOPICS, "--delete", "--topic", "watched-topic");
    }

    private static void reset(Scene scene) throws Exception {
        scene.createTopic("replayed", 2);
        scene.produce("replayed", 0, 10);
        scene.produce("replayed", 1, 5);
        commit(scene, "again", "replayed", 7, 5);
        for (String[] how : new String[][] {
            {"--to-earliest"}, {"--to-latest"}, {"--to-current"}, {"--to-offset", "3"}, {"--to-offset", "99"}, {"--shift-by", "-2"},
            {"--shift-by", "100"}, {"--to-datetime", "2023-11-14T22:13:23.000Z"}, {"--to-datetime", "2023-11-14T22:13:28.500+00:00"},
            {"--by-duration", "PT1H"}, {"--by-duration", "P9999D"},
        }) {
            resetTo(scene, "--all-topics", how, "--dry-run");
        }
        resetTo(scene, "--all-topics", new String[] {"--to-offset", "3"}, "--execute");
        scene.shown(CONSUMER_GROUPS, 0, SORTED, "", "--describe", "--group", "again");
        scene.shown(CONSUMER_GROUPS, 0, SORTED, "", "--reset-offsets", "--group", "again", "--topic", "replayed:1", "--to-latest", "--execute");
        List<String> exported = scene.shown(CONSUMER_GROUPS, 0, SORTED, "", "--reset-offsets", "--group", "again", "--all-topics",
            "--to-current", "--export", "--dry-run");
        scene.check("the plan", exported.containsAll(List.of("replayed,0,3", "replayed,1,5")), exported);
        String plan = scene.file("replayed,0,2\nreplayed,1,1\n");
        scene.shown(CONSUMER_GROUPS, 0, SORTED, "", "--reset-offsets", "--group", "again", "--from-file", plan, "--execute");
        scene.shown(CONSUMER_GROUPS, 0, SORTED, "", "--describe", "--group", "again");
        scene.shown(CONSUMER_GROUPS, 0, SORTED, "", "--reset-offsets", "--group", "unborn", "--topic", "replayed", "--to-latest", "--execute");
        scene.shown(CONSUMER_GROUPS, 0, SORTED, "", "--describe", "--group", "unborn");
        scene.shown(CONSUMER_GROUPS, 0, SORTED, "", "--describe", "--all-groups");
        scene.ok(CONSUMER_GROUPS, "--delete", "--group", "again", "--group", "unborn");
        scene.ok(Tool.TOPICS, "--delete", "--topic", "replayed");
    }

    private static void resetTo(Scene scene, String topics, String[] how, String mode) throws Exception {
        String[] first = {"--reset-offsets", "--group", "again", topics};
        String[] all = Arrays.copyOf(first, first.length + how.length + 1);
        System.arraycopy(how, 0, all, first.length, how.length);
        all[all.length - 1] = mode;
        scene.shown(CONSUMER_GROUPS, 0, SORTED, "", all);
    }

    private static void delete(Scene scene) throws Exception {
        scene.createTopic("kept", 2);
        scene.createTopic("dropped", 1);
        commit(scene, "forgets", "kept", 0, 0);
        commit(scene, "forgets", "dropped", 0);
        scene.ok(CONSUMER_GROUPS, "--delete-offsets", "--group", "forgets", "--topic", "dropped");
        scene.ok(CONSUMER_GROUPS, "--delete-offsets", "--group", "forgets", "--topic", "kept:1");
        scene.ok(CONSUMER_GROUPS, "--delete-offsets", "--group", "forgets", "--topic", "kept:5");
        scene.ok(CONSUMER_GROUPS, "--delete-offsets", "--group", "forgets", "--topic", "not-there");
        scene.shown(CONSUMER_GROUPS, 0, SORTED, "", "--describe", "--group", "forgets");
        scene.ok(CONSUMER_GROUPS, "--delete-offsets", "--group", "not-there", "--topic", "kept");
        scene.ok(Tool.TOPICS, "--delete", "--topic", "kept");
        scene.ok(CONSUMER_GROUPS, "--describe", "--group", "forgets", "--state");
        scene.ok(CONSUMER_GROUPS, "--delete", "--group", "forgets");
        scene.ok(CONSUMER_GROUPS, "--delete", "--group", "forgets");
        scene.ok(CONSUMER_GROUPS, "--list");
        scene.ok(Tool.TOPICS, "--delete", "--topic", "dropped");
    }

    private static void refused(Scene scene) throws Exception {
        scene.ok(CONSUMER_GROUPS, "--describe", "--group", "not-there");
        scene.ok(CONSUMER_GROUPS, "--describe", "--group", "not-there", "--members");
        scene.ok(CONSUMER_GROUPS, "--describe", "--group", "not-there", "--state");
        scene.ok(CONSUMER_GROUPS, "--reset-offsets", "--group", "not-there", "--topic", "not-there", "--to-earliest", "--dry-run");
        scene.ok(CONSUMER_GROUPS, "--delete", "--group", "not-there");
        scene.ok(CONSUMER_GROUPS, "--validate-regex", "a.*b");
        scene.ok(CONSUMER_GROUPS, "--list", "--state", "Stable,Dead");
    }
}

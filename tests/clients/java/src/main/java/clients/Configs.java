package clients;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.common.config.ConfigResource;

/** The configs of topics and of the broker. */
final class Configs {
    private static final List<String> OF_TOPICS = List.of("cleanup.policy", "compression.type", "delete.retention.ms", "max.message.bytes",
            "message.timestamp.type", "min.insync.replicas", "retention.bytes", "retention.ms", "segment.bytes", "segment.ms");
    /** Settings that nobody changes for the reference broker and that a small broker has as well. */
    private static final List<String> OF_BROKERS = List.of("auto.create.topics.enable", "default.replication.factor", "group.initial.rebalance.delay.ms",
            "group.max.session.timeout.ms", "group.min.session.timeout.ms", "log.retention.hours", "message.max.bytes", "num.partitions",
            "offset.metadata.max.bytes", "offsets.retention.minutes");

    private Configs() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("configs-topic", Configs::topic);
        all.put("configs-broker", Configs::broker);
        all.put("configs-refused", Configs::refused);
    }

    private static void topic(Scene scene) throws Exception {
        String plain = scene.topic("plain", 1);
        String changed = scene.topic("changed", 1, "retention.ms", "3600000", "cleanup.policy", "compact,delete", "compression.type", "zstd",
                "segment.bytes", "1048576", "min.insync.replicas", "1");
        Map<ConfigResource, Config> described = scene.admin().describeConfigs(List.of(resource(plain), resource(changed)),
                new DescribeConfigsOptions().includeSynonyms(true)).all().get();
        for (String topic : List.of(plain, changed)) {
            for (String name : OF_TOPICS) {
                scene.say(topic + " " + name, show(described.get(resource(topic)).get(name)));
            }
        }
        Config bare = scene.admin().describeConfigs(List.of(resource(changed))).all().get().get(resource(changed));
        scene.say("without synonyms", bare.get("retention.ms").synonyms());
        scene.say("documented without asking", bare.get("retention.ms").documentation());
        scene.say("changed", new TreeSet<>(bare.entries().stream().filter(entry -> !entry.isDefault()).map(ConfigEntry::name).toList()));
        Config documented = scene.admin().describeConfigs(List.of(resource(plain)), new DescribeConfigsOptions().includeDocumentation(true)).all().get().get(resource(plain));
        String documentation = documented.get("retention.ms").documentation();
        scene.say("documented when asked", documentation != null && !documentation.isEmpty());
        scene.say("names", new TreeSet<>(documented.entries().stream().map(ConfigEntry::name).toList()));
    }

    private static ConfigResource resource(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    private static String show(ConfigEntry entry) {
        if (entry == null) {
            return "absent";
        }
        List<String> synonyms = entry.synonyms().stream().map(synonym -> synonym.name() + "=" + synonym.value() + " " + synonym.source()).toList();
        return entry.value() + " from " + entry.source() + ", type " + entry.type() + ", read only " + entry.isReadOnly()
                + ", sensitive " + entry.isSensitive() + ", synonyms " + synonyms;
    }

    private static void broker(Scene scene) throws Exception {
        int node = scene.admin().describeCluster().nodes().get().iterator().next().id();
        ConfigResource resource = new ConfigResource(ConfigResource.Type.BROKER, Integer.toString(node));
        Config config = scene.admin().describeConfigs(List.of(resource)).all().get().get(resource);
        for (String name : OF_BROKERS) {
            ConfigEntry entry = config.get(name);
            // Where a value comes from depends on how the broker was started, so the transcript leaves it out.
            scene.say(name, entry == null ? "absent" : entry.value() + ", type " + entry.type() + ", read only " + entry.isReadOnly() + ", sensitive " + entry.isSensitive());
        }
        ConfigEntry id = config.get("node.id");
        scene.expect("node.id is the node's", true, id != null && id.value().equals(Integer.toString(node)));
    }

    private static void refused(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        Map<String, ConfigResource> resources = new TreeMap<>();
        resources.put("absent topic", resource(scene.name + "-absent"));
        resources.put("bad topic name", resource("bad name"));
        resources.put("empty topic name", resource(""));
        resources.put("broker that is no number", new ConfigResource(ConfigResource.Type.BROKER, "first"));
        for (Map.Entry<String, ConfigResource> entry : resources.entrySet()) {
            scene.sayError(entry.getKey(), () -> scene.admin().describeConfigs(List.of(entry.getValue())).all().get());
        }
        var several = scene.admin().describeConfigs(List.of(resource(topic), resource(scene.name + "-absent"))).values();
        scene.say("of several: the topic", Show.errorOf(() -> several.get(resource(topic)).get().get("cleanup.policy").value()));
        scene.say("of several: the absent", Show.errorOf(() -> several.get(resource(scene.name + "-absent")).get()));
    }
}

package clients;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
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
        all.put("configs-altered", Configs::altered);
        all.put("configs-altered-refused", Configs::alteredRefused);
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

    /** An operation of each kind, told as `set retention.ms=5`, `delete retention.ms` and so on. */
    private static AlterConfigOp op(String text) {
        String[] words = text.split(" ", 2);
        String[] setting = words[1].split("=", 2);
        return new AlterConfigOp(new ConfigEntry(setting[0], setting.length > 1 ? setting[1] : null), AlterConfigOp.OpType.valueOf(words[0].toUpperCase(Locale.ROOT)));
    }

    private static Object alter(Scene scene, ConfigResource resource, boolean dry, String... operations) throws Exception {
        List<AlterConfigOp> all = Stream.of(operations).map(Configs::op).toList();
        return scene.admin().incrementalAlterConfigs(Map.of(resource, all), new AlterConfigsOptions().validateOnly(dry)).all().get();
    }

    /** What is set for a resource itself. */
    private static String own(Scene scene, ConfigResource resource) throws Exception {
        TreeMap<String, String> own = new TreeMap<>();
        for (ConfigEntry entry : scene.admin().describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
            if (entry.source().name().startsWith("DYNAMIC")) {
                own.put(entry.name(), entry.value() + " " + entry.source());
            }
        }
        return own.toString();
    }

    private static void step(Scene scene, ConfigResource resource, String... operations) throws Exception {
        String what = String.join(", ", operations);
        scene.sayError("validated, " + resource.type() + " " + what, () -> alter(scene, resource, true, operations));
        String before = own(scene, resource);
        scene.sayError(resource.type() + " " + what, () -> alter(scene, resource, false, operations));
        scene.await(what + " has changed something", () -> !own(scene, resource).equals(before));
        scene.say(resource.type() + " after " + what, own(scene, resource));
    }

    private static void altered(Scene scene) throws Exception {
        ConfigResource topic = resource(scene.topic("topic", 1));
        step(scene, topic, "set retention.ms=5000", "set cleanup.policy=compact");
        step(scene, topic, "append cleanup.policy=delete");
        step(scene, topic, "subtract cleanup.policy=compact", "set retention.ms=-1");
        step(scene, topic, "delete retention.ms", "delete segment.bytes");
        step(scene, topic, "delete cleanup.policy");
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, Integer.toString(scene.admin().describeCluster().nodes().get().iterator().next().id()));
        step(scene, broker, "set message.max.bytes=900000");
        step(scene, broker, "delete message.max.bytes");
        ConfigResource brokers = new ConfigResource(ConfigResource.Type.BROKER, "");
        step(scene, brokers, "set log.retention.ms=777777777");
        step(scene, brokers, "delete log.retention.ms");
        ConfigResource group = new ConfigResource(ConfigResource.Type.GROUP, scene.name);
        step(scene, group, "set consumer.session.timeout.ms=50000");
        step(scene, group, "delete consumer.session.timeout.ms");
        ConfigResource metrics = new ConfigResource(ConfigResource.Type.CLIENT_METRICS, scene.name);
        step(scene, metrics, "set interval.ms=60000", "set metrics=a.b");
        step(scene, metrics, "delete interval.ms", "delete metrics");
        ConfigResource loggers = new ConfigResource(ConfigResource.Type.BROKER_LOGGER, broker.name());
        String level = scene.admin().describeConfigs(List.of(loggers)).all().get().get(loggers).get("root").value();
        scene.sayError("root set", () -> alter(scene, loggers, false, "set root=ERROR"));
        scene.expect("root", "ERROR", scene.admin().describeConfigs(List.of(loggers)).all().get().get(loggers).get("root").value());
        alter(scene, loggers, false, "set root=" + level);
    }

    private static void alteredRefused(Scene scene) throws Exception {
        ConfigResource topic = resource(scene.topic("topic", 1));
        String node = Integer.toString(scene.admin().describeCluster().nodes().get().iterator().next().id());
        Map<String, List<String>> ofTopics = new LinkedHashMap<>();
        ofTopics.put("nothing", List.of());
        ofTopics.put("an unknown name", List.of("set no.such.config=1"));
        ofTopics.put("an unknown name deleted", List.of("delete no.such.config"));
        ofTopics.put("no number", List.of("set retention.ms=soon"));
        ofTopics.put("a number out of range", List.of("set max.message.bytes=-1"));
        ofTopics.put("no choice", List.of("set cleanup.policy=burn"));
        ofTopics.put("no value", List.of("set retention.ms"));
        ofTopics.put("an empty value", List.of("set retention.ms="));
        ofTopics.put("one twice", List.of("set retention.ms=1", "set retention.ms=2"));
        ofTopics.put("a list's sign on a number", List.of("append retention.ms=1"));
        ofTopics.put("what is there appended", List.of("append cleanup.policy=delete"));
        ofTopics.put("what is not there subtracted", List.of("subtract cleanup.policy=compact"));
        ofTopics.put("an unknown one appended", List.of("append cleanup.policy=burn"));
        ofTopics.put("one good, one bad", List.of("set retention.ms=1", "set segment.ms=-1"));
        ofTopics.forEach((what, operations) -> scene.sayError("topic, " + what, () -> alter(scene, topic, false, operations.toArray(String[]::new))));
        scene.say("the topic's own", own(scene, topic));
        Map<String, ConfigResource> resources = new LinkedHashMap<>();
        resources.put("an absent topic", resource(scene.name + "-absent"));
        resources.put("a bad topic name", resource("bad name"));
        resources.put("an empty topic name", resource(""));
        resources.put("a broker that is no number", new ConfigResource(ConfigResource.Type.BROKER, "first"));
        resources.put("the loggers of no broker", new ConfigResource(ConfigResource.Type.BROKER_LOGGER, ""));
        resources.put("an empty group", new ConfigResource(ConfigResource.Type.GROUP, ""));
        resources.put("an empty subscription", new ConfigResource(ConfigResource.Type.CLIENT_METRICS, ""));
        resources.put("a subscription", new ConfigResource(ConfigResource.Type.CLIENT_METRICS, scene.name));
        resources.put("a group", new ConfigResource(ConfigResource.Type.GROUP, scene.name));
        resources.put("the broker", new ConfigResource(ConfigResource.Type.BROKER, node));
        resources.put("all brokers", new ConfigResource(ConfigResource.Type.BROKER, ""));
        resources.put("the loggers", new ConfigResource(ConfigResource.Type.BROKER_LOGGER, node));
        resources.put("an unknown type", new ConfigResource(ConfigResource.Type.UNKNOWN, "x"));
        for (String operation : List.of("set retention.ms=5", "set no.such.config=1", "delete no.such.config")) {
            resources.forEach((what, resource) -> scene.sayErrorClass(what + ", " + operation, () -> alter(scene, resource, true, operation)));
        }
        Map<String, String> ofBroker = new LinkedHashMap<>();
        ofBroker.put("read only", "set node.id=9");
        ofBroker.put("no number", "set message.max.bytes=many");
        ofBroker.put("out of range", "set message.max.bytes=-1");
        ofBroker.put("kept by the controller", "set min.insync.replicas=1");
        ofBroker.forEach((what, operation) -> {
            scene.sayError("the broker, " + what, () -> alter(scene, new ConfigResource(ConfigResource.Type.BROKER, node), true, operation));
            scene.sayError("all brokers, " + what, () -> alter(scene, new ConfigResource(ConfigResource.Type.BROKER, ""), true, operation));
        });
        for (String operation : List.of("set interval.ms=5", "set interval.ms=soon", "set match=nothing", "set match=client_id", "set match=client_id=[", "append metrics=c.d")) {
            scene.sayError("a subscription, " + operation, () -> alter(scene, new ConfigResource(ConfigResource.Type.CLIENT_METRICS, scene.name), true, operation));
        }
        for (String operation : List.of("set consumer.session.timeout.ms=1", "set consumer.session.timeout.ms=soon", "set share.isolation.level=none", "set streams.num.standby.replicas=-1")) {
            scene.sayError("a group, " + operation, () -> alter(scene, new ConfigResource(ConfigResource.Type.GROUP, scene.name), true, operation));
        }
        for (String operation : List.of("set root=LOUD", "delete root", "append root=INFO", "set no.such.logger=INFO")) {
            scene.sayError("the loggers, " + operation, () -> alter(scene, new ConfigResource(ConfigResource.Type.BROKER_LOGGER, node), true, operation));
        }
        // The client looks for that broker until its time is over.
        for (ConfigResource.Type type : List.of(ConfigResource.Type.BROKER, ConfigResource.Type.BROKER_LOGGER)) {
            Map<ConfigResource, Collection<AlterConfigOp>> wanted = Map.of(new ConfigResource(type, "77"), List.of(op("set no.such.config=1")));
            scene.sayErrorClass(type + " of another broker", () -> scene.admin().incrementalAlterConfigs(wanted, new AlterConfigsOptions().timeoutMs(1500)).all().get());
        }
        scene.sayError("of several topics", () -> {
            Map<ConfigResource, Collection<AlterConfigOp>> several = Map.of(topic, List.of(op("set retention.ms=6")), resource(scene.name + "-absent"), List.of(op("set retention.ms=6")));
            var results = scene.admin().incrementalAlterConfigs(several).values();
            return Show.errorOf(() -> results.get(topic).get()) + " and " + Show.errorOf(() -> results.get(resource(scene.name + "-absent")).get());
        });
    }
}

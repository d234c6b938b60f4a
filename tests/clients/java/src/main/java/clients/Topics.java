package clients;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.TopicListing;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.Uuid;

/** Topics and the cluster, as an administrator sees them. */
final class Topics {
    private Topics() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("admin-topics", Topics::topics);
        all.put("admin-create-refused", Topics::createRefused);
        all.put("admin-delete", Topics::delete);
        all.put("admin-delete-busy", Topics::deleteAndCreate);
        all.put("admin-cluster", Topics::cluster);
    }

    private static void topics(Scene scene) throws Exception {
        List<String> names = List.of(scene.name + "-default", scene.name + "-one", scene.name + "-three", scene.name + "-dry", scene.name + "-assigned");
        int node = scene.admin().describeCluster().nodes().get().iterator().next().id();
        CreateTopicsResult created = scene.admin().createTopics(List.of(
                new NewTopic(names.get(0), Optional.empty(), Optional.empty()),
                new NewTopic(names.get(1), 1, (short) 1),
                new NewTopic(names.get(2), 3, (short) 1).configs(Map.of("retention.ms", "3600000", "cleanup.policy", "compact", "max.message.bytes", "2000000")),
                new NewTopic(names.get(4), Map.of(0, List.of(node), 1, List.of(node)))));
        created.all().get();
        for (String name : created.values().keySet()) {
            scene.awaitLeaders(name, created.numPartitions(name).get());
        }
        for (String name : List.of(names.get(0), names.get(1), names.get(2), names.get(4))) {
            sayCreated(scene, "created " + name, created, name);
        }
        CreateTopicsResult dry = scene.admin().createTopics(List.of(new NewTopic(names.get(3), 2, (short) 1)), new CreateTopicsOptions().validateOnly(true));
        dry.all().get();
        scene.say("validated only", dry.numPartitions(names.get(3)).get() + " partitions, " + dry.replicationFactor(names.get(3)).get() + " replica");

        Map<String, TopicListing> listed = scene.admin().listTopics(new ListTopicsOptions().listInternal(true)).namesToListings().get();
        for (String name : names) {
            TopicListing listing = listed.get(name);
            scene.say("listed " + name, listing == null ? "no" : "yes, internal " + listing.isInternal());
            if (listing != null) {
                scene.same("id of " + name, created.topicId(name).get(), listing.topicId());
            }
        }
        describe(scene, List.of(names.get(0), names.get(1), names.get(2), names.get(4)));
        describeByIds(scene, created.topicId(names.get(2)).get(), names.get(2));
    }

    private static void sayCreated(Scene scene, String what, CreateTopicsResult created, String name) throws Exception {
        Config config = created.config(name).get();
        TreeMap<String, String> changed = new TreeMap<>();
        config.entries().stream().filter(entry -> !entry.isDefault()).forEach(entry -> changed.put(entry.name(), entry.value() + " " + entry.source()));
        scene.say(what, created.numPartitions(name).get() + " partitions, " + created.replicationFactor(name).get() + " replica, id "
                + (created.topicId(name).get().equals(Uuid.ZERO_UUID) ? "none" : "yes") + ", changed configs " + changed);
        scene.say(what + ", retention.ms", config.get("retention.ms").value());
    }

    private static void describe(Scene scene, Collection<String> names) throws Exception {
        Map<String, TopicDescription> described = scene.admin().describeTopics(names, new DescribeTopicsOptions().includeAuthorizedOperations(true)).allTopicNames().get();
        for (String name : names) {
            sayTopic(scene, described.get(name));
        }
        // One of several that is not there leaves the others their answer.
        var results = scene.admin().describeTopics(List.of(scene.name + "-one", scene.name + "-absent", "bad name")).topicNameValues();
        for (String name : new TreeSet<>(results.keySet())) {
            scene.say("described beside others: " + name, Show.errorOf(() -> results.get(name).get().name()));
        }
    }

    private static void sayTopic(Scene scene, TopicDescription topic) {
        scene.say("described " + topic.name(), topic.partitions().size() + " partitions, internal " + topic.isInternal()
                + ", operations " + new TreeSet<>(topic.authorizedOperations()));
        for (TopicPartitionInfo partition : topic.partitions()) {
            scene.say("described " + topic.name() + " partition " + partition.partition(), "leader is the replica " + partition.replicas().equals(List.of(partition.leader()))
                    + ", in sync " + partition.isr().equals(partition.replicas()) + ", leader on " + partition.leader().host());
            scene.same("port of the leader", scene.bootstrap.substring(scene.bootstrap.lastIndexOf(':') + 1), Integer.toString(partition.leader().port()));
        }
    }

    private static void describeByIds(Scene scene, Uuid id, String name) throws Exception {
        TopicDescription described = scene.admin().describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id);
        scene.expect("described by id", name, described.name());
        scene.same("id of the described", id, described.topicId());
        Uuid unknown = new Uuid(1, 2);
        scene.sayErrorClass("described by an unknown id", () -> scene.admin().describeTopics(TopicCollection.ofTopicIds(List.of(unknown))).allTopicIds().get());
    }

    private static void createRefused(Scene scene) throws Exception {
        String topic = scene.topic("there", 1);
        int node = scene.admin().describeCluster().nodes().get().iterator().next().id();
        Map<String, NewTopic> bad = new TreeMap<>();
        bad.put("01 again", new NewTopic(topic, 1, (short) 1));
        bad.put("02 again with 0 partitions", new NewTopic(topic, 0, (short) 1));
        bad.put("03 0 partitions", new NewTopic("no-03", 0, (short) 1));
        bad.put("04 -5 partitions", new NewTopic("no-04", -5, (short) 1));
        bad.put("05 2 replicas", new NewTopic("no-05", 1, (short) 2));
        bad.put("06 0 replicas", new NewTopic("no-06", 1, (short) 0));
        bad.put("07 empty name", new NewTopic("", 1, (short) 1));
        bad.put("08 .", new NewTopic(".", 1, (short) 1));
        bad.put("09 ..", new NewTopic("..", 1, (short) 1));
        bad.put("10 blank", new NewTopic("a b", 1, (short) 1));
        bad.put("11 250 letters", new NewTopic("x".repeat(250), 1, (short) 1));
        bad.put("12 not ASCII", new NewTopic("tema-ö", 1, (short) 1));
        bad.put("13 unknown config", new NewTopic("no-13", 1, (short) 1).configs(Map.of("no.such.config", "1")));
        bad.put("14 bad number", new NewTopic("no-14", 1, (short) 1).configs(Map.of("retention.ms", "soon")));
        bad.put("15 bad choice", new NewTopic("no-15", 1, (short) 1).configs(Map.of("cleanup.policy", "burn")));
        bad.put("16 number out of range", new NewTopic("no-16", 1, (short) 1).configs(Map.of("max.message.bytes", "-1")));
        bad.put("17 unknown node", new NewTopic("no-17", Map.of(0, List.of(node + 7))));
        bad.put("18 gap in partitions", new NewTopic("no-18", Map.of(0, List.of(node), 2, List.of(node))));
        bad.put("19 node twice", new NewTopic("no-19", Map.of(0, List.of(node, node))));
        bad.put("20 no node", new NewTopic("no-20", Map.of(0, List.of())));
        for (Map.Entry<String, NewTopic> entry : bad.entrySet()) {
            for (boolean dry : List.of(false, true)) {
                String what = entry.getKey() + (dry ? ", validated only" : "");
                CreateTopicsOptions options = new CreateTopicsOptions().validateOnly(dry);
                // These messages bear the number of the node or the whole of the long name.
                if (List.of("11", "17", "19").contains(entry.getKey().substring(0, 2))) {
                    scene.sayErrorClass(what, () -> scene.admin().createTopics(List.of(entry.getValue()), options).all().get());
                } else {
                    scene.sayError(what, () -> scene.admin().createTopics(List.of(entry.getValue()), options).all().get());
                }
            }
        }
        severalAtOnce(scene, topic);
        Set<String> names = scene.admin().listTopics().names().get();
        scene.expect("refused topics that exist all the same", List.of(), names.stream().filter(name -> name.startsWith("no-")).toList());
    }

    private static void severalAtOnce(Scene scene, String topic) throws Exception {
        CreateTopicsResult several = scene.admin().createTopics(List.of(new NewTopic(topic, 1, (short) 1), new NewTopic(scene.name + "-good", 1, (short) 1),
                new NewTopic("worse name", 1, (short) 1)));
        for (String name : new TreeSet<>(several.values().keySet())) {
            scene.say("of several: " + name, Show.errorOf(() -> several.values().get(name).get()));
        }
        // A dot and an underline are the same in the names of metrics, so Kafka refuses names that differ in these only.
        scene.admin().createTopics(List.of(new NewTopic(scene.name + ".dot_line", 1, (short) 1))).all().get();
        scene.sayError("a name that differs in dot and underline only", () -> scene.admin().createTopics(List.of(new NewTopic(scene.name + "_dot.line", 1, (short) 1))).all().get());
    }

    private static void delete(Scene scene) throws Exception {
        String byName = scene.topic("by-name", 1);
        String byId = scene.topic("by-id", 1);
        Uuid id = scene.admin().describeTopics(List.of(byId)).allTopicNames().get().get(byId).topicId();
        scene.say("by name", Show.errorOf(() -> scene.admin().deleteTopics(List.of(byName)).all().get()));
        scene.say("by id", Show.errorOf(() -> scene.admin().deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get()));
        scene.sayError("by name again", () -> scene.admin().deleteTopics(List.of(byName)).all().get());
        scene.sayErrorClass("by id again", () -> scene.admin().deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get());
        scene.sayError("a bad name", () -> scene.admin().deleteTopics(List.of("bad name")).all().get());
        scene.sayError("an empty name", () -> scene.admin().deleteTopics(List.of("")).all().get());
        String stays = scene.topic("last", 1);
        var several = scene.admin().deleteTopics(List.of(stays, scene.name + "-absent")).topicNameValues();
        for (String name : new TreeSet<>(several.keySet())) {
            scene.say("of several: " + name, Show.errorOf(() -> several.get(name).get()));
        }
        scene.await("none is listed", () -> scene.admin().listTopics().names().get().stream().noneMatch(name -> name.startsWith(scene.name)));
        scene.sayError("described after it was deleted", () -> scene.admin().describeTopics(List.of(byName)).allTopicNames().get());
    }

    /** Deleted and created again at once, again and again: each is a new topic and is empty. */
    private static void deleteAndCreate(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        Set<Uuid> ids = new java.util.HashSet<>();
        for (int round = 0; round < 5; round++) {
            ids.add(scene.admin().describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId());
            scene.expect("round " + round + ": offset of the first record", 0L, scene.fill(topic, 0, "round " + round, 2).get(0).offset());
            try (var consumer = scene.unmanagedConsumer()) {
                consumer.assign(List.of(partition));
                scene.say("round " + round + ": values", Show.values(scene.read(consumer, 2)));
                scene.expect("round " + round + ": end", 2L, consumer.endOffsets(List.of(partition)).get(partition));
            }
            scene.admin().deleteTopics(List.of(topic)).all().get();
            scene.await("the topic can be created again", () -> {
                try {
                    scene.topic("topic", 1);
                    return true;
                } catch (ExecutionException stillThere) {
                    return false;
                }
            });
        }
        scene.expect("topic ids", 5, ids.size());
    }

    private static void cluster(Scene scene) throws Exception {
        DescribeClusterResult cluster = scene.admin().describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
        List<Node> nodes = List.copyOf(cluster.nodes().get());
        scene.expect("nodes", 1, nodes.size());
        scene.say("host", nodes.get(0).host());
        scene.same("port", scene.bootstrap.substring(scene.bootstrap.lastIndexOf(':') + 1), Integer.toString(nodes.get(0).port()));
        scene.say("rack", nodes.get(0).rack());
        scene.say("fenced", nodes.get(0).isFenced());
        scene.expect("controller is the node", true, nodes.get(0).id() == cluster.controller().get().id());
        scene.say("has a cluster id", !cluster.clusterId().get().isEmpty());
        scene.say("operations", new TreeSet<>(cluster.authorizedOperations().get()));
    }
}

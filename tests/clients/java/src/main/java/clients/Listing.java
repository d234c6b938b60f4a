package clients;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListConfigResourcesOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.ListStreamsGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.metrics.Gauge;
import org.apache.kafka.common.metrics.KafkaMetric;
import org.apache.kafka.common.metrics.MetricConfig;
import org.apache.kafka.common.utils.Time;

/** Lists of what there is. */
final class Listing {
    private Listing() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("admin-list-topics", Listing::topics);
        all.put("admin-list-offsets", Listing::offsets);
        all.put("admin-list-groups", Listing::groups);
        all.put("admin-list-config-resources", Listing::configResources);
        all.put("admin-list-replicas", Listing::replicas);
        all.put("admin-metrics", Listing::metrics);
    }

    private static void topics(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        for (boolean internal : List.of(false, true)) {
            var listed = scene.admin().listTopics(new ListTopicsOptions().listInternal(internal));
            scene.say("listed, internal ones too " + internal, listed.names().get().contains(topic) + ", " + listed.namesToListings().get().get(topic).isInternal());
            scene.same("names and listings", listed.names().get().size(), listed.listings().get().size());
        }
    }

    private static void offsets(Scene scene) throws Exception {
        String topic = scene.topic("topic", 3);
        TopicPartition filled = new TopicPartition(topic, 0);
        TopicPartition empty = new TopicPartition(topic, 1);
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (long timestamp : new long[] {1000, 3000, 2000, 3000}) {
            records.add(new ProducerRecord<>(topic, 0, timestamp, null, Show.utf8("v")));
        }
        scene.sendAll(scene.producer(), records);
        Map<String, OffsetSpec> specs = new LinkedHashMap<>();
        specs.put("earliest", OffsetSpec.earliest());
        specs.put("latest", OffsetSpec.latest());
        specs.put("largest timestamp", OffsetSpec.maxTimestamp());
        specs.put("earliest local", OffsetSpec.earliestLocal());
        specs.put("latest tiered", OffsetSpec.latestTiered());
        specs.put("earliest pending upload", OffsetSpec.earliestPendingUpload());
        for (long timestamp : new long[] {0, 1000, 1001, 2000, 3000, 3001, Long.MAX_VALUE}) {
            specs.put("at " + timestamp, OffsetSpec.forTimestamp(timestamp));
        }
        specs.put("at -1", OffsetSpec.forTimestamp(-1));
        specs.put("at -77", OffsetSpec.forTimestamp(-77));
        ListOffsetsOptions committed = new ListOffsetsOptions(IsolationLevel.READ_COMMITTED);
        specs.forEach((what, spec) -> {
            for (TopicPartition partition : List.of(filled, empty)) {
                scene.sayError(partition.partition() + ", " + what, () -> show(scene.admin().listOffsets(Map.of(partition, spec)).partitionResult(partition).get()));
                scene.sayError(partition.partition() + ", " + what + ", committed", () -> show(scene.admin().listOffsets(Map.of(partition, spec), committed).partitionResult(partition).get()));
            }
        });
        scene.sayError("of nothing", () -> scene.admin().listOffsets(Map.of()).all().get());
        // The client looks for leaders until its time is over.
        ListOffsetsOptions impatient = new ListOffsetsOptions().timeoutMs(1500);
        TopicPartition strange = new TopicPartition(topic, 9);
        Map<TopicPartition, OffsetSpec> several = new HashMap<>();
        several.put(filled, OffsetSpec.latest());
        several.put(strange, OffsetSpec.latest());
        several.put(new TopicPartition(scene.name + "-absent", 0), OffsetSpec.latest());
        var results = scene.admin().listOffsets(several, impatient);
        for (TopicPartition partition : several.keySet().stream().sorted((a, b) -> a.toString().compareTo(b.toString())).toList()) {
            scene.sayErrorClass("of several: " + partition, () -> show(results.partitionResult(partition).get()));
        }
        TopicPartition bad = new TopicPartition("bad name", 0);
        scene.sayErrorClass("of a bad name", () -> scene.admin().listOffsets(Map.of(bad, OffsetSpec.latest()), impatient).partitionResult(bad).get());
    }

    private static String show(ListOffsetsResult.ListOffsetsResultInfo info) {
        return info.offset() + " at " + info.timestamp() + " epoch " + info.leaderEpoch();
    }

    @SuppressWarnings("deprecation")
    private static void groups(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        scene.admin().alterConsumerGroupOffsets(scene.name, Map.of(partition, new OffsetAndMetadata(3))).all().get();
        Map<String, ListConsumerGroupsOptions> filters = new TreeMap<>();
        filters.put("all", new ListConsumerGroupsOptions());
        filters.put("empty", new ListConsumerGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY)));
        filters.put("stable", new ListConsumerGroupsOptions().inGroupStates(Set.of(GroupState.STABLE)));
        for (Map.Entry<String, ListConsumerGroupsOptions> filter : filters.entrySet()) {
            TreeSet<String> lines = new TreeSet<>();
            scene.admin().listConsumerGroups(filter.getValue()).all().get().stream().filter(group -> group.groupId().startsWith(scene.name))
                    .forEach(group -> lines.add(group.groupId() + " " + group.groupState().orElse(null) + " " + group.type().orElse(null) + " simple " + group.isSimpleConsumerGroup()));
            scene.say("consumer groups, " + filter.getKey(), lines);
        }
        ofOtherKinds(scene, partition);
    }

    /** The offsets of streams groups are asked for like those of all groups, and so are the deletions of groups of any kind. */
    private static void ofOtherKinds(Scene scene, TopicPartition partition) throws Exception {
        String streams = scene.name + "-streams";
        String absent = scene.name + "-absent";
        scene.sayError("streams: set", () -> scene.admin().alterStreamsGroupOffsets(streams, Map.of(partition, new OffsetAndMetadata(5))).all().get());
        scene.sayError("streams: set for a topic that is not there", () -> scene.admin().alterStreamsGroupOffsets(streams, Map.of(new TopicPartition(absent, 0), new OffsetAndMetadata(5))).all().get());
        scene.sayError("streams: offsets", () -> offsets(scene, streams));
        scene.sayError("streams: offsets of an absent group", () -> offsets(scene, absent));
        scene.sayError("streams: offset deleted", () -> scene.admin().deleteStreamsGroupOffsets(streams, Set.of(partition)).all().get());
        scene.sayError("streams: offset of an absent group deleted", () -> scene.admin().deleteStreamsGroupOffsets(absent, Set.of(partition)).all().get());
        scene.sayError("streams: deleted", () -> scene.admin().deleteStreamsGroups(List.of(streams)).all().get());
        scene.sayError("streams: an absent group deleted", () -> scene.admin().deleteStreamsGroups(List.of(absent)).all().get());
        scene.sayError("share: an absent group deleted", () -> scene.admin().deleteShareGroups(List.of(absent)).all().get());
        scene.sayError("share: a group without a name deleted", () -> scene.admin().deleteShareGroups(List.of("")).all().get());
    }

    private static String offsets(Scene scene, String group) throws Exception {
        var spec = new ListStreamsGroupOffsetsSpec();
        Map<String, Long> offsets = new TreeMap<>();
        scene.admin().listStreamsGroupOffsets(Map.of(group, spec)).partitionsToOffsetAndMetadata(group).get().forEach((partition, offset) -> offsets.put(partition.toString(), offset.offset()));
        return offsets.toString();
    }

    @SuppressWarnings("deprecation")
    private static void configResources(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        String group = scene.name + "-group";
        ConfigResource metrics = new ConfigResource(ConfigResource.Type.CLIENT_METRICS, scene.name + "-metrics");
        ConfigResource settings = new ConfigResource(ConfigResource.Type.GROUP, group);
        set(scene, metrics, "interval.ms", "60000", AlterConfigOp.OpType.SET);
        set(scene, settings, "consumer.session.timeout.ms", "50000", AlterConfigOp.OpType.SET);
        scene.await("both can be seen", () -> listed(scene, Set.of()).contains(metrics.name()) && listed(scene, Set.of()).contains(group));
        scene.say("of every type", listed(scene, Set.of()));
        for (ConfigResource.Type type : ConfigResource.Type.values()) {
            scene.sayError("of type " + type, () -> listed(scene, Set.of(type)));
        }
        scene.sayError("of two types", () -> listed(scene, Set.of(ConfigResource.Type.TOPIC, ConfigResource.Type.GROUP)));
        scene.say("client metrics", scene.admin().listClientMetricsResources().all().get().stream().map(Object::toString).filter(text -> text.contains(scene.name)).toList());
        set(scene, metrics, "interval.ms", null, AlterConfigOp.OpType.DELETE);
        set(scene, settings, "consumer.session.timeout.ms", null, AlterConfigOp.OpType.DELETE);
        scene.await("the subscription is gone", () -> !listed(scene, Set.of()).contains(metrics.name()));
        scene.say("when nothing is set any more", listed(scene, Set.of()));
        scene.same("the topic", true, listed(scene, Set.of(ConfigResource.Type.TOPIC)).contains(topic));
    }

    private static void set(Scene scene, ConfigResource resource, String name, String value, AlterConfigOp.OpType type) throws Exception {
        scene.admin().incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry(name, value), type)))).all().get();
    }

    /** Those of this scenario, and the broker's. */
    private static String listed(Scene scene, Set<ConfigResource.Type> types) throws Exception {
        Set<ConfigResource.Type> ofBrokers = Set.of(ConfigResource.Type.BROKER, ConfigResource.Type.BROKER_LOGGER);
        Collection<ConfigResource> resources = types.isEmpty() ? scene.admin().listConfigResources().all().get()
                : scene.admin().listConfigResources(types, new ListConfigResourcesOptions()).all().get();
        return new TreeSet<>(resources.stream().filter(resource -> resource.name().startsWith(scene.name) || ofBrokers.contains(resource.type()))
                .map(resource -> resource.type() + " " + resource.name()).toList()).toString();
    }

    private static void replicas(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        int node = scene.admin().describeCluster().nodes().get().iterator().next().id();
        var here = new TopicPartitionReplica(topic, 0, node);
        var other = new TopicPartitionReplica(topic, 7, node);
        var absent = new TopicPartitionReplica(scene.name + "-absent", 0, node);
        var results = scene.admin().describeReplicaLogDirs(List.of(here, other, absent)).values();
        for (TopicPartitionReplica replica : List.of(here, other, absent)) {
            scene.sayError("replica " + replica.topic() + "-" + replica.partition(), () -> {
                var info = results.get(replica).get();
                return (info.getCurrentReplicaLogDir() == null ? "nowhere" : "somewhere")
                        + ", lag " + info.getCurrentReplicaOffsetLag() + ", future " + info.getFutureReplicaLogDir() + " " + info.getFutureReplicaOffsetLag();
            });
        }
        scene.sayError("of none", () -> scene.admin().describeReplicaLogDirs(List.of()).all().get());
    }

    /** A client's own, and one that an application adds for the broker, which does not ask for any. */
    private static void metrics(Scene scene) throws Exception {
        scene.admin().describeCluster().nodes().get();
        scene.say("has sent requests", scene.admin().metrics().entrySet().stream().filter(entry -> entry.getKey().name().equals("request-total"))
                .anyMatch(entry -> (Double) entry.getValue().metricValue() > 0));
        MetricName name = new MetricName("answers", "tests", "", Map.of());
        KafkaMetric metric = new KafkaMetric(new Object(), name, (Gauge<Integer>) (config, now) -> 42, new MetricConfig(), Time.SYSTEM);
        scene.admin().registerMetricForSubscription(metric);
        scene.say("is among the client's after it was registered", scene.admin().metrics().containsKey(name));
        scene.admin().unregisterMetricFromSubscription(metric);
    }
}

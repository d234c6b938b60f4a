package clients;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterPartitionReassignmentsOptions;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreatePartitionsOptions;
import org.apache.kafka.clients.admin.DeleteRecordsOptions;
import org.apache.kafka.clients.admin.DeletedRecords;
import org.apache.kafka.clients.admin.DescribeLogDirsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.FeatureMetadata;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.QuorumInfo;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** What a tool asks of the one broker of a cluster. */
final class Administration {
    private Administration() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("admin-create-partitions", Administration::createPartitions);
        all.put("admin-delete-records", Administration::deleteRecords);
        all.put("admin-delete-groups", Administration::deleteGroups);
        all.put("admin-delete-offsets", Administration::deleteOffsets);
        all.put("admin-elect-leaders", Administration::electLeaders);
        all.put("admin-reassignments", Administration::reassignments);
        all.put("admin-log-dirs", Administration::logDirs);
        all.put("admin-pages", Administration::pages);
        all.put("admin-quorum", Administration::quorum);
        all.put("admin-features", Administration::features);
        all.put("admin-acls", Administration::acls);
        all.put("admin-telemetry", Administration::telemetry);
    }

    /** One line for each future of a result, in the order of the keys' text. */
    private static <K> void sayEach(Scene scene, String what, Map<K, ? extends KafkaFuture<?>> futures) {
        TreeMap<String, KafkaFuture<?>> sorted = new TreeMap<>();
        futures.forEach((key, future) -> sorted.put(String.valueOf(key), future));
        sorted.forEach((key, future) -> scene.say(what + ", " + key, Show.errorOf(future::get)));
    }

    private static int partitions(Scene scene, String topic) throws Exception {
        return scene.admin().describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
    }

    private static void createPartitions(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        String other = scene.topic("other", 1);
        String absent = scene.name + "-absent";
        scene.fill(topic, 1, "v", 3);
        int node = scene.admin().describeCluster().nodes().get().iterator().next().id();
        CreatePartitionsOptions dry = new CreatePartitionsOptions().validateOnly(true);
        Map<String, NewPartitions> asked = new TreeMap<>();
        asked.put(topic, NewPartitions.increaseTo(4));
        asked.put(other, NewPartitions.increaseTo(1));
        asked.put(absent, NewPartitions.increaseTo(3));
        asked.put("bad name", NewPartitions.increaseTo(3));
        sayEach(scene, "validated", scene.admin().createPartitions(asked, dry).values());
        scene.expect("partitions after validating", 2, partitions(scene, topic));
        sayEach(scene, "created", scene.admin().createPartitions(asked).values());
        scene.awaitLeaders(topic, 4);
        scene.expect("partitions after creating", 4, partitions(scene, topic));

        Map<String, NewPartitions> bad = new TreeMap<>();
        bad.put("the same number", NewPartitions.increaseTo(4));
        bad.put("fewer", NewPartitions.increaseTo(3));
        bad.put("none", NewPartitions.increaseTo(0));
        bad.put("less than none", NewPartitions.increaseTo(-1));
        bad.put("no assignment", NewPartitions.increaseTo(6, List.of()));
        bad.put("too few assignments", NewPartitions.increaseTo(6, List.of(List.of(node))));
        bad.put("too many assignments", NewPartitions.increaseTo(5, List.of(List.of(node), List.of(node))));
        bad.put("another broker", NewPartitions.increaseTo(5, List.of(List.of(77))));
        bad.put("a broker twice", NewPartitions.increaseTo(5, List.of(List.of(node, node))));
        bad.put("two replicas", NewPartitions.increaseTo(5, List.of(List.of(node, 77))));
        bad.put("no broker", NewPartitions.increaseTo(5, List.of(List.of())));
        bad.forEach((what, partitions) -> scene.sayError("to " + what, () -> scene.admin().createPartitions(Map.of(topic, partitions)).all().get()));
        scene.sayError("with assignments", () -> scene.admin().createPartitions(Map.of(topic, NewPartitions.increaseTo(6, List.of(List.of(node), List.of(node))))).all().get());
        scene.awaitLeaders(topic, 6);
        scene.expect("partitions at the end", 6, partitions(scene, topic));
        scene.fill(topic, 5, "w", 2);
        try (var consumer = scene.unmanagedConsumer()) {
            consumer.assign(List.of(new TopicPartition(topic, 1)));
            scene.expect("the old records", "[\"v 0\", \"v 1\", \"v 2\"]", Show.values(scene.read(consumer, 3)));
            consumer.assign(List.of(new TopicPartition(topic, 5)));
            scene.expect("the new records", "[\"w 0\", \"w 1\"]", Show.values(scene.read(consumer, 2)));
        }
    }

    private static void deleteRecords(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        String compacted = scene.topic("compacted", 1, "cleanup.policy", "compact");
        String both = scene.topic("both", 1, "cleanup.policy", "compact,delete");
        TopicPartition partition = new TopicPartition(topic, 0);
        scene.fill(topic, 0, "v", 5);
        scene.fill(topic, 0, "w", 5);
        long[] offsets = {0, 3, 2, 7, 7, 11, -2, -1, 10};
        for (long offset : offsets) {
            scene.sayError("before " + offset, () -> low(scene.admin().deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(offset))).all(), () ->
                    scene.admin().deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(offset))).lowWatermarks().get(partition)));
            try (var consumer = scene.unmanagedConsumer()) {
                scene.say("after that, the first offset", consumer.beginningOffsets(List.of(partition)).get(partition));
                scene.say("after that, the end", consumer.endOffsets(List.of(partition)).get(partition));
            }
        }
        Map<TopicPartition, RecordsToDelete> asked = new HashMap<>();
        asked.put(new TopicPartition(topic, 1), RecordsToDelete.beforeOffset(-1));
        asked.put(new TopicPartition(compacted, 0), RecordsToDelete.beforeOffset(0));
        asked.put(new TopicPartition(both, 0), RecordsToDelete.beforeOffset(0));
        Map<TopicPartition, KafkaFuture<DeletedRecords>> deleted = scene.admin().deleteRecords(asked).lowWatermarks();
        TreeMap<String, KafkaFuture<DeletedRecords>> sorted = new TreeMap<>();
        deleted.forEach((key, future) -> sorted.put(key.toString(), future));
        sorted.forEach((key, future) -> scene.say("several, " + key, Show.errorOf(() -> future.get().lowWatermark())));
        // The client looks for a leader until its time is over.
        Map<TopicPartition, RecordsToDelete> absent = Map.of(new TopicPartition(scene.name + "-absent", 0), RecordsToDelete.beforeOffset(0));
        scene.sayErrorClass("an absent topic", () -> scene.admin().deleteRecords(absent, new DeleteRecordsOptions().timeoutMs(500)).all().get());

        scene.fill(topic, 0, "x", 3);
        try (var consumer = scene.unmanagedConsumer("auto.offset.reset", "earliest")) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 2);
            scene.say("a consumer in front of it reads", Show.values(scene.read(consumer, 3)));
            scene.expect("its position", 13L, consumer.position(partition));
        }
    }

    /** The low watermark, or the error. */
    private static Object low(KafkaFuture<Void> done, Callable<KafkaFuture<DeletedRecords>> again) throws Exception {
        done.get();
        return again.call().get().lowWatermark();
    }

    private static void deleteGroups(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        String simple = scene.name + "-simple";
        String running = scene.name + "-running";
        String absent = scene.name + "-absent";
        TopicPartition partition = new TopicPartition(topic, 0);
        scene.admin().alterConsumerGroupOffsets(simple, Map.of(partition, new OffsetAndMetadata(3))).all().get();
        Member member = new Member(scene, "member", running, List.of(topic));
        scene.await("the member runs", () -> member.assignment().size() == 2 && Groups.stable(scene, running, 1));
        sayEach(scene, "deleted", scene.admin().deleteConsumerGroups(List.of(simple, running, absent, "")).deletedGroups());
        scene.sayError("deleted again", () -> scene.admin().deleteConsumerGroups(List.of(simple)).all().get());
        scene.say("offsets of the deleted group", scene.admin().listConsumerGroupOffsets(simple).partitionsToOffsetAndMetadata().get());
        member.leave();
        scene.sayError("deleted after its member left", () -> scene.admin().deleteConsumerGroups(List.of(running)).all().get());
        scene.admin().alterConsumerGroupOffsets(simple, Map.of(partition, new OffsetAndMetadata(1))).all().get();
        scene.say("offsets of a new group with the same id", scene.admin().listConsumerGroupOffsets(simple).partitionsToOffsetAndMetadata().get().get(partition).offset());
    }

    private static void deleteOffsets(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        String other = scene.topic("other", 1);
        TopicPartition first = new TopicPartition(topic, 0);
        TopicPartition second = new TopicPartition(topic, 1);
        TopicPartition third = new TopicPartition(other, 0);
        String group = scene.name;
        scene.admin().alterConsumerGroupOffsets(group, Map.of(first, new OffsetAndMetadata(1), second, new OffsetAndMetadata(2), third, new OffsetAndMetadata(3))).all().get();
        Set<TopicPartition> asked = Set.of(first, new TopicPartition(topic, 7), new TopicPartition(scene.name + "-absent", 0));
        var deleted = scene.admin().deleteConsumerGroupOffsets(group, asked);
        for (TopicPartition partition : List.of(first, new TopicPartition(topic, 7), new TopicPartition(scene.name + "-absent", 0))) {
            scene.sayError("of an empty group, " + partition, () -> deleted.partitionResult(partition).get());
        }
        scene.say("left", sorted(scene.admin().listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get()));
        scene.sayError("of none", () -> scene.admin().deleteConsumerGroupOffsets(group, Set.of(first)).all().get());
        scene.sayError("of an absent group", () -> scene.admin().deleteConsumerGroupOffsets(group + "-absent", Set.of(first)).all().get());
        Member member = new Member(scene, "member", group, List.of(topic));
        scene.await("the member runs", () -> member.assignment().size() == 2 && Groups.stable(scene, group, 1));
        var busy = scene.admin().deleteConsumerGroupOffsets(group, Set.of(second, third));
        scene.sayError("of what a member reads", () -> busy.partitionResult(second).get());
        scene.sayError("of what no member reads", () -> busy.partitionResult(third).get());
    }

    private static String sorted(Map<TopicPartition, OffsetAndMetadata> offsets) {
        TreeMap<String, Long> sorted = new TreeMap<>();
        offsets.forEach((partition, offset) -> sorted.put(partition.toString(), offset.offset()));
        return sorted.toString();
    }

    private static void electLeaders(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        TopicPartition first = new TopicPartition(topic, 0);
        Set<TopicPartition> several = Set.of(first, new TopicPartition(topic, 9), new TopicPartition(scene.name + "-absent", 0));
        for (ElectionType type : ElectionType.values()) {
            var results = new TreeMap<String, String>();
            scene.admin().electLeaders(type, several).partitions().get()
                    .forEach((partition, error) -> results.put(partition.toString(), error.map(Show::error).orElse("elected")));
            results.forEach((partition, result) -> scene.say(type + ", " + partition, result));
            scene.say(type + ", all", scene.admin().electLeaders(type, null).partitions().get());
            scene.sayError(type + ", one", () -> scene.admin().electLeaders(type, Set.of(first)).all().get());
        }
    }

    private static void reassignments(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        int node = scene.admin().describeCluster().nodes().get().iterator().next().id();
        Map<String, List<Integer>> targets = new TreeMap<>();
        targets.put("the same broker", List.of(node));
        targets.put("another broker", List.of(77));
        targets.put("two brokers", List.of(node, 77));
        targets.put("a broker twice", List.of(node, node));
        targets.put("a negative broker", List.of(-5));
        TopicPartition first = new TopicPartition(topic, 0);
        for (Map.Entry<String, List<Integer>> target : targets.entrySet()) {
            var wanted = Map.of(first, Optional.of(new NewPartitionReassignment(target.getValue())));
            scene.sayError("to " + target.getKey(), () -> scene.admin().alterPartitionReassignments(wanted).all().get());
            AlterPartitionReassignmentsOptions same = new AlterPartitionReassignmentsOptions().allowReplicationFactorChange(false);
            scene.sayError("to " + target.getKey() + ", with as many replicas", () -> scene.admin().alterPartitionReassignments(wanted, same).all().get());
        }
        Map<TopicPartition, Optional<NewPartitionReassignment>> mixed = new HashMap<>();
        mixed.put(first, Optional.empty());
        mixed.put(new TopicPartition(topic, 1), Optional.of(new NewPartitionReassignment(List.of(node))));
        mixed.put(new TopicPartition(topic, 9), Optional.of(new NewPartitionReassignment(List.of(node))));
        mixed.put(new TopicPartition(scene.name + "-absent", 0), Optional.empty());
        sayEach(scene, "several", scene.admin().alterPartitionReassignments(mixed).values());
        scene.say("under way", scene.admin().listPartitionReassignments().reassignments().get());
        scene.say("under way, of some", scene.admin().listPartitionReassignments(Set.of(first, new TopicPartition(scene.name + "-absent", 0))).reassignments().get());
    }

    private static void logDirs(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        scene.fill(topic, 1, "v", 10);
        int node = scene.admin().describeCluster().nodes().get().iterator().next().id();
        Map<String, LogDirDescription> dirs = scene.admin().describeLogDirs(List.of(node)).allDescriptions().get().get(node);
        scene.expect("directories", 1, dirs.size());
        String path = dirs.keySet().iterator().next();
        scene.say("the path is absolute", path.startsWith("/"));
        LogDirDescription dir = dirs.get(path);
        scene.say("error", dir.error());
        scene.say("cordoned", dir.toString().contains("isCordoned=true"));
        for (int partition = 0; partition < 2; partition++) {
            var replica = dir.replicaInfos().get(new TopicPartition(topic, partition));
            scene.say("partition " + partition, replica.size() + " bytes, lag " + replica.offsetLag() + ", future " + replica.isFuture());
        }
        scene.sayErrorClass("of a broker that is not there", () -> scene.admin().describeLogDirs(List.of(77), new DescribeLogDirsOptions().timeoutMs(500)).allDescriptions().get());
        var here = new TopicPartitionReplica(topic, 0, node);
        var absent = new TopicPartitionReplica(scene.name + "-absent", 0, node);
        scene.sayError("moved to where it is", () -> scene.admin().alterReplicaLogDirs(Map.of(here, path)).all().get());
        scene.sayError("moved elsewhere", () -> scene.admin().alterReplicaLogDirs(Map.of(here, "/nowhere")).all().get());
        scene.sayError("an absent topic moved", () -> scene.admin().alterReplicaLogDirs(Map.of(absent, path)).all().get());
        var info = scene.admin().describeReplicaLogDirs(List.of(here)).all().get().get(here);
        scene.say("the replica lies there", path.equals(info.getCurrentReplicaLogDir()) + ", lag " + info.getCurrentReplicaOffsetLag() + ", future " + info.getFutureReplicaLogDir());
    }

    /** The client asks for as many pieces as it takes. */
    private static void pages(Scene scene) throws Exception {
        List<String> topics = new ArrayList<>();
        for (int partitions : new int[] {3, 1, 4}) {
            topics.add(scene.topic("topic" + partitions, partitions));
        }
        for (int limit : new int[] {1, 2, 3, 2000}) {
            DescribeTopicsOptions options = new DescribeTopicsOptions().partitionSizeLimitPerResponse(limit);
            Map<String, TopicDescription> described = scene.admin().describeTopics(topics, options).allTopicNames().get();
            for (String topic : new TreeSet<>(described.keySet())) {
                scene.say("pieces of " + limit + ", " + topic, described.get(topic).partitions().stream().map(partition -> partition.partition()).toList());
            }
        }
        var elr = scene.admin().describeTopics(topics).allTopicNames().get().get(topics.get(0)).partitions().get(0);
        scene.say("eligible leaders", elr.elr() + ", last known " + elr.lastKnownElr());
        scene.sayError("a limit of 0", () -> scene.admin().describeTopics(topics, new DescribeTopicsOptions().partitionSizeLimitPerResponse(0)).allTopicNames().get().size());
    }

    private static void quorum(Scene scene) throws Exception {
        QuorumInfo quorum = scene.admin().describeMetadataQuorum().quorumInfo().get();
        int node = scene.admin().describeCluster().nodes().get().iterator().next().id();
        scene.say("the node leads", quorum.leaderId() == node);
        scene.say("has an epoch", quorum.leaderEpoch() > 0);
        scene.say("voters", quorum.voters().size() + ", the node " + (quorum.voters().get(0).replicaId() == node));
        var voter = quorum.voters().get(0);
        scene.say("the voter has all", voter.logEndOffset() == quorum.highWatermark());
        scene.say("caught up", voter.lastCaughtUpTimestamp().isPresent() && Show.isRecent(voter.lastCaughtUpTimestamp().getAsLong()));
        scene.say("fetched", voter.lastFetchTimestamp().isPresent() && Show.isRecent(voter.lastFetchTimestamp().getAsLong()));
        scene.say("observers", quorum.observers());
        scene.say("nodes", quorum.nodes().size() + ", listeners " + quorum.nodes().get(node).endpoints().size());
    }

    private static void features(Scene scene) throws Exception {
        String transactions = "transaction.version";
        FeatureMetadata before = scene.admin().describeFeatures().featureMetadata().get();
        scene.say("supported", before.supportedFeatures().get(transactions));
        scene.say("finalized", before.finalizedFeatures().get(transactions));
        scene.say("has an epoch", before.finalizedFeaturesEpoch().isPresent());
        Map<String, FeatureUpdate> updates = new TreeMap<>();
        for (FeatureUpdate.UpgradeType type : List.of(FeatureUpdate.UpgradeType.UPGRADE, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE, FeatureUpdate.UpgradeType.UNSAFE_DOWNGRADE)) {
            for (short level : new short[] {1, 2, 3}) {
                updates.put(type + " to " + level, new FeatureUpdate(level, type));
            }
        }
        updates.put("SAFE_DOWNGRADE to 0", new FeatureUpdate((short) 0, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE));
        UpdateFeaturesOptions dry = new UpdateFeaturesOptions().validateOnly(true);
        updates.forEach((what, update) -> scene.sayError("validated, " + what, () -> scene.admin().updateFeatures(Map.of(transactions, update), dry).all().get()));
        scene.sayError("a feature that nobody knows", () -> scene.admin().updateFeatures(Map.of("some.version", new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.UPGRADE)), dry).all().get());
        scene.sayError("a negative level", () -> new FeatureUpdate((short) -1, FeatureUpdate.UpgradeType.UPGRADE));
        for (short level : new short[] {1, 0}) {
            scene.admin().updateFeatures(Map.of(transactions, new FeatureUpdate(level, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE)), new UpdateFeaturesOptions()).all().get();
            awaitLevel(scene, transactions, level);
            scene.say("after the downgrade to " + level, scene.admin().describeFeatures().featureMetadata().get().finalizedFeatures().get(transactions));
        }
        scene.sayError("downgraded upwards", () -> scene.admin().updateFeatures(Map.of(transactions, new FeatureUpdate((short) 2, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE)), dry).all().get());
        scene.sayError("upgraded", () -> scene.admin().updateFeatures(Map.of(transactions, new FeatureUpdate((short) 2, FeatureUpdate.UpgradeType.UPGRADE)), new UpdateFeaturesOptions()).all().get());
        awaitLevel(scene, transactions, (short) 2);
        scene.say("after the upgrade", scene.admin().describeFeatures().featureMetadata().get().finalizedFeatures().get(transactions));
    }

    private static void awaitLevel(Scene scene, String feature, short level) throws Exception {
        scene.await(feature + " is " + level, () -> {
            var range = scene.admin().describeFeatures().featureMetadata().get().finalizedFeatures().get(feature);
            return (range == null ? 0 : range.maxVersionLevel()) == level;
        });
    }

    private static void acls(Scene scene) {
        var rule = new AclBinding(new ResourcePattern(ResourceType.TOPIC, "t", PatternType.LITERAL),
                new AccessControlEntry("User:alice", "*", AclOperation.READ, AclPermissionType.ALLOW));
        var other = new AclBinding(new ResourcePattern(ResourceType.GROUP, "g", PatternType.PREFIXED),
                new AccessControlEntry("User:bob", "127.0.0.1", AclOperation.ALL, AclPermissionType.DENY));
        scene.sayError("described", () -> scene.admin().describeAcls(AclBindingFilter.ANY).values().get());
        sayEach(scene, "created", scene.admin().createAcls(List.of(rule, other)).values());
        sayEach(scene, "deleted", scene.admin().deleteAcls(List.of(AclBindingFilter.ANY, rule.toFilter())).values());
    }

    /** Clients push no metrics to a broker that does not ask for them. */
    private static void telemetry(Scene scene) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.CLIENT_METRICS, scene.name);
        List<ConfigEntry> entries = List.of(new ConfigEntry("metrics", "*"), new ConfigEntry("interval.ms", "1000"));
        alter(scene, resource, entries, AlterConfigOp.OpType.SET);
        scene.sayErrorClass("the instance id of a client that pushes nothing", () -> scene.admin().clientInstanceId(Duration.ofSeconds(1)));
        scene.sayErrorClass("the instance id of a client that would", () -> scene.producer().clientInstanceId(Duration.ofSeconds(1)));
        alter(scene, resource, entries, AlterConfigOp.OpType.DELETE);
    }

    private static void alter(Scene scene, ConfigResource resource, List<ConfigEntry> entries, AlterConfigOp.OpType type) throws Exception {
        scene.admin().incrementalAlterConfigs(Map.of(resource, entries.stream().map(entry -> new AlterConfigOp(entry, type)).toList())).all().get();
    }
}

package clients;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.AddRaftVoterOptions;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.FeatureMetadata;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.FeatureUpdate.UpgradeType;
import org.apache.kafka.clients.admin.RaftVoterEndpoint;
import org.apache.kafka.clients.admin.RemoveRaftVoterOptions;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;

/** Who belongs to the cluster, and what all of its members agree on. */
final class Cluster {
    private static final String KRAFT = "kraft.version";
    private static final String METADATA = "metadata.version";
    private static final String ELIGIBLE = "eligible.leader.replicas.version";

    private Cluster() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("cluster-brokers", Cluster::brokers);
        all.put("cluster-controllers", Cluster::controllers);
        all.put("cluster-features", Cluster::features);
        all.put("cluster-voters", Cluster::voters);
    }

    private static void brokers(Scene scene) throws Exception {
        int node = scene.admin().describeCluster().nodes().get().iterator().next().id();
        for (int id : new int[] {77, 0, -1, Integer.MAX_VALUE}) {
            scene.same("another node", true, id != node);
            scene.sayError("unregistered " + id, () -> scene.admin().unregisterBroker(id).all().get());
        }
        for (boolean fenced : List.of(false, true)) {
            var cluster = scene.admin().describeCluster(new DescribeClusterOptions().includeFencedBrokers(fenced));
            scene.say("nodes, fenced ones too " + fenced, cluster.nodes().get().size());
            scene.say("operations without asking", cluster.authorizedOperations().get());
        }
    }

    /** A client that takes the broker for a controller. */
    private static void controllers(Scene scene) {
        Admin admin = scene.controllerAdmin("default.api.timeout.ms", "4000", "request.timeout.ms", "3000");
        scene.sayErrorClass("the cluster", () -> admin.describeCluster().nodes().get());
        scene.sayErrorClass("topics", () -> admin.listTopics().names().get());
    }

    private static void features(Scene scene) throws Exception {
        FeatureMetadata all = scene.admin().describeFeatures().featureMetadata().get();
        for (String feature : List.of(METADATA, KRAFT, ELIGIBLE)) {
            scene.say("supported " + feature, all.supportedFeatures().get(feature));
            scene.say("finalized " + feature, all.finalizedFeatures().get(feature));
        }
        for (UpgradeType type : List.of(UpgradeType.UPGRADE, UpgradeType.SAFE_DOWNGRADE, UpgradeType.UNSAFE_DOWNGRADE)) {
            for (int level : new int[] {0, 6, 7, 20, 22, 23, 28, 29, 30}) {
                validate(scene, METADATA, level, type);
            }
            for (int level : new int[] {0, 1, 2}) {
                validate(scene, ELIGIBLE, level, type);
            }
            validate(scene, KRAFT, 2, type);
        }
        Map<String, FeatureUpdate> several = new TreeMap<>();
        several.put(METADATA, new FeatureUpdate((short) 25, UpgradeType.SAFE_DOWNGRADE));
        several.put("some.version", new FeatureUpdate((short) 1, UpgradeType.UPGRADE));
        scene.sayError("several, one of them unknown", () -> scene.admin().updateFeatures(several, new UpdateFeaturesOptions()).all().get());
        scene.sayError("none", () -> scene.admin().updateFeatures(Map.of(), new UpdateFeaturesOptions()).all().get());
        for (int level : new int[] {28, 23}) {
            scene.sayError(METADATA + " downgraded to " + level, () -> update(scene, METADATA, level, UpgradeType.SAFE_DOWNGRADE, false));
            awaitLevel(scene, METADATA, level);
        }
        validate(scene, METADATA, 22, UpgradeType.SAFE_DOWNGRADE);
        validate(scene, METADATA, 24, UpgradeType.UNSAFE_DOWNGRADE);
        scene.sayError(METADATA + " upgraded", () -> update(scene, METADATA, 29, UpgradeType.UPGRADE, false));
        awaitLevel(scene, METADATA, 29);
        scene.sayError(ELIGIBLE + " downgraded", () -> update(scene, ELIGIBLE, 0, UpgradeType.SAFE_DOWNGRADE, false));
        awaitLevel(scene, ELIGIBLE, 0);
        minInsyncReplicas(scene);
        scene.say("finalized " + ELIGIBLE, scene.admin().describeFeatures().featureMetadata().get().finalizedFeatures().get(ELIGIBLE));
        scene.sayError(ELIGIBLE + " upgraded", () -> update(scene, ELIGIBLE, 1, UpgradeType.UPGRADE, false));
        awaitLevel(scene, ELIGIBLE, 1);
        scene.await("all brokers have it again", () -> show(scene).equals("1 DYNAMIC_DEFAULT_BROKER_CONFIG"));
        scene.say("min.insync.replicas after the upgrade", show(scene));
        scene.sayError("set for one broker", () -> set(scene, "2"));
    }

    /** Only without eligible leaders a single broker has a setting of its own. */
    private static void minInsyncReplicas(Scene scene) throws Exception {
        scene.say("min.insync.replicas after the downgrade", show(scene));
        scene.sayError("set for the broker", () -> set(scene, "2"));
        scene.await("the broker has it", () -> show(scene).startsWith("2 "));
        scene.say("min.insync.replicas", show(scene));
    }

    private static ConfigResource broker(Scene scene) throws Exception {
        return new ConfigResource(ConfigResource.Type.BROKER, Integer.toString(scene.admin().describeCluster().nodes().get().iterator().next().id()));
    }

    private static Object set(Scene scene, String value) throws Exception {
        AlterConfigOp operation = new AlterConfigOp(new ConfigEntry("min.insync.replicas", value), AlterConfigOp.OpType.SET);
        return scene.admin().incrementalAlterConfigs(Map.of(broker(scene), List.of(operation))).all().get();
    }

    private static String show(Scene scene) throws Exception {
        ConfigResource broker = broker(scene);
        ConfigEntry entry = scene.admin().describeConfigs(List.of(broker)).all().get().get(broker).get("min.insync.replicas");
        return entry.value() + " " + entry.source();
    }

    private static Object update(Scene scene, String feature, int level, UpgradeType type, boolean dry) throws Exception {
        Map<String, FeatureUpdate> updates = Map.of(feature, new FeatureUpdate((short) level, type));
        return scene.admin().updateFeatures(updates, new UpdateFeaturesOptions().validateOnly(dry)).all().get();
    }

    private static void validate(Scene scene, String feature, int level, UpgradeType type) {
        scene.sayError("validated, " + feature + " " + type + " to " + level, () -> update(scene, feature, level, type, true));
    }

    private static void awaitLevel(Scene scene, String feature, int level) throws Exception {
        scene.await(feature + " is " + level, () -> {
            var range = scene.admin().describeFeatures().featureMetadata().get().finalizedFeatures().get(feature);
            return (range == null ? 0 : range.maxVersionLevel()) == level;
        });
    }

    /** There is no way back from kraft.version 1, so against a broker that has run this before the first half differs. */
    private static void voters(Scene scene) throws Exception {
        int node = scene.admin().describeCluster().nodes().get().iterator().next().id();
        String cluster = scene.admin().describeCluster().clusterId().get();
        scene.say("the voter's directory", directory(scene).equals(Uuid.ZERO_UUID) ? "unknown" : "known");
        addAndRemove(scene, "before the upgrade", node, cluster);
        validate(scene, KRAFT, 1, UpgradeType.SAFE_DOWNGRADE);
        validate(scene, KRAFT, 0, UpgradeType.UPGRADE);
        validate(scene, KRAFT, 1, UpgradeType.UPGRADE);
        scene.sayError("upgraded", () -> update(scene, KRAFT, 1, UpgradeType.UPGRADE, false));
        awaitLevel(scene, KRAFT, 1);
        scene.await("the voter's directory is known", () -> !directory(scene).equals(Uuid.ZERO_UUID));
        for (UpgradeType type : List.of(UpgradeType.UPGRADE, UpgradeType.SAFE_DOWNGRADE, UpgradeType.UNSAFE_DOWNGRADE)) {
            validate(scene, KRAFT, 0, type);
            validate(scene, KRAFT, 1, type);
        }
        addAndRemove(scene, "after the upgrade", node, cluster);
        Uuid own = directory(scene);
        scene.sayErrorClass("the voter itself added", () -> scene.admin().addRaftVoter(node, own, controller()).all().get());
        scene.sayErrorClass("the only voter removed", () -> scene.admin().removeRaftVoter(node, own).all().get());
        scene.say("voters at the end", scene.admin().describeMetadataQuorum().quorumInfo().get().voters().size());
    }

    private static Uuid directory(Scene scene) throws Exception {
        return scene.admin().describeMetadataQuorum().quorumInfo().get().voters().get(0).replicaDirectoryId();
    }

    private static Set<RaftVoterEndpoint> controller() {
        return Set.of(new RaftVoterEndpoint("CONTROLLER", "127.0.0.1", 9));
    }

    private static void addAndRemove(Scene scene, String when, int node, String cluster) {
        Uuid id = new Uuid(1, 2);
        var wrong = new RaftVoterEndpoint("OTHER", "127.0.0.1", 9);
        Map<String, Set<RaftVoterEndpoint>> endpoints = new LinkedHashMap<>();
        endpoints.put("no endpoint", Set.of());
        endpoints.put("another endpoint", Set.of(wrong));
        endpoints.forEach((what, set) -> scene.sayError(when + ", added with " + what, () -> scene.admin().addRaftVoter(node + 7, id, set).all().get()));
        for (Optional<String> known : List.of(Optional.<String>empty(), Optional.of(cluster), Optional.of("another"))) {
            String what = when + known.map(name -> name.equals(cluster) ? ", with the cluster's id" : ", with another cluster's id").orElse("");
            var add = new AddRaftVoterOptions().setClusterId(known).timeoutMs(1500);
            var remove = new RemoveRaftVoterOptions().setClusterId(known).timeoutMs(1500);
            // What a cluster is called and which directory a voter has differ.
            scene.sayErrorClass(what + ", the node added", () -> scene.admin().addRaftVoter(node, id, controller(), add).all().get());
            scene.sayErrorClass(what + ", another added", () -> scene.admin().addRaftVoter(node + 7, id, controller(), add).all().get());
            scene.sayErrorClass(what + ", the node removed", () -> scene.admin().removeRaftVoter(node, id, remove).all().get());
            scene.sayErrorClass(what + ", another removed", () -> scene.admin().removeRaftVoter(node + 7, id, remove).all().get());
        }
        scene.sayError(when + ", a negative voter added", () -> scene.admin().addRaftVoter(-1, id, controller()).all().get());
        scene.sayError(when + ", a negative voter removed", () -> scene.admin().removeRaftVoter(-1, id).all().get());
        scene.sayError(when + ", a voter without a directory added", () -> scene.admin().addRaftVoter(node + 7, Uuid.ZERO_UUID, controller()).all().get());
        scene.sayError(when + ", a voter without a directory removed", () -> scene.admin().removeRaftVoter(node + 7, Uuid.ZERO_UUID).all().get());
    }
}

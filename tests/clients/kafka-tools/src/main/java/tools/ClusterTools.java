package tools;

import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** The tools that look at the broker itself. */
final class ClusterTools {
    private static final UnaryOperator<List<String>> UNCHANGED = lines -> lines;

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("broker-api-versions", ClusterTools::apiVersions);
        all.put("cluster", ClusterTools::cluster);
        all.put("features", ClusterTools::features);
        all.put("metadata-quorum", ClusterTools::metadataQuorum);
        all.put("security", ClusterTools::security);
    }

    private static void apiVersions(Scene scene) throws Exception {
        scene.shown(Tool.API_VERSIONS, 0, UNCHANGED, "");
    }

    private static void cluster(Scene scene) throws Exception {
        scene.shown(Tool.CLUSTER, 0, Scene.replacing("Cluster ID: [A-Za-z0-9_-]{22,}", "Cluster ID: ID"), "", "cluster-id");
        scene.ok(Tool.CLUSTER, "list-endpoints");
        scene.ok(Tool.CLUSTER, "list-endpoints", "--include-fenced-brokers");
        scene.any(Tool.CLUSTER, "unregister", "--id", "77");
    }

    private static void features(Scene scene) throws Exception {
        UnaryOperator<List<String>> epochless = lines ->
            Scene.replacing("Epoch: \\d+", "Epoch: N").apply(lines).stream().sorted().toList();
        scene.shown(Tool.FEATURES, 0, epochless, "", "describe");
        scene.fails(Tool.FEATURES, "upgrade", "--feature", "no.such.feature=1");
        scene.fails(Tool.FEATURES, "upgrade", "--feature", "transaction.version=99");
        scene.fails(Tool.FEATURES, "downgrade", "--feature", "group.version=7");
    }

    private static void metadataQuorum(Scene scene) throws Exception {
        UnaryOperator<List<String>> still = lines -> Scene.replacing("(LeaderEpoch|HighWatermark):\\s+\\d+", "$1: N")
            .andThen(Scene.replacing("ClusterId:\\s+\\S+", "ClusterId: ID"))
            .andThen(Scene.replacing("\"(CurrentVoters|endpoints)\": *\\[.*", "$1"))
            .apply(lines);
        scene.shown(Tool.METADATA_QUORUM, 0, still, "", "describe", "--status");
        scene.shown(Tool.METADATA_QUORUM, 0, Scene.replacing("^(\\d+\\s+\\S+\\s+)\\d+(\\s+\\d+\\s+)\\d+(\\s+)\\d+", "$1N$2N$3N"), "", "describe", "--replication");
    }

    private static void security(Scene scene) throws Exception {
        scene.fails(Tool.ACLS, "--list");
        scene.fails(Tool.ACLS, "--add", "--allow-principal", "User:someone", "--operation", "Read", "--topic", "any");
        scene.fails(Tool.ACLS, "--remove", "--force", "--allow-principal", "User:someone", "--operation", "Read", "--topic", "any");
    }
}

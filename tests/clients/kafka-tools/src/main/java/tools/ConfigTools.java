package tools;

import static tools.Tool.CLIENT_METRICS;
import static tools.Tool.CONFIGS;

import java.util.Map;

/** kafka-configs and kafka-client-metrics. */
final class ConfigTools {
    static void addTo(Map<String, Main.Scenario> all) {
        all.put("configs-topic", ConfigTools::topic);
        all.put("configs-topic-refused", ConfigTools::topicRefused);
        all.put("configs-broker", ConfigTools::broker);
        all.put("configs-group", ConfigTools::group);
        all.put("configs-quotas", ConfigTools::quotas);
        all.put("client-metrics", ConfigTools::clientMetrics);
    }

    private static String[] topics(String... more) {
        return with(new String[] {"--entity-type", "topics"}, more);
    }

    private static String[] brokers(String... more) {
        return with(new String[] {"--entity-type", "brokers"}, more);
    }

    private static String[] with(String[] first, String... more) {
        String[] all = java.util.Arrays.copyOf(first, first.length + more.length);
        System.arraycopy(more, 0, all, first.length, more.length);
        return all;
    }

    private static void topic(Scene scene) throws Exception {
        scene.createTopic("configured", 1);
        String name = "configured";
        scene.ok(CONFIGS, topics("--describe", "--entity-name", name));
        // The settings of the reference broker's own that topics inherit are none; so all lines are comparable.
        scene.sorted(CONFIGS, topics("--describe", "--entity-name", name, "--all"));
        scene.ok(CONFIGS, topics("--alter", "--entity-name", name, "--add-config", "retention.ms=100000,cleanup.policy=[compact,delete]"));
        scene.sorted(CONFIGS, topics("--describe", "--entity-name", name));
        scene.ok(CONFIGS, topics("--alter", "--entity-name", name, "--add-config", "max.message.bytes=2000000", "--delete-config", "retention.ms"));
        scene.sorted(CONFIGS, topics("--describe", "--entity-name", name));
        scene.ok(CONFIGS, topics("--alter", "--entity-name", name, "--add-config-file",
            scene.file("segment.bytes=2097152\nmessage.timestamp.type=LogAppendTime\n")));
        scene.sorted(CONFIGS, topics("--describe", "--entity-name", name));
        scene.sorted(CONFIGS, topics("--describe", "--entity-name", name, "--all"));
        scene.ok(Tool.TOPICS, "--describe", "--topic", name);
        scene.ok(CONFIGS, topics("--alter", "--entity-name", name, "--delete-config",
            "segment.bytes,message.timestamp.type,max.message.bytes,cleanup.policy"));
        scene.ok(CONFIGS, topics("--describe", "--entity-name", name));
        scene.ok(Tool.TOPICS, "--delete", "--topic", name);
    }

    private static void topicRefused(Scene scene) throws Exception {
        scene.createTopic("strict", 1);
        for (String setting : new String[] {
            "retention.ms=soon", "retention.ms=-2", "cleanup.policy=forget", "segment.bytes=1", "compression.type=zip",
            "min.cleanable.dirty.ratio=1.5", "message.timestamp.type=Never", "no.such.setting=1", "min.insync.replicas=0",
            "preallocate=perhaps", "compression.zstd.level=99", "max.message.bytes=-1", "segment.ms=0",
            "min.compaction.lag.ms=10,max.compaction.lag.ms=5", "remote.storage.enable=true", "retention.bytes=9223372036854775808",
        }) {
            scene.fails(CONFIGS, topics("--alter", "--entity-name", "strict", "--add-config", setting));
        }
        scene.fails(CONFIGS, topics("--alter", "--entity-name", "strict", "--delete-config", "retention.ms"));
        scene.fails(CONFIGS, topics("--alter", "--entity-name", "not-there", "--add-config", "retention.ms=1"));
        scene.ok(CONFIGS, topics("--describe", "--entity-name", "not-there"));
        scene.fails(CONFIGS, topics("--describe", "--entity-name", "bad name"));
        scene.ok(CONFIGS, topics("--describe", "--entity-name", "strict"));
        scene.ok(Tool.TOPICS, "--delete", "--topic", "strict");
    }

    private static void broker(Scene scene) throws Exception {
        scene.ok(CONFIGS, brokers("--describe", "--entity-name", "1"));
        scene.ok(CONFIGS, brokers("--describe", "--entity-default"));
        scene.ok(CONFIGS, brokers("--alter", "--entity-name", "1", "--add-config", "message.max.bytes=1500000"));
        scene.ok(CONFIGS, brokers("--alter", "--entity-default", "--add-config", "message.max.bytes=1400000,log.retention.ms=500000000"));
        scene.sorted(CONFIGS, brokers("--describe", "--entity-name", "1"));
        scene.sorted(CONFIGS, brokers("--describe", "--entity-default"));
        scene.sorted(CONFIGS, brokers("--describe"));
        scene.createTopic("inherits", 1);
        scene.shown(CONFIGS, 0, Scene.only("max.message.bytes", "retention.ms"), "",
            topics("--describe", "--entity-name", "inherits", "--all"));
        scene.ok(Tool.TOPICS, "--delete", "--topic", "inherits");
        scene.shown(CONFIGS, 0, Scene.only(" message.max.bytes=", " log.retention.ms=", " num.partitions=", " log.cleanup.policy=",
            " auto.create.topics.enable=", " group.max.session.timeout.ms=", " log.segment.bytes=",
            " compression.type=", " min.insync.replicas=", " max.connections="), "",
            brokers("--describe", "--entity-name", "1", "--all"));
        scene.ok(CONFIGS, brokers("--alter", "--entity-name", "1", "--delete-config", "message.max.bytes"));
        scene.ok(CONFIGS, brokers("--alter", "--entity-default", "--delete-config", "message.max.bytes,log.retention.ms"));
        scene.ok(CONFIGS, brokers("--describe", "--entity-name", "1"));
        scene.ok(CONFIGS, brokers("--describe", "--entity-default"));
        for (String setting : new String[] {
            "message.max.bytes=many", "message.max.bytes=-1", "node.id=5", "num.partitions=3", "no.such.setting=1",
            "log.cleanup.policy=forget", "num.io.threads=0", "auto.create.topics.enable=false",
        }) {
            scene.any(CONFIGS, brokers("--alter", "--entity-name", "1", "--add-config", setting));
            scene.any(CONFIGS, brokers("--alter", "--entity-default", "--add-config", setting));
        }
        scene.fails(CONFIGS, brokers("--describe", "--entity-name", "one"));
    }

    private static void group(Scene scene) throws Exception {
        scene.ok(CONFIGS, "--entity-type", "groups", "--entity-name", "g", "--alter", "--add-config",
            "consumer.session.timeout.ms=50000,consumer.heartbeat.interval.ms=6000");
        scene.sorted(CONFIGS, "--entity-type", "groups", "--entity-name", "g", "--describe");
        scene.sorted(CONFIGS, "--entity-type", "groups", "--entity-name", "g", "--describe", "--all");
        scene.sorted(CONFIGS, "--entity-type", "groups", "--describe");
        scene.ok(CONFIGS, "--entity-type", "groups", "--entity-name", "g", "--alter", "--delete-config",
            "consumer.session.timeout.ms,consumer.heartbeat.interval.ms");
        scene.sorted(CONFIGS, "--entity-type", "groups", "--entity-name", "g", "--describe");
        scene.fails(CONFIGS, "--entity-type", "groups", "--entity-name", "g", "--alter", "--add-config", "consumer.session.timeout.ms=1");
        scene.fails(CONFIGS, "--entity-type", "groups", "--entity-name", "g", "--alter", "--add-config", "no.such.setting=1");
    }

    private static void quotas(Scene scene) throws Exception {
        String[] client = {"--entity-type", "clients", "--entity-name", "quoted"};
        scene.ok(CONFIGS, with(client, "--describe"));
        scene.ok(CONFIGS, with(client, "--alter", "--add-config", "producer_byte_rate=1048576,consumer_byte_rate=2097152"));
        scene.ok(CONFIGS, with(client, "--describe"));
        scene.ok(CONFIGS, with(client, "--alter", "--add-config", "request_percentage=50.5", "--delete-config", "consumer_byte_rate"));
        scene.ok(CONFIGS, with(client, "--describe"));
        String[] user = {"--entity-type", "users", "--entity-name", "someone", "--entity-type", "clients", "--entity-name", "quoted"};
        scene.ok(CONFIGS, with(user, "--alter", "--add-config", "controller_mutation_rate=5.5"));
        scene.ok(CONFIGS, with(user, "--describe"));
        scene.ok(CONFIGS, "--entity-type", "users", "--entity-default", "--alter", "--add-config", "producer_byte_rate=5000000");
        scene.ok(CONFIGS, "--entity-type", "users", "--entity-default", "--describe");
        scene.sorted(CONFIGS, "--entity-type", "clients", "--describe");
        scene.sorted(CONFIGS, "--entity-type", "users", "--entity-type", "clients", "--describe");
        String[] ip = {"--entity-type", "ips", "--entity-name", "10.1.2.3"};
        scene.ok(CONFIGS, with(ip, "--alter", "--add-config", "connection_creation_rate=100"));
        scene.ok(CONFIGS, with(ip, "--describe"));
        scene.ok(CONFIGS, with(ip, "--alter", "--delete-config", "connection_creation_rate"));
        scene.fails(CONFIGS, with(ip, "--alter", "--add-config", "producer_byte_rate=100"));
        scene.fails(CONFIGS, with(client, "--alter", "--add-config", "producer_byte_rate=0"));
        scene.fails(CONFIGS, with(client, "--alter", "--add-config", "producer_byte_rate=1.5"));
        scene.fails(CONFIGS, with(client, "--alter", "--add-config", "no_such_quota=1"));
        scene.ok(CONFIGS, with(client, "--alter", "--delete-config", "producer_byte_rate,request_percentage"));
        scene.ok(CONFIGS, with(user, "--alter", "--delete-config", "controller_mutation_rate"));
        scene.ok(CONFIGS, "--entity-type", "users", "--entity-default", "--alter", "--delete-config", "producer_byte_rate");
        scene.ok(CONFIGS, "--entity-type", "clients", "--describe");
        scene.fails(CONFIGS, "--entity-type", "users", "--entity-name", "someone", "--alter", "--add-config",
            "SCRAM-SHA-256=[iterations=4096,password=secret]", "--delete-config", "SCRAM-SHA-512");
    }

    private static void clientMetrics(Scene scene) throws Exception {
        scene.ok(CLIENT_METRICS, "--list");
        scene.ok(CLIENT_METRICS, "--alter", "--name", "watch", "--metrics", "org.apache.kafka.consumer.",
            "--interval", "60000", "--match", "client_id=nobody");
        scene.ok(CLIENT_METRICS, "--list");
        scene.sorted(CLIENT_METRICS, "--describe", "--name", "watch");
        scene.sorted(CONFIGS, "--entity-type", "client-metrics", "--entity-name", "watch", "--describe");
        scene.ok(CLIENT_METRICS, "--describe");
        scene.fails(CLIENT_METRICS, "--alter", "--name", "watch", "--interval", "5");
        scene.fails(CLIENT_METRICS, "--alter", "--name", "watch", "--match", "no_such_key=1");
        scene.ok(CLIENT_METRICS, "--delete", "--name", "watch");
        scene.ok(CLIENT_METRICS, "--list");
    }
}

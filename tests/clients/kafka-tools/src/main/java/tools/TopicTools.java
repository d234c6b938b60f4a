package tools;

import static tools.Tool.LEADER_ELECTION;
import static tools.Tool.LOG_DIRS;
import static tools.Tool.REASSIGN;
import static tools.Tool.TOPICS;

import java.util.List;
import java.util.Map;

/** kafka-topics, and the tools that move partitions and their leaders. */
final class TopicTools {
    static void addTo(Map<String, Main.Scenario> all) {
        all.put("topics", TopicTools::topics);
        all.put("topics-refused", TopicTools::refused);
        all.put("topics-partitions", TopicTools::partitions);
        all.put("leader-election", TopicTools::leaderElection);
        all.put("reassign", TopicTools::reassign);
        all.put("log-dirs", TopicTools::logDirs);
    }

    private static void topics(Scene scene) throws Exception {
        scene.ok(TOPICS, "--create", "--topic", "plain");
        scene.ok(TOPICS, "--create", "--topic", "three", "--partitions", "3", "--replication-factor", "1",
            "--config", "cleanup.policy=compact", "--config", "retention.ms=60000");
        scene.ok(TOPICS, "--create", "--topic", "assigned.one", "--replica-assignment", "1,1");
        scene.ok(TOPICS, "--create", "--topic", "plain", "--if-not-exists");
        List<String> listed = scene.ok(TOPICS, "--list", "--exclude-internal");
        scene.equal("the list", List.of("assigned.one", "plain", "three"), listed);
        scene.ok(TOPICS, "--list", "--topic", "p.*|three");
        scene.ok(TOPICS, "--describe", "--exclude-internal");
        scene.ok(TOPICS, "--describe", "--topic", "three");
        scene.ok(TOPICS, "--describe", "--topics-with-overrides", "--exclude-internal");
        scene.ok(TOPICS, "--describe", "--under-replicated-partitions");
        scene.ok(TOPICS, "--describe", "--unavailable-partitions");
        scene.ok(TOPICS, "--describe", "--at-min-isr-partitions", "--exclude-internal");
        scene.ok(TOPICS, "--describe", "--under-min-isr-partitions");
        scene.ok(TOPICS, "--describe", "--partition-size-limit-per-response", "2", "--exclude-internal");
        String id = scene.admin().describeTopics(List.of("three")).allTopicNames().get().get("three").topicId().toString();
        scene.hide(id, "ID");
        scene.ok(TOPICS, "--describe", "--topic-id", id);
        scene.ok(TOPICS, "--delete", "--topic", "plain");
        scene.ok(TOPICS, "--delete", "--topic", "plain", "--if-exists");
        scene.ok(TOPICS, "--delete", "--topic", "three|assigned.one");
        scene.equal("the list", List.of(""), scene.ok(TOPICS, "--list", "--exclude-internal"));
    }

    private static void refused(Scene scene) throws Exception {
        scene.ok(TOPICS, "--create", "--topic", "once");
        scene.fails(TOPICS, "--create", "--topic", "once");
        scene.fails(TOPICS, "--create", "--topic", "two-replicas", "--replication-factor", "2");
        scene.fails(TOPICS, "--create", "--topic", "bad name");
        scene.fails(TOPICS, "--create", "--topic", "no-partitions", "--partitions", "0");
        scene.fails(TOPICS, "--create", "--topic", "minus", "--partitions", "-5");
        scene.fails(TOPICS, "--create", "--topic", "x".repeat(250));
        scene.fails(TOPICS, "--create", "--topic", "bad-value", "--config", "retention.ms=soon");
        scene.fails(TOPICS, "--create", "--topic", "bad-policy", "--config", "cleanup.policy=forget");
        scene.fails(TOPICS, "--create", "--topic", "nobody", "--replica-assignment", "7");
        scene.fails(TOPICS, "--create", "--topic", "twice", "--replica-assignment", "1:1");
        scene.fails(TOPICS, "--describe", "--topic", "not-there");
        scene.fails(TOPICS, "--describe", "--topic-id", "gbkCLyDQQ6Wy2i9g3H3hIw");
        scene.fails(TOPICS, "--delete", "--topic", "not-there");
        scene.fails(TOPICS, "--alter", "--topic", "not-there", "--partitions", "3");
        scene.ok(TOPICS, "--delete", "--topic", "once");
    }

    private static void partitions(Scene scene) throws Exception {
        scene.createTopic("growing", 2);
        scene.ok(TOPICS, "--alter", "--topic", "growing", "--partitions", "5");
        scene.ok(TOPICS, "--describe", "--topic", "growing");
        scene.fails(TOPICS, "--alter", "--topic", "growing", "--partitions", "5");
        scene.fails(TOPICS, "--alter", "--topic", "growing", "--partitions", "3");
        scene.fails(TOPICS, "--alter", "--topic", "growing", "--partitions", "0");
        scene.fails(TOPICS, "--alter", "--topic", "growing", "--partitions", "7", "--replica-assignment", "1,1,1,1,1,1,9");
        scene.ok(TOPICS, "--alter", "--topic", "growing", "--partitions", "7", "--replica-assignment", "1,1,1,1,1,1,1");
        scene.ok(TOPICS, "--alter", "--topic", "not-there", "--partitions", "7", "--if-exists");
        scene.produce("growing", 6, 3);
        scene.ok(Tool.GET_OFFSETS, "--topic", "growing");
        scene.ok(TOPICS, "--delete", "--topic", "growing");
    }

    private static void leaderElection(Scene scene) throws Exception {
        scene.createTopic("elected", 2);
        String topic = "elected";
        scene.ok(LEADER_ELECTION, "--election-type", "PREFERRED", "--topic", topic, "--partition", "0");
        scene.ok(LEADER_ELECTION, "--election-type", "UNCLEAN", "--topic", topic, "--partition", "1");
        scene.fails(LEADER_ELECTION, "--election-type", "PREFERRED", "--topic", topic, "--partition", "9");
        scene.fails(LEADER_ELECTION, "--election-type", "UNCLEAN", "--topic", "not-there", "--partition", "0");
        String both = "{\"partitions\":[{\"topic\":\"elected\",\"partition\":0},{\"topic\":\"elected\",\"partition\":1}]}";
        scene.ok(LEADER_ELECTION, "--election-type", "PREFERRED", "--path-to-json-file", scene.file(both));
        scene.ok(TOPICS, "--delete", "--topic", "elected");
    }

    private static void reassign(Scene scene) throws Exception {
        scene.createTopic("moved", 2);
        scene.hide("\"log_dirs\":\\[\"[^\"]*\"\\]", "\"log_dirs\":[\"DIR\"]");
        String topics = scene.file("{\"topics\":[{\"topic\":\"moved\"}],\"version\":1}");
        scene.ok(REASSIGN, "--generate", "--topics-to-move-json-file", topics, "--broker-list", "1");
        scene.fails(REASSIGN, "--generate", "--topics-to-move-json-file", topics, "--broker-list", "2");
        String same = scene.file("{\"version\":1,\"partitions\":["
            + "{\"topic\":\"moved\",\"partition\":0,\"replicas\":[1],\"log_dirs\":[\"any\"]},"
            + "{\"topic\":\"moved\",\"partition\":1,\"replicas\":[1],\"log_dirs\":[\"any\"]}]}");
        scene.ok(REASSIGN, "--execute", "--reassignment-json-file", same);
        scene.ok(REASSIGN, "--verify", "--reassignment-json-file", same);
        scene.ok(REASSIGN, "--list");
        scene.ok(REASSIGN, "--cancel", "--reassignment-json-file", same);
        String away = scene.file(
            "{\"version\":1,\"partitions\":[{\"topic\":\"moved\",\"partition\":0,\"replicas\":[7],\"log_dirs\":[\"any\"]}]}");
        scene.fails(REASSIGN, "--execute", "--reassignment-json-file", away);
        String unknown = scene.file(
            "{\"version\":1,\"partitions\":[{\"topic\":\"not-there\",\"partition\":0,\"replicas\":[1],\"log_dirs\":[\"any\"]}]}");
        scene.fails(REASSIGN, "--execute", "--reassignment-json-file", unknown);
        scene.ok(TOPICS, "--delete", "--topic", "moved");
    }

    /** The folders of brokers have names of their own; the sizes are those of the batches. */
    private static void logDirs(Scene scene) throws Exception {
        scene.createTopic("stored", 2);
        scene.produce("stored", 0, 5);
        scene.hide("\"logDir\":\"[^\"]*\"", "\"logDir\":\"DIR\"");
        scene.ok(LOG_DIRS, "--describe", "--topic-list", "stored");
        scene.ok(LOG_DIRS, "--describe", "--topic-list", "stored", "--broker-list", "1");
        scene.ok(LOG_DIRS, "--describe", "--topic-list", "not-there");
        scene.fails(LOG_DIRS, "--describe", "--topic-list", "stored", "--broker-list", "5");
        scene.ok(TOPICS, "--delete", "--topic", "stored");
    }
}

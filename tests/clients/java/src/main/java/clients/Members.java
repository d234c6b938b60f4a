package clients;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.CloseOptions.GroupMembershipOperation;
import org.apache.kafka.common.GroupState;

/** Members that are static, that die, that dawdle, or that must not join. */
final class Members {
    private static final String PACKAGE = "org.apache.kafka.clients.consumer.";

    private Members() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("static-member", Members::restarts);
        all.put("static-fenced", Members::fenced);
        all.put("static-leaves", Members::staticLeaves);
        all.put("session-timeout", Members::dies);
        all.put("max-poll-interval", Members::dawdles);
        all.put("group-errors", Members::mustNotJoin);
    }

    private static Member join(Scene scene, String name, String topic, String instance) {
        return new Member(scene, name, scene.name, List.of(topic), "group.instance.id", instance);
    }

    private static void restarts(Scene scene) throws Exception {
        String topic = scene.topic("topic", 6);
        Member first = join(scene, "a", topic, "instance-a");
        Member second = join(scene, "b", topic, "instance-b");
        settle(scene, first, second);
        sayMembers(scene, "both run");
        int events = second.events.size();
        Set<Integer> before = first.assignment();

        first.stop(CloseOptions.timeout(Duration.ofSeconds(10)));
        sayMembers(scene, "one stopped");
        for (int partition = 0; partition < 6; partition++) {
            scene.fill(topic, partition, "while it was away " + partition, 1);
        }
        Member again = join(scene, "a", topic, "instance-a");
        settle(scene, again, second);
        scene.expect("it has what it had", before, again.assignment());
        scene.await("all records are read", () -> again.records.size() + second.records.size() == 6);
        scene.say("read after the restart", Show.values(again.records.stream().sorted((x, y) -> x.partition() - y.partition()).toList()));
        scene.expect("what the other was told", List.of(), second.events.subList(events, second.events.size()));
        sayMembers(scene, "it runs again");
    }

    private static void settle(Scene scene, Member... members) throws Exception {
        scene.await("each member has its partitions", () -> {
            for (Member member : members) {
                if (member.error != null) {
                    throw new AssertionError(member.name + " ended: " + Show.error(member.error));
                }
                if (member.assignment().size() != 6 / members.length) {
                    return false;
                }
            }
            return Groups.stable(scene, scene.name, members.length);
        });
        for (Member member : members) {
            scene.say(member.name + " owns", member.assignment());
        }
    }

    private static void sayMembers(Scene scene, String phase) throws Exception {
        var description = Groups.describe(scene, scene.name);
        for (MemberDescription member : Groups.sortedMembers(description)) {
            scene.say(phase + ": " + member.clientId(), "instance " + member.groupInstanceId().orElse("none") + " with "
                    + member.assignment().topicPartitions().size() + " partitions in a group that is " + description.groupState());
        }
    }

    private static void fenced(Scene scene) throws Exception {
        String topic = scene.topic("topic", 6);
        Member first = join(scene, "a", topic, "instance");
        settle(scene, first);
        Member second = new Member(scene, "b", scene.name, List.of(topic), "group.instance.id", "instance");
        scene.say("the first one ends with", first.awaitError(scene));
        settle(scene, second);
        sayMembers(scene, "the second one runs");
        scene.fill(topic, 3, "v", 1);
        scene.await("the second one reads", () -> second.records.size() == 1);
        scene.say("the second one reads", Show.values(List.copyOf(second.records)));
    }

    private static void staticLeaves(Scene scene) throws Exception {
        String topic = scene.topic("topic", 6);
        Member first = join(scene, "a", topic, "instance-a");
        Member second = join(scene, "b", topic, "instance-b");
        settle(scene, first, second);
        first.stop(CloseOptions.groupMembershipOperation(GroupMembershipOperation.LEAVE_GROUP));
        settle(scene, second);
        sayMembers(scene, "a static member that wants to leave is gone");
    }

    /** A member that stays in the group without a heartbeat is put out after its session timeout. */
    private static void dies(Scene scene) throws Exception {
        String topic = scene.topic("topic", 6);
        Member first = new Member(scene, "a", scene.name, List.of(topic), "session.timeout.ms", "6000");
        Member second = new Member(scene, "b", scene.name, List.of(topic));
        settle(scene, first, second);
        long start = System.nanoTime();
        first.stop(CloseOptions.groupMembershipOperation(GroupMembershipOperation.REMAIN_IN_GROUP));
        sayMembers(scene, "right after it died");
        settle(scene, second);
        long waited = (System.nanoTime() - start) / 1_000_000;
        scene.expect("it was put out about when its session timed out", true, waited > 4500 && waited < 9000);
        scene.expect("what the other was told at last", "assigned [0, 1, 2, 3, 4, 5]", second.events.get(second.events.size() - 1));
    }

    private static void dawdles(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        scene.fill(topic, 0, "v", 3);
        Object[] settings = {"group.id", scene.name, "enable.auto.commit", "false", "max.poll.interval.ms", "1000", "heartbeat.interval.ms", "200"};
        try (var consumer = scene.unmanagedConsumer(settings)) {
            consumer.subscribe(List.of(topic));
            scene.say("read", Show.values(scene.read(consumer, 3)));
            scene.await("the member that does not poll is gone", () -> Groups.describe(scene, scene.name).groupState() == GroupState.EMPTY);
            scene.sayError("its commit", () -> {
                consumer.commitSync();
                return "a commit";
            });
            scene.say("read again, because nothing was committed", Show.values(scene.read(consumer, 3)));
            consumer.commitSync();
            scene.say("committed", consumer.committed(consumer.assignment()).values().iterator().next().offset());
        }
    }

    private static void mustNotJoin(Scene scene) throws Exception {
        String topic = scene.topic("topic", 6);
        Member member = new Member(scene, "a", scene.name, List.of(topic), "partition.assignment.strategy", PACKAGE + "RangeAssignor");
        settle(scene, member);
        Member other = new Member(scene, "b", scene.name, List.of(topic), "partition.assignment.strategy", PACKAGE + "RoundRobinAssignor");
        scene.say("no assignor in common", other.awaitError(scene));
        Member hasty = new Member(scene, "c", scene.name, List.of(topic), "session.timeout.ms", "1000");
        scene.say("a session timeout of 1 s", hasty.awaitError(scene));
        Member patient = new Member(scene, "d", scene.name, List.of(topic), "session.timeout.ms", "3600000");
        scene.say("a session timeout of 1 h", patient.awaitError(scene));
        scene.say("group", Groups.describe(scene, scene.name).members().size() + " member");
    }
}

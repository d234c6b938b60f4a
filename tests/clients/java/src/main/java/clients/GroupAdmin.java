package clients;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.ClassicGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsOptions;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupResult;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;

/** Groups, as an administrator sees them. */
final class GroupAdmin {
    private GroupAdmin() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("admin-groups", GroupAdmin::groups);
        all.put("admin-group-offsets", GroupAdmin::offsets);
        all.put("admin-remove-members", GroupAdmin::removeMembers);
    }

    static String describe(Scene scene, String group) throws Exception {
        ConsumerGroupDescription description = Groups.describe(scene, group);
        return description.groupState() + ", type " + description.type() + ", protocol \"" + description.partitionAssignor() + "\", simple "
                + description.isSimpleConsumerGroup() + ", members " + description.members().size();
    }

    private static void groups(Scene scene) throws Exception {
        String topic = scene.topic("topic", 6);
        TopicPartition partition = new TopicPartition(topic, 0);
        String running = scene.name + "-running";
        String stopped = scene.name + "-stopped";
        String simple = scene.name + "-simple";
        Member gone = new Member(scene, "gone", stopped, List.of(topic));
        Member member = new Member(scene, "member", running, List.of(topic));
        scene.await("both groups run", () -> gone.assignment().size() == 6 && member.assignment().size() == 6);
        gone.leave();
        scene.admin().alterConsumerGroupOffsets(simple, Map.of(partition, new OffsetAndMetadata(3))).all().get();
        scene.await("the stopped group is empty", () -> Groups.describe(scene, stopped).groupState() == GroupState.EMPTY && Groups.stable(scene, running, 1));

        Map<String, ListGroupsOptions> filters = new TreeMap<>();
        filters.put("all", new ListGroupsOptions());
        filters.put("consumer groups", ListGroupsOptions.forConsumerGroups());
        filters.put("share groups", ListGroupsOptions.forShareGroups());
        filters.put("stable", new ListGroupsOptions().inGroupStates(Set.of(GroupState.STABLE)));
        filters.put("empty", new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY)));
        filters.put("dead", new ListGroupsOptions().inGroupStates(Set.of(GroupState.DEAD)));
        filters.put("of type classic", new ListGroupsOptions().withTypes(Set.of(GroupType.CLASSIC)));
        filters.put("of type consumer", new ListGroupsOptions().withTypes(Set.of(GroupType.CONSUMER)));
        filters.put("with protocol consumer", new ListGroupsOptions().withProtocolTypes(Set.of("consumer")));
        for (Map.Entry<String, ListGroupsOptions> filter : filters.entrySet()) {
            scene.say("listed, " + filter.getKey(), list(scene, filter.getValue()));
        }
        for (String group : List.of(running, stopped, simple)) {
            scene.say("described " + group, describe(scene, group));
            ClassicGroupDescription classic = scene.admin().describeClassicGroups(List.of(group)).all().get().get(group);
            scene.say("described as classic " + group, classic.state() + ", protocol \"" + classic.protocol() + "\", data \"" + classic.protocolData()
                    + "\", simple " + classic.isSimpleConsumerGroup() + ", members " + classic.members().size());
        }
        ConsumerGroupDescription described = scene.admin().describeConsumerGroups(List.of(running), new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true))
                .all().get().get(running);
        var only = described.members().iterator().next();
        scene.say("member", "client " + only.clientId() + " on " + only.host() + ", instance " + only.groupInstanceId() + ", id begins with its client id "
                + only.consumerId().startsWith("member-") + ", partitions " + only.assignment().topicPartitions().size());
        scene.say("operations", new TreeSet<>(described.authorizedOperations()));
        scene.say("coordinator", described.coordinator().host());
        String absent = scene.name + "-absent";
        scene.sayError("described " + absent, () -> scene.admin().describeConsumerGroups(List.of(absent)).all().get());
        for (String group : List.of(absent, "")) {
            scene.sayError("described as classic \"" + group + "\"", () -> scene.admin().describeClassicGroups(List.of(group)).all().get());
        }
    }

    private static String list(Scene scene, ListGroupsOptions options) throws Exception {
        TreeSet<String> lines = new TreeSet<>();
        for (GroupListing group : scene.admin().listGroups(options).all().get()) {
            if (group.groupId().startsWith(scene.name)) {
                lines.add(group.groupId() + " " + group.groupState().orElse(null) + " " + group.type().orElse(null) + " \"" + group.protocol()
                        + "\" simple " + group.isSimpleConsumerGroup());
            }
        }
        return lines.toString();
    }

    private static void offsets(Scene scene) throws Exception {
        String topic = scene.topic("topic", 3);
        TopicPartition first = new TopicPartition(topic, 0);
        TopicPartition second = new TopicPartition(topic, 1);
        TopicPartition third = new TopicPartition(topic, 2);
        scene.fill(topic, 0, "v", 5);
        String group = scene.name;
        scene.say("of an unknown group", listed(scene, group, null));
        scene.say("of an unknown group, asked for partitions", listed(scene, group, List.of(first)));
        scene.admin().alterConsumerGroupOffsets(group, Map.of(first, new OffsetAndMetadata(2, Optional.of(0), "set"), second, new OffsetAndMetadata(0))).all().get();
        scene.say("all", listed(scene, group, null));
        scene.say("asked for partitions", listed(scene, group, List.of(second, third)));
        scene.say("asked for what is not there", listed(scene, group, List.of(new TopicPartition(topic, 77), new TopicPartition(scene.name + "-absent", 0))));
        scene.say("described", describe(scene, group));
        try (var consumer = scene.unmanagedConsumer("group.id", group, "enable.auto.commit", "false")) {
            consumer.subscribe(List.of(topic));
            scene.expect("a member starts there", "[\"v 2\", \"v 3\", \"v 4\"]", Show.values(scene.read(consumer, 3)));
            scene.sayError("altered while a member runs", () -> scene.admin().alterConsumerGroupOffsets(group, Map.of(first, new OffsetAndMetadata(0))).all().get());
        }
        scene.await("the group is empty", () -> Groups.describe(scene, group).groupState() == GroupState.EMPTY);
        scene.admin().alterConsumerGroupOffsets(group, Map.of(first, new OffsetAndMetadata(4))).all().get();
        scene.say("altered after it left", listed(scene, group, null));
        scene.sayError("a topic that is not there", () -> scene.admin().alterConsumerGroupOffsets(group, Map.of(new TopicPartition(scene.name + "-absent", 0), new OffsetAndMetadata(1))).all().get());
        scene.sayError("a partition that is not there", () -> scene.admin().alterConsumerGroupOffsets(group, Map.of(new TopicPartition(topic, 50), new OffsetAndMetadata(1))).all().get());
        String other = scene.name + "-other";
        scene.admin().alterConsumerGroupOffsets(other, Map.of(third, new OffsetAndMetadata(9))).all().get();
        var both = scene.admin().listConsumerGroupOffsets(Map.of(group, new ListConsumerGroupOffsetsSpec(), other, new ListConsumerGroupOffsetsSpec())).all().get();
        for (String name : new TreeSet<>(both.keySet())) {
            scene.say("of two groups: " + name, show(both.get(name)));
        }
        afterDeletion(scene, topic, group);
    }

    /** Offsets go away with their topic. */
    private static void afterDeletion(Scene scene, String topic, String group) throws Exception {
        scene.admin().deleteTopics(List.of(topic)).all().get();
        scene.await("the offsets are gone", () -> listed(scene, group, null).equals("{}"));
        scene.say("after the topic was deleted", listed(scene, group, null));
    }

    private static String listed(Scene scene, String group, List<TopicPartition> partitions) throws Exception {
        ListConsumerGroupOffsetsSpec spec = new ListConsumerGroupOffsetsSpec().topicPartitions(partitions);
        return show(scene.admin().listConsumerGroupOffsets(Map.of(group, spec)).partitionsToOffsetAndMetadata(group).get());
    }

    private static String show(Map<TopicPartition, OffsetAndMetadata> offsets) {
        TreeMap<String, String> sorted = new TreeMap<>();
        offsets.forEach((partition, offset) -> sorted.put(partition.toString(), offset == null ? "none"
                : offset.offset() + " epoch " + offset.leaderEpoch().map(String::valueOf).orElse("none") + " \"" + offset.metadata() + "\""));
        return sorted.toString();
    }

    private static void removeMembers(Scene scene) throws Exception {
        String topic = scene.topic("topic", 6);
        String group = scene.name;
        Member first = staticMember(scene, "a", topic);
        Member second = staticMember(scene, "b", topic);
        scene.await("two members run", () -> first.assignment().size() == 3 && second.assignment().size() == 3 && Groups.stable(scene, group, 2));
        // A static member that was closed is still a member, until somebody removes it.
        second.leave();
        scene.say("one closed", describe(scene, group));
        RemoveMembersFromConsumerGroupResult removed = scene.admin().removeMembersFromConsumerGroup(group, removal("instance-b", "instance-x"));
        scene.say("instance-b", Show.errorOf(() -> removed.memberResult(new MemberToRemove("instance-b")).get()));
        scene.say("instance-x", Show.errorOf(() -> removed.memberResult(new MemberToRemove("instance-x")).get()));
        scene.await("the other has all", () -> first.assignment().size() == 6 && Groups.stable(scene, group, 1));
        scene.say("one removed", describe(scene, group));
        first.leave();
        scene.say("both closed", describe(scene, group));
        scene.say("all removed", Show.errorOf(() -> scene.admin().removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions()).all().get()));
        scene.say("then", describe(scene, group));
        scene.sayError("removed from an empty group", () -> scene.admin().removeMembersFromConsumerGroup(group, removal("instance-b")).all().get());
        scene.sayError("removed from an absent group", () -> scene.admin().removeMembersFromConsumerGroup(group + "-absent", removal("instance-b")).all().get());
        removeAlive(scene, topic);
    }

    /** A dynamic member that was removed while it runs joins again by itself. */
    private static void removeAlive(Scene scene, String topic) throws Exception {
        String group = scene.name + "-alive";
        Member alive = new Member(scene, "alive", group, List.of(topic), "heartbeat.interval.ms", "200");
        scene.await("the member runs", () -> alive.assignment().size() == 6 && Groups.stable(scene, group, 1));
        int events = alive.events.size();
        scene.admin().removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions()).all().get();
        scene.await("it has joined again", () -> alive.events.size() >= events + 2);
        scene.say("what a removed member is told", alive.events.subList(events, events + 2));
    }

    private static Member staticMember(Scene scene, String name, String topic) {
        return new Member(scene, name, scene.name, List.of(topic), "group.instance.id", "instance-" + name);
    }

    private static RemoveMembersFromConsumerGroupOptions removal(String... instances) {
        RemoveMembersFromConsumerGroupOptions options = new RemoveMembersFromConsumerGroupOptions(List.of(instances).stream().map(MemberToRemove::new).toList());
        options.reason("a test");
        return options;
    }
}

package clients;

import static clients.Show.utf8;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicPartition;

/** Members that come and go, with each assignor. */
final class Groups {
    static final int PARTITIONS = 6;
    private static final String PACKAGE = "org.apache.kafka.clients.consumer.";

    private Groups() {}

    static void addTo(Map<String, Main.Scenario> all) {
        Map<String, Object[]> assignors = new java.util.LinkedHashMap<>();
        assignors.put("default", new Object[0]);
        for (String name : List.of("RangeAssignor", "RoundRobinAssignor", "StickyAssignor", "CooperativeStickyAssignor")) {
            assignors.put(name.replace("Assignor", "").toLowerCase(), new Object[] {"partition.assignment.strategy", PACKAGE + name});
        }
        assignors.forEach((name, settings) -> all.put("group-two-" + name, scene -> two(new Group(scene, settings))));
        assignors.forEach((name, settings) -> all.put("group-three-" + name, scene -> three(new Group(scene, settings))));
        all.put("group-many-topics", Groups::manyTopics);
        all.put("group-more-members", Groups::moreMembers);
        all.put("group-common-assignor", Groups::commonAssignor);
    }

    private static void two(Group group) throws Exception {
        Member first = group.join("a");
        group.settle("one member", first);
        group.produceAndCompare("by one member", first);

        group.produce(60);
        Set<Integer> before = first.assignment();
        Member second = group.join("b");
        group.settle("second joined", first, second);
        group.sayKept("kept by a", before, first);
        group.compare("while the second joined", first, second);
        group.produceAndCompare("by two members", first, second);

        second.leave();
        group.settle("second left", first);
        group.produceAndCompare("by the one that stayed", first, second);
        first.leave();
        group.sayEmpty();
    }

    private static void three(Group group) throws Exception {
        Member first = group.join("a");
        Member second = group.join("b");
        group.settle("two at once", first, second);
        group.produceAndCompare("by two members", first, second);

        group.produce(60);
        Set<Integer> before = first.assignment();
        Member third = group.join("c");
        group.settle("third joined", first, second, third);
        group.sayKept("kept by a", before, first);
        group.compare("while the third joined", first, second, third);
        group.produceAndCompare("by three members", first, second, third);

        // The one that joined first is the group's leader.
        group.produce(60);
        first.leave();
        group.settle("first left", second, third);
        group.compare("while the first left", first, second, third);

        Member fourth = group.join("d");
        third.leave();
        group.settle("fourth came and third left", second, fourth);
        group.produceAndCompare("by the second and the fourth", first, second, third, fourth);
        fourth.leave();
        second.leave();
        group.sayEmpty();
    }

    /** Members that subscribe to different topics. */
    private static void manyTopics(Scene scene) throws Exception {
        String shared = scene.topic("shared", 4);
        String own = scene.topic("own", 2);
        Member both = new Member(scene, "both", scene.name, List.of(shared, own), "partition.assignment.strategy", PACKAGE + "RangeAssignor");
        Member one = new Member(scene, "one", scene.name, List.of(shared), "partition.assignment.strategy", PACKAGE + "RangeAssignor");
        scene.await("each has its part", () -> both.assignment().equals(Set.of(0, 1)) && one.assignment().equals(Set.of(2, 3)) && stable(scene, scene.name, 2));
        for (MemberDescription member : sortedMembers(describe(scene, scene.name))) {
            scene.say("assignment of " + member.clientId(), new TreeSet<>(member.assignment().topicPartitions().stream().map(TopicPartition::toString).toList()));
        }
    }

    /** Who gets no partition is a member too, and takes over when another leaves. */
    private static void moreMembers(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        Member first = new Member(scene, "a", scene.name, List.of(topic));
        scene.await("a owns the partition", () -> first.assignment().equals(Set.of(0)));
        Member second = new Member(scene, "b", scene.name, List.of(topic));
        scene.await("both are members", () -> first.assignment().equals(Set.of(0)) && stable(scene, scene.name, 2));
        scene.expect("partitions of b", Set.of(), second.assignment());
        first.leave();
        scene.await("b owns the partition", () -> second.assignment().equals(Set.of(0)));
        scene.fill(topic, 0, "v", 2);
        scene.await("b reads", () -> second.records.size() == 2);
        scene.say("b reads", Show.values(List.copyOf(second.records)));
    }

    /** A group changes its assignor when a member comes that has only one of those that the others have. */
    private static void commonAssignor(Scene scene) throws Exception {
        String topic = scene.topic("topic", 6);
        String both = PACKAGE + "RangeAssignor," + PACKAGE + "RoundRobinAssignor";
        Member first = new Member(scene, "a", scene.name, List.of(topic), "partition.assignment.strategy", both);
        Member second = new Member(scene, "b", scene.name, List.of(topic), "partition.assignment.strategy", both);
        scene.await("two members share", () -> first.assignment().size() == 3 && second.assignment().size() == 3 && stable(scene, scene.name, 2));
        scene.say("two members", describe(scene, scene.name).partitionAssignor() + " " + first.assignment() + " " + second.assignment());
        Member third = new Member(scene, "c", scene.name, List.of(topic), "partition.assignment.strategy", PACKAGE + "RoundRobinAssignor");
        scene.await("three members share", () -> first.assignment().size() == 2 && second.assignment().size() == 2
                && third.assignment().size() == 2 && stable(scene, scene.name, 3));
        scene.say("three members", describe(scene, scene.name).partitionAssignor() + " " + first.assignment() + " " + second.assignment() + " " + third.assignment());
    }

    static ConsumerGroupDescription describe(Scene scene, String group) throws Exception {
        return scene.admin().describeConsumerGroups(List.of(group)).all().get().get(group);
    }

    static boolean stable(Scene scene, String group, int members) throws Exception {
        try {
            ConsumerGroupDescription description = describe(scene, group);
            return description.groupState() == GroupState.STABLE && description.members().size() == members;
        } catch (java.util.concurrent.ExecutionException notYetThere) {
            return false;
        }
    }

    static List<MemberDescription> sortedMembers(ConsumerGroupDescription description) {
        List<MemberDescription> members = new ArrayList<>(description.members());
        members.sort((a, b) -> a.clientId().compareTo(b.clientId()));
        return members;
    }

    /** A topic of six partitions, its producer, and everything that its group ought to read. */
    private static final class Group {
        private final Scene scene;
        private final Object[] settings;
        private final String topic;
        private final KafkaProducer<byte[], byte[]> producer;
        private final Map<TopicPartition, List<ProducerRecord<byte[], byte[]>>> sent = new HashMap<>();
        /** Sticky assignors may choose differently from run to run, and an incremental rebalance may deliver a record again. */
        private final boolean deterministic;
        private final boolean incremental;
        private int produced;

        Group(Scene scene, Object[] settings) throws Exception {
            this.scene = scene;
            this.settings = settings;
            deterministic = !scene.name.contains("sticky");
            incremental = scene.name.contains("cooperative");
            topic = scene.topic("topic", PARTITIONS);
            producer = scene.producer("linger.ms", "5");
        }

        Member join(String name) {
            return new Member(scene, name, scene.name, List.of(topic), settings);
        }

        /** Waits until these and no others are members that share the partitions evenly, and shows the group as it is then. */
        void settle(String phase, Member... members) throws Exception {
            scene.await(phase + ": the group is stable", () -> {
                List<Integer> owned = new ArrayList<>();
                boolean even = true;
                for (Member member : members) {
                    if (member.error != null) {
                        throw new AssertionError(member.name + " ended: " + Show.error(member.error));
                    }
                    owned.addAll(member.assignment());
                    even &= member.assignment().size() == PARTITIONS / members.length;
                }
                Collections.sort(owned);
                return even && owned.equals(List.of(0, 1, 2, 3, 4, 5)) && stable(scene, scene.name, members.length);
            });
            ConsumerGroupDescription description = describe(scene, scene.name);
            scene.say(phase + ": group", description.groupState() + ", type " + description.type() + ", protocol " + description.partitionAssignor()
                    + ", simple " + description.isSimpleConsumerGroup() + ", members " + description.members().size());
            List<MemberDescription> described = sortedMembers(description);
            for (int i = 0; i < members.length; i++) {
                Set<Integer> partitions = new TreeSet<>();
                described.get(i).assignment().topicPartitions().forEach(partition -> partitions.add(partition.partition()));
                scene.same(phase + ": described partitions of " + members[i].name, members[i].assignment(), partitions);
                scene.say(phase + ": " + described.get(i).clientId() + " on " + described.get(i).host() + " owns",
                        deterministic ? partitions : partitions.size() + " partitions");
            }
        }

        void sayKept(String what, Set<Integer> before, Member member) {
            Set<Integer> kept = new TreeSet<>(before);
            kept.retainAll(member.assignment());
            scene.say(what, deterministic ? kept : kept.size() + " partitions");
            if (incremental) {
                List<String> lost = member.events.stream().filter(event -> event.equals("revoked " + before)).toList();
                scene.expect("times that a gave up everything it had", 0, lost.size());
            }
        }

        void produce(int count) throws Exception {
            List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
            for (int i = 0; i < count; i++, produced++) {
                TopicPartition partition = new TopicPartition(topic, produced % PARTITIONS);
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, partition.partition(), utf8("k" + produced), utf8("v" + produced));
                sent.computeIfAbsent(partition, none -> new ArrayList<>()).add(record);
                records.add(record);
            }
            List<RecordMetadata> results = scene.sendAll(producer, records);
            scene.same("records that were produced", count, results.size());
        }

        void produceAndCompare(String phase, Member... members) throws Exception {
            produce(60);
            compare(phase, members);
        }

        /** Every record that was ever sent was read by one of these, and is what was sent. */
        void compare(String phase, Member... members) throws Exception {
            Map<String, Integer> seen = new HashMap<>();
            scene.await(phase + ": all " + produced + " records are read", () -> {
                seen.clear();
                for (Member member : members) {
                    for (ConsumerRecord<byte[], byte[]> record : member.records) {
                        seen.merge(record.partition() + "/" + record.offset(), 1, Integer::sum);
                    }
                }
                return seen.size() >= produced;
            });
            scene.same(phase + ": records", produced, seen.size());
            for (Member member : members) {
                for (ConsumerRecord<byte[], byte[]> record : member.records) {
                    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                    scene.sameRecord(sent.get(partition).get((int) record.offset()), partition, record.offset(), record);
                }
            }
            scene.say(phase + ": records compared", seen.size());
            if (!incremental) {
                scene.expect(phase + ": records read twice", 0L, seen.values().stream().filter(times -> times > 1).count());
            }
        }

        void sayEmpty() throws Exception {
            scene.await("the group is empty", () -> describe(scene, scene.name).groupState() == GroupState.EMPTY);
            scene.say("all left: group", GroupAdmin.describe(scene, scene.name));
            Map<TopicPartition, OffsetAndMetadata> offsets = scene.admin().listConsumerGroupOffsets(scene.name).partitionsToOffsetAndMetadata().get();
            Map<Integer, Long> committed = new TreeMap<>();
            offsets.forEach((partition, offset) -> committed.put(partition.partition(), offset.offset()));
            for (int partition = 0; partition < PARTITIONS; partition++) {
                scene.same("committed in partition " + partition, (long) produced / PARTITIONS, committed.get(partition));
            }
            scene.say("all left: committed", committed);
        }
    }
}

package connect;

import java.io.File;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** MirrorMaker 2 from the broker to an Apache Kafka: records, topic settings and the offsets of groups. */
final class Mirror {
    private static final String TOPIC = "mirrored";
    private static final String COPY = "source.mirrored";
    private static final String GROUP = "mirrored-group";
    private static final int PARTITIONS = 3;
    private static final long FIRST_TIMESTAMP = 1_700_000_000_000L;

    private Mirror() {}

    static void mirror(Scene scene) throws Exception {
        String target = startTarget(scene);
        Admin source = scene.admin(scene.bootstrap());
        source.createTopics(List.of(new NewTopic(TOPIC, PARTITIONS, (short) 1)
            .configs(Map.of("max.message.bytes", "777777", "retention.ms", "-1")))).all().get();
        send(scene, 0, 30);
        commit(scene);
        scene.java("org.apache.kafka.connect.mirror.MirrorMaker", scene.properties("mm2.properties", settings(scene, target)));
        Admin mirrored = scene.admin(target);
        scene.until("the mirrored topic is there", true, () -> mirrored.listTopics().names().get().contains(COPY));
        same(scene, target, 30);
        // While it runs, and into a topic that has more partitions than before.
        source.createPartitions(Map.of(TOPIC, org.apache.kafka.clients.admin.NewPartitions.increaseTo(PARTITIONS + 1))).all().get();
        scene.until("the partitions of the copy", PARTITIONS + 1,
            () -> mirrored.describeTopics(List.of(COPY)).allTopicNames().get().get(COPY).partitions().size());
        send(scene, 30, 40);
        for (ConsumerRecord<String, String> record : same(scene, target, 40)) {
            scene.say("copy " + record.partition() + " " + record.offset(), show(record));
        }
        settingsOfTheCopy(scene, mirrored);
        offsetsOfTheGroup(scene, mirrored);
        Set<String> internal = new TreeSet<>(source.listTopics().names().get());
        internal.removeIf(topic -> topic.startsWith("__"));
        scene.say("topics of the source", internal);
        heartbeats(scene, target);
    }

    /** An Apache Kafka of the scenario's own. */
    private static String startTarget(Scene scene) throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        File output = scene.file("target.out").toFile();
        Process process = scene.process(List.of(System.getProperty("apache.kafka"), "" + port), output);
        scene.until("Apache Kafka listens", true, () -> {
            scene.equal("Apache Kafka is alive", true, process.isAlive());
            return Files.readString(output.toPath()).contains("listening on");
        });
        return "127.0.0.1:" + port;
    }

    private static Map<String, String> settings(Scene scene, String target) {
        Map<String, String> settings = new HashMap<>();
        settings.put("clusters", "source, target");
        settings.put("source.bootstrap.servers", scene.bootstrap());
        settings.put("target.bootstrap.servers", target);
        settings.put("source->target.enabled", "true");
        settings.put("source->target.topics", TOPIC);
        settings.put("source->target.groups", GROUP);
        settings.put("source->target.sync.group.offsets.enabled", "true");
        settings.put("target->source.enabled", "false");
        settings.put("plugin.discovery", "service_load");
        for (String topic : List.of("", "config.storage.", "offset.storage.", "status.storage.", "checkpoints.topic.", "heartbeats.topic.", "offset-syncs.topic.")) {
            settings.put(topic + "replication.factor", "1");
        }
        for (String interval : List.of("refresh.topics", "refresh.groups", "sync.topic.configs", "emit.checkpoints", "sync.group.offsets", "emit.heartbeats")) {
            settings.put(interval + ".interval.seconds", "1");
        }
        // Each record is a point from which offsets are translated, so a group's offset is translated exactly.
        settings.put("offset.lag.max", "0");
        settings.put("offset.flush.interval.ms", "500");
        return settings;
    }

    private static void send(Scene scene, int from, int to) throws Exception {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(
            Map.of("bootstrap.servers", scene.bootstrap(), "compression.type", "lz4", "linger.ms", "10"),
            new StringSerializer(), new StringSerializer())) {
            List<java.util.concurrent.Future<?>> sent = new ArrayList<>();
            for (int i = from; i < to; i++) {
                ProducerRecord<String, String> record = new ProducerRecord<>(TOPIC, i % (from == 0 ? PARTITIONS : PARTITIONS + 1),
                    FIRST_TIMESTAMP + i, i % 5 == 0 ? null : "key " + i, i % 7 == 0 ? null : "value " + i);
                record.headers().add("number", ("" + i).getBytes(StandardCharsets.UTF_8));
                record.headers().add("none", null);
                sent.add(producer.send(record));
            }
            for (var one : sent) {
                one.get();
            }
        }
    }

    private static void commit(Scene scene) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (int partition = 0; partition < PARTITIONS; partition++) {
            offsets.put(new TopicPartition(TOPIC, partition), new OffsetAndMetadata(10, "read"));
        }
        Map<String, Object> settings = Map.of("bootstrap.servers", scene.bootstrap(), "group.id", GROUP, "enable.auto.commit", "false");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(offsets.keySet());
            consumer.commitSync(offsets);
        }
    }

    private static String show(ConsumerRecord<String, String> record) {
        List<String> headers = new ArrayList<>();
        record.headers().forEach(header -> headers.add(header.key() + ":"
            + (header.value() == null ? null : new String(header.value(), StandardCharsets.UTF_8))));
        return record.key() + " -> " + record.value() + " at +" + (record.timestamp() - FIRST_TIMESTAMP) + " " + headers;
    }

    /** The copy holds what the source holds, partition by partition and offset by offset. */
    private static List<ConsumerRecord<String, String>> same(Scene scene, String target, int count) {
        List<ConsumerRecord<String, String>> originals = scene.read(scene.bootstrap(), TOPIC, count);
        List<ConsumerRecord<String, String>> copies = scene.read(target, COPY, count);
        for (int i = 0; i < count; i++) {
            ConsumerRecord<String, String> original = originals.get(i);
            ConsumerRecord<String, String> copy = copies.get(i);
            scene.equal("the partition of the copy", original.partition(), copy.partition());
            scene.equal("the offset of the copy", original.offset(), copy.offset());
            scene.equal("the copy", show(original), show(copy));
        }
        return copies;
    }

    private static void settingsOfTheCopy(Scene scene, Admin mirrored) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, COPY);
        for (Map.Entry<String, String> setting : Map.of("max.message.bytes", "777777", "retention.ms", "-1").entrySet()) {
            scene.until("the copy's " + setting.getKey(), setting.getValue(),
                () -> mirrored.describeConfigs(List.of(resource)).all().get().get(resource).get(setting.getKey()).value());
        }
        scene.say("settings of the copy", "those of the source");
    }

    private static void offsetsOfTheGroup(Scene scene, Admin mirrored) throws Exception {
        for (int partition = 0; partition < PARTITIONS; partition++) {
            TopicPartition copy = new TopicPartition(COPY, partition);
            scene.until("the group's offset in " + copy, 10L, () -> {
                OffsetAndMetadata committed = mirrored.listConsumerGroupOffsets(GROUP).partitionsToOffsetAndMetadata().get().get(copy);
                return committed == null ? -1 : committed.offset();
            });
            scene.say("group's offset in " + copy, 10);
        }
    }

    private static void heartbeats(Scene scene, String target) throws Exception {
        Admin admin = scene.admin(target);
        scene.until("heartbeats are mirrored", true, () -> admin.listTopics().names().get().contains("source.heartbeats"));
        scene.say("heartbeats", "are mirrored");
    }
}

package connect;

import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Kafka Connect standalone: from a file into a topic and from the topic into another file. */
final class Files {
    private static final String MAIN = "org.apache.kafka.connect.cli.ConnectStandalone";
    private static final String TOPIC = "connect-lines";

    private Files() {}

    static void file(Scene scene) throws Exception {
        Path input = scene.file("input.txt");
        Path output = scene.file("output.txt");
        Path worker = scene.properties("worker.properties", Map.of(
            "bootstrap.servers", scene.bootstrap(),
            "key.converter", "org.apache.kafka.connect.storage.StringConverter",
            "value.converter", "org.apache.kafka.connect.json.JsonConverter",
            "offset.storage.file.filename", scene.file("offsets").toString(),
            "offset.flush.interval.ms", "500",
            "plugin.discovery", "service_load",
            "listeners", "http://127.0.0.1:0"));
        Path source = scene.properties("source.properties", Map.of(
            "name", "file-source",
            "connector.class", "org.apache.kafka.connect.file.FileStreamSourceConnector",
            "file", input.toString(),
            "topic", TOPIC,
            // The topic is Connect's to make.
            "topic.creation.default.partitions", "1",
            "topic.creation.default.replication.factor", "1"));
        Path sink = scene.properties("sink.properties", Map.of(
            "name", "file-sink",
            "connector.class", "org.apache.kafka.connect.file.FileStreamSinkConnector",
            "file", output.toString(),
            "topics", TOPIC));

        List<String> lines = new ArrayList<>();
        // ASCII only: the file source counts characters, and finds its place again by bytes.
        append(input, lines, "first", "", "third: \"quoted\"", "fourth");
        Process first = scene.java(MAIN, worker, source, sink);
        scene.until("the other file", lines, () -> lines(output));
        append(input, lines, "while it runs");
        scene.until("the other file", lines, () -> lines(output));
        Scene.stop(first);
        scene.say("lines after the first run", lines(output));
        append(input, lines, "while nobody runs");

        // Where both of them were stands in the worker's file and in the group's offsets: nothing is copied twice.
        scene.java(MAIN, worker, source, sink);
        scene.until("the other file", lines, () -> lines(output));
        append(input, lines, "again", "last");
        scene.until("the other file", lines, () -> lines(output));
        scene.say("lines after the second run", lines(output));
        for (ConsumerRecord<String, String> record : scene.read(scene.bootstrap(), TOPIC, lines.size())) {
            scene.say("record " + record.offset(), record.key() + " -> " + record.value());
        }
        var admin = scene.admin(scene.bootstrap());
        var partition = new TopicPartition(TOPIC, 0);
        scene.until("the sink's offset", (long) lines.size(), () -> {
            OffsetAndMetadata committed = admin.listConsumerGroupOffsets("connect-file-sink").partitionsToOffsetAndMetadata().get().get(partition);
            return committed == null ? -1 : committed.offset();
        });
        var group = admin.describeConsumerGroups(List.of("connect-file-sink")).all().get().get("connect-file-sink");
        scene.say("group", group.groupState() + " " + group.partitionAssignor() + " with " + group.members().size() + " members");
    }

    private static void append(Path file, List<String> all, String... lines) throws Exception {
        java.nio.file.Files.write(file, List.of(lines), CREATE, APPEND);
        all.addAll(List.of(lines));
    }

    private static List<String> lines(Path file) throws Exception {
        return java.nio.file.Files.exists(file) ? java.nio.file.Files.readAllLines(file) : List.of();
    }
}

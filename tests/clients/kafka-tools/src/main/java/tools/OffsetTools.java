package tools;

import static tools.Tool.DELETE_RECORDS;
import static tools.Tool.GET_OFFSETS;

import java.util.List;
import java.util.Map;

/** kafka-get-offsets and kafka-delete-records. */
final class OffsetTools {
    static void addTo(Map<String, Main.Scenario> all) {
        all.put("get-offsets", OffsetTools::getOffsets);
        all.put("delete-records", OffsetTools::deleteRecords);
    }

    private static void getOffsets(Scene scene) throws Exception {
        scene.createTopic("offsets", 3);
        scene.produce("offsets", 0, 10);
        scene.produce("offsets", 2, 4);
        List<String> latest = scene.ok(GET_OFFSETS, "--topic", "offsets");
        scene.equal("the ends", List.of("offsets:0:10", "offsets:1:0", "offsets:2:4"), latest);
        for (String time : new String[] {"earliest", "latest", "max-timestamp", "earliest-local", "latest-tiered", "earliest-pending-upload",
            "-1", "-2", "-3", "0", "" + Scene.FIRST_TIMESTAMP, "" + (Scene.FIRST_TIMESTAMP + 2500), "" + (Scene.FIRST_TIMESTAMP + 9000),
            "" + (Scene.FIRST_TIMESTAMP + 9001)}) {
            scene.ok(GET_OFFSETS, "--topic", "offsets", "--time", time);
        }
        scene.ok(GET_OFFSETS, "--topic", "offsets", "--partitions", "0,2");
        scene.ok(GET_OFFSETS, "--topic-partitions", "off.*:1-");
        scene.ok(GET_OFFSETS, "--topic-partitions", "offsets:0,offsets:-2", "--exclude-internal-topics");
        scene.fails(GET_OFFSETS, "--topic", "not-there");
        scene.fails(GET_OFFSETS, "--topic", "offsets", "--partitions", "9");
        scene.fails(GET_OFFSETS, "--topic", "offsets", "--time", "yesterday");
        scene.ok(Tool.TOPICS, "--delete", "--topic", "offsets");
    }

    private static String json(String topic, int partition, long offset) {
        return "{\"version\":1,\"partitions\":[{\"topic\":\"%s\",\"partition\":%d,\"offset\":%d}]}".formatted(topic, partition, offset);
    }

    private static void deleteRecords(Scene scene) throws Exception {
        scene.createTopic("shortened", 2);
        scene.produce("shortened", 0, 10);
        scene.produce("shortened", 1, 4);
        scene.ok(DELETE_RECORDS, "--offset-json-file", scene.file(json("shortened", 0, 4)));
        scene.equal("the begins", List.of("shortened:0:4", "shortened:1:0"),
            scene.ok(GET_OFFSETS, "--topic", "shortened", "--time", "earliest"));
        scene.ok(DELETE_RECORDS, "--offset-json-file", scene.file(json("shortened", 0, 2)));
        scene.ok(DELETE_RECORDS, "--offset-json-file", scene.file(json("shortened", 1, -1)));
        scene.ok(DELETE_RECORDS, "--offset-json-file", scene.file(json("shortened", 0, 11)));
        scene.ok(DELETE_RECORDS, "--offset-json-file", scene.file(json("shortened", 0, -2)));
        scene.fails(DELETE_RECORDS, "--offset-json-file", scene.file("{\"version\":1,\"partitions\":["
            + "{\"topic\":\"shortened\",\"partition\":0,\"offset\":1},{\"topic\":\"shortened\",\"partition\":0,\"offset\":2}]}"));
        scene.ok(GET_OFFSETS, "--topic", "shortened", "--time", "earliest");
        scene.equal("the ends", List.of("shortened:0:10", "shortened:1:4"), scene.ok(GET_OFFSETS, "--topic", "shortened"));
        scene.ok(GET_OFFSETS, "--topic", "shortened", "--time", "" + Scene.FIRST_TIMESTAMP);
        List<String> left = scene.shown(Tool.CONSOLE_CONSUMER, 0, lines -> lines, "", "--topic", "shortened", "--partition", "0",
            "--offset", "earliest", "--max-messages", "6");
        scene.equal("what is left", List.of("v4", "v5", "v6", "v7", "v8", "v9"), left.subList(0, 6));
        scene.ok(Tool.TOPICS, "--delete", "--topic", "shortened");
    }
}

package tools;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** The tools that write and read records. */
final class RecordTools {
    static void addTo(Map<String, Main.Scenario> all) {
        all.put("console", RecordTools::console);
        all.put("verifiable", RecordTools::verifiable);
        all.put("performance", RecordTools::performance);
        all.put("end-to-end", RecordTools::endToEnd);
    }

    private static void console(Scene scene) throws Exception {
        scene.createTopic("typed", 1);
        String input = "h1:a,h2:b\tkey 1\tvalue 1\nh3:\tkey 2\tžluťoučký\nNULL\tNULL\tvalue 3\n";
        scene.shown(Tool.CONSOLE_PRODUCER, 0, lines -> lines, input, "--topic", "typed", "--reader-property", "parse.key=true",
            "--reader-property", "parse.headers=true", "--reader-property", "null.marker=NULL", "--sync",
            "--command-property", "linger.ms=0");
        List<String> read = scene.ok(Tool.CONSOLE_CONSUMER, "--topic", "typed", "--from-beginning", "--max-messages", "3",
            "--formatter-property", "print.key=true", "--formatter-property", "print.headers=true",
            "--formatter-property", "print.offset=true", "--formatter-property", "print.partition=true",
            "--formatter-property", "null.literal=NULL");
        scene.check("the records are what was typed", read.containsAll(List.of(
            "Partition:0\tOffset:0\th1:a,h2:b\tkey 1\tvalue 1", "Partition:0\tOffset:1\th3:\tkey 2\tžluťoučký",
            "Partition:0\tOffset:2\tNO_HEADERS\tNULL\tvalue 3")), read);
        scene.ok(Tool.CONSOLE_CONSUMER, "--topic", "typed", "--partition", "0", "--offset", "1", "--max-messages", "1");
        scene.ok(Tool.CONSOLE_CONSUMER, "--topic", "typed", "--from-beginning", "--group", "typed-group", "--max-messages", "2",
            "--isolation-level", "read_committed");
        scene.ok(Tool.CONSOLE_CONSUMER, "--topic", "typed", "--partition", "0", "--offset", "latest", "--timeout-ms", "300");
        for (String codec : new String[] {"gzip", "snappy", "lz4", "zstd"}) {
            scene.shown(Tool.CONSOLE_PRODUCER, 0, lines -> lines, codec + "\n" + codec + "\n", "--topic", "typed",
                "--compression-codec", codec, "--command-property", "linger.ms=20");
        }
        List<String> compressed = scene.ok(Tool.CONSOLE_CONSUMER, "--topic", "typed", "--partition", "0", "--offset", "3", "--max-messages", "8");
        scene.equal("the compressed ones", List.of("gzip", "gzip", "snappy", "snappy", "lz4", "lz4", "zstd", "zstd"), compressed.subList(0, 8));
        scene.ok(Tool.CONSUMER_GROUPS, "--delete", "--group", "typed-group");
        scene.ok(Tool.TOPICS, "--delete", "--topic", "typed");
    }

    /** Keeps what is the same however many batches the records came in. */
    private static UnaryOperator<List<String>> events(String... dropped) {
        return lines -> lines.stream()
            .filter(line -> java.util.Arrays.stream(dropped).noneMatch(line::contains))
            .map(line -> line.replaceAll("\"timestamp\":\\d+,?", "").replaceAll("\"avg_throughput\":[0-9.E]+", "\"avg_throughput\":N"))
            .toList();
    }

    private static void verifiable(Scene scene) throws Exception {
        scene.createTopic("verified", 1);
        List<String> sent = scene.shown(Tool.VERIFIABLE_PRODUCER, 0, events(), "", "--topic", "verified", "--max-messages", "20",
            "--value-prefix", "7", "--repeating-keys", "3", "--acks", "-1", "--message-create-time", "" + Scene.FIRST_TIMESTAMP);
        scene.equal("acknowledged", 20L, sent.stream().filter(line -> line.contains("producer_send_success")).count());
        List<String> got = scene.shown(Tool.VERIFIABLE_CONSUMER, 0, events("records_consumed"), "", "--topic", "verified",
            "--group-id", "verified-group", "--max-messages", "20", "--verbose");
        scene.equal("consumed", 20L, got.stream().filter(line -> line.contains("record_data")).count());
        scene.ok(Tool.CONSUMER_GROUPS, "--describe", "--group", "verified-group", "--offsets");
        scene.ok(Tool.CONSUMER_GROUPS, "--delete", "--group", "verified-group");
        scene.ok(Tool.TOPICS, "--delete", "--topic", "verified");
    }

    private static void performance(Scene scene) throws Exception {
        scene.createTopic("hurried", 1);
        UnaryOperator<List<String>> sent = lines -> Scene.replacing(" records sent,.*", " records sent")
            .apply(lines.subList(Math.max(0, lines.size() - 1), lines.size()));
        scene.shown(Tool.PRODUCER_PERFORMANCE, 0, sent, "", "--topic", "hurried", "--num-records", "20000", "--record-size", "100",
            "--throughput", "-1");
        scene.shown(Tool.PRODUCER_PERFORMANCE, 0, sent, "", "--topic", "hurried", "--num-records", "2000", "--record-size", "1000",
            "--throughput", "-1", "--command-property", "compression.type=lz4", "linger.ms=5");
        scene.equal("the end", List.of("hurried:0:22000"), scene.ok(Tool.GET_OFFSETS, "--topic", "hurried"));
        // How many transactions there are depends on the time that they take, so only the records are looked at.
        scene.shown(Tool.PRODUCER_PERFORMANCE, 0, sent, "", "--topic", "hurried", "--num-records", "3000", "--record-size", "10",
            "--throughput", "-1", "--transactional-id", "hurried-tx", "--transaction-duration-ms", "20");
        List<String> read = scene.shown(Tool.CONSUMER_PERFORMANCE, 0, RecordTools::counts, "", "--topic", "hurried",
            "--num-records", "25000", "--group", "hurried-group");
        scene.check("25000 records are read", counts(read).stream().anyMatch(line -> line.endsWith(" 25000")), read);
        scene.shown(Tool.CONSUMER_PERFORMANCE, 0, RecordTools::counts, "", "--topic", "hurried", "--num-records", "22000", "--from-latest",
            "--group", "hurried-late", "--timeout", "500");
        scene.ok(Tool.TOPICS, "--delete", "--topic", "hurried");
    }

    /** The columns of kafka-consumer-perf-test that are no times: megabytes and records. */
    private static List<String> counts(List<String> lines) {
        List<String> kept = new ArrayList<>();
        for (String line : lines) {
            String[] cells = line.split(", ");
            kept.add(cells.length > 5 ? cells[2] + " " + cells[4] : line);
        }
        return kept;
    }

    private static void endToEnd(Scene scene) throws Exception {
        scene.createTopic("timed", 1);
        List<String> seen = scene.shown(Tool.END_TO_END, 0, Scene.replacing("[0-9]+\\.[0-9]+|= \\d+", "N"), "", "timed", "30", "1", "100");
        scene.check("the latencies are shown", seen.stream().anyMatch(line -> line.contains("Percentiles")), seen);
        scene.shown(Tool.END_TO_END, 0, Scene.replacing("[0-9]+\\.[0-9]+|= \\d+", "N"), "", "timed", "30", "all", "100");
        scene.equal("the records", List.of("timed:0:60"), scene.ok(Tool.GET_OFFSETS, "--topic", "timed"));
        scene.ok(Tool.TOPICS, "--delete", "--topic", "timed");
    }
}

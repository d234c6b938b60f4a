package tools;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** One scenario: runs tools and writes what they print into the transcript, without what differs from run to run. */
final class Scene implements AutoCloseable {
    /** When the first record of {@link #produce} was written, in milliseconds; each further one is a second later. */
    static final long FIRST_TIMESTAMP = 1_700_000_000_000L;

    private static final int ANY_STATUS = -1;
    private static final long SETTLE_MS = 100;
    /** Options of commands that change what the next command shows. */
    private static final List<String> CHANGING = List.of("--alter", "--create", "--delete", "--execute");

    private record Rule(Pattern pattern, String replacement) {}

    private final String name;
    private final String bootstrap;
    private final PrintStream transcript;
    private final List<Path> files = new ArrayList<>();
    private final List<AutoCloseable> opened = new ArrayList<>();
    private final List<Rule> rules = new ArrayList<>();

    Scene(String name, String bootstrap, PrintStream transcript) {
        this.name = name;
        this.bootstrap = bootstrap;
        this.transcript = transcript;
        hide(Pattern.quote(bootstrap), "BOOTSTRAP");
        hide("\\b" + bootstrap.substring(bootstrap.lastIndexOf(':') + 1) + "\\b", "PORT");
        hide("TopicId: [A-Za-z0-9_-]{22}", "TopicId: ID");
        hide("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID");
    }

    String name() {
        return name;
    }

    String bootstrap() {
        return bootstrap;
    }

    /** What fits the pattern is random or a time, and is replaced wherever it comes. */
    void hide(String pattern, String replacement) {
        rules.add(new Rule(Pattern.compile(pattern), replacement));
    }

    void say(String what, Object value) {
        transcript.println(name + ": " + what + " = " + value);
    }

    /** Runs a tool that has to succeed. */
    List<String> ok(Tool tool, String... arguments) throws Exception {
        return shown(tool, 0, UnaryOperator.identity(), "", arguments);
    }

    /** Runs a tool that has to fail. */
    List<String> fails(Tool tool, String... arguments) throws Exception {
        return shown(tool, 1, UnaryOperator.identity(), "", arguments);
    }

    /** Runs a tool that says by itself whether it is served; the transcript shows it. */
    void any(Tool tool, String... arguments) throws Exception {
        shown(tool, ANY_STATUS, UnaryOperator.identity(), "", arguments);
    }

    /** Runs a tool that has to succeed and whose lines come in any order. */
    List<String> sorted(Tool tool, String... arguments) throws Exception {
        return shown(tool, 0, lines -> lines.stream().sorted().toList(), "", arguments);
    }

    /** Runs a tool and shows its lines after `filter` has taken out what is different in each run. */
    List<String> shown(Tool tool, int status, UnaryOperator<List<String>> filter, String input, String... arguments)
        throws Exception {
        long start = System.nanoTime();
        Tool.Output output = call(tool, input, arguments);
        long took = (System.nanoTime() - start) / 1_000_000;
        if (took > 1000) {
            System.err.println(name + ": " + tool.title + " took " + took + " ms");
        }
        String command = clean(tool.title + " " + String.join(" ", arguments));
        List<String> lines = filter.apply(output.lines()).stream().map(this::clean).toList();
        for (String line : lines) {
            if (!line.isBlank() && !isStackFrame(line)) {
                transcript.println(name + ": " + command + " | " + line);
            }
        }
        say(command, "exit " + output.status());
        check(command + " ends with " + status, status == ANY_STATUS || output.status() == status, output.lines());
        if (CHANGING.stream().anyMatch(List.of(arguments)::contains)) {
            // Apache Kafka answers when its controller has decided; its broker learns that a moment later.
            Thread.sleep(SETTLE_MS);
        }
        return output.lines();
    }

    /** Runs a tool without showing anything. */
    Tool.Output call(Tool tool, String input, String... arguments) throws Exception {
        List<String> all = new ArrayList<>(Arrays.asList(arguments));
        if (tool == Tool.END_TO_END) {
            all.add(0, bootstrap);
        } else if (tool != Tool.CLUSTER) {
            // The sub-commands of some tools want it before them.
            all.addAll(0, List.of("--bootstrap-server", bootstrap));
        } else {
            all.addAll(List.of("--bootstrap-server", bootstrap));
        }
        return tool.run(input, all.toArray(String[]::new));
    }

    private String clean(String line) {
        for (Path file : files) {
            line = line.replace(file.toString(), "FILE");
        }
        for (Rule rule : rules) {
            line = rule.pattern().matcher(line).replaceAll(rule.replacement());
        }
        // Columns are as wide as what is in them, and that may have been replaced; tables with dashes as well.
        return line.replaceAll("-{4,}", "----").replaceAll("\\s+", " ").strip();
    }

    private static boolean isStackFrame(String line) {
        return line.startsWith("at ") && line.endsWith(")") || line.matches("\\.\\.\\. \\d+ more");
    }

    /** A file with this content, which goes with the scenario. */
    String file(String content) throws IOException {
        Path file = Files.createTempFile("kafka-tools", ".file");
        files.add(file);
        Files.writeString(file, content);
        return file.toString();
    }

    void check(String what, boolean holds, Object seen) {
        if (!holds) {
            throw new AssertionError("expected: " + what + "; seen: " + seen);
        }
    }

    <T> void equal(String what, T expected, T seen) {
        check(what + " is " + expected, expected.equals(seen), seen);
    }

    Admin admin() {
        return opened(Admin.create(Map.of("bootstrap.servers", bootstrap)));
    }

    KafkaProducer<String, String> producer(Map<String, String> settings) {
        Map<String, Object> all = new java.util.HashMap<>(Map.of("bootstrap.servers", bootstrap));
        all.putAll(settings);
        return opened(new KafkaProducer<>(all, new StringSerializer(), new StringSerializer()));
    }

    /** Closes it with the scenario. */
    <T extends AutoCloseable> T opened(T closeable) {
        opened.add(closeable);
        return closeable;
    }

    void createTopic(String topic, int partitions) throws Exception {
        admin().createTopics(List.of(new org.apache.kafka.clients.admin.NewTopic(topic, partitions, (short) 1))).all().get();
    }

    /** Writes `v0`, `v1`, ... to a partition, a second apart, one batch for each. */
    void produce(String topic, int partition, int count) throws Exception {
        KafkaProducer<String, String> producer = producer(Map.of());
        for (int i = 0; i < count; i++) {
            long timestamp = FIRST_TIMESTAMP + i * 1000L;
            long offset = producer.send(new ProducerRecord<>(topic, partition, timestamp, "k" + i, "v" + i)).get().offset();
            equal("offset", (long) i, offset);
        }
    }

    /** Keeps the lines that contain one of these texts. */
    static UnaryOperator<List<String>> only(String... texts) {
        return lines -> lines.stream().filter(line -> Arrays.stream(texts).anyMatch(line::contains)).toList();
    }

    static UnaryOperator<List<String>> replacing(String pattern, String replacement) {
        return lines -> lines.stream().map(line -> line.replaceAll(pattern, replacement)).collect(Collectors.toList());
    }

    @Override
    public void close() {
        Collections.reverse(opened);
        for (AutoCloseable closeable : opened) {
            try {
                closeable.close();
            } catch (Exception late) {
                System.err.println(name + ": when closing: " + late);
            }
        }
        for (Path file : files) {
            file.toFile().delete();
        }
    }
}

package tools;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.ByteArrayInputStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/**
 * A command line tool, run in this process where it can be: its `main` is called, what it prints is caught, and its exit is
 * an exception, which saves the start of a process for each. One tool runs at a time, since stdout, stderr and stdin are the whole process's.
 */
enum Tool {
    ACLS("acls", "org.apache.kafka.tools.AclCommand"),
    API_VERSIONS("broker-api-versions", "org.apache.kafka.tools.BrokerApiVersionsCommand"),
    CLIENT_METRICS("client-metrics", "org.apache.kafka.tools.ClientMetricsCommand"),
    CLUSTER("cluster", "org.apache.kafka.tools.ClusterTool"),
    CONFIGS("configs", "kafka.admin.ConfigCommand"),
    CONSOLE_CONSUMER("console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
    CONSOLE_PRODUCER("console-producer", "org.apache.kafka.tools.ConsoleProducer"),
    CONSUMER_GROUPS("consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
    CONSUMER_PERFORMANCE("consumer-perf-test", "org.apache.kafka.tools.ConsumerPerformance"),
    DELETE_RECORDS("delete-records", "org.apache.kafka.tools.DeleteRecordsCommand"),
    END_TO_END("e2e-latency", "org.apache.kafka.tools.EndToEndLatency"),
    FEATURES("features", "org.apache.kafka.tools.FeatureCommand"),
    GET_OFFSETS("get-offsets", "org.apache.kafka.tools.GetOffsetShell"),
    GROUPS("groups", "org.apache.kafka.tools.GroupsCommand"),
    LEADER_ELECTION("leader-election", "org.apache.kafka.tools.LeaderElectionCommand"),
    LOG_DIRS("log-dirs", "org.apache.kafka.tools.LogDirsCommand"),
    METADATA_QUORUM("metadata-quorum", "org.apache.kafka.tools.MetadataQuorumCommand"),
    PRODUCER_PERFORMANCE("producer-perf-test", "org.apache.kafka.tools.ProducerPerformance"),
    REASSIGN("reassign-partitions", "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"),
    TOPICS("topics", "org.apache.kafka.tools.TopicCommand"),
    TRANSACTIONS("transactions", "org.apache.kafka.tools.TransactionsCommand"),
    VERIFIABLE_CONSUMER("verifiable-consumer", "org.apache.kafka.tools.VerifiableConsumer"),
    VERIFIABLE_PRODUCER("verifiable-producer", "org.apache.kafka.tools.VerifiableProducer");

    /** As in `bin/kafka-....sh`. */
    final String title;
    private final String mainClass;

    Tool(String title, String mainClass) {
        this.title = title;
        this.mainClass = mainClass;
    }

    record Output(int status, List<String> lines) {}

    /** The exit of a tool. An Error, because tools catch exceptions. */
    private static final class Exited extends Error {
        Exited() {
            super("the tool exits", null, false, false);
        }
    }

    /** What a tool prints until its exit; what it prints behind that, no real process would print. */
    private static final class Capture extends ByteArrayOutputStream {
        private Integer status;

        synchronized void end(int code) {
            if (status == null) {
                status = code;
            }
        }

        @Override
        public synchronized void write(int one) {
            if (status == null) {
                super.write(one);
            }
        }

        @Override
        public synchronized void write(byte[] bytes, int from, int count) {
            if (status == null) {
                super.write(bytes, from, count);
            }
        }

        synchronized Output output() {
            String text = toString(StandardCharsets.UTF_8);
            return new Output(status == null ? 0 : status, text.lines().toList());
        }
    }

    Output run(String input, String... arguments) throws Exception {
        // These two end their process by themselves, and print their last lines while it ends.
        return this == VERIFIABLE_CONSUMER || this == VERIFIABLE_PRODUCER ? runProcess(arguments) : runHere(input, arguments);
    }

    private Output runProcess(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-cp", System.getProperty("java.class.path"), mainClass));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        try {
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return new Output(process.waitFor(), text.lines().toList());
        } finally {
            process.destroyForcibly();
        }
    }

    /** Calls the tool's main method. Its stdout and stderr are one stream, as on a terminal. */
    private Output runHere(String input, String... arguments) throws Exception {
        PrintStream out = System.out;
        PrintStream err = System.err;
        InputStream in = System.in;
        Capture capture = new Capture();
        PrintStream caught = new PrintStream(capture, true, StandardCharsets.UTF_8);
        Exit.Procedure exit = (code, message) -> {
            capture.end(code);
            throw new Exited();
        };
        Exit.setExitProcedure(exit);
        Exit.setHaltProcedure(exit);
        List<Runnable> hooks = new ArrayList<>();
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        System.setOut(caught);
        System.setErr(caught);
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        try {
            Class.forName(mainClass).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof Exited)) {
                // A Java process shows what leaves its main method and ends with 1.
                caught.println("Exception in thread \"main\" " + thrown.getCause());
                capture.end(1);
            }
        } finally {
            // A producer's last records are sent here.
            hooks.forEach(Runnable::run);
            System.setOut(out);
            System.setErr(err);
            System.setIn(in);
        }
        return capture.output();
    }
}

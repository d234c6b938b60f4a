package connect;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Runs the scenarios against one broker: the transcript goes to stdout, everything else to stderr. */
final class Main {
    private static final long TIMEOUT_MS = 90_000;
    private static final long CLOSE_MS = 15_000;
    /** With a broker that answers nothing right, scenarios that have not begun by then do not begin any more. */
    private static final long TOTAL_MS = 180_000;

    interface Scenario {
        void run(Scene scene) throws Exception;
    }

    private static Map<String, Scenario> scenarios() {
        Map<String, Scenario> all = new LinkedHashMap<>();
        all.put("file", Files::file);
        all.put("mirror", Mirror::mirror);
        return all;
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 0) {
            System.err.println("usage: run BOOTSTRAP [SCENARIO...]");
            System.exit(2);
        }
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        List<String> wanted = List.of(arguments).subList(1, arguments.length);
        Map<String, Scenario> all = scenarios();
        for (String name : wanted) {
            if (!all.containsKey(name)) {
                System.err.println("there is no scenario '" + name + "'; there are " + all.keySet());
                System.exit(2);
            }
        }
        long start = System.nanoTime();
        int failed = 0;
        for (Map.Entry<String, Scenario> entry : all.entrySet()) {
            if (!wanted.isEmpty() && !wanted.contains(entry.getKey())) {
                continue;
            }
            if ((System.nanoTime() - start) / 1_000_000 > TOTAL_MS) {
                out.println(entry.getKey() + ": result = not run, too late");
                failed++;
            } else if (!runOne(new Scene(entry.getKey(), arguments[0], out), entry.getValue())) {
                failed++;
            }
        }
        // Threads of a scenario that hangs do not keep the program alive.
        Runtime.getRuntime().halt(failed == 0 ? 0 : 1);
    }

    private static boolean runOne(Scene scene, Scenario scenario) throws InterruptedException {
        long start = System.nanoTime();
        Throwable[] error = new Throwable[1];
        Thread thread = new Thread(() -> {
            try (scene) {
                scenario.run(scene);
            } catch (Throwable problem) {
                error[0] = problem;
            }
        }, scene.name());
        thread.setDaemon(true);
        thread.start();
        thread.join(TIMEOUT_MS);
        if (thread.isAlive()) {
            System.err.println(scene.name() + ": not finished after " + TIMEOUT_MS + " ms; it was here:");
            for (StackTraceElement element : thread.getStackTrace()) {
                System.err.println("    at " + element);
            }
            // It ends the processes that it started.
            thread.interrupt();
            thread.join(CLOSE_MS);
            scene.say("result", "failed");
            return false;
        }
        System.err.printf("%s: %d ms%n", scene.name(), (System.nanoTime() - start) / 1_000_000);
        if (error[0] != null) {
            System.err.println(scene.name() + ": failed: " + error[0].getMessage());
            error[0].printStackTrace();
        }
        scene.say("result", error[0] == null ? "passed" : "failed");
        return error[0] == null;
    }
}

package clients;

import java.io.FileOutputStream;
import java.io.FileDescriptor;
import java.io.IOException;
import java.io.PrintStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Runs the scenarios against one broker: the transcript goes to stdout, everything else to stderr. */
final class Main {
    private static final long TIMEOUT_MS = 60_000;
    /** With a broker that answers nothing right, scenarios that have not begun by then do not begin any more. */
    private static final long TOTAL_MS = 300_000;

    interface Scenario {
        void run(Scene scene) throws Exception;
    }

    private static Map<String, Scenario> scenarios() {
        Map<String, Scenario> all = new LinkedHashMap<>();
        RoundTrip.addTo(all);
        Producing.addTo(all);
        Fetching.addTo(all);
        Seeking.addTo(all);
        Commits.addTo(all);
        Groups.addTo(all);
        Members.addTo(all);
        Topics.addTo(all);
        Configs.addTo(all);
        GroupAdmin.addTo(all);
        Administration.addTo(all);
        Listing.addTo(all);
        Quotas.addTo(all);
        Transactions.addTo(all);
        Security.addTo(all);
        Cluster.addTo(all);
        return all;
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 0) {
            System.err.println("usage: run BOOTSTRAP [SCENARIO...]");
            System.exit(2);
        }
        // The transcript is UTF-8 whatever the locale is.
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        List<String> wanted = List.of(arguments).subList(1, arguments.length);
        Map<String, Scenario> all = scenarios();
        for (String name : wanted) {
            if (all.keySet().stream().noneMatch(scenario -> isWanted(scenario, Set.of(name)))) {
                System.err.println("there is no scenario '" + name + "'; there are " + all.keySet());
                System.exit(2);
            }
        }
        if (!accepts(arguments[0])) {
            System.err.println("nobody accepts connections at " + arguments[0]);
            System.exit(1);
        }
        long start = System.nanoTime();
        int failed = 0;
        for (Map.Entry<String, Scenario> entry : all.entrySet()) {
            if (!wanted.isEmpty() && !isWanted(entry.getKey(), Set.copyOf(wanted))) {
                continue;
            }
            if ((System.nanoTime() - start) / 1_000_000 > TOTAL_MS) {
                out.println(entry.getKey() + ": result = not run, too late");
                failed++;
            } else {
                failed += runOne(new Scene(entry.getKey(), arguments[0], out), entry.getValue()) ? 0 : 1;
            }
        }
        if (wanted.isEmpty()) {
            failed += runOne(new Scene(AdminMethods.SCENARIO, arguments[0], out), AdminMethods::check) ? 0 : 1;
        }
        // Threads of a scenario that hangs do not keep the program alive.
        System.exit(failed == 0 ? 0 : 1);
    }

    private static boolean accepts(String bootstrap) {
        int colon = bootstrap.lastIndexOf(':');
        try (Socket socket = new Socket(bootstrap.substring(0, colon), Integer.parseInt(bootstrap.substring(colon + 1)))) {
            return socket.isConnected();
        } catch (IOException refused) {
            return false;
        }
    }

    /** A scenario is asked for by its name, or by the front of its name: `group-two` asks for `group-two-range` too. */
    private static boolean isWanted(String scenario, Set<String> names) {
        return names.stream().anyMatch(name -> scenario.equals(name) || scenario.startsWith(name + "-"));
    }

    private static boolean runOne(Scene scene, Scenario scenario) throws InterruptedException {
        long start = System.nanoTime();
        Throwable[] error = new Throwable[1];
        Thread thread = new Thread(() -> {
            try {
                scenario.run(scene);
            } catch (Throwable problem) {
                error[0] = problem;
            } finally {
                scene.close();
            }
        }, scene.name);
        thread.setDaemon(true);
        thread.start();
        thread.join(TIMEOUT_MS);
        if (thread.isAlive()) {
            System.err.println(scene.name + ": not finished after " + TIMEOUT_MS + " ms; it was here:");
            for (StackTraceElement element : thread.getStackTrace()) {
                System.err.println("    at " + element);
            }
            thread.interrupt();
            scene.say("result", "failed");
            return false;
        }
        System.err.printf("%s: %d ms%n", scene.name, (System.nanoTime() - start) / 1_000_000);
        if (error[0] != null) {
            System.err.println(scene.name + ": failed: " + error[0].getMessage());
            error[0].printStackTrace();
        }
        scene.say("result", error[0] == null ? "passed" : "failed");
        return error[0] == null;
    }
}

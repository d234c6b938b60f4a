package clients;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.CreateDelegationTokenOptions;
import org.apache.kafka.clients.admin.DescribeDelegationTokenOptions;
import org.apache.kafka.clients.admin.DescribeUserScramCredentialsResult;
import org.apache.kafka.clients.admin.ExpireDelegationTokenOptions;
import org.apache.kafka.clients.admin.RenewDelegationTokenOptions;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialAlteration;
import org.apache.kafka.clients.admin.UserScramCredentialDeletion;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.admin.UserScramCredentialsDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.security.auth.KafkaPrincipal;

/** What a broker without security says about it. */
final class Security {
    private Security() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("security-passwords", Security::passwords);
        all.put("security-tokens", Security::tokens);
        all.put("security-sasl", Security::sasl);
    }

    private static UserScramCredentialAlteration set(String user, ScramMechanism mechanism, int iterations) {
        return new UserScramCredentialUpsertion(user, new ScramCredentialInfo(mechanism, iterations), "secret of " + user);
    }

    private static UserScramCredentialAlteration delete(String user, ScramMechanism mechanism) {
        return new UserScramCredentialDeletion(user, mechanism);
    }

    private static void passwords(Scene scene) throws Exception {
        ScramMechanism sha256 = ScramMechanism.SCRAM_SHA_256;
        ScramMechanism sha512 = ScramMechanism.SCRAM_SHA_512;
        sayUsers(scene, "at the start");
        sayUsers(scene, "asked for by name", "scram-a", "");
        alter(scene, "refused", set("", sha256, 4096), set("scram-few", sha256, 4095), set("scram-none", sha256, 0), set("scram-negative", sha512, -1),
                set("scram-many", sha512, 16385), set("scram-unknown", ScramMechanism.UNKNOWN, 4096), delete("scram-absent", sha256), delete("scram-strange", ScramMechanism.UNKNOWN));
        sayUsers(scene, "after what was refused");
        alter(scene, "set", set("scram-a", sha256, 4096), set("scram-b", sha512, 16384), set("scram-ü", sha256, 5000));
        awaitUsers(scene, 3);
        sayUsers(scene, "after three were set");
        alter(scene, "set again, and the other mechanism", set("scram-a", sha256, 6000), set("scram-b", sha256, 7000));
        scene.await("both have changed", () -> users(scene).get("scram-a").contains("6000") && users(scene).get("scram-b").contains("7000"));
        sayUsers(scene, "after that");
        alter(scene, "one user twice", set("scram-a", sha256, 4100), set("scram-a", sha512, 4100), set("scram-c", sha512, 4100));
        alter(scene, "set and deleted", delete("scram-b", sha256), set("scram-b", sha512, 4100));
        alter(scene, "the other mechanism deleted", delete("scram-a", sha512), delete("scram-b", sha512));
        awaitUsers(scene, 4);
        scene.await("one password is gone", () -> !users(scene).get("scram-b").contains("512"));
        sayUsers(scene, "after that as well");
        sayUsers(scene, "asked for, some there and some not", "scram-a", "scram-absent", "scram-c");
        sayUsers(scene, "asked for twice", "scram-a", "scram-a", "scram-b");
        alter(scene, "all deleted", delete("scram-a", sha256), delete("scram-b", sha256), delete("scram-c", sha512), delete("scram-ü", sha256));
        awaitUsers(scene, 0);
        sayUsers(scene, "at the end");
    }

    /** A line for each user, in the order of their names. */
    private static void alter(Scene scene, String what, UserScramCredentialAlteration... alterations) {
        Map<String, KafkaFuture<Void>> results = new TreeMap<>(scene.admin().alterUserScramCredentials(List.of(alterations)).values());
        results.forEach((user, result) -> scene.sayError(what + ", \"" + user + "\"", result::get));
    }

    private static Map<String, String> users(Scene scene) throws Exception {
        Map<String, String> users = new TreeMap<>();
        scene.admin().describeUserScramCredentials().all().get().forEach((user, description) -> users.put(user, show(description)));
        return users;
    }

    private static void awaitUsers(Scene scene, int count) throws Exception {
        scene.await("there are " + count + " users", () -> users(scene).size() == count);
    }

    /** Kafka tells the mechanisms of a user in any order. */
    private static String show(UserScramCredentialsDescription description) {
        return description.name() + " " + description.credentialInfos().stream().map(Object::toString).sorted().toList();
    }

    private static void sayUsers(Scene scene, String what, String... users) {
        DescribeUserScramCredentialsResult result = scene.admin().describeUserScramCredentials(users.length == 0 ? null : List.of(users));
        scene.sayError(what, () -> result.users().get().stream().sorted().toList());
        scene.sayError(what + ", all", () -> {
            result.all().get();
            return "an answer";
        });
        for (String user : List.of("scram-a", "scram-b", "scram-c", "scram-absent")) {
            scene.sayError(what + ", " + user, () -> show(result.description(user).get()));
        }
    }

    private static void tokens(Scene scene) {
        KafkaPrincipal alice = new KafkaPrincipal("User", "alice");
        KafkaPrincipal strange = new KafkaPrincipal("Planet", "mars");
        Map<String, CreateDelegationTokenOptions> created = new LinkedHashMap<>();
        created.put("for itself", new CreateDelegationTokenOptions());
        created.put("for somebody else", new CreateDelegationTokenOptions().owner(alice).renewers(List.of(alice)));
        created.put("for something else", new CreateDelegationTokenOptions().owner(strange).renewers(List.of(strange)));
        created.put("for a while", new CreateDelegationTokenOptions().maxLifetimeMs(1));
        created.forEach((what, options) -> scene.sayError("created " + what, () -> scene.admin().createDelegationToken(options).delegationToken().get()));
        for (String hmac : List.of("", "something")) {
            for (long period : new long[] {-1, 0, 1000}) {
                scene.sayError("renewed \"" + hmac + "\" for " + period, () -> scene.admin().renewDelegationToken(Show.utf8(hmac), new RenewDelegationTokenOptions().renewTimePeriodMs(period)).expiryTimestamp().get());
                scene.sayError("expired \"" + hmac + "\" in " + period, () -> scene.admin().expireDelegationToken(Show.utf8(hmac), new ExpireDelegationTokenOptions().expiryTimePeriodMs(period)).expiryTimestamp().get());
            }
        }
        scene.sayError("described", () -> scene.admin().describeDelegationToken().delegationTokens().get());
        for (List<KafkaPrincipal> owners : List.of(List.<KafkaPrincipal>of(), List.of(alice), List.of(alice, strange))) {
            scene.sayError("described of " + owners, () -> scene.admin().describeDelegationToken(new DescribeDelegationTokenOptions().owners(owners)).delegationTokens().get());
        }
    }

    /** Clients that want to prove who they are to a broker that does not want to know. */
    private static void sasl(Scene scene) {
        String plain = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"p\";";
        String scram = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" password=\"p\";";
        for (String mechanism : List.of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")) {
            var admin = scene.adminWith("security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", mechanism, "sasl.jaas.config", mechanism.equals("PLAIN") ? plain : scram,
                    "default.api.timeout.ms", "4000", "request.timeout.ms", "3000");
            scene.sayError(mechanism, () -> admin.describeCluster().nodes().get());
        }
    }
}

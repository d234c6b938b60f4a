package clients;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.AlterClientQuotasOptions;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaAlteration.Op;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.quota.ClientQuotaFilterComponent;

/** Quotas: set, described, and felt. */
final class Quotas {
    private Quotas() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("quotas", Quotas::described);
        all.put("quotas-refused", Quotas::refused);
        all.put("quota-producer", Quotas::producer);
        all.put("quota-consumer", Quotas::consumer);
        all.put("quota-mutations", Quotas::mutations);
    }

    /** An entity of types and names, where null is the default. */
    private static ClientQuotaEntity entity(String... parts) {
        Map<String, String> entries = new HashMap<>();
        for (int i = 0; i < parts.length; i += 2) {
            entries.put(parts[i], parts[i + 1]);
        }
        return new ClientQuotaEntity(entries);
    }

    private static void alter(Scene scene, ClientQuotaEntity entity, String key, Double value) throws Exception {
        scene.admin().alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(new Op(key, value))))).all().get();
    }

    private static String describe(Scene scene, ClientQuotaFilter filter) throws Exception {
        TreeSet<String> lines = new TreeSet<>();
        scene.admin().describeClientQuotas(filter).entities().get().forEach((entity, values) -> lines.add(new TreeMap<>(entity.entries()) + " " + new TreeMap<>(values)));
        return lines.toString();
    }

    private static void described(Scene scene) throws Exception {
        Map<ClientQuotaEntity, String> all = new LinkedHashMap<>();
        all.put(entity("user", "quota-user"), "consumer_byte_rate");
        all.put(entity("user", null), "request_percentage");
        all.put(entity("client-id", "quota-client"), "producer_byte_rate");
        all.put(entity("client-id", null), "controller_mutation_rate");
        all.put(entity("user", "quota-user", "client-id", "quota-client"), "consumer_byte_rate");
        all.put(entity("user", "quota-user", "client-id", null), "request_percentage");
        all.put(entity("user", null, "client-id", null), "producer_byte_rate");
        all.put(entity("ip", "10.0.0.9"), "connection_creation_rate");
        double value = 1_000_000;
        List<ClientQuotaAlteration> alterations = new ArrayList<>();
        for (Map.Entry<ClientQuotaEntity, String> quota : all.entrySet()) {
            alterations.add(new ClientQuotaAlteration(quota.getKey(), List.of(new Op(quota.getValue(), value++))));
        }
        scene.admin().alterClientQuotas(alterations, new AlterClientQuotasOptions().validateOnly(true)).all().get();
        scene.say("after validating", describe(scene, ClientQuotaFilter.all()));
        scene.admin().alterClientQuotas(alterations).all().get();
        scene.await("all are there", () -> scene.admin().describeClientQuotas(ClientQuotaFilter.all()).entities().get().size() == all.size());
        Map<String, ClientQuotaFilterComponent> components = new TreeMap<>();
        components.put("user quota-user", ClientQuotaFilterComponent.ofEntity("user", "quota-user"));
        components.put("user absent", ClientQuotaFilterComponent.ofEntity("user", "absent"));
        components.put("user default", ClientQuotaFilterComponent.ofDefaultEntity("user"));
        components.put("user any", ClientQuotaFilterComponent.ofEntityType("user"));
        components.put("client-id quota-client", ClientQuotaFilterComponent.ofEntity("client-id", "quota-client"));
        components.put("client-id any", ClientQuotaFilterComponent.ofEntityType("client-id"));
        components.put("ip any", ClientQuotaFilterComponent.ofEntityType("ip"));
        scene.say("all", describe(scene, ClientQuotaFilter.all()));
        for (Map.Entry<String, ClientQuotaFilterComponent> component : components.entrySet()) {
            scene.say(component.getKey(), describe(scene, ClientQuotaFilter.contains(List.of(component.getValue()))));
            scene.say(component.getKey() + ", and nothing else", describe(scene, ClientQuotaFilter.containsOnly(List.of(component.getValue()))));
        }
        Collection<ClientQuotaFilterComponent> two = List.of(components.get("user any"), components.get("client-id any"));
        scene.say("both", describe(scene, ClientQuotaFilter.contains(two)));
        scene.say("none", describe(scene, ClientQuotaFilter.containsOnly(List.of())));
        scene.sayError("two of one type", () -> describe(scene, ClientQuotaFilter.contains(List.of(components.get("user any"), components.get("user default")))));
        scene.sayError("addresses and users", () -> describe(scene, ClientQuotaFilter.contains(List.of(components.get("user any"), components.get("ip any")))));
        scene.sayError("another type", () -> describe(scene, ClientQuotaFilter.contains(List.of(ClientQuotaFilterComponent.ofEntityType("planet")))));
        for (Map.Entry<ClientQuotaEntity, String> quota : all.entrySet()) {
            alter(scene, quota.getKey(), quota.getValue(), null);
        }
        scene.await("all are gone", () -> describe(scene, ClientQuotaFilter.all()).equals("[]"));
        scene.say("at the end", describe(scene, ClientQuotaFilter.all()));
    }

    private static void refused(Scene scene) throws Exception {
        Map<String, ClientQuotaAlteration> bad = new LinkedHashMap<>();
        ClientQuotaEntity user = entity("user", "quota-user");
        bad.put("no part", new ClientQuotaAlteration(entity(), List.of(new Op("producer_byte_rate", 1.0))));
        bad.put("an empty name", new ClientQuotaAlteration(entity("user", ""), List.of(new Op("producer_byte_rate", 1.0))));
        bad.put("another type", new ClientQuotaAlteration(entity("planet", "x"), List.of(new Op("producer_byte_rate", 1.0))));
        bad.put("another key", new ClientQuotaAlteration(user, List.of(new Op("smell", 1.0))));
        bad.put("the key of addresses", new ClientQuotaAlteration(user, List.of(new Op("connection_creation_rate", 1.0))));
        bad.put("the key of clients", new ClientQuotaAlteration(entity("ip", "10.0.0.9"), List.of(new Op("producer_byte_rate", 1.0))));
        bad.put("no address", new ClientQuotaAlteration(entity("ip", "not.an.address.invalid"), List.of(new Op("connection_creation_rate", 1.0))));
        bad.put("an address and a user", new ClientQuotaAlteration(entity("ip", "10.0.0.9", "user", "x"), List.of(new Op("connection_creation_rate", 1.0))));
        bad.put("0", new ClientQuotaAlteration(user, List.of(new Op("producer_byte_rate", 0.0))));
        bad.put("below 0", new ClientQuotaAlteration(user, List.of(new Op("request_percentage", -0.5))));
        bad.put("half a byte", new ClientQuotaAlteration(user, List.of(new Op("consumer_byte_rate", 0.5))));
        bad.put("half a connection", new ClientQuotaAlteration(entity("ip", "10.0.0.9"), List.of(new Op("connection_creation_rate", 1.5))));
        bad.put("too much", new ClientQuotaAlteration(user, List.of(new Op("consumer_byte_rate", 1e30))));
        bad.put("too many connections", new ClientQuotaAlteration(entity("ip", "10.0.0.9"), List.of(new Op("connection_creation_rate", 3e9))));
        bad.put("one of two", new ClientQuotaAlteration(user, List.of(new Op("consumer_byte_rate", 5.0), new Op("smell", 1.0))));
        bad.put("one twice", new ClientQuotaAlteration(user, List.of(new Op("consumer_byte_rate", 5.0), new Op("consumer_byte_rate", 6.0))));
        bad.forEach((what, alteration) -> scene.sayError(what, () -> scene.admin().alterClientQuotas(List.of(alteration)).all().get()));
        scene.sayError("what is not there removed", () -> scene.admin().alterClientQuotas(List.of(new ClientQuotaAlteration(user, List.of(new Op("producer_byte_rate", null), new Op("smell", null))))).all().get());
        scene.say("at the end", describe(scene, ClientQuotaFilter.contains(List.of(ClientQuotaFilterComponent.ofEntity("user", "quota-user")))));
    }

    private static double metric(Map<MetricName, ? extends Metric> metrics, String name) {
        return metrics.entrySet().stream().filter(entry -> entry.getKey().name().equals(name)).mapToDouble(entry -> (Double) entry.getValue().metricValue()).max().orElse(Double.NaN);
    }

    private static void producer(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        ClientQuotaEntity limited = entity("client-id", "quota-slow");
        alter(scene, limited, "producer_byte_rate", 10_000.0);
        scene.await("the quota is there", () -> !describe(scene, ClientQuotaFilter.contains(List.of(ClientQuotaFilterComponent.ofEntity("client-id", "quota-slow")))).equals("[]"));
        for (String client : List.of("quota-slow", "quota-free")) {
            var producer = scene.producer("client.id", client, "batch.size", "1");
            for (int i = 0; i < 12; i++) {
                // Twelve times a tenth of what ten seconds allow.
                producer.send(new ProducerRecord<>(topic, 0, null, new byte[10_000])).get();
            }
            scene.say(client + " is slowed down", metric(producer.metrics(), "produce-throttle-time-max") > 0);
        }
        try (var consumer = scene.unmanagedConsumer()) {
            scene.expect("all was written", 24L, consumer.endOffsets(List.of(new TopicPartition(topic, 0))).get(new TopicPartition(topic, 0)));
        }
        alter(scene, limited, "producer_byte_rate", null);
    }

    private static void consumer(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (var producer = scene.producer("batch.size", "1")) {
            for (int i = 0; i < 12; i++) {
                producer.send(new ProducerRecord<>(topic, 0, null, new byte[10_000])).get();
            }
        }
        ClientQuotaEntity limited = entity("client-id", "quota-slow");
        alter(scene, limited, "consumer_byte_rate", 10_000.0);
        scene.await("the quota is there", () -> !describe(scene, ClientQuotaFilter.contains(List.of(ClientQuotaFilterComponent.ofEntity("client-id", "quota-slow")))).equals("[]"));
        try (var free = scene.unmanagedConsumer("client.id", "quota-free"); var slow = scene.unmanagedConsumer("client.id", "quota-slow")) {
            free.assign(List.of(partition));
            scene.say("another client reads", scene.read(free, 12).size());
            scene.say("it is slowed down", metric(free.metrics(), "fetch-throttle-time-max") > 0);
            slow.assign(List.of(partition));
            int before = scene.read(slow, 1).size();
            scene.await("the client is slowed down", () -> {
                slow.poll(Scene.SHORT);
                return metric(slow.metrics(), "fetch-throttle-time-max") > 0;
            });
            scene.say("the client reads something first", before > 0);
            scene.say("it is not through", slow.position(partition) < 12);
            alter(scene, limited, "consumer_byte_rate", null);
            scene.await("it is through", () -> {
                slow.poll(Scene.SHORT);
                return slow.position(partition) == 12;
            });
        }
    }

    private static void mutations(Scene scene) throws Exception {
        String client = "quota-eager";
        ClientQuotaEntity limited = entity("client-id", client);
        alter(scene, limited, "controller_mutation_rate", 1.0);
        scene.await("the quota is there", () -> !describe(scene, ClientQuotaFilter.contains(List.of(ClientQuotaFilterComponent.ofEntity("client-id", client)))).equals("[]"));
        try (var admin = scene.adminWith("client.id", client)) {
            CreateTopicsOptions once = new CreateTopicsOptions().retryOnQuotaViolation(false);
            scene.sayError("what was saved up, and more", () -> admin.createTopics(List.of(new NewTopic(scene.name + "-a", 13, (short) 1)), once).all().get());
            scene.sayError("too early", () -> admin.createTopics(List.of(new NewTopic(scene.name + "-b", 1, (short) 1)), once).all().get());
            scene.sayError("patiently", () -> admin.createTopics(List.of(new NewTopic(scene.name + "-c", 1, (short) 1))).all().get());
        }
        alter(scene, limited, "controller_mutation_rate", null);
    }
}

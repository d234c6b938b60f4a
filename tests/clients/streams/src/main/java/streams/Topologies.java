package streams;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.Stores;

/** Applications that read, keep, join and write. */
final class Topologies {
    private static final String COUNTS = "counts";

    private Topologies() {}

    /** Lines to words, which go through a repartition topic to a store that a changelog follows. */
    static Topology counting(Scene scene, Scene.Store store) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(scene.own("lines"))
            .flatMapValues(line -> Arrays.asList(line.split(" ")))
            .groupBy((key, word) -> word, Grouped.as("by-word"))
            .count(Materialized.<String, Long>as(store == Scene.Store.ROCKS_DB
                ? Stores.persistentKeyValueStore(COUNTS) : Stores.inMemoryKeyValueStore(COUNTS)).withValueSerde(Serdes.Long()))
            .toStream()
            .to(scene.own("counted"), Produced.with(Serdes.String(), Serdes.Long()));
        return builder.build();
    }

    /** What the store holds, as the application itself may ask for. */
    static Map<String, Long> counts(KafkaStreams streams) {
        Map<String, Long> all = new TreeMap<>();
        try (var rows = streams.store(StoreQueryParameters.fromNameAndType(COUNTS, QueryableStoreTypes.<String, Long>keyValueStore())).all()) {
            rows.forEachRemaining(row -> all.put(row.key, row.value));
        }
        return all;
    }

    static void wordCount(Scene scene, Scene.Guarantee guarantee) throws Exception {
        scene.createTopic("lines", 3);
        scene.createTopic("counted", 2);
        KafkaStreams streams = scene.start(counting(scene, Scene.Store.ROCKS_DB), guarantee, scene.folder());
        scene.send("lines", "a=one two three", "b=two three", "c=three", "a=žluťoučký two");
        List<ConsumerRecord<String, Long>> counted = scene.read("counted", new LongDeserializer(), 8);
        scene.show("counted", counted);
        Map<String, Long> expected = new TreeMap<>(Map.of("one", 1L, "two", 3L, "three", 3L, "žluťoučký", 1L));
        Map<String, Long> last = new TreeMap<>();
        counted.forEach(record -> last.put(record.key(), record.value()));
        scene.equal("the last counts", expected, last);
        scene.equal("the store", expected, counts(streams));
        scene.say("store", counts(streams));
        scene.showInternalTopics();
        scene.untilGroup(group -> {
            scene.equal("the group's members", 1, group.members().size());
            scene.say("group", group.groupState() + " " + group.type() + " " + group.partitionAssignor());
            return true;
        });
        // What is worked off is deleted from a repartition topic; the changelog stays.
        scene.read("app-" + COUNTS + "-changelog", new LongDeserializer(), 8);
    }

    /** Both streams get the key of the join first, so both go through repartition topics; then a table joins. */
    static void join(Scene scene) throws Exception {
        scene.createTopic("orders", 3);
        scene.createTopic("payments", 2);
        scene.createTopic("customers", 3);
        scene.createTopic("joined", 2);
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> orders = builder.<String, String>stream(scene.own("orders"))
            .map((id, text) -> KeyValue.pair(text.split(":")[0], id + ":" + text.split(":")[1]));
        KStream<String, String> payments = builder.<String, String>stream(scene.own("payments"))
            .map((id, text) -> KeyValue.pair(text.split(":")[0], text.split(":")[1]));
        KTable<String, String> customers = builder.table(scene.own("customers"), Materialized.as("customers"));
        orders.repartition(org.apache.kafka.streams.kstream.Repartitioned.<String, String>as("orders").withNumberOfPartitions(3))
            .join(payments.repartition(org.apache.kafka.streams.kstream.Repartitioned.<String, String>as("payments").withNumberOfPartitions(3)),
                (order, payment) -> order + " paid " + payment,
                JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofMinutes(5)),
                StreamJoined.<String, String, String>with(Serdes.String(), Serdes.String(), Serdes.String()).withName("paid").withStoreName("paid"))
            .leftJoin(customers, (paid, customer) -> paid + " by " + customer)
            .to(scene.own("joined"));
        Topology topology = builder.build();
        scene.send("customers", "c1=Ada", "c2=Grace");
        scene.start(topology, Scene.Guarantee.AT_LEAST_ONCE, scene.folder());
        scene.send("orders", "o1=c1:tea", "o2=c2:milk", "o3=c3:salt", "o4=c1:rice");
        scene.send("payments", "p1=c1:5", "p2=c2:7", "p3=c3:1");
        List<ConsumerRecord<String, String>> joined = scene.read("joined", new StringDeserializer(), 4);
        scene.equal("the joined", List.of("o1:tea paid 5 by Ada", "o2:milk paid 7 by Grace", "o3:salt paid 1 by null", "o4:rice paid 5 by Ada"),
            joined.stream().map(ConsumerRecord::value).sorted().toList());
        for (String value : joined.stream().map(record -> record.key() + " -> " + record.value() + " at +"
            + (record.timestamp() - Scene.FIRST_TIMESTAMP)).sorted().toList()) {
            scene.say("joined", value);
        }
        scene.showInternalTopics();
    }

    static void windows(Scene scene) throws Exception {
        scene.createTopic("ticks", 1);
        scene.createTopic("windowed", 1);
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(scene.own("ticks"))
            .groupByKey()
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(3), Duration.ofSeconds(1)))
            .count(Materialized.as("ticks"))
            .toStream((window, count) -> window.key() + "@" + (window.window().start() - Scene.FIRST_TIMESTAMP))
            .mapValues(String::valueOf)
            .to(scene.own("windowed"));
        scene.start(builder.build(), Scene.Guarantee.AT_LEAST_ONCE, scene.folder());
        scene.send("ticks", "a=1", "a=2", "b=3", "a=4", "a=5", "b=6", "a=7");
        List<ConsumerRecord<String, String>> windowed = scene.read("windowed", new StringDeserializer(), 7);
        scene.show("windowed", windowed);
        scene.showInternalTopics();
    }

    /** A table that each instance holds whole. */
    static void globalTable(Scene scene) throws Exception {
        scene.createTopic("countries", 2);
        scene.createTopic("visits", 2);
        scene.createTopic("named", 1);
        StreamsBuilder builder = new StreamsBuilder();
        GlobalKTable<String, String> countries =
            builder.globalTable(scene.own("countries"), Consumed.with(Serdes.String(), Serdes.String()), Materialized.as("countries"));
        builder.<String, String>stream(scene.own("visits"))
            .join(countries, (key, code) -> code, (code, country) -> code + " is " + country)
            .to(scene.own("named"));
        scene.send("countries", "cz=Czechia", "no=Norway", "xx=Nowhere", "xx=null");
        scene.start(builder.build(), Scene.Guarantee.EXACTLY_ONCE, scene.folder());
        scene.send("visits", "v1=cz", "v2=no", "v3=xx", "v4=cz");
        List<ConsumerRecord<String, String>> named = scene.read("named", new StringDeserializer(), 3);
        scene.equal("the named", List.of("cz is Czechia", "no is Norway", "cz is Czechia"), named.stream().map(ConsumerRecord::value).toList());
        scene.show("named", named);
        scene.showInternalTopics();
    }
}

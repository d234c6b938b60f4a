import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TimeoutException;

/** Transactional producers: of each transaction there is all or nothing, and all of what was said to be committed. */
final class Transactions {
    private static final String TOPIC = "java-transfers";
    private static final int PRODUCERS = 3;
    /** How many records a transaction has in each partition. */
    private static final int EACH = 3;
    /** One of so many transactions is aborted on purpose. */
    private static final int ABORTED = 4;

    private enum Outcome { COMMITTED, ABORTED, UNKNOWN }

    private Transactions() {}

    static void check(Faults faults) throws Exception {
        faults.createTopic(TOPIC);
        List<List<Outcome>> told = Faults.together(PRODUCERS, name -> () -> work(faults, name));
        Map<String, int[]> counts = new HashMap<>();
        for (var records : faults.readAll(TOPIC, "read_committed")) {
            int[] last = new int[PRODUCERS];
            for (var record : records) {
                int name = Integer.parseInt(record.key());
                int number = Integer.parseInt(record.value());
                Faults.check(number >= last[name], "producer " + name + ": " + number + " comes after " + last[name]);
                last[name] = number;
                counts.computeIfAbsent(name + " " + number, key -> new int[Faults.PARTITIONS])[record.partition()]++;
            }
        }
        int committed = 0;
        for (int name = 0; name < PRODUCERS; name++) {
            for (int number = 0; number < told.get(name).size(); number++) {
                int[] count = counts.remove(name + " " + number);
                Outcome outcome = told.get(name).get(number);
                if (count != null) {
                    for (int records : count) {
                        Faults.check(records == EACH, "a part of transaction " + number + " of producer " + name);
                    }
                }
                boolean fits = outcome == Outcome.UNKNOWN || (outcome == Outcome.COMMITTED) == (count != null);
                Faults.check(fits, outcome + ", there: " + (count != null) + ": " + number + " of producer " + name);
                committed += outcome == Outcome.COMMITTED ? 1 : 0;
            }
        }
        Faults.check(counts.isEmpty(), "records of nobody: " + counts.keySet());
        Faults.check(committed > 0, "no transaction gets through");
        int count = told.stream().mapToInt(List::size).sum();
        Faults.tell("transactions: " + count + ", " + committed + " committed");
        Faults.holds("transactions: of each there is all or nothing");
        Faults.holds("transactions: what is committed is there, what is aborted is not");
    }

    /** Does one transaction after the other. */
    private static List<Outcome> work(Faults faults, int name) {
        List<Outcome> outcomes = new ArrayList<>();
        KafkaProducer<String, String> producer = start(faults, name);
        while (!faults.isOver()) {
            Outcome outcome = transact(producer, name, outcomes.size());
            outcomes.add(outcome);
            if (outcome == Outcome.UNKNOWN) {
                producer.close(Duration.ZERO);
                producer = start(faults, name);
            }
        }
        producer.close(Duration.ZERO);
        // What is still open is ended by a producer that takes the id over.
        start(faults, name).close();
        return outcomes;
    }

    private static KafkaProducer<String, String> start(Faults faults, int name) {
        var producer = Producers.producer(faults, Map.of("transactional.id", "java-writer-" + name));
        producer.initTransactions();
        return producer;
    }

    private static Outcome transact(KafkaProducer<String, String> producer, int name, int number) {
        try {
            producer.beginTransaction();
            for (int index = 0; index < EACH * Faults.PARTITIONS; index++) {
                int partition = index % Faults.PARTITIONS;
                producer.send(new ProducerRecord<>(TOPIC, partition, Integer.toString(name), Integer.toString(number)));
            }
            if (number % ABORTED == 0) {
                producer.abortTransaction();
                return Outcome.ABORTED;
            }
            commit(producer);
            return Outcome.COMMITTED;
        } catch (ProducerFencedException | InvalidProducerEpochException error) {
            return Outcome.UNKNOWN;
        } catch (KafkaException error) {
            return abort(producer);
        }
    }

    /** A commit that took too long can be asked for again. */
    private static void commit(KafkaProducer<String, String> producer) {
        while (true) {
            try {
                producer.commitTransaction();
                return;
            } catch (TimeoutException again) {
                Faults.tell("a commit takes long: " + again);
            }
        }
    }

    private static Outcome abort(KafkaProducer<String, String> producer) {
        try {
            producer.abortTransaction();
            return Outcome.ABORTED;
        } catch (KafkaException error) {
            return Outcome.UNKNOWN;
        }
    }
}

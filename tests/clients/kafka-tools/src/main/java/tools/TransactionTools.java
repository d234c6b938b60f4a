package tools;

import static tools.Tool.TRANSACTIONS;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** kafka-transactions, with transactions that are open, ended and ended by the tool. */
final class TransactionTools {
    /** Columns with ids that the broker draws and with times. */
    private static final Set<String> HIDDEN =
        Set.of("ProducerId", "LastTimestamp", "CurrentTransactionStartTimeMs", "TransactionDurationMs", "Duration(min)");

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("transactions", TransactionTools::transactions);
        all.put("transactions-abort", TransactionTools::abort);
        all.put("transactions-refused", TransactionTools::refused);
    }

    /** A table's cells without what is different in each run; rows are sorted. */
    private static List<String> table(List<String> lines) {
        if (lines.isEmpty() || !lines.get(0).contains("\t")) {
            return lines;
        }
        List<String> header = Arrays.stream(lines.get(0).split("\t")).map(String::strip).toList();
        List<String> rows = new ArrayList<>();
        for (String line : lines.subList(1, lines.size())) {
            String[] cells = line.split("\t");
            for (int i = 0; i < cells.length && i < header.size(); i++) {
                cells[i] = HIDDEN.contains(header.get(i)) && cells[i].strip().matches("\\d+") ? "N" : cells[i].strip();
            }
            rows.add(String.join(" ; ", cells));
        }
        rows.sort(null);
        rows.add(0, String.join(" ; ", header));
        return rows;
    }

    private static void tabled(Scene scene, String... arguments) throws Exception {
        scene.shown(TRANSACTIONS, 0, TransactionTools::table, "", arguments);
    }

    private static KafkaProducer<String, String> producer(Scene scene, String id) {
        KafkaProducer<String, String> producer = scene.producer(Map.of("transactional.id", id, "transaction.timeout.ms", "50000"));
        producer.initTransactions();
        return producer;
    }

    private static long send(KafkaProducer<String, String> producer, String topic, int partition) throws Exception {
        return producer.send(new ProducerRecord<>(topic, partition, "key", "value")).get().offset();
    }

    private static void describe(Scene scene, String topic, int partition) throws Exception {
        tabled(scene, "describe-producers", "--topic", topic, "--partition", "" + partition);
    }

    /** A broker may still write markers when it has acknowledged the end of a transaction. */
    private static void awaitEnds(Scene scene) throws Exception {
        while (scene.call(TRANSACTIONS, "", "list").lines().stream().anyMatch(line -> line.contains("Prepare"))) {
            Thread.sleep(20);
        }
    }

    private static void transactions(Scene scene) throws Exception {
        scene.createTopic("ledger", 2);
        tabled(scene, "list");
        KafkaProducer<String, String> first = producer(scene, "tx-first");
        tabled(scene, "list");
        tabled(scene, "describe", "--transactional-id", "tx-first");
        KafkaProducer<String, String> second = producer(scene, "tx-second");
        first.beginTransaction();
        send(first, "ledger", 0);
        send(first, "ledger", 1);
        second.beginTransaction();
        send(second, "ledger", 1);
        tabled(scene, "list");
        tabled(scene, "list", "--duration-filter", "3600000");
        tabled(scene, "list", "--transactional-id-pattern", "tx-f.*");
        tabled(scene, "describe", "--transactional-id", "tx-first");
        describe(scene, "ledger", 0);
        describe(scene, "ledger", 1);
        tabled(scene, "describe-producers", "--topic", "ledger", "--partition", "0", "--broker-id", "1");
        tabled(scene, "find-hanging", "--broker-id", "1");
        tabled(scene, "find-hanging", "--topic", "ledger");
        first.commitTransaction();
        second.abortTransaction();
        awaitEnds(scene);
        tabled(scene, "list");
        tabled(scene, "describe", "--transactional-id", "tx-first");
        tabled(scene, "describe", "--transactional-id", "tx-second");
        describe(scene, "ledger", 1);
        scene.ok(Tool.GET_OFFSETS, "--topic", "ledger");
        first.close();
        second.close();
        scene.ok(Tool.TOPICS, "--delete", "--topic", "ledger");
    }

    private static void abort(Scene scene) throws Exception {
        scene.createTopic("hung", 1);
        KafkaProducer<String, String> producer = producer(scene, "tx-hung");
        producer.beginTransaction();
        long start = send(producer, "hung", 0);
        scene.equal("the transaction's first offset", 0L, start);
        scene.ok(TRANSACTIONS, "abort", "--topic", "hung", "--partition", "0", "--start-offset", "" + start);
        describe(scene, "hung", 0);
        tabled(scene, "list", "--transactional-id-pattern", "tx-hung");
        scene.ok(Tool.GET_OFFSETS, "--topic", "hung");
        KafkaProducer<String, String> other = producer(scene, "tx-forced");
        other.beginTransaction();
        send(other, "hung", 0);
        scene.ok(TRANSACTIONS, "forceTerminateTransaction", "--transactionalId", "tx-forced");
        awaitEnds(scene);
        tabled(scene, "describe", "--transactional-id", "tx-forced");
        describe(scene, "hung", 0);
        scene.ok(Tool.GET_OFFSETS, "--topic", "hung");
        try {
            other.commitTransaction();
            scene.say("commit after the tool ended it", "passes");
        } catch (Exception refused) {
            scene.say("commit after the tool ended it", refused.getClass().getSimpleName());
        }
        other.close(java.time.Duration.ZERO);
        producer.close(java.time.Duration.ZERO);
        scene.ok(Tool.TOPICS, "--delete", "--topic", "hung");
    }

    private static void refused(Scene scene) throws Exception {
        scene.createTopic("quiet", 1);
        scene.fails(TRANSACTIONS, "describe", "--transactional-id", "not-there");
        scene.fails(TRANSACTIONS, "abort", "--topic", "quiet", "--partition", "0", "--start-offset", "0");
        scene.ok(TRANSACTIONS, "forceTerminateTransaction", "--transactionalId", "not-there");
        scene.fails(TRANSACTIONS, "list", "--transactional-id-pattern", "(");
        scene.ok(Tool.TOPICS, "--delete", "--topic", "quiet");
    }
}

package clients;

import static clients.Show.utf8;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.admin.AbortTransactionOptions;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.DescribeProducersOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;

/** Transactional producers, who sees what they write, and what the administrator sees of them. */
final class Transactions {
    private Transactions() {}

    static void addTo(Map<String, Main.Scenario> all) {
        all.put("transaction-commit", Transactions::commit);
        all.put("transaction-abort", Transactions::abort);
        all.put("transaction-open", Transactions::open);
        all.put("transaction-interleaved", Transactions::interleaved);
        all.put("transaction-compressed", Transactions::compressed);
        all.put("transaction-offsets", Transactions::offsets);
        all.put("transaction-offsets-pending", Transactions::pendingOffsets);
        all.put("transaction-offsets-refused", Transactions::refusedOffsets);
        all.put("transaction-fenced", Transactions::fenced);
        all.put("transaction-left-open", Transactions::leftOpen);
        all.put("transaction-timeout", Transactions::timeout);
        all.put("transaction-two-phase", Transactions::twoPhase);
        all.put("transaction-wrong", Transactions::wrong);
        all.put("transaction-admin", Transactions::admin);
        all.put("transaction-admin-lists", Transactions::lists);
        all.put("transaction-admin-fences", Transactions::fences);
        all.put("transaction-admin-aborts", Transactions::aborts);
        all.put("transaction-admin-terminates", Transactions::terminates);
    }

    // ---- producers and readers ----

    private static KafkaProducer<byte[], byte[]> transactional(Scene scene, String suffix, Object... settings) {
        Object[] all = new Object[settings.length + 2];
        all[0] = "transactional.id";
        all[1] = scene.name + "-" + suffix;
        System.arraycopy(settings, 0, all, 2, settings.length);
        return scene.producer(all);
    }

    private static KafkaProducer<byte[], byte[]> begun(Scene scene, String suffix, Object... settings) {
        var producer = transactional(scene, suffix, settings);
        producer.initTransactions();
        producer.beginTransaction();
        return producer;
    }

    private static RecordMetadata send(KafkaProducer<byte[], byte[]> producer, TopicPartition to, String value) throws Exception {
        var future = producer.send(new ProducerRecord<>(to.topic(), to.partition(), utf8("k"), utf8(value)));
        producer.flush();
        return future.get();
    }

    private static String offsetsOf(KafkaProducer<byte[], byte[]> producer, TopicPartition to, String prefix, int count) throws Exception {
        List<Long> offsets = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            offsets.add(send(producer, to, prefix + " " + i).offset());
        }
        return offsets.toString();
    }

    /** All that one reader sees of a partition: offset and value of each record, and where it stands at the end. */
    private static String seen(Scene scene, TopicPartition partition, String isolation) throws Exception {
        try (var consumer = scene.unmanagedConsumer("isolation.level", isolation)) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            List<String> records = new ArrayList<>();
            scene.await("the reader is at the end", () -> {
                consumer.poll(Scene.SHORT).forEach(record -> records.add(brief(record)));
                return consumer.position(partition) >= end;
            });
            scene.same("position", end, consumer.position(partition));
            return records + " end " + end;
        }
    }

    private static String brief(ConsumerRecord<byte[], byte[]> record) {
        return record.offset() + ":" + new String(record.value(), StandardCharsets.UTF_8);
    }

    private static void sayBoth(Scene scene, String when, TopicPartition partition) throws Exception {
        awaitMarkers(scene);
        scene.say(when + ", read_uncommitted", seen(scene, partition, "read_uncommitted"));
        scene.say(when + ", read_committed", seen(scene, partition, "read_committed"));
    }

    /** Kafka answers for a transaction's end before its markers are written, and what is written meanwhile stands before them. */
    private static void awaitMarkers(Scene scene) throws Exception {
        var ending = new ListTransactionsOptions().filterStates(Set.of(TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT));
        scene.await("the markers are written", () -> scene.admin().listTransactions(ending).all().get().isEmpty());
    }

    private static Callable<?> call(Runnable action) {
        return () -> {
            action.run();
            return "done";
        };
    }

    /** The exception of a producer by its class: its message may name a producer id. */
    private static void refused(Scene scene, String what, Runnable action) {
        scene.sayErrorClass(what, call(action));
    }

    private static void refusedSend(Scene scene, String what, KafkaProducer<byte[], byte[]> producer, TopicPartition to) {
        scene.sayErrorClass(what, () -> "offset " + send(producer, to, "refused").offset());
    }

    // ---- visibility ----

    private static void commit(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        TopicPartition first = new TopicPartition(topic, 0);
        TopicPartition second = new TopicPartition(topic, 1);
        try (var producer = begun(scene, "id")) {
            scene.say("offsets in the first partition", offsetsOf(producer, first, "a", 3));
            scene.say("offsets in the second partition", offsetsOf(producer, second, "b", 2));
            producer.commitTransaction();
            sayBoth(scene, "first partition", first);
            sayBoth(scene, "second partition", second);
            // The marker has taken an offset.
            producer.beginTransaction();
            scene.say("offsets of the next transaction", offsetsOf(producer, first, "c", 2));
            producer.commitTransaction();
            // Nothing has been written, so there is nothing to mark.
            producer.beginTransaction();
            producer.commitTransaction();
            producer.beginTransaction();
            producer.abortTransaction();
            sayBoth(scene, "after two more", first);
        }
        // Open when it is closed: the client aborts it.
        var producer = begun(scene, "closed");
        send(producer, second, "never");
        producer.close(Duration.ofSeconds(5));
        sayBoth(scene, "after a close", second);
    }

    private static void abort(Scene scene) throws Exception {
        TopicPartition partition = new TopicPartition(scene.topic("topic", 1), 0);
        try (var producer = begun(scene, "id")) {
            send(producer, partition, "aborted 0");
            producer.abortTransaction();
            sayBoth(scene, "aborted", partition);
            producer.beginTransaction();
            send(producer, partition, "committed");
            producer.commitTransaction();
            producer.beginTransaction();
            send(producer, partition, "aborted 1");
            send(producer, partition, "aborted 2");
            producer.abortTransaction();
            sayBoth(scene, "aborted again", partition);
            // What has not been sent when the transaction is aborted fails without being sent.
            producer.beginTransaction();
            var unsent = scene.producer("transactional.id", scene.name + "-slow", "linger.ms", "5000");
            unsent.initTransactions();
            unsent.beginTransaction();
            var future = unsent.send(new ProducerRecord<>(partition.topic(), 0, null, utf8("unsent")));
            unsent.abortTransaction();
            scene.sayError("a record that was not sent yet", future::get);
            producer.abortTransaction();
            sayBoth(scene, "at the end", partition);
        }
    }

    /** What comes behind this has a later timestamp than what came before. */
    private static void tick() throws InterruptedException {
        long now = System.currentTimeMillis();
        while (System.currentTimeMillis() == now) {
            Thread.sleep(1);
        }
    }

    /** While a transaction is open, who reads what counts sees nothing behind its beginning. */
    private static void open(Scene scene) throws Exception {
        TopicPartition partition = new TopicPartition(scene.topic("topic", 1), 0);
        try (var producer = begun(scene, "id"); var plain = scene.producer()) {
            send(plain, partition, "before");
            send(producer, partition, "open");
            tick();
            send(plain, partition, "behind");
            sayBoth(scene, "open", partition);
            for (IsolationLevel level : IsolationLevel.values()) {
                scene.say("latest offset, " + level, listed(scene, partition, OffsetSpec.latest(), level));
                scene.say("offset of a time long ago, " + level, listed(scene, partition, OffsetSpec.forTimestamp(1), level));
                scene.say("offset of the greatest time, " + level, listed(scene, partition, OffsetSpec.maxTimestamp(), level));
            }
            waiting(scene, producer, partition);
        }
    }

    private static long listed(Scene scene, TopicPartition partition, OffsetSpec spec, IsolationLevel level) throws Exception {
        return scene.admin().listOffsets(Map.of(partition, spec), new ListOffsetsOptions(level)).partitionResult(partition).get().offset();
    }

    /** A reader that waits gets its answer as soon as the transaction ends. */
    private static void waiting(Scene scene, KafkaProducer<byte[], byte[]> producer, TopicPartition partition) throws Exception {
        try (var reader = scene.unmanagedConsumer("isolation.level", "read_committed", "fetch.max.wait.ms", "5000")) {
            reader.assign(List.of(partition));
            reader.seek(partition, 1);
            scene.expect("records before the end", 0, reader.poll(Duration.ofMillis(500)).count());
            long start = System.nanoTime();
            producer.commitTransaction();
            String values = Show.values(scene.read(reader, 2));
            long took = (System.nanoTime() - start) / 1_000_000;
            System.err.println(scene.name + ": seen after " + took + " ms");
            scene.expect("records after the end, soon", "[\"open\", \"behind\"] true", values + " " + (took < 3000));
        }
    }

    private static void interleaved(Scene scene) throws Exception {
        String topic = scene.topic("topic", 3);
        List<KafkaProducer<byte[], byte[]>> producers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            producers.add(begun(scene, "id-" + i));
        }
        // Each round another producer ends, and every second end is an abort.
        for (int round = 0; round < 16; round++) {
            for (int i = 0; i < producers.size(); i++) {
                send(producers.get(i), new TopicPartition(topic, (round + i) % 3), "p" + i + " r" + round);
            }
            var ends = producers.get(round % 4);
            if (round / 4 % 2 == round % 2) {
                ends.abortTransaction();
            } else {
                ends.commitTransaction();
            }
            awaitMarkers(scene);
            ends.beginTransaction();
        }
        for (int partition = 0; partition < 3; partition++) {
            sayBoth(scene, "partition " + partition + " with open ends", new TopicPartition(topic, partition));
        }
        for (int i = 0; i < producers.size(); i++) {
            if (i % 2 == 0) {
                producers.get(i).commitTransaction();
            } else {
                producers.get(i).abortTransaction();
            }
            awaitMarkers(scene);
        }
        for (int partition = 0; partition < 3; partition++) {
            sayBoth(scene, "partition " + partition + " in the end", new TopicPartition(topic, partition));
        }
        small(scene, new TopicPartition(topic, 0));
    }

    /** Small answers begin in the middle of transactions, whose aborts have to be known in each. */
    private static void small(Scene scene, TopicPartition partition) throws Exception {
        String all = seen(scene, partition, "read_committed");
        try (var consumer = scene.unmanagedConsumer("isolation.level", "read_committed", "max.partition.fetch.bytes", "1", "fetch.max.bytes", "1")) {
            consumer.assign(List.of(partition));
            List<String> records = new ArrayList<>();
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            for (long from = 0; from < end; from = consumer.position(partition)) {
                // Every offset is a beginning once.
                consumer.seek(partition, from);
                long start = from;
                scene.await("the reader goes on", () -> {
                    consumer.poll(Scene.SHORT).forEach(record -> records.add(brief(record)));
                    return consumer.position(partition) > start;
                });
            }
            scene.expect("the same in small answers", true, all.startsWith(records.toString()));
        }
    }

    private static void compressed(Scene scene) throws Exception {
        for (String codec : List.of("gzip", "snappy", "lz4", "zstd")) {
            TopicPartition partition = new TopicPartition(scene.topic(codec, 1), 0);
            try (var producer = transactional(scene, codec, "compression.type", codec, "linger.ms", "20")) {
                producer.initTransactions();
                for (int round = 0; round < 3; round++) {
                    producer.beginTransaction();
                    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
                    for (int i = 0; i < 100; i++) {
                        records.add(new ProducerRecord<>(partition.topic(), 0, null, utf8("round " + round + " record " + i)));
                    }
                    scene.sendAll(producer, records);
                    if (round == 1) {
                        producer.abortTransaction();
                    } else {
                        producer.commitTransaction();
                    }
                }
            }
            awaitMarkers(scene);
            String seen = seen(scene, partition, "read_committed");
            scene.say(codec, Show.bytes(utf8(seen)) + " with the aborted " + seen.contains("round 1"));
        }
    }

    // ---- offsets in a transaction ----

    private static KafkaConsumer<byte[], byte[]> member(Scene scene, String topic, Object... settings) {
        Object[] all = new Object[settings.length + 6];
        System.arraycopy(new Object[] {"group.id", scene.name, "enable.auto.commit", "false", "isolation.level", "read_committed"}, 0, all, 0, 6);
        System.arraycopy(settings, 0, all, 6, settings.length);
        var consumer = scene.unmanagedConsumer(all);
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    /** Who commits offsets of a group without being in it. */
    private static ConsumerGroupMetadata outsider(Scene scene) {
        return member(scene, -1, "", Optional.empty());
    }

    // There is no other way to be what one is not.
    @SuppressWarnings("removal")
    private static ConsumerGroupMetadata member(Scene scene, int generation, String memberId, Optional<String> instance) {
        return new ConsumerGroupMetadata(scene.name, generation, memberId, instance);
    }

    private static String committed(Scene scene, TopicPartition partition) throws Exception {
        awaitMarkers(scene);
        OffsetAndMetadata offset = scene.admin().listConsumerGroupOffsets(scene.name).partitionsToOffsetAndMetadata().get().get(partition);
        return offset == null ? "none" : "offset " + offset.offset() + " metadata \"" + offset.metadata() + "\"";
    }

    private static void offsets(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        TopicPartition input = new TopicPartition(topic, 0);
        TopicPartition output = new TopicPartition(scene.topic("output", 1), 0);
        scene.fill(topic, 0, "v", 10);
        try (var consumer = member(scene, topic); var producer = begun(scene, "id")) {
            scene.read(consumer, 10);
            send(producer, output, "of 4");
            producer.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(4, "four")), consumer.groupMetadata());
            scene.say("before the commit", committed(scene, input));
            producer.commitTransaction();
            scene.say("after the commit", committed(scene, input));
            producer.beginTransaction();
            send(producer, output, "of 8");
            producer.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(8, "eight")), consumer.groupMetadata());
            producer.abortTransaction();
            scene.say("after an abort", committed(scene, input));
            // Offsets alone make a transaction too.
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(5, "five")), consumer.groupMetadata());
            producer.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(6, "six")), consumer.groupMetadata());
            producer.commitTransaction();
            scene.say("after one with offsets alone", committed(scene, input));
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(), consumer.groupMetadata());
            producer.commitTransaction();
            scene.say("after one with no offsets", committed(scene, input));
            // A commit that is not part of the transaction does not wait for it, and the later end wins.
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(7, "seven")), consumer.groupMetadata());
            consumer.commitSync(Map.of(input, new OffsetAndMetadata(9, "beside")));
            scene.say("after a commit beside", committed(scene, input));
            producer.commitTransaction();
            scene.say("after both", committed(scene, input));
        }
        try (var consumer = member(scene, topic)) {
            scene.say("the next member resumes", Show.values(scene.read(consumer, 1)));
        }
        sayBoth(scene, "output", output);
    }

    /** KIP-447: who asks for offsets while a transaction may still change them is told to wait. */
    private static void pendingOffsets(Scene scene) throws Exception {
        String topic = scene.topic("topic", 2);
        TopicPartition input = new TopicPartition(topic, 0);
        TopicPartition other = new TopicPartition(topic, 1);
        scene.fill(topic, 0, "v", 10);
        try (var producer = begun(scene, "id")) {
            producer.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(4, "four")), outsider(scene));
            try (var reader = scene.unmanagedConsumer("group.id", scene.name, "isolation.level", "read_committed")) {
                scene.sayErrorClass("stable offsets", () -> reader.committed(Set.of(input), Duration.ofSeconds(1)));
                scene.say("of the other partition", reader.committed(Set.of(other), Duration.ofSeconds(1)).get(other));
            }
            try (var reader = scene.unmanagedConsumer("group.id", scene.name, "isolation.level", "read_uncommitted")) {
                scene.sayErrorClass("offsets for read_uncommitted", () -> reader.committed(Set.of(input), Duration.ofSeconds(1)));
            }
            producer.commitTransaction();
            try (var reader = scene.unmanagedConsumer("group.id", scene.name, "isolation.level", "read_committed")) {
                scene.say("stable offsets at the end", reader.committed(Set.of(input)).get(input).offset());
            }
            // Then the pending ones are in the way of an administrator as well.
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(6)), outsider(scene));
            scene.sayErrorClass("deletion of the offsets", () -> scene.admin().deleteConsumerGroupOffsets(scene.name, Set.of(input)).all().get());
            producer.abortTransaction();
            scene.say("afterwards", committed(scene, input));
        }
    }

    private static void refusedOffsets(Scene scene) throws Exception {
        String topic = scene.topic("topic", 1);
        TopicPartition input = new TopicPartition(topic, 0);
        Map<TopicPartition, OffsetAndMetadata> offsets = Map.of(input, new OffsetAndMetadata(1));
        scene.fill(topic, 0, "v", 2);
        try (var consumer = member(scene, topic); var producer = begun(scene, "id", "max.block.ms", "3000")) {
            scene.read(consumer, 2);
            ConsumerGroupMetadata right = consumer.groupMetadata();
            Map<String, ConsumerGroupMetadata> wrong = new TreeMap<>();
            wrong.put("an older generation", member(scene, right.generationId() - 1, right.memberId(), Optional.empty()));
            wrong.put("an unknown member", member(scene, right.generationId(), "nobody", Optional.empty()));
            wrong.put("an unknown instance", member(scene, right.generationId(), right.memberId(), Optional.of("nobody")));
            for (Map.Entry<String, ConsumerGroupMetadata> entry : wrong.entrySet()) {
                scene.sayError(entry.getKey(), call(() -> producer.sendOffsetsToTransaction(offsets, entry.getValue())));
                refused(scene, entry.getKey() + ", commit", producer::commitTransaction);
                producer.abortTransaction();
                producer.beginTransaction();
            }
            scene.sayErrorClass("no member although there are some", call(() -> {
                producer.sendOffsetsToTransaction(offsets, outsider(scene));
                producer.commitTransaction();
            }));
            scene.say("committed", committed(scene, input));
            // The client tries again for ever; the scenario's end does not wait for it.
            var another = begun(scene, "another", "max.block.ms", "1500");
            scene.sayErrorClass("a partition that is not there", call(() ->
                    another.sendOffsetsToTransaction(Map.of(new TopicPartition(scene.name + "-absent", 0), new OffsetAndMetadata(1)), right)));
            var tooLong = begun(scene, "long", "max.block.ms", "3000");
            scene.sayErrorClass("metadata that is too long", call(() ->
                    tooLong.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(1, "x".repeat(4097))), right)));
            scene.say("committed in the end", committed(scene, input));
        }
    }

    // ---- who may write ----

    private static void fenced(Scene scene) throws Exception {
        TopicPartition partition = new TopicPartition(scene.topic("topic", 1), 0);
        try (var old = begun(scene, "id"); var idle = begun(scene, "idle")) {
            send(old, partition, "old");
            try (var young = transactional(scene, "id")) {
                young.initTransactions();
                sayBoth(scene, "after the second came", partition);
                refusedSend(scene, "the first one writes", old, partition);
                refused(scene, "the first one commits", old::commitTransaction);
                refused(scene, "the first one aborts", old::abortTransaction);
                refused(scene, "the first one begins", old::beginTransaction);
                young.beginTransaction();
                send(young, partition, "young");
                young.commitTransaction();
                // It can be fenced in any state, and learns of it with what it does next.
                try (var younger = begun(scene, "id")) {
                    send(younger, partition, "younger");
                    young.beginTransaction();
                    refusedSend(scene, "the second one writes", young, partition);
                    refused(scene, "the second one commits", young::commitTransaction);
                    younger.commitTransaction();
                }
            }
            send(idle, partition, "idle");
            try (var other = begun(scene, "idle")) {
                refused(scene, "one whose transaction was ended commits", idle::commitTransaction);
                other.abortTransaction();
            }
            sayBoth(scene, "in the end", partition);
        }
        offsetsOfFenced(scene);
    }

    private static void offsetsOfFenced(Scene scene) throws Exception {
        TopicPartition partition = new TopicPartition(scene.topic("input", 1), 0);
        try (var old = begun(scene, "offsets"); var young = begun(scene, "offsets")) {
            refused(scene, "a fenced one sends offsets", () ->
                    old.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(1)), outsider(scene)));
            young.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(2)), outsider(scene));
            young.commitTransaction();
            scene.say("offsets of the other", committed(scene, partition));
        }
    }

    /** A new producer ends what its predecessor has left open, also the offsets. */
    private static void leftOpen(Scene scene) throws Exception {
        TopicPartition partition = new TopicPartition(scene.topic("topic", 1), 0);
        var old = begun(scene, "id");
        send(old, partition, "left");
        old.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(1)), outsider(scene));
        scene.say("open", describe(scene, "id"));
        try (var young = transactional(scene, "id")) {
            young.initTransactions();
            scene.say("taken over", describe(scene, "id"));
            scene.say("offsets", committed(scene, partition));
            sayBoth(scene, "taken over", partition);
            young.beginTransaction();
            send(young, partition, "young");
            young.commitTransaction();
            sayBoth(scene, "gone on", partition);
        }
    }

    private static void timeout(Scene scene) throws Exception {
        TopicPartition partition = new TopicPartition(scene.topic("topic", 1), 0);
        try (var producer = begun(scene, "id", "transaction.timeout.ms", "1000")) {
            send(producer, partition, "late");
            sayBoth(scene, "open", partition);
            scene.await("the broker aborts it", () -> stateOf(scene, "id") == TransactionState.COMPLETE_ABORT);
            sayBoth(scene, "late", partition);
            scene.say("described", describe(scene, "id"));
            refusedSend(scene, "the late one writes", producer, partition);
            refused(scene, "the late one commits", producer::commitTransaction);
            refused(scene, "the late one aborts", producer::abortTransaction);
            refused(scene, "the late one begins", producer::beginTransaction);
        }
        try (var producer = begun(scene, "id")) {
            send(producer, partition, "another");
            producer.commitTransaction();
            sayBoth(scene, "another", partition);
        }
    }

    private static void twoPhase(Scene scene) throws Exception {
        try (var producer = transactional(scene, "id", "transaction.two.phase.commit.enable", "true")) {
            scene.sayError("two phases", call(producer::initTransactions));
        }
    }

    private static void wrong(Scene scene) throws Exception {
        TopicPartition partition = new TopicPartition(scene.topic("topic", 1, "min.insync.replicas", "1"), 0);
        for (String millis : List.of("900000", "900001")) {
            try (var producer = transactional(scene, "timeout", "transaction.timeout.ms", millis)) {
                scene.sayErrorClass("a timeout of " + millis, call(producer::initTransactions));
            }
        }
        try (var producer = transactional(scene, "id")) {
            refused(scene, "begin before init", producer::beginTransaction);
            producer.initTransactions();
            refused(scene, "init again", producer::initTransactions);
            refused(scene, "commit without begin", producer::commitTransaction);
        }
        try (var producer = begun(scene, "id")) {
            refused(scene, "begin twice", producer::beginTransaction);
        }
        // A record that is refused spoils the transaction, and nothing but aborting is left.
        TopicPartition smallOne = new TopicPartition(scene.topic("small", 1, "max.message.bytes", "200"), 0);
        try (var producer = begun(scene, "id")) {
            send(producer, partition, "spoiled");
            scene.sayErrorClass("a record that is too large", () -> send(producer, smallOne, "x".repeat(500)));
            // It is the record's error or one that only says that there was one, whichever the client thinks of first.
            try {
                producer.commitTransaction();
                scene.say("commit of the spoiled transaction", "no error");
            } catch (KafkaException e) {
                scene.say("commit of the spoiled transaction", "refused");
            }
            refused(scene, "abort of the spoiled transaction", producer::abortTransaction);
            producer.beginTransaction();
            send(producer, partition, "good");
            producer.commitTransaction();
        }
        sayBoth(scene, "in the end", partition);
        deletedTopic(scene);
    }

    /** Topics that go while they are part of a transaction do not keep it from its end. */
    private static void deletedTopic(Scene scene) throws Exception {
        TopicPartition stays = new TopicPartition(scene.topic("stays", 1), 0);
        TopicPartition goes = new TopicPartition(scene.topic("goes", 1), 0);
        try (var producer = begun(scene, "deletes")) {
            send(producer, stays, "stays");
            send(producer, goes, "goes");
            scene.admin().deleteTopics(List.of(goes.topic())).all().get();
            scene.sayErrorClass("commit after a topic was deleted", call(producer::commitTransaction));
        }
        sayBoth(scene, "the topic that stays", stays);
    }

    // ---- the administrator ----

    private static TransactionDescription description(Scene scene, String suffix) throws Exception {
        String id = scene.name + "-" + suffix;
        return scene.admin().describeTransactions(List.of(id)).description(id).get();
    }

    private static TransactionState stateOf(Scene scene, String suffix) throws Exception {
        return description(scene, suffix).state();
    }

    /** Without the ids that differ between runs, and without Kafka's topic of offsets, which Kafka shows as a part of it. */
    private static String describe(Scene scene, String suffix) throws Exception {
        TransactionDescription description = description(scene, suffix);
        List<String> partitions = description.topicPartitions().stream().map(TopicPartition::toString)
                .filter(name -> !name.startsWith("__consumer_offsets")).sorted().toList();
        return description.state() + " epoch " + description.producerEpoch() + " timeout " + description.transactionTimeoutMs()
                + " began " + description.transactionStartTimeMs().stream().mapToObj(at -> Show.isRecent(at) ? "recently" : Long.toString(at)).findFirst().orElse("never")
                + " " + partitions;
    }

    private static String producers(Scene scene, TopicPartition partition) throws Exception {
        List<String> shown = new ArrayList<>();
        for (ProducerState state : scene.admin().describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers()) {
            shown.add("epoch " + state.producerEpoch() + " sequence " + state.lastSequence() + " at " + (Show.isRecent(state.lastTimestamp()) ? "recent" : state.lastTimestamp())
                    + " coordinator epoch " + state.coordinatorEpoch() + " transaction from " + state.currentTransactionStartOffset());
        }
        return shown.stream().sorted().toList().toString();
    }

    private static void admin(Scene scene) throws Exception {
        TopicPartition partition = new TopicPartition(scene.topic("topic", 2), 0);
        TopicPartition second = new TopicPartition(partition.topic(), 1);
        scene.say("producers of an empty partition", producers(scene, partition));
        try (var producer = transactional(scene, "id", "transaction.timeout.ms", "54321")) {
            scene.sayError("unknown", () -> describe(scene, "id"));
            producer.initTransactions();
            scene.say("new", describe(scene, "id"));
            for (int round = 0; round < 2; round++) {
                producer.beginTransaction();
                send(producer, partition, "r" + round);
                send(producer, second, "r" + round);
                send(producer, partition, "s" + round);
                scene.say("open, round " + round, describe(scene, "id"));
                scene.say("its producer, round " + round, producers(scene, partition));
                if (round == 0) {
                    producer.commitTransaction();
                } else {
                    producer.abortTransaction();
                }
                awaitMarkers(scene);
                scene.say("ended, round " + round, describe(scene, "id"));
                scene.say("its producer afterwards, round " + round, producers(scene, partition));
            }
        }
        try (var plain = scene.producer()) {
            send(plain, partition, "plain");
            scene.say("with one without transactions", producers(scene, partition));
        }
        scene.sayError("an empty id", () -> scene.admin().describeTransactions(List.of("")).description("").get());
        scene.sayError("no ids", () -> scene.admin().describeTransactions(List.of()).all().get());
        scene.sayError("producers of a broker that is not there", () ->
                scene.admin().describeProducers(List.of(partition), new DescribeProducersOptions().brokerId(77).timeoutMs(1500)).all().get().getClass());
    }

    private static String listed(Scene scene, ListTransactionsOptions options) {
        return Show.errorOf(() -> {
            List<String> shown = new ArrayList<>();
            for (TransactionListing listing : scene.admin().listTransactions(options).all().get()) {
                if (listing.transactionalId().startsWith(scene.name + "-")) {
                    shown.add(listing.transactionalId().substring(scene.name.length() + 1) + " " + listing.state());
                }
            }
            return shown.stream().sorted().toList();
        }).replace("no error but ", "");
    }

    private static void lists(Scene scene) throws Exception {
        TopicPartition partition = new TopicPartition(scene.topic("topic", 1), 0);
        try (var open = begun(scene, "open"); var committed = begun(scene, "committed"); var aborted = begun(scene, "aborted")) {
            begun(scene, "empty");
            send(open, partition, "o");
            send(committed, partition, "c");
            committed.commitTransaction();
            send(aborted, partition, "a");
            aborted.abortTransaction();
            awaitMarkers(scene);
            scene.say("all", listed(scene, new ListTransactionsOptions()));
            for (TransactionState state : TransactionState.values()) {
                scene.say("in state " + state, listed(scene, new ListTransactionsOptions().filterStates(Set.of(state))));
            }
            long id = description(scene, "committed").producerId();
            scene.say("of one producer", listed(scene, new ListTransactionsOptions().filterProducerIds(Set.of(id))));
            scene.say("of one producer, open", listed(scene, new ListTransactionsOptions().filterProducerIds(Set.of(id)).filterStates(Set.of(TransactionState.ONGOING))));
            scene.say("of a producer that is not there", listed(scene, new ListTransactionsOptions().filterProducerIds(Set.of(1L << 40))));
            scene.say("longer than 0 ms", listed(scene, new ListTransactionsOptions().filterOnDuration(0)));
            scene.say("longer than an hour", listed(scene, new ListTransactionsOptions().filterOnDuration(3_600_000)));
            for (String pattern : List.of(".*-c.*", scene.name + "-(open|empty)", "open", "[", "")) {
                scene.say("like " + pattern, listed(scene, new ListTransactionsOptions().filterOnTransactionalIdPattern(pattern)));
            }
        }
    }

    private static void fences(Scene scene) throws Exception {
        TopicPartition partition = new TopicPartition(scene.topic("topic", 1), 0);
        try (var producer = begun(scene, "id"); var other = begun(scene, "other")) {
            send(producer, partition, "fenced");
            send(other, partition, "not fenced");
            String id = scene.name + "-id";
            scene.say("epoch of the fence", scene.admin().fenceProducers(List.of(id)).epochId(id).get());
            scene.await("the transaction has ended", () -> seen(scene, partition, "read_uncommitted").contains("end 3"));
            sayBoth(scene, "fenced", partition);
            refused(scene, "the fenced one commits", producer::commitTransaction);
            other.commitTransaction();
            sayBoth(scene, "in the end", partition);
            String unknown = scene.name + "-unknown";
            scene.say("fence of an id that nobody has used", scene.admin().fenceProducers(List.of(unknown)).epochId(unknown).get());
            scene.say("which is there then", describe(scene, "unknown"));
        }
    }

    private static void aborts(Scene scene) throws Exception {
        TopicPartition partition = new TopicPartition(scene.topic("topic", 1), 0);
        try (var producer = begun(scene, "id")) {
            send(producer, partition, "raises the epoch");
            producer.commitTransaction();
            awaitMarkers(scene);
            producer.beginTransaction();
            send(producer, partition, "hangs");
            ProducerState state = scene.admin().describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers().get(0);
            abortWith(scene, "another producer's", new AbortTransactionSpec(partition, state.producerId() + 1_000_000, (short) 0, 0));
            abortWith(scene, "an older epoch", new AbortTransactionSpec(partition, state.producerId(), (short) (state.producerEpoch() - 1), 0));
            abortWith(scene, "no epoch", new AbortTransactionSpec(partition, state.producerId(), (short) -1, 0));
            abortWith(scene, "a partition that is not there", new AbortTransactionSpec(new TopicPartition(scene.name + "-absent", 0), state.producerId(), (short) 0, 0));
            abortWith(scene, "a coordinator that is outdated", new AbortTransactionSpec(partition, state.producerId(), (short) state.producerEpoch(), -1));
            sayBoth(scene, "before", partition);
            abortWith(scene, "the right one", new AbortTransactionSpec(partition, state.producerId(), (short) state.producerEpoch(), 0));
            sayBoth(scene, "after", partition);
            scene.say("producers", producers(scene, partition));
            scene.say("what the coordinator knows", describe(scene, "id"));
            refused(scene, "its producer commits all the same", producer::commitTransaction);
        }
    }

    /** Whatever the transaction has done so far is undone, and its producer is out. */
    private static void terminates(Scene scene) throws Exception {
        TopicPartition partition = new TopicPartition(scene.topic("topic", 1), 0);
        try (var producer = begun(scene, "id"); var other = begun(scene, "other")) {
            send(producer, partition, "terminated");
            send(other, partition, "not terminated");
            scene.sayError("terminated", () -> scene.admin().forceTerminateTransaction(scene.name + "-id").result().get());
            scene.await("the transaction has ended", () -> seen(scene, partition, "read_uncommitted").contains("end 3"));
            awaitMarkers(scene);
            refused(scene, "its producer commits", producer::commitTransaction);
            other.commitTransaction();
            sayBoth(scene, "in the end", partition);
            scene.say("what the coordinator knows", describe(scene, "id"));
            scene.sayError("terminated again", () -> scene.admin().forceTerminateTransaction(scene.name + "-id").result().get());
            scene.sayError("an id that nobody has used", () -> scene.admin().forceTerminateTransaction(scene.name + "-unknown").result().get());
        }
    }

    private static void abortWith(Scene scene, String what, AbortTransactionSpec spec) {
        scene.sayErrorClass(what, () -> scene.admin().abortTransaction(spec, new AbortTransactionOptions().timeoutMs(3000)).all().get());
    }
}

package clients;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.record.TimestampType;

/** Turns what the client saw into text that is the same in every run. */
final class Show {
    private static final int LONG = 60;

    private Show() {}

    static byte[] utf8(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    static String bytes(byte[] value) {
        if (value == null) {
            return "null";
        }
        if (value.length > LONG) {
            return value.length + " bytes " + hash(value);
        }
        try {
            return '"' + StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(value)).toString() + '"';
        } catch (CharacterCodingException notText) {
            return "0x" + HexFormat.of().formatHex(value);
        }
    }

    static String hash(byte[] value) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(value);
            return "sha256 " + HexFormat.of().formatHex(digest, 0, 8);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    static String headers(Headers headers) {
        return StreamSupport.stream(headers.spliterator(), false)
                .map(header -> header.key() + "=" + bytes(header.value()))
                .collect(Collectors.joining(", ", "[", "]"));
    }

    static String record(ConsumerRecord<byte[], byte[]> record) {
        return "offset " + record.offset() + " key " + bytes(record.key()) + " value " + bytes(record.value())
                + " headers " + headers(record.headers()) + " " + timestamp(record.timestampType(), record.timestamp());
    }

    static String timestamp(TimestampType type, long timestamp) {
        return type + " " + (isRecent(timestamp) ? "recent" : Long.toString(timestamp));
    }

    static boolean isRecent(long timestamp) {
        return Math.abs(System.currentTimeMillis() - timestamp) < 60_000;
    }

    static String values(List<ConsumerRecord<byte[], byte[]>> records) {
        return records.stream().map(record -> bytes(record.value())).collect(Collectors.joining(", ", "[", "]"));
    }

    /** The class and the message of what a call throws, without the wrappers of futures. */
    static String error(Throwable error) {
        Throwable inner = error;
        while ((inner instanceof ExecutionException || inner instanceof CompletionException) && inner.getCause() != null) {
            inner = inner.getCause();
        }
        return inner.getClass().getSimpleName() + ": " + inner.getMessage();
    }

    static String errorOf(Callable<?> call) {
        try {
            return "no error but " + call.call();
        } catch (Exception | AssertionError error) {
            return error(error);
        }
    }

    /** For errors whose message holds something that differs between runs. */
    static String errorClassOf(Callable<?> call) {
        String error = errorOf(call);
        return error.startsWith("no error but ") ? error : error.substring(0, error.indexOf(':'));
    }
}

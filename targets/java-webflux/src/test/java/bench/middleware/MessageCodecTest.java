package bench.middleware;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import bench.middleware.MessageCodec.Answer;
import bench.middleware.RoutingTable.Route;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MessageCodecTest {

    private static String document(String payload) {
        return "{\"id\":\"i\",\"type\":\"t\",\"priority\":0,\"region\":\"r\",\"attributes\":{\"k\":\"v\"},\"payload\":"
                + payload + "}";
    }

    private static Optional<Message> read(String text) {
        return MessageCodec.read(text.getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "0", "-1.50e+3", "1e300", "123456789012345678901234567890", "true", "false", "\"\"", "\"\\u00e9\\n\\\\\"",
        "\"é東𝄞\"", "[]", "[1, [null], {\"a\" : {}}]", "{}", "{\"a\":{\"b\":[1,2,{\"c\":null}]}, \"d\" : \"e\"}",
    })
    void keepsThePayloadAsWritten(String payload) {
        for (String space : new String[] {"", " ", "\n\t "}) {
            Message message = read(document(space + payload + space)).orElseThrow();
            assertEquals(payload, message.payload().getValue());
            byte[] answer = MessageCodec.write(new Answer(new Route("n", "d", 3, 1), message)).orElseThrow();
            assertEquals(
                    "{\"route\":{\"rule\":\"n\",\"destination\":\"d\",\"partition\":3,\"table_version\":1},\"message\":"
                            + document(payload) + "}",
                    new String(answer, StandardCharsets.UTF_8));
        }
    }

    /** Longer than any buffer of the parser or the generator. */
    @Test
    void keepsALongPayload() {
        String payload = "[" + "{\"a\":\"é\"},".repeat(20_000) + "0]";
        Message message = read(document(payload)).orElseThrow();
        byte[] answer = MessageCodec.write(new Answer(new Route("n", "d", 3, 1), message)).orElseThrow();
        assertTrue(new String(answer, StandardCharsets.UTF_8).endsWith(document(payload) + "}"));
    }

    @Test
    void keepsADeepPayload() {
        String payload = "[{\"a\":".repeat(4_000) + "0" + "}]".repeat(4_000);
        assertEquals(payload, read(document(payload)).orElseThrow().payload().getValue());
        assertEquals(Optional.empty(), read(document("[".repeat(30_000) + "]".repeat(30_000))));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "null", "", "{", "[1,]", "{\"a\":1,}", "{\"a\"}", "01", "1.", "+1", "NaN", "tru", "'a'", "\"\t\"", "\"\\x\"",
        "\"\\u12\"", "[1 2]", "{} /* no */", "1}", "1,\"more\":1",
    })
    void refusesABadPayload(String payload) {
        assertEquals(Optional.empty(), read(document(payload)));
    }

    @Test
    void refusesWhatIsNotUtf8() {
        String text = document("\"payload\"");
        for (String charset : new String[] {"UTF-16LE", "UTF-16BE", "UTF-16", "UTF-32LE", "UTF-32BE"}) {
            assertEquals(Optional.empty(), MessageCodec.read(text.getBytes(Charset.forName(charset))), charset);
        }
        assertEquals(Optional.empty(), read("\ufeff" + text), "a byte order mark");
        byte[] overlong = text.getBytes(StandardCharsets.UTF_8);
        overlong[text.indexOf("payload\"}")] = (byte) 0xc0;
        overlong[text.indexOf("payload\"}") + 1] = (byte) 0x80;
        assertEquals(Optional.empty(), MessageCodec.read(overlong), "an overlong form");
    }

    @Test
    void halfASurrogatePairIsNeverAFailure() {
        read(document("0").replace("\"i\"", "\"\\ud800\""))
                .ifPresent(message -> MessageCodec.write(new Answer(new Route("n", "d", 3, 1), message)));
    }

    @Test
    void veryDeepNestingIsNeverAFailure() {
        int depth = 100_000;
        String payload = "[".repeat(depth) + "]".repeat(depth);
        read(document(payload)).ifPresent(message -> assertArrayEquals(
                payload.getBytes(StandardCharsets.UTF_8), message.payload().asUnquotedUTF8()));
    }
}

package bench.middleware;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StrictBase64Test {

    @Test
    void decodesWhatTheEncoderWrites() {
        Random random = new Random(1);
        for (int length = 0; length < 200; length++) {
            byte[] bytes = new byte[length];
            random.nextBytes(bytes);
            assertArrayEquals(
                    bytes, decode(Base64.getUrlEncoder().withoutPadding().encodeToString(bytes)));
        }
    }

    /** Of all texts of two and of three characters only those are accepted that the encoder could write. */
    @Test
    void refusesStrayBits() {
        String alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for (String prefix : new String[] {"A", "AB"}) {
            for (char last : alphabet.toCharArray()) {
                String text = prefix + last;
                byte[] lenient = Base64.getUrlDecoder().decode(text);
                if (Base64.getUrlEncoder().withoutPadding().encodeToString(lenient).equals(text)) {
                    assertArrayEquals(lenient, decode(text));
                } else {
                    assertThrows(IllegalArgumentException.class, () -> decode(text), text);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"A", "AAAAA", "QQ==", "QUI=", "QUJD=", "QUJD====", "QU+D", "QU/D", "QU D", "QUJD\n", "="})
    void refusesOthers(String text) {
        assertThrows(IllegalArgumentException.class, () -> decode(text));
    }

    @Test
    void decodesASlice() {
        byte[] text = "xxQUJDxx".getBytes(StandardCharsets.US_ASCII);
        assertArrayEquals(new byte[] {'A', 'B', 'C'}, StrictBase64.decode(text, 2, 6));
    }

    private static byte[] decode(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        return StrictBase64.decode(bytes, 0, bytes.length);
    }
}

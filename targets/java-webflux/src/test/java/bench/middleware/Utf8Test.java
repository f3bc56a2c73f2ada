package bench.middleware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Against the JDK's decoder, which is strict when it is told to report. */
class Utf8Test {

    @Test
    void agreesOnEveryThreeBytes() {
        // Around them ASCII, so that sequences meet both ends of the eight bytes that are looked at together.
        byte[] text = "0123456???789".getBytes(StandardCharsets.US_ASCII);
        for (int bytes = 0x80_00_00; bytes <= 0xff_ff_ff; bytes++) {
            text[7] = (byte) (bytes >> 16);
            text[8] = (byte) (bytes >> 8);
            text[9] = (byte) bytes;
            check(text);
        }
    }

    @Test
    void agreesOnFourBytes() {
        Random random = new Random(2);
        byte[] text = new byte[4];
        for (int i = 0; i < 1_000_000; i++) {
            random.nextBytes(text);
            text[0] = (byte) (0xf0 | (text[0] & 7));
            text[2] = (byte) (0x80 | (text[2] & 0x3f));
            text[3] = (byte) (random.nextInt(50) == 0 ? text[3] : 0x80 | (text[3] & 0x3f));
            check(text);
        }
    }

    @Test
    void agreesOnTruncatedText() {
        byte[] text = "a é 東 𝄞".getBytes(StandardCharsets.UTF_8);
        for (int length = 0; length <= text.length; length++) {
            check(Arrays.copyOf(text, length));
        }
    }

    private static boolean isDecodable(byte[] text) {
        CharBuffer decoded = CharBuffer.allocate(text.length);
        return !StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text), decoded, true).isError();
    }

    private static void check(byte[] text) {
        boolean expected = isDecodable(text);
        assertEquals(expected, Utf8.isWellFormed(text), () -> HexFormat.of().formatHex(text));
    }
}

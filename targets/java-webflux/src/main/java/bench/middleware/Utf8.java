package bench.middleware;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Well-formedness of UTF-8 (Unicode 16, table 3-7), without decoding it as the JDK's decoders do. */
final class Utf8 {

    private static final VarHandle EIGHT_BYTES =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder());
    private static final long HIGH_BITS = 0x8080_8080_8080_8080L;

    private Utf8() {}

    /**
     * Whether a JSON text is UTF-8 without a byte order mark. The parser alone would not do: it lets overlong forms
     * and encoded surrogates pass, skips the mark, and takes text whose first bytes include a NUL for UTF-16 or UTF-32.
     */
    static boolean isPlain(byte[] json) {
        for (int i = 0; i < Math.min(json.length, 4); i++) {
            if (json[i] == 0) {
                return false;
            }
        }
        if (json.length > 0 && json[0] == (byte) 0xef) {
            return false;
        }
        return isWellFormed(json);
    }

    static boolean isWellFormed(byte[] text) {
        int at = 0;
        while (at < text.length) {
            if (at + Long.BYTES <= text.length && ((long) EIGHT_BYTES.get(text, at) & HIGH_BITS) == 0) {
                at += Long.BYTES;
            } else if (text[at] >= 0) {
                at++;
            } else {
                int length = sequenceLength(text, at);
                if (length == 0) {
                    return false;
                }
                at += length;
            }
        }
        return true;
    }

    /** The length of the well-formed sequence of two to four bytes that starts here; 0 if none does. */
    private static int sequenceLength(byte[] text, int at) {
        int lead = text[at] & 0xff;
        int length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
        if (length == 0 || at + length > text.length) {
            return 0;
        }
        // The second byte is what rules out overlong forms, surrogates, and what lies beyond U+10FFFF.
        int second = text[at + 1] & 0xff;
        int lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        int highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (second < lowest || second > highest) {
            return 0;
        }
        for (int i = at + 2; i < at + length; i++) {
            if ((text[i] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return length;
    }
}

package bench.middleware;

import java.nio.ByteBuffer;
import java.util.Base64;

/** Base64url as RFC 7515 wants it: no padding, and one text only for each sequence of bytes. */
final class StrictBase64 {

    // The last characters whose unused bits, four or two of them, are zero.
    private static final String LAST_OF_TWO = "AQgw";
    private static final String LAST_OF_THREE = "AEIMQUYcgkosw048";

    private StrictBase64() {}

    /** @throws IllegalArgumentException when {@code text[start, end)} is not strict base64url */
    static byte[] decode(byte[] text, int start, int end) {
        if (!isCanonical(text, start, end)) {
            throw new IllegalArgumentException("padding or stray bits");
        }
        return Base64.getUrlDecoder().decode(ByteBuffer.wrap(text, start, end - start)).array();
    }

    private static boolean isCanonical(byte[] text, int start, int end) {
        if (start == end) {
            return true;
        }
        byte last = text[end - 1];
        return switch ((end - start) % 4) {
            case 2 -> LAST_OF_TWO.indexOf(last) >= 0;
            case 3 -> LAST_OF_THREE.indexOf(last) >= 0;
            default -> last != '=';
        };
    }
}

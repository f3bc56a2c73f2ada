package bench.middleware;

import com.fasterxml.jackson.annotation.JsonFormat;
import java.util.List;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectReader;

/**
 * A compact JWS, decoded but not yet checked.
 *
 * @param text the whole token; {@code text[0, signedLength)} is what was signed
 */
record Token(Header header, byte[] claims, byte[] signature, byte[] text, int signedLength) {

    private static final ObjectReader HEADER_READER = lenientReader(Header.class);
    private static final ObjectReader CLAIMS_READER = lenientReader(Claims.class);

    record Header(String alg, String kid, JsonNode crit) {}

    /** The claims that are looked at; times are seconds since the epoch. {@code nbf} may be missing, but not null. */
    record Claims(
            String iss,
            @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY) List<String> aud,
            Double exp,
            JsonNode nbf) {}

    /**
     * @throws IllegalArgumentException when the text is not three strict base64url segments
     * @throws tools.jackson.core.JacksonException when the first of them is not a JOSE header
     */
    static Token decode(byte[] text) {
        int firstDot = indexOfDot(text, 0);
        int secondDot = indexOfDot(text, firstDot + 1);
        byte[] json = StrictBase64.decode(text, 0, firstDot);
        Header header = Utf8.isPlain(json) ? HEADER_READER.readValue(json) : null;
        if (header == null) {
            throw new IllegalArgumentException("not UTF-8, or null");
        }
        return new Token(
                header,
                StrictBase64.decode(text, firstDot + 1, secondDot),
                // A third dot is no base64url character.
                StrictBase64.decode(text, secondDot + 1, text.length),
                text,
                secondDot);
    }

    /**
     * The claims; null when they are not UTF-8, or the JSON null.
     *
     * @throws tools.jackson.core.JacksonException when they are no JSON object, or a claim is of another type
     */
    Claims readClaims() {
        return Utf8.isPlain(claims) ? CLAIMS_READER.readValue(claims) : null;
    }

    private static int indexOfDot(byte[] text, int from) {
        for (int i = from; i < text.length; i++) {
            if (text[i] == '.') {
                return i;
            }
        }
        throw new IllegalArgumentException("fewer than three segments");
    }

    private static ObjectReader lenientReader(Class<?> type) {
        return Json.STRICT.readerFor(type).without(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
    }
}

package bench.middleware;

import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.ObjectReader;
import tools.jackson.databind.ObjectWriter;

/** Messages from request bodies, and answers to response bodies. */
final class MessageCodec {

    private static final ObjectReader READER = Json.STRICT.readerFor(Message.class);
    private static final ObjectWriter WRITER = Json.STRICT.writerFor(Answer.class);

    private MessageCodec() {}

    /** The body of a 200. */
    record Answer(RoutingTable.Route route, Message message) {}

    /** The message, or nothing when the body is not one: malformed JSON or UTF-8, wrong members or values. */
    static Optional<Message> read(byte[] body) {
        if (!isPlainUtf8(body)) {
            return Optional.empty();
        }
        try {
            Message message = READER.withAttribute(RawJson.SOURCE, body).readValue(body);
            return Optional.ofNullable(message).filter(Message::isValid);
        } catch (JacksonException malformed) {
            return Optional.empty();
        }
    }

    /** The answer as JSON, or nothing when a string holds half a surrogate pair and so has no UTF-8 form. */
    static Optional<byte[]> write(Answer answer) {
        try {
            return Optional.of(WRITER.writeValueAsBytes(answer));
        } catch (JacksonException unencodable) {
            return Optional.empty();
        }
    }

    /**
     * The parser alone would not do: it lets overlong forms and encoded surrogates pass, skips a byte order
     * mark, and takes text whose first bytes include a NUL for UTF-16 or UTF-32.
     */
    private static boolean isPlainUtf8(byte[] body) {
        for (int i = 0; i < Math.min(body.length, 4); i++) {
            if (body[i] == 0) {
                return false;
            }
        }
        if (body.length > 0 && body[0] == (byte) 0xef) {
            return false;
        }
        return Utf8.isWellFormed(body);
    }
}

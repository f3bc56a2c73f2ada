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
        if (!Utf8.isPlain(body)) {
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
}

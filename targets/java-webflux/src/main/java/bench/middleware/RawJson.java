package bench.middleware;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.SerializableString;
import tools.jackson.core.io.SerializedString;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.ValueDeserializer;
import tools.jackson.databind.ValueSerializer;
import tools.jackson.databind.annotation.JsonDeserialize;
import tools.jackson.databind.annotation.JsonSerialize;

/**
 * Any JSON value, checked by the parser but kept as the bytes it was written in: {@code bytes[start, end)}.
 * To the generator it is a string that needs no further encoding.
 */
@JsonDeserialize(using = RawJson.Deserializer.class)
@JsonSerialize(using = RawJson.Serializer.class)
record RawJson(byte[] bytes, int start, int end) implements SerializableString {

    /** Under this key the reader is given the array it parses. */
    static final Object SOURCE = RawJson.class;

    private int length() {
        return end - start;
    }

    @Override
    public int appendUnquotedUTF8(byte[] buffer, int offset) {
        if (length() > buffer.length - offset) {
            return -1;
        }
        System.arraycopy(bytes, start, buffer, offset, length());
        return length();
    }

    @Override
    public byte[] asUnquotedUTF8() {
        return Arrays.copyOfRange(bytes, start, end);
    }

    @Override
    public int writeUnquotedUTF8(OutputStream out) throws IOException {
        out.write(bytes, start, length());
        return length();
    }

    @Override
    public int putUnquotedUTF8(ByteBuffer buffer) {
        if (length() > buffer.remaining()) {
            return -1;
        }
        buffer.put(bytes, start, length());
        return length();
    }

    @Override
    public String getValue() {
        return new String(bytes, start, length(), StandardCharsets.UTF_8);
    }

    // What follows serves generators of characters and of quoted text; this service has neither.

    private SerializedString text() {
        return new SerializedString(getValue());
    }

    @Override
    public int charLength() {
        return text().charLength();
    }

    @Override
    public char[] asQuotedChars() {
        return text().asQuotedChars();
    }

    @Override
    public byte[] asQuotedUTF8() {
        return text().asQuotedUTF8();
    }

    @Override
    public int appendQuotedUTF8(byte[] buffer, int offset) {
        return text().appendQuotedUTF8(buffer, offset);
    }

    @Override
    public int appendQuoted(char[] buffer, int offset) {
        return text().appendQuoted(buffer, offset);
    }

    @Override
    public int appendUnquoted(char[] buffer, int offset) {
        return text().appendUnquoted(buffer, offset);
    }

    @Override
    public int writeQuotedUTF8(OutputStream out) throws IOException {
        return text().writeQuotedUTF8(out);
    }

    @Override
    public int putQuotedUTF8(ByteBuffer buffer) {
        return text().putQuotedUTF8(buffer);
    }

    /** Lets the parser walk over the value, which checks it, and notes where it began and ended. */
    static final class Deserializer extends ValueDeserializer<RawJson> {

        @Override
        public RawJson deserialize(JsonParser parser, DeserializationContext context) {
            int start = (int) parser.currentTokenLocation().getByteOffset();
            parser.skipChildren();
            // A string is read only when asked for.
            parser.finishToken();
            int end = (int) parser.currentLocation().getByteOffset();
            return new RawJson((byte[]) context.getAttribute(SOURCE), start, end);
        }
    }

    static final class Serializer extends ValueSerializer<RawJson> {

        @Override
        public void serialize(RawJson value, JsonGenerator generator, SerializationContext context) {
            generator.writeRawValue(value);
        }
    }
}

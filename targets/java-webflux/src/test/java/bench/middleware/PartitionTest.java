package bench.middleware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PartitionTest {

    /** The vectors published with the FNV hash. */
    @ParameterizedTest
    @CsvSource({"'', cbf29ce484222325", "a, af63dc4c8601ec8c", "foobar, 85944171f73967e8"})
    void hashesAsPublished(String text, String hash) {
        assertEquals(hash, Long.toHexString(Partition.fnv1a(text.getBytes(StandardCharsets.UTF_8))));
    }

    /** The hash of "a" is negative as a signed number: 12638187200555641996 unsigned. */
    @Test
    void dividesUnsigned() {
        assertEquals(6, Partition.of("a", 10));
    }
}

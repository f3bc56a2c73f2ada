package bench.middleware;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TopicPatternTest {

    @ParameterizedTest
    @CsvSource({
        "orders.created, orders.created, true",
        "orders.created, orders.create, false",
        "orders.created, orders, false",
        "orders, orders.created, false",
        "orders.*, orders.created, true",
        "orders.*, orders, false",
        "orders.*, orders.eu.created, false",
        "*, orders, true",
        "*.*, orders, false",
        "orders.#, orders, true",
        "orders.#, orders.eu.created, true",
        "orders.#, order, false",
        "#, anything.at.all, true",
        "#.created, created, true",
        "#.created, orders.created.late, false",
        "a.#.z, a.z, true",
        "a.#.z, a.b.c.z, true",
        "a.#.z, a.b.c, false",
        "a.#.m.#.z, a.m.z, true",
        "a.#.m.#.z, a.b.m.c.m.d.z, true",
        "a.#.m.#.z, a.b.c.z, false",
        "#.a.*.b, a.a.a.x.b, true",
        "#.#, one, true",
        "*.#.*, one, false",
        "*.#.*, one.two, true",
        "a..b, a..b, true",
        "a.*.b, a..b, true",
        "a.b, a..b, false",
    })
    void matches(String pattern, String topic, boolean expected) {
        assertEquals(expected, TopicPattern.compile(pattern).matches(TopicPattern.split(topic)));
    }

    @Test
    void splitsAtEveryDot() {
        assertArrayEquals(new String[] {"", "a", "", "b", ""}, TopicPattern.split(".a..b."));
    }

    /** Every pattern and topic of up to four words against a definition too plain to be wrong. */
    @Test
    void agreesWithTheRecursiveDefinition() {
        List<List<String>> patterns = sequences(List.of("a", "b", "*", "#"), 4);
        List<List<String>> topics = sequences(List.of("a", "b"), 4);
        for (List<String> pattern : patterns) {
            TopicPattern compiled = TopicPattern.compile(String.join(".", pattern));
            for (List<String> topic : topics) {
                assertEquals(
                        matches(pattern, topic),
                        compiled.matches(topic.toArray(String[]::new)),
                        () -> pattern + " against " + topic);
            }
        }
    }

    private static boolean matches(List<String> pattern, List<String> topic) {
        if (pattern.isEmpty()) {
            return topic.isEmpty();
        }
        List<String> rest = pattern.subList(1, pattern.size());
        if (pattern.getFirst().equals("#")) {
            return matches(rest, topic) || (!topic.isEmpty() && matches(pattern, topic.subList(1, topic.size())));
        }
        return !topic.isEmpty()
                && (pattern.getFirst().equals("*") || pattern.getFirst().equals(topic.getFirst()))
                && matches(rest, topic.subList(1, topic.size()));
    }

    private static List<List<String>> sequences(List<String> words, int longest) {
        List<List<String>> all = new ArrayList<>();
        List<List<String>> latest = List.of(List.of());
        for (int length = 1; length <= longest; length++) {
            List<List<String>> longer = new ArrayList<>();
            for (List<String> sequence : latest) {
                for (String word : words) {
                    List<String> next = new ArrayList<>(sequence);
                    next.add(word);
                    longer.add(next);
                }
            }
            all.addAll(longer);
            latest = longer;
        }
        return all;
    }
}

package bench.middleware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import bench.middleware.RoutingTable.Route;
import bench.middleware.RoutingTableFile.InvalidTableException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RoutingTableFileTest {

    private static final String RULE = "{'name': 'r', 'topic': 'a.#', 'destination': 'd', 'partitions': 8}";

    @Test
    void theFirstRuleWhoseConditionsAllHoldDecides() throws InvalidTableException {
        RoutingTable table = parse("""
                {'version': 7, 'rules': [
                  {'name': 'picky', 'topic': 'a.*', 'destination': 'p', 'partitions': 1,
                   'when': {'regions': ['eu', 'us'], 'min_priority': 5, 'attributes': {'tier': 'gold'}}},
                  {'name': 'second', 'topic': 'a.*', 'destination': 's', 'partitions': 1}]}""");
        assertEquals(Optional.of(new Route("picky", "p", 0, 7)), table.route("a.b", message("eu", 5, "gold")));
        assertEquals("second", table.route("a.b", message("ap", 5, "gold")).orElseThrow().rule());
        assertEquals("second", table.route("a.b", message("eu", 4, "gold")).orElseThrow().rule());
        assertEquals("second", table.route("a.b", message("eu", 5, "iron")).orElseThrow().rule());
        assertEquals(Optional.empty(), table.route("b", message("eu", 5, "gold")));
    }

    private static Message message(String region, int priority, String tier) {
        return new Message("id", "type", priority, region, Map.of("tier", tier, "more", "x"), null);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{'version': 1, 'rules': []} | no rules",
        "{'version': -1, 'rules': [RULE]} | version",
        "{'version': 1.5, 'rules': [RULE]} | int",
        "{'version': '1', 'rules': [RULE]} | int",
        "{'rules': [RULE]} | version",
        "{'version': 1} | rules",
        "{'version': 1, 'rules': [null]} | null",
        "{'version': 1, 'rules': [RULE, RULE]} | two rules 'r'",
        "{'version': 1, 'rules': [RULE], 'more': 1} | more",
        "{'version': 1, 'rules': [RULE]} {} | trailing",
        "null | null",
        "[] | Cannot deserialize",
        "{ | end-of-input",
    }, quoteCharacter = '"')
    void refusesBadTables(String json, String problem) {
        assertRefused(json.replace("RULE", RULE), problem);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "'name': 'r' | 'name': '' | without a name",
        "'topic': 'a.#' | 'topic': '' | empty topic",
        "'partitions': 8 | 'partitions': 0 | partitions",
        "'partitions': 8 | 'partitions': 65537 | partitions",
        "'partitions': 8 | 'partitions': true | int",
        "'destination': 'd', | '' | destination",
        "'destination': 'd' | 'destination': null | destination",
        "'destination': 'd' | 'destination': 'd', 'extra': 1 | extra",
        "'destination': 'd' | 'destination': 'd', 'when': {'priority': 1} | priority",
        "'destination': 'd' | 'destination': 'd', 'when': {'regions': [1]} | String",
        "'destination': 'd' | 'destination': 'd', 'when': {'attributes': {'a': null}} | null",
    }, quoteCharacter = '"')
    void refusesBadRules(String part, String badPart, String problem) {
        String bad = badPart.equals("''") ? "" : badPart;
        assertRefused("{'version': 1, 'rules': [" + RULE.replace(part, bad) + "]}", problem);
    }

    @Test
    void aMissingFileIsATableProblem() {
        assertThrows(InvalidTableException.class, () -> RoutingTableFile.load(Path.of("no-such-file")));
    }

    private static void assertRefused(String json, String problem) {
        String message = assertThrows(InvalidTableException.class, () -> parse(json), json).getMessage();
        assertTrue(message.toLowerCase().contains(problem.toLowerCase()), () -> message + " says nothing of " + problem);
        assertEquals(1, message.lines().count(), message);
    }

    private static RoutingTable parse(String json) throws InvalidTableException {
        return RoutingTableFile.parse(json.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
    }
}

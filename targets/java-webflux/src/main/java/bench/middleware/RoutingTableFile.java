package bench.middleware;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.ObjectReader;

/** The routing table as JSON: its shape, and the checks that stand between a file and a {@link RoutingTable}. */
final class RoutingTableFile {

    private static final int MAX_PARTITIONS = 65_536;
    private static final ObjectReader READER = Json.STRICT.readerFor(Table.class);

    private RoutingTableFile() {}

    /** A file that is no routing table; the message says in one line why. */
    static final class InvalidTableException extends Exception {

        private static final long serialVersionUID = 1L;

        InvalidTableException(String message) {
            super(message);
        }
    }

    private record Table(
            @Required int version,
            @Required List<Rule> rules) {}

    private record Rule(
            @Required String name,
            @Required String topic,
            When when,
            @Required String destination,
            @Required int partitions) {}

    private record When(
            Set<String> regions,
            @JsonProperty("min_priority") Integer minPriority,
            Map<String, String> attributes) {

        static final When ALWAYS = new When(null, null, null);
    }

    static RoutingTable load(Path file) throws InvalidTableException {
        try {
            return parse(Files.readAllBytes(file));
        } catch (IOException e) {
            throw new InvalidTableException("cannot be read: " + e.getClass().getSimpleName());
        }
    }

    static RoutingTable parse(byte[] json) throws InvalidTableException {
        Table table;
        try {
            table = READER.readValue(json);
        } catch (JacksonException e) {
            throw new InvalidTableException(
                    e.getOriginalMessage().lines().findFirst().orElse("is not JSON"));
        }
        check(table != null, "is null");
        check(table.version >= 0, "version must not be negative");
        check(!table.rules.isEmpty(), "has no rules");
        Set<String> names = new HashSet<>();
        for (Rule rule : table.rules) {
            check(!rule.name.isEmpty(), "has a rule without a name");
            check(names.add(rule.name), "names two rules '" + rule.name + "'");
            check(!rule.topic.isEmpty(), "rule '" + rule.name + "' has an empty topic");
            check(
                    rule.partitions >= 1 && rule.partitions <= MAX_PARTITIONS,
                    "rule '" + rule.name + "' must have 1 to " + MAX_PARTITIONS + " partitions");
            check(
                    rule.when == null || rule.when.regions == null || !rule.when.regions.isEmpty(),
                    "rule '" + rule.name + "' allows no region");
        }
        return new RoutingTable(
                table.version,
                table.rules.stream().map(RoutingTableFile::compile).toList());
    }

    private static RoutingTable.Rule compile(Rule rule) {
        When when = Objects.requireNonNullElse(rule.when, When.ALWAYS);
        return new RoutingTable.Rule(
                rule.name,
                TopicPattern.compile(rule.topic),
                when.regions == null ? Set.of() : Set.copyOf(when.regions),
                Objects.requireNonNullElse(when.minPriority, Integer.MIN_VALUE),
                when.attributes == null ? Map.of() : Map.copyOf(when.attributes),
                rule.destination,
                rule.partitions);
    }

    private static void check(boolean holds, String problem) throws InvalidTableException {
        if (!holds) {
            throw new InvalidTableException(problem);
        }
    }
}

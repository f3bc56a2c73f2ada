package bench.middleware;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * An immutable routing table: the first rule, in order, that matches a message decides.
 *
 * @param version as the file states it; every answer carries it
 */
record RoutingTable(int version, List<Rule> rules) {

    RoutingTable {
        rules = List.copyOf(rules);
    }

    /** Where a message goes: the {@code route} of an answer. */
    record Route(
            String rule,
            String destination,
            int partition,
            @JsonProperty("table_version") int tableVersion) {}

    /**
     * One compiled rule; all its conditions must hold.
     *
     * @param regions the allowed ones; empty allows every region
     * @param attributes must all be among the message's
     */
    record Rule(
            String name,
            TopicPattern topic,
            Set<String> regions,
            int minPriority,
            Map<String, String> attributes,
            String destination,
            int partitions) {

        boolean matches(String[] topicWords, Message message) {
            return topic.matches(topicWords)
                    && message.priority() >= minPriority
                    && (regions.isEmpty() || regions.contains(message.region()))
                    && (attributes.isEmpty()
                            || message.attributes().entrySet().containsAll(attributes.entrySet()));
        }
    }

    Optional<Route> route(String topic, Message message) {
        String[] words = TopicPattern.split(topic);
        for (Rule rule : rules) {
            if (rule.matches(words, message)) {
                int partition = Partition.of(message.id(), rule.partitions);
                return Optional.of(new Route(rule.name, rule.destination, partition, version));
            }
        }
        return Optional.empty();
    }
}

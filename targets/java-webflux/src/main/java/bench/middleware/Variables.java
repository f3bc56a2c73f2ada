package bench.middleware;

import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/** Typed reading of environment variables; an empty value counts as unset. */
record Variables(Map<String, String> environment) {

    String text(String name, String fallback) {
        String value = environment.getOrDefault(name, "");
        return value.isEmpty() ? fallback : value;
    }

    String required(String name) throws ConfigException {
        String value = text(name, "");
        if (value.isEmpty()) {
            throw new ConfigException(name, value, "is required");
        }
        return value;
    }

    int integer(String name, int fallback, int minimum, int maximum) throws ConfigException {
        String value = text(name, Integer.toString(fallback));
        try {
            int number = Integer.parseInt(value);
            if (number >= minimum && number <= maximum) {
                return number;
            }
        } catch (NumberFormatException notAnInteger) {
            // Reported below, as any other value out of range.
        }
        throw new ConfigException(name, value, "must be an integer between " + minimum + " and " + maximum);
    }

    Duration milliseconds(String name, int fallback) throws ConfigException {
        return Duration.ofMillis(integer(name, fallback, 0, Integer.MAX_VALUE));
    }

    /** One of an enum's constants, written in the environment as {@code spelling} has it. */
    <E extends Enum<E>> E choice(String name, E fallback, UnaryOperator<String> spelling) throws ConfigException {
        String value = text(name, spelling.apply(fallback.name()));
        E[] constants = fallback.getDeclaringClass().getEnumConstants();
        for (E constant : constants) {
            if (spelling.apply(constant.name()).equals(value)) {
                return constant;
            }
        }
        throw new ConfigException(
                name,
                value,
                "must be one of "
                        + Arrays.stream(constants)
                                .map(constant -> spelling.apply(constant.name()))
                                .collect(Collectors.joining(", ")));
    }
}

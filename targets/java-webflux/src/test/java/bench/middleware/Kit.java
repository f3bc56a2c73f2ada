package bench.middleware;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The cases that all services share, in the folder that {@code BENCH_KIT} names. */
final class Kit {

    private static final JsonMapper MAPPER = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .build();

    record Cases(int schema, Map<String, Map<String, String>> settings, List<Case> cases) {}

    record Case(String name, List<String> settings, boolean wire, List<Request> requests) {}

    record Request(
            String method,
            String target,
            List<List<String>> headers,
            @JsonProperty("body_base64") byte[] body,
            boolean chunked,
            Expectation expect) {}

    record Expectation(List<Integer> status, Map<String, String> headers, JsonNode json, boolean problem) {}

    private Kit() {}

    static Path folder() {
        String folder = System.getenv("BENCH_KIT");
        if (folder == null || folder.isEmpty()) {
            throw new IllegalStateException(
                    "BENCH_KIT is not set: it must name the folder that `python -m harness.kit` wrote");
        }
        return Path.of(folder);
    }

    static Cases cases() throws IOException {
        return MAPPER.readValue(Files.readAllBytes(folder().resolve("cases.json")), Cases.class);
    }

    /** The environment of one setting, with the files where they are, listening on any free port. */
    static Map<String, String> environment(Map<String, String> setting) {
        Map<String, String> environment = new HashMap<>(setting);
        environment.replaceAll(
                (name, value) -> name.endsWith("_FILE") ? folder().resolve(value).toString() : value);
        environment.put("PORT", "0");
        return environment;
    }

    static JsonNode parse(byte[] json) {
        return MAPPER.readTree(json);
    }

    /** What makes two values differ as JSON, numbers being doubles; empty when nothing does. */
    static List<String> differences(String path, JsonNode expected, JsonNode actual) {
        List<String> differences = new ArrayList<>();
        if (expected.isNumber() && actual.isNumber()) {
            if (expected.doubleValue() != actual.doubleValue()) {
                differences.add(path + ": " + actual + " instead of " + expected);
            }
        } else if (expected.isObject() && actual.isObject()) {
            if (!expected.propertyNames().containsAll(actual.propertyNames())
                    || expected.size() != actual.size()) {
                differences.add(path + ": members " + actual.propertyNames() + " instead of " + expected.propertyNames());
            } else {
                expected.propertyNames().forEach(name -> differences.addAll(
                        differences(path + "." + name, expected.get(name), actual.get(name))));
            }
        } else if (expected.isArray() && actual.isArray() && expected.size() == actual.size()) {
            for (int i = 0; i < expected.size(); i++) {
                differences.addAll(differences(path + "[" + i + "]", expected.get(i), actual.get(i)));
            }
        } else if (!expected.equals(actual)) {
            differences.add(path + ": " + actual + " instead of " + expected);
        }
        return differences;
    }
}

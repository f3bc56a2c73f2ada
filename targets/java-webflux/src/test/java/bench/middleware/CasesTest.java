package bench.middleware;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import bench.middleware.Connection.Response;
import bench.middleware.Kit.Case;
import bench.middleware.Kit.Request;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.JsonNode;

/** The shared cases, except those about timing and concurrency, which need the whole process. */
class CasesTest {

    private static final List<App> STARTED = new ArrayList<>();

    @AfterAll
    static void stop() {
        STARTED.forEach(App::close);
    }

    @TestFactory
    Stream<DynamicNode> cases() throws IOException, ConfigException {
        Kit.Cases kit = Kit.cases();
        assertEquals(1, kit.schema());
        List<DynamicNode> containers = new ArrayList<>();
        for (String setting : kit.settings().keySet()) {
            App app = App.start(Config.from(Kit.environment(kit.settings().get(setting))));
            STARTED.add(app);
            List<Case> applicable = kit.cases().stream()
                    .filter(each -> !each.wire() && each.settings().contains(setting))
                    .toList();
            assertTrue(!applicable.isEmpty(), "no cases for " + setting);
            containers.add(dynamicContainer(
                    setting,
                    applicable.stream().map(each -> dynamicTest(each.name(), () -> check(app.port(), each)))));
        }
        return containers.stream();
    }

    private static void check(int port, Case each) throws IOException {
        Connection connection = new Connection(port);
        try {
            for (Request request : each.requests()) {
                Response response = connection.exchange(
                        request.method(),
                        request.target(),
                        request.headers(),
                        Objects.requireNonNullElse(request.body(), new byte[0]),
                        request.chunked());
                check(request, response);
                if (response.closes()) {
                    connection.close();
                    connection = new Connection(port);
                }
            }
        } finally {
            connection.close();
        }
    }

    private static void check(Request request, Response response) {
        Kit.Expectation expect = request.expect();
        assertTrue(
                expect.status().contains(response.status()),
                () -> response.status() + " instead of one of " + expect.status());
        if (expect.headers() != null) {
            assertAll(expect.headers().entrySet().stream().map(header -> () -> assertTrue(
                    response.headers().getOrDefault(header.getKey(), "").contains(header.getValue()),
                    () -> header + " is not in " + response.headers())));
        }
        if (expect.problem()) {
            assertEquals("application/problem+json", response.headers().get("content-type"));
            assertEquals(response.status(), Kit.parse(response.body()).get("status").intValue());
        }
        JsonNode json = expect.json();
        if (json != null && !json.isNull()) {
            assertEquals(List.of(), Kit.differences("$", json, Kit.parse(response.body())));
        }
    }
}

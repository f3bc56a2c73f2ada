package bench.middleware;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import bench.middleware.Connection.Response;
import java.io.IOException;
import java.net.ConnectException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What only a socket shows: HTTP's corners, and the service's limits. */
class ServiceTest {

    private static final String MESSAGES = "/v1/messages/a.b";
    private static final List<List<String>> JSON = List.of(List.of("Content-Type", "application/json"));
    private static final byte[] MESSAGE =
            "{\"id\":\"i\",\"type\":\"t\",\"priority\":1,\"region\":\"r\",\"attributes\":{},\"payload\":0}".getBytes(UTF_8);

    @TempDir
    private Path folder;

    private final Map<String, String> environment = new HashMap<>();
    private App app;

    @BeforeEach
    void writeTable() throws IOException {
        Path routes = Files.writeString(
                folder.resolve("routes.json"),
                "{\"version\":1,\"rules\":[{\"name\":\"r\",\"topic\":\"a.#\",\"destination\":\"d\",\"partitions\":1}]}");
        environment.putAll(Map.of("PORT", "0", "CPUS", "1", "AUTH_ALGORITHM", "none", "ROUTES_FILE", routes.toString()));
    }

    @AfterEach
    void stop() {
        if (app != null) {
            app.close();
        }
    }

    private Connection connect() throws IOException, ConfigException {
        if (app == null) {
            app = App.start(Config.from(environment));
        }
        return new Connection(app.port());
    }

    private static String head(String rest) {
        return "POST " + MESSAGES + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n" + rest + "\r\n";
    }

    @Test
    void answersPipelinedRequestsInOrder() throws Exception {
        try (Connection connection = connect()) {
            String message = head("Content-Length: " + MESSAGE.length + "\r\n") + new String(MESSAGE, UTF_8);
            connection.send(message + "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" + message
                    + "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n");
            assertEquals(200, connection.receive(true).status());
            assertEquals("{\"status\":\"ok\"}", new String(connection.receive(true).body(), UTF_8));
            assertEquals(200, connection.receive(true).status());
            assertEquals(404, connection.receive(true).status());
        }
    }

    @Test
    void asksForTheBodyThatIsHeldBack() throws Exception {
        try (Connection connection = connect()) {
            connection.send(head("Expect: 100-continue\r\nContent-Length: " + MESSAGE.length + "\r\n"));
            assertEquals(100, connection.receive(false).status());
            connection.send(MESSAGE);
            assertEquals(200, connection.receive(true).status());
        }
    }

    @Test
    void takesABodyInAnyPieces() throws Exception {
        try (Connection connection = connect()) {
            connection.send(head("transfer-encoding: Chunked\r\n"));
            for (byte octet : MESSAGE) {
                connection.send("1\r\n" + (char) octet + "\r\n");
            }
            connection.send("0\r\n\r\n");
            assertEquals(200, connection.receive(true).status());
        }
    }

    @Test
    void refusesAChunkedBodyAsSoonAsItIsTooLarge() throws Exception {
        environment.put("MAX_BODY_BYTES", "100");
        try (Connection connection = connect()) {
            connection.send(head("Transfer-Encoding: chunked\r\n") + "65\r\n" + "x".repeat(101) + "\r\n");
            assertEquals(413, connection.receive(true).status());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "//v1/messages/a.b", "/v1//messages/a.b", "/v1/messages//a.b", "/v1/messages/a.b/", "/v1/messages/a%2Eb",
        "/v1/messages/a.b;c=d", "/v1/messages/%zz", "/v1/messages/a{b}", "/v1/messages/a|b", "/v1/messages/é",
        "/v1/messages/..", "/v1/messages/../healthz", "/healthz/", "/HEALTHZ", "/v1%2Fmessages/a.b", "/",
    })
    void findsNothingAtOtherPaths(String target) throws Exception {
        // '..' is a topic like any other: well formed, and matched by no rule.
        try (Connection connection = connect()) {
            Response response = connection.exchange("POST", target, JSON, MESSAGE, false);
            assertEquals(404, response.status());
            assertEquals("application/problem+json", response.headers().get("content-type"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"?", "?a=b&c", "?a={b}|%zz", "?a=/v1/x"})
    void ignoresTheQuery(String query) throws Exception {
        try (Connection connection = connect()) {
            assertEquals(200, connection.exchange("POST", MESSAGES + query, JSON, MESSAGE, false).status());
        }
    }

    @Test
    void answersHeadWithoutABody() throws Exception {
        try (Connection connection = connect()) {
            for (int i = 0; i < 2; i++) {
                Response response = connection.exchange("HEAD", "/healthz", List.of(), new byte[0], false);
                assertEquals(200, response.status());
            }
            Response refused = connection.exchange("HEAD", MESSAGES, List.of(), new byte[0], false);
            assertEquals(405, refused.status());
            assertEquals("POST", refused.headers().get("allow"));
        }
    }

    @Test
    void takesHeadersOf32Kilobytes() throws Exception {
        try (Connection connection = connect()) {
            connection.send(head("X-Long: " + "x".repeat(32_000) + "\r\nContent-Length: " + MESSAGE.length + "\r\n"));
            connection.send(MESSAGE);
            assertEquals(200, connection.receive(true).status());
        }
    }

    @Test
    void countsEveryAnswerToAMessage() throws Exception {
        try (Connection connection = connect()) {
            connection.exchange("POST", MESSAGES, JSON, MESSAGE, false);
            connection.exchange("POST", MESSAGES, List.of(), MESSAGE, false);
            connection.exchange("POST", "/v1/messages/none", JSON, MESSAGE, false);
            connection.exchange("GET", MESSAGES, List.of(), new byte[0], false);
            connection.exchange("POST", "/v1/messages/not/one", JSON, MESSAGE, false);
            Response info = connection.exchange("GET", "/info", List.of(), new byte[0], false);
            assertEquals(3, Kit.parse(info.body()).get("messages_answered").longValue());
        }
    }

    @Test
    void refusesWhenTheBackendsPoolIsExhausted() throws Exception {
        environment.putAll(Map.of(
                "BACKEND_DELAY_MS", "5000", "BACKEND_POOL_SIZE", "1", "BACKEND_ACQUIRE_TIMEOUT_MS", "1"));
        try (Connection first = connect();
                Connection second = connect()) {
            first.send(head("Content-Length: " + MESSAGE.length + "\r\n") + new String(MESSAGE, ISO_8859_1));
            second.send(head("Content-Length: " + MESSAGE.length + "\r\n") + new String(MESSAGE, ISO_8859_1));
            Response refused = second.receive(true);
            assertEquals(503, refused.status());
            assertEquals("1", refused.headers().get("retry-after"));
            assertEquals("{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503}",
                    new String(refused.body(), UTF_8));
        }
    }

    @Test
    void finishesWhatIsInFlightBeforeItStops() throws Exception {
        environment.put("BACKEND_DELAY_MS", "500");
        try (Connection idle = connect();
                Connection busy = connect();
                ExecutorService thread = Executors.newSingleThreadExecutor()) {
            assertEquals(200, idle.exchange("GET", "/healthz", List.of(), new byte[0], false).status());
            busy.send(head("Content-Length: " + MESSAGE.length + "\r\n") + new String(MESSAGE, ISO_8859_1));
            awaitOneInFlight(idle);
            int port = app.port();
            Future<?> stopped = thread.submit(app::close);
            assertEquals(200, busy.receive(true).status());
            stopped.get();
            assertThrows(ConnectException.class, () -> new Connection(port).close());
            app = null;
        }
    }

    /** The event loop reads in order of arrival: once it has answered on another connection, it has seen the first. */
    private static void awaitOneInFlight(Connection idle) throws IOException {
        for (int i = 0; i < 10; i++) {
            idle.exchange("GET", "/healthz", List.of(), new byte[0], false);
        }
    }
}

package bench.middleware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import bench.middleware.Config.Algorithm;
import bench.middleware.Config.Auth;
import bench.middleware.Config.JwtProvider;
import bench.middleware.Config.PermitScope;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigTest {

    private static final Map<String, String> MINIMAL = Map.of(
            "ROUTES_FILE", "routes.json",
            "AUTH_KEYS_FILE", "jwks.json",
            "AUTH_ISSUER", "issuer",
            "AUTH_AUDIENCE", "audience");

    private static Map<String, String> minimalAnd(String name, String value) {
        Map<String, String> environment = new HashMap<>(MINIMAL);
        environment.put(name, value);
        return environment;
    }

    @Test
    void hasTheDefaultsOfTheContract() throws ConfigException {
        Config expected = new Config(
                "127.0.0.1",
                8080,
                Runtime.getRuntime().availableProcessors(),
                Path.of("routes.json"),
                50,
                Optional.of(new Auth(
                        Algorithm.ES256,
                        JwtProvider.ACCP,
                        Path.of("jwks.json"),
                        "issuer",
                        "audience",
                        PermitScope.CHECK,
                        Duration.ofSeconds(1),
                        Duration.ZERO)),
                Duration.ZERO,
                16,
                Duration.ofSeconds(1),
                65_536);
        assertEquals(expected, Config.from(MINIMAL));
        assertEquals(expected, Config.from(minimalAnd("PORT", "")), "empty counts as unset");
    }

    @Test
    void withoutAuthenticationNothingOfItIsRequired() throws ConfigException {
        Config config = Config.from(Map.of("ROUTES_FILE", "routes.json", "AUTH_ALGORITHM", "none"));
        assertEquals(Optional.empty(), config.auth());
    }

    @ParameterizedTest
    @CsvSource({
        "PORT, 65536", "PORT, -1", "PORT, http", "PORT, 80.0", "PORT, 99999999999", "PORT, ' 80'",
        "CPUS, 0", "CPUS, -1", "CPUS, two",
        "AUTH_ALGORITHM, HS256", "AUTH_ALGORITHM, es256", "AUTH_ALGORITHM, NONE",
        "AUTH_PERMIT_SCOPE, CHECK", "AUTH_PERMIT_SCOPE, both",
        "AUTH_MAX_CONCURRENT, 0", "AUTH_ACQUIRE_TIMEOUT_MS, -1", "AUTH_LOOKUP_DELAY_MS, 1s",
        "BACKEND_DELAY_MS, -1", "BACKEND_POOL_SIZE, 0", "BACKEND_ACQUIRE_TIMEOUT_MS, x",
        "MAX_BODY_BYTES, 0", "JWT_PROVIDER, bouncy",
    })
    void refusesBadValues(String name, String value) {
        assertRefused(minimalAnd(name, value), name, value);
    }

    @ParameterizedTest
    @ValueSource(strings = {"ROUTES_FILE", "AUTH_KEYS_FILE", "AUTH_ISSUER", "AUTH_AUDIENCE"})
    void refusesToGoWithoutTheRequired(String name) {
        assertRefused(minimalAnd(name, ""), name, "");
    }

    @Test
    void namesTheFileOrAddressItCannotUse(@TempDir Path folder) throws IOException {
        Path routes = Files.writeString(
                folder.resolve("routes.json"),
                "{\"version\":1,\"rules\":[{\"name\":\"r\",\"topic\":\"#\",\"destination\":\"d\",\"partitions\":1}]}");
        Path keys = Files.writeString(
                folder.resolve("jwks.json"), "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AAAA\"}]}");
        Map<String, String> environment = minimalAnd("ROUTES_FILE", routes + "x");
        environment.put("AUTH_KEYS_FILE", keys.toString());
        environment.put("PORT", "0");
        assertStartRefused(environment, "ROUTES_FILE", routes + "x");
        environment.put("ROUTES_FILE", routes.toString());
        assertStartRefused(environment, "AUTH_KEYS_FILE", keys.toString());
        environment.put("AUTH_KEYS_FILE", keys + "x");
        assertStartRefused(environment, "AUTH_KEYS_FILE", keys + "x");
        environment.put("AUTH_ALGORITHM", "none");
        environment.put("BIND", "192.0.2.1");
        assertStartRefused(environment, "BIND", "192.0.2.1");
        environment.remove("BIND");
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            String port = Integer.toString(taken.getLocalPort());
            environment.put("PORT", port);
            assertStartRefused(environment, "PORT", port);
        }
        environment.remove("AUTH_ALGORITHM");
        Files.writeString(keys, "[]");
        environment.put("AUTH_KEYS_FILE", keys.toString());
        assertStartRefused(environment, "AUTH_KEYS_FILE", keys.toString());
    }

    private static void assertRefused(Map<String, String> environment, String name, String value) {
        assertNames(assertThrows(ConfigException.class, () -> Config.from(environment)), name, value);
    }

    private static void assertStartRefused(Map<String, String> environment, String name, String value) {
        assertNames(
                assertThrows(ConfigException.class, () -> App.start(Config.from(environment)).close()), name, value);
    }

    private static void assertNames(ConfigException refusal, String name, String value) {
        assertTrue(refusal.getMessage().startsWith(name + "='" + value + "': "), refusal.getMessage());
        assertEquals(1, refusal.getMessage().lines().count(), refusal.getMessage());
    }
}

package bench.middleware;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What the environment asks for, checked once at start.
 *
 * @param auth what is needed to check tokens; empty for {@code AUTH_ALGORITHM=none}
 */
record Config(
        String bind,
        int port,
        int cpus,
        Path routesFile,
        int authMaxConcurrent,
        Optional<Auth> auth,
        Duration backendDelay,
        int backendPoolSize,
        Duration backendAcquireTimeout,
        int maxBodyBytes) {

    enum Algorithm {
        ES256,
        RS256,
        NONE;

        private static String spelling(String name) {
            return name.equals(NONE.name()) ? "none" : name;
        }
    }

    /** How long a permit is held: for delay and signature check, or until the answer. */
    enum PermitScope {
        CHECK,
        REQUEST
    }

    /** Whose cryptography checks the signatures. */
    enum JwtProvider {
        ACCP,
        STOCK
    }

    record Auth(
            Algorithm algorithm,
            JwtProvider provider,
            Path keysFile,
            String issuer,
            String audience,
            PermitScope permitScope,
            Duration acquireTimeout,
            Duration lookupDelay) {}

    /**
     * Reads the variables; an empty one counts as unset.
     *
     * @throws ConfigException naming the first variable that is missing or bad
     */
    static Config from(Map<String, String> environment) throws ConfigException {
        Variables variables = new Variables(environment);
        return new Config(
                variables.text("BIND", "127.0.0.1"),
                variables.integer("PORT", 8080, 0, 65_535),
                variables.integer("CPUS", Runtime.getRuntime().availableProcessors(), 1, 1_024),
                Path.of(variables.required("ROUTES_FILE")),
                variables.integer("AUTH_MAX_CONCURRENT", 50, 1, Integer.MAX_VALUE),
                auth(variables),
                variables.milliseconds("BACKEND_DELAY_MS", 0),
                variables.integer("BACKEND_POOL_SIZE", 16, 1, Integer.MAX_VALUE),
                variables.milliseconds("BACKEND_ACQUIRE_TIMEOUT_MS", 1_000),
                variables.integer("MAX_BODY_BYTES", 65_536, 1, Integer.MAX_VALUE));
    }

    private static Optional<Auth> auth(Variables variables) throws ConfigException {
        Algorithm algorithm = variables.choice("AUTH_ALGORITHM", Algorithm.ES256, Algorithm::spelling);
        JwtProvider provider = variables.choice("JWT_PROVIDER", JwtProvider.ACCP, Config::lowerCase);
        PermitScope scope = variables.choice("AUTH_PERMIT_SCOPE", PermitScope.CHECK, Config::lowerCase);
        Duration acquireTimeout = variables.milliseconds("AUTH_ACQUIRE_TIMEOUT_MS", 1_000);
        Duration lookupDelay = variables.milliseconds("AUTH_LOOKUP_DELAY_MS", 0);
        if (algorithm == Algorithm.NONE) {
            return Optional.empty();
        }
        return Optional.of(new Auth(
                algorithm,
                provider,
                Path.of(variables.required("AUTH_KEYS_FILE")),
                variables.required("AUTH_ISSUER"),
                variables.required("AUTH_AUDIENCE"),
                scope,
                acquireTimeout,
                lookupDelay));
    }

    private static String lowerCase(String name) {
        return name.toLowerCase(Locale.ROOT);
    }
}

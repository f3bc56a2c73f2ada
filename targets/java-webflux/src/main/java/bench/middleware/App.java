package bench.middleware;

import static org.springframework.web.reactive.function.server.RequestPredicates.methods;

import bench.middleware.RoutingTableFile.InvalidTableException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.time.Clock;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.springframework.http.HttpMethod;
import org.springframework.http.server.reactive.HttpHandler;
import org.springframework.web.reactive.function.server.HandlerFilterFunction;
import org.springframework.web.reactive.function.server.HandlerFunction;
import org.springframework.web.reactive.function.server.HandlerStrategies;
import org.springframework.web.reactive.function.server.RequestPredicate;
import org.springframework.web.reactive.function.server.RouterFunction;
import org.springframework.web.reactive.function.server.RouterFunctions;
import org.springframework.web.reactive.function.server.ServerResponse;
import reactor.core.scheduler.Scheduler;
import reactor.netty.ChannelBindException;

/** The service, wired: what it is made of, and all its routes. */
final class App implements AutoCloseable {

    private final Reload routingTable;
    private final Server server;

    private App(Reload routingTable, Server server) {
        this.routingTable = routingTable;
        this.server = server;
    }

    /**
     * Starts to serve.
     *
     * @throws ConfigException when a file or the address that the configuration names cannot be used
     */
    static App start(Config config) throws ConfigException {
        Reload routingTable = routingTable(config);
        Optional<TokenVerifier> verifier = verifier(config);
        Server server = new Server(config.cpus());
        LongAdder answered = new LongAdder();

        HandlerFunction<ServerResponse> messages = new Handlers(
                        routingTable, config.maxBodyBytes(), backend(config, server.scheduler()))
                ::message;
        HandlerFilterFunction<ServerResponse, ServerResponse> counted =
                (request, next) -> next.handle(request).doOnNext(response -> answered.increment());
        Supplier<Info> info = () -> Info.of(
                config,
                verifier.map(TokenVerifier::description).orElse("none"),
                server.transport(),
                routingTable.get().version(),
                answered.sum());
        HttpHandler handler = RouterFunctions.toHttpHandler(
                router(counted.apply(authenticated(config, verifier, server.scheduler(), messages)), info),
                HandlerStrategies.empty().exceptionHandler(new LastResort()).build());
        try {
            server.start(config.bind(), config.port(), handler);
        } catch (ChannelBindException e) {
            server.close();
            throw unbound(config);
        }
        routingTable.watch();
        return new App(routingTable, server);
    }

    private static RouterFunction<ServerResponse> router(
            HandlerFunction<ServerResponse> messages, Supplier<Info> info) {
        RequestPredicate post = methods(HttpMethod.POST);
        RequestPredicate get = methods(HttpMethod.GET, HttpMethod.HEAD);
        return RouterFunctions.route()
                .route(path(Paths::isMessages).and(post), messages)
                .route(path(Paths::isMessages), request -> Problem.methodNotAllowed("POST"))
                .route(path(Paths.HEALTH::equals).and(get), request -> Handlers.json(Handlers.HEALTHY))
                .route(path(Paths.HEALTH::equals), request -> Problem.methodNotAllowed("GET, HEAD"))
                .route(path(Paths.INFO::equals).and(get), request -> Handlers.json(info.get()))
                .route(path(Paths.INFO::equals), request -> Problem.methodNotAllowed("GET, HEAD"))
                .route(request -> true, request -> Problem.NOT_FOUND.response())
                .build();
    }

    /** Compares the path as it came: Spring's own predicates decode it first. */
    private static RequestPredicate path(Predicate<String> predicate) {
        return request -> predicate.test(request.path());
    }

    private static HandlerFunction<ServerResponse> authenticated(
            Config config,
            Optional<TokenVerifier> verifier,
            Scheduler scheduler,
            HandlerFunction<ServerResponse> next) {
        if (verifier.isEmpty()) {
            return next;
        }
        Config.Auth auth = config.auth().orElseThrow();
        Permits permits = new Permits(config.authMaxConcurrent(), auth.acquireTimeout(), scheduler);
        return new BearerAuthentication(auth, verifier.get(), permits, scheduler).apply(next);
    }

    private static Backend backend(Config config, Scheduler scheduler) {
        Permits pool = new Permits(config.backendPoolSize(), config.backendAcquireTimeout(), scheduler);
        return new Backend(pool, config.backendDelay(), scheduler);
    }

    private static Optional<TokenVerifier> verifier(Config config) throws ConfigException {
        if (config.auth().isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new TokenVerifier(config.auth().get(), Clock.systemUTC()));
    }

    private static Reload routingTable(Config config) throws ConfigException {
        try {
            return new Reload(config.routesFile());
        } catch (InvalidTableException e) {
            throw new ConfigException("ROUTES_FILE", config.routesFile().toString(), e.getMessage());
        }
    }

    /** Which of the two variables is to blame: an address that is not ours, or a port that another has. */
    private static ConfigException unbound(Config config) {
        try {
            InetAddress address = InetAddress.getByName(config.bind());
            if (address.isAnyLocalAddress() || NetworkInterface.getByInetAddress(address) != null) {
                return new ConfigException(
                        "PORT", Integer.toString(config.port()), "cannot be listened on at " + config.bind());
            }
        } catch (IOException unknown) {
            // Not the name of any address.
        }
        return new ConfigException("BIND", config.bind(), "is no address of this machine");
    }

    int port() {
        return server.port();
    }

    /** Reads the routing table again, now. */
    void reload() {
        routingTable.reload();
    }

    /** Stops accepting, finishes what is in flight, and lets go of everything. */
    @Override
    public void close() {
        server.close();
        routingTable.close();
    }
}

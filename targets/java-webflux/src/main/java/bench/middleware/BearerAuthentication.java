package bench.middleware;

import bench.middleware.Config.Auth;
import bench.middleware.Config.PermitScope;
import bench.middleware.TokenVerifier.Candidate;
import java.time.Duration;
import java.util.Optional;
import org.springframework.http.HttpHeaders;
import org.springframework.web.reactive.function.server.HandlerFilterFunction;
import org.springframework.web.reactive.function.server.HandlerFunction;
import org.springframework.web.reactive.function.server.ServerRequest;
import org.springframework.web.reactive.function.server.ServerResponse;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;

/**
 * Lets through the requests that carry a good token. The check runs under a permit, after the delay that stands
 * for a remote look-up; on the event loop, because moving it to another thread costs more than it spares.
 */
final class BearerAuthentication implements HandlerFilterFunction<ServerResponse, ServerResponse> {

    private enum Verdict {
        ACCEPTED,
        REFUSED,
        BUSY
    }

    private final TokenVerifier verifier;
    private final Permits permits;
    private final PermitScope scope;
    private final Duration lookupDelay;
    private final Scheduler scheduler;

    BearerAuthentication(Auth config, TokenVerifier verifier, Permits permits, Scheduler scheduler) {
        this.verifier = verifier;
        this.permits = permits;
        this.scope = config.permitScope();
        this.lookupDelay = config.lookupDelay();
        this.scheduler = scheduler;
    }

    @Override
    public Mono<ServerResponse> filter(ServerRequest request, HandlerFunction<ServerResponse> next) {
        Optional<Candidate> candidate = verifier.read(request.headers().header(HttpHeaders.AUTHORIZATION));
        if (candidate.isEmpty()) {
            return Problem.UNAUTHORIZED.response();
        }
        return switch (scope) {
            case CHECK -> permits.run(() -> check(candidate.get()), () -> Mono.just(Verdict.BUSY))
                    .flatMap(verdict -> proceed(verdict, request, next));
            case REQUEST -> permits.run(
                    () -> check(candidate.get()).flatMap(verdict -> proceed(verdict, request, next)),
                    () -> proceed(Verdict.BUSY, request, next));
        };
    }

    private Mono<Verdict> check(Candidate candidate) {
        if (lookupDelay.isZero()) {
            return Mono.just(verdict(candidate));
        }
        return Mono.delay(lookupDelay, scheduler).map(elapsed -> verdict(candidate));
    }

    private Verdict verdict(Candidate candidate) {
        return verifier.accepts(candidate) ? Verdict.ACCEPTED : Verdict.REFUSED;
    }

    private static Mono<ServerResponse> proceed(
            Verdict verdict, ServerRequest request, HandlerFunction<ServerResponse> next) {
        return switch (verdict) {
            case ACCEPTED -> next.handle(request);
            case REFUSED -> Problem.UNAUTHORIZED.response();
            case BUSY -> Problem.SERVICE_UNAVAILABLE.response();
        };
    }
}

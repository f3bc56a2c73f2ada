package bench.middleware;

import java.time.Duration;
import java.util.function.Supplier;
import org.springframework.web.reactive.function.server.ServerResponse;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;

/** Stands for the database and the business logic: a wait that occupies one place of a pool. */
record Backend(Permits pool, Duration delay, Scheduler scheduler) {

    /** Goes on after the wait, outside the pool; 503 when the pool has no place in time. */
    Mono<ServerResponse> call(Supplier<Mono<ServerResponse>> next) {
        if (delay.isZero()) {
            return next.get();
        }
        return pool.run(() -> Mono.delay(delay, scheduler).thenReturn(true), () -> Mono.just(false))
                .flatMap(waited -> waited ? next.get() : Problem.SERVICE_UNAVAILABLE.response());
    }
}

package bench.middleware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

class PermitsTest {

    private static final Duration TIMEOUT = Duration.ofMillis(100);
    private static final Duration JUST_BEFORE = TIMEOUT.minusMillis(1);

    private final ManualScheduler time = new ManualScheduler();
    private final Permits permits = new Permits(1, TIMEOUT, time);
    private final List<String> events = new ArrayList<>();

    /** Work that goes on until the sink is told; the names of what happens are collected. */
    private Disposable start(String name, Sinks.One<String> until) {
        return permits.run(
                        () -> {
                            events.add(name + " runs");
                            return until.asMono();
                        },
                        () -> Mono.just("refused"))
                .subscribe(result -> events.add(name + " " + result), error -> events.add(name + " fails"));
    }

    @Test
    void theNextRunsWhenTheFirstIsDone() {
        Sinks.One<String> first = Sinks.one();
        start("a", first);
        start("b", Sinks.one());
        time.advanceBy(JUST_BEFORE);
        assertEquals(List.of("a runs"), events);
        first.tryEmitValue("done");
        time.runPending();
        assertEquals(List.of("a runs", "a done", "b runs"), events);
    }

    @Test
    void whoeverWaitedTooLongIsRefused() {
        Sinks.One<String> first = Sinks.one();
        start("a", first);
        start("b", Sinks.one());
        time.advanceBy(JUST_BEFORE);
        assertEquals(List.of("a runs"), events);
        time.advanceBy(Duration.ofMillis(1));
        assertEquals(List.of("a runs", "b refused"), events);

        // The permit that the refused one did not take is there for the next.
        first.tryEmitValue("done");
        start("c", Sinks.one());
        assertEquals(List.of("a runs", "b refused", "a done", "c runs"), events);
    }

    @Test
    void waitersRunInOrderOfArrival() {
        Sinks.One<String> first = Sinks.one();
        start("a", first);
        Sinks.One<String> second = Sinks.one();
        start("b", second);
        start("c", Sinks.one());
        first.tryEmitValue("done");
        time.runPending();
        second.tryEmitValue("done");
        time.runPending();
        assertEquals(List.of("a runs", "a done", "b runs", "b done", "c runs"), events);
    }

    @Test
    void cancelledWorkGivesItsPermitBack() {
        Disposable running = start("a", Sinks.one());
        start("b", Sinks.one());
        running.dispose();
        time.runPending();
        assertEquals(List.of("a runs", "b runs"), events);
    }

    @Test
    void aCancelledWaiterLetsTheNextPass() {
        Sinks.One<String> first = Sinks.one();
        start("a", first);
        Disposable waiting = start("b", Sinks.one());
        start("c", Sinks.one());
        waiting.dispose();
        first.tryEmitValue("done");
        time.runPending();
        assertEquals(List.of("a runs", "a done", "c runs"), events);
    }

    @Test
    void aPermitThatWasGrantedToACancelledWaiterIsPassedOn() {
        Sinks.One<String> first = Sinks.one();
        start("a", first);
        Disposable waiting = start("b", Sinks.one());
        start("c", Sinks.one());
        first.tryEmitValue("done");
        // Granted, but not yet resumed: that takes a turn of the scheduler.
        waiting.dispose();
        time.runPending();
        assertEquals(List.of("a runs", "a done", "c runs"), events);
    }

    @Test
    void failedWorkGivesItsPermitBack() {
        Sinks.One<String> first = Sinks.one();
        start("a", first);
        first.tryEmitError(new IllegalStateException("on purpose"));
        permits.run(() -> { throw new IllegalStateException("at once"); }, () -> Mono.just("refused"))
                .subscribe(result -> {}, error -> events.add("b fails"));
        start("c", Sinks.one());
        assertEquals(List.of("a runs", "a fails", "b fails", "c runs"), events);
    }

    /** A long queue of work that takes no time must neither overflow the stack nor exceed the permits. */
    @Test
    void boundsConcurrencyOnManyThreads() {
        int tasks = 20_000;
        int allowed = 3;
        Scheduler threads = Schedulers.newParallel("permits-test", 4);
        try {
            Permits bounded = new Permits(allowed, Duration.ofSeconds(30), threads);
            AtomicInteger running = new AtomicInteger();
            AtomicInteger most = new AtomicInteger();
            Mono<Integer> work = Mono.fromSupplier(() -> {
                most.accumulateAndGet(running.incrementAndGet(), Math::max);
                running.decrementAndGet();
                return 1;
            });
            int done = Flux.merge(
                            Flux.fromStream(IntStream.range(0, tasks).mapToObj(
                                    i -> bounded.run(() -> work, () -> Mono.just(0)).subscribeOn(threads))),
                            tasks)
                    .reduce(0, Integer::sum)
                    .block(Duration.ofSeconds(30));
            assertEquals(tasks, done);
            assertTrue(most.get() <= allowed, () -> most + " at a time");
        } finally {
            threads.dispose();
        }
    }
}

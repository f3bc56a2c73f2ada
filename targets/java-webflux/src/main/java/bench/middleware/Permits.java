package bench.middleware;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;
import reactor.core.publisher.MonoSink;
import reactor.core.scheduler.Scheduler;

/**
 * A bulkhead that never blocks a thread: so many pieces of work at a time, the others wait in order of arrival,
 * and whoever has waited too long is refused.
 */
final class Permits {

    private final Duration timeout;
    private final Scheduler scheduler;
    private final Queue<Waiter> waiting = new ArrayDeque<>();
    private int free;

    /** @param scheduler where timeouts fire and waiters resume */
    Permits(int permits, Duration timeout, Scheduler scheduler) {
        this.free = permits;
        this.timeout = timeout;
        this.scheduler = scheduler;
    }

    /**
     * Does the work while holding a permit, and gives the permit back before the result is passed on, and also
     * when the work fails or is cancelled.
     *
     * @param refused what to do instead when there is no permit in time
     */
    <T> Mono<T> run(Supplier<Mono<T>> work, Supplier<Mono<T>> refused) {
        return Mono.defer(() -> {
            Permit permit = tryAcquire();
            if (permit != null) {
                return hold(permit, work);
            }
            return Mono.<Permit>create(this::enqueue)
                    .map(granted -> hold(granted, work))
                    .defaultIfEmpty(Mono.defer(refused))
                    .flatMap(next -> next);
        });
    }

    private static <T> Mono<T> hold(Permit permit, Supplier<Mono<T>> work) {
        return Mono.using(() -> permit, held -> work.get(), Permit::release);
    }

    private synchronized Permit tryAcquire() {
        if (free == 0) {
            return null;
        }
        free--;
        return new Permit();
    }

    /** Completes with a permit, or empty after the timeout. */
    private void enqueue(MonoSink<Permit> sink) {
        Waiter waiter = new Waiter(sink);
        synchronized (this) {
            if (free == 0) {
                waiting.add(waiter);
            } else {
                // Given back since the first look.
                free--;
                waiter.permit = new Permit();
            }
        }
        if (waiter.permit != null) {
            sink.success(waiter.permit);
            return;
        }
        sink.onCancel(waiter::leave);
        waiter.timer.update(scheduler.schedule(waiter::expire, timeout.toNanos(), TimeUnit.NANOSECONDS));
    }

    /** Passes a permit on to the longest waiter, if there is one. */
    private void giveBack() {
        Waiter next;
        synchronized (this) {
            next = waiting.poll();
            if (next == null) {
                free++;
                return;
            }
            next.permit = new Permit();
        }
        // On a stack of its own: a long queue would otherwise resume each inside the one before.
        scheduler.schedule(next::resume);
    }

    /** The right to one piece of work; can be given back once only. */
    private final class Permit {

        private final AtomicBoolean held = new AtomicBoolean(true);

        void release() {
            if (held.compareAndSet(true, false)) {
                giveBack();
            }
        }
    }

    private final class Waiter {

        private final MonoSink<Permit> sink;
        private final Disposable.Swap timer = Disposables.swap();

        /** Guarded by the lock of the permits, as is the queue; set when the waiter is taken out of it. */
        private Permit permit;

        Waiter(MonoSink<Permit> sink) {
            this.sink = sink;
        }

        void resume() {
            timer.dispose();
            sink.success(permit);
        }

        void expire() {
            if (withdraw()) {
                sink.success();
            }
        }

        /** Cancelled: a permit that was already on its way goes back. */
        void leave() {
            timer.dispose();
            if (!withdraw()) {
                permit.release();
            }
        }

        /** Leaves the queue; false when a permit has been granted. */
        private boolean withdraw() {
            synchronized (Permits.this) {
                waiting.remove(this);
                return permit == null;
            }
        }
    }
}

package bench.middleware;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.scheduler.Scheduler;
import reactor.test.scheduler.VirtualTimeScheduler;

/** A scheduler whose clock and whose turns are the test's: like an event loop, it runs nothing inside a call. */
final class ManualScheduler implements Scheduler {

    private final VirtualTimeScheduler clock = VirtualTimeScheduler.create();
    private final Queue<Runnable> pending = new ArrayDeque<>();

    @Override
    public Disposable schedule(Runnable task) {
        pending.add(task);
        return Disposables.disposed();
    }

    @Override
    public Disposable schedule(Runnable task, long delay, TimeUnit unit) {
        return clock.schedule(task, delay, unit);
    }

    @Override
    public Worker createWorker() {
        throw new UnsupportedOperationException();
    }

    void runPending() {
        for (Runnable task = pending.poll(); task != null; task = pending.poll()) {
            task.run();
        }
    }

    void advanceBy(Duration time) {
        clock.advanceTimeBy(time);
        runPending();
    }
}

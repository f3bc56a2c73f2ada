package bench.middleware;

import java.util.concurrent.CountDownLatch;

/** Starts the service from the environment and stops it on SIGTERM or SIGINT. */
final class Main {

    private static final int BAD_CONFIGURATION = 2;

    private Main() {}

    public static void main(String[] arguments) throws InterruptedException {
        CountDownLatch stopped = new CountDownLatch(1);
        // The JVM's own handlers would end the process with 143, its work unfinished.
        Signals.on("TERM", stopped::countDown);
        Signals.on("INT", stopped::countDown);
        try {
            Config config = Config.from(System.getenv());
            try (App app = App.start(config)) {
                Signals.on("HUP", app::reload);
                System.out.println("listening on " + config.bind() + ":" + app.port());
                stopped.await();
            }
        } catch (ConfigException e) {
            System.err.println("bad configuration: " + e.getMessage());
            System.exit(BAD_CONFIGURATION);
        }
        System.exit(0);
    }
}

package bench.middleware;

import java.util.concurrent.CountDownLatch;

/** Starts the service from the environment and stops it on SIGTERM or SIGINT. */
final class Main {

    private static final int BAD_CONFIGURATION = 2;

    /** One line an event: time, level, message, and a trace only where the event is an unforeseen one. */
    private static final String LOG_FORMAT = "%1$tFT%1$tT.%1$tL %4$s %5$s%6$s%n";

    private Main() {}

    public static void main(String[] arguments) throws InterruptedException {
        System.setProperty("java.util.logging.SimpleFormatter.format", LOG_FORMAT);
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

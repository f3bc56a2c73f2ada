package bench.middleware;

import io.netty.channel.ChannelOption;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.time.Duration;
import org.springframework.http.server.reactive.HttpHandler;
import org.springframework.http.server.reactive.ReactorHttpHandlerAdapter;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.netty.DisposableServer;
import reactor.netty.ChannelBindException;
import reactor.netty.http.server.HttpServer;
import reactor.netty.resources.LoopResources;

/** Reactor Netty as this service wants it: one event loop for each core, on which everything happens. */
final class Server implements AutoCloseable {

    private static final int BACKLOG = 4_096;
    /** Of all headers together: the contract's 32 KB and some room. */
    private static final int MAX_HEADER_BYTES = 40_960;
    private static final int MAX_REQUEST_LINE_BYTES = 8_192;
    private static final Duration GRACE = Duration.ofSeconds(10);

    private final LoopResources loops;
    private final Scheduler scheduler;
    private DisposableServer running;

    Server(int cpus) {
        this.loops = LoopResources.create("http", cpus, true);
        this.scheduler = Schedulers.fromExecutorService(loops.onServer(true));
    }

    /** The event loops, for what has to happen later. */
    Scheduler scheduler() {
        return scheduler;
    }

    /** How the sockets are polled: {@code epoll}, or {@code nio} where that is not to be had. */
    String transport() {
        return LoopResources.hasNativeSupport() ? "epoll" : "nio";
    }

    /** @throws ChannelBindException when the address cannot be had */
    void start(String host, int port, HttpHandler handler) {
        running = HttpServer.create()
                .runOn(loops)
                .host(host)
                .port(port)
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .httpRequestDecoder(decoder -> decoder.maxHeaderSize(MAX_HEADER_BYTES)
                        .maxInitialLineLength(MAX_REQUEST_LINE_BYTES))
                // With a group, closing waits for the requests in flight.
                .channelGroup(new DefaultChannelGroup(GlobalEventExecutor.INSTANCE))
                .doOnChannelInit((observer, channel, address) -> LenientTarget.install(channel.pipeline()))
                .handle(new ReactorHttpHandlerAdapter(handler))
                .bindNow();
    }

    int port() {
        return running.port();
    }

    /** Stops accepting and waits, for a while, until what is in flight has been answered. */
    @Override
    public void close() {
        if (running != null) {
            running.disposeNow(GRACE);
        }
        loops.dispose();
    }
}

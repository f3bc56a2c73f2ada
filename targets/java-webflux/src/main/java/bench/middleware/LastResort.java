package bench.middleware;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebExceptionHandler;
import reactor.core.publisher.Mono;

/** Answers what nobody foresaw: the caller learns nothing, the log one line. */
final class LastResort implements WebExceptionHandler {

    private static final Logger LOG = System.getLogger(LastResort.class.getName());

    @Override
    public Mono<Void> handle(ServerWebExchange exchange, Throwable failure) {
        if (exchange.getResponse().isCommitted()) {
            return Mono.error(failure);
        }
        LOG.log(Level.ERROR, "{0} {1}: {2}",
                exchange.getRequest().getMethod(), exchange.getRequest().getPath(), failure);
        return Problem.INTERNAL_SERVER_ERROR.response().flatMap(response -> response.writeTo(exchange, null));
    }
}

package bench.middleware;

import bench.middleware.MessageCodec.Answer;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DataBufferLimitException;
import org.springframework.core.io.buffer.DataBufferUtils;
import org.springframework.http.HttpHeaders;
import org.springframework.web.reactive.function.server.ServerRequest;
import org.springframework.web.reactive.function.server.ServerResponse;
import reactor.core.publisher.Mono;

/** What the routes do. */
final class Handlers {

    /** The body of {@code GET /healthz}. */
    static final Map<String, String> HEALTHY = Map.of("status", "ok");

    private static final byte[] NO_BYTES = {};
    private static final String JSON_TYPE = "application/json";

    private final Supplier<RoutingTable> table;
    private final int maxBodyBytes;
    private final Backend backend;

    Handlers(Supplier<RoutingTable> table, int maxBodyBytes, Backend backend) {
        this.table = table;
        this.maxBodyBytes = maxBodyBytes;
        this.backend = backend;
    }

    static Mono<ServerResponse> json(Object value) {
        return Mono.just(JsonResponse.ok(Json.STRICT.writeValueAsBytes(value)));
    }

    /** Validates, routes and answers one message of a caller who has been authenticated. */
    Mono<ServerResponse> message(ServerRequest request) {
        HttpHeaders headers = request.headers().asHttpHeaders();
        if (!isJson(headers.getFirst(HttpHeaders.CONTENT_TYPE))) {
            return Problem.UNSUPPORTED_MEDIA_TYPE.response();
        }
        if (headers.getContentLength() > maxBodyBytes) {
            return Problem.CONTENT_TOO_LARGE.response();
        }
        String topic = Paths.topic(request.path());
        return DataBufferUtils.join(request.exchange().getRequest().getBody(), maxBodyBytes)
                .map(Handlers::bytes)
                .defaultIfEmpty(NO_BYTES)
                .flatMap(body -> answer(topic, body))
                .onErrorResume(DataBufferLimitException.class, tooLarge -> Problem.CONTENT_TOO_LARGE.response());
    }

    private Mono<ServerResponse> answer(String topic, byte[] body) {
        Optional<Message> message = MessageCodec.read(body);
        if (message.isEmpty()) {
            return Problem.BAD_REQUEST.response();
        }
        Optional<RoutingTable.Route> route = table.get().route(topic, message.get());
        if (route.isEmpty()) {
            return Problem.NOT_FOUND.response();
        }
        return backend.call(() -> write(new Answer(route.get(), message.get())));
    }

    private static Mono<ServerResponse> write(Answer answer) {
        return MessageCodec.write(answer)
                .<Mono<ServerResponse>>map(json -> Mono.just(JsonResponse.ok(json)))
                .orElseGet(Problem.BAD_REQUEST::response);
    }

    /** Compares the media type alone, without case: its parameters do not matter. */
    private static boolean isJson(String contentType) {
        if (contentType == null) {
            return false;
        }
        int parameters = contentType.indexOf(';');
        String mediaType = parameters < 0 ? contentType : contentType.substring(0, parameters);
        return mediaType.strip().equalsIgnoreCase(JSON_TYPE);
    }

    private static byte[] bytes(DataBuffer buffer) {
        try {
            byte[] bytes = new byte[buffer.readableByteCount()];
            buffer.read(bytes);
            return bytes;
        } finally {
            DataBufferUtils.release(buffer);
        }
    }
}

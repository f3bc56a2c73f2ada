package bench.middleware;

import java.util.Map;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.web.reactive.function.server.ServerResponse;
import reactor.core.publisher.Mono;

/** The service's refusals as RFC 9457 problems: fixed bodies, which tell nothing of the inside. */
enum Problem {
    BAD_REQUEST(HttpStatus.BAD_REQUEST, "Bad Request"),
    UNAUTHORIZED(HttpStatus.UNAUTHORIZED, "Unauthorized", Map.of(HttpHeaders.WWW_AUTHENTICATE, "Bearer")),
    NOT_FOUND(HttpStatus.NOT_FOUND, "Not Found"),
    METHOD_NOT_ALLOWED(HttpStatus.METHOD_NOT_ALLOWED, "Method Not Allowed"),
    /** Closes the connection: what is left of the body may be of any length. */
    CONTENT_TOO_LARGE(HttpStatus.CONTENT_TOO_LARGE, "Content Too Large", Map.of(HttpHeaders.CONNECTION, "close")),
    UNSUPPORTED_MEDIA_TYPE(HttpStatus.UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type"),
    INTERNAL_SERVER_ERROR(HttpStatus.INTERNAL_SERVER_ERROR, "Internal Server Error"),
    SERVICE_UNAVAILABLE(HttpStatus.SERVICE_UNAVAILABLE, "Service Unavailable", Map.of(HttpHeaders.RETRY_AFTER, "1"));

    private record Body(String type, String title, int status) {}

    private final JsonResponse response;

    Problem(HttpStatus status, String title) {
        this(status, title, Map.of());
    }

    Problem(HttpStatus status, String title, Map<String, String> headers) {
        byte[] body = Json.STRICT.writeValueAsBytes(new Body("about:blank", title, status.value()));
        this.response = new JsonResponse(status, MediaType.APPLICATION_PROBLEM_JSON, headers, body);
    }

    Mono<ServerResponse> response() {
        return Mono.just(response);
    }

    /** A 405 that names the methods the path does allow. */
    static Mono<ServerResponse> methodNotAllowed(String allow) {
        return Mono.just(METHOD_NOT_ALLOWED.response.withHeaders(Map.of(HttpHeaders.ALLOW, allow)));
    }
}

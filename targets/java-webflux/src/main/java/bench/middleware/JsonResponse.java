package bench.middleware;

import java.util.Map;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseCookie;
import org.springframework.http.server.reactive.ServerHttpResponse;
import org.springframework.util.CollectionUtils;
import org.springframework.util.MultiValueMap;
import org.springframework.web.reactive.function.server.ServerResponse;
import org.springframework.web.server.ServerWebExchange;
import reactor.core.publisher.Mono;

/**
 * A response whose body is JSON already. Unlike a body value it takes no search for a message writer, and the
 * length is known before the first byte is sent.
 */
record JsonResponse(HttpStatus status, MediaType contentType, Map<String, String> extraHeaders, byte[] body)
        implements ServerResponse {

    static JsonResponse ok(byte[] body) {
        return new JsonResponse(HttpStatus.OK, MediaType.APPLICATION_JSON, Map.of(), body);
    }

    JsonResponse withHeaders(Map<String, String> headers) {
        return new JsonResponse(status, contentType, headers, body);
    }

    @Override
    public Mono<Void> writeTo(ServerWebExchange exchange, Context context) {
        ServerHttpResponse response = exchange.getResponse();
        response.setStatusCode(status);
        fill(response.getHeaders());
        return response.writeWith(Mono.just(response.bufferFactory().wrap(body)));
    }

    private void fill(HttpHeaders headers) {
        headers.setContentType(contentType);
        headers.setContentLength(body.length);
        extraHeaders.forEach(headers::set);
    }

    @Override
    public HttpStatusCode statusCode() {
        return status;
    }

    @Override
    public HttpHeaders headers() {
        HttpHeaders headers = new HttpHeaders();
        fill(headers);
        return headers;
    }

    @Override
    public MultiValueMap<String, ResponseCookie> cookies() {
        return CollectionUtils.toMultiValueMap(Map.of());
    }
}

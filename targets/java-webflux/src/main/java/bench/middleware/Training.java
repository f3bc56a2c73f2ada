package bench.middleware;

import java.io.IOException;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;

/**
 * A short life of the service with a caller of its own, from which the JVM learns what to put into an archive of
 * classes ({@code java -XX:ArchiveClassesAtExit=FILE -cp service.jar bench.middleware.Training}) or into an
 * ahead-of-time cache ({@code -XX:AOTCacheOutput=FILE}). Keys and table are made up.
 */
final class Training {

    private static final int REQUESTS = 500;
    private static final String ISSUER = "training";
    private static final String ROUTES = """
            {"version": 1, "rules": [{"name": "all", "topic": "#", "destination": "here", "partitions": 8,
              "when": {"regions": ["eu"], "min_priority": 1, "attributes": {"tier": "gold"}}}]}""";
    private static final String MESSAGE = """
            {"id": "%d", "type": "training", "priority": 5, "region": "eu", "attributes": {"tier": "gold"},
             "payload": {"text": "é \\n", "numbers": [1, -2.5e3], "more": {"true": true, "null": null}}}""";

    private Training() {}

    public static void main(String[] arguments) throws Exception {
        Path folder = Files.createTempDirectory("training");
        Path keys = folder.resolve("jwks.json");
        Path routes = folder.resolve("routes.json");
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            KeyPair pair = generator.generateKeyPair();
            Files.writeString(keys, jwks((ECPublicKey) pair.getPublic()));
            Files.writeString(routes, ROUTES);
            Config config = Config.from(Map.of(
                    "PORT", "0",
                    "ROUTES_FILE", routes.toString(),
                    "AUTH_KEYS_FILE", keys.toString(),
                    "AUTH_ISSUER", ISSUER,
                    "AUTH_AUDIENCE", ISSUER));
            try (App app = App.start(config)) {
                String token = token(pair);
                for (int i = 0; i < REQUESTS; i++) {
                    call(app.port(), token, MESSAGE.formatted(i));
                }
            }
        } finally {
            Files.deleteIfExists(keys);
            Files.deleteIfExists(routes);
            Files.deleteIfExists(folder);
        }
        System.exit(0);
    }

    private static void call(int port, String token, String message) throws IOException {
        URI uri = URI.create("http://127.0.0.1:" + port + "/v1/messages/a.b");
        HttpURLConnection connection = (HttpURLConnection) uri.toURL().openConnection();
        connection.setDoOutput(true);
        connection.setRequestProperty("Authorization", "Bearer " + token);
        connection.setRequestProperty("Content-Type", "application/json");
        try (OutputStream body = connection.getOutputStream()) {
            body.write(message.getBytes(StandardCharsets.UTF_8));
        }
        if (connection.getResponseCode() != HttpURLConnection.HTTP_OK) {
            throw new IOException("answered with " + connection.getResponseCode());
        }
        connection.getInputStream().readAllBytes();
    }

    private static String jwks(ECPublicKey key) {
        return """
                {"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "x": "%s", "y": "%s"}]}"""
                .formatted(coordinate(key.getW().getAffineX().toByteArray()),
                        coordinate(key.getW().getAffineY().toByteArray()));
    }

    /** Exactly 32 bytes, whatever the sign byte and the leading zeros of the number. */
    private static String coordinate(byte[] number) {
        byte[] bytes = new byte[32];
        int length = Math.min(number.length, bytes.length);
        System.arraycopy(number, number.length - length, bytes, bytes.length - length, length);
        return base64url(bytes);
    }

    private static String token(KeyPair pair) throws GeneralSecurityException {
        String signed = base64url("{\"alg\":\"ES256\",\"kid\":\"1\"}".getBytes(StandardCharsets.UTF_8)) + "."
                + base64url("{\"iss\":\"%1$s\",\"aud\":\"%1$s\",\"exp\":%2$d}"
                        .formatted(ISSUER, Instant.now().getEpochSecond() + 3600)
                        .getBytes(StandardCharsets.UTF_8));
        Signature signer = Signature.getInstance("SHA256withECDSAinP1363Format");
        signer.initSign(pair.getPrivate());
        signer.update(signed.getBytes(StandardCharsets.US_ASCII));
        return signed + "." + base64url(signer.sign());
    }

    private static String base64url(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }
}

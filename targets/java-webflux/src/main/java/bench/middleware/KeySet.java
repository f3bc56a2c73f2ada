package bench.middleware;

import bench.middleware.Config.Algorithm;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Provider;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.RSAPublicKeySpec;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.ObjectReader;

/** The keys of a JWKS (RFC 7517) that can check the configured algorithm, by their ids. */
final class KeySet {

    private static final ObjectReader READER =
            Json.STRICT.readerFor(Jwks.class).without(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
    private static final int P256_COORDINATE_BYTES = 32;
    private static final int RSA_MIN_MODULUS_BITS = 2_048;

    private KeySet() {}

    private record Jwks(@Required List<Jwk> keys) {}

    private record Jwk(
            String kty, String kid, String alg, String use, String crv, String x, String y, String n, String e) {}

    /** @throws ConfigException when the file is no JWKS or holds no usable key */
    static Map<String, VerificationKey> load(Path file, Algorithm algorithm, Provider provider)
            throws ConfigException {
        Map<String, VerificationKey> keys = new HashMap<>();
        for (Jwk jwk : read(file)) {
            if (isMeantFor(jwk, algorithm)) {
                try {
                    keys.put(jwk.kid, algorithm == Algorithm.ES256 ? es256(jwk, provider) : rs256(jwk, provider));
                } catch (GeneralSecurityException | IllegalArgumentException unusable) {
                    // Like a key of another type: it picks no token's check.
                }
            }
        }
        if (keys.isEmpty()) {
            throw new ConfigException("AUTH_KEYS_FILE", file.toString(), "holds no key usable for " + algorithm);
        }
        return Map.copyOf(keys);
    }

    private static List<Jwk> read(Path file) throws ConfigException {
        try {
            Jwks jwks = READER.readValue(Files.readAllBytes(file));
            if (jwks != null) {
                return jwks.keys;
            }
        } catch (IOException e) {
            throw new ConfigException("AUTH_KEYS_FILE", file.toString(), "cannot be read");
        } catch (JacksonException e) {
            // Reported below.
        }
        throw new ConfigException("AUTH_KEYS_FILE", file.toString(), "is not a JWKS");
    }

    private static boolean isMeantFor(Jwk jwk, Algorithm algorithm) {
        String keyType = algorithm == Algorithm.ES256 ? "EC" : "RSA";
        return keyType.equals(jwk.kty)
                && jwk.kid != null
                && (jwk.use == null || jwk.use.equals("sig"))
                && (jwk.alg == null || jwk.alg.equals(algorithm.name()));
    }

    private static VerificationKey es256(Jwk jwk, Provider provider) throws GeneralSecurityException {
        require("P-256".equals(jwk.crv) && jwk.x != null && jwk.y != null);
        byte[] x = decode(jwk.x);
        byte[] y = decode(jwk.y);
        require(x.length == P256_COORDINATE_BYTES && y.length == P256_COORDINATE_BYTES);
        AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
        curve.init(new ECGenParameterSpec("secp256r1"));
        ECPublicKeySpec spec = new ECPublicKeySpec(
                new ECPoint(new BigInteger(1, x), new BigInteger(1, y)),
                curve.getParameterSpec(ECParameterSpec.class));
        return new VerificationKey(
                KeyFactory.getInstance("EC", provider).generatePublic(spec),
                "SHA256withECDSAinP1363Format",
                provider,
                2 * P256_COORDINATE_BYTES);
    }

    private static VerificationKey rs256(Jwk jwk, Provider provider) throws GeneralSecurityException {
        require(jwk.n != null && jwk.e != null);
        BigInteger modulus = new BigInteger(1, decode(jwk.n));
        require(modulus.bitLength() >= RSA_MIN_MODULUS_BITS);
        RSAPublicKeySpec spec = new RSAPublicKeySpec(modulus, new BigInteger(1, decode(jwk.e)));
        return new VerificationKey(
                KeyFactory.getInstance("RSA", provider).generatePublic(spec),
                "SHA256withRSA",
                provider,
                (modulus.bitLength() + 7) / 8);
    }

    private static byte[] decode(String base64url) {
        byte[] text = base64url.getBytes(StandardCharsets.ISO_8859_1);
        return StrictBase64.decode(text, 0, text.length);
    }

    private static void require(boolean usable) {
        if (!usable) {
            throw new IllegalArgumentException("unusable key");
        }
    }
}

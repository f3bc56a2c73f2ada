package bench.middleware;

import bench.middleware.Config.Algorithm;
import bench.middleware.Config.Auth;
import bench.middleware.Config.JwtProvider;
import com.amazon.corretto.crypto.provider.AmazonCorrettoCryptoProvider;
import java.nio.charset.StandardCharsets;
import java.security.Provider;
import java.security.Security;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;

/** Checks bearer tokens. What costs nothing is refused at once; the signature is checked under a permit. */
final class TokenVerifier {

    private static final String SCHEME = "Bearer ";
    private static final int MAX_TOKEN_BYTES = 8_192;
    private static final double MS_PER_S = 1e3;

    private final String algorithm;
    private final String issuer;
    private final String audience;
    private final Map<String, VerificationKey> keys;
    private final Provider provider;
    private final Clock clock;

    /** @throws ConfigException when the keys cannot be used */
    TokenVerifier(Auth config, Clock clock) throws ConfigException {
        this.algorithm = config.algorithm().name();
        this.issuer = config.issuer();
        this.audience = config.audience();
        this.provider = provider(config);
        this.keys = KeySet.load(config.keysFile(), config.algorithm(), provider);
        this.clock = clock;
    }

    /** Who checks the signatures, for people. */
    String description() {
        return "JCA " + algorithm + ", " + provider.getName() + " " + provider.getVersionStr();
    }

    private static Provider provider(Auth config) throws ConfigException {
        if (config.provider() == JwtProvider.STOCK) {
            return Security.getProvider(config.algorithm() == Algorithm.ES256 ? "SunEC" : "SunRsaSign");
        }
        AmazonCorrettoCryptoProvider accp = AmazonCorrettoCryptoProvider.INSTANCE;
        if (accp.getLoadingError() != null) {
            throw new ConfigException("JWT_PROVIDER", "accp", "its native library cannot be loaded here; use stock");
        }
        return accp;
    }

    /** A token that is worth a signature check, and the key to check it with. */
    record Candidate(Token token, VerificationKey key) {}

    /** Looks at the shape of the header and the token, {@code alg}, {@code kid} and {@code crit}. */
    Optional<Candidate> read(List<String> authorizationHeaders) {
        if (authorizationHeaders.size() != 1) {
            return Optional.empty();
        }
        String value = authorizationHeaders.getFirst();
        int length = value.length() - SCHEME.length();
        if (length > MAX_TOKEN_BYTES || !value.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
            return Optional.empty();
        }
        try {
            Token token = Token.decode(value.substring(SCHEME.length()).getBytes(StandardCharsets.US_ASCII));
            Token.Header header = token.header();
            if (!algorithm.equals(header.alg()) || header.kid() == null || header.crit() != null) {
                return Optional.empty();
            }
            return Optional.ofNullable(keys.get(header.kid())).map(key -> new Candidate(token, key));
        } catch (IllegalArgumentException | JacksonException malformed) {
            return Optional.empty();
        }
    }

    /** Checks signature and claims. */
    boolean accepts(Candidate candidate) {
        Token token = candidate.token;
        if (!candidate.key.verify(token.text(), token.signedLength(), token.signature())) {
            return false;
        }
        try {
            Token.Claims claims = token.readClaims();
            return claims != null && accepts(claims);
        } catch (JacksonException malformed) {
            return false;
        }
    }

    private boolean accepts(Token.Claims claims) {
        double now = clock.millis() / MS_PER_S;
        return issuer.equals(claims.iss())
                && claims.aud() != null
                && claims.aud().contains(audience)
                && claims.exp() != null
                && Double.isFinite(claims.exp())
                && now < claims.exp()
                && (claims.nbf() == null || (claims.nbf().isNumber() && now >= claims.nbf().doubleValue()));
    }
}

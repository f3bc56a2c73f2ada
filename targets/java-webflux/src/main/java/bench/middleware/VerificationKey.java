package bench.middleware;

import java.security.GeneralSecurityException;
import java.security.Provider;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;

/** A public key with the one algorithm it may check. */
final class VerificationKey {

    private final PublicKey key;
    private final String signatureAlgorithm;
    private final Provider provider;
    private final int signatureBytes;

    /** A JCA signature is no shareable object, and looking one up costs more than the rest around the check. */
    private final ThreadLocal<Signature> verifiers = new ThreadLocal<>();

    /** @param signatureBytes how long a signature is; others are refused unseen */
    VerificationKey(PublicKey key, String signatureAlgorithm, Provider provider, int signatureBytes) {
        this.key = key;
        this.signatureAlgorithm = signatureAlgorithm;
        this.provider = provider;
        this.signatureBytes = signatureBytes;
    }

    /** Whether the signature is this key's over {@code message[0, length)}. */
    boolean verify(byte[] message, int length, byte[] signature) {
        if (signature.length != signatureBytes) {
            return false;
        }
        try {
            Signature verifier = verifier();
            verifier.update(message, 0, length);
            return verifier.verify(signature);
        } catch (SignatureException malformed) {
            // Whatever state that left: the next check starts with a new one.
            verifiers.remove();
            return false;
        }
    }

    private Signature verifier() {
        Signature verifier = verifiers.get();
        if (verifier == null) {
            try {
                verifier = Signature.getInstance(signatureAlgorithm, provider);
                verifier.initVerify(key);
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException("the provider checked this key at start", e);
            }
            verifiers.set(verifier);
        }
        return verifier;
    }
}

import { createPublicKey, verify, type webcrypto } from "node:crypto";
import { TurnBatch } from "./batch";
import { type AuthConfig, ConfigError, type JwtProvider } from "./config";
import { readFileOf } from "./files";

/** Says whether `signature` was made over `data` with the private half of one particular key. */
export type Verifier = (data: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>) => Promise<boolean>;

/** The configured algorithm's keys by `kid`. */
export type KeyRing = ReadonlyMap<string, Verifier>;

/** What `/info` calls each provider. */
export const PROVIDER_NAMES: Readonly<Record<JwtProvider, string>> = {
  "node-crypto": `node:crypto verify (BoringSSL ${process.versions["boringssl"]?.slice(0, 12)})`,
  webcrypto: `WebCrypto subtle.verify (BoringSSL ${process.versions["boringssl"]?.slice(0, 12)})`,
};

const MIN_RSA_BITS = 2048;

/**
 * Reads the JWKS file, keeping the keys that the configured algorithm can use.
 *
 * @throws ConfigError when the file cannot be read or holds no such key
 */
export async function loadKeys(config: AuthConfig): Promise<KeyRing> {
  const refuse = (reason: string): never => {
    throw new ConfigError("AUTH_KEYS_FILE", config.keysFile, reason);
  };
  const text = readFileOf("AUTH_KEYS_FILE", config.keysFile);
  const ring = new Map<string, Verifier>();
  const batch = new TurnBatch();
  for (const jwk of jwksOf(text) ?? refuse("is not a JWK set")) {
    if (!isFor(config, jwk) || ring.has(jwk.kid)) continue;
    const verifier = await verifierOf(config, jwk, batch);
    if (verifier !== undefined) ring.set(jwk.kid, verifier);
  }
  return ring.size > 0 ? ring : refuse(`holds no usable ${config.algorithm} key`);
}

interface SigningJwk extends webcrypto.JsonWebKey {
  readonly kid: string;
}

function jwksOf(text: string): readonly unknown[] | undefined {
  try {
    const set = JSON.parse(text);
    return Array.isArray(set?.keys) ? set.keys : undefined;
  } catch {
    return undefined;
  }
}

function isFor({ algorithm }: AuthConfig, value: unknown): value is SigningJwk {
  if (typeof value !== "object" || value === null) return false;
  const { kid, kty, crv, alg, use } = value as Record<string, unknown>;
  if (typeof kid !== "string") return false;
  if ((alg ?? algorithm) !== algorithm || (use ?? "sig") !== "sig") return false;
  return algorithm === "ES256" ? kty === "EC" && crv === "P-256" : kty === "RSA";
}

/** A key whose numbers make no sense is as unusable as one of another type. */
async function verifierOf(config: AuthConfig, jwk: SigningJwk, batch: TurnBatch): Promise<Verifier | undefined> {
  try {
    const verifier = nodeVerifier(config, jwk, batch);
    return config.provider === "webcrypto" ? await webVerifier(config, jwk) : verifier;
  } catch {
    return undefined;
  }
}

/** Synchronous, on the thread that asks: a hand-over to another costs more than it gains on one core. */
function nodeVerifier({ algorithm }: AuthConfig, jwk: SigningJwk, batch: TurnBatch): Verifier {
  const key = createPublicKey({ key: jwk, format: "jwk" });
  if (algorithm === "RS256") {
    if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS) throw new RangeError("RSA key too short");
    return (data, signature) => batch.run(() => verify("sha256", data, key, signature));
  }
  // JWS carries the two numbers of an ECDSA signature side by side, not in DER.
  const raw = { key, dsaEncoding: "ieee-p1363" } as const;
  return (data, signature) => batch.run(() => verify("sha256", data, raw, signature));
}

async function webVerifier({ algorithm }: AuthConfig, { kty, crv, x, y, n, e }: SigningJwk): Promise<Verifier> {
  const scheme =
    algorithm === "ES256"
      ? { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }
      : { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  // Only the numbers: what else a JWK says was judged already, and importKey is stricter about it.
  const numbers = { kty, crv, x, y, n, e } as webcrypto.JsonWebKey;
  const key = await crypto.subtle.importKey("jwk", numbers, scheme, false, ["verify"]);
  return (data, signature) => crypto.subtle.verify(scheme, key, signature, data);
}

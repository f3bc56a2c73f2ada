import type { AuthConfig } from "./config";
import type { KeyRing, Verifier } from "./keys";
import { utf8 } from "./message";

/** A token whose outside is in order: what remains is its signature, then its claims. */
export interface PresentedToken {
  readonly verifier: Verifier;
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
  readonly claims: Uint8Array;
}

const SCHEME = "bearer ";
const MAX_TOKEN_CHARACTERS = 8192;

/** Verifies bearer tokens: JWS compact serialisation with one configured algorithm. */
export class Authenticator {
  constructor(
    private readonly config: Pick<AuthConfig, "algorithm" | "issuer" | "audience">,
    private readonly keys: KeyRing,
    private readonly nowMs: () => number = Date.now,
  ) {}

  /** Everything that can be refused without cryptography. Repeated headers arrive joined by a comma and fail as base64url. */
  inspect(authorization: string | null): PresentedToken | undefined {
    if (authorization === null || authorization.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
    const token = authorization.slice(SCHEME.length);
    if (token.length > MAX_TOKEN_CHARACTERS) return undefined;

    const headerEnd = token.indexOf(".");
    const claimsEnd = token.indexOf(".", headerEnd + 1);
    if (headerEnd === -1 || claimsEnd === -1) return undefined;
    const header = decodeBase64Url(token.slice(0, headerEnd));
    const claims = decodeBase64Url(token.slice(headerEnd + 1, claimsEnd));
    const signature = decodeBase64Url(token.slice(claimsEnd + 1));
    if (header === undefined || claims === undefined || signature === undefined) return undefined;

    const verifier = this.#keyFor(parseObject(header));
    if (verifier === undefined) return undefined;
    return { verifier, claims, signature, signed: Buffer.from(token.slice(0, claimsEnd), "latin1") };
  }

  /** The expensive part, to be done under a permit: signature first, claims only if it holds. */
  async verify({ verifier, signed, signature, claims }: PresentedToken): Promise<boolean> {
    return (await verifier(signed, signature)) && this.#accepts(parseObject(claims));
  }

  /** The header picks a key by `kid` and nothing else: the algorithm is configuration, never the token's choice. */
  #keyFor(header: Record<string, unknown> | undefined): Verifier | undefined {
    if (header === undefined || header["alg"] !== this.config.algorithm) return undefined;
    if (typeof header["kid"] !== "string" || Object.hasOwn(header, "crit")) return undefined;
    return this.keys.get(header["kid"]);
  }

  #accepts(claims: Record<string, unknown> | undefined): boolean {
    if (claims === undefined) return false;
    const { iss, aud, exp, nbf } = claims;
    const now_s = this.nowMs() / 1000;
    return (
      iss === this.config.issuer &&
      this.#isAudience(aud) &&
      Number.isFinite(exp) &&
      now_s < (exp as number) &&
      (nbf === undefined || (Number.isFinite(nbf) && now_s >= (nbf as number)))
    );
  }

  #isAudience(aud: unknown): boolean {
    if (!Array.isArray(aud)) return aud === this.config.audience;
    return aud.includes(this.config.audience) && aud.every((each) => typeof each === "string");
  }
}

/**
 * Strict base64url without padding. Buffer.from skips what it does not understand and ignores
 * unused trailing bits, but only the one canonical text comes back when its bytes are encoded again.
 */
export function decodeBase64Url(text: string): Buffer<ArrayBuffer> | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}

function parseObject(json: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(json));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

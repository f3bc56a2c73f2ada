import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authenticator, decodeBase64Url } from "../src/auth";
import { type AuthConfig, ConfigError } from "../src/config";
import { loadKeys } from "../src/keys";
import { type Key, makeKey, makeToken } from "./fixtures";

const CONFIG: AuthConfig = {
  algorithm: "ES256",
  keysFile: "",
  issuer: "issuer",
  audience: "audience",
  provider: "node-crypto",
};
const NOW_S = 1_800_000_000;
const CLAIMS = { iss: "issuer", aud: "audience", exp: NOW_S + 60 };

describe("base64url is strict", () => {
  test.each([
    ["", true],
    ["AQ", true],
    ["AQID", true],
    ["-_-_", true],
    ["A", false],
    ["AR", false],
    ["AQJ", false],
    ["AQ==", false],
    ["+/+/", false],
    ["AQ\n", false],
    [" AQ", false],
    ["AQID.", false],
    ["AQ,ID", false],
    ["ÄQID", false],
  ])("%j: %p", (text, accepted) => {
    expect(decodeBase64Url(text) !== undefined).toBe(accepted);
  });
});

/** Keys loaded from a real file, as the service does it. */
async function keysOf(set: unknown, config: Partial<AuthConfig> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "keys-"));
  const keysFile = join(folder, "jwks.json");
  writeFileSync(keysFile, typeof set === "string" ? set : JSON.stringify(set));
  try {
    return await loadKeys({ ...CONFIG, ...config, keysFile });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const key = makeKey("k1");

describe.each(["node-crypto", "webcrypto"] as const)("tokens with %s", async (provider) => {
  const keys = await keysOf({ keys: [key.jwk] }, { provider });
  const authenticator = new Authenticator(CONFIG, keys, () => NOW_S * 1000);
  const accepts = async (authorization: string | null): Promise<boolean> => {
    const token = authenticator.inspect(authorization);
    return token !== undefined && (await authenticator.verify(token));
  };
  const signed = (claims: object, header?: object, signer: Key = key) => `Bearer ${makeToken(signer, claims, header)}`;

  test.each<[string, object]>([
    ["one audience", CLAIMS],
    ["a list of audiences", { ...CLAIMS, aud: ["other", "audience"] }],
    ["valid by a fraction of a second", { ...CLAIMS, exp: NOW_S + 0.001 }],
    ["valid from this instant", { ...CLAIMS, nbf: NOW_S }],
  ])("accepted: %s", async (_name, claims) => expect(await accepts(signed(claims))).toBeTrue());

  test("accepted: the scheme in any case", async () => {
    expect(await accepts(signed(CLAIMS).replace("Bearer", "bEARER"))).toBeTrue();
  });

  test.each<[string, object]>([
    ["expired this instant", { ...CLAIMS, exp: NOW_S }],
    ["no expiry", { ...CLAIMS, exp: undefined }],
    ["expiry as text", { ...CLAIMS, exp: `${NOW_S + 60}` }],
    ["not valid yet", { ...CLAIMS, nbf: NOW_S + 0.001 }],
    ["not-before of null", { ...CLAIMS, nbf: null }],
    ["another issuer", { ...CLAIMS, iss: "Issuer" }],
    ["another audience", { ...CLAIMS, aud: "other" }],
    ["audience inside a list inside a list", { ...CLAIMS, aud: [["audience"]] }],
    ["claims that are a list", [CLAIMS]],
  ])("refused: %s", async (_name, claims) => expect(await accepts(signed(claims))).toBeFalse());

  test.each<[string, object]>([
    ["another algorithm", { alg: "HS256", kid: "k1" }],
    ["no algorithm", { alg: "none", kid: "k1" }],
    ["an unknown key", { alg: "ES256", kid: "k2" }],
    ["no key", { alg: "ES256" }],
    ["a critical extension", { alg: "ES256", kid: "k1", crit: [] }],
  ])("refused before any permit: %s", (_name, header) => {
    expect(authenticator.inspect(signed(CLAIMS, header))).toBeUndefined();
  });

  test("refused: another key under a known name", async () => {
    expect(await accepts(signed(CLAIMS, undefined, makeKey("k1")))).toBeFalse();
  });

  test("refused: every single bit of the signature flipped", async () => {
    const token = makeToken(key, CLAIMS);
    const end = token.lastIndexOf(".") + 1;
    const signature = Buffer.from(token.slice(end), "base64url");
    for (let bit = 0; bit < signature.length * 8; bit += 7) {
      const flipped = Buffer.from(signature);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(await accepts(`Bearer ${token.slice(0, end)}${flipped.toString("base64url")}`)).toBeFalse();
    }
  });

  test.each<[string, string | null]>([
    ["no header", null],
    ["nothing", ""],
    ["another scheme", "Basic YTpi"],
    ["no token", "Bearer "],
    ["two spaces", `Bearer  ${makeToken(key, CLAIMS)}`],
    ["two headers, joined", `Bearer ${makeToken(key, CLAIMS)}, Bearer ${makeToken(key, CLAIMS)}`],
    ["a fourth segment", `Bearer ${makeToken(key, CLAIMS)}.AQ`],
    ["too long", signed({ ...CLAIMS, filler: "x".repeat(8192) })],
  ])("refused before any permit: %s", (_name, header) => expect(authenticator.inspect(header)).toBeUndefined());
});

describe("keys", () => {
  const rsa = { kty: "RSA", kid: "r", n: "AQAB", e: "AQAB" };

  test("of another type, use or algorithm are left out", async () => {
    const set = [key.jwk, rsa, { ...key.jwk, kid: "enc", use: "enc" }, { ...key.jwk, kid: "es384", alg: "ES384" }];
    expect([...(await keysOf({ keys: set })).keys()]).toEqual(["k1"]);
  });

  test.each<[string, unknown]>([
    ["no JSON", "{"],
    ["no key set", { keys: 1 }],
    ["no usable key", { keys: [rsa, null, { ...key.jwk, kid: 7 }, { ...key.jwk, x: "AA" }] }],
  ])("refused: %s", (_name, set) => expect(keysOf(set)).rejects.toThrow(ConfigError));

  test("a missing file is a matter of configuration", () => {
    expect(loadKeys({ ...CONFIG, keysFile: "/nonexistent/jwks.json" })).rejects.toThrow(/^AUTH_KEYS_FILE: .*ENOENT/);
  });
});

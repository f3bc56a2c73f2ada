import { describe, expect, test } from "bun:test";
import { ConfigError, type Environment, readConfig } from "../src/config";
import { divide } from "../src/instance";

const COMPLETE: Environment = {
  ROUTES_FILE: "routes.json",
  AUTH_KEYS_FILE: "jwks.json",
  AUTH_ISSUER: "issuer",
  AUTH_AUDIENCE: "audience",
};

describe("defaults", () => {
  test("stand where nothing is set, and an empty variable counts as unset", () => {
    expect(readConfig({ ...COMPLETE, PORT: "", AUTH_MAX_CONCURRENT: "" })).toMatchObject({
      bind: "127.0.0.1",
      port: 8080,
      permits: 50,
      permitScope: "check",
      acquireTimeoutMs: 1000,
      lookupDelayMs: 0,
      backendDelayMs: 0,
      poolSize: 16,
      poolAcquireTimeoutMs: 1000,
      maxBodyBytes: 65_536,
      auth: { algorithm: "ES256", provider: "node-crypto" },
    });
  });

  test("without authentication only the routing table is required", () => {
    expect(readConfig({ ROUTES_FILE: "r", AUTH_ALGORITHM: "none" }).auth).toBeUndefined();
  });
});

describe("a bad value is refused by name", () => {
  test.each([
    ["PORT", "65536"],
    ["PORT", "-1"],
    ["PORT", "80a"],
    ["PORT", " 80"],
    ["PORT", "1e3"],
    ["CPUS", "0"],
    ["CPUS", "1.5"],
    ["BIND", "not-an-address"],
    ["AUTH_ALGORITHM", "HS256"],
    ["AUTH_ALGORITHM", "es256"],
    ["AUTH_MAX_CONCURRENT", "0"],
    ["AUTH_PERMIT_SCOPE", "both"],
    ["AUTH_ACQUIRE_TIMEOUT_MS", "-1"],
    ["AUTH_LOOKUP_DELAY_MS", "99999999999"],
    ["BACKEND_DELAY_MS", "soon"],
    ["BACKEND_POOL_SIZE", "0"],
    ["BACKEND_ACQUIRE_TIMEOUT_MS", "-5"],
    ["MAX_BODY_BYTES", "0"],
    ["JWT_PROVIDER", "jose"],
  ])("%s=%s", (variable, value) => {
    const read = () => readConfig({ ...COMPLETE, [variable]: value });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(new RegExp(`^${variable}: ${JSON.stringify(value)} [^\n]+$`));
  });

  test.each(["ROUTES_FILE", "AUTH_KEYS_FILE", "AUTH_ISSUER", "AUTH_AUDIENCE"])("%s missing", (variable) => {
    expect(() => readConfig({ ...COMPLETE, [variable]: undefined })).toThrow(`${variable}: "" is required`);
  });
});

describe("processes divide permits and pool", () => {
  const sum = (numbers: number[]) => numbers.reduce((total, each) => total + each, 0);

  test.each([
    [1, 50, 16, 1],
    [2, 50, 16, 2],
    [3, 50, 16, 3],
    [8, 3, 16, 3],
    [8, 50, 2, 2],
    [4, 1, 1, 1],
  ])("%i cores, %i permits, pool of %i: %i processes", (cpus, permits, poolSize, processes) => {
    const shares = divide({ cpus, permits, poolSize });
    expect(shares).toHaveLength(processes);
    expect(sum(shares.map((share) => share.permits))).toBe(permits);
    expect(sum(shares.map((share) => share.poolSize))).toBe(poolSize);
    for (const share of shares) expect(Math.min(share.permits, share.poolSize)).toBeGreaterThan(0);
  });
});

import { isIP } from "node:net";
import { availableParallelism } from "node:os";

/** Bad configuration: the message is one line that names the variable and the value. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(variable: string, value: string, expected: string) {
    super(`${variable}: ${JSON.stringify(value)} ${expected}`);
  }
}

export type Algorithm = "ES256" | "RS256";
export type JwtProvider = "node-crypto" | "webcrypto";
export type PermitScope = "check" | "request";

export interface AuthConfig {
  readonly algorithm: Algorithm;
  readonly keysFile: string;
  readonly issuer: string;
  readonly audience: string;
  readonly provider: JwtProvider;
}

export interface Config {
  readonly bind: string;
  readonly port: number;
  readonly cpus: number;
  readonly routesFile: string;
  /** Absent when `AUTH_ALGORITHM` is `none`. */
  readonly auth: AuthConfig | undefined;
  /** Permits and pool size are the whole service's; processes divide them. */
  readonly permits: number;
  readonly permitScope: PermitScope;
  readonly acquireTimeoutMs: number;
  readonly lookupDelayMs: number;
  readonly backendDelayMs: number;
  readonly poolSize: number;
  readonly poolAcquireTimeoutMs: number;
  readonly maxBodyBytes: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The longest wait a JavaScript timer can hold. */
const MAX_WAIT_MS = 2 ** 31 - 1;
const MAX_COUNT = 1_000_000;

/**
 * Reads the whole configuration from environment variables; an empty one counts as unset.
 *
 * @throws ConfigError for the first bad or missing value
 */
export function readConfig(env: Environment): Config {
  const read = reader(env);
  return {
    bind: read.address("BIND", "127.0.0.1"),
    port: read.integer("PORT", 8080, 0, 65_535),
    cpus: read.integer("CPUS", availableParallelism(), 1, 1024),
    routesFile: read.required("ROUTES_FILE"),
    auth: readAuth(env),
    permits: read.integer("AUTH_MAX_CONCURRENT", 50, 1, MAX_COUNT),
    permitScope: read.choice("AUTH_PERMIT_SCOPE", "check", ["check", "request"]),
    acquireTimeoutMs: read.integer("AUTH_ACQUIRE_TIMEOUT_MS", 1000, 0, MAX_WAIT_MS),
    lookupDelayMs: read.integer("AUTH_LOOKUP_DELAY_MS", 0, 0, MAX_WAIT_MS),
    backendDelayMs: read.integer("BACKEND_DELAY_MS", 0, 0, MAX_WAIT_MS),
    poolSize: read.integer("BACKEND_POOL_SIZE", 16, 1, MAX_COUNT),
    poolAcquireTimeoutMs: read.integer("BACKEND_ACQUIRE_TIMEOUT_MS", 1000, 0, MAX_WAIT_MS),
    maxBodyBytes: read.integer("MAX_BODY_BYTES", 65_536, 1, 2 ** 31 - 1),
  };
}

function readAuth(env: Environment): AuthConfig | undefined {
  const read = reader(env);
  const algorithm = read.choice("AUTH_ALGORITHM", "ES256", ["ES256", "RS256", "none"]);
  const provider = read.choice("JWT_PROVIDER", "node-crypto", ["node-crypto", "webcrypto"]);
  if (algorithm === "none") return undefined;
  return {
    algorithm,
    provider,
    keysFile: read.required("AUTH_KEYS_FILE"),
    issuer: read.required("AUTH_ISSUER"),
    audience: read.required("AUTH_AUDIENCE"),
  };
}

/** One reader per kind of value; all of them treat an empty variable as unset. */
function reader(env: Environment) {
  const text = (variable: string): string | undefined => env[variable] || undefined;

  return {
    required(variable: string): string {
      const value = text(variable);
      if (value === undefined) throw new ConfigError(variable, "", "is required");
      return value;
    },

    integer(variable: string, fallback: number, least: number, most: number): number {
      const value = text(variable);
      if (value === undefined) return fallback;
      const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
      if (number >= least && number <= most) return number;
      throw new ConfigError(variable, value, `is not an integer from ${least} to ${most}`);
    },

    choice<const T extends string>(variable: string, fallback: T, choices: readonly T[]): T {
      const value = text(variable);
      if (value === undefined) return fallback;
      const chosen = choices.find((choice) => choice === value);
      if (chosen !== undefined) return chosen;
      throw new ConfigError(variable, value, `is not one of ${choices.join(", ")}`);
    },

    address(variable: string, fallback: string): string {
      const value = text(variable) ?? fallback;
      if (value === "localhost" || isIP(value) !== 0) return value;
      throw new ConfigError(variable, value, "is not an IP address");
    },
  };
}
